/** What a commit of one entry costs that can be counted: promises, and calls of the system. */
import { createHook } from 'node:async_hooks';
import t from 'tap';
import { Regalia } from '../../src/index.js';

const WARM = 200;
const COUNTED = 50;

t.test('a commit of one entry makes few promises', async (t) => {
  await using store = await Regalia.open(t.testdir());
  const commit = (i: number) => {
    const tx = store.begin();
    tx.put(`/d${i % 10}/k${i}`, 's', Uint8Array.of(i & 255));
    return tx.commit({ durability: 'sync' });
  };
  for (let i = 0; i < WARM; i++) await commit(i);
  let promises = 0;
  const hook = createHook({
    init: (_id, type) => {
      if (type === 'PROMISE') promises++;
    },
  }).enable();
  for (let i = 0; i < COUNTED; i++) await commit(WARM + i);
  hook.disable();
  // One more is that of the loop above.
  t.ok(promises <= COUNTED * 13, `${promises / COUNTED - 1} promises a commit`);
  t.comment(`${promises / COUNTED - 1} promises a commit`);
});
