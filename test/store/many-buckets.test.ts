/**
 * What is done in one bucket among many: nodes and commits are read in proportion to what changed,
 * however many buckets are beside it.
 */
import t from 'tap';
import { type Bucket, Regalia } from '../../src/index.js';
import { scopeOf } from '../../src/store/bucket.js';
import { bytes } from './setup.js';

/** Made at a time. */
const BATCH = 50;

/** If deep, each of the buckets has another one within. */
async function storeOf(count: number, isDeep = false): Promise<Regalia> {
  const store = await Regalia.memory({ durability: 'none' });
  for (let from = 0; from < count; from += BATCH) {
    await store.transact((tx) => {
      for (let i = from; i < from + BATCH; i++) {
        tx.createBucket(`/all/b${i}`);
        tx.put(`/all/b${i}/k`, 's', bytes(`${i}`));
        if (isDeep) tx.createBucket(`/all/b${i}/in`);
      }
    });
  }
  return store;
}

/** Counts the nodes and roots that are visited, cached or not, and the rows of commits read. */
function counter(store: Regalia): () => number {
  const { core } = scopeOf(store);
  const { cache, engine } = core;
  const [load, child, view, tree] = [cache.load, cache.child, engine.view, core.tree];
  let count = 0;
  core.tree = (...given) => {
    count++;
    return tree.apply(core, given);
  };
  cache.load = (...given) => {
    count++;
    return load.apply(cache, given);
  };
  cache.child = (...given) => {
    count++;
    return child.apply(cache, given);
  };
  engine.view = (table, key) => {
    if (table === 'commits') count++;
    return view.call(engine, table, key) as Uint8Array | undefined;
  };
  return () => count;
}

function edit(bucket: Bucket, key: string): Promise<unknown> {
  return bucket.transact((tx) => tx.put(key, 's', bytes('2')));
}

type Costs = Record<string, number>;

/** Notes what work costs, by name. */
function meter(store: Regalia, costs: Costs) {
  const read = counter(store);
  return async (name: string, work: () => Promise<unknown>): Promise<void> => {
    const before = read();
    await work();
    costs[name] = read() - before;
  };
}

async function costsOf(count: number): Promise<Costs> {
  await using store = await storeOf(count);
  const one = store.bucket('/all/b7');
  const first = one.info().commit;
  const draft = await store.fork('draft');
  const own = await one.fork('own');
  await edit(one, '/x');
  const costs: Costs = {};
  const cost = meter(store, costs);
  await cost('commit', () => edit(store, '/all/b8/x'));
  await cost('commit by its handle', () => edit(one, '/y'));
  await cost('create', () => store.transact((tx) => void tx.createBucket('/one/more')));
  await cost('create within', () => one.transact((tx) => void tx.createBucket('/within')));
  await cost('commit within', () => edit(store, '/all/b7/within/x'));
  await cost('move', () => store.transact((tx) => tx.move('/all/b9', '/moved')));
  await cost('remove', () => store.transact((tx) => tx.del('/all/b10')));
  await cost('restore', () => one.restore(first, '/x'));
  const late = store.begin();
  late.createBucket('/late');
  await edit(store, '/all/b11/x');
  await cost('commit late', () => late.commit());
  await edit(own, '/z');
  await cost('merge into one', () => one.merge('own'));
  await cost('reset', () => one.branches.reset('main', 'own'));
  await edit(draft, '/all/b12/x');
  await cost('merge all', () => store.merge('draft'));
  await cost('a branch by name', async () => one.branch('draft').info());
  return costs;
}

/** Of buckets that are elsewhere than they were, or nowhere. */
async function costsOfPlaces(count: number): Promise<Costs> {
  await using store = await storeOf(count, true);
  const start = store.info().commit;
  const moved = store.bucket('/all/b20');
  const inner = store.bucket('/all/b20/in');
  const gone = store.bucket('/all/b21/in');
  const own = await moved.fork('own');
  await store.fork('draft');
  const costs: Costs = {};
  const cost = meter(store, costs);
  const move = (from: string, to: string) => store.transact((tx) => tx.move(from, to));
  const remove = (key: string) => store.transact((tx) => tx.del(key));
  const isGone = (bucket: Bucket) => async () => {
    t.throws(() => bucket.info(), { code: 'REGALIA_NOT_FOUND' });
  };
  await move('/all/b20', '/x');
  await cost('a bucket that moved', async () => moved.info());
  await cost('one within it', async () => inner.info());
  await move('/x', '/y');
  await cost('a commit by its handle', () => edit(moved, '/z'));
  await move('/y/in', '/all/b22/came');
  await cost('a bucket that moved into another', async () => inner.info());
  await cost('an earlier state', async () => inner.snapshot({ commit: start }));
  await cost('a branch where it is elsewhere', async () => inner.branch('draft').info());
  await cost('all branches', async () => [...inner.branches]);
  await cost('from a detached branch', async () => own.branch('main').info());
  await edit(own, '/o');
  await cost('a detached branch merged', () => moved.merge('own'));
  await cost('a reset', () => inner.branches.reset('main', { commit: start }));
  await remove('/all/b21');
  await cost('one that is gone', isGone(gone));
  await cost('the same again', isGone(gone));
  await cost('a removal taken back', () => store.revert(store.info().commit));
  t.equal(gone.key, '/all/b21/in');
  await remove('/all/b21');
  await cost('a bucket restored', () => store.restore(start, '/all/b21'));
  await remove('/all/b21/in');
  await cost('one within another restored', () => store.restore(start, '/all/b21/in'));
  t.equal(gone.key, '/all/b21/in');
  return costs;
}

for (const [title, many, costsAt] of [
  ['nodes and commits read do not grow with the buckets beside', 1_600, costsOf],
  ['nor where a bucket moved, went or comes back', 800, costsOfPlaces],
] as const) {
  t.test(title, async (t) => {
    const amongFew = await costsAt(100);
    const amongMany = await costsAt(many);
    for (const [name, few] of Object.entries(amongFew)) {
      const found = amongMany[name] as number;
      // Maps are a level higher, and histories longer.
      t.ok(found <= 2 * few + 60, `${name}: ${few}, and ${found} of many`);
    }
  });
}

t.test('a bucket comes into another one where it is nowhere else, at any depth', async (t) => {
  await using store = await storeOf(BATCH, true);
  const one = store.bucket('/all/b7');
  const own = await one.fork('own');
  await own.transact((tx) => void tx.createBucket('/new'));
  await one.merge('own');
  t.ok(store.bucket('/all/b7/new').info());
  const { commit } = one.info();
  await store.transact((tx) => tx.move('/all/b7/new', '/all/b8/elsewhere'));
  await t.rejects(one.restore(commit, '/new'), { code: 'REGALIA_EXISTS' });
  await store.transact((tx) => tx.del('/all/b8/elsewhere'));
  await one.restore(commit, '/new');
  t.ok(store.bucket('/all/b7/new').info());
});
