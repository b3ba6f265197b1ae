/**
 * How many reads of 4 KiB a second, at random places of a long content? Misses: the cache of
 * contents is as small as it may be, and each read goes to a part of its own that nothing has read
 * before. Hits: the cache holds the whole content, and all of it was read before. One after
 * another, and sixteen at once; as contents are kept by default, without compression, and in short
 * chunks. The system has the segments in memory.
 */
import { join } from 'node:path';
import type { RegaliaOptions, Stream } from '../src/index.js';
import type { Bench, Context, Row } from './harness/bench.js';
import { gibibyte, longContent, readThrough, writeLong } from './harness/contents.js';
import { mebibyte, openOurs } from './harness/ours.js';
import { Random } from './harness/random.js';
import { sample, timed } from './harness/sample.js';
import { longFile } from './harness/work-set.js';

const bytes_total = 2 * gibibyte;
const length = 4_096;
/** More than a chunk, so that no two misses share one. */
const apart = 256 * 1024;
const reads_cached = 40_000;
const samples = 3;
const at_once = 16;
const variants: readonly { kept: string; rule: RegaliaOptions['default'] & object }[] = [
  { kept: 'by default', rule: {} },
  { kept: 'not compressed', rule: { compression: 'none' } },
  {
    kept: 'not compressed, chunks of 16 KiB',
    rule: { compression: 'none', chunking: { kind: 'fixed', bytes: 16_384 } },
  },
];
/** What remembering a chunk takes beside its bytes is far below this part of them. */
const cache_share = 1.1;

/** Reads a second; `callers` each wait for one read before their next. */
async function readsPerSecond(
  content: Stream,
  starts: readonly number[],
  callers: number,
): Promise<number> {
  let next = 0;
  const caller = async (): Promise<void> => {
    while (next < starts.length) {
      const start = starts[next++] as number;
      const bytes = await content.bytes({ start, end: start + length });
      if (bytes.length !== length) throw new Error(`${bytes.length} bytes at ${start}`);
    }
  };
  const ms = await timed(() => Promise.all(Array.from({ length: callers }, caller)));
  return (starts.length * 1000) / ms;
}

/** One place in each part, shuffled. */
function scatteredStarts(size: number, seed: number): number[] {
  const random = new Random(seed, 6);
  const parts = Math.floor(size / apart);
  const starts = Array.from({ length: parts }, (_, i) => i * apart + random.below(apart - length));
  return random.shuffle(starts);
}

function anyStarts(size: number, seed: number): number[] {
  const random = new Random(seed, 7);
  return Array.from({ length: reads_cached }, () => random.below(size - length));
}

async function withContent<T>(
  folder: string,
  options: RegaliaOptions,
  work: (content: Stream) => Promise<T>,
): Promise<T> {
  const store = await openOurs(folder, options);
  try {
    return await work(longContent(store));
  } finally {
    await store.close();
  }
}

/** Each sample in a store opened anew. */
function misses(folder: string, seed: number, callers: number): Promise<number[]> {
  const options = { contentCacheBytes: 4 * mebibyte };
  return sample(samples, () =>
    withContent(folder, options, (content) =>
      readsPerSecond(content, scatteredStarts(content.size, seed), callers),
    ),
  );
}

function hits(content: Stream, seed: number, callers: number): Promise<number[]> {
  const places = anyStarts(content.size, seed);
  return sample(samples, () => readsPerSecond(content, places, callers));
}

async function run(context: Context): Promise<Row[]> {
  const { seed } = context;
  const path = join(context.folder('file'), 'long');
  const bytes = context.sized(bytes_total, 64 * mebibyte);
  longFile(path, bytes);
  const rows: Row[] = [];
  for (const { kept, rule } of variants) {
    const folder = join(context.folder('ours'), 'store');
    await writeInto(folder, path, { default: rule });
    const row = (what: string, callers: number, figures: number[], atLeast: number): Row => ({
      case: `${what}, ${kept}, ${callers === 1 ? 'one after another' : `${callers} at once`}`,
      unit: 'reads/s',
      ours: figures,
      target: { of: 'ours', atLeast },
    });
    for (const callers of [1, at_once]) {
      rows.push(row('misses', callers, await misses(folder, seed, callers), 15_000));
    }
    const options = { contentCacheBytes: Math.ceil(bytes * cache_share) };
    await withContent(folder, options, async (content) => {
      await readThrough(content);
      for (const callers of [1, at_once]) {
        rows.push(row('hits', callers, await hits(content, seed, callers), 100_000));
      }
    });
  }
  return rows;
}

async function writeInto(folder: string, path: string, options: RegaliaOptions): Promise<void> {
  const store = await openOurs(folder, options);
  await writeLong(store, path);
  // So that the system has it, whatever it thinks of what was just written.
  await readThrough(longContent(store));
  await store.close();
}

const bench: Bench = {
  name: 'ranges',
  question: 'How many reads of 4 KiB a second at random places of a long content?',
  run,
};
export default bench;
