/**
 * Manifests from anybody: what does not follow the format is refused, what contradicts itself is
 * found on reading, and nothing takes memory or time that its bytes do not pay for.
 */
import fc from 'fast-check';
import t from 'tap';
import { type Address, addressOf, sameAddress } from '../../src/blocks/address.js';
import { BodyWriter } from '../../src/blocks/body.js';
import { chunkBytes, writeChunk } from '../../src/chunks/chunk.js';
import type { ContentRef } from '../../src/chunks/content.js';
import { ContentStore } from '../../src/chunks/content-store.js';
import {
  type Child,
  decodeManifest,
  type Hole,
  linkManifest,
  Manifest,
  type Part,
  writeManifest,
} from '../../src/chunks/manifest.js';
import { ContentReader } from '../../src/chunks/reader.js';
import { SHA256 } from '../../src/ground/block-header.js';
import { copyBytes, equalBytes, hex } from '../../src/ground/bytes.js';
import { isRegaliaError } from '../../src/ground/errors.js';
import { CONTENT_BYTES_MAX, MANIFEST_CHILDREN_MAX } from '../../src/ground/limits.js';
import { ByteWriter } from '../../src/ground/writer.js';
import { walkContent } from '../../src/reach/content-walk.js';
import { CountedReads, contentChildren, noise, Store } from './setup.js';

/** Header, level and count, then children of a varint and a digest. */
const MANIFEST_BYTES_MAX = 4 + 2 + MANIFEST_CHILDREN_MAX * (8 + 32);

const FORMAT = { code: 'REGALIA_FORMAT' };
const MIB = 1_048_576;

/** An address that ends no node, or one that does. */
function madeAddress(seed: number, ends = false): Address {
  const address = noise(33, seed * 7_919 + 1);
  address[0] = SHA256;
  address[1] = ends ? 3 : (address[1] as number) | 0x80;
  return address;
}

function madeChildren(count: number, length = 10): Child[] {
  return Array.from({ length: count }, (_, i) => ({ address: madeAddress(i), id: i + 1, length }));
}

function holeOf(length: number): Hole {
  return { address: undefined, length };
}

interface Parts {
  head?: number[];
  level?: number;
  count?: number;
  children?: readonly (Pick<Child, 'address' | 'length'> | Hole)[];
  tail?: number[];
}

function plainOf({
  head = [4, 1, SHA256],
  level = 1,
  children = [],
  count,
  tail = [],
}: Parts): Uint8Array {
  const writer = new ByteWriter();
  for (const byte of head) writer.u8(byte);
  writer.u8(level).varint(count ?? children.length);
  for (const { address, length } of children) {
    writer.varint(length * 2 + (address === undefined ? 1 : 0));
    if (address !== undefined) writer.bytes(address.subarray(1));
  }
  for (const byte of tail) writer.u8(byte);
  return writer.finish();
}

/** Stages any block, honest or not. */
function stage(store: Store, plain: Uint8Array, ids: readonly number[] = []): ContentRef {
  const body = new BodyWriter();
  linkManifest(body, plain, ids);
  const address = addressOf(SHA256, plain);
  return { address, id: store.writer.put(body, plain.length, address), length: 0 };
}

async function stagedChunk(store: Store, length: number, seed: number): Promise<Child> {
  return store.put(noise(length, seed), MIB);
}

t.test('a manifest decodes to what was written', async () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 11 }),
      fc.array(fc.integer({ min: 1, max: MIB }), {
        minLength: 1,
        maxLength: MANIFEST_CHILDREN_MAX,
      }),
      (level, lengths) => {
        const children = lengths.map((length, i) => ({
          address: madeAddress(i),
          id: 2 ** 40 + i,
          length,
        }));
        const body = new BodyWriter();
        const plainLength = writeManifest(body, SHA256, level, children);
        const manifest = new Manifest(copyBytes(body.buffer.subarray(0, body.length)), plainLength);
        const same = children.every((child, i) => {
          const found = manifest.part(i) as Child;
          return (
            sameAddress(found.address, child.address) &&
            found.id === child.id &&
            found.length === child.length
          );
        });
        const offsets = [0, manifest.length - 1, Math.floor(manifest.length / 2)];
        const found = offsets.every((offset) => {
          const index = manifest.indexAt(offset);
          return manifest.startOf(index) <= offset && offset < (manifest.ends[index] as number);
        });
        return same && found && manifest.level === level && plainLength <= MANIFEST_BYTES_MAX;
      },
    ),
  );
});

