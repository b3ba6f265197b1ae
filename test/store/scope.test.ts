/** What users call commits and branches, as a bucket's handle understands it. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import t from 'tap';
import { type At, type Bucket, Regalia } from '../../src/index.js';
import { scopeOf } from '../../src/store/bucket.js';
import { exportPack } from '../../src/sync/export.js';
import { bytes, codeOf, put, textAt } from './setup.js';

async function nested(): Promise<Regalia> {
  const store = await Regalia.memory();
  await put(store, { '/x': 'keep', '/b/k': '1', '/b/c/x': '1', '/e/k': '1' });
  await store.transact((tx) => {
    for (const key of ['/b', '/b/c', '/e']) tx.createBucket(key);
  });
  return store;
}

/** What each public way that names a commit says of it. */
async function codesOf(bucket: Bucket, at: At): Promise<Record<string, string>> {
  const own = bucket.branchName;
  const ways: Record<string, () => unknown> = {
    snapshot: () => bucket.snapshot(at),
    info: () => bucket.info(at),
    from: () => [...bucket.log({ from: at })],
    until: () => [...bucket.log({ until: at })],
    before: () => [...bucket.diff(at, own)],
    after: () => [...bucket.diff(own, at)],
    tag: () => bucket.tags.set('tag', at),
    fork: () => bucket.fork('forked', { at }),
    reset: () => bucket.branches.reset(own, at),
    merge: () => bucket.merge(at),
    revert: () => bucket.revert(at),
    parent: () => bucket.revert(own, { parent: at }),
    restore: () => bucket.restore(at, '/x'),
  };
  const codes: Record<string, string> = {};
  for (const [name, way] of Object.entries(ways)) codes[name] = await codeOf(run(way));
  return codes;
}

async function run(way: () => unknown): Promise<void> {
  await way();
}

/** The same code for all ways. */
function all(code: string, codes: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.keys(codes).map((name) => [name, code]));
}

t.test('a commit of a bucket within or beside is none of this one', async (t) => {
  await using store = await nested();
  const outer = store.bucket('/b');
  const inner = store.bucket('/b/c');
  await put(store, { '/b/c/x': '2', '/b/k': '2', '/e/k': '2' });
  await inner.tags.set('moon');
  const before = store.info().commit;
  const { commit } = inner.info();
  for (const [what, bucket, text] of [
    ['within the store', store, commit],
    ['within a bucket', outer, commit],
    ['beside', store.bucket('/e'), commit],
    ['beside', inner, store.bucket('/e').info().commit],
  ] as const) {
    for (const at of [text, { commit: text }, text.slice(0, 30), text.slice(7, 30), 'moon']) {
      if (bucket === inner && at === 'moon') continue;
      const codes = await codesOf(bucket, at);
      t.strictSame(codes, all('REGALIA_NOT_FOUND', codes), `${what}: ${JSON.stringify(at)}`);
    }
  }
  const codes = await codesOf(store, { tag: 'moon' });
  t.strictSame(codes, all('REGALIA_NOT_FOUND', codes), 'a tag of another bucket');
  t.equal(store.info().commit, before, 'nothing was written');
});

t.test('a commit of a bucket around this one names what that had of it', async (t) => {
  await using store = await nested();
  const inner = store.bucket('/b/c');
  const [outer, around, own] = [store, store.bucket('/b'), inner].map((one) => one.info().commit);
  await store.transact((tx) => tx.move('/b/c', '/e/deep/c'));
  await put(store, { '/e/deep/c/x': '2' });
  for (const at of [outer, around, own] as string[]) {
    t.equal(inner.info(at).commit, own);
    t.equal(textAt(inner.snapshot({ commit: at }), '/x'), '1', 'where it was before its move');
  }
  const detached = await inner.fork('detached', { at: outer });
  t.equal(detached.info().commit, own);
  t.equal(detached.info(around).commit, own);
  t.equal(detached.info({ commit: store.info().commit }).commit, inner.info().commit);
  const first = [...store.log()].at(-1)?.commit as string;
  t.throws(() => inner.info(first), { code: 'REGALIA_NOT_FOUND' }, 'before it was made');
});

t.test('a branch that carries a bucket is one of the bucket, by its name', async (t) => {
  await using store = await nested();
  await store.fork('empty', { at: [...store.log()].at(-1)?.commit as string });
  const draft = await store.fork('draft');
  await put(draft as Regalia, { '/b/c/x': 'draft' });
  for (const key of ['/b/c', '/b']) {
    const here = store.bucket(key);
    const there = draft.bucket(key);
    const names = ['draft', 'main'];
    for (const one of [here, there]) {
      t.strictSame(
        [...one.branches].map(({ name }) => name),
        names,
        `${key} lists them`,
      );
      t.equal(one.branches.get('main')?.commit, here.info().commit);
      t.equal(one.branches.get('draft')?.commit, there.info().commit);
      t.equal(one.branches.get('empty'), undefined, 'a branch without the bucket');
      t.equal(one.branch(one.branchName), one);
      t.equal(one.branch('draft').info().commit, there.info().commit);
      t.equal(one.snapshot('main').base, here.info().commit);
      t.equal(one.snapshot({ branch: 'draft' }).base, there.info().commit);
      t.equal([...one.log({ from: 'draft', until: 'main' })].length, 1);
      t.strictSame(
        [...one.diff('main', 'draft')].map(({ kind }) => kind),
        ['changed'],
      );
      t.throws(() => one.branch('empty'), { code: 'REGALIA_NOT_FOUND' });
      t.throws(() => one.snapshot({ branch: 'none' }), { code: 'REGALIA_NOT_FOUND' });
    }
    t.equal(here.branch('draft').branchName, 'draft');
    t.equal(here.branch('draft').key, key);
    t.equal(here.branch('draft').branch('main').info().commit, here.info().commit);
  }
});

