/**
 * One cell: a store of contents of one size under one threshold, filled, read and changed through
 * the public surface, and removed again.
 *
 * A read is the whole content as a private copy: `inline` where it lies in metadata, `bytes()`
 * where it does not. Between its parts the store is closed, so that each begins with an empty cache
 * of its own.
 */
import { rmSync } from 'node:fs';
import type { Regalia, Snapshot } from '../../src/index.js';
import { hashedBytes, writtenBytes } from '../harness/counted.js';
import { storedBytes } from '../harness/folder.js';
import { emptyOsCache } from '../harness/os-cache.js';
import { commitOurs, openOurs, stream } from '../harness/ours.js';
import { Random } from '../harness/random.js';
import { sample, summarize, timed } from '../harness/sample.js';
import {
  fileContent,
  fileKey,
  filesShuffled,
  HeldWrites,
  randomKeys,
  scattered,
  type Write,
} from '../harness/workload.js';
import type { Cell, MeasureName } from './cells.js';

export interface Plan {
  readonly folder: string;
  readonly size: number;
  readonly inlineMax: number;
  readonly entries: number;
  readonly seed: number;
}

const commits = 10;
const changes_a_commit = 100;
const single_changes = 20;
const reads_max = 4_000;
const samples = 3;
const reads_from_disk = 200;

type Figures = Partial<Record<MeasureName, number>>;

/** The cells of one size, one for each plan: the system's cache is emptied once for all of them. */
export async function measureSize(plans: readonly Plan[]): Promise<Cell[]> {
  const cells: Cell[] = [];
  for (const plan of plans) {
    globalThis.gc?.();
    const { size, inlineMax, entries } = plan;
    const figures: Figures = {};
    await fill(plan, figures);
    await readAnew(plan, figures);
    await readAndChange(plan, figures);
    cells.push({ size, inlineMax, entries, figures });
  }
  const cold = emptyOsCache();
  for (const [index, plan] of plans.entries()) {
    if (cold) (cells[index] as { figures: Figures }).figures.disk = await readFromDisk(plan);
    rmSync(plan.folder, { recursive: true });
  }
  return cells;
}

function open({ folder, inlineMax }: Plan): Promise<Regalia> {
  return openOurs(folder, { streams: { [stream]: { inlineMax } } });
}

/** Scattered entries with contents that no other entry and no other version has. */
function changed({ entries, size, seed }: Plan, count: number, version: number): Write[] {
  const chosen = scattered(entries, count, seed, version);
  return chosen.map(([key], index) => [key, fileContent(index, version, size)] as const);
}

async function fill(plan: Plan, figures: Figures): Promise<void> {
  const { entries, size, seed, folder } = plan;
  const store = await open(plan);
  const held = new HeldWrites(sized(filesShuffled(entries, seed), size), entries, size);
  figures.bulk = perSecond(entries, await timed(() => commitOurs(store, held)));
  const bytes = storedBytes(folder) - store.stats().freeBytes;
  figures.stored = bytes / (entries * size);
  await store.close();
}

/** The keys of `writes`, with contents of `size` bytes. */
function* sized(writes: Iterable<Write>, size: number): Generator<Write> {
  let index = 0;
  for (const [key] of writes) yield [key, fileContent(index++, 0, size)];
}

async function readAnew(plan: Plan, figures: Figures): Promise<void> {
  const { entries } = plan;
  const lists = await sample(samples, () =>
    withSnapshot(plan, (at) => timed(() => list(at, plan))),
  );
  figures.list = perSecond(entries, summarize(lists).median);
  const keys = keysOnce(plan).slice(0, Math.max(1, Math.min(reads_max, entries >>> 1)));
  const reads = await sample(samples, () =>
    withSnapshot(plan, (at) => readsPerSecond(at, keys, plan)),
  );
  figures.handle = summarize(reads).median;
}

function readFromDisk(plan: Plan): Promise<number> {
  const keys = keysOnce(plan).slice(-Math.min(reads_from_disk, plan.entries >>> 2));
  return withSnapshot(plan, (at) => readsPerSecond(at, keys, plan));
}

/** Every key, in an order that the seed decides. */
function keysOnce({ entries, seed }: Plan): string[] {
  return new Random(seed, 5).shuffle(Array.from({ length: entries }, (_, i) => fileKey(i)));
}

async function withSnapshot<T>(plan: Plan, work: (at: Snapshot) => Promise<T>): Promise<T> {
  const store = await open(plan);
  try {
    return await work(store.snapshot());
  } finally {
    await store.close();
  }
}

function list(at: Snapshot, { entries, size }: Plan): void {
  let found = 0;
  for (const entry of at.walk('/')) {
    if (entry.get(stream)?.size === size) found++;
  }
  if (found !== entries) throw new Error(`${found} of ${entries} entries listed`);
}

async function readsPerSecond(at: Snapshot, keys: readonly string[], plan: Plan): Promise<number> {
  let bytes = 0;
  const ms = await timed(async () => {
    for (const key of keys) {
      const content = at.get(key, stream);
      bytes += (content?.inline ?? (await content?.bytes()))?.length ?? 0;
    }
  });
  if (bytes !== keys.length * plan.size) throw new Error(`${bytes} bytes read`);
  return perSecond(keys.length, ms);
}

async function readAndChange(plan: Plan, figures: Figures): Promise<void> {
  const { entries, seed } = plan;
  const store = await open(plan);
  const keys = randomKeys(entries, Math.min(reads_max, 2 * entries), seed);
  const at = store.snapshot();
  await readsPerSecond(at, keys, plan);
  figures.warm = summarize(await sample(samples, () => readsPerSecond(at, keys, plan))).median;
  at[Symbol.dispose]();
  const batches = Array.from({ length: commits }, (_, i) => changed(plan, changes_a_commit, i + 1));
  const ms = await timed(async () => {
    for (const batch of batches) await commitOurs(store, batch);
  });
  figures.commits = perSecond(commits * changes_a_commit, ms);
  await changeOne(plan, store, figures);
  await store.close();
}

/**
 * One entry's stream a commit: what is hashed, written and sent for it. The median of some, since
 * now and then a commit also writes what was put off, as the index of addresses.
 */
async function changeOne(plan: Plan, store: Regalia, figures: Figures): Promise<void> {
  const [hashed, written, delta]: [number[], number[], number[]] = [[], [], []];
  for (let i = 0; i < single_changes; i++) {
    const have = await store.have();
    const change = changed(plan, 1, commits + i + 1);
    const before = writtenBytes();
    hashed.push(await hashedBytes(() => commitOurs(store, change)));
    const after = writtenBytes();
    if (before !== undefined && after !== undefined) written.push(after - before);
    let bytes = 0;
    for await (const part of store.export({ have })) bytes += part.length;
    delta.push(bytes);
  }
  figures.hashed = summarize(hashed).median;
  figures.delta = summarize(delta).median;
  if (written.length > 0) figures.written = summarize(written).median;
}

function perSecond(count: number, ms: number): number {
  return (count * 1000) / ms;
}
