/**
 * Rewriting: after every edit the content has the address that writing the whole anew gives, reads
 * as a plain array of bytes does, and has cost no more than the edit.
 */

import fc from 'fast-check';
import t from 'tap';
import type { ContentRef } from '../../src/chunks/content.js';
import { ContentStore } from '../../src/chunks/content-store.js';
import { type Splitter, splitterOf } from '../../src/chunks/cutter.js';
import { ContentReader } from '../../src/chunks/reader.js';
import { type Edit, rewriteContent } from '../../src/chunks/rewrite.js';
import { ContentWriter } from '../../src/chunks/writer.js';
import { SHA256 } from '../../src/ground/block-header.js';
import { concatBytes, equalBytes } from '../../src/ground/bytes.js';
import { walkContent } from '../../src/reach/content-walk.js';
import { runs } from '../runs.js';
import { CountedReads, noise, Store, sameContent, written } from './setup.js';

const grid = (bytes: number): Splitter => splitterOf({ kind: 'fixed', bytes });

/** Ends a chunk behind a byte that `modulus` divides, between `least` and `most` bytes. */
function byContent(least: number, most: number, modulus: number): Splitter {
  return {
    bytesMin: least,
    bytesMax: most,
    cut: (bytes, start, end) => {
      for (let at = start + least; at < end; at++) {
        if ((bytes[at - 1] as number) % modulus === 0) return at;
      }
      return end;
    },
  };
}

class Rewritten {
  readonly store = new Store();
  readonly #splitter: Splitter;
  bytes: Uint8Array;
  ref!: ContentRef;

  constructor(splitter: Splitter, bytes: Uint8Array) {
    this.#splitter = splitter;
    this.bytes = bytes;
  }

  async begin(): Promise<this> {
    this.ref = await written(this.#writer(this.store), this.bytes);
    return this;
  }

  #writer({ contents, writer, staged }: Store): ContentWriter {
    return new ContentWriter(contents, writer, SHA256, this.#splitter, staged);
  }

  async edit(edit: Edit): Promise<void> {
    const { contents } = this.store;
    this.ref = await rewriteContent(this.#writer(this.store), contents, this.ref, edit);
  }

  async write(at: number, bytes: Uint8Array): Promise<void> {
    await this.edit({ at, source: bytes });
    if (bytes.length === 0) return;
    const grown = new Uint8Array(Math.max(this.bytes.length, at + bytes.length));
    grown.set(this.bytes);
    grown.set(bytes, at);
    this.bytes = grown;
  }

  async truncate(size: number): Promise<void> {
    await this.edit({ at: size, source: undefined });
    const cut = new Uint8Array(size);
    cut.set(this.bytes.subarray(0, size));
    this.bytes = cut;
  }

  /** Whether it is what writing the whole anew gives, and reads so. */
  async isCanonical(): Promise<boolean> {
    const anew = await written(this.#writer(new Store()), this.bytes);
    if (!sameContent(anew, this.ref)) return false;
    return equalBytes(new ContentReader(this.store.contents, this.ref).read(), this.bytes);
  }
}

type Step =
  | { readonly kind: 'write'; readonly at: number; readonly bytes: Uint8Array }
  | { readonly kind: 'append'; readonly bytes: Uint8Array }
  | { readonly kind: 'truncate'; readonly size: number };

async function take(content: Rewritten, step: Step): Promise<void> {
  if (step.kind === 'write') await content.write(step.at, step.bytes);
  else if (step.kind === 'append') await content.write(content.bytes.length, step.bytes);
  else await content.truncate(step.size);
}

const DEEP = 8_000;
const deepBytes = fc.oneof(
  fc.uint8Array({ maxLength: 60 }),
  fc.tuple(fc.nat(2_000), fc.nat()).map(([length, seed]) => noise(length, seed)),
  fc.tuple(fc.nat(600), fc.nat(2)).map(([length, byte]) => new Uint8Array(length).fill(byte)),
);
const deepSteps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constant('write' as const), at: fc.nat(DEEP + 500), bytes: deepBytes }),
    fc.record({ kind: fc.constant('append' as const), bytes: deepBytes }),
    fc.record({ kind: fc.constant('truncate' as const), size: fc.integer({ min: 1, max: DEEP }) }),
  ),
  { minLength: 1, maxLength: 5 },
);

t.test('any edits of a deep tree give what writing anew gives', async () => {
  const splitters = [grid(1), grid(3), grid(64), byContent(1, 9, 3), byContent(3, 40, 8)];
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...splitters),
      fc.integer({ min: 1, max: DEEP }),
      fc.oneof(fc.nat(), fc.constant(undefined)),
      deepSteps,
      async (splitter, length, seed, steps) => {
        const first = seed === undefined ? new Uint8Array(length).fill(5) : noise(length, seed);
        const content = await new Rewritten(splitter, first).begin();
        for (const step of steps) {
          await take(content, step);
          if (!(await content.isCanonical())) return false;
        }
        return true;
      },
    ),
    { numRuns: runs(40) },
  );
});

const zeros = fc
  .oneof(
    fc.constantFrom(65_534, 65_535, 65_536, 65_537, 131_072),
    fc.integer({ min: 1, max: 140_000 }),
  )
  .map((length) => new Uint8Array(length));
const dense = fc
  .tuple(fc.oneof(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 9_000 })), fc.nat())
  .map(([length, seed]) => noise(length, seed).map((byte) => byte | 1));
