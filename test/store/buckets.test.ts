/** Buckets: subtrees with logs, branches and identities of their own. */
import t from 'tap';
import { headsRefOf } from '../../src/commit/line.js';
import { hex } from '../../src/ground/bytes.js';
import { type Bucket, Regalia } from '../../src/index.js';
import { allHeads } from '../../src/log/heads.js';
import { scopeOf } from '../../src/store/bucket.js';
import { bytes, keysOf, put, textAt } from './setup.js';

function messages(bucket: Bucket): string[] {
  return [...bucket.log()].map(({ message }) => message);
}

async function nested(): Promise<Regalia> {
  const store = await Regalia.memory();
  await store.transact(
    (tx) => {
      tx.put('/out', 's', bytes('0'));
      tx.put('/b/kept', 's', bytes('1'));
      tx.createBucket('/b');
      tx.createBucket('/b/c');
      tx.createBucket('/e');
    },
    { message: 'made' },
  );
  return store;
}

t.test('a commit within enters the logs of all buckets around it', async (t) => {
  await using store = await nested();
  await put(store, { '/b/c/x': '1' }, 'deep');
  await put(store, { '/b/y': '1' }, 'middle');
  await put(store, { '/z': '1' }, 'outer');
  await store.bucket('/b').transact((tx) => tx.put('/own', 's', bytes('1')), { message: 'own' });
  t.strictSame(messages(store), ['own', 'outer', 'middle', 'deep', 'made', 'init']);
  t.strictSame(messages(store.bucket('/b')), ['own', 'middle', 'deep', 'made']);
  t.strictSame(messages(store.bucket('/b/c')), ['deep', 'made']);
  t.strictSame(messages(store.bucket('/e')), ['made']);
  const inner = store.bucket('/b').bucket('/c');
  t.equal(inner.key, '/b/c');
  t.strictSame(keysOf(store.bucket('/b').snapshot()), ['/', '/c', '/c/x', '/kept', '/own', '/y']);
  t.equal(textAt(inner.snapshot(), '/x'), '1');
});

t.test('a bucket survives its move, with its log and its id', async (t) => {
  await using store = await nested();
  const inner = store.bucket('/b/c');
  const { id } = inner;
  await put(store, { '/b/c/x': '1' }, 'before');
  await store.transact((tx) => tx.move('/b/c', '/e/f/g'), { message: 'move' });
  t.equal(store.snapshot().entry('/e/f/g')?.bucket, id);
  t.equal(inner.key, '/e/f/g', 'a handle follows');
  await inner.transact((tx) => tx.put('/y', 's', bytes('1')), { message: 'after' });
  t.strictSame(messages(inner), ['after', 'before', 'made']);
  t.strictSame(messages(store.bucket('/e')), ['after', 'move', 'made']);
  t.strictSame(messages(store.bucket('/b')), ['move', 'before', 'made']);
  await store.transact((tx) => tx.move('/e', '/b/e'));
  t.equal(inner.key, '/b/e/f/g');
  t.strictSame(keysOf(inner.snapshot()), ['/', '/x', '/y']);
});

t.test('keys of a bucket are its own, in transactions too', async (t) => {
  await using store = await nested();
  const tx = store.bucket('/b').begin();
  tx.put('/x/y', 's', bytes('1'));
  t.strictSame(keysOf(tx), ['/', '/c', '/kept', '/x', '/x/y']);
  t.equal(tx.entry('/x/y')?.key, '/x/y');
  t.strictSame(
    [...tx.children('/x')].map(({ key }) => key),
    ['/x/y'],
  );
  t.equal(textAt(tx, '/kept'), '1');
  await tx.commit();
  t.equal(textAt(store.snapshot(), '/b/x/y'), '1');
});

t.test('totals span buckets', async (t) => {
  await using store = await nested();
  await put(store, { '/b/c/x': '123', '/e/y': '12345' });
  t.strictSame(store.snapshot().entry('/')?.totals, { entries: 7, buckets: 3, bytes: 10 });
  t.strictSame(store.snapshot().entry('/b')?.totals, { entries: 3, buckets: 1, bytes: 4 });
});

