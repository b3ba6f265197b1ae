/**
 * Editing the tree: removal, implied parents, moves and copies, their errors and price; and the
 * canonical form.
 */
import fc from 'fast-check';
import t from 'tap';
import { Regalia } from '../../src/index.js';
import { bytes, codeOf, keysOf, noise, put, textAt } from './setup.js';

t.test('removing the last child removes implied parents', async (t) => {
  await using store = await Regalia.memory();
  const empty = store.info().root;
  await put(store, { '/a/b/c/d': '1', '/a/x': '2' });
  await store.transact((tx) => tx.del('/a/b/c/d'));
  t.strictSame(keysOf(store.snapshot()), ['/', '/a', '/a/x']);
  await store.transact((tx) => tx.del('/a/x', 's'));
  t.strictSame(keysOf(store.snapshot()), ['/']);
  t.equal(store.info().root, empty, 'and nothing is left of them');
});

t.test('an entry with streams outlives its children, and a parent its streams', async (t) => {
  await using store = await Regalia.memory();
  await put(store, { '/a': 'own', '/a/b': 'child' });
  await store.transact((tx) => tx.del('/a', 's'));
  t.strictSame(keysOf(store.snapshot()), ['/', '/a', '/a/b']);
  await put(store, { '/a': 'own' });
  await store.transact((tx) => tx.del('/a/b'));
  t.strictSame(keysOf(store.snapshot()), ['/', '/a']);
});

t.test('removing and putting in one transaction happens in order', async (t) => {
  await using store = await Regalia.memory();
  await put(store, { '/a/b': '1', '/a/c': '2' });
  const tx = store.begin();
  tx.del('/a');
  t.equal(tx.get('/a/b', 's'), undefined);
  tx.put('/a/d', 's', bytes('3'));
  tx.put('/a/b', 's', bytes('4'));
  tx.del('/a/b');
  t.strictSame(keysOf(tx), ['/', '/a', '/a/d']);
  tx.put('/a/e', 's', bytes('5'));
  tx.del('/a/e', 's');
  tx.del('/');
  tx.put('/z', 's', bytes('last'));
  await tx.commit();
  t.strictSame(keysOf(store.snapshot()), ['/', '/z']);
});

t.test('moves take all that lies below, and say what they cannot do', async (t) => {
  await using store = await Regalia.memory();
  await put(store, { '/a': '0', '/a/b/c': '1', '/a/b/d': '2', '/e': '3' });
  const tx = store.begin();
  tx.move('/a/b', '/x/y/z');
  t.strictSame(keysOf(tx), ['/', '/a', '/e', '/x', '/x/y', '/x/y/z', '/x/y/z/c', '/x/y/z/d']);
  for (const verb of ['move', 'copy'] as const) {
    t.throws(() => tx[verb]('/no', '/new'), { code: 'REGALIA_MOVE' });
    t.throws(() => tx[verb]('/x', '/x/y/w'), { code: 'REGALIA_MOVE' });
    t.throws(() => tx[verb]('/x', '/x'), { code: 'REGALIA_MOVE' });
    t.throws(() => tx[verb]('/', '/new'), { code: 'REGALIA_MOVE' });
    t.throws(() => tx[verb]('/x', '/e'), { code: 'REGALIA_EXISTS' });
    t.throws(() => tx[verb]('/x/y/z', '/x/y'), { code: 'REGALIA_EXISTS' });
  }
  tx.move('/x/y/z/c', '/x/y/z/d/deeper');
  tx.copy('/x', '/copy');
  tx.put('/copy/y/z/d', 's', bytes('changed'));
  await tx.commit();
  const snapshot = store.snapshot();
  t.equal(textAt(snapshot, '/x/y/z/d'), '2');
  t.equal(textAt(snapshot, '/copy/y/z/d'), 'changed');
  t.equal(textAt(snapshot, '/copy/y/z/d/deeper'), '1');
  t.equal(snapshot.entry('/a/b'), undefined);
});

