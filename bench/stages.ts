/**
 * What bounds a write on one core? Its stages alone, on the same chunks of real files: cutting by
 * the gear hash, SHA-256, CRC-32 of what is stored, zstd at level 3; then all of it as a store does
 * it, on the calling thread, with segments and engine below, unflushed. Speeds are by processor
 * time, so waiting does not count and other work counts less.
 *
 * Chunks that are there twice are stored once, so all together is spared what the stages alone are
 * not: a row says how much that is.
 */
import { rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from '../src/ground/checksum.js';
import { Cdc } from '../src/kernels/cdc.js';
import { sha256 } from '../src/kernels/hash.js';
import { DEFAULT_RULE } from '../src/streams/rule.js';
import { compress } from '../src/volumes/codec.js';
import type { Bench, Context, Row } from './harness/bench.js';
import { longContent, longKey } from './harness/contents.js';
import { ownCpuMs } from './harness/counted.js';
import { mebibyte, openOurs, stream } from './harness/ours.js';
import { sampleSides, summarize } from './harness/sample.js';
import { longFile } from './harness/work-set.js';

const bytes_total = 256 * mebibyte;
const samples = 5;
const stages = ['cutting', 'SHA-256', 'CRC-32', 'zstd'] as const;
type Stage = (typeof stages)[number];

function defaultCdc(): Cdc {
  const { chunking } = DEFAULT_RULE;
  if (chunking.kind !== 'content') throw new Error('the default no longer cuts by content');
  const { bytesMin, bytesAverage, bytesMax } = chunking;
  return new Cdc({ bytesMin, bytesAvg: bytesAverage, bytesMax });
}

function cutAll(bytes: Uint8Array): Uint8Array[] {
  const cdc = defaultCdc();
  const chunks: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = cdc.cut(bytes, at, bytes.length);
    chunks.push(bytes.subarray(at, end));
    at = end;
  }
  return chunks;
}

/** Plain megabytes a second of processor time. */
async function speed(bytes: number, work: () => unknown): Promise<number> {
  const before = ownCpuMs();
  await work();
  return bytes / 1e3 / (ownCpuMs() - before);
}

/** The whole way into a store in `folder`, which is removed again. */
async function storeAll(folder: string, bytes: Uint8Array): Promise<number> {
  const store = await openOurs(folder, { workers: 0 });
  const found = await speed(bytes.length, async () => {
    const tx = store.begin();
    await tx.write(longKey, stream, partsOf(bytes));
    await tx.commit({ durability: 'none' });
  });
  if (longContent(store).size !== bytes.length) throw new Error('not all of it was stored');
  await store.close();
  rmSync(folder, { recursive: true });
  return found;
}

function* partsOf(bytes: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += mebibyte) yield bytes.subarray(at, at + mebibyte);
}

function repeatedPercent(chunks: readonly Uint8Array[], bytes: number): number {
  const seen = new Set<string>();
  let repeated = 0;
  for (const chunk of chunks) {
    const digest = Buffer.from(sha256(chunk)).toString('base64');
    if (seen.has(digest)) repeated += chunk.length;
    seen.add(digest);
  }
  return (100 * repeated) / bytes;
}

async function run(context: Context): Promise<Row[]> {
  const path = join(context.folder('file'), 'long');
  longFile(path, context.sized(bytes_total, 16 * mebibyte));
  const bytes = new Uint8Array(await readFile(path));
  const chunks = cutAll(bytes);
  const stored = chunks.map((chunk) => compress(chunk).stored);
  const over = (items: readonly Uint8Array[], work: (item: Uint8Array) => unknown) => () =>
    speed(bytes.length, () => {
      for (const item of items) work(item);
    });
  const folder = join(context.folder('ours'), 'store');
  const found = await sampleSides<Stage | 'all', number>(samples, {
    cutting: () => speed(bytes.length, () => cutAll(bytes)),
    'SHA-256': over(chunks, sha256),
    'CRC-32': over(stored, (item) => crc32(item)),
    zstd: over(chunks, (chunk) => compress(chunk)),
    all: () => storeAll(folder, bytes),
  });
  const speeds = stages.map((name) => ({ name, figures: found[name] ?? [] }));
  const slowest = speeds.reduce((least, one) =>
    summarize(one.figures).median < summarize(least.figures).median ? one : least,
  );
  const oneByOne = (found.all ?? []).map(
    (_, i) => 1 / speeds.reduce((sum, { figures }) => sum + 1 / (figures[i] as number), 0),
  );
  const all = { unit: 'MB/s', ours: found.all };
  return [
    ...speeds.map(({ name, figures }) => ({ case: `${name} alone`, unit: 'MB/s', ours: figures })),
    {
      ...{ case: 'all together', ...all, rival: slowest.figures, rivalName: slowest.name },
      target: { of: 'ratio', atLeast: 0.6 },
    },
    {
      ...{ case: 'all together, beside one stage after another', ...all },
      ...{ rival: oneByOne, rivalName: 'stages' },
    },
    { case: 'there twice', unit: '%', ours: repeatedPercent(chunks, bytes.length) },
  ];
}

const bench: Bench = {
  name: 'stages',
  question: 'What bounds a write on one core: cutting, hashing or compressing?',
  run,
};
export default bench;
