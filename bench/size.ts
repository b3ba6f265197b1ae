/**
 * How large is the store's file after a bulk load in shuffled order, beside raw lmdb's after
 * transactions of 100,000? Bytes that the files take on the device. `the data` are the bytes of
 * keys and contents.
 */
import type { Bench, Context, Row } from './harness/bench.js';
import { storedBytes } from './harness/folder.js';
import { makeOurs } from './harness/ours.js';
import { filesShuffled, HeldWrites } from './harness/workload.js';
import { RawLmdb } from './rivals/lmdb-raw.js';

const files = 1_000_000;

async function run(context: Context): Promise<Row[]> {
  const count = context.sized(files);
  const [folder, rivalFolder] = [context.folder('ours'), context.folder('lmdb')];
  const writes = new HeldWrites(filesShuffled(count, context.seed), count);
  const data = writes.bytes;
  await makeOurs(folder, writes);
  const rival = new RawLmdb(rivalFolder, { durable: false });
  rival.load(writes);
  await rival.close();
  const [ours, theirs] = [storedBytes(folder), storedBytes(rivalFolder)];
  return [
    {
      case: `${count} shuffled, one commit`,
      unit: 'MB',
      ours: ours / 1e6,
      rival: theirs / 1e6,
      rivalName: 'lmdb',
      target: { of: 'ratio', atMost: 0.5 },
    },
    {
      case: 'the same',
      unit: '× the data',
      ours: ours / data,
      rival: theirs / data,
      rivalName: 'lmdb',
    },
  ];
}

const bench: Bench = { name: 'size', question: 'How large is the file after a bulk load?', run };
export default bench;