t.test(
  'a move or copy writes no more blocks for a large subtree than for a small one',
  async (t) => {
    const price = async (count: number, verb: 'move' | 'copy'): Promise<number> => {
      await using store = await Regalia.memory();
      await store.transact((tx) => {
        for (let i = 0; i < count; i++) tx.put(`/d/e/k${i}`, 's', noise(200, i + 1));
      });
      const before = store.stats().blocks;
      await store.transact((tx) => tx[verb]('/d/e', '/other/place/e'));
      t.equal(store.snapshot().entry('/other/place/e')?.totals.entries, count);
      return store.stats().blocks - before;
    };
    for (const verb of ['move', 'copy'] as const) {
      const [small, large] = [await price(300, verb), await price(20_000, verb)];
      t.ok(large <= small + 1 && large < 12, `${verb}: ${small} and ${large} blocks`);
    }
  },
);

t.test('totals count what lies below, and stats tell them', async (t) => {
  await using store = await Regalia.memory();
  await store.transact((tx) => {
    for (let i = 0; i < 1_000; i++) tx.put(`/d${i % 10}/k${i}`, 's', noise(10, i + 1));
    tx.put('/large', 's', noise(100_000));
  });
  const { entries, buckets, inlineBytes, referencedBytes, commits } = store.stats();
  t.match({ entries, buckets, commits }, { entries: 1_011, buckets: 0, commits: 2 });
  t.equal(inlineBytes, 10_000);
  t.equal(referencedBytes, 100_000);
  t.strictSame(store.snapshot().entry('/d3')?.totals, { entries: 100, buckets: 0, bytes: 1_000 });
});

interface Put {
  readonly key: string;
  readonly stream: string;
  readonly contents: Uint8Array;
}

const puts = fc.array(
  fc.record({
    key: fc
      .array(fc.constantFrom('a', 'b', 'c', 'x'.repeat(90)), { minLength: 1, maxLength: 4 })
      .map((names) => `/${names.join('/')}`),
    stream: fc.constantFrom('s', 'u', 'acl'),
    contents: fc
      .tuple(fc.constantFrom(0, 3, 100, 512, 513, 2_000), fc.nat(5))
      .map(([length, seed]) => noise(length, seed + 1)),
  }),
  { maxLength: 40 },
);

/** The last put of each stream. */
function final(list: readonly Put[]): Put[] {
  return [...new Map(list.map((put) => [`${put.key} ${put.stream}`, put])).values()];
}

t.test('equal contents have equal roots, whatever led there', async (t) => {
  const property = fc.asyncProperty(puts, fc.integer(), async (list, seed) => {
    const rules = { streams: { acl: { inlineMax: 8_192 } } };
    await using straight = await Regalia.memory(rules);
    await using winding = await Regalia.memory(rules);
    await straight.transact((tx) => {
      for (const { key, stream, contents } of final(list)) tx.put(key, stream, contents);
    });
    const shuffled = final(list)
      .map((put, i) => ({ put, rank: noise(4, seed ^ (i + 1))[2] as number }))
      .sort((a, b) => a.rank - b.rank);
    let tx = winding.begin();
    for (const [i, { put, rank }] of shuffled.entries()) {
      if (rank % 3 === 0) tx.put(put.key, put.stream, noise(rank * 3));
      if (rank % 4 === 0) tx.put(`${put.key}/gone`, 's', noise(rank));
      tx.put(put.key, put.stream, put.contents);
      if (i % 5 === 4) {
        await tx.commit();
        tx = winding.begin();
      }
    }
    await tx.commit();
    await winding.transact((tx) => {
      for (const { key } of final(list)) tx.del(`${key}/gone`);
      if (list.length === 0) return;
      tx.put('/aside', 's', bytes('x'));
      tx.move('/aside', '/elsewhere');
      tx.del('/elsewhere');
    });
    t.equal(winding.info().root, straight.info().root);
  });
  await fc.assert(property, { numRuns: 80 });
});

t.test('hash algorithms make other addresses of the same form', async (t) => {
  await using store = await Regalia.memory({ hash: 'blake3' });
  await put(store, { '/a': '1' });
  t.match(store.info().root, /^blake3:[0-9a-f]{64}$/);
  t.equal(textAt(store.snapshot(), '/a'), '1');
  t.equal(await codeOf(Regalia.memory({ hash: 'md5' as 'sha256' })), 'REGALIA_OPTION');
});
