/**
 * The index of a pack: every key of the wanted trees, searched without a block being read, and
 * refused where it is not what the pack's end says.
 */
import t from 'tap';
import { isRegaliaError } from '../../src/ground/errors.js';
import { nameText } from '../../src/ground/text.js';
import { glob, prefix } from '../../src/kernels/automata.js';
import type { Fst } from '../../src/kernels/fst.js';
import { indexKey, indexNames, openPackIndex, readPackTrailer } from '../../src/sync/pack-index.js';
import { parseKey } from '../../src/tree/key.js';
import { bytes } from '../store/setup.js';
import { headOf, pack, seededStore, variedStore } from './setup.js';

function open(packed: Uint8Array): Promise<Fst | undefined> {
  return openPackIndex((at, length) => packed.slice(at, at + length), packed.length);
}

function keysIn(index: Fst | undefined): string[] {
  return Array.from(index?.names() ?? [], (key) => {
    return `/${indexNames(key)
      .map((name) => nameText(name))
      .join('/')}`;
  });
}

t.test('the index holds every key of the tree, buckets within included', async (t) => {
  const store = await variedStore();
  const expected = [...store.snapshot().walk('/')]
    .map(({ key }) => key)
    .filter((key) => key !== '/');
  const index = await open(await pack({ store }));
  t.strictSame(keysIn(index), expected);
  t.equal(index?.find(indexKey(parseKey('/inner/core/y'))) === -1, false);
  t.equal(index?.find(indexKey(parseKey('/inner/core/z'))), -1);
});

t.test('keys are in order although names hold bytes below the separator', async (t) => {
  const store = await seededStore();
  await store.transact((tx) => {
    for (const key of ['/a', '/a-b', '/a/b', '/a b', '/a/b/c', '/a.b', '/b', '/a\u00e9/x']) {
      tx.put(key, 's', bytes(key));
    }
  });
  const expected = [...store.snapshot().walk('/')]
    .map(({ key }) => key)
    .filter((key) => key !== '/');
  t.strictSame(keysIn(await open(await pack({ store }))), expected);
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
  t.equal(index?.size, 901);
  t.not(index?.find(bytes('f7')), -1);
  t.not(index?.find(bytes('only')), -1);
});

t.test('names are searched by prefix and by pattern', async (t) => {
  const index = (await open(await pack({ store: await variedStore() }))) as Fst;
  const found = Array.from(index.search(prefix(bytes('inner\0'))), ({ name }) => name);
  t.equal(found.length, 3);
  t.equal([...index.search(glob('wid?'))].length, 1);
});

t.test('a delta has none unless it is asked for', async (t) => {
  const store = await variedStore();
  const haves = [headOf(store)];
  t.equal(await open(await pack({ store, haves })), undefined);
  t.not(await open(await pack({ store, haves, index: true })), undefined);
  t.equal(await open(await pack({ store, index: false })), undefined);
});

t.test('an empty tree has an empty index', async (t) => {
  const index = await open(await pack({ store: await seededStore() }));
  t.equal(index?.size, 0);
});

t.test('a pack that is cut, flipped or too large for the caller is refused', async (t) => {
  const packed = await pack({ store: await variedStore() });
  const { indexAt } = await readPackTrailer(
    (at, length) => packed.slice(at, at + length),
    packed.length,
  );
  for (let at = indexAt; at < packed.length; at += 3) {
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
  const read = (at: number, length: number): Uint8Array => packed.slice(at, at + length);
  await t.rejects(openPackIndex(read, packed.length, 10), { code: 'REGALIA_PACK' });
});