t.test('a bucket is emptied, restored and removed', async (t) => {
  await using store = await nested();
  const before = await put(store, { '/b/c/x': '1', '/b/y': '1' }, 'filled');
  const bucket = store.bucket('/b');
  const { commit: then } = bucket.info();
  await bucket.transact((tx) => tx.del('/'), { message: 'emptied' });
  t.strictSame(keysOf(store.snapshot()), ['/', '/b', '/e', '/out'], 'it stays a bucket');
  await bucket.restore(then);
  t.strictSame(keysOf(bucket.snapshot()), ['/', '/c', '/c/x', '/kept', '/y']);
  t.equal(bucket.snapshot().root, bucket.snapshot(then).root);
  t.equal(textAt(store.bucket('/b/c').snapshot(), '/x'), '1');
  await put(store, { '/b/c/x': '2' }, 'changed');
  await store.restore(before, '/b');
  t.equal(textAt(store.bucket('/b/c').snapshot(), '/x'), '1', 'what lies within goes along');
  t.equal(messages(store.bucket('/b/c'))[0]?.startsWith('restore'), true);
  await store.transact((tx) => tx.del('/b'));
  t.throws(() => bucket.snapshot(), { code: 'REGALIA_NOT_FOUND' });
  t.throws(() => store.bucket('/b'), { code: 'REGALIA_NOT_FOUND' });
  await store.restore(before, '/b');
  t.strictSame(keysOf(bucket.snapshot()), ['/', '/c', '/c/x', '/kept', '/y']);
  await store.transact((tx) => tx.move('/b', '/elsewhere'));
  await store.restore(before, '/b');
  t.strictSame(keysOf(store.snapshot(), '/b'), ['/b', '/b/c', '/b/c/x', '/b/kept', '/b/y']);
  t.equal(store.snapshot().entry('/elsewhere'), undefined, 'and is never there twice');
});

t.test('buckets made, moved and edited in one transaction keep to their logs', async (t) => {
  await using store = await nested();
  await store.transact(
    (tx) => {
      tx.put('/b/c/x', 's', bytes('1'));
      tx.move('/b/c', '/e/c');
      tx.put('/e/c/y', 's', bytes('1'));
      tx.createBucket('/around');
      tx.move('/e', '/around/e');
      tx.createBucket('/gone');
      tx.del('/gone');
    },
    { message: 'much' },
  );
  for (const key of ['/around', '/around/e', '/around/e/c', '/b']) {
    t.equal(messages(store.bucket(key))[0], 'much', key);
    const here = store.bucket(key).snapshot();
    t.equal(here.entry('/')?.totals.entries, store.snapshot().entry(key)?.totals.entries);
  }
  t.strictSame(keysOf(store.bucket('/around/e/c').snapshot()), ['/', '/x', '/y']);
});

t.test('a bucket is made around another one that is removed at once', async (t) => {
  await using store = await nested();
  await store.transact((tx) => {
    tx.put('/d/x', 's', bytes('1'));
    tx.move('/b', '/d/b');
  });
  await store.transact((tx) => {
    tx.createBucket('/d');
    tx.del('/d/b');
  });
  const { core, line } = scopeOf(store);
  const heads = [...allHeads(core.cache, headsRefOf(line.stored()))];
  const buckets = ['/d', '/e'].map((key) => store.bucket(key).id);
  t.strictSame(heads.map(({ bucket }) => hex(bucket)).sort(), buckets.sort());
});

t.test('what buckets refuse', async (t) => {
  await using store = await nested();
  const tx = store.begin();
  t.throws(() => tx.createBucket('/b'), { code: 'REGALIA_EXISTS' });
  t.throws(() => tx.createBucket('/'), { code: 'REGALIA_EXISTS' });
  t.throws(() => tx.copy('/b', '/copy'), { code: 'REGALIA_MOVE' });
  t.throws(() => tx.createBucket('/out', { default: { inlineMax: 0 } }), { code: 'REGALIA_RULE' });
  t.throws(() => store.bucket('/out'), { code: 'REGALIA_NOT_FOUND' });
  t.throws(() => store.bucket('/absent'), { code: 'REGALIA_NOT_FOUND' });
});

