/**
 * What does a byte in the middle of a large content cost? A commit of its own each, unflushed, in a
 * content of 1 GiB and in one of a sixteenth: the cost should hardly know the size. And how large
 * is the delta that brings it to a replica, at most: the file's chunk and its path.
 */
import type { Bench, Context, Row } from './harness/bench.js';
import { mebibyte, openOurs, stream } from './harness/ours.js';
import { Random } from './harness/random.js';
import { sample, summarize, timed } from './harness/sample.js';

const length = 1_024 * mebibyte;
const edits = 50;
const key = '/disk';
const chunkings = {
  content: { kind: 'content', bytesMin: 16_384, bytesAverage: 65_536, bytesMax: 262_144 },
  fixed: { kind: 'fixed', bytes: 65_536 },
} as const;

interface Costs {
  readonly times: number[];
  readonly deltaBytes: number;
}

async function costsOf(
  context: Context,
  kind: keyof typeof chunkings,
  bytes: number,
): Promise<Costs> {
  const folder = context.folder(`${kind}-${bytes}`);
  const streams = { [stream]: { chunking: chunkings[kind] } };
  const store = await openOurs(folder, { durability: 'none', streams });
  const random = new Random(context.seed);
  await store.transact(async (tx) => {
    await tx.write(key, stream, noise(bytes, random));
  });
  const times = await sample(edits, (run) =>
    timed(async () => {
      const at = Math.floor((bytes * (run + 0.5)) / edits);
      await store.transact(async (tx) => {
        await tx.write(key, stream, Uint8Array.of(run), { at });
      });
    }),
  );
  const have = await store.have();
  await store.transact(async (tx) => {
    await tx.write(key, stream, Uint8Array.of(99), { at: bytes / 2 });
  });
  let deltaBytes = 0;
  for await (const part of store.export({ have })) deltaBytes += part.length;
  await store.close();
  return { times, deltaBytes };
}

function* noise(bytes: number, random: Random): Generator<Uint8Array> {
  for (let left = bytes; left > 0; left -= mebibyte) {
    yield random.bytes(Math.min(mebibyte, left));
  }
}

async function run(context: Context): Promise<Row[]> {
  const large = context.sized(length, 16 * mebibyte);
  const rows: Row[] = [];
  for (const kind of ['content', 'fixed'] as const) {
    const small = await costsOf(context, kind, large / 16);
    const whole = await costsOf(context, kind, large);
    const growth = summarize(whole.times).median / summarize(small.times).median;
    const size = `${large / mebibyte} MiB`;
    rows.push(
      { case: `a byte of ${size}, ${kind}`, unit: 'ms', ours: whole.times },
      {
        case: `beside one of a sixteenth, ${kind}`,
        unit: '×',
        ours: growth,
        target: { of: 'ours', atMost: 2 },
      },
      { case: `its delta, ${kind}`, unit: 'bytes', ours: whole.deltaBytes },
    );
  }
  return rows;
}

const bench: Bench = {
  name: 'rewrite',
  question: 'What does a byte in the middle of a large content cost?',
  run,
};
export default bench;
