/** Runs lmdb-child.ts in a process of its own, and reads the lines of JSON that it prints. */
import { execFile, execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { bare } from '../bare.js';

export const CHILD: string = fileURLToPath(new URL('./lmdb-child.js', import.meta.url));

export interface Run<Line> {
  readonly lines: Line[];
  readonly code: number;
  readonly signal: string | null;
  readonly stderr: string;
}

/** Runs a verb of the child; `under` is a command that the child runs under, such as strace. */
export function run<Line = unknown>(
  args: readonly string[],
  under: readonly string[] = [],
): Promise<Run<Line>> {
  const [program = '', ...rest] = [...under, process.execPath, CHILD, ...args];
  return new Promise((resolve) => {
    execFile(...bare(program, ...rest), { timeout: 25_000 }, (error, stdout, stderr) => {
      const lines = stdout
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line) as Line);
      const code = typeof error?.code === 'number' ? error.code : 0;
      resolve({ lines, code, signal: error?.signal ?? null, stderr });
    });
  });
}

/** Whether a command is here, and may be used. */
export function works(command: string, ...args: string[]): boolean {
  try {
    execFileSync(command, args, { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
