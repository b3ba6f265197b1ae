/**
 * Contents with holes between replicas: what is a hole is never sent, what was rewritten in part is
 * sent in part, and all that came over is whole.
 */
import t from 'tap';
import { Regalia } from '../../src/index.js';
import { noise } from '../store/setup.js';
import { scrub } from '../verify/setup.js';
import { bare, blocksOf, coreOf, headOf, importInto, pack } from './setup.js';

t.test('sparse contents come over, and later changes of a part in part', async (t) => {
  const chunking = { kind: 'fixed', bytes: 4_096 } as const;
  await using store = await Regalia.memory({ streams: { content: { chunking } } });
  await store.transact(async (tx) => {
    await tx.write('/disk', 'content', noise(2_000_000, 1));
    await tx.write('/disk', 'content', noise(5_000, 2), { at: 2 ** 44 });
    await tx.truncate('/disk', 'content', 2 ** 45);
    await tx.truncate('/void', 'content', 100_000);
  });
  const before = headOf(store);
  const to = bare();
  const whole = await pack({ store });
  t.ok(whole.length < 2_100_000, `${whole.length} bytes`);
  await importInto(to, whole);
  await store.transact(async (tx) => {
    await tx.write('/disk', 'content', 'x', { at: 1_000_000 });
  });
  const delta = await pack({ store, haves: [before] });
  t.ok(delta.length < 16_000, `${delta.length} bytes`);
  await importInto(to, delta);
  t.strictSame(blocksOf(to, headOf(store)), blocksOf(coreOf(store), headOf(store)));
  const { summary, faults } = await scrub(store);
  t.same(faults, []);
  t.equal(summary.faults, 0);
});
