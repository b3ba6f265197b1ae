/**
 * How fast are contents cut, and what do averages cost? The speed of each twin of the scan, copies
 * included; of the search for zeros; and for each average over real files, how long chunks are and
 * how much of a second version of the same files is new.
 *
 * A version is one stream as an archive would be: files in the order of their paths, each behind
 * 512 bytes that name it. In the second version 4 in 100 files were edited (bytes put in, taken out
 * or overwritten), 1 in 100 is gone and 1 in 100 is new, by the seed. Beside content-defined chunks
 * stand fixed ones of the same average.
 */
import { createHash } from 'node:crypto';
import { existsSync, lstatSync, readdirSync, readFileSync } from 'node:fs';
import { findHole } from '../src/chunks/chunk.js';
import { concatBytes } from '../src/ground/bytes.js';
import { Cdc, type CdcScan, compiledScan, scanPlain } from '../src/kernels/cdc.js';
import type { Bench, Context, Row } from './harness/bench.js';
import { Random } from './harness/random.js';
import { percentile, samplePairs } from './harness/sample.js';

const averages = [16, 32, 64, 128].map((kibibytes) => kibibytes * 1024);
const mebibyte = 1 << 20;
const samples = 9;

interface ChunkStore {
  readonly lengths: number[];
  readonly addresses: string[];
}

function splitter(bytesAvg: number, scan?: CdcScan): Cdc {
  return new Cdc({ bytesMin: bytesAvg / 4, bytesAvg, bytesMax: bytesAvg * 4 }, scan);
}

/** Files below `top` in order of their paths, up to so many bytes. */
function filesBeneath(top: string, most: number): Uint8Array[] {
  const files: Uint8Array[] = [];
  let total = 0;
  const visit = (directory: string): void => {
    for (const name of readdirSync(directory).sort()) {
      if (total >= most) return;
      const path = `${directory}/${name}`;
      const stat = lstatSync(path);
      if (stat.isDirectory()) visit(path);
      else if (stat.isFile() && stat.size > 0 && stat.size <= most - total) {
        files.push(headed(path, readFileSync(path)));
        total += stat.size;
      }
    }
  };
  visit(top);
  return files;
}

function headed(path: string, content: Uint8Array): Uint8Array {
  const file = new Uint8Array(512 + content.length);
  file.set(Buffer.from(`${path} ${content.length}`).subarray(0, 512));
  file.set(content, 512);
  return file;
}

function secondVersion(files: readonly Uint8Array[], random: Random): Uint8Array[] {
  const next: Uint8Array[] = [];
  for (const file of files) {
    const chance = random.below(100);
    if (chance === 0) continue;
    next.push(chance <= 4 ? edited(file, random) : file);
    if (chance === 5) next.push(headed('new', random.bytes(file.length - 512)));
  }
  return next;
}

/** One edit of up to 200 bytes, and another header, as a changed time makes it. */
function edited(file: Uint8Array, random: Random): Uint8Array {
  const at = 512 + random.below(file.length - 512);
  const taken = random.below(3) === 0 ? 0 : random.below(200);
  const put = random.below(3) === 0 ? 0 : random.below(200);
  const parts = [file.subarray(0, at), random.bytes(put), file.subarray(at + taken)];
  const whole = concatBytes(parts);
  whole[511] = random.below(256);
  return whole;
}

function chunksOf(bytes: Uint8Array, cut: (start: number) => number): ChunkStore {
  const chunks: ChunkStore = { lengths: [], addresses: [] };
  for (let start = 0; start < bytes.length; ) {
    const end = cut(start);
    chunks.lengths.push(end - start);
    const digest = createHash('sha256').update(bytes.subarray(start, end)).digest('base64');
    chunks.addresses.push(digest);
    start = end;
  }
  return chunks;
}

/** Bytes of chunks that are not among those known. */
function freshBytes(chunks: ChunkStore, known: Set<string>): number {
  let fresh = 0;
  for (const [i, address] of chunks.addresses.entries()) {
    if (!known.has(address)) fresh += chunks.lengths[i] as number;
    known.add(address);
  }
  return fresh;
}

interface Versions {
  readonly first: Uint8Array;
  readonly second: Uint8Array;
}

/** What of the first version is stored, and of the second, in percent of each. */
function stored({ first, second }: Versions, cut: (bytes: Uint8Array, at: number) => number) {
  const known = new Set<string>();
  const chunks = chunksOf(first, (at) => cut(first, at));
  const once = (100 * freshBytes(chunks, known)) / first.length;
  const again = chunksOf(second, (at) => cut(second, at));
  return { chunks, once, again: (100 * freshBytes(again, known)) / second.length };
}

