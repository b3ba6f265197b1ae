/**
 * What do many middling commits cost, in time and in space, all history kept? 100,000 files,
 * shuffled, in durable commits of 1,000. `the data` are the bytes of keys and contents, each file
 * once.
 */
import type { Bench, Context, Row } from './harness/bench.js';
import { storedBytes } from './harness/folder.js';
import { commitOurs, openOurs } from './harness/ours.js';
import { samplePairs, timed } from './harness/sample.js';
import { batches, filesShuffled, HeldWrites } from './harness/workload.js';
import { openHyperbee } from './rivals/hyperbee.js';
import { RawLmdb } from './rivals/lmdb-raw.js';

const files = 100_000;
const size = 1_000;

interface Run {
  readonly ms: number;
  readonly bytes: number;
}

async function ours(folder: string, writes: HeldWrites): Promise<Run> {
  const store = await openOurs(folder);
  const ms = await timed(async () => {
    for (const batch of batches(writes, size)) await commitOurs(store, batch);
  });
  await store.close();
  return { ms, bytes: storedBytes(folder) };
}

async function lmdb(folder: string, writes: HeldWrites): Promise<Run> {
  const store = new RawLmdb(folder);
  const ms = await timed(() => store.load(writes, size));
  await store.close();
  return { ms, bytes: storedBytes(folder) };
}

async function hyperbee(folder: string, writes: HeldWrites): Promise<Run | undefined> {
  const store = await openHyperbee(folder);
  if (store === undefined) return undefined;
  const ms = await timed(() => store.load(writes, size));
  await store.close();
  return { ms, bytes: storedBytes(folder) };
}

async function run(context: Context): Promise<Row[]> {
  const count = context.sized(files);
  const writes = new HeldWrites(filesShuffled(count, context.seed), count);
  const data = writes.bytes;
  const bytes: { ours: number[]; lmdb: number[] } = { ours: [], lmdb: [] };
  const pairs = await samplePairs(
    5,
    async () => {
      const done = await ours(context.folder('ours'), writes);
      bytes.ours.push(done.bytes / data);
      return done.ms;
    },
    async () => {
      const done = await lmdb(context.folder('lmdb'), writes);
      bytes.lmdb.push(done.bytes / data);
      return done.ms;
    },
  );
  const bee = await hyperbee(context.folder('hyperbee'), writes);
  const name = `${writes.length} shuffled, commits of ${size}`;
  return [
    { case: name, unit: 'ms', ...pairs, rivalName: 'lmdb', target: { of: 'ratio', atMost: 2 } },
    {
      case: name,
      unit: 'ms',
      ours: pairs.ours,
      rival: bee?.ms,
      rivalName: 'hyperbee',
      target: { of: 'ratio', atMost: 0.1 },
    },
    {
      case: 'file after it, all history kept',
      unit: '× the data',
      ours: bytes.ours,
      rival: bytes.lmdb,
      rivalName: 'lmdb',
      target: { of: 'ours', atMost: 4 },
    },
    {
      case: 'file after it, all history kept',
      unit: '× the data',
      ours: bytes.ours,
      rival: bee && bee.bytes / data,
      rivalName: 'hyperbee',
    },
  ];
}

const bench: Bench = {
  name: 'commits',
  question: 'What do durable commits of 1,000 cost, in time and in space?',
  run,
};
export default bench;
