/**
 * Processes that write to one data file all at once, round after round, while another opens and
 * closes it: see contention-child.ts.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bare } from '../bare.js';
import type { Dice } from '../model/dice.js';

const CHILD = fileURLToPath(new URL('./contention-child.js', import.meta.url));
/** In memory there are many more commits to a second. */
const MEMORY = '/dev/shm';
const ROUNDS = 12;

/**
 * Runs so many writers until the time is over, half of the rounds to be killed. Returns the first
 * complaint.
 */
export async function contend(
  folder: string,
  writers: number,
  seconds: number,
  dice: Dice,
): Promise<{ rounds: number; complaint: string }> {
  const until = performance.now() + seconds * 1_000;
  const place = mkdtempSync(join(existsSync(MEMORY) ? MEMORY : folder, 'contention-'));
  let rounds = 0;
  let complaint = '';
  try {
    for (; performance.now() < until && complaint === ''; rounds++) {
      // A file that has grown large has pages enough.
      const file = join(place, `${Math.floor(rounds / ROUNDS)}`);
      const killed = dice.chance(0.5);
      const roles = ['opener', ...Array.from({ length: writers }, () => 'writer')];
      const lives = roles.map((role) => live(file, role, killed, dice));
      complaint = (await Promise.all(lives)).join('');
    }
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
  return { rounds, complaint };
}

function live(file: string, role: string, killed: boolean, dice: Dice): Promise<string> {
  const lifeMs = 100 + dice.below(900);
  const args = [file, `${dice.below(2 ** 31)}`, `${killed ? 60_000 : lifeMs}`, role];
  return new Promise((resolve) => {
    const child = spawn(...bare(process.execPath, CHILD, ...args));
    let complaint = '';
    child.stderr.on('data', (data: Buffer) => {
      complaint += data.toString();
    });
    child.stdout.once('data', () => {
      if (killed) setTimeout(() => child.kill('SIGKILL'), lifeMs);
    });
    child.on('close', (code, signal) => {
      const expected = killed ? signal === 'SIGKILL' : code === 0;
      resolve(expected ? complaint : `${complaint}it ended with ${code ?? signal}\n`);
    });
  });
}
