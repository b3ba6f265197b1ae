/** Several writing processes for a long while: see contention-child.ts. */
import t from 'tap';
import { Dice } from '../model/dice.js';
import { contend } from './contention.js';

for (const processes of [2, 3, 4]) {
  t.test(`no row is lost among ${processes} writers`, async (t) => {
    const seed = Date.now() % 1_000_000;
    const { rounds, complaint } = await contend(t.testdir(), processes, 100, new Dice(seed));
    t.comment(`${rounds} rounds, seed ${seed}`);
    t.equal(complaint, '', `seed ${seed}`);
    t.ok(rounds > 0);
  });
}
