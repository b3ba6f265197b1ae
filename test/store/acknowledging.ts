/** Processes that commit beside each other to one store, and what they were told. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Regalia } from '../../src/index.js';
import { textAt } from './setup.js';

const child = fileURLToPath(new URL('./acknowledging-child.js', import.meta.url));
const run = promisify(execFile);

export interface Report {
  /** How often bodies of transactions ran. */
  readonly bodies: number;
  /** Keys and texts that were acknowledged, with a space between. */
  readonly acknowledged: readonly string[];
}

/** Each process does that much at once with the others: see acknowledging-child.ts. */
export function acknowledgedBy(
  folder: string,
  processes: number,
  verb: 'count' | 'put' | 'mix',
  count: number,
): Promise<Report[]> {
  const reports = Array.from({ length: processes }, async (_, i): Promise<Report> => {
    const words = [child, folder, verb, `${i}`, `${Math.floor(count)}`];
    const { stdout } = await run(process.execPath, words, { maxBuffer: 2 ** 28 });
    return JSON.parse(stdout);
  });
  return Promise.all(reports);
}

/** What was acknowledged and is not there. */
export async function lostOf(folder: string, acknowledged: readonly string[]): Promise<string[]> {
  await using store = await Regalia.open(folder);
  const snapshot = store.snapshot();
  return acknowledged.filter((row) => {
    const [key = '', text] = row.split(' ');
    return textAt(snapshot, key) !== text;
  });
}
