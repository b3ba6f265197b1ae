/**
 * How fast is the read of a random small stream, from a store whose nodes are all cached? A read
 * here is a key as text to a private copy of the bytes; raw lmdb gives a view that its next read
 * spoils.
 */
import type { Bench, Context, Row } from './harness/bench.js';
import { makeOurs, mebibyte, openOurs, readOurs } from './harness/ours.js';
import { microsecondsEach, samplePairs } from './harness/sample.js';
import { fileKey, filesShuffled, randomKeys } from './harness/workload.js';
import { RawLmdb } from './rivals/lmdb-raw.js';

const files = 1_000_000;
const reads = 200_000;

async function run(context: Context): Promise<Row[]> {
  const count = context.sized(files);
  const folder = context.folder('ours');
  await makeOurs(folder, filesShuffled(count, context.seed));
  const rival = new RawLmdb(context.folder('lmdb'), { durable: false });
  rival.load(filesShuffled(count, context.seed));
  const keys = randomKeys(count, reads, context.seed);
  const absent = keys.map((key) => `${key}x`);
  const rows: Row[] = [];
  for (const cacheBytes of [256 * mebibyte, 64 * mebibyte]) {
    const store = await openOurs(folder, { cacheBytes });
    const snapshot = store.snapshot();
    for (let index = 0; index < count; index++) readOurs(snapshot, fileKey(index));
    const ours = (): number =>
      microsecondsEach(reads, (index) => readOurs(snapshot, keys[index] as string));
    const theirs = (): number =>
      microsecondsEach(reads, (index) => rival.get(keys[index] as string));
    ours();
    theirs();
    const whole = cacheBytes === 256 * mebibyte;
    const mebibytes = cacheBytes / mebibyte;
    rows.push({
      case: `get of ${count}, cacheBytes ${mebibytes} MiB${whole ? ', all cached' : ''}`,
      unit: 'µs',
      ...(await samplePairs(9, ours, theirs)),
      rivalName: 'lmdb',
      ...(whole && { target: { of: 'ratio', atMost: 0.5 } as const }),
    });
    if (whole) {
      rows.push({
        case: 'get of a name that is absent',
        unit: 'µs',
        ...(await samplePairs(
          5,
          () =>
            microsecondsEach(reads, (index) => snapshot.get(absent[index] as string, 'content')),
          () => microsecondsEach(reads, (index) => rival.get(absent[index] as string)),
        )),
        rivalName: 'lmdb',
      });
    }
    await store.close();
  }
  await rival.close();
  return rows;
}

const bench: Bench = {
  name: 'read',
  question: 'How fast is a random read of a small stream, when everything is cached?',
  run,
};
export default bench;
