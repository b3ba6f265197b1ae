/**
 * Holes: found by content, at the same places for any way that bytes come; cheap to write and to
 * read, however long.
 */
import fc from 'fast-check';
import t from 'tap';
import { findHole, zerosEnd, zerosStart } from '../../src/chunks/chunk.js';
import type { ContentRef } from '../../src/chunks/content.js';
import { type Splitter, splitterOf } from '../../src/chunks/cutter.js';
import { ContentReader } from '../../src/chunks/reader.js';
import { ContentWriter } from '../../src/chunks/writer.js';
import { SHA256 } from '../../src/ground/block-header.js';
import { concatBytes, equalBytes } from '../../src/ground/bytes.js';
import { CONTENT_BYTES_MAX, HOLE_BYTES_MIN } from '../../src/ground/limits.js';
import { walkContent } from '../../src/reach/content-walk.js';
import { naiveParts, partsOf } from './naive-parts.js';
import { noise, Store, sameContent } from './setup.js';

const grid = (bytes: number): Splitter => splitterOf({ kind: 'fixed', bytes });
/** Ends a chunk behind a byte that 251 divides, from 3,000 bytes on, and after 9,000. */
const byContent: Splitter = {
  bytesMin: 3_000,
  bytesMax: 9_000,
  cut: (bytes, start, end) => {
    for (let at = start + 3_000; at < end; at++) {
      if ((bytes[at - 1] as number) % 251 === 0) return at;
    }
    return end;
  },
};

const rolling = splitterOf({
  kind: 'content',
  bytesMin: 4_096,
  bytesAverage: 8_192,
  bytesMax: 131_072,
});

const run = fc.oneof(
  fc.constantFrom(1, 65_535, 65_536, 65_537, 131_071, 131_072, 200_000),
  fc.nat(140_000),
);
const stretches = fc.array(fc.record({ zeros: run, data: fc.nat(20_000) }), {
  minLength: 1,
  maxLength: 5,
});
type Stretches = readonly { zeros: number; data: number }[];

function bytesOf(rows: Stretches, seed: number): Uint8Array {
  const parts = rows.flatMap(({ zeros, data }, i) => [
    new Uint8Array(zeros),
    noise(data, seed + i).map((byte) => byte | 1),
  ]);
  return concatBytes([...parts, Uint8Array.of(0)]);
}

async function writerOf(store: Store, splitter: Splitter): Promise<ContentWriter> {
  await store.blocks.reserve(4_000);
  return new ContentWriter(store.contents, store.writer, SHA256, splitter, store.staged);
}

t.test('parts are where the slow twin has them, however bytes and zeros come', async () => {
  await fc.assert(
    fc.asyncProperty(
      stretches,
      fc.constantFrom(grid(4_096), grid(1_000), grid(131_072), byContent, rolling),
      fc.array(fc.oneof(fc.nat(80_000), fc.nat(50)), { maxLength: 12 }),
      fc.nat(),
      async (rows, splitter, steps, seed) => {
        const bytes = bytesOf(rows, seed);
        const store = new Store();
        const whole = (await writerOf(store, splitter)).put(bytes);
        const split = await writerOf(store, splitter);
        let at = 0;
        for (const step of steps)
          split.push(bytes.slice(at, (at = Math.min(bytes.length, at + step))));
        split.push(bytes.subarray(at));
        const virtual = await writerOf(store, splitter);
        let from = 0;
        for (const { zeros, data } of rows) {
          virtual.zeros(zeros);
          from += zeros;
          virtual.push(bytes.subarray(from, (from += data)));
        }
        virtual.zeros(1);
        const same = sameContent(whole, split.finish()) && sameContent(whole, virtual.finish());
        const parts = partsOf(store.blocks, whole).join() === naiveParts(bytes, splitter).join();
        return same && parts && equalBytes(new ContentReader(store.contents, whole).read(), bytes);
      },
    ),
    { numRuns: 60 },
  );
});

t.test('runs of zeros are found wherever they lie', async () => {
  fc.assert(
    fc.property(
      fc.nat(70_000),
      fc.integer({ min: 65_530, max: 65_545 }),
      fc.nat(70_000),
      (before, zeros, behind) => {
        const bytes = new Uint8Array(before + zeros + behind).fill(1);
        bytes.fill(0, before, before + zeros);
        const found = findHole(bytes, 0, bytes.length);
        const ends = zerosEnd(bytes, before, bytes.length) === before + zeros;
        const starts = zerosStart(bytes, 0, before + zeros) === before;
        if (zeros < HOLE_BYTES_MIN) return found === undefined && ends && starts;
        return found?.start === before && found.end === before + zeros && ends && starts;
      },
    ),
    { numRuns: 200 },
  );
});

t.test('the third run is found behind two that are too short', async (t) => {
  const short = [...new Uint8Array(65_535), 1, ...new Uint8Array(65_535), 1];
  const bytes = Uint8Array.from([...short, ...new Uint8Array(65_536), 2]);
  t.same(findHole(bytes, 0, bytes.length), { start: 131_072, end: 196_608 });
  t.equal(findHole(bytes, 0, bytes.length - 2), undefined);
});

t.test('a hole alone is a manifest of one child', async (t) => {
  const store = new Store();
  const writer = await writerOf(store, grid(4_096));
  writer.zeros(CONTENT_BYTES_MAX);
  const ref = writer.finish();
  t.equal(ref.length, CONTENT_BYTES_MAX);
  t.equal(store.writer.blockCount, 1);
  t.same(
    [...walkContent(store.blocks, ref)].map(({ kind }) => kind),
    [4],
  );
  t.same(partsOf(store.blocks, ref), [-CONTENT_BYTES_MAX]);
  const tail = new ContentReader(store.contents, ref).read(
    CONTENT_BYTES_MAX - 10,
    CONTENT_BYTES_MAX,
  );
  t.same(tail, new Uint8Array(10));
  t.throws(() => writerOver(CONTENT_BYTES_MAX + 1), { code: 'REGALIA_RANGE' });
  function writerOver(length: number): void {
    new ContentWriter(store.contents, store.writer, SHA256, grid(4_096)).zeros(length);
  }
});

t.test('a hole streams in bounded parts, and a stream stops where its consumer does', async (t) => {
  const store = new Store();
  const writer = await writerOf(store, grid(4_096));
  writer.push(Uint8Array.of(1, 2));
  writer.zeros(2 ** 45);
  writer.push(Uint8Array.of(3));
  const ref: ContentRef = writer.finish();
  t.equal(store.writer.blockCount, 3);
  const reader = new ContentReader(store.contents, ref);
  let seen = 0;
  for await (const part of reader.chunks()) {
    t.ok(part.length <= 65_536);
    seen += part.length;
    part.fill(0xee);
    if (seen > 500_000) break;
  }
  t.same(reader.read(0, 5), Uint8Array.of(1, 2, 0, 0, 0), 'nobody wrote to shared zeros');
  t.same(reader.read(ref.length - 2), Uint8Array.of(0, 3));
  const stream = reader.readable({ start: 1 }).getReader({ mode: 'byob' });
  const first = await stream.read(new Uint8Array(8));
  const second = await stream.read(new Uint8Array(200_000));
  t.same(first.value, Uint8Array.of(2));
  t.ok(second.value !== undefined && second.value.length <= 65_536);
  await stream.cancel();
});
