/**
 * How long does a commit of one entry take, in a store of a million, and what do many committers at
 * once get done? Durable on both sides: acknowledged means on disk. Ours and the rival's commits
 * alternate one by one.
 */
import { type Actor, actorFromSeed, type Regalia } from '../src/index.js';
import type { Bench, Context, Row } from './harness/bench.js';
import { commitOurs, makeOurs, openOurs, stream } from './harness/ours.js';
import { percentile, samplePairs, timed } from './harness/sample.js';
import { fileContent, fileKey, filesShuffled, scattered, type Write } from './harness/workload.js';
import { RawLmdb } from './rivals/lmdb-raw.js';

const files = 1_000_000;
const commits = 1_000;
/** After so many commits code has run a while. */
const warmth = 4_000;
const committers = 64;
const each = 20;

async function latencies(
  store: Regalia,
  rival: RawLmdb,
  writes: readonly Write[],
): Promise<{ ours: number[]; rival: number[] }> {
  const found = { ours: [] as number[], rival: [] as number[] };
  for (const write of writes) {
    found.ours.push(await timed(() => commitOurs(store, [write])));
    found.rival.push(await timed(() => rival.commit([write])));
  }
  return found;
}

/** Commits a second of `committers` callers that each wait for theirs before the next. */
async function together(store: Regalia, write: (index: number) => Write, actor?: Actor) {
  const caller = async (number: number): Promise<void> => {
    for (let i = 0; i < each; i++) {
      const [key, content] = write(number * each + i);
      const options = actor === undefined ? {} : { actor };
      await store.transact((tx) => tx.put(key, stream, content), options);
    }
  };
  const all = Array.from({ length: committers }, (_, number) => number);
  const ms = await timed(() => Promise.all(all.map(caller)));
  return (committers * each * 1000) / ms;
}

async function run(context: Context): Promise<Row[]> {
  const count = context.sized(files);
  const folder = context.folder('ours');
  await makeOurs(folder, filesShuffled(count, context.seed));
  const store = await openOurs(folder);
  const rival = new RawLmdb(context.folder('lmdb'));
  rival.load(filesShuffled(count, context.seed));

  const fresh = await latencies(store, rival, scattered(count, commits, context.seed, 1));
  await latencies(store, rival, scattered(count, warmth - commits, context.seed, 2));
  const found = await latencies(store, rival, scattered(count, commits, context.seed, 3));
  const rows: Row[] = [
    {
      case: `one entry into ${count}, durable`,
      unit: 'ms',
      ...found,
      rivalName: 'lmdb',
      target: { of: 'ratio', atMost: 1.2 },
    },
    {
      case: `one entry, within the first ${commits} commits`,
      unit: 'ms',
      ...fresh,
      rivalName: 'lmdb',
      target: { of: 'ratio', atMost: 1.4 },
    },
  ];
  for (const fraction of [0.5, 0.99, 0.999]) {
    rows.push({
      case: `one entry, p${fraction * 100}`,
      unit: 'ms',
      ours: percentile(found.ours, fraction),
      rival: percentile(found.rival, fraction),
      rivalName: 'lmdb',
    });
  }
  const write =
    (version: number) =>
    (index: number): Write => [fileKey((index * 379) % count), fileContent(index, version)];
  const theirs = async (round: number): Promise<number> => {
    const ms = await timed(() => rival.concurrently(committers, each, write(50 + round)));
    return (committers * each * 1000) / ms;
  };
  const actor = actorFromSeed(new Uint8Array(32).fill(7));
  const row = { unit: 'commits/s', rivalName: 'lmdb' };
  rows.push({
    case: `${committers} committers, one entry each`,
    ...row,
    ...(await samplePairs(7, (round) => together(store, write(10 + round)), theirs)),
    target: { of: 'ratio', atLeast: 1 },
  });
  rows.push({
    case: `${committers} committers, signed`,
    ...row,
    ...(await samplePairs(3, (round) => together(store, write(30 + round), actor), theirs)),
    target: { of: 'ratio', atLeast: 0.5 },
  });
  await rival.close();
  await store.close();
  return rows;
}

const bench: Bench = {
  name: 'commit',
  question: 'How long does a commit of one entry take, alone and among many?',
  run,
};
export default bench;
