/**
 * What does a random read cost when nodes must come from the engine, be verified and be parsed?
 * Once with the leaf cold and the inner nodes cached, each leaf read once; once with nothing
 * cached. How much of it hashing is, is measured by verifying the same blocks once more. The
 * operating system has the file in memory; only the process is cold.
 */

import { BlockKind } from '../src/ground/block-header.js';
import { scopeOf } from '../src/store/bucket.js';
import { Tree } from '../src/tree/lookup.js';
import { NodeCache } from '../src/tree/node-cache.js';
import { INLINE } from '../src/tree/record.js';
import type { Bench, Context, Row } from './harness/bench.js';
import { coldBlocks, hashingMicroseconds, type ReadBlock } from './harness/cold-blocks.js';
import { coreOf, makeOurs, mebibyte, openOurs, readOurs, stream } from './harness/ours.js';
import { Random } from './harness/random.js';
import { microsecondsEach, percentile, sample } from './harness/sample.js';
import { fileKey, filesPerDirectory, filesShuffled } from './harness/workload.js';

const files = 1_000_000;
/** Files of a directory that are no nearer than this lie in leaves of their own. */
const apart = 100;
/** An id that no block has. */
const unused = 2 ** 47;

/**
 * One key in each leaf or so, none next to another, in random order; `warm` are one key of each
 * directory.
 */
function keysApart(count: number, seed: number): { warm: string[]; cold: string[] } {
  const warm: string[] = [];
  const cold: string[] = [];
  for (let index = 0; index < count; index += apart) {
    if (index % filesPerDirectory === 0) warm.push(fileKey(index));
    else cold.push(fileKey(index));
  }
  return { warm, cold: new Random(seed, 3).shuffle(cold) };
}

async function leafCold(context: Context, folder: string, count: number): Promise<Row[]> {
  const { warm, cold } = keysApart(count, context.seed);
  const shares: number[] = [];
  const nodes: number[] = [];
  const ours = await sample(7, async () => {
    const store = await openOurs(folder, { cacheBytes: 256 * mebibyte });
    const snapshot = store.snapshot();
    for (const key of warm) readOurs(snapshot, key);
    const half = cold.length >>> 1;
    const each = microsecondsEach(half, (index) => readOurs(snapshot, cold[index] as string));
    const rest = cold.slice(half);
    const blocks = coldBlocks(store, () => {
      for (const key of rest) readOurs(snapshot, key);
    });
    nodes.push(blocks.length / rest.length);
    shares.push(hashingMicroseconds(blocks) / rest.length / each);
    await store.close();
    return each;
  });
  return [
    {
      case: `leaf cold, inner nodes cached, of ${count}`,
      unit: 'µs',
      ours,
      target: { of: 'ours', atMost: 12 },
    },
    { case: 'leaf cold: nodes verified a read', unit: 'nodes', ours: nodes },
    { case: 'leaf cold: share of hashing', unit: '', ours: shares },
  ];
}

/**
 * A cache that holds nothing of the store, but has its memory: one node of each pool lies under
 * nobody's id.
 */
function emptyCache(blocks: NodeCache['blocks'], nodes: readonly ReadBlock[]): NodeCache {
  const cache = new NodeCache(blocks, 4 * mebibyte);
  for (const [address, bytes] of nodes) {
    const facts = {
      address,
      plainLength: bytes.length,
      id: unused,
      chain: { depth: 0, whole: unused },
    };
    cache.adopt({ buffer: bytes, length: bytes.length }, facts);
  }
  return cache;
}

/** Every read through a cache of its own. */
async function allCold(context: Context, folder: string, count: number): Promise<Row[]> {
  const store = await openOurs(folder);
  const { blocks } = coreOf(store);
  const { root } = scopeOf(store).storedTree;
  const random = new Random(context.seed, 4);
  const read = (key: string, cache: NodeCache): number => {
    const found = Tree.load(cache, root.id, root.address).stream(key, stream);
    return found?.form === INLINE ? found.bytes.slice().length : 0;
  };
  const reads = 300;
  const first = coldBlocks(store, () => read(fileKey(0), new NodeCache(blocks, 4 * mebibyte)));
  const kinds = [0, 1].flatMap((level) => {
    const node = first.find(([, bytes]) => bytes[0] === BlockKind.node && bytes[3] === level);
    return node === undefined ? [] : [node];
  });
  const shares: number[] = [];
  const nodes: number[] = [];
  const ours = await sample(9, () => {
    const keys = Array.from({ length: reads }, () => fileKey(random.below(count)));
    const times: number[] = [];
    for (const key of keys) {
      const cache = emptyCache(blocks, kinds);
      const start = performance.now();
      if (read(key, cache) === 0) throw new Error(`${key} is not there`);
      times.push((performance.now() - start) * 1000);
    }
    const seen = coldBlocks(store, () => {
      for (const key of keys) read(key, new NodeCache(blocks, 4 * mebibyte));
    });
    nodes.push(seen.length / reads);
    // The median, since caches thrown away by the hundred make garbage that is not the reads'.
    const each = percentile(times, 0.5);
    shares.push(hashingMicroseconds(seen) / reads / each);
    return each;
  });
  await store.close();
  return [
    { case: `all cold, of ${count}`, unit: 'µs', ours, target: { of: 'ours', atMost: 35 } },
    { case: 'all cold: nodes verified a read', unit: 'nodes', ours: nodes },
    { case: 'all cold: share of hashing', unit: '', ours: shares },
  ];
}

async function run(context: Context): Promise<Row[]> {
  const count = context.sized(files, 10 * filesPerDirectory);
  const folder = context.folder('ours');
  await makeOurs(folder, filesShuffled(count, context.seed));
  return [...(await leafCold(context, folder, count)), ...(await allCold(context, folder, count))];
}

const bench: Bench = {
  name: 'cold',
  question: 'What does a verified read cost when its leaf, or its whole way, is not cached?',
  run,
};
export default bench;
