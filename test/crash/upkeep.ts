/**
 * Upkeep that is killed: processes that write contents and look after them are killed at random
 * moments, again and again. Afterwards every commit that was acknowledged is there, every content
 * of every commit reads as it was written, and verification finds nothing.
 */
import { spawn } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Regalia, type RegaliaOptions } from '../../src/index.js';
import { bare } from '../bare.js';
import { noise } from '../chunks/setup.js';
import type { Dice } from '../model/dice.js';

const CHILD = fileURLToPath(new URL('./upkeep-child.js', import.meta.url));

export const OPTIONS = {
  default: {
    inlineMax: 64,
    chunking: { kind: 'fixed', bytes: 16_384 },
    redundancy: { kind: 'coded', data: 2, parity: 1, from: 60_000 },
  },
  workers: 0,
  // It survives the process.
  durability: 'none',
} as const satisfies RegaliaOptions;

export function keyOf(name: string, number: number): string {
  return `/${name}/${number % 12}`;
}

export function contentOf(name: string, number: number): Uint8Array {
  const mixed = (number * 7_919) % 150_000;
  return noise(100 + mixed, name.charCodeAt(0) * 100_000 + number);
}

export interface Kills {
  readonly rounds: number;
  readonly acknowledged: number;
  /** What is wrong, if anything is. */
  readonly wrong: string | undefined;
}

/** A store with four volumes, in a folder. */
export async function makeStore(folder: string): Promise<void> {
  const store = await Regalia.open(path.join(folder, 'store'), OPTIONS);
  for (const name of ['v2', 'v3', 'v4']) await store.addVolume(path.join(folder, name));
  await store.close();
}

/** Runs a keeper and a writer so many times, kills both, and looks at what is left. */
export async function killUpkeep(folder: string, rounds: number, dice: Dice): Promise<Kills> {
  const acknowledged = new Map<string, number>();
  let sum = 0;
  for (let round = 0; round < rounds; round++) {
    const killing = ['keeper', 'writer'].map(async (role) => {
      const name = role.slice(0, 1);
      // Numbers that were begun and not acknowledged are skipped.
      const first = (acknowledged.get(name) ?? 0) + 50;
      const delayMs = 100 + dice.below(900);
      const args = [folder, name, `${first}`, `${dice.below(2 ** 31)}`, role];
      const run = await runAndKill(args, delayMs);
      return { name, ...run };
    });
    for (const { name, numbers, complaint } of await Promise.all(killing)) {
      if (complaint !== '') {
        const after = await whatIsWrong(folder, acknowledged);
        return { rounds: round, acknowledged: sum, wrong: `${complaint} and then: ${after}` };
      }
      sum += numbers.length;
      acknowledged.set(name, Math.max(acknowledged.get(name) ?? 0, ...numbers));
      for (const number of numbers) acknowledged.set(`${name} ${number}`, number);
    }
    const wrong = await whatIsWrong(folder, acknowledged);
    if (wrong !== undefined) return { rounds: round, acknowledged: sum, wrong };
  }
  return { rounds, acknowledged: sum, wrong: undefined };
}

function runAndKill(
  args: readonly string[],
  delayMs: number,
): Promise<{ numbers: number[]; complaint: string }> {
  return new Promise((resolve) => {
    const child = spawn(...bare(process.execPath, CHILD, ...args));
    let output = '';
    let complaint = '';
    let killed = false;
    child.stderr.on('data', (data: Buffer) => {
      complaint += data.toString();
    });
    child.stdout.on('data', (data: Buffer) => {
      if (output === '') {
        setTimeout(() => {
          killed = true;
          child.kill('SIGKILL');
        }, delayMs);
      }
      output += data.toString();
    });
    child.on('close', (code) => {
      const lines = output.split('\n').slice(0, -1);
      const ended = killed || complaint !== '' ? '' : `it ended with ${code}`;
      const numbers = lines.map(Number).filter((number) => Number.isInteger(number));
      resolve({ numbers, complaint: complaint + ended });
    });
  });
}

async function whatIsWrong(
  folder: string,
  acknowledged: ReadonlyMap<string, number>,
): Promise<string | undefined> {
  const store = await Regalia.open(path.join(folder, 'store'), OPTIONS);
  try {
    const found = new Set<string>();
    for (const { commit, message } of store.log()) {
      const [name = '', number = ''] = message.split(' ');
      if (!/^\d+$/.test(number)) continue;
      found.add(message);
      const expected = contentOf(name, Number(number));
      const stream = store.snapshot(commit).get(keyOf(name, Number(number)), 'content');
      const bytes = await stream?.bytes();
      if (bytes === undefined || Buffer.compare(bytes, expected) !== 0) return `${message} is lost`;
    }
    for (const message of acknowledged.keys()) {
      if (message.includes(' ') && !found.has(message)) return `commit ${message} is not there`;
    }
    for await (const row of store.verify()) {
      if (row.kind !== 'summary') return `verify: ${row.kind}: ${row.what}`;
    }
    return undefined;
  } finally {
    await store.close();
  }
}
