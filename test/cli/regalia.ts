/** The command with its real verbs, run within the test, and folders for it to work on. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import type { Test } from 'tap';
import { runCommand } from '../../src/cli/command.js';
import { VERBS } from '../../src/cli/verbs.js';

export interface Ran {
  readonly exit: number;
  readonly out: string;
  readonly bytes: Buffer;
  readonly err: string;
  /** What `--json` printed. */
  readonly rows: Row[];
}

// biome-ignore lint/suspicious/noExplicitAny: rows are JSON, and each test knows which
export type Row = Record<string, any>;

/** Runs `regalia ARGS`. */
export async function regalia(args: readonly string[], input: string | Buffer = ''): Promise<Ran> {
  const output = new PassThrough({ highWaterMark: 1 << 30 });
  let err = '';
  const exit = await runCommand(args, VERBS, {
    input: Readable.from([Buffer.from(input)]),
    output,
    terminal: { write: (text) => (err += text) },
    signal: new AbortController().signal,
    version: '0.0.0',
    clock: () => performance.now(),
  });
  const bytes = (output.read() as Buffer | null) ?? Buffer.alloc(0);
  const out = String(bytes);
  const lines = args.includes('--json') ? out.split('\n').filter((line) => line !== '') : [];
  return { exit, out, bytes, err, rows: lines.map((line) => JSON.parse(line) as Row) };
}

/** Runs it and fails the test unless the exit code is 0; gives what `--json` prints. */
export async function rowsOf(t: Test, ...args: string[]): Promise<Row[]> {
  const { exit, err, rows } = await regalia([...args, '--json']);
  t.equal(exit, 0, `${args.join(' ')}: ${err}`);
  return rows;
}

/** A folder of its own, gone after the test. */
export function scratch(t: Test): string {
  const dir = mkdtempSync(join(tmpdir(), 'regalia-cli-'));
  t.teardown(() => rmSync(dir, { recursive: true, force: true }));
  mkdirSync(join(dir, 'tree'));
  return dir;
}

/** A store with three entries, a tag and a branch. */
export async function smallStore(t: Test): Promise<{ dir: string; store: string }> {
  const dir = scratch(t);
  const store = join(dir, 'store');
  await rowsOf(t, 'init', store);
  for (const [key, text] of Object.entries({ '/a/x': 'one', '/a/y': 'two', '/b': 'three' })) {
    const { exit, err } = await regalia(['put', store, key, 'note'], text);
    t.equal(exit, 0, err);
  }
  await rowsOf(t, 'tag', store, 'v1');
  await rowsOf(t, 'fork', store, 'draft');
  return { dir, store };
}
