/**
 * Power cuts by the ten thousand: longer runs, each judged in many more of the states that it may
 * leave.
 */
import path from 'node:path';
import t from 'tap';
import { Dice } from '../model/dice.js';
import { judge, recordRun } from './cuts.js';
import { copyStore, template, traces } from './runner.js';

const STATES = Number(process.env['REGALIA_CUT_STATES'] ?? 10_000);
const folder = t.testdir();
t.setTimeout(3_600_000);

t.test('power cuts, many', { skip: !traces() && 'needs strace' }, async (t) => {
  const from = await template(folder);
  const seed = Number(process.env['REGALIA_SEED'] ?? Date.now() % 1_000_000);
  const dice = new Dice(seed);
  for (const durability of ['sync', 'group', 'none', 'mix']) {
    const place = path.join(folder, `run-${durability}`);
    copyStore(from, place);
    const run = await recordRun(from, place, [durability, '30', 'pause']);
    const options = { durable: durability !== 'none', ahead: durability === 'mix' ? 3 : 1 };
    const { first, ...counts } = await judge(run, STATES, folder, dice, options);
    const text = `${durability}: ${JSON.stringify(counts)} seed ${seed} ${first ?? ''}`;
    t.comment(text);
    t.equal(counts.lost + counts.wrong + counts.deaths + counts.faults, 0, text);
  }
});
