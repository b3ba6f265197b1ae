/**
 * How much slower is a random read from 10 million entries than from 10 thousand, everything
 * cached? Loaded in order, which packs raw lmdb's pages as full as they get, and takes a minute
 * instead of many.
 */
import type { Bench, Context, Row } from './harness/bench.js';
import { commitOurs, mebibyte, openOurs, readOurs, scanOurs } from './harness/ours.js';
import { microsecondsEach } from './harness/sample.js';
import { batches, filesInOrder, randomKeys } from './harness/workload.js';
import { RawLmdb } from './rivals/lmdb-raw.js';

const small = 10_000;
const large = 10_000_000;
const million = 1_000_000;
const reads = 100_000;
const rounds = 11;
const cacheBytes = 2_048 * mebibyte;

async function side(context: Context, count: number) {
  const store = await openOurs(context.folder('ours'), { cacheBytes });
  for (const batch of batches(filesInOrder(count), million)) await commitOurs(store, batch, 'none');
  const rival = new RawLmdb(context.folder('lmdb'), { durable: false });
  rival.load(filesInOrder(count));
  const snapshot = store.snapshot();
  scanOurs(snapshot);
  const keys = randomKeys(count, reads, context.seed);
  const ours = (): number =>
    microsecondsEach(reads, (index) => readOurs(snapshot, keys[index] as string));
  const theirs = (): number => microsecondsEach(reads, (index) => rival.get(keys[index] as string));
  const close = async (): Promise<void> => {
    await rival.close();
    await store.close();
  };
  ours();
  theirs();
  return { ours, theirs, close, cached: store.stats().cacheBytes / mebibyte };
}

const figures = () => ({ ours: [] as number[], rival: [] as number[] });

async function run(context: Context): Promise<Row[]> {
  const [few, many] = [small, context.sized(large, 10 * small)];
  const near = await side(context, few);
  const far = await side(context, many);
  const [nearPairs, farPairs] = [figures(), figures()];
  for (let round = 0; round < rounds; round++) {
    // One after another within a round, so that a slow minute of the machine does not pass for
    // growth.
    nearPairs.ours.push(near.ours());
    farPairs.ours.push(far.ours());
    nearPairs.rival.push(near.theirs());
    farPairs.rival.push(far.theirs());
  }
  const over = (a: readonly number[], b: readonly number[]): number[] =>
    a.map((figure, i) => figure / (b[i] as number));
  await near.close();
  await far.close();
  const growth = {
    unit: '×',
    ours: over(farPairs.ours, nearPairs.ours),
    rival: over(farPairs.rival, nearPairs.rival),
    rivalName: 'lmdb',
  };
  return [
    { case: `get of ${few}`, unit: 'µs', ...nearPairs, rivalName: 'lmdb' },
    {
      case: `get of ${many}, cacheBytes 2048 MiB (${Math.round(far.cached)} used)`,
      unit: 'µs',
      ...farPairs,
      rivalName: 'lmdb',
    },
    { case: 'growth, beside raw lmdb', ...growth, target: { of: 'ratio', atMost: 1 } },
    { case: 'growth', ...growth, target: { of: 'ours', atMost: 2 } },
  ];
}

const bench: Bench = {
  name: 'read-growth',
  question: 'How much slower is a cached read from a thousand times as many entries?',
  run,
};
export default bench;
