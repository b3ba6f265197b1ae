/**
 * What does a diff of 100 scattered changes cost, cold, and how does it grow with the store? Ours
 * is opened anew for each sample, so that no node is cached. The rivals' processes and caches stay
 * warm.
 */
import type { Bench, Context, Row } from './harness/bench.js';
import { growth } from './harness/growth.js';
import { commitOurs, openOurs } from './harness/ours.js';
import { sample, sampleTimes, timed } from './harness/sample.js';
import { filesShuffled, scattered } from './harness/workload.js';
import { openGit } from './rivals/git.js';
import { openHyperbee } from './rivals/hyperbee.js';

const sizes = [10_000, 100_000, 1_000_000];
const changes = 100;
const samples = 9;

function check(found: number): void {
  if (found !== changes) throw new Error(`${found} changes found instead of ${changes}`);
}

async function ours(context: Context, count: number): Promise<{ cold: number[]; warm: number[] }> {
  const folder = context.folder('ours');
  const store = await openOurs(folder);
  const from = await commitOurs(store, filesShuffled(count, context.seed));
  const to = await commitOurs(store, scattered(count, changes, context.seed, 1));
  await store.close();
  const warm: number[] = [];
  const cold = await sample(samples, async () => {
    const opened = await openOurs(folder);
    const diff = () => check([...opened.diff(from.commit, to.commit)].length);
    const ms = await timed(diff);
    warm.push(await timed(diff));
    await opened.close();
    return ms;
  });
  return { cold, warm };
}

async function hyperbee(context: Context, count: number): Promise<number[] | undefined> {
  const store = await openHyperbee(context.folder('hyperbee'));
  if (store === undefined) return undefined;
  await store.load(filesShuffled(count, context.seed));
  const before = store.version;
  await store.commit(scattered(count, changes, context.seed, 1));
  const times = await sampleTimes(5, async () => check(await store.diff(before)));
  await store.close();
  return times;
}

async function git(context: Context, count: number): Promise<number[] | undefined> {
  const store = openGit(context.folder('git'));
  if (store === undefined) return undefined;
  const from = await store.load(filesShuffled(count, context.seed));
  const to = await store.commit(scattered(count, changes, context.seed, 1));
  await store.settle();
  const times = await sampleTimes(samples, async () => check(await store.diff(from, to)));
  await store.close();
  return times;
}

async function run(context: Context): Promise<Row[]> {
  const counts = sizes.map((size) => context.sized(size, 2 * changes));
  const found = [];
  for (const count of counts) found.push({ count, ...(await ours(context, count)) });
  const largest = found[2] as (typeof found)[number];
  const middle = found[1] as (typeof found)[number];
  const rows: Row[] = found.map(({ count, cold }) => ({
    case: `${changes} changes of ${count}, cold`,
    unit: 'ms',
    ours: cold,
    ...(count === largest.count && { target: { of: 'ours', atMost: 10 } as const }),
  }));
  const median = (times: readonly number[]): number =>
    [...times].sort((a, b) => a - b)[times.length >>> 1] as number;
  const points = found.map(({ count, cold }) => [count, median(cold)] as const);
  rows.push(
    {
      case: "exponent in the store's size",
      unit: '',
      ours: growth(points).exponent,
      target: { of: 'ours', atMost: 0.2 },
    },
    { case: `${changes} changes of ${largest.count}, warm`, unit: 'ms', ours: largest.warm },
    {
      case: `${changes} changes of ${largest.count}, cold`,
      unit: 'ms',
      ours: largest.cold,
      rival: await git(context, largest.count),
      rivalName: 'git diff-tree',
      target: { of: 'ratio', atMost: 1 },
    },
    {
      case: `${changes} changes of ${middle.count}, cold`,
      unit: 'ms',
      ours: middle.cold,
      rival: await hyperbee(context, middle.count),
      rivalName: 'hyperbee',
      target: { of: 'ratio', atMost: 0.02 },
    },
  );
  return rows;
}

const bench: Bench = {
  name: 'diff',
  question: 'What does a diff of 100 scattered changes cost, and how does it grow?',
  run,
};
export default bench;
