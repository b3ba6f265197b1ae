/**
 * What do compression, its sampler and the pool of workers cost and give, on pieces of real files?
 *
 * Rates of one core are bytes by CPU time, which other work on the machine spoils less than wall time; the speed-up by
 * workers is wall time against the calling thread's, in alternation. The rival is deflate at level 1 of node:zlib, the
 * fastest that every runtime has.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import zlib from 'node:zlib';
import { SHA256 } from '../src/blocks/address.js';
import { mayCompress } from '../src/kernels/sample.js';
import { Codec, compress, decompress, type Stored } from '../src/volumes/codec.js';
import { Pool } from '../src/volumes/pool.js';
import { compressFrame, PLAIN_MAX } from '../src/volumes/zstd.js';
import type { Bench, Context, Row } from './harness/bench.js';
import { sample, samplePairs } from './harness/sample.js';

const pieceBytes = 65_536;
const setBytes = 8 * 1024 * 1024;
const samples = 5;
const levels = [1, 3, 6];

const kinds: readonly [string, string, RegExp][] = [
  ['programs', '/usr/bin', /^[^.]*$/],
  ['text', '/usr/share', /\.(?:txt|md|html|xml|tex)$/],
  ['sources', '/usr/lib', /\.(?:py|js|ts|h|c|rb|pm)$/],
  ['compressed', '/usr', /\.(?:gz|png|jpg|jar|whl|zip|xz|woff2)$/],
];

/** Pieces of files beneath `top` whose names match, at most 16 of a file. */
function piecesOf(top: string, name: RegExp, bytes: number): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  const open = [top];
  for (let at = open.shift(); at !== undefined; at = open.shift()) {
    for (const entry of entriesOf(at)) {
      const path = `${at}/${entry.name}`;
      if (entry.isDirectory()) open.push(path);
      if (!entry.isFile() || !name.test(entry.name) || statSync(path).size < pieceBytes) continue;
      const file = readFileSync(path).subarray(0, 16 * pieceBytes);
      for (let from = 0; from + pieceBytes <= file.length; from += pieceBytes) {
        if (pieces.length * pieceBytes >= bytes) return pieces;
        pieces.push(new Uint8Array(file.subarray(from, from + pieceBytes)));
      }
    }
  }
  return pieces;
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
async function rates(pieces: readonly Uint8Array[], ours: () => void, rival: () => void) {
  const plain = pieces.length * pieceBytes;
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

async function ofKind(name: string, pieces: readonly Uint8Array[]): Promise<Row[]> {
  const rows: Row[] = [];
  const plain = pieces.length * pieceBytes;
  const deflated = pieces.map((piece) => zlib.deflateRawSync(piece, { level: 1 }));
  for (const level of levels) {
    const ours: Stored[] = pieces.map((piece) => compress(piece, level));
    const label = `${name}, level ${level}`;
    const rivalName = 'deflate 1';
    const ratios = [plain / stored(ours.map((each) => each.stored)), plain / stored(deflated)];
    rows.push({ case: `${label}: ratio`, unit: '', ours: ratios[0], rival: ratios[1], rivalName });
    const compressed = await rates(
      pieces,
      () => forAll(pieces, (piece) => compress(piece, level)),
      () => forAll(pieces, (piece) => zlib.deflateRawSync(piece, { level: 1 })),
    );
    rows.push({ case: `${label}: in`, unit: 'MB/s', ...compressed, rivalName });
    const decompressed = await rates(
      pieces,
      () => forAll(ours, (each) => decompress(each.codec, each.stored, pieceBytes)),
      () => forAll(deflated, (each) => zlib.inflateRawSync(each, { maxOutputLength: pieceBytes })),
    );
    rows.push({ case: `${label}: out`, unit: 'MB/s', ...decompressed, rivalName });
  }
  return rows;
}

/** The sampler against what compressing shows, over all pieces. */
async function sampler(pieces: readonly Uint8Array[]): Promise<Row[]> {
  const pays = pieces.map((piece) => compressFrame(piece, 3, pieceBytes - pieceBytes / 16));
  const guesses = pieces.map(mayCompress);
  const count = (guess: boolean, pay: boolean): number =>
    guesses.filter((each, i) => each === guess && (pays[i] !== undefined) === pay).length;
  const cost = await sample(
    samples,
    () => cpu(() => forAll(pieces, (piece) => mayCompress(piece))) / pieces.length,
  );
  const inVain = pieces.filter((_, i) => pays[i] === undefined);
  const saved = await rates(
    inVain,
    () => forAll(inVain, (piece) => compress(piece, 3)),
    () => forAll(inVain, (piece) => compressFrame(piece, 3, PLAIN_MAX)),
  );
  const percent = (part: number, whole: number): number => (100 * part) / Math.max(1, whole);
  return [
    { case: 'sampler, a piece of 64 KiB', unit: 'µs', ours: cost },
    {
      case: `sampler: missed of ${count(true, true) + count(false, true)} that compress`,
      unit: '%',
      ours: percent(count(false, true), count(true, true) + count(false, true)),
    },
    {
      case: `sampler: tried in vain of ${inVain.length}`,
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

/** Wall-clock MB/s of all pieces through the pool, beside the calling thread's. */
async function pooled(pieces: readonly Uint8Array[]): Promise<Row[]> {
  const plain = pieces.length * pieceBytes;
  const wall = async (work: () => Promise<unknown>): Promise<number> => {
    const start = performance.now();
    await work();
    return plain / 1_000 / (performance.now() - start);
  };
  const alone = new Pool({ workers: 0 });
  const rows: Row[] = [];
  const addresses = await alone.hash(pieces, SHA256);
  const all = (await alone.compress(pieces, 3)).map((each, i) => ({
    ...each,
    plainLength: pieceBytes,
    address: addresses[i],
  }));
  for (const workers of [1, 2]) {
    const pool = new Pool({ workers });
    const works: [string, (pool: Pool) => Promise<unknown>][] = [
      ['compress', (pool) => pool.compress(pieces, 3)],
      ['decode', (pool) => pool.decode(all)],
      ['hash', (pool) => pool.hash(pieces, SHA256)],
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
    const pieces = piecesOf(top, pattern, context.sized(setBytes, 4 * pieceBytes));
    mixed.push(...pieces);
    if (pieces.length === 0) context.say(`no ${name} beneath ${top}: left out`);
    else if (name !== 'compressed') rows.push(...(await ofKind(name, pieces)));
  }
  const compressible = mixed.filter((piece) => compress(piece, 1).codec === Codec.zstd);
  return [...rows, ...(await sampler(mixed)), ...(await pooled(compressible))];
}

const bench: Bench = {
  name: 'codec',
  question: 'What do compression, its sampler and the pool of workers cost and give?',
  run,
};
export default bench;
