/**
 * What does the merge of two forks cost, each with 1,000 scattered changes of its own, and how does
 * it grow with the store? Each sample merges forks of its own, made beforehand; cold means that the
 * store was opened just before.
 */
import type { Regalia } from '../src/index.js';
import type { Bench, Context, Row } from './harness/bench.js';
import { growth } from './harness/growth.js';
import { commitOurs, openOurs, stream } from './harness/ours.js';
import { Random } from './harness/random.js';
import { summarize, timed } from './harness/sample.js';
import { watchStalls } from './harness/watch.js';
import { batches, fileContent, fileKey, filesShuffled } from './harness/workload.js';

/** Not fewer: 2,000 changes would meet in one another's nodes, and growth would tell of that. */
const sizes = [250_000, 1_000_000, 4_000_000];
/** The size that the bounds speak of. */
const bounded = 1_000_000;
const changes = 1_000;
const samples = 5;

/** Distinct files, all even (side 0) or all odd (side 1), so that the sides never meet. */
function chosen(count: number, side: number, seed: number): number[] {
  const random = new Random(seed, 20 + side);
  const found = new Set<number>();
  while (found.size < changes) found.add(2 * random.below(count >>> 1) + side);
  return [...found];
}

async function forks(store: Regalia, count: number, run: number, seed: number): Promise<void> {
  for (const side of [0, 1]) {
    const branch = await store.fork(`${run}-${side}`);
    await branch.transact((tx) => {
      for (const index of chosen(count, side, seed + run)) {
        tx.put(fileKey(index), stream, fileContent(index, 1 + run));
      }
    });
  }
}

interface Found {
  readonly count: number;
  readonly cold: number[];
  readonly warm: number[];
  readonly stalls: number[];
}

async function merges(context: Context, count: number): Promise<Found> {
  const folder = context.folder('ours');
  let store = await openOurs(folder);
  for (const batch of batches(filesShuffled(count, context.seed), bounded)) {
    await commitOurs(store, batch, 'none');
  }
  const found: Found = { count, cold: [], warm: [], stalls: [] };
  for (let run = 0; run < 2 * samples; run++) {
    await forks(store, count, run, context.seed);
    if (run % 2 === 0) {
      await store.close();
      store = await openOurs(folder);
    }
    const left = store.branch(`${run}-0`);
    const stalled = watchStalls();
    const ms = await timed(async () => {
      const { merged } = await left.merge(`${run}-1`);
      if (!merged) throw new Error('the forks did not merge');
    });
    found.stalls.push((await stalled()).maxMs);
    (run % 2 === 0 ? found.cold : found.warm).push(ms);
  }
  await store.close();
  return found;
}

async function run(context: Context): Promise<Row[]> {
  const found: Found[] = [];
  for (const size of sizes) {
    found.push(await merges(context, context.sized(size, 20 * changes)));
  }
  const one = found[sizes.indexOf(bounded)] as Found;
  const rows: Row[] = [];
  for (const { count, cold, warm } of found) {
    const target = count === one.count && ({ of: 'ours', atMost: 100 } as const);
    const name = `${changes} changes a side of ${count}`;
    rows.push({ case: `${name}, warm`, unit: 'ms', ours: warm, ...(target && { target }) });
    rows.push({ case: `${name}, cold`, unit: 'ms', ours: cold });
  }
  const points = (of: 'warm' | 'cold') =>
    found.map((it) => [it.count, summarize(it[of]).median] as const);
  for (const of of ['warm', 'cold'] as const) {
    rows.push({
      case: `exponent in the store's size, ${of}`,
      unit: '',
      ours: growth(points(of)).exponent,
      target: { of: 'ours', atMost: 0.2 },
    });
  }
  rows.push({
    case: 'longest stall of a merge',
    unit: 'ms',
    ours: Math.max(...one.stalls),
    target: { of: 'ours', atMost: 20 },
  });
  return rows;
}

const bench: Bench = {
  name: 'merge',
  question: 'What does the merge of two forks cost, and how does it grow?',
  run,
};
export default bench;
