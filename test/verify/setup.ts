/** Stores to scrub, with every kind of block, and ways to damage them through their engine. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { addressOf, addressText } from '../../src/blocks/address.js';
import { extentOf, slotOf, slotRange } from '../../src/blocks/extent.js';
import { sealRow } from '../../src/blocks/rows.js';
import { counted } from '../../src/clock/event.js';
import type { Core } from '../../src/commit/core.js';
import type { Tip } from '../../src/commit/line.js';
import type { Engine, RowKey, Table } from '../../src/engine/engine.js';
import type { Regalia } from '../../src/index.js';
import * as regalia from '../../src/index.js';
import { type Commit, encodeCommit } from '../../src/log/commit.js';
import { sealEntry } from '../../src/log/entry.js';
import { logKey, putBounds } from '../../src/log/history.js';
import { scopeOf } from '../../src/store/bucket.js';
import type { Fault, VerifySummary } from '../../src/verify/fault.js';
import type { VerifyOptions } from '../../src/verify/verify.js';
import { noise } from '../chunks/setup.js';

export interface Scrubbed {
  readonly faults: readonly Fault[];
  readonly summary: VerifySummary;
}

export async function scrub(store: Regalia, options: VerifyOptions = {}): Promise<Scrubbed> {
  const faults: Fault[] = [];
  let summary: VerifySummary | undefined;
  for await (const row of store.verify(options)) {
    if (row.kind === 'summary') summary = row;
    else faults.push(row);
  }
  if (summary === undefined) throw new Error('a scrub ends with its summary');
  return { faults, summary };
}

/** A store of an engine, and what removes it. */
export interface Sample {
  readonly store: Regalia;
  readonly core: Core;
  readonly head: () => Tip;
  readonly engine: Engine;
  remove(): Promise<void>;
}

export type EngineName = 'memory' | 'lmdb';
export const ENGINES: readonly EngineName[] = ['memory', 'lmdb'];

const options = { actor: regalia.actorFromSeed(noise(32, 9)), durability: 'none' } as const;

export async function openSample(engine: EngineName): Promise<Sample> {
  const folder = engine === 'memory' ? undefined : mkdtempSync(join(tmpdir(), 'regalia-verify-'));
  const store =
    folder === undefined
      ? await regalia.Regalia.memory(options)
      : await regalia.Regalia.open(join(folder, 'store'), options);
  await fill(store);
  const remove = async (): Promise<void> => {
    await store.close();
    if (folder !== undefined) rmSync(folder, { recursive: true });
  };
  const { core, line } = scopeOf(store);
  return { store, core, head: () => line.stored(), engine: core.engine, remove };
}

/**
 * Entries enough for inner nodes, contents of one chunk and of many, metadata blocks, a bucket,
 * moves, a fork.
 */
async function fill(store: Regalia): Promise<void> {
  await store.transact((tx) => {
    for (let i = 0; i < 900; i++) tx.put(`/many/name-${i}`, 'note', noise(40, i + 1));
    tx.put('/deep/a/b', 'x', noise(10, 3));
  });
  await store.transact(async (tx) => {
    await tx.write('/photos/cat.jpg', 'content', noise(300_000, 5));
    await tx.write('/photos/dog.jpg', 'content', noise(2_000, 6));
    for (let i = 0; i < 30; i++) tx.put('/wide', `s${i}`, noise(500, 100 + i));
  });
  await store.transact((tx) => {
    tx.createBucket('/inner');
    tx.put('/inner/one', 'note', noise(20, 7));
    tx.move('/deep/a', '/moved/a');
  });
  for (let round = 0; round < 5; round++) {
    await store.transact((tx) => {
      tx.put(`/many/name-${round * 100}`, 'note', noise(40, 5_000 + round));
      tx.put('/inner/two', 'note', noise(20, 6_000 + round));
    });
  }
  await store.tags.set('first');
  const draft = await store.fork('draft');
  await draft.transact((tx) => tx.put('/draft', 'note', noise(20, 8)));
}

/** Changes a row's bytes in place; `undefined` removes it. */
export async function change<T extends Table>(
  engine: Engine,
  table: T,
  key: RowKey<T>,
  edit: (row: Uint8Array) => Uint8Array | undefined,
): Promise<void> {
  await engine.write((batch) => {
    const before = batch.get(table, key);
    if (before === undefined) throw new Error(`no row in ${table}`);
    const after = edit(before);
    if (after === undefined) batch.del(table, key);
    else batch.put(table, key, after);
  }, 'none');
}

/** A row with one bit of the byte at `at` flipped; from the end where `at` is negative. */
export function flipped(row: Uint8Array, at: number): Uint8Array {
  const after = row.slice();
  const place = at < 0 ? row.length + at : at;
  after[place] = (after[place] as number) ^ 0x10;
  return after;
}

/** Changes the stored form of a block. */
export async function changeBlock(
  engine: Engine,
  id: number,
  edit: (stored: Uint8Array) => void,
): Promise<void> {
  await change(engine, 'extents', extentOf(id), (row) => {
    const [start, end] = slotRange(row, slotOf(id));
    edit(row.subarray(start, end));
    return row;
  });
}

/** The row of a table whose key is the `index`th, from the end where it is negative. */
export function rowAt<T extends Table>(engine: Engine, table: T, index: number): RowKey<T> {
  const keys = [...engine.range(table)].map(({ key }) => key);
  return keys.at(index) as RowKey<T>;
}

/** Appends a commit that the history would refuse, with rows that are sound in themselves. */
export async function forge(
  { core, engine, head: headOf }: Pick<Sample, 'core' | 'engine' | 'head'>,
  make: (head: Tip) => Commit,
  rootBlock?: number,
): Promise<string> {
  const head = headOf();
  const { history } = core;
  const made = make(head);
  const { stamp: before } = head.commit;
  // Who changes nothing about the stamp has it counted.
  const stamp = made.stamp === before ? counted('111', before) : made.stamp;
  const commit: Commit = { ...made, stamp, parents: [head.address], actor: undefined };
  const block = encodeCommit(commit);
  const address = addressOf(commit.algorithm, block);
  const parent = history.entry(head.address);
  if (parent === undefined) throw new Error('the head has no entry');
  await engine.write((batch) => {
    const { first, next } = history.bounds(commit.bucket, batch);
    const rises = { height: parent.height + 1, correctedMs: parent.correctedMs + 1 };
    const place = { address, parents: commit.parents, sequence: next, signature: undefined };
    const blocks = { rootBlock: rootBlock ?? head.rootBlock };
    const entry = { ...parent, ...place, ...rises, ...blocks };
    batch.put('commits', address, sealEntry(entry, 0, block));
    const key = logKey(commit.bucket, next);
    batch.put('log', key, sealRow('log', key, address));
    putBounds(batch, commit.bucket, { first, next: next + 1 });
  }, 'none');
  return addressText(address);
}
