/** Many chunks of a few bytes: a frame of a pack has more of them than are set aside at a time. */
import path from 'node:path';
import t from 'tap';
import { Regalia } from '../../src/index.js';

t.test('a clone receives thousands of chunks from one frame', async (t) => {
  const folder = t.testdir();
  const options = { workers: 0, durability: 'none', default: { inlineMax: 0 } } as const;
  const store = await Regalia.open(path.join(folder, 'from'), options);
  await store.transact((tx) => {
    for (let i = 0; i < 3_000; i++) tx.put(`/d/${i}`, 's', Buffer.from(`content number ${i}`));
  });
  await store.clone(path.join(folder, 'to'));
  const copy = await Regalia.open(path.join(folder, 'to'), { workers: 0, readOnly: true });
  t.equal(copy.stats().root, store.stats().root);
  const last = await copy.snapshot().get('/d/2999', 's')?.text();
  t.equal(last, 'content number 2999');
  await copy.close();
  await store.close();
});