t.test('a manifest of chunks and holes decodes to what was written', async () => {
  const part = fc.record({
    length: fc.integer({ min: 1, max: MIB }),
    hole: fc.option(fc.integer({ min: 65_536, max: 2 ** 42 }), { nil: undefined }),
  });
  fc.assert(
    fc.property(fc.array(part, { minLength: 1, maxLength: 128 }), (rows) => {
      const parts: Part[] = rows.flatMap(({ length, hole }, i) => [
        { address: madeAddress(i), id: i + 1, length },
        ...(hole === undefined ? [] : [holeOf(hole)]),
      ]);
      const body = new BodyWriter();
      const plainLength = writeManifest(body, SHA256, 1, parts);
      const manifest = new Manifest(copyBytes(body.buffer.subarray(0, body.length)), plainLength);
      return parts.every((one, i) => {
        const found = manifest.part(i) as Child;
        if (one.address === undefined) return manifest.isHole(i) && found.length === one.length;
        const same = found.address !== undefined && sameAddress(found.address, one.address);
        return same && found.length === one.length && manifest.id(i) === one.id;
      });
    }),
  );
});

t.test('each kind of malformed manifest is refused', async (t) => {
  const two = madeChildren(2);
  const [first, second] = two as [Child, Child];
  const ended = madeChildren(40).map((c, i) =>
    i === 35 ? { ...c, address: madeAddress(i, true) } : c,
  );
  const bad: Record<string, Parts> = {
    'another kind': { head: [3, 1, SHA256], children: two },
    'an unknown algorithm': { head: [4, 1, 9], children: two },
    'level 0': { level: 0, children: two },
    'a level above 11': { level: 12, children: two },
    'no children': { children: [] },
    'too many children': { children: madeChildren(MANIFEST_CHILDREN_MAX + 1) },
    'a count above its bytes': { children: two, count: 3 },
    'a huge count': { children: two, count: 2 ** 50 },
    'a count below its bytes': { children: two, count: 1 },
    'bytes behind the end': { children: two, tail: [0] },
    'a length of zero': { children: [first, { ...second, length: 0 }] },
    'a chunk that is too long': { children: [first, { ...second, length: MIB + 1 }] },
    'a sum above 2^51': { level: 2, children: [first, { ...second, length: CONTENT_BYTES_MAX }] },
    'a sum of holes above 2^51': { children: [holeOf(CONTENT_BYTES_MAX), first] },
    'a length above 2^51': {
      level: 2,
      children: [first, { ...second, length: CONTENT_BYTES_MAX + 1 }],
    },
    'a hole that is too short': { children: [first, holeOf(65_535)] },
    'a hole of no length': { children: [first, holeOf(0)] },
    'a hole that is too long': { children: [holeOf(CONTENT_BYTES_MAX + 1)] },
    'two holes side by side': { children: [first, holeOf(65_536), holeOf(65_536)] },
    'a hole among manifests': { level: 2, children: [first, holeOf(65_536)] },
    'a digest behind a hole': { children: [holeOf(65_536)], tail: [...second.address.subarray(1)] },
    'a child that should have ended the node': { children: ended },
  };
  for (const [name, parts] of Object.entries(bad)) {
    t.throws(() => decodeManifest(plainOf(parts)), FORMAT, name);
  }
  t.throws(() => decodeManifest(plainOf({ head: [4, 2, SHA256], children: two })), {
    code: 'REGALIA_VERSION',
  });
  t.equal(decodeManifest(plainOf({ children: ended.slice(0, 36) })).ended, true);
  t.equal(decodeManifest(plainOf({ children: two })).ended, false);
  const long = [...ended.slice(0, 35), holeOf(65_536)];
  t.equal(decodeManifest(plainOf({ children: long })).ended, false, 'a hole ends no node');
  const full = madeChildren(255);
  t.equal(decodeManifest(plainOf({ children: [...full, holeOf(65_536)] })).ended, true);
});

