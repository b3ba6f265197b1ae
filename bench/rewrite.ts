/**
 * What does it cost to rewrite one byte within a long content: time from begin to commit, without the flush and with it,
 * and bytes that the store keeps for it? Each byte lies at another random place.
 *
 * Whether `write` takes a place is found by trying it on a small store; where it does not, there are no rows.
 */
import { join } from 'node:path';
import { Regalia, type Transaction, type WriteOptions } from '../src/index.js';
import type { Bench, Context, Row } from './harness/bench.js';
import { gibibyte, longContent, longKey, writeLong } from './harness/contents.js';
import { storedBytes } from './harness/folder.js';
import { mebibyte, openOurs, stream } from './harness/ours.js';
import { Random } from './harness/random.js';
import { sample, timed } from './harness/sample.js';
import { longFile } from './harness/work-set.js';

const bytes_total = gibibyte;
const samples = 20;

/** Overwrites from byte `at` on, and leaves the rest. */
function writeAt(tx: Transaction, bytes: Uint8Array, at: number): Promise<number> {
  const options: WriteOptions & { readonly at: number } = { at };
  return tx.write(longKey, stream, bytes, options);
}

async function takesPlaces(): Promise<boolean> {
  const store = await Regalia.memory();
  try {
    const tx = store.begin();
    await tx.write(longKey, stream, new Uint8Array(100_000));
    await writeAt(tx, Uint8Array.of(7), 5);
    await tx.commit();
    return longContent(store).size === 100_000;
  } finally {
    await store.close();
  }
}

async function rewrite(store: Regalia, byte: number, at: number, durability: 'sync' | 'none') {
  const ms = await timed(async () => {
    const tx = store.begin();
    await writeAt(tx, Uint8Array.of(byte), at);
    await tx.commit({ durability });
  });
  const [found] = await longContent(store).bytes({ start: at, end: at + 1 });
  if (found !== byte) throw new Error(`byte ${at} is ${found}, not ${byte}`);
  return ms;
}

async function run(context: Context): Promise<Row[]> {
  if (!(await takesPlaces())) {
    context.say('write does not take a place (`at`): left out');
    return [];
  }
  const path = join(context.folder('file'), 'long');
  longFile(path, context.sized(bytes_total, mebibyte));
  const folder = join(context.folder('ours'), 'store');
  const store = await openOurs(folder);
  await writeLong(store, path);
  const { size } = longContent(store);
  const random = new Random(context.seed, 8);
  const bytes: number[] = [];
  const stored = (): number => storedBytes(folder) - store.stats().freeBytes;
  const times = (durability: 'sync' | 'none') =>
    sample(samples, async (run) => rewrite(store, run, random.below(size), durability));
  const unflushed = await times('none');
  const flushed = await times('sync');
  for (let i = 0; i < samples; i++) {
    const before = stored();
    await rewrite(store, i, random.below(size), 'sync');
    bytes.push((stored() - before) / mebibyte);
  }
  await store.close();
  const what = `one byte of ${Math.round(size / mebibyte)} MiB rewritten`;
  return [
    { case: `${what}, not flushed`, unit: 'ms', ours: unflushed, target: below(20) },
    { case: `${what}, durable`, unit: 'ms', ours: flushed },
    { case: `${what}: stored`, unit: 'MiB', ours: bytes, target: below(1) },
  ];
}

function below(atMost: number) {
  return { of: 'ours', atMost } as const;
}

const bench: Bench = {
  name: 'rewrite',
  question: 'What does it cost to rewrite one byte of a long content?',
  run,
};
export default bench;
