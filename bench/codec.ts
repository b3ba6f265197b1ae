/**
 * What do compression, its sampler and the pool of workers cost and give, on chunks of real files?
 *
 * Rates of one core are bytes by CPU time, which other work on the machine spoils less than wall
 * time; the speed-up by workers is wall time against the calling thread's, in alternation. The
 * rival is deflate at level 1 of node:zlib, the fastest that every runtime has.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import zlib from 'node:zlib';
import { addressOf } from '../src/blocks/address.js';
import { BlockKind, SHA256 } from '../src/ground/block-header.js';
import { concatBytes } from '../src/ground/bytes.js';
import { BLOCK_BYTES_MAX } from '../src/ground/limits.js';
import { mayCompress } from '../src/kernels/sample.js';
import { Codec, compress, type Stored } from '../src/volumes/codec.js';
import { Pool } from '../src/volumes/pool.js';
import { compressFrame } from '../src/volumes/zstd.js';
import { decompress } from '../test/volumes/frames.js';
import type { Bench, Context, Row } from './harness/bench.js';
import { sample, samplePairs } from './harness/sample.js';

const chunkBytes = 65_536;
const setBytes = 8 * 1024 * 1024;
const samples = 5;
const levels = [1, 3, 6];

const kinds: readonly [string, string, RegExp][] = [
  ['programs', '/usr/bin', /^[^.]*$/],
  ['text', '/usr/share', /\.(?:txt|md|html|xml|tex)$/],
  ['sources', '/usr/lib', /\.(?:py|js|ts|h|c|rb|pm)$/],
  ['compressed', '/usr', /\.(?:gz|png|jpg|jar|whl|zip|xz|woff2)$/],
];

/** Chunks of files below `top` whose names match, at most 16 of a file. */
function chunksOf(top: string, name: RegExp, bytes: number): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  const open = [top];
  for (let at = open.shift(); at !== undefined; at = open.shift()) {
    for (const entry of entriesOf(at)) {
      const path = `${at}/${entry.name}`;
      if (entry.isDirectory()) open.push(path);
      if (!entry.isFile() || !name.test(entry.name) || statSync(path).size < chunkBytes) continue;
      const file = readFileSync(path).subarray(0, 16 * chunkBytes);
      for (let from = 0; from + chunkBytes <= file.length; from += chunkBytes) {
        if (chunks.length * chunkBytes >= bytes) return chunks;
        chunks.push(new Uint8Array(file.subarray(from, from + chunkBytes)));
      }
    }
  }
  return chunks;
}

function entriesOf(folder: string) {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch {
    return [];
  }
}

/** Microseconds of CPU that one call takes. */
function cpu(work: () => void): number {
  const start = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(start);
  return user + system;
}

function forAll<Item>(items: readonly Item[], work: (item: Item) => unknown): void {
  for (const item of items) work(item);
}

/** MB/s of one core. */
async function rates(chunks: readonly Uint8Array[], ours: () => void, rival: () => void) {
  const plain = chunks.length * chunkBytes;
  ours();
  rival();
  return samplePairs(
    samples,
    () => plain / cpu(ours),
    () => plain / cpu(rival),
  );
}

function stored(all: readonly { length: number }[]): number {
  return all.reduce((sum, { length }) => sum + length, 0);
}

async function ofKind(name: string, chunks: readonly Uint8Array[]): Promise<Row[]> {
  const rows: Row[] = [];
  const plain = chunks.length * chunkBytes;
  const deflated = chunks.map((chunk) => zlib.deflateRawSync(chunk, { level: 1 }));
  for (const level of levels) {
    const ours: Stored[] = chunks.map((chunk) => compress(chunk, level));
    const label = `${name}, level ${level}`;
    const rivalName = 'deflate 1';
    const ratios = [plain / stored(ours.map((each) => each.stored)), plain / stored(deflated)];
    rows.push({ case: `${label}: ratio`, unit: '', ours: ratios[0], rival: ratios[1], rivalName });
    const compressed = await rates(
      chunks,
      () => forAll(chunks, (chunk) => compress(chunk, level)),
      () => forAll(chunks, (chunk) => zlib.deflateRawSync(chunk, { level: 1 })),
    );
    rows.push({ case: `${label}: in`, unit: 'MB/s', ...compressed, rivalName });
    const decompressed = await rates(
      chunks,
      () => forAll(ours, (each) => decompress(each.codec, each.stored, chunkBytes)),
      () => forAll(deflated, (each) => zlib.inflateRawSync(each, { maxOutputLength: chunkBytes })),
    );
    rows.push({ case: `${label}: out`, unit: 'MB/s', ...decompressed, rivalName });
  }
  return rows;
}