t.test('a bucket may have rules of its own, and only its own kind moves in as it is', async (t) => {
  await using store = await Regalia.memory();
  await store.transact((tx) => {
    tx.createBucket('/strict', { default: { inlineMax: 10, encoding: 'utf8' } });
    tx.put('/free', 's', new Uint8Array([0xff]));
  });
  await store.transact((tx) => {
    tx.put('/strict/a', 's', 'short');
    tx.put('/strict/b', 's', 'longer than ten');
    t.throws(() => tx.put('/strict/c', 's', new Uint8Array([0xff])), { code: 'REGALIA_ENCODING' });
    t.throws(() => tx.move('/free', '/strict/free'), { code: 'REGALIA_RULE' });
    t.throws(() => tx.copy('/strict/a', '/a'), { code: 'REGALIA_RULE' });
  });
  const snapshot = store.snapshot();
  t.equal(snapshot.get('/strict/a', 's')?.decoded(), 'short');
  t.equal(snapshot.get('/strict/b', 's')?.inline, undefined);
  t.equal(snapshot.get('/strict/b', 's')?.decoded(), 'longer than ten');
});

t.test('buckets that differ in policies alone are of one kind', async (t) => {
  await using store = await Regalia.memory({ places: 'newest' });
  await store.transact((tx) => {
    tx.createBucket('/keeping', { entries: 'keep' });
    tx.createBucket('/like');
    tx.put('/a', 's', bytes('1'));
    tx.move('/a', '/keeping/a');
    tx.copy('/keeping/a', '/b');
  });
  t.match(store.rules(), { entries: 'conflict', places: 'newest', default: { inlineMax: 512 } });
  t.match(store.bucket('/keeping').rules(), { entries: 'keep', places: 'conflict', streams: {} });
  t.match(store.bucket('/like').rules(), { entries: 'conflict', places: 'newest' });
});

t.test('heads are those of the buckets there, after a large commit was merged', async (t) => {
  await using store = await nested();
  const tx = store.begin();
  // More edits than are put on a moved head one by one.
  for (let i = 0; i < 2_100; i++) tx.put(`/many/${i}`, 's', bytes('1'));
  tx.del('/e');
  tx.createBucket('/new');
  await put(store, { '/other': '1' }, 'meanwhile');
  await tx.commit();
  const { core, line } = scopeOf(store);
  const heads = [...allHeads(core.cache, headsRefOf(line.stored()))];
  const buckets = ['/b', '/new'].map((key) => store.bucket(key).id);
  t.strictSame(heads.map(({ bucket }) => hex(bucket)).sort(), buckets.sort());
});

t.test('a bucket within a bucket comes back with its commits', async (t) => {
  await using store = await Regalia.memory();
  await store.transact((tx) => {
    tx.createBucket('/outer');
    tx.createBucket('/outer/inner');
    tx.put('/outer/inner/a', 's', Uint8Array.of(1));
  });
  const then = store.info().commit;
  await store.transact((tx) => tx.put('/outer/b', 's', Uint8Array.of(2)));
  await store.transact((tx) => tx.del('/outer/inner'));
  await store.restore(then);
  t.equal(store.bucket('/outer/inner').log().next().done, false);
  t.ok(store.snapshot().get('/outer/inner/a', 's'));
});

t.test('one transaction makes, and one changes, thousands of buckets', async (t) => {
  await using store = await Regalia.memory();
  const count = 2_000;
  await store.transact((tx) => {
    for (let i = 0; i < count; i++) tx.createBucket(`/b${i}`);
  });
  await store.transact((tx) => {
    for (let i = 0; i < count; i++) tx.put(`/b${i}/x`, 's', bytes(`${i}`));
  });
  t.equal(store.snapshot().entry('/')?.totals.buckets, count);
  for (let i = 0; i < count; i += 97) {
    const bucket = store.bucket(`/b${i}`);
    t.equal([...bucket.log()].length, 2);
    t.equal(textAt(bucket.snapshot(), '/x'), `${i}`);
  }
});

t.test('one merge makes commits of hundreds of buckets', async (t) => {
  await using store = await Regalia.memory();
  const keys = Array.from({ length: 300 }, (_, i) => `/b${i}`);
  await store.transact((tx) => {
    for (const key of keys) tx.createBucket(key);
  });
  const draft = await store.fork('draft');
  for (const [branch, text] of [
    [store, 'ours'],
    [draft, 'theirs'],
  ] as const) {
    await branch.transact((tx) => {
      for (const key of keys) tx.put(`${key}/x`, 's', bytes(text));
    });
  }
  await store.merge('draft', { policy: 'theirs' });
  for (const key of keys) {
    const bucket = store.bucket(key);
    t.equal(textAt(bucket.snapshot(), '/x'), 'theirs');
    t.equal(bucket.info().parents.length, 2);
  }
});
