/**
 * Reading contents: ranges against plain bytes, streams that read no more than they are asked for,
 * and what a range costs.
 */
import fc from 'fast-check';
import t from 'tap';
import { ContentStore } from '../../src/chunks/content-store.js';
import { ContentReader } from '../../src/chunks/reader.js';
import { concatBytes, equalBytes } from '../../src/ground/bytes.js';
import { CountedReads, noise, Store } from './setup.js';

const LENGTH = 9_001;
const bytes = noise(LENGTH, 5);
const store = new Store();
const few = await store.put(bytes, 4_096);
const many = await store.put(bytes, 3);
const single = await store.put(bytes, 10_000);
await store.land();
const readers = [few, many, single].map(
  (ref) => new ContentReader(new ContentStore(new CountedReads(store.blocks)), ref),
);

async function gather(parts: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const all: Uint8Array[] = [];
  for await (const part of parts) all.push(part);
  return concatBytes(all);
}

const ranges = fc
  .tuple(fc.nat(LENGTH), fc.nat(LENGTH))
  .map(([a, b]) => [Math.min(a, b), Math.max(a, b)] as const);

t.test('any range is the same range of the bytes', async () => {
  fc.assert(
    fc.property(ranges, fc.constantFrom(...readers), ([start, end], reader) =>
      equalBytes(reader.read(start, end), bytes.subarray(start, end)),
    ),
    { numRuns: 300 },
  );
});

t.test('chunks and streams of any range are the same range', async () => {
  await fc.assert(
    fc.asyncProperty(ranges, fc.constantFrom(...readers), async ([start, end], reader) => {
      const expected = bytes.subarray(start, end);
      const chunks = await gather(reader.chunks(start, end));
      const streamed = await gather(reader.readable({ start, end }) as AsyncIterable<Uint8Array>);
      return equalBytes(chunks, expected) && equalBytes(streamed, expected);
    }),
    { numRuns: 20 },
  );
});

t.test('a stream fills the bytes that its consumer brings', async (t) => {
  for (const size of [1_000, 5_000, LENGTH * 2]) {
    const reader = new ContentReader(store.contents, few)
      .readable({ start: 17 })
      .getReader({ mode: 'byob' });
    const parts: Uint8Array[] = [];
    for (;;) {
      const { done, value } = await reader.read(new Uint8Array(size));
      if (done) break;
      parts.push(value.slice());
    }
    t.ok(equalBytes(concatBytes(parts), bytes.subarray(17)), `${size} bytes at a time`);
  }
});

t.test('bytes that were handed out are private', async (t) => {
  const reader = new ContentReader(new ContentStore(new CountedReads(store.blocks)), few);
  reader.read().fill(0);
  for await (const chunk of reader.chunks()) chunk.fill(0);
  t.ok(equalBytes(reader.read(), bytes));
});

t.test('arguments out of range are refused at once', async (t) => {
  const reader = new ContentReader(store.contents, few);
  const bad = [
    [-1, 5],
    [5, 4],
    [0, LENGTH + 1],
    [0.5, 2],
    [0, Number.NaN],
    [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY],
  ];
  for (const [start, end] of bad as [number, number][]) {
    t.throws(() => reader.read(start, end), { code: 'REGALIA_RANGE' });
    t.throws(() => reader.chunks(start, end), { code: 'REGALIA_RANGE' });
    t.throws(() => reader.readable({ start, end }), { code: 'REGALIA_RANGE' });
  }
  t.equal(reader.read(LENGTH, LENGTH).length, 0);
});

t.test('a range costs its path and its chunks, each block once', async (t) => {
  const large = new Store();
  const long = noise(80_000, 23);
  const ref = await large.put(long, 4);
  const levels = 3;
  await fc.assert(
    fc.asyncProperty(fc.nat(long.length - 1), fc.nat(2_000), async (start, length) => {
      const reads = new CountedReads(large.blocks);
      const end = Math.min(long.length, start + length);
      const reader = new ContentReader(new ContentStore(reads), ref);
      if (!equalBytes(reader.read(start, end), long.subarray(start, end))) return false;
      const chunks = end === start ? 0 : Math.floor((end - 1) / 4) - Math.floor(start / 4) + 1;
      return reads.count <= chunks + Math.ceil(chunks / 32) + 2 * levels;
    }),
  );
  const reads = new CountedReads(large.blocks);
  await gather(new ContentReader(new ContentStore(reads), ref).chunks(0, 20_000));
  t.ok(reads.count < 5_000 * (1 + 1 / 32) + levels, `${reads.count} reads`);
  const one = new CountedReads(store.blocks);
  new ContentReader(new ContentStore(one), single).read(100, 200);
  t.equal(one.count, 1, 'a content of one chunk is one block');
});

t.test(
  'a stream reads nothing before it is asked, and nothing after it is cancelled',
  async (t) => {
    const reads = new CountedReads(store.blocks);
    const stream = new ContentReader(new ContentStore(reads), few).readable();
    await new Promise((resolve) => setTimeout(resolve, 5));
    t.equal(reads.count, 0);
    const reader = stream.getReader();
    await reader.read();
    const { count } = reads;
    t.equal(count, 4, 'the top, and chunks some way ahead');
    await reader.cancel();
    await new Promise((resolve) => setTimeout(resolve, 5));
    t.equal(reads.count, count);
  },
);

t.test('an abort ends chunks and streams between two chunks', async (t) => {
  const stop = new AbortController();
  const reader = new ContentReader(store.contents, few);
  const chunks = reader.chunks(0, LENGTH, stop.signal);
  const stream = reader.readable({ signal: stop.signal }).getReader();
  t.equal((await chunks.next()).value?.length, 4_096);
  t.equal((await stream.read()).value?.length, 4_096);
  stop.abort(new Error('enough'));
  await t.rejects(chunks.next(), { code: 'REGALIA_ABORTED', cause: { message: 'enough' } });
  await t.rejects(stream.read(), { code: 'REGALIA_ABORTED' });
  await t.rejects(reader.chunks(0, 0, stop.signal).next(), { code: 'REGALIA_ABORTED' });
});

t.test('the event loop gets its turns while a content is read', async (t) => {
  let turns = 0;
  let running = true;
  const tick = (): void => {
    turns++;
    if (running) setImmediate(tick);
  };
  setImmediate(tick);
  await gather(new ContentReader(store.contents, many).chunks(0, 300));
  running = false;
  t.ok(turns >= 50, `${turns} turns in 100 chunks`);
});
