/**
 * How large is the delta that brings a replica 100 scattered changes? Compared with what it must
 * tell at least: the plain bytes of the new nodes from the changed records to the root; and,
 * stricter, those of the changed records and of the new inner nodes, as if no leaf travelled whole.
 */
import type { Bench, Context, Row } from './harness/bench.js';
import { coldBlocks } from './harness/cold-blocks.js';
import { commitOurs, mebibyte, openOurs, readOurs } from './harness/ours.js';
import { sample } from './harness/sample.js';
import { filesShuffled, scattered } from './harness/workload.js';

const files = 1_000_000;
const changes = 100;

async function run(context: Context): Promise<Row[]> {
  const count = context.sized(files, 10 * changes);
  const folder = context.folder('ours');
  const store = await openOurs(folder);
  await commitOurs(store, filesShuffled(count, context.seed));
  const have = await store.have();
  const changed = scattered(count, changes, context.seed, 1);
  await commitOurs(store, changed);
  let bytes = 0;
  const times = await sample(5, async () => {
    const start = performance.now();
    bytes = 0;
    for await (const part of store.export({ have })) bytes += part.length;
    return performance.now() - start;
  });
  await store.close();

  const again = await openOurs(folder, { cacheBytes: 256 * mebibyte });
  const snapshot = again.snapshot();
  const way = new Map<string, Uint8Array>();
  const blocks = coldBlocks(again, () => {
    for (const [key] of changed) readOurs(snapshot, key);
  });
  for (const [address, block] of blocks) way.set(Buffer.from(address).toString('hex'), block);
  await again.close();
  let whole = 0;
  let inner = 0;
  for (const block of way.values()) {
    whole += block.length;
    if (block[3] !== 0) inner += block.length;
  }
  // What a leaf holds of a record: name, content, a head, and three lengths.
  const records = changed.reduce(
    (sum, [key, content]) => sum + key.length - key.lastIndexOf('/') - 1 + content.length + 6,
    0,
  );
  return [
    { case: `delta of ${changes} changes of ${count}`, unit: 'bytes', ours: bytes },
    {
      case: 'beside the nodes on the way, leaves whole',
      unit: 'bytes',
      ours: bytes,
      rival: whole,
      rivalName: 'nodes',
      target: { of: 'ratio', atMost: 1.3 },
    },
    {
      case: 'beside changed records and inner nodes',
      unit: 'bytes',
      ours: bytes,
      rival: records + inner,
      rivalName: 'records',
    },
    { case: 'time to export it', unit: 'ms', ours: times },
  ];
}

const bench: Bench = {
  name: 'delta',
  question: 'How large is the delta of 100 scattered changes?',
  run,
};
export default bench;
