/** A few kills of upkeep: see upkeep.ts. */
import t from 'tap';
import { Dice } from '../model/dice.js';
import { killUpkeep, makeStore } from './upkeep.js';

t.test('upkeep is killed', async (t) => {
  const folder = t.testdir();
  const seed = Date.now() % 1_000_000;
  await makeStore(folder);
  const { rounds, acknowledged, wrong } = await killUpkeep(folder, 3, new Dice(seed));
  const text = `${rounds} rounds, ${acknowledged} commits acknowledged, seed ${seed}`;
  t.comment(text);
  t.equal(wrong, undefined, text);
  t.ok(acknowledged > 0, 'something was acknowledged');
});
