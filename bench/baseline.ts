/**
 * How fast are the rivals alone, on this machine? What raw lmdb, hyperbee and git do with the
 * shared workload, with nothing of ours beside them: the ground on which other benches' ratios
 * stand.
 */
import type { Bench, Context, Row } from './harness/bench.js';
import { microsecondsEach, sample, sampleTimes } from './harness/sample.js';
import { fileContent, fileKey, filesShuffled, randomKeys, scattered } from './harness/workload.js';
import { openGit } from './rivals/git.js';
import { openHyperbee } from './rivals/hyperbee.js';
import { RawLmdb } from './rivals/lmdb-raw.js';

const files = 100_000;

function row(rivalName: string, name: string, unit: string, rival: number | number[]): Row {
  return { case: name, unit, rivalName, rival };
}

async function lmdb(context: Context): Promise<Row[]> {
  const count = context.sized(files);
  const writes = [...filesShuffled(count, context.seed)];
  const store = new RawLmdb(context.folder('lmdb'));
  const split = new RawLmdb(context.folder('lmdb-commits'));
  const keys = randomKeys(count, 20_000, context.seed);
  const committers = 64;
  const each = 20;
  const rows = [
    row(
      'lmdb',
      'bulk load, batches of 100,000',
      'ms',
      await sampleTimes(1, () => store.load(writes)),
    ),
    row(
      'lmdb',
      'bulk load, commits of 1,000',
      'ms',
      await sampleTimes(1, () => split.load(writes, 1_000)),
    ),
    row(
      'lmdb',
      'random get',
      'µs',
      await sample(5, () => microsecondsEach(keys.length, (i) => store.get(keys[i] as string))),
    ),
    row('lmdb', 'scan of all', 'ms', await sampleTimes(3, () => store.scan())),
    row(
      'lmdb',
      'one durable put',
      'ms',
      await sampleTimes(50, (run) => store.commit([[fileKey(run), fileContent(run, 1)]])),
    ),
    row(
      'lmdb',
      '64 committers, one put each',
      'µs/commit',
      await sample(3, async (run) => {
        const [elapsed] = await sampleTimes(1, () =>
          store.concurrently(committers, each, (i) => [fileKey(i), fileContent(i, 2 + run)]),
        );
        return ((elapsed as number) * 1000) / (committers * each);
      }),
    ),
  ];
  await split.close();
  await store.close();
  return rows;
}

async function hyperbee(context: Context): Promise<Row[]> {
  const store = await openHyperbee(context.folder('hyperbee'));
  if (store === undefined) return [];
  const count = context.sized(files);
  const writes = [...filesShuffled(count, context.seed)];
  const load = await sampleTimes(1, () => store.load(writes, 1_000));
  const keys = randomKeys(count, 500, context.seed);
  const get = await sample(1, async () => {
    const start = performance.now();
    for (const key of keys) await store.get(key);
    return ((performance.now() - start) * 1000) / keys.length;
  });
  const before = store.version;
  const commit = await sampleTimes(1, () => store.commit(scattered(count, 100, context.seed, 1)));
  const diff = await sampleTimes(3, () => store.diff(before));
  await store.close();
  return [
    row('hyperbee', 'bulk load, commits of 1,000', 'ms', load),
    row('hyperbee', 'random get', 'µs', get),
    row('hyperbee', 'commit of 100 changes', 'ms', commit),
    row('hyperbee', 'diff of 100 changes', 'ms', diff),
  ];
}

async function git(context: Context): Promise<Row[]> {
  const store = openGit(context.folder('git'));
  if (store === undefined) return [];
  const count = context.sized(files);
  const writes = [...filesShuffled(count, context.seed)];
  const trees: string[] = [];
  const load = await sampleTimes(1, async () => {
    trees.push(await store.load(writes, 1_000));
    await store.settle();
  });
  const commit = await sampleTimes(1, async () => {
    trees.push(await store.commit(scattered(count, 100, context.seed, 1)));
    await store.settle();
  });
  const keys = randomKeys(count, 2_000, context.seed);
  const get = await sample(3, async () => {
    const start = performance.now();
    for (const key of keys) await store.get(key);
    return ((performance.now() - start) * 1000) / keys.length;
  });
  const diff = await sampleTimes(5, async () => {
    const found = await store.diff(trees[0] as string, trees[1] as string);
    if (found !== Math.min(100, count))
      throw new Error(`git found ${found} changes instead of 100`);
  });
  await store.close();
  return [
    row('git', 'bulk load, commits of 1,000', 'ms', load),
    row('git', 'random get', 'µs', get),
    row('git', 'commit of 100 changes', 'ms', commit),
    row('git', 'diff of 100 changes', 'ms', diff),
  ];
}

const bench: Bench = {
  name: 'baseline',
  question: 'How fast are the rivals alone, on this machine?',
  run: async (context) => [
    ...(await lmdb(context)),
    ...(await hyperbee(context)),
    ...(await git(context)),
  ],
};
export default bench;
