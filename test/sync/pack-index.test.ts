/**
 * The index of a pack: every key of the wanted trees, searched without a block being read, and
 * refused where it is not what the pack's end says or where the sender lies.
 */
import t from 'tap';
import { concatBytes } from '../../src/ground/bytes.js';
import { isRegaliaError } from '../../src/ground/errors.js';
import { openPackIndex, type PackBytes, type PackIndex } from '../../src/index.js';
import {
  decodeTrailer,
  encodeFrame,
  encodeTrailer,
  FRAME_HEAD,
  FRAME_TAIL,
  FrameType,
  TRAILER_FRAME,
} from '../../src/sync/pack-format.js';
import { transducerOf } from '../kernels/transducers.js';
import { bytes } from '../store/setup.js';
import { headOf, pack, seededStore, variedStore } from './setup.js';

function bytesOf(packed: Uint8Array): PackBytes {
  return { size: packed.length, read: (at, length) => packed.slice(at, at + length) };
}

function open(packed: Uint8Array, bytesMax?: number): Promise<PackIndex> {
  return openPackIndex(bytesOf(packed), { bytesMax });
}

async function found(index: PackIndex, pattern: string, options = {}): Promise<string[]> {
  const keys: string[] = [];
  for await (const key of index.find(pattern, options)) keys.push(key);
  return keys;
}

function trailerOf(packed: Uint8Array) {
  return decodeTrailer(packed.slice(packed.length - TRAILER_FRAME + FRAME_HEAD, -FRAME_TAIL));
}

/** The pack with another index, of these frames. */
function forged(packed: Uint8Array, ...frames: Uint8Array[]): Uint8Array {
  const trailer = trailerOf(packed);
  const before = concatBytes([packed.slice(0, trailer.indexAt), ...frames]);
  const length = before.length + TRAILER_FRAME;
  const end = encodeFrame(FrameType.trailer, encodeTrailer({ ...trailer, length }));
  return concatBytes([before, end]);
}

t.test('the index has every key of the tree, buckets within included', async (t) => {
  const store = await variedStore();
  const expected = [...store.snapshot().walk('/')]
    .map(({ key }) => key)
    .filter((key) => key !== '/');
  const index = await open(await pack({ store }));
  t.strictSame(await found(index, '**'), expected);
  t.equal(index.size, expected.length);
  t.equal(index.has('/inner/core/y'), true);
  t.equal(index.has(['inner', 'core', 'z']), false);
  t.equal(index.has('/'), false);
  t.throws(() => index.has('inner'), { code: 'REGALIA_KEY' });
});

t.test('keys are in order although names have bytes below the separator', async (t) => {
  const store = await seededStore();
  await store.transact((tx) => {
    for (const key of ['/a', '/a-b', '/a/b', '/a b', '/a/b/c', '/a.b', '/b', '/a\u00e9/x']) {
      tx.put(key, 's', bytes(key));
    }
  });
  const expected = [...store.snapshot().walk('/')]
    .map(({ key }) => key)
    .filter((key) => key !== '/');
  t.strictSame(await found(await open(await pack({ store })), '**'), expected);
});

t.test('keys of several branches are each in once', async (t) => {
  const store = await seededStore();
  await store.transact((tx) => {
    for (let i = 0; i < 900; i++) tx.put(`/f${i}`, 's', bytes('x'));
  });
  const side = await store.fork('side');
  await side.transact((tx) => tx.put('/only', 's', bytes('side')));
  await store.transact((tx) => tx.del('/f7'));
  const wants = ['main', 'side'].map((branch) => ({ branch, commit: headOf(store, branch) }));
  const index = await open(await pack({ store, wants }));
  t.equal(index.size, 901);
  t.ok(index.has('/f7'));
  t.ok(index.has('/only'));
});

t.test('a search finds in a pack what it finds in the store', async (t) => {
  const store = await variedStore();
  const index = await open(await pack({ store }));
  for (const [pattern, options] of [
    ['/wid?', {}],
    ['/inner/**', {}],
    ['/inner', { prefix: true }],
    ['files/f{1,2[0-5]}*', {}],
    ['x', {}],
    ['/files/f10', { edits: 1 }],
    ['/**/f*', { limit: 3 }],
    ['/none', {}],
  ] as const) {
    const expected = [...store.snapshot().find(pattern, options)].map(({ key }) => key);
    t.strictSame(await found(index, pattern, options), expected, pattern);
  }
  t.strictSame(await found(index, '/inner/**'), ['/inner/core', '/inner/core/y', '/inner/x']);
});

