/**
 * How much memory does a long content take on its way in and out? Random bytes, all chunks
 * different, written as one stream and read as one, each way in a process of its own. What counts
 * is all that is resident, the bare process included, but for the map of LMDB's file, which the
 * system takes back as it likes; beside it the anonymous part alone, and all with the map. The
 * map's part is looked at as the stream goes on, ten times a second.
 */
import { join } from 'node:path';
import type { Bench, Context, Row } from './harness/bench.js';
import { inChild } from './harness/child.js';
import { gibibyte, longContent, longKey, readThrough } from './harness/contents.js';
import { mebibyte, openOurs, stream } from './harness/ours.js';
import { Random } from './harness/random.js';
import { mappedBytes, type Peak, peakOf } from './harness/watch.js';

const bytes_total = 4 * gibibyte;
const limit = 256;

interface Work {
  readonly folder: string;
  readonly bytes: number;
  readonly seed: number;
}

interface StreamPeak extends Peak {
  /** Resident without the map of LMDB's file. */
  readonly beyondBytes: number;
}

/** The peak of `work`, with what is resident beyond the engine's map. */
async function peakBeyond(work: () => Promise<void>): Promise<StreamPeak> {
  let beyondBytes = 0;
  const look = (): void => {
    const beyond = process.memoryUsage.rss() - (mappedBytes('.mdb') ?? 0);
    beyondBytes = Math.max(beyondBytes, beyond);
  };
  const timer = setInterval(look, 100);
  try {
    const peak = await peakOf(async () => {
      await work();
      look();
    });
    return { ...peak, beyondBytes };
  } finally {
    clearInterval(timer);
  }
}

/** One mebibyte again and again, with a number in every 4 KiB, so that no chunk is there twice. */
function* parts(total: number, seed: number): Generator<Uint8Array> {
  const block = Buffer.from(new Random(seed, 9).bytes(mebibyte));
  for (let written = 0, number = 0; written < total; written += mebibyte) {
    for (let at = 0; at < mebibyte; at += 4_096) block.writeUInt32LE(number++, at);
    yield Uint8Array.prototype.slice.call(block, 0, Math.min(mebibyte, total - written));
  }
}

export function writePeak({ folder, bytes, seed }: Work): Promise<StreamPeak> {
  return peakBeyond(async () => {
    const store = await openOurs(folder);
    const tx = store.begin();
    await tx.write(longKey, stream, parts(bytes, seed));
    await tx.commit({ durability: 'sync' });
    await store.close();
  });
}

export function readPeak({ folder, bytes }: Work): Promise<StreamPeak> {
  return peakBeyond(async () => {
    const store = await openOurs(folder, { readOnly: true });
    const found = await readThrough(longContent(store));
    if (found !== bytes) throw new Error(`${found} of ${bytes} bytes were stored`);
    await store.close();
  });
}

async function run(context: Context): Promise<Row[]> {
  const bytes = context.sized(bytes_total, mebibyte);
  const folder = join(context.folder('ours'), 'store');
  const work: Work = { folder, bytes, seed: context.seed };
  const rows: Row[] = [];
  for (const [name, way] of [
    ['writePeak', 'in'],
    ['readPeak', 'out'],
  ] as const) {
    const { result } = await inChild<StreamPeak>(import.meta.url, name, work);
    const what = `a stream of ${Math.round(bytes / mebibyte)} MiB ${way}`;
    const target = { of: 'ours', atMost: limit } as const;
    rows.push(
      {
        case: `${what}: resident beyond LMDB's map`,
        unit: 'MiB',
        ours: result.beyondBytes / mebibyte,
        target,
      },
      { case: `${what}: anonymous`, unit: 'MiB', ours: result.anonymousBytes / mebibyte },
      { case: `${what}: before it`, unit: 'MiB', ours: result.startBytes / mebibyte },
      { case: `${what}: all, LMDB's map too`, unit: 'MiB', ours: result.residentBytes / mebibyte },
    );
  }
  return rows;
}

const bench: Bench = {
  name: 'stream-memory',
  question: 'How much memory does a long content take on its way in and out?',
  run,
};
export default bench;
