/**
 * How fast is a bulk load in shuffled order, in one transaction that is on disk at the end? Raw
 * lmdb takes transactions of 100,000, which suit it best. Hyperbee gets a tenth of the files, since
 * it slows as it grows.
 */
import type { Bench, Context, Row } from './harness/bench.js';
import { commitOurs, openOurs } from './harness/ours.js';
import { sample, samplePairs, timed } from './harness/sample.js';
import { filesInOrder, filesShuffled, HeldWrites } from './harness/workload.js';
import { openHyperbee } from './rivals/hyperbee.js';
import { RawLmdb } from './rivals/lmdb-raw.js';

const files = 1_000_000;

async function ours(context: Context, writes: HeldWrites): Promise<number> {
  const store = await openOurs(context.folder('ours'));
  const ms = await timed(() => commitOurs(store, writes));
  await store.close();
  return (writes.length * 1000) / ms;
}

async function lmdb(context: Context, writes: HeldWrites): Promise<number> {
  const store = new RawLmdb(context.folder('lmdb'));
  const ms = await timed(() => store.load(writes, 100_000));
  await store.close();
  return (writes.length * 1000) / ms;
}

async function hyperbee(context: Context, writes: HeldWrites): Promise<number | undefined> {
  const store = await openHyperbee(context.folder('hyperbee'));
  if (store === undefined) return undefined;
  const ms = await timed(() => store.load(writes, 1_000));
  await store.close();
  return (writes.length * 1000) / ms;
}

async function run(context: Context): Promise<Row[]> {
  const count = context.sized(files);
  const shuffled = new HeldWrites(filesShuffled(count, context.seed), count);
  const pairs = await samplePairs(
    5,
    () => ours(context, shuffled),
    () => lmdb(context, shuffled),
  );
  const few = Math.ceil(count / 10);
  const tenth = new HeldWrites(filesShuffled(few, context.seed), few);
  const rival = await hyperbee(context, tenth);
  const sorted = new HeldWrites(filesInOrder(count), count);
  const inOrder = await samplePairs(
    3,
    () => ours(context, sorted),
    () => lmdb(context, sorted),
  );
  return [
    {
      case: `${count} shuffled, one durable commit`,
      unit: 'entries/s',
      ...pairs,
      rivalName: 'lmdb',
      target: { of: 'ratio', atLeast: 2 },
    },
    {
      case: `${tenth.length} shuffled, one durable commit`,
      unit: 'entries/s',
      ours: await sample(3, () => ours(context, tenth)),
      rival,
      rivalName: 'hyperbee',
      target: { of: 'ratio', atLeast: 20 },
    },
    {
      case: `${count} in order, one durable commit`,
      unit: 'entries/s',
      ...inOrder,
      rivalName: 'lmdb',
    },
  ];
}

const bench: Bench = {
  name: 'load',
  question: 'How fast is a bulk load in one durable transaction?',
  run,
};
export default bench;