/** The sampler against what compressing shows, over all chunks. */
async function sampler(chunks: readonly Uint8Array[]): Promise<Row[]> {
  const pays = chunks.map((chunk) => compressFrame(chunk, 3, chunkBytes - chunkBytes / 16));
  const guesses = chunks.map(mayCompress);
  const count = (guess: boolean, pay: boolean): number =>
    guesses.filter((each, i) => each === guess && (pays[i] !== undefined) === pay).length;
  const cost = await sample(
    samples,
    () => cpu(() => forAll(chunks, (chunk) => mayCompress(chunk))) / chunks.length,
  );
  const inVain = chunks.filter((_, i) => pays[i] === undefined);
  const saved = await rates(
    inVain,
    () => forAll(inVain, (chunk) => compress(chunk, 3)),
    () => forAll(inVain, (chunk) => compressFrame(chunk, 3, BLOCK_BYTES_MAX)),
  );
  const percent = (part: number, whole: number): number => (100 * part) / Math.max(1, whole);
  return [
    { case: 'sampler, a chunk of 64 KiB', unit: 'µs', ours: cost },
    {
      case: `sampler: missed of ${count(true, true) + count(false, true)} that compress`,
      unit: '%',
      ours: percent(count(false, true), count(true, true) + count(false, true)),
    },
    {
      case: `sampler: tried without gain, of ${inVain.length}`,
      unit: '%',
      ours: percent(count(true, false), inVain.length),
    },
    {
      case: 'what does not compress, level 3: in',
      unit: 'MB/s',
      ...saved,
      rivalName: 'not sampled',
    },
  ];
}

/** Wall-clock MB/s of all chunks through the pool, beside the calling thread's. */
async function pooled(chunks: readonly Uint8Array[]): Promise<Row[]> {
  const plain = chunks.length * chunkBytes;
  const wall = async (work: () => Promise<unknown>): Promise<number> => {
    const start = performance.now();
    await work();
    return plain / 1_000 / (performance.now() - start);
  };
  const alone = new Pool({ workers: 0 });
  const rows: Row[] = [];
  const all = (await alone.compress(chunks, 3)).map((each, i) => ({
    ...each,
    plainLength: chunkBytes,
    address: addressOf(SHA256, concatBytes([Uint8Array.of(BlockKind.chunk, 1, SHA256), chunks[i]])),
  }));
  for (const workers of [1, 2]) {
    const pool = new Pool({ workers });
    const works: [string, (pool: Pool) => Promise<unknown>][] = [
      ['compress', (pool) => pool.compress(chunks, 3)],
      ['decode', (pool) => pool.decode(all)],
    ];
    for (const [name, work] of works) {
      await work(pool);
      const pairs = await samplePairs(
        samples,
        () => wall(() => work(pool)),
        () => wall(() => work(alone)),
      );
      const label = `${name} by ${workers} worker${workers === 1 ? '' : 's'}`;
      rows.push({ case: label, unit: 'MB/s', ...pairs, rivalName: 'calling thread' });
    }
    await pool.close();
  }
  return rows;
}

async function run(context: Context): Promise<Row[]> {
  const rows: Row[] = [];
  const mixed: Uint8Array[] = [];
  for (const [name, top, pattern] of kinds) {
    const chunks = chunksOf(top, pattern, context.sized(setBytes, 4 * chunkBytes));
    mixed.push(...chunks);
    if (chunks.length === 0) context.say(`no ${name} below ${top}: left out`);
    else if (name !== 'compressed') rows.push(...(await ofKind(name, chunks)));
  }
  const compressible = mixed.filter((chunk) => compress(chunk, 1).codec === Codec.zstd);
  return [...rows, ...(await sampler(mixed)), ...(await pooled(compressible))];
}

const bench: Bench = {
  name: 'codec',
  question: 'What do compression, its sampler and the pool of workers cost and give?',
  run,
};
export default bench;
