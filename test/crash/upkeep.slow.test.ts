/** Many kills of upkeep: see upkeep.ts. */
import t from 'tap';
import { Dice } from '../model/dice.js';
import { killUpkeep, makeStore } from './upkeep.js';

t.test('upkeep is killed again and again', async (t) => {
  const root = t.testdir({});
  const seed = Date.now() % 1_000_000;
  const dice = new Dice(seed);
  for (let store = 0; store < 6; store++) {
    const folder = `${root}/${store}`;
    await makeStore(folder);
    const { rounds, acknowledged, wrong } = await killUpkeep(folder, 10, dice);
    const counts = `${rounds} rounds, ${acknowledged} commits acknowledged`;
    const text = `store ${store}: ${counts}, seed ${seed}`;
    t.comment(text);
    t.equal(wrong, undefined, text);
    t.ok(acknowledged > 0);
  }
});
