/**
 * How many reads of 4 KiB a second, at random places of a long content? Misses: each in a part of its own that nothing
 * has read before. Hits: in a part of 4 MiB that was read just before, which any cache of ours holds. One after another,
 * and sixteen at once. The system has the file in memory.
 */
import { join } from 'node:path';
import type { Stream } from '../src/index.js';
import type { Bench, Context, Row } from './harness/bench.js';
import { gibibyte, longContent, readThrough, writeLong } from './harness/contents.js';
import { mebibyte, openOurs } from './harness/ours.js';
import { Random } from './harness/random.js';
import { sample, timed } from './harness/sample.js';
import { longFile } from './harness/work-set.js';

const bytes_total = 2 * gibibyte;
const length = 4_096;
/** More than a piece, so that no two misses share one. */
const apart = 256 * 1024;
const hot_bytes = 4 * mebibyte;
const reads_hot = 20_000;
const samples = 3;
const at_once = 16;

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

function hotStarts(size: number, seed: number): number[] {
  const random = new Random(seed, 7);
  const most = Math.min(hot_bytes, size) - length;
  return Array.from({ length: reads_hot }, () => random.below(most));
}

async function run(context: Context): Promise<Row[]> {
  const path = join(context.folder('file'), 'long');
  longFile(path, context.sized(bytes_total, 2 * hot_bytes));
  const folder = join(context.folder('ours'), 'store');
  const store = await openOurs(folder);
  await writeLong(store, path);
  // So that the system has it, whatever it thinks of what was just written.
  await readThrough(longContent(store));
  await store.close();
  const figures = async (starts: (size: number) => number[], warm: boolean, callers: number) =>
    sample(samples, async () => {
      const opened = await openOurs(folder);
      const content = longContent(opened);
      const places = starts(content.size);
      if (warm) await content.bytes({ start: 0, end: Math.min(hot_bytes, content.size) });
      if (warm) await readsPerSecond(content, places.slice(0, 2_000), callers);
      const found = await readsPerSecond(content, places, callers);
      await opened.close();
      return found;
    });
  const rows: Row[] = [];
  for (const callers of [1, at_once]) {
    const how = callers === 1 ? 'one after another' : `${callers} at once`;
    const misses = await figures((size) => scatteredStarts(size, context.seed), false, callers);
    const hits = await figures((size) => hotStarts(size, context.seed), true, callers);
    const target = (atLeast: number) =>
      callers === 1 ? ({ of: 'ours', atLeast } as const) : undefined;
    rows.push(
      { case: `misses, ${how}`, unit: 'reads/s', ours: misses, target: target(15_000) },
      { case: `hits, ${how}`, unit: 'reads/s', ours: hits, target: target(100_000) },
    );
  }
  return rows;
}

const bench: Bench = {
  name: 'ranges',
  question: 'How many reads of 4 KiB a second at random places of a long content?',
  run,
};
export default bench;
