/**
 * How fast are parity shards computed, and lost shards rebuilt? Each twin of the arithmetic, copies
 * in and out of WebAssembly's memory included, on shards of 4 MiB that no processor cache holds.
 *
 * Encoding counts the data that is read, rebuilding the bytes that are rebuilt, by processor time,
 * so that other work on the machine counts less.
 */
import { type Combine, combinePlain, compiledCombine } from '../src/kernels/gf256.js';
import { encode, reconstruct } from '../src/kernels/reed-solomon.js';
import type { Bench, Context, Row, Target } from './harness/bench.js';
import { Random } from './harness/random.js';
import { samplePairs } from './harness/sample.js';

const mebibyte = 1 << 20;
const samples = 9;

interface Code {
  readonly k: number;
  readonly m: number;
  readonly encodeTarget?: Target;
  readonly rebuildTarget?: Target;
}

const codes: readonly Code[] = [
  {
    k: 4,
    m: 2,
    encodeTarget: { of: 'ours', atLeast: 1000 },
    rebuildTarget: { of: 'ours', atLeast: 500 },
  },
  { k: 2, m: 1 },
  { k: 10, m: 4 },
  { k: 28, m: 4 },
];

/** Megabytes a second of processor time, after a first round that is not counted. */
function megabytesPerSecond(bytes: number, times: number, work: () => void): number {
  work();
  const start = process.cpuUsage();
  for (let i = 0; i < times; i++) work();
  const { user, system } = process.cpuUsage(start);
  return (times * bytes) / (user + system);
}

/** The first `m` data shards are lost, the worst case: each is a row without ones. */
function rebuild(shards: readonly Uint8Array[], { k, m }: Code, combine: Combine): void {
  const lost = Math.min(k, m);
  const left = shards.map((shard, i) => (i < lost ? undefined : shard));
  reconstruct(left, k, m, undefined, combine);
}

async function codeRows(code: Code, length: number, random: Random): Promise<Row[]> {
  const compiled = compiledCombine();
  if (compiled === undefined) return [];
  const { k, m } = code;
  const data = Array.from({ length: k }, () => random.bytes(length));
  const parity = Array.from({ length: m }, () => new Uint8Array(length));
  const speeds = (bytes: number, work: (combine: Combine) => void) =>
    samplePairs(
      samples,
      () => megabytesPerSecond(bytes, 5, () => work(compiled)),
      () => megabytesPerSecond(bytes, 1, () => work(combinePlain)),
    );
  const encoding = await speeds(k * length, (combine) => encode(data, parity, combine));
  const lost = Math.min(k, m);
  const whole = [...data, ...parity];
  const rebuilding = await speeds(lost * length, (combine) => rebuild(whole, code, combine));
  const row = (what: string, figures: typeof encoding, target?: Target): Row => ({
    case: `${k}+${m}: ${what}`,
    unit: 'MB/s',
    ...figures,
    rivalName: 'plain twin',
    target,
  });
  return [
    row('encode', encoding, code.encodeTarget),
    row(`rebuild ${lost} lost data shard${lost === 1 ? '' : 's'}`, rebuilding, code.rebuildTarget),
  ];
}

/** A read of one chunk whose shard is lost: short ranges, where tables and inverses weigh most. */
async function chunkRow(random: Random): Promise<Row[]> {
  const compiled = compiledCombine();
  if (compiled === undefined) return [];
  const length = 65_536;
  const data = Array.from({ length: 4 }, () => random.bytes(length));
  const parity = [new Uint8Array(length), new Uint8Array(length)];
  encode(data, parity);
  const speed = (combine: Combine, times: number) =>
    megabytesPerSecond(length, times, () => {
      reconstruct([undefined, ...data.slice(1), ...parity], 4, 2, [0], combine);
    });
  const pairs = await samplePairs(
    samples,
    () => speed(compiled, 1000),
    () => speed(combinePlain, 50),
  );
  const what = '4+2: rebuild 64 KiB of one lost shard';
  return [{ case: what, unit: 'MB/s', ...pairs, rivalName: 'plain twin' }];
}

async function run(context: Context): Promise<Row[]> {
  const random = new Random(context.seed, 13);
  const length = Math.ceil(context.sized(4 * mebibyte, 65_536));
  const rows: Row[] = [];
  for (const code of codes) rows.push(...(await codeRows(code, length, random)));
  return [...rows, ...(await chunkRow(random))];
}

const bench: Bench = {
  name: 'erasure',
  question: 'How fast are parity shards computed, and lost shards rebuilt?',
  run,
};
export default bench;