const mixed = fc
  .array(fc.oneof(zeros, dense), { minLength: 1, maxLength: 4 })
  .map((parts) => concatBytes(parts));
/** A place near one where something begins or ends, or anywhere. */
const place = fc.record({
  part: fc.double({ min: 0, max: 1.1, noNaN: true }),
  off: fc.integer({ min: -2, max: 2 }),
});

/** Where zeros begin and end, and the borders of a grid. */
function borders(bytes: Uint8Array): number[] {
  const found = [0, bytes.length];
  for (let at = 1; at < bytes.length; at++) {
    if ((bytes[at] === 0) !== (bytes[at - 1] === 0)) found.push(at);
    else if (at % 65_536 === 0) found.push(at);
  }
  return found;
}

t.test('any edits around holes give what writing anew gives', async () => {
  const chunking = {
    kind: 'content',
    bytesMin: 4_096,
    bytesAverage: 8_192,
    bytesMax: 32_768,
  } as const;
  const splitters = [
    grid(4_096),
    grid(1_000),
    grid(65_536),
    byContent(3_000, 9_000, 251),
    splitterOf(chunking),
  ];
  const step = fc.record({
    kind: fc.constantFrom('write' as const, 'append' as const, 'truncate' as const),
    place,
    bytes: mixed,
    near: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...splitters),
      mixed,
      fc.array(step, { minLength: 1, maxLength: 6 }),
      async (splitter, first, steps) => {
        const content = await new Rewritten(splitter, first).begin();
        for (const { kind, place, bytes, near } of steps) {
          const all = borders(content.bytes);
          const border = all[Math.floor(place.part * all.length)] ?? content.bytes.length + 70_000;
          const anywhere = Math.floor(place.part * content.bytes.length);
          const at = Math.max(0, (near ? border : anywhere) + place.off);
          await take(content, { kind, at, size: Math.max(1, at), bytes });
          if (!(await content.isCanonical())) return false;
        }
        return true;
      },
    ),
    { numRuns: runs(120) },
  );
});

t.test('a small edit of a large content stores its path and few chunks', async (t) => {
  for (const splitter of [grid(16), byContent(8, 64, 16)]) {
    const bytes = noise(400_000, 17);
    const content = await new Rewritten(splitter, bytes).begin();
    const { store } = content;
    const before = store.writer.blockCount;
    t.ok(before > 15_000, `${before} blocks`);
    for (const at of [0, 1, 199_999, 399_999, 400_000]) {
      const blocks = store.writer.blockCount;
      await content.write(at, Uint8Array.of(at % 251));
      const stored = store.writer.blockCount - blocks;
      t.ok(stored <= 16, `${stored} blocks for a byte at ${at}`);
    }
    t.ok(await content.isCanonical());
  }
});

t.test('reading for an edit is bounded too', async (t) => {
  const content = await new Rewritten(grid(16), noise(400_000, 3)).begin();
  const { blocks, contents, writer, staged } = content.store;
  const reads = new CountedReads(blocks);
  const one = new ContentWriter(contents, writer, SHA256, grid(16), staged);
  await rewriteContent(one, new ContentStore(reads), content.ref, {
    at: 200_000,
    source: Uint8Array.of(1),
  });
  t.ok(reads.count <= 8, `${reads.count} blocks read`);
});

t.test('runs without ends by content are rewritten in place at the cost of a path', async (t) => {
  const content = await new Rewritten(grid(8), new Uint8Array(300_000).fill(9)).begin();
  const before = content.store.writer.blockCount;
  await content.write(150_001, Uint8Array.of(1));
  t.ok(content.store.writer.blockCount - before <= 5, 'one chunk and its manifests');
  t.ok(await content.isCanonical());
});

t.test('an empty write reads and stores nothing', async (t) => {
  const content = await new Rewritten(grid(16), noise(10_000, 3)).begin();
  const { blocks, contents, writer, staged } = content.store;
  const before = writer.blockCount;
  const reads = new CountedReads(blocks);
  for (const at of [0, 5_000, 10_000, 2 ** 40]) {
    const one = new ContentWriter(contents, writer, SHA256, grid(16), staged);
    const ref = await rewriteContent(one, new ContentStore(reads), content.ref, { at, source: [] });
    t.ok(sameContent(ref, content.ref));
  }
  t.equal(reads.count, 0);
  t.equal(writer.blockCount, before);
});

t.test('gaps and huge sizes cost nothing, and come back', async (t) => {
  const content = await new Rewritten(grid(4_096), noise(10_000, 3)).begin();
  const first = content.ref;
  await content.edit({ at: 2 ** 50, source: Uint8Array.of(7) });
  t.equal(content.ref.length, 2 ** 50 + 1);
  await content.edit({ at: 2 ** 51 - 1, source: undefined });
  const reader = new ContentReader(content.store.contents, content.ref);
  t.same(reader.read(2 ** 50 - 1, 2 ** 50 + 2), Uint8Array.of(0, 7, 0));
  t.equal([...walkContent(content.store.blocks, content.ref)].length, 5);
  await content.edit({ at: 2 ** 49, source: undefined });
  await content.edit({ at: 10_000, source: undefined });
  t.ok(sameContent(content.ref, first));
  await t.rejects(content.edit({ at: 2 ** 51, source: undefined }), { code: 'REGALIA_RANGE' });
  const over = content.edit({ at: 2 ** 51 - 2, source: Uint8Array.of(1, 2) });
  await t.rejects(over, { code: 'REGALIA_RANGE' });
});