function averageRows(versions: Versions, bytesAvg: number): Row[] {
  const cdc = splitter(bytesAvg);
  const ours = stored(versions, (bytes, at) => cdc.cut(bytes, at, bytes.length));
  const fixed = stored(versions, (bytes, at) => Math.min(at + bytesAvg, bytes.length));
  const { lengths } = ours.chunks;
  const mean = lengths.reduce((sum, length) => sum + length, 0) / lengths.length;
  const square = lengths.reduce((sum, length) => sum + (length - mean) ** 2, 0) / lengths.length;
  const label = `average ${bytesAvg / 1024} KiB`;
  const length = (what: string, bytes: number): Row => ({
    case: `${label}: chunk, ${what}`,
    unit: 'KiB',
    ours: bytes / 1024,
  });
  const beside = (what: string, figures: { ours: number; rival: number }): Row => ({
    case: `${label}: ${what}`,
    unit: '%',
    ...figures,
    rivalName: 'fixed chunks',
  });
  return [
    length('mean', mean),
    length('deviation', Math.sqrt(square)),
    length('p10', percentile(lengths, 0.1)),
    length('median', percentile(lengths, 0.5)),
    length('p90', percentile(lengths, 0.9)),
    {
      case: `${label}: cut at the longest`,
      unit: '%',
      ours: (100 * lengths.filter((each) => each === cdc.bytesMax).length) / lengths.length,
    },
    beside('stored of the first version', { ours: ours.once, rival: fixed.once }),
    beside('stored of the second version', { ours: ours.again, rival: fixed.again }),
  ];
}

/** MB a second of processor time, so that other work on the machine counts less. */
function megabytesPerSecond(bytes: number, work: () => void): number {
  const start = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(start);
  return bytes / (user + system);
}

function cutAll(cdc: Cdc, bytes: Uint8Array): number {
  let count = 0;
  for (let at = 0; at < bytes.length; count++) at = cdc.cut(bytes, at, bytes.length);
  return count;
}

async function speedRows(bytes: Uint8Array, what: string): Promise<Row[]> {
  const compiled = compiledScan();
  if (compiled === undefined) return [];
  const rows: Row[] = [];
  for (const bytesAvg of averages) {
    const [ours, plain] = [splitter(bytesAvg, compiled), splitter(bytesAvg, scanPlain)];
    const pairs = await samplePairs(
      samples,
      () => megabytesPerSecond(bytes.length, () => cutAll(ours, bytes)),
      () => megabytesPerSecond(bytes.length, () => cutAll(plain, bytes)),
    );
    rows.push({
      case: `cut ${what}, average ${bytesAvg / 1024} KiB`,
      unit: 'MB/s',
      ...pairs,
      rivalName: 'plain twin',
      target: { of: 'ratio', atLeast: 1.25 },
    });
  }
  return rows;
}

/** What the obvious search does: a byte at a time. */
function countByBytes(bytes: Uint8Array): number {
  let runs = 0;
  let length = 0;
  for (let i = 0; i < bytes.length; i++) {
    length = bytes[i] === 0 ? length + 1 : 0;
    if (length === 65_536) runs++;
  }
  return runs;
}

function countRuns(bytes: Uint8Array): number {
  let runs = 0;
  for (let at = 0; ; runs++) {
    const run = findHole(bytes, at, bytes.length);
    if (run === undefined) return runs;
    at = run.end;
  }
}

async function zeroRows(cases: readonly (readonly [string, Uint8Array])[]): Promise<Row[]> {
  const rows: Row[] = [];
  for (const [what, bytes] of cases) {
    if (countRuns(bytes) !== countByBytes(bytes)) throw new Error(`${what}: runs differ`);
    // Ours may take no measurable time over once.
    const times = 50;
    const repeated = (): void => {
      for (let i = 0; i < times; i++) countRuns(bytes);
    };
    const pairs = await samplePairs(
      samples,
      () => megabytesPerSecond(bytes.length * times, repeated),
      () => megabytesPerSecond(bytes.length, () => countByBytes(bytes)),
    );
    rows.push({
      case: `zeros in ${what}`,
      unit: 'MB/s',
      ...pairs,
      rivalName: 'byte by byte',
      target: { of: 'ours', atLeast: 3000 },
    });
  }
  return rows;
}

async function run(context: Context): Promise<Row[]> {
  const random = new Random(context.seed, 12);
  const noise = random.bytes(context.sized(64, 4) * mebibyte);
  const tops = ['/usr/lib', '/usr/share', '/usr/bin', '/usr/include'].filter(existsSync);
  const most = (context.sized(512, 32) * mebibyte) / Math.max(1, tops.length);
  const files = tops.flatMap((top) => filesBeneath(top, most));
  const versions = {
    first: concatBytes(files),
    second: concatBytes(secondVersion(files, random)),
  };
  context.say(`${files.length} files, ${(versions.first.length / mebibyte) | 0} MiB`);
  const real = versions.first.subarray(0, noise.length);
  const striped = new Uint8Array(noise.length);
  for (let at = 65_537; at < striped.length; at += 98_303) striped[at] = 1;
  return [
    ...(await speedRows(noise, 'random bytes')),
    ...(await speedRows(real, 'real files')),
    ...(await zeroRows([
      ['random bytes', noise],
      ['real files', real],
      ['nothing but zeros', new Uint8Array(noise.length)],
      ['zeros with a byte in each 96 KiB', striped],
    ])),
    ...averages.flatMap((bytesAvg) => averageRows(versions, bytesAvg)),
  ];
}

const bench: Bench = {
  name: 'chunking',
  question: 'How fast are contents cut, how long are chunks, and how much of a new version is new?',
  run,
};
export default bench;
