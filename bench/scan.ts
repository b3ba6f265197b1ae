/**
 * How fast is an ordered scan of all keys and streams, warm, and by a handle that was just opened?
 * Both sides give keys as text and contents as copies. Cold means: nothing cached by the process;
 * the operating system has the file.
 */
import type { Bench, Context, Row } from './harness/bench.js';
import { makeOurs, mebibyte, openOurs, scanOurs } from './harness/ours.js';
import { samplePairs, timed } from './harness/sample.js';
import { filesShuffled } from './harness/workload.js';
import { RawLmdb } from './rivals/lmdb-raw.js';

const files = 1_000_000;

async function run(context: Context): Promise<Row[]> {
  const count = context.sized(files);
  const [folder, rivalFolder] = [context.folder('ours'), context.folder('lmdb')];
  await makeOurs(folder, filesShuffled(count, context.seed));
  const load = new RawLmdb(rivalFolder, { durable: false });
  load.load(filesShuffled(count, context.seed));
  await load.close();
  const check = (found: number): void => {
    if (found !== count) throw new Error(`${found} of ${count} found`);
  };
  const each = (ms: number): number => (ms * 1000) / count;

  const cold = await samplePairs(
    5,
    async () => {
      const store = await openOurs(folder);
      const ms = await timed(() => check(scanOurs(store.snapshot())));
      await store.close();
      return each(ms);
    },
    async () => {
      const rival = new RawLmdb(rivalFolder);
      const ms = await timed(() => check(rival.scan()));
      await rival.close();
      return each(ms);
    },
  );
  const store = await openOurs(folder, { cacheBytes: 256 * mebibyte });
  const snapshot = store.snapshot();
  const rival = new RawLmdb(rivalFolder);
  check(scanOurs(snapshot));
  check(rival.scan());
  const warm = await samplePairs(
    7,
    async () => each(await timed(() => check(scanOurs(snapshot)))),
    async () => each(await timed(() => check(rival.scan()))),
  );
  await rival.close();
  await store.close();
  const row = { unit: 'µs/entry', rivalName: 'lmdb' };
  return [
    {
      case: `scan of ${count}, warm, cacheBytes 256 MiB`,
      ...row,
      ...warm,
      target: { of: 'ratio', atMost: 0.5 },
    },
    {
      case: `scan of ${count}, cold, cacheBytes 64 MiB`,
      ...row,
      ...cold,
      target: { of: 'ratio', atMost: 1 },
    },
  ];
}

const bench: Bench = {
  name: 'scan',
  question: 'How fast is an ordered scan of all keys and streams?',
  run,
};
export default bench;
