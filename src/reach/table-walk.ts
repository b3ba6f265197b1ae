/**
 * What upkeep of contents works on: a store, as far as it concerns it; and its ways through the
 * table of chunks.
 */

import type { Blocks } from '../blocks/blocks.js';
import { CHUNK_NUMBERS } from '../blocks/chunk-home.js';
import type { Engine } from '../engine/engine.js';
import { isRegaliaError, throwIfAborted } from '../ground/errors.js';
import { turn } from '../ground/pause.js';
import type { History } from '../log/history.js';
import type { NodeCache } from '../tree/node-cache.js';
import { type ChunkRow, decodeChunkRow } from '../volumes/chunk-row.js';
import type { ChunkStore } from '../volumes/chunk-store.js';
import { decodeGroupRow, type GroupRow } from '../volumes/group-row.js';
import type { StorageRules } from '../volumes/storage-rules.js';

export interface Subject {
  readonly engine: Engine;
  readonly blocks: Blocks;
  readonly cache: NodeCache;
  readonly history: History;
  readonly chunks: ChunkStore;
  /** The id of the root bucket. */
  readonly store: Uint8Array;
  readonly storage: StorageRules;
  readonly now: () => number;
}

/**
 * A row that was read. One that is damaged is passed over: `verify` tells of it, and a rescan makes
 * another.
 */
export interface Found<Row> {
  readonly number: number;
  readonly row: Row;
}

export type FoundChunk = Found<ChunkRow>;
export type FoundGroup = Found<GroupRow>;

/** Rows that are read in one turn. */
const SLICE = 256;

/** All chunks, a slice for each turn. REGALIA_ABORTED. */
export function chunkSlices(
  engine: Engine,
  operation: string,
  signal?: AbortSignal,
): AsyncGenerator<FoundChunk[], void, undefined> {
  return slices(engine, 'chunks', decodeChunkRow, operation, signal);
}

/** All groups, in the same way. */
export function groupSlices(
  engine: Engine,
  operation: string,
  signal?: AbortSignal,
): AsyncGenerator<FoundGroup[], void, undefined> {
  return slices(engine, 'groups', decodeGroupRow, operation, signal);
}

async function* slices<Row>(
  engine: Engine,
  table: 'chunks' | 'groups',
  decode: (number: number, bytes: Uint8Array) => Row,
  operation: string,
  signal: AbortSignal | undefined,
  onDamaged?: (number: number) => void,
): AsyncGenerator<Found<Row>[], void, undefined> {
  for (let after = 0; after < CHUNK_NUMBERS; ) {
    await turn();
    throwIfAborted(signal, operation);
    engine.refresh();
    const found: Found<Row>[] = [];
    let last: number | undefined;
    for (const { key, bytes } of engine.range(table, { gt: after, limit: SLICE })) {
      last = key;
      const row = decodedOr(() => decode(key, bytes));
      if (row !== undefined) found.push({ number: key, row });
      else onDamaged?.(key);
    }
    if (last === undefined) return;
    after = last;
    if (found.length > 0) yield found;
  }
}

/** A row that can't be read: what it names nobody knows. */
export interface DamagedRow {
  readonly table: 'chunks' | 'groups';
  readonly number: number;
}

/** The rows of chunks and groups that can't be read. REGALIA_ABORTED. */
export async function damagedRows(
  engine: Engine,
  operation: string,
  signal?: AbortSignal,
): Promise<DamagedRow[]> {
  const damaged: DamagedRow[] = [];
  for (const table of ['chunks', 'groups'] as const) {
    const rows = slices<unknown>(engine, table, DECODERS[table], operation, signal, (number) => {
      damaged.push({ table, number });
    });
    while ((await rows.next()).done !== true) throwIfAborted(signal, operation);
  }
  return damaged;
}

const DECODERS = { chunks: decodeChunkRow, groups: decodeGroupRow } as const;

export function isReadable(table: 'chunks' | 'groups', number: number, row: Uint8Array): boolean {
  return decodedOr<unknown>(() => DECODERS[table](number, row)) !== undefined;
}

function decodedOr<Row>(decode: () => Row): Row | undefined {
  try {
    return decode();
  } catch (error) {
    if (!isRegaliaError(error)) throw error;
    return undefined;
  }
}
