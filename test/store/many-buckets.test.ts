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

async function storeOf(count: number): Promise<Regalia> {
  const store = await Regalia.memory({ durability: 'none' });
  for (let from = 0; from < count; from += BATCH) {
    await store.transact((tx) => {
      for (let i = from; i < from + BATCH; i++) {
        tx.createBucket(`/all/b${i}`);
        tx.put(`/all/b${i}/k`, 's', bytes(`${i}`));
      }
    });
  }
  return store;
}

/** Counts the nodes that are visited, cached or not, and the rows of commits that are read. */
function counter(store: Regalia): () => number {
  const { cache, engine } = scopeOf(store).core;
  const [load, child, view] = [cache.load, cache.child, engine.view];
  let count = 0;
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

async function costsOf(count: number): Promise<Record<string, number>> {
  await using store = await storeOf(count);
  const one = store.bucket('/all/b7');
  const first = one.info().commit;
  const draft = await store.fork('draft');
  const own = await one.fork('own');
  await edit(one, '/x');
  const read = counter(store);
  const costs: Record<string, number> = {};
  const cost = async (name: string, work: () => Promise<unknown>): Promise<void> => {
    const before = read();
    await work();
    costs[name] = read() - before;
  };
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

t.test('nodes and commits read do not grow with the buckets beside', async (t) => {
  const few = await costsOf(100);
  const many = await costsOf(1_600);
  for (const [name, count] of Object.entries(few)) {
    // Maps are a level higher, and histories longer.
    t.ok((many[name] as number) <= 2 * count + 60, `${name}: ${count}, and ${many[name]} of many`);
  }
});
