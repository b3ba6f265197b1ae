/**
 * What does a walk pay for large streams that are inline, although it does not read them? The same
 * entries in two stores: streams of 2,000 bytes inline in their records, and as contents. Warm
 * means a second walk of the same handle, with the default cache: 64 MiB has room for all nodes of
 * the second store and not of the first.
 */
import type { Regalia, StreamOptions } from '../src/index.js';
import type { Bench, Context, Row } from './harness/bench.js';
import { openOurs } from './harness/ours.js';
import { samplePairs, timed } from './harness/sample.js';

const entries = 50_000;
const streamBytes = 2_000;
const batch = 5_000;

async function fill(store: Regalia, count: number): Promise<void> {
  const bytes = new Uint8Array(streamBytes);
  for (let from = 0; from < count; from += batch) {
    const tx = store.begin();
    for (let i = from; i < Math.min(count, from + batch); i++) {
      // Different bytes in each, so that contents share no chunks.
      for (let at = 0; at < streamBytes; at++) bytes[at] = (i >>> (at & 7)) ^ (at * i);
      tx.put(`/d${Math.floor(i / 1000)}/f${String(i).padStart(6, '0')}`, 'note', bytes);
    }
    await tx.commit({ message: 'fill' });
  }
}

function walk(store: Regalia): number {
  let found = 0;
  for (const _ of store.snapshot().walk('/')) found++;
  return found;
}

async function run(context: Context): Promise<Row[]> {
  const count = context.sized(entries);
  const folders: string[] = [];
  for (const [name, rule] of Object.entries<StreamOptions>({
    inline: { inlineMax: 4_096 },
    content: { inlineMax: 512, compression: 'none' },
  })) {
    const folder = context.folder(name);
    const store = await openOurs(folder, { streams: { note: rule } });
    await fill(store, count);
    await store.close();
    folders.push(folder);
  }
  const each = (ms: number): number => (ms * 1000) / count;
  const [inline, content] = folders as [string, string];
  const cold = async (folder: string) => {
    const store = await openOurs(folder);
    const ms = await timed(() => walk(store));
    await store.close();
    return each(ms);
  };
  const row = { unit: 'µs/entry', rivalName: 'as contents' };
  const opened = await samplePairs(
    5,
    () => cold(inline),
    () => cold(content),
  );
  const [ours, theirs] = [await openOurs(inline), await openOurs(content)];
  walk(ours);
  walk(theirs);
  const warm = await samplePairs(
    5,
    async () => each(await timed(() => walk(ours))),
    async () => each(await timed(() => walk(theirs))),
  );
  await ours.close();
  await theirs.close();
  return [
    { case: `walk of ${count}, warm, ${streamBytes} bytes inline`, ...row, ...warm },
    { case: `walk of ${count}, cold, ${streamBytes} bytes inline`, ...row, ...opened },
  ];
}

const bench: Bench = {
  name: 'inline-walk',
  question: 'What do large inline streams cost a walk that does not read them?',
  run,
};
export default bench;
