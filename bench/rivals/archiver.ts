/**
 * What restic and borg have in common for a bench: a repository in a folder, trees taken in version
 * after version, files written to standard output. Each call is one process, started and ended
 * within the clock, as both tools are used.
 *
 * Their caches lie beside the repository, so that a run leaves nothing in the user's home and
 * begins with none.
 */
import { spawnSync } from 'node:child_process';
import { childrenCpuMs, type Took } from '../harness/counted.js';
import { leaveOut } from './load.js';

export interface Archiver {
  readonly name: string;
  /** What it keeps: its stored size counts. */
  readonly repository: string;
  /** Takes in the whole tree as another version. */
  ingest(tree: string): Took;
  /** Writes a file of the newest version's tree, by its name in it, to nowhere. */
  dump(tree: string, name: string): Took;
}

export interface Tool {
  readonly command: string;
  readonly environment: Readonly<Record<string, string>>;
}

/** Runs to the end; throws with the last line of its complaint. */
export function run(tool: Tool, parameters: readonly string[], folder?: string): Took {
  const start = performance.now();
  const before = childrenCpuMs();
  const { status, error, stderr } = spawnSync(tool.command, parameters, {
    cwd: folder,
    env: { ...process.env, ...tool.environment },
    stdio: ['ignore', 'ignore', 'pipe'],
    maxBuffer: 2 ** 26,
  });
  const ms = performance.now() - start;
  const after = childrenCpuMs();
  if (error !== undefined) throw error;
  if (status !== 0) {
    const complaint = stderr.toString().trim().split('\n').at(-1);
    throw new Error(`${tool.command} ${parameters[0]} ended with ${status}: ${complaint}`);
  }
  const counted = before !== undefined && after !== undefined;
  return { ms, cpuMs: counted ? after - before : undefined };
}

/** Whether the tool is there and answers; says so where it does not. */
export function answers(command: string, parameters: readonly string[]): boolean {
  const { status, error } = spawnSync(command, parameters, { stdio: 'ignore' });
  if (status === 0) return true;
  const reason = error?.message ?? `it ended with ${status}`;
  leaveOut(command, `${reason} (bench/rivals/setup.sh installs it)`);
  return false;
}
