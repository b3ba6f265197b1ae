/** Leases: no number twice, by whomever it is given out, and an error where there are no more. */
import t from 'tap';
import { Lease } from '../../src/blocks/lease.js';
import { openMemory } from '../../src/engine/memory.js';

t.test('leases of one name share no number, leases of two names do', async (t) => {
  const engine = openMemory();
  const leases = [0, 1, 2].map(() => new Lease(engine, 'extents', 2 ** 32, 'extents'));
  const seen = new Set<number>();
  for (let round = 0; round < 200; round++) {
    for (const lease of leases) {
      await lease.reserve(1 + (round % 7));
      seen.add(lease.take());
    }
  }
  t.equal(seen.size, 600);
  t.notOk(seen.has(0), 'numbers begin at 1');
  const other = new Lease(engine, 'chunks', 2 ** 32, 'chunks');
  await other.reserve(1);
  t.equal(other.take(), 1);
});

t.test('the rest of the last range is given back, if nobody has leased since', async (t) => {
  const engine = openMemory();
  const first = new Lease(engine, 'extents', 2 ** 32, 'extents');
  await first.reserve(10);
  for (let number = 1; number <= 3; number++) t.equal(first.take(), number);
  await first.release();
  const second = new Lease(engine, 'extents', 2 ** 32, 'extents');
  await second.reserve(1);
  t.equal(second.take(), 4);
  const third = new Lease(engine, 'extents', 2 ** 32, 'extents');
  await third.reserve(1);
  const highest = third.take();
  await second.release();
  const fourth = new Lease(engine, 'extents', 2 ** 32, 'extents');
  await fourth.reserve(1);
  t.ok(fourth.take() > highest, 'otherwise it stays unused');
});

t.test('who asks for numbers at the same time gets one each', async (t) => {
  const lease = new Lease(openMemory(), 'segments', 2 ** 32, 'chunks');
  const seen = new Set<number>();
  for (let round = 0; round < 100; round++) {
    for (const number of await Promise.all([lease.next(), lease.next(), lease.next()])) {
      seen.add(number);
    }
  }
  t.equal(seen.size, 300);
});

t.test('a row that is lost is corruption where numbers are in use', async (t) => {
  const engine = openMemory();
  await new Lease(engine, 'extents', 2 ** 32, 'extents').reserve(1);
  await engine.write((batch) => {
    batch.put('extents', 1, Uint8Array.of(1));
    for (const { key } of engine.range('meta')) batch.del('meta', key);
  }, 'none');
  await t.rejects(new Lease(engine, 'extents', 2 ** 32, 'extents').reserve(1), {
    code: 'REGALIA_CORRUPT',
  });
});

t.test('numbers end', async (t) => {
  const lease = new Lease(openMemory(), 'extents', 100, 'extents');
  await lease.reserve(50);
  await t.rejects(lease.reserve(1_000), {
    code: 'REGALIA_FULL',
    retryable: false,
    message: /extents/,
  });
  t.ok(lease.take() > 0, 'what was reserved stays');
});

t.test('a number that was not reserved is a bug of ours', async (t) => {
  t.throws(() => new Lease(openMemory(), 'extents', 100, 'extents').take(), /assertion/);
});
