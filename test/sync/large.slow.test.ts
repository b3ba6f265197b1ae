/**
 * A large pack out and in, on disk: memory stays bounded, the event loop gets its turns, and the
 * delta of scattered changes is little more than the nodes on their way.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import t from 'tap';
import type { Address } from '../../src/blocks/address.js';
import { Blocks } from '../../src/blocks/blocks.js';
import { openLmdb } from '../../src/engine/lmdb.js';
import { Regalia } from '../../src/index.js';
import { History } from '../../src/log/history.js';
import { walkHistory } from '../../src/reach/commit-walk.js';
import { exportPack } from '../../src/sync/export.js';
import { NodeCache } from '../../src/tree/node-cache.js';
import { noise } from '../store/setup.js';
import { type Bare, bucketOf, coreOf, headOf, importInto } from './setup.js';

const ENTRIES = 100_000;
const CHANGES = 100;
const CONTENT_BYTES = 192 * 1024 * 1024;
const MIB = 1024 * 1024;

async function openBare(folder: string): Promise<Bare> {
  const engine = await openLmdb(folder, { create: true });
  return { engine, blocks: new Blocks(engine), history: new History(engine) };
}

function record(number: number, round: number): Uint8Array {
  return noise(100, number * 31 + round + 1);
}

function keyOf(number: number): string {
  return `/d${number % 97}/file-${number}`;
}

async function filledStore(folder: string): Promise<Regalia> {
  const store = await Regalia.open(folder, { durability: 'none' });
  await store.transact((tx) => {
    for (let i = 0; i < ENTRIES; i++) tx.put(keyOf(i), 's', record(i, 0));
  });
  return store;
}

/** Memory of the process that is not the engine's map. */
function ownMemory(): number {
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** The bytes of a pack, with the highest memory seen on the way. */
class Watched {
  bytes = 0;
  peak = 0;

  async *over(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const part of source) {
      this.bytes += part.length;
      this.peak = Math.max(this.peak, ownMemory());
      yield part;
    }
  }
}

function exported(store: Regalia, haves: readonly Address[] = []): AsyncGenerator<Uint8Array> {
  const { blocks, history } = coreOf(store);
  const wants = [{ branch: 'main', commit: headOf(store) }];
  return exportPack({ blocks, history }, { bucket: bucketOf(store), wants, haves });
}

t.test('a large store goes over in bounded memory, and its delta is small', async (t) => {
  const folder = await mkdtemp(path.join(tmpdir(), 'regalia-large-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const store = await filledStore(path.join(folder, 'from'));
  const to = await openBare(path.join(folder, 'to'));
  const whole = new Watched();
  let start = performance.now();
  await importInto(to, whole.over(exported(store)));
  const rate = Math.round(ENTRIES / ((performance.now() - start) / 1_000));
  t.comment(`${ENTRIES} entries: ${whole.bytes} bytes, ${rate} entries/s out and in`);

  const before = headOf(store);
  await store.transact((tx) => {
    for (let i = 0; i < CHANGES; i++) {
      const number = (i * 7_919 + 13) % ENTRIES;
      tx.put(keyOf(number), 's', record(number, 1));
    }
  });
  const { blocks, history } = coreOf(store);
  const reads = { cache: new NodeCache(blocks, 16 * MIB), history };
  const options = { contents: true, nested: true, shallow: false };
  let nodes = 0;
  for (const { block } of walkHistory(reads, [headOf(store)], [before], options)) {
    nodes += block?.plain?.length ?? 0;
  }
  const delta = new Watched();
  start = performance.now();
  const result = await importInto(to, delta.over(exported(store, [before])));
  t.comment(
    `delta of ${CHANGES} changes: ${delta.bytes} bytes for ${nodes} of nodes on the way ` +
      `(${(delta.bytes / nodes).toFixed(2)}), ${result.blocks} blocks, ` +
      `${Math.round(performance.now() - start)} ms out and in`,
  );
  t.ok(delta.bytes <= 1.3 * nodes);
  await store.close();
  await to.engine.close();
});

t.test('a large content goes over in bounded memory', async (t) => {
  const folder = await mkdtemp(path.join(tmpdir(), 'regalia-large-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const store = await Regalia.open(path.join(folder, 'from'), { durability: 'none' });
  const tx = store.begin();
  await tx.write('/large', 'content', large());
  await tx.commit();
  const to = await openBare(path.join(folder, 'to'));
  const before = ownMemory();
  const watched = new Watched();
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const start = performance.now();
  await importInto(to, watched.over(exported(store)));
  const seconds = (performance.now() - start) / 1_000;
  delay.disable();
  const grown = (watched.peak - before) / MIB;
  const sent = watched.bytes / MIB;
  const [usual, most] = [delay.percentile(99), delay.max].map((ns) => (ns / 1e6).toFixed(1));
  t.comment(
    `${Math.round(sent)} MiB at ${Math.round(sent / seconds)} MiB/s, ` +
      `${Math.round(grown)} MiB of memory, the event loop away for ${usual} ms at p99, ` +
      `${most} at most`,
  );
  t.ok(grown < 160, `${grown} MiB`);
  await store.close();
  await to.engine.close();
});

/** Seeded, and no two chunks alike. */
async function* large(): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < CONTENT_BYTES; at += MIB) yield noise(MIB, at + 1);
}
