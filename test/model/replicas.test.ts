/**
 * Replicas that are edited apart, exchange packs and merge: each merge is what a flat model makes
 * of it, and in the end all have the same head, by the same commits, without a fault.
 */
import fs from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { Dice } from './dice.js';
import { Flock } from './flock.js';

const RUNS = Number(process.env['REGALIA_FLOCK_RUNS'] ?? 6);
const STEPS = 20;
const folder = t.testdir();
let merges = 0;
let conflicts = 0;

async function history(seed: number): Promise<void> {
  const dice = new Dice(seed);
  const place = path.join(folder, `flock-${seed}`);
  fs.rmSync(place, { recursive: true, force: true });
  const flock = await Flock.start(place, 2 + dice.below(2), dice);
  try {
    for (let i = 0; i < STEPS; i++) {
      const store = dice.pick(flock.stores);
      const choice = dice.below(10);
      if (choice < 6) await flock.edit(store);
      else if (choice < 7) await flock.detour(store);
      else {
        const other = dice.pick(flock.stores);
        if (other !== store) await flock.send(store, other);
      }
    }
    await flock.converge();
    merges += flock.merges;
    conflicts += flock.conflicts;
  } finally {
    await flock.close();
    fs.rmSync(place, { recursive: true, force: true });
  }
}

t.setTimeout(300_000);

t.test('replicas that exchange packs and merge come to one head', async (t) => {
  await fc.assert(fc.asyncProperty(fc.integer(), history), { numRuns: RUNS, endOnFailure: true });
  t.comment(`${merges} merges, ${conflicts} conflicts resolved`);
  t.ok(merges > RUNS && conflicts > 0, 'there was something to merge');
});
