/**
 * Running the children: the writer under strace, the reader over many folders, begun again where it
 * died of one.
 */
import { execFile, execFileSync, spawn } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Regalia } from '../../src/index.js';
import { bare } from '../bare.js';
import { prepare } from './plan.js';
import type { Finding } from './reader-child.js';

const WRITER = fileURLToPath(new URL('./writer-child.js', import.meta.url));
const READER = fileURLToPath(new URL('./reader-child.js', import.meta.url));
const RUN_MS_MAX = 30_000;
const READ_MS_MAX = 120_000;

export const GENERATION = 'gen-000001';
export const DATA = path.join(GENERATION, 'data.mdb');
/** The one volume of a store. */
export const VOLUME = path.join('volumes', '1');

const environment = { ...process.env, UV_THREADPOOL_SIZE: '1' };

export function traces(): boolean {
  try {
    execFileSync('strace', ['-o', '/dev/null', 'true'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** A store as `prepare` makes it, closed. */
export async function template(folder: string): Promise<string> {
  const place = path.join(folder, 'template');
  const store = await Regalia.open(place);
  await prepare(store);
  await store.close();
  rmSync(path.join(place, GENERATION, 'lock.mdb'), { force: true });
  return place;
}

export function copyStore(from: string, to: string): void {
  rmSync(to, { recursive: true, force: true });
  cpSync(from, to, { recursive: true });
}

/** A store with these files in the place of its own, by their paths within it. */
export function layStore(from: string, to: string, files: ReadonlyMap<string, Uint8Array>): void {
  mkdirSync(path.join(to, GENERATION), { recursive: true });
  for (const name of ['CURRENT', 'WITNESS']) cpSync(path.join(from, name), path.join(to, name));
  cpSync(path.join(from, VOLUME), path.join(to, VOLUME), { recursive: true });
  for (const [name, bytes] of files) writeFileSync(path.join(to, name), bytes);
}

/** The segments of a store, by their paths within it. */
export function segmentsOf(store: string): string[] {
  const names = readdirSync(path.join(store, VOLUME)).filter((name) => name.startsWith('seg-'));
  return names.map((name) => path.join(VOLUME, name));
}

export interface WriterRun {
  /** The last commit that was acknowledged. */
  readonly acknowledged: number;
  /** What the writer said of its failure. */
  readonly failed: string | undefined;
  readonly ended: boolean;
}

/** Runs the writer, under `strace` with these arguments if there are any. */
export function runWriter(
  args: readonly string[],
  tracing: readonly string[] = [],
): Promise<WriterRun> {
  const [program, before] =
    tracing.length === 0 ? [process.execPath, []] : ['strace', [...tracing, process.execPath]];
  return new Promise((resolve) => {
    const options = { timeout: RUN_MS_MAX, env: environment, killSignal: 'SIGKILL' } as const;
    execFile(...bare(program, ...before, WRITER, ...args), options, (_error, stdout) => {
      const lines = stdout.split('\n').filter(Boolean);
      const numbers = lines.map(Number).filter((number) => Number.isInteger(number));
      resolve({
        acknowledged: numbers.at(-1) ?? 0,
        failed: lines.find((line) => line.startsWith('failed')),
        ended: lines.includes('ended'),
      });
    });
  });
}

/** Runs the writer with its calls recorded. */
export async function record(
  folder: string,
  args: readonly string[],
  calls: string,
): Promise<string> {
  const trace = `${folder}.trace`;
  await runWriter(
    [folder, ...args],
    ['-f', '-xx', '-s', '5000000', '-o', trace, '-e', `trace=${calls}`],
  );
  const text = readFileSync(trace, 'latin1');
  rmSync(trace);
  return text;
}

/** What the reader found in each folder; `died` where it did not survive one. */
export type Found = Finding & { readonly died?: string };

export async function read(folders: readonly string[], mode: 'read' | 'write'): Promise<Found[]> {
  const findings: Found[] = [];
  while (findings.length < folders.length) {
    const rest = folders.slice(findings.length);
    const { lines, signal } = await readSome(rest, mode);
    findings.push(...lines);
    const next = rest[lines.length];
    if (next !== undefined) findings.push({ folder: next, died: signal });
  }
  return findings;
}

function readSome(
  folders: readonly string[],
  mode: string,
): Promise<{ lines: Finding[]; signal: string }> {
  return new Promise((resolve) => {
    const child = spawn(...bare(process.execPath, READER), {
      env: environment,
      timeout: READ_MS_MAX,
    });
    let text = '';
    let complaints = '';
    child.stdout.on('data', (data) => {
      text += data;
    });
    child.stderr.on('data', (data) => {
      complaints += data;
    });
    child.stdin.on('error', () => {});
    child.on('close', (code, signal) => {
      const lines = text.split('\n').filter(Boolean);
      const findings = lines.map((line) => JSON.parse(line) as Finding);
      resolve({ lines: findings, signal: signal ?? `exit ${code} ${complaints.slice(0, 500)}` });
    });
    child.stdin.end(folders.map((folder) => `${folder} ${mode}\n`).join(''));
  });
}

/** Runs jobs, so many at a time. */
export async function inParallel<T, R>(
  jobs: readonly T[],
  width: number,
  run: (job: T, index: number) => Promise<R>,
): Promise<R[]> {
  const results: R[] = new Array(jobs.length);
  let next = 0;
  const lanes = Array.from({ length: width }, async () => {
    while (next < jobs.length) {
      const index = next++;
      results[index] = await run(jobs[index] as T, index);
    }
  });
  await Promise.all(lanes);
  return results;
}
