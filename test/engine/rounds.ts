/**
 * What is tried many times over: a few rounds in the quick suite, all of them in the slow one
 * (lmdb-rounds.slow.test.ts).
 */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type t from 'tap';
import type { Durability } from '../../src/engine/engine.js';
import { openLmdb } from '../../src/engine/lmdb.js';
import { bare } from '../bare.js';
import { CHILD, run } from './child.js';

/** Commits that go into the tables at once, before there is a log. */
const BEFORE_LOG = 5;

type Checks = Pick<typeof t, 'ok' | 'equal'>;

/** Two processes that append to one file, so many commits each, in any order. */
export async function appendByTurns(t: Checks, path: string, commits: number): Promise<void> {
  await (await openLmdb(path)).close();
  const append = (durability: Durability) =>
    run<number>(['append', path, durability, `${commits}`]);
  const runs = await Promise.all([append('none'), append('group')]);
  const sums = runs.flatMap((run) => run.lines);
  t.equal(new Set(sums).size, 2 * commits);
  t.equal(Math.max(...sums), 2 * commits);
}

/** A process that is killed while it appends, and the next one that goes on, so many times. */
export async function killWhileAppending(
  t: Checks,
  path: string,
  durability: Durability,
  rounds: number,
): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    const last = await killAfter(path, durability, 20 + round * 37);
    const engine = await openLmdb(path);
    const sum = engine.get('meta', Uint8Array.of(1))?.length ?? 0;
    t.ok(sum >= last, `acknowledged ${last}, found ${sum}`);
    t.equal(engine.count('addressLog'), sum, 'a commit is whole');
    const mark = Uint8Array.of(round);
    await engine.write((batch) => batch.put('heads', mark, mark), durability);
    await engine.close();
  }
}

/** Kills the appending child after so many acknowledgements; resolves with the last one seen. */
function killAfter(path: string, durability: string, count: number): Promise<number> {
  return new Promise((resolve) => {
    const child = spawn(...bare(process.execPath, CHILD, 'append', path, durability, '1000'));
    let output = '';
    child.stdout.on('data', (data: Buffer) => {
      output += data.toString();
      if (output.split('\n').length > count) child.kill('SIGKILL');
    });
    child.on('close', () => {
      const lines = output.split('\n').slice(0, -1).map(Number);
      resolve(lines[lines.length - 1] ?? 0);
    });
  });
}

/** That each acknowledgement follows the flush that it is about, by the system calls. */
export async function traceFlushes(
  t: Checks,
  folder: string,
  durability: Durability,
  commits: number,
): Promise<void> {
  const path = join(folder, `traced-${durability}`);
  await (await openLmdb(path)).close();
  const trace = join(folder, `trace-${durability}`);
  const calls = 'trace=openat,fdatasync,pwrite64,write';
  const under = ['strace', '-f', '-o', trace, '-e', calls, '-s', '8'];
  const { lines } = await run(['append', path, durability, `${commits}`], under);
  t.equal(lines.length, commits);
  const [flushes, metas] = flushesBefore(readFileSync(trace, 'latin1'));
  t.equal(flushes.length, commits, 'all acknowledgements are in the trace');
  const early = flushes.slice(0, BEFORE_LOG);
  t.ok(Math.min(...early) >= 1, `${durability}: pages are flushed before each acknowledgement`);
  t.ok(Math.max(...early.slice(1, -1)) <= 1, 'once');
  const expected = durability === 'none' ? 0 : 1;
  t.ok(
    metas.slice(0, BEFORE_LOG - 2).every((count) => count === expected),
    `and the meta page is written through ${expected} times`,
  );
  const late = flushes.slice(BEFORE_LOG);
  t.ok(
    late.every((count) => count === expected),
    `then the log is flushed ${expected} times: ${late.join()}`,
  );
  t.ok(
    metas.slice(BEFORE_LOG).every((count) => count === 0),
    'and no meta page is written',
  );
}

/**
 * How often, before each line of output, the file was flushed, and its meta page written through.
 */
function flushesBefore(trace: string): [number[], number[]] {
  const through = /O_DSYNC.* = (\d+)$/m.exec(trace)?.[1] ?? 'none';
  const parts = trace.split(/^.* write\(1, "\d.*$/m);
  const flushes = parts.map((part) => part.split('fdatasync(').length - 1);
  const metas = parts.map((part) => part.split(`pwrite64(${through},`).length - 1);
  // The first part has the opening in it, the last the end of the process.
  return [flushes.slice(0, -1), metas.slice(1, -1)];
}
