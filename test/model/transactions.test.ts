/**
 * Random histories against the model: transactions of every kind of edit, buckets, forks and
 * restores, over two stores at once. After each step the state, the logs and the roots are
 * compared; in the end, all of the past.
 */
import fc from 'fast-check';
import t from 'tap';
import { Dice } from './dice.js';
import { Lab, Roots } from './lab.js';

const RUNS = Number(process.env['REGALIA_MODEL_RUNS'] ?? 10);
const STEPS = 30;

async function history(seed: number): Promise<void> {
  const dice = new Dice(seed);
  const roots = new Roots();
  const labs = [await Lab.start(dice, roots), await Lab.start(dice, roots)];
  for (let i = 0; i < STEPS; i++) {
    const lab = dice.pick(labs);
    const line = lab.anyLine();
    const choice = dice.below(20);
    if (choice < 12) await lab.edit(line);
    else if (choice < 15) await lab.editWithin(line);
    else if (choice < 17) await lab.bulk(line);
    else if (choice < 18) await lab.restore(line);
    else if (lab.lines.size < 4) await lab.fork(line);
  }
  for (const lab of labs) {
    for (const line of lab.lines.values()) await lab.checkPast(line);
    await lab.checkFaultless();
    await lab.store.close();
  }
}

t.setTimeout(300_000);

t.test('random histories equal the model at every step', async (t) => {
  await fc.assert(fc.asyncProperty(fc.integer(), history), { numRuns: RUNS, endOnFailure: true });
  t.pass(`${RUNS} histories of ${STEPS} steps`);
});