t.test('a cut or flipped manifest is refused or differs, never anything else', async (t) => {
  const [a, b, c] = madeChildren(3, 3_000) as [Child, Child, Child];
  const plain = plainOf({ children: [a, holeOf(70_000), b, c, holeOf(2 ** 40)] });
  for (let length = 0; length < plain.length; length++) {
    t.throws(() => contentChildren(plain.subarray(0, length)), FORMAT);
  }
  for (let bit = 0; bit < plain.length * 8; bit++) {
    const flipped = copyBytes(plain);
    flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7));
    try {
      contentChildren(flipped);
    } catch (error) {
      if (!isRegaliaError(error, 'REGALIA_FORMAT') && !isRegaliaError(error, 'REGALIA_VERSION'))
        throw error;
    }
  }
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), fc.constantFrom(3, 4), (bytes, kind) => {
      const block = Uint8Array.from([kind, 1, SHA256, ...bytes]);
      try {
        contentChildren(block);
        return true;
      } catch (error) {
        return isRegaliaError(error, 'REGALIA_FORMAT');
      }
    }),
  );
});

t.test('chunks are of one byte to a mebibyte', async (t) => {
  t.throws(() => chunkBytes(Uint8Array.of(3, 1, SHA256)), FORMAT);
  t.throws(() => chunkBytes(Uint8Array.of(3, 1)), FORMAT);
  t.throws(() => chunkBytes(Uint8Array.of(4, 1, SHA256, 1)), FORMAT);
  t.throws(() => chunkBytes(Uint8Array.of(3, 2, SHA256, 1)), { code: 'REGALIA_VERSION' });
  t.throws(() => chunkBytes(Uint8Array.of(3, 1, 0, 1)), FORMAT);
  const long = new Uint8Array(MIB + 4).fill(1);
  long.set([3, 1, SHA256]);
  t.throws(() => chunkBytes(long), FORMAT);
  t.equal(chunkBytes(long.subarray(0, MIB + 3)).length, MIB);
  for (const at of [3, 70_001, MIB + 3 - 65_536]) {
    const holed = long.slice(0, MIB + 3).fill(0, at, at + 65_536);
    t.throws(() => chunkBytes(holed), FORMAT, 'zeros that are a hole');
    holed[at + 30_000] = 1;
    t.equal(chunkBytes(holed).length, MIB);
  }
  t.equal(chunkBytes(Uint8Array.of(3, 1, SHA256, ...new Uint8Array(65_535))).length, 65_535);
  const body = new BodyWriter();
  t.throws(() => writeChunk(body, SHA256, long, 0, 0), /1 to/);
  t.throws(() => writeChunk(body, SHA256, long, 0, MIB + 1), /1 to/);
});

