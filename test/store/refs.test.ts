/** Branches that carry a nested bucket: what is done with them by their names. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import t from 'tap';
import { type Bucket, isRegaliaError, Regalia } from '../../src/index.js';
import { bytes, codeOf, keysOf, put, textAt } from './setup.js';

async function nested(): Promise<Regalia> {
  const store = await Regalia.memory();
  await put(store, { '/out': '1', '/b/k': '1', '/b/c/x': '1' });
  await store.transact((tx) => {
    for (const key of ['/b', '/b/c', '/e']) tx.createBucket(key);
  });
  return store;
}

function edit(bucket: Bucket, key: string, text: string): Promise<unknown> {
  return bucket.transact((tx) => tx.put(key, 's', bytes(text)), { message: text });
}

function messages(bucket: Bucket): string[] {
  return [...bucket.log()].map(({ message }) => message);
}

async function faultsOf(store: Regalia): Promise<unknown[]> {
  const faults: unknown[] = [];
  for await (const row of store.verify()) if (row.kind !== 'summary') faults.push(row);
  return faults;
}

t.test('a tag is on the head of the branch at hand', async (t) => {
  await using store = await nested();
  const draft = await store.fork('draft');
  await edit(draft, '/b/c/x', '2');
  for (const bucket of [store.bucket('/b'), store.bucket('/b/c')]) {
    const { commit } = bucket.info();
    t.strictSame(await bucket.tags.set('v1'), { name: 'v1', commit });
    t.strictSame(await bucket.branch('draft').tags.set('v2'), {
      name: 'v2',
      commit: bucket.branch('draft').info().commit,
    });
    t.equal((await bucket.tags.set('v3', 'draft')).commit, bucket.info('v2').commit);
    t.equal(await codeOf(bucket.tags.set('v1')), 'REGALIA_EXISTS');
  }
});

t.test('a bucket is merged from and into branches that carry it', async (t) => {
  await using store = await nested();
  const draft = await store.fork('draft');
  await edit(draft, '/b/c/x', 'draft');
  await edit(draft, '/out', 'draft');
  await edit(store, '/b/c/y', 'main');
  const inner = store.bucket('/b/c');
  t.match(await inner.merge('draft'), { merged: true, fastForward: false });
  t.strictSame(keysOf(inner.snapshot()), ['/', '/x', '/y']);
  t.equal(textAt(store.snapshot(), '/b/c/x'), 'draft');
  t.equal(textAt(store.snapshot(), '/out'), '1', 'what is around it is not merged');
  t.equal(messages(store.bucket('/b'))[0], 'merge');
  t.match(await inner.merge('main', { into: 'draft' }), { merged: true, fastForward: true });
  t.equal(draft.bucket('/b/c').info().commit, inner.info().commit);
  t.equal(textAt(draft.snapshot(), '/b/c/y'), 'main');
  const own = await inner.fork('own');
  await edit(own, '/z', 'own');
  t.match(await inner.merge('own', { into: 'draft' }), { merged: true });
  t.equal(textAt(draft.snapshot(), '/b/c/z'), 'own');
  t.match(await own.merge('main', { into: 'draft' }), { merged: true, fastForward: false });
  t.strictSame(await faultsOf(store), []);
});

t.test('a branch that carries a bucket is reset by commits around it', async (t) => {
  await using store = await nested();
  const inner = store.bucket('/b/c');
  const { commit: first } = inner.info();
  await inner.tags.set('v1');
  await edit(inner, '/x', 'more');
  await edit(store, '/out', 'kept');
  const last = inner.info().commit;
  t.strictSame(await inner.branches.reset('main', 'v1'), { name: 'main', commit: first });
  t.equal(inner.info().commit, first);
  t.equal(textAt(store.snapshot(), '/b/c/x'), '1');
  t.equal(textAt(store.snapshot(), '/out'), 'kept');
  t.equal(messages(inner).length, 1, 'its log is that of the commit');
  for (const around of [store, store.bucket('/b')]) {
    t.match(messages(around)[0], /^reset \/b\/c to sha256:/);
    t.equal(messages(around)[1]?.startsWith('reset'), false);
  }
  t.strictSame(await inner.branches.reset('main', last), { name: 'main', commit: last }, 'ahead');
  t.equal(textAt(store.snapshot(), '/b/c/x'), 'more');
  const count = messages(store).length;
  await inner.branches.reset('main', 'main');
  t.equal(messages(store).length, count, 'nothing is written where nothing changes');
  await edit(inner, '/x', 'on');
  t.strictSame(messages(inner).slice(0, 2), ['on', 'more'], 'it goes on from there');
  t.strictSame(await faultsOf(store), []);
});

t.test('a reset reaches other branches, and buckets within go along', async (t) => {
  await using store = await nested();
  const around = store.bucket('/b');
  const inner = store.bucket('/b/c');
  await store.fork('draft');
  await edit(inner, '/x', '2');
  await around.branches.reset('draft', 'main');
  t.equal(around.branch('draft').info().commit, around.info().commit);
  t.equal(inner.branch('draft').info().commit, inner.info().commit);
  t.equal(textAt(store.snapshot('draft'), '/b/c/x'), '2');
  const own = await inner.fork('own');
  await edit(own, '/x', 'own');
  await inner.branches.reset('main', 'own');
  t.equal(inner.info().commit, own.info().commit);
  t.equal(textAt(store.snapshot(), '/b/c/x'), 'own');
  await own.branches.reset('draft', { branch: 'own' });
  t.equal(textAt(store.snapshot('draft'), '/b/c/x'), 'own');
  t.equal(await codeOf(inner.branches.reset('none', 'main')), 'REGALIA_NOT_FOUND');
  t.equal(await codeOf(inner.branches.reset('main', 'none')), 'REGALIA_NOT_FOUND');
  t.strictSame(await faultsOf(store), []);
});

t.test('a date in a reset is one of the branch that is reset', async (t) => {
  let now = 1_000;
  await using store = await Regalia.memory({ now: () => now });
  now = 2_000;
  await store.transact((tx) => {
    tx.createBucket('/b');
    tx.put('/b/k', 's', bytes('2000'));
  });
  const draft = await store.fork('draft');
  now = 3_000;
  await edit(draft, '/b/k', '3000');
  now = 4_000;
  await edit(draft, '/b/k', '4000');
  await store.bucket('/b').branches.reset('draft', { date: 3_500 });
  t.equal(textAt(draft.snapshot(), '/b/k'), '3000');
  t.equal(textAt(store.snapshot(), '/b/k'), '2000');
});

t.test('who works meanwhile is merged onto the reset', async (t) => {
  await using store = await nested();
  const inner = store.bucket('/b/c');
  await inner.tags.set('v1');
  await edit(inner, '/y', '2');
  const tx = store.begin();
  tx.put('/b/c/z', 's', bytes('3'));
  tx.put('/out', 's', bytes('3'));
  await Promise.all([inner.branches.reset('main', 'v1'), edit(store, '/other', '4')]);
  await tx.commit();
  t.strictSame(keysOf(inner.snapshot()), ['/', '/x', '/z']);
  t.strictSame(keysOf(store.snapshot()).includes('/other'), true);
  t.strictSame(await faultsOf(store), []);
});

t.test('no bucket comes to a second key', async (t) => {
  await using store = await nested();
  const around = store.bucket('/b');
  const { commit: then } = around.info();
  await edit(around, '/k', '2');
  await store.transact((tx) => tx.move('/b/c', '/c'), { message: 'moved' });
  const { commit: moved } = around.info();
  const { commit: head } = store.info();
  const draft = await around.fork('draft', { at: then });
  await edit(draft, '/c/x', '2');
  const merge = around.merge('draft', { policy: 'theirs' });
  for (const work of [
    around.branches.reset('main', then),
    around.restore(then),
    around.revert(moved),
    merge,
  ]) {
    t.equal(await codeOf(work), 'REGALIA_EXISTS');
  }
  t.equal(store.info().commit, head);
  await store.transact((tx) => tx.del('/c'));
  await around.branches.reset('main', then);
  t.strictSame(keysOf(store.snapshot(), '/b'), ['/b', '/b/c', '/b/c/x', '/b/k']);
  t.strictSame(await faultsOf(store), []);
});

t.test(
  'a branch that carries a bucket is deleted where it is, and its name is taken',
  async (t) => {
    await using store = await nested();
    await store.fork('draft');
    for (const bucket of [store.bucket('/b'), store.bucket('/b/c')]) {
      for (const name of ['main', 'draft']) {
        const refused = await bucket.branches.delete(name).catch((error: unknown) => error);
        if (!isRegaliaError(refused, 'REGALIA_OPTION')) throw refused;
        t.match(refused.message, `${name} of bucket ${store.id}, which carries it`);
        t.equal(await codeOf(bucket.fork(name)), 'REGALIA_EXISTS');
      }
      t.equal(await codeOf(bucket.branches.delete('none')), 'REGALIA_NOT_FOUND');
      const own = await bucket.fork('own');
      t.equal(await codeOf(bucket.fork('own')), 'REGALIA_EXISTS');
      t.equal(await codeOf(own.branches.delete('own')), 'REGALIA_OPTION', 'the one in use');
      await bucket.branches.delete('own');
      t.equal(bucket.branches.get('own'), undefined);
    }
    await store.branches.delete('draft');
    t.equal(store.bucket('/b').branches.get('draft'), undefined);
  },
);

t.test('packs have branches that carry the bucket by name', async (t) => {
  await using store = await nested();
  const draft = await store.fork('draft');
  await edit(draft, '/b/k', 'draft');
  const bucket = store.bucket('/b');
  const own = await bucket.fork('own');
  await edit(own, '/k', 'own');
  t.strictSame(await sent(bucket, ['draft']), { draft: draft.bucket('/b').info().commit });
  const local = { main: bucket.info().commit, own: own.info().commit };
  t.strictSame(await sent(bucket, ['main', 'own']), local);
  t.strictSame(await sent(bucket), local, 'by default that at hand, and its own');
  t.strictSame(Object.keys(await sent(draft.bucket('/b'))), ['draft', 'own']);
  t.throws(() => bucket.export({ branches: ['none'] }), { code: 'REGALIA_NOT_FOUND' });
  await store.fork('own');
  await edit(store.branch('own'), '/b/k', 'the store');
  const carried = store.branch('own').bucket('/b');
  t.strictSame(await sent(carried), { own: own.info().commit }, 'a detached one is what it was');
});

t.test('what is cloned is the branch at hand, whatever a detached one is called', async (t) => {
  const folder = await mkdtemp(path.join(tmpdir(), 'regalia-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  await using store = await Regalia.open(path.join(folder, 'store'));
  await store.transact((tx) => tx.createBucket('/b'));
  await store.bucket('/b').fork('draft');
  const draft = await store.fork('draft');
  await edit(draft, '/b/k', 'carried');
  await draft.bucket('/b').clone(path.join(folder, 'clone'));
  await using clone = await Regalia.open(path.join(folder, 'clone'));
  t.equal(textAt(clone.snapshot(), '/k'), 'carried');
  t.strictSame(await faultsOf(clone), []);
});

/** The branches of a pack as the receiver tracks them, and their commits. */
async function sent(bucket: Bucket, names?: readonly string[]): Promise<Record<string, string>> {
  const pack = await new Response(bucket.export({ branches: names })).arrayBuffer();
  const { branches } = await bucket.import(pack);
  const moved = branches.map(({ name, commit }) => {
    return [name.replace(/^replica\/[0-9a-f]{32}\//, ''), commit] as const;
  });
  return Object.fromEntries(moved);
}