t.test('where a bucket is on its branches does not matter', async (t) => {
  await using store = await nested();
  const draft = await store.fork('draft');
  await draft.transact((tx) => tx.move('/b/c', '/elsewhere/c'));
  const inner = store.bucket('/b/c').branch('draft');
  t.equal(inner.key, '/elsewhere/c');
  await inner.transact((tx) => tx.put('/y', 's', bytes('1')));
  t.equal(textAt(draft.snapshot(), '/elsewhere/c/y'), '1');
  t.equal(inner.branch('main').key, '/b/c');
  await store.transact((tx) => tx.del('/b'));
  t.equal(inner.branches.get('main'), undefined);
  t.strictSame(
    [...inner.branches].map(({ name }) => name),
    ['draft'],
  );
});

t.test('a branch of the bucket within hides one of a bucket around it', async (t) => {
  await using store = await nested();
  const around = store.bucket('/b');
  const inner = store.bucket('/b/c');
  const own = await inner.fork('own');
  const middle = await around.fork('middle');
  const within = middle.bucket('/c');
  await within.transact((tx) => tx.put('/x', 's', bytes('middle')));
  t.strictSame(
    [...inner.branches].map(({ name }) => name),
    ['main', 'middle', 'own'],
  );
  t.equal(textAt(inner.snapshot('middle'), '/x'), 'middle');
  t.equal(inner.branch('middle').info().commit, within.info().commit);
  t.equal(within.branch('main').info().commit, inner.info().commit, 'and back again');
  t.equal(within.branch('own').info().commit, own.info().commit);
  t.equal(own.branch('middle').info().commit, within.info().commit, 'from a detached one');
  t.equal(middle.branch('main').info().commit, around.info().commit);
  for (const name of ['own', 'middle']) {
    const branch = await store.fork(name);
    await put(branch as Regalia, { '/b/c/x': `the store's ${name}` });
  }
  t.equal(inner.branch('own').info().commit, own.info().commit, 'it stays what it was');
  t.equal(inner.branch('middle').info().commit, within.info().commit);
  t.equal(store.branch('middle').bucket('/b').branch('middle').info().commit, middle.info().commit);
  t.strictSame(
    [...inner.branches].map(({ name }) => name),
    ['main', 'middle', 'own'],
  );
  t.equal(inner.branches.get('own')?.commit, own.info().commit);
  t.equal(store.branch('own').bucket('/b/c').tags.get('none'), undefined);
});

t.test('branches and tags are as the write sees them that uses them', async (t) => {
  const folder = await mkdtemp(path.join(tmpdir(), 'regalia-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  await using store = await Regalia.open(path.join(folder, 'store'));
  const first = await put(store, { '/b/k': '1' });
  await store.transact((tx) => tx.createBucket('/b'));
  const bucket = store.bucket('/b');
  // One behind the other, without a wait in between.
  const tagged = store.tags.set('v1', first);
  const reset = store.fork('a').then(() => store.branches.reset('a', 'v1'));
  const twice = [bucket.fork('b'), bucket.fork('b')].map((work) => codeOf(work));
  const named = bucket.tags.set('v1');
  t.equal((await tagged).commit, first);
  t.equal((await reset).commit, first);
  t.strictSame((await Promise.all(twice)).sort(), ['REGALIA_EXISTS', 'done']);
  t.equal((await named).commit, bucket.info().commit);
  const [, other] = await Promise.all([store.tags.set('v2'), store.tags.set('v3', 'v2')]);
  t.equal(other.commit, store.info().commit);
});

t.test('a pack that is refused leaves no commit that can be named', async (t) => {
  const folder = await mkdtemp(path.join(tmpdir(), 'regalia-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  await using store = await Regalia.memory();
  await store.transact((tx) => tx.createBucket('/b'));
  await store.clone(path.join(folder, 'clone'));
  await using clone = await Regalia.open(path.join(folder, 'clone'));
  const commits: string[] = [];
  // More than enter the log at a time.
  while (commits.length < 1_100) commits.push(await put(store, { '/b/k': `${commits.length}` }));
  const within = store.bucket('/b').info(commits[0]).commit;
  const { core, bucket, line } = scopeOf(store);
  const { blocks, history } = core;
  const wants = [{ branch: 'main', commit: line.stored().address }];
  const pack = exportPack({ blocks, history }, { bucket, wants, haves: [] });
  t.equal(await codeOf(clone.import(pack)), 'REGALIA_PACK', 'it would move a working head');
  t.throws(() => clone.info(commits[0]), { code: 'REGALIA_NOT_FOUND' });
  t.throws(() => clone.bucket('/b').info(within), { code: 'REGALIA_NOT_FOUND' });
  t.equal(clone.stats().commits, 2);
});
