/**
 * Writing contents: equal bytes have equal addresses however they come, nothing is stored twice,
 * and what is read is what was written.
 */

import fc from 'fast-check';
import t from 'tap';
import { sameAddress } from '../../src/blocks/address.js';
import { BlockWriter } from '../../src/blocks/block-writer.js';
import { stagedBlocks } from '../../src/chunks/content-store.js';
import type { Splitter } from '../../src/chunks/cutter.js';
import { ContentReader } from '../../src/chunks/reader.js';
import { ContentWriter, extentsFor } from '../../src/chunks/writer.js';
import { BLAKE3, SHA256 } from '../../src/ground/block-header.js';
import { concatBytes, copyBytes, equalBytes, hex } from '../../src/ground/bytes.js';
import { walkContent } from '../../src/reach/content-walk.js';
import { runs } from '../runs.js';
import { noise, Store, sameContent } from './setup.js';

t.test('any split of the same bytes gives the same address', async () => {
  const one = new Store();
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 5_000 }),
      fc.integer({ min: 1, max: 40 }),
      fc.array(fc.oneof(fc.integer({ min: 0, max: 90 }), fc.nat(3_000)), { maxLength: 60 }),
      fc.nat(),
      async (length, chunkBytes, steps, seed) => {
        const bytes = noise(length, seed);
        const whole = await one.put(bytes, chunkBytes);
        const other = new Store();
        await other.blocks.reserve(20_000);
        const writer = other.content(chunkBytes);
        let at = 0;
        for (const step of steps) {
          const until = Math.min(length, at + step);
          const part = bytes.slice(at, until);
          writer.push(part);
          part.fill(0xee);
          at = until;
        }
        writer.push(bytes.subarray(at));
        const ref = writer.finish();
        if (!sameContent(whole, ref)) return false;
        return equalBytes(new ContentReader(other.contents, ref).read(), bytes);
      },
    ),
    { numRuns: runs(150) },
  );
});

t.test('contents of every count of chunks around the borders of nodes come back', async (t) => {
  const store = new Store();
  await store.blocks.reserve(100_000);
  const bytes = noise(1_400, 7);
  for (let length = 1; length <= bytes.length; length += length < 300 ? 1 : 37) {
    const part = bytes.subarray(0, length);
    const ref = await store.put(part, 1);
    t.equal(ref.length, length);
    if (!equalBytes(new ContentReader(store.contents, ref).read(), part)) t.fail(`${length} bytes`);
  }
});

t.test('a splitter that looks at content gives the same chunks for any split', async () => {
  // Ends a chunk behind a byte that eight divides, from the third byte on, and after forty bytes.
  const splitter: Splitter = {
    bytesMin: 3,
    bytesMax: 40,
    cut: (bytes, start, end) => {
      for (let at = start + 3; at <= end; at++) {
        if ((bytes[at - 1] as number) % 8 === 0 || at - start === 40) return at;
      }
      return end;
    },
  };
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 3_000 }),
      fc.array(fc.nat(100), { maxLength: 60 }),
      fc.nat(),
      async (length, steps, seed) => {
        const bytes = noise(length, seed);
        const { blocks, contents } = new Store();
        await blocks.reserve(2 * extentsFor(length, splitter));
        const whole = new ContentWriter(contents, new BlockWriter(blocks), SHA256, splitter).put(
          bytes,
        );
        const writer = new ContentWriter(contents, new BlockWriter(blocks), SHA256, splitter);
        let at = 0;
        for (const step of steps) writer.push(bytes.slice(at, (at = Math.min(length, at + step))));
        writer.push(bytes.slice(at));
        if (!sameContent(writer.finish(), whole)) return false;
        const parts: number[] = [];
        for (let from = 0; from < length; ) {
          const until = splitter.cut(bytes, from, Math.min(length, from + 40), from);
          parts.push(until - from);
          from = until;
        }
        const reader = new ContentReader(contents, whole);
        const found: number[] = [];
        for await (const chunk of reader.chunks()) found.push(chunk.length);
        return equalBytes(reader.read(), bytes) && found.join() === parts.join();
      },
    ),
    { numRuns: runs(150) },
  );
});

t.test('a content of one chunk is referred to by the chunk', async (t) => {
  const store = new Store();
  const ref = await store.put(Uint8Array.of(1, 2, 3), 3);
  const blocks = [...walkContent(store.blocks, ref)];
  t.strictSame(blocks, [{ address: ref.address, id: ref.id, kind: 3, plainLength: 6 }]);
  t.equal(store.writer.blockCount, 1);
});

