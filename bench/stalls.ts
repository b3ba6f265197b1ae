/**
 * For how long does a bulk load hold the event loop? A million puts in slices of 1,000, then the
 * commit. Merge and import report theirs in their own benches.
 */
import { setImmediate as turn } from 'node:timers/promises';
import type { Bench, Context, Row } from './harness/bench.js';
import { openOurs, stream } from './harness/ours.js';
import { watchStalls } from './harness/watch.js';
import { filesShuffled } from './harness/workload.js';

const files = 1_000_000;
const slice = 1_000;
const rounds = 3;

async function run(context: Context): Promise<Row[]> {
  const count = context.sized(files);
  const puts: number[] = [];
  const commits: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const store = await openOurs(context.folder('ours'));
    const tx = store.begin();
    const putting = watchStalls();
    let at = 0;
    // Not from an array: a million objects of the bench's own would make the collector's pauses its
    // own too.
    for (const [key, content] of filesShuffled(count, context.seed)) {
      tx.put(key, stream, content);
      if (++at % slice === 0) await turn();
    }
    puts.push((await putting()).maxMs);
    const committing = watchStalls();
    await tx.commit({ durability: 'sync' });
    commits.push((await committing()).maxMs);
    await store.close();
  }
  const target = { of: 'ours', atMost: 20 } as const;
  return [
    {
      case: `longest stall of ${count} puts, ${slice} at once`,
      unit: 'ms',
      ours: puts,
      target,
    },
    { case: 'longest stall of their commit', unit: 'ms', ours: commits, target },
  ];
}

const bench: Bench = {
  name: 'stalls',
  question: 'For how long does a bulk load hold the event loop?',
  run,
};
export default bench;