t.test('blocks that contradict each other are found on reading', async (t) => {
  const store = new Store();
  await store.blocks.reserve(500);
  const a = await stagedChunk(store, 10, 1);
  const b = await stagedChunk(store, 20, 2);
  const node = (level: number, children: readonly Part[]): Child => {
    const plain = plainOf({ level, children });
    let length = 0;
    for (const child of children) length += child.length;
    return {
      ...stage(
        store,
        plain,
        children.map((child) => ('id' in child ? (child.id ?? 0) : 0)),
      ),
      length,
    };
  };
  const good = node(1, [a, b]);
  const lies: Record<string, ContentRef> = {
    'a reference that is too long': { ...good, length: 31 },
    'a reference to a chunk that is too long': { ...a, length: 11 },
    'a chunk that is shorter': node(1, [{ ...a, length: 11 }, b]),
    'a chunk that is longer': node(1, [a, { ...b, length: 19 }]),
    'a manifest that is shorter': node(2, [good, { ...good, length: 31 }]),
    'a manifest where a chunk should be': node(1, [good, a]),
    'a chunk where a manifest should be': node(2, [a, b]),
    'a level that falls by two': node(3, [good, good]),
    'a level that does not fall': node(1, [good, good]),
    'a single child at the top': node(1, [a]),
    'a hole alone in a tree': node(2, [node(1, [holeOf(65_536)])]),
    'a hole that is longer than told': { ...node(1, [holeOf(65_536)]), length: 65_535 },
    'a hole at the top, and of zeros no chunk': node(2, [node(1, [holeOf(65_536)]), a]),
    'a node that ends early': node(2, [good, good]),
  };
  for (const [name, ref] of Object.entries(lies)) {
    const reader = new ContentReader(store.contents, ref);
    t.throws(() => reader.read(), FORMAT, name);
    const walk = (): unknown => {
      for (const block of walkContent(store.blocks, ref)) {
        const { bytes, start, plainLength } = store.blocks.read(block.id, block.address, 'block');
        contentChildren(bytes.subarray(start, start + plainLength));
        if (plainLength !== block.plainLength) throw Object.assign(new Error(name), FORMAT);
        // A walk names chunks without reading them: its caller compares kind and length.
        if (bytes[start] !== block.kind) throw Object.assign(new Error(name), FORMAT);
      }
      return undefined;
    };
    t.throws(walk, FORMAT, name);
  }
  t.equal(new ContentReader(store.contents, good).read().length, 30);
  const hole = new ContentReader(store.contents, node(1, [holeOf(65_536)]));
  t.ok(equalBytes(hole.read(), new Uint8Array(65_536)), 'a hole alone');
});

t.test('missing and damaged blocks have codes of their own', async (t) => {
  const store = new Store();
  const bytes = noise(1_000, 8);
  const ref = await store.put(bytes, 4);
  t.throws(() => new ContentReader(new Store().contents, ref).read(), { code: 'REGALIA_MISSING' });
  const reads = new CountedReads(store.blocks);
  const { read } = reads;
  reads.read = (id, address, what) => {
    if (what === 'chunk') throw Object.assign(new Error('damaged'), { code: 'REGALIA_CORRUPT' });
    return read.call(reads, id, address, what);
  };
  const damaged = new ContentReader(new ContentStore(reads), ref);
  t.throws(() => damaged.read(), { code: 'REGALIA_CORRUPT' });
});

t.test('links that are lost or wrong cost time, not the content', async (t) => {
  const store = new Store();
  const bytes = noise(400, 6);
  const ref = await store.put(bytes, 4);
  const { bytes: body, start, plainLength } = store.blocks.read(ref.id, ref.address, 'manifest');
  const plain = body.slice(start, start + plainLength);
  await store.land();
  const unlinked = { ...stage(store, plain), length: 400 };
  t.ok(equalBytes(new ContentReader(store.contents, unlinked).read(), bytes), 'no links');
  const count = decodeManifest(plain).count;
  const wrong = { ...stage(store, plain, new Array(count).fill(123_456_789)), length: 400 };
  t.ok(equalBytes(new ContentReader(store.contents, wrong).read(), bytes), 'wrong links');
});

t.test('a walk yields every block, children first, and prunes what is skipped', async (t) => {
  const store = new Store();
  const ref = await store.put(noise(40_000, 12), 4);
  const done = new Set<string>();
  let last: string | undefined;
  for (const { address, id, kind, plainLength } of walkContent(store.blocks, ref)) {
    const body = store.blocks.read(id, address, 'block');
    const plain = body.bytes.slice(body.start, body.start + body.plainLength);
    if (plain.length !== plainLength || plain[0] !== kind) t.fail(`block ${id} is another one`);
    for (const child of contentChildren(plain)) {
      if (!done.has(hex(child.address))) t.fail('a child comes before its parent');
    }
    last = hex(address);
    done.add(last);
  }
  t.equal(last, hex(ref.address));
  t.equal(done.size, store.writer.blockCount);
  t.strictSame([...walkContent(store.blocks, ref, { skip: () => true })], []);
  const manifests = [
    ...walkContent(store.blocks, ref, {
      skip: (a) => done.has(hex(a)) && !sameAddress(a, ref.address),
    }),
  ];
  t.equal(manifests.length, 1);
});