t.test('the bytes of a chunk and of a manifest are as documented', async (t) => {
  const store = new Store();
  const one = await store.put(Uint8Array.of(0xaa), 1);
  const body = store.blocks.read(one.id, one.address, 'chunk');
  t.equal(hex(body.bytes.slice(body.start, body.end)), '030101aa');
  const two = await store.put(Uint8Array.of(0xaa, 0xbb), 1);
  const node = store.blocks.read(two.id, two.address, 'manifest');
  const plain = node.bytes.slice(node.start, node.start + node.plainLength);
  const digest = hex(one.address.subarray(1));
  t.equal(hex(plain).slice(0, 12 + 64), `040101010202${digest}`);
  t.equal(node.end - node.start - node.plainLength, 12);
});

t.test('both algorithms write and read', async (t) => {
  const store = new Store();
  const bytes = noise(500, 3);
  const a = await store.put(bytes, 2);
  const b = await store.put(bytes, 2, BLAKE3);
  t.equal(b.address[0], BLAKE3);
  t.notOk(sameAddress(a.address, b.address));
  t.ok(equalBytes(new ContentReader(store.contents, b).read(), bytes));
});

t.test('equal chunks are stored once: staged, spilled and landed', async (t) => {
  const store = new Store();
  const bytes = concatBytes([noise(64, 1), noise(64, 1), noise(64, 2), noise(64, 1)]);
  await store.put(bytes, 64);
  t.equal(store.writer.blockCount, 3, 'two chunks and a manifest');
  await store.put(bytes, 64);
  t.equal(store.writer.blockCount, 3, 'a second time nothing');
  await store.land();
  store.staged = stagedBlocks();
  const again = await store.put(bytes, 64);
  t.equal(store.writer.blockCount, 3, 'nor in the next transaction');
  t.ok(equalBytes(new ContentReader(store.contents, again).read(), bytes));
  const more = await store.put(concatBytes([bytes, noise(64, 9)]), 64);
  t.equal(store.writer.blockCount, 5, 'one new chunk, one manifest');
  t.equal(more.length, 320);
});

t.test('a repeated chunk takes few blocks, however long the content', async (t) => {
  const store = new Store();
  await store.blocks.reserve(2_000);
  const bytes = new Uint8Array(100_000).fill(7);
  const ref = await store.put(bytes, 1);
  t.ok(store.writer.blockCount < 12, `${store.writer.blockCount} blocks`);
  t.ok(equalBytes(new ContentReader(store.contents, ref).read(), bytes));
  t.ok([...walkContent(store.blocks, ref)].length < 12);
});

t.test('an inserted chunk changes few manifests', async (t) => {
  const count = 20_000;
  const store = new Store();
  const bytes = noise(count * 4, 11);
  const before = await store.put(bytes, 4);
  const known = new Set([...walkContent(store.blocks, before)].map((b) => hex(b.address)));
  const manifests = [...walkContent(store.blocks, before)].filter((b) => b.kind === 4).length;
  t.ok(manifests > 200, `${manifests} manifests`);
  const changed: number[] = [];
  for (let i = 0; i < 12; i++) {
    const at = Math.floor((count * (i + 0.5)) / 12) * 4;
    const inserted = concatBytes([bytes.subarray(0, at), noise(4, 1_000 + i), bytes.subarray(at)]);
    const ref = await store.put(inserted, 4);
    const skip = (address: Uint8Array): boolean => known.has(hex(address));
    const fresh = [...walkContent(store.blocks, ref, { skip })].filter((b) => b.kind === 4);
    changed.push(new Set(fresh.map((b) => hex(b.address))).size);
  }
  const mean = changed.reduce((sum, n) => sum + n, 0) / changed.length;
  t.comment(`manifests changed: ${changed.join(' ')}; mean ${mean}`);
  t.ok(mean < 6, `${mean} in the mean, at 3 levels`);
  t.ok(Math.max(...changed) < 20, `${Math.max(...changed)} at the worst`);
});

t.test('an empty content, a second finish and a late push are our own bugs', async (t) => {
  const store = new Store();
  await store.blocks.reserve(10);
  t.throws(() => store.content(4).finish(), /inline/);
  const writer = store.content(4);
  writer.push(copyBytes(Uint8Array.of(1)));
  writer.finish();
  t.throws(() => writer.finish(), /once/);
  t.throws(() => writer.push(Uint8Array.of(1)), /no more/);
  t.throws(() => store.content(0), /chunks fit/);
  t.throws(() => store.content(2 ** 20 + 1), /chunks fit/);
});
