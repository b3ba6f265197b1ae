/** Several writing processes for a short while: see contention-child.ts. */
import t from 'tap';
import { Dice } from '../model/dice.js';
import { contend } from './contention.js';

t.test('no row is lost between two writers', async (t) => {
  const seed = Date.now() % 1_000_000;
  const { rounds, complaint } = await contend(t.testdir(), 2, 3, new Dice(seed));
  t.comment(`${rounds} rounds, seed ${seed}`);
  t.equal(complaint, '', `seed ${seed}`);
  t.ok(rounds > 0);
});