t.test('a search can be aborted', async (t) => {
  const index = await open(await pack({ store: await variedStore() }));
  const signal = AbortSignal.abort();
  await t.rejects(found(index, '**', { signal }), { code: 'REGALIA_ABORTED' });
});

t.test('a delta has none unless it is asked for', async (t) => {
  const store = await variedStore();
  const haves = [headOf(store)];
  await t.rejects(open(await pack({ store, haves })), { code: 'REGALIA_NOT_FOUND' });
  t.ok((await open(await pack({ store, haves, index: true }))).size > 0);
  await t.rejects(open(await pack({ store, index: false })), { code: 'REGALIA_NOT_FOUND' });
});

t.test('an empty tree has an empty index', async (t) => {
  const index = await open(await pack({ store: await seededStore() }));
  t.equal(index.size, 0);
  t.strictSame(await found(index, '**'), []);
});

t.test('a pack that is cut, flipped or too large for the caller is refused', async (t) => {
  const packed = await pack({ store: await variedStore() });
  for (let at = trailerOf(packed).indexAt; at < packed.length; at += 3) {
    const flipped = packed.slice();
    flipped[at] = (flipped[at] as number) ^ 4;
    try {
      await open(flipped);
      t.fail(`a flip at ${at}`);
    } catch (error) {
      if (!isRegaliaError(error, 'REGALIA_PACK')) throw error;
    }
  }
  for (const length of [0, 1, 50, packed.length - 1]) {
    await t.rejects(open(packed.subarray(0, length)), { code: 'REGALIA_PACK' });
  }
  await t.rejects(open(packed, 10), { code: 'REGALIA_PACK' });
});

t.test('an index that a sender made up costs no more than its bytes', async (t) => {
  const packed = await pack({ store: await variedStore() });
  const frame = (...body: number[]) => encodeFrame(FrameType.index, Uint8Array.from(body));
  const keys = (...names: string[]) =>
    encodeFrame(FrameType.index, transducerOf(names.map((name) => bytes(name))));
  t.strictSame(await found(await open(forged(packed, keys('a\0b'))), '**'), ['/a/b']);
  // Names that are none are not passed on as keys.
  for (const name of ['a/b', '..', 'a\0\0b', '\0a', 'a\0', 'x'.repeat(256)]) {
    const index = await open(forged(packed, keys(name)));
    await t.rejects(found(index, '**'), { code: 'REGALIA_PACK' }, JSON.stringify(name));
  }
  await t.rejects(open(forged(packed)), { code: 'REGALIA_FORMAT' }, 'no transducer');
  await t.rejects(open(forged(packed, encodeFrame(FrameType.blocks, bytes('x')))), {
    code: 'REGALIA_PACK',
  });
  const long = encodeFrame(FrameType.index, new Uint8Array(131_073));
  await t.rejects(open(forged(packed, long)), { code: 'REGALIA_PACK' }, 'too long a part');
  // Two ways at each of 200 bytes, 2^201 keys, said to be 2^32 - 1.
  const level = [1, 6, 6, 0x61, 0x62, 0x02];
  const states = [1, 0, 0, 0x61, 0x62, 0x02, ...Array(200).fill(level).flat()];
  const index = await open(forged(packed, frame(...states, 255, 255, 255, 255, 0x14)));
  t.equal(index.size, 2 ** 32 - 1);
  t.strictSame(await found(index, '/c*'), [], 'no way there');
  await t.rejects(found(index, '**'), { code: 'REGALIA_FORMAT' });
  const reads: number[] = [];
  const { size } = bytesOf(packed);
  const read = (at: number, length: number) => {
    reads.push(length);
    return packed.slice(at, at + length);
  };
  await openPackIndex({ size, read });
  t.ok(reads.reduce((sum, length) => sum + length, 0) < size - trailerOf(packed).indexAt + 99);
});

t.test('a key that grew too long by a move is left out, and the pack is whole', async (t) => {
  const store = await seededStore();
  const names = (letter: string, count: number) => `/${letter.repeat(200)}`.repeat(count);
  await store.transact((tx) => tx.put(names('x', 15), 's', bytes('deep')));
  await store.transact((tx) => tx.move(names('x', 1), names('y', 10)));
  const packed = await pack({ store });
  const index = await open(packed);
  t.equal(index.has(names('y', 10)), true);
  t.equal(index.size, 20);
});
