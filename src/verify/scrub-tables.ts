/**
 * Scrubs the tables themselves: what no commit leads to, and what only tables know.
 *
 *     meta         every row's checksum; who the store is; which numbers are leased: no extent has
 *                  another
 *     extents      every row and every stored block in it can be decoded, reached or not: what none
 *                  reaches is not hashed
 *     addressLog   8 bytes for each block of an extent that is there
 *     addresses    every id is that of a block that is there, and of one with that prefix where a
 *                  commit reaches it
 *     chunks       every row; that the index finds it, and that it is the chunk that was seen
 *     groups       every row, and every shard
 *     counts       a table has as many rows as the engine says
 */
import { readStored } from '../blocks/body.js';
import { CHUNK_IDS, isChunkId } from '../blocks/chunk-home.js';
import {
  addressPrefix,
  blockId,
  extentRow,
  PREFIX_LENGTH,
  slotOf,
  slotRange,
} from '../blocks/extent.js';
import { openRow } from '../blocks/rows.js';
import type { Engine, RowKey, Table } from '../engine/engine.js';
import { equalBytes } from '../ground/bytes.js';
import { readU32 } from '../ground/integers.js';
import { ByteReader } from '../ground/reader.js';
import { utf8Bytes } from '../ground/text.js';
import { checkShareRow } from '../log/shares.js';
import { decodeChunkRow } from '../volumes/chunk-row.js';
import type { ChunkStore } from '../volumes/chunk-store.js';
import { decodeGroupRow } from '../volumes/group-format.js';
import { type Fault, orMessage, ROW_COST, rowFault, type Step } from './fault.js';
import type { Seen } from './seen.js';
import { ID_LENGTH, idsIn, indexedIds, isStored, slotsIn } from './stored-block.js';

const EXTENT_LEASE = utf8Bytes('extents');
/** The rows of `meta` that every store has. */
const META_ROWS = ['store', 'extents', 'sequences'];

export function* scrubTables(
  engine: Engine,
  seen: Seen,
  chunks: ChunkStore | undefined,
): Generator<Step, void> {
  yield* scrubRows(engine, 'meta', (key, row) => metaFault(engine, key, row));
  for (const name of META_ROWS) {
    const key = utf8Bytes(name);
    if (engine.view('meta', key) !== undefined) continue;
    yield rowFault('row', 'the store lacks a row', 'meta', key, false);
  }
  yield* scrubRows(engine, 'extents', (_, row) => extentFault(row));
  yield* scrubRows(engine, 'addressLog', sound, (key, row) => logFaults(engine, seen, key, row));
  yield* scrubRows(engine, 'addresses', sound, (key, row) => idFaults(engine, seen, key, row));
  yield* scrubRows(engine, 'chunks', (key, row) => chunkFault(engine, seen, key, row));
  yield* scrubRows(engine, 'groups', groupFault, (key) => shardFaults(chunks, key));
  for (const table of ['commits', 'log', 'heads'] as const) yield* scrubRows(engine, table, sound);
}

/**
 * Every row of a table: what `faultOf` says or throws is a fault of it; where there is none,
 * `stepsOf` looks further. Then whether the engine counts as many rows.
 */
function* scrubRows<T extends Table>(
  engine: Engine,
  table: T,
  faultOf: (key: RowKey<T>, row: Uint8Array) => string | undefined,
  stepsOf?: (key: RowKey<T>, row: Uint8Array) => Iterable<Step>,
): Generator<Step, void> {
  const before = engine.count(table);
  let found = 0;
  for (const { key, bytes } of engine.range(table)) {
    found++;
    yield bytes.length + ROW_COST;
    const fault = orMessage(() => faultOf(key, bytes));
    if (fault !== undefined) yield rowFault('row', fault, table, key, false);
    else if (stepsOf !== undefined) yield* stepsOf(key, bytes);
  }
  const after = engine.count(table);
  // Others may have written: rows that came or went may have been met or not.
  if (found === before || found === after || before !== after) return;
  const what = `table ${table} has ${found} rows, and counts ${after}`;
  yield rowFault('count', what, table, undefined, false);
}

/** For rows of which nothing can be wrong in themselves, or others have looked already. */
function sound(): undefined {}

function metaFault(engine: Engine, key: Uint8Array, row: Uint8Array): string | undefined {
  const body = openRow('meta', key, row);
  checkShareRow(key, row);
  return equalBytes(key, EXTENT_LEASE) ? leaseFault(engine, body) : undefined;
}

/** An extent whose number could be given out again. */
function leaseFault(engine: Engine, body: Uint8Array): string | undefined {
  const next = new ByteReader(body, 'lease').u48();
  for (const { key } of engine.range('extents', { reverse: true, limit: 1 })) {
    if (key >= next) return `extent ${key} has a number that is not leased`;
  }
  return undefined;
}

function extentFault(row: Uint8Array): string | undefined {
  const slots = slotsIn(row);
  if (slots === 0) return 'an extent without blocks';
  let last = 0;
  for (let slot = 0; slot < slots; slot++) {
    const [start, end] = slotRange(row, slot);
    readStored(row, start, end);
    last = end;
  }
  return last === row.length ? undefined : 'bytes after the last block of an extent';
}

/** An extent's row of addresses has one for each block, and each is that which was seen. */
function* logFaults(engine: Engine, seen: Seen, key: number, log: Uint8Array): Generator<Fault> {
  const row = engine.view('extents', key);
  const slots = slotsIn(row);
  if (row === undefined) {
    yield rowFault('missing', `extent ${key} is not here`, 'extents', key, false);
    return;
  }
  if (slots === 0 || log.length !== slots * PREFIX_LENGTH) {
    const what = `${log.length} bytes of addresses for ${slots} blocks`;
    yield rowFault('index', what, 'addressLog', key, true);
    return;
  }
  for (let slot = 0; slot < slots; slot++) {
    const id = blockId(key, slot);
    if (agrees(seen, id, log, slot * PREFIX_LENGTH)) continue;
    yield rowFault('index', `block ${id} has another address`, 'addressLog', key, true);
  }
}

function* idFaults(
  engine: Engine,
  seen: Seen,
  prefix: Uint8Array,
  row: Uint8Array,
): Generator<Fault> {
  if (prefix.length !== PREFIX_LENGTH || row.length === 0 || row.length % ID_LENGTH !== 0) {
    yield rowFault('index', `a row of ${row.length} bytes`, 'addresses', prefix, true);
    return;
  }
  for (const id of idsIn(row)) {
    const isHere = isThere(engine, id);
    if (isHere && agrees(seen, id, prefix, 0)) continue;
    const what = `block ${id} ${isHere ? 'has another address' : 'is not here'}`;
    yield rowFault('index', what, 'addresses', prefix, true);
  }
}

function isThere(engine: Engine, id: number): boolean {
  return isChunkId(id) ? isStored(engine, id) : slotOf(id) < slotsIn(extentRow(engine, id));
}

/** The row is that of the address that was seen, and is found by it. */
function chunkFault(
  engine: Engine,
  seen: Seen,
  number: number,
  row: Uint8Array,
): string | undefined {
  const { address, copies, coded } = decodeChunkRow(number, row);
  const id = CHUNK_IDS + number;
  if (copies.length === 0 && coded === undefined) return `chunk ${number} is on no volume`;
  const prefix = addressPrefix(address);
  if (!agrees(seen, id, prefix, 0)) return `chunk ${number} has another address`;
  return indexedIds(engine, prefix).includes(id) ? undefined : `the index lacks chunk ${number}`;
}

function groupFault(key: number, row: Uint8Array): undefined {
  decodeGroupRow(key, row);
}

function* shardFaults(chunks: ChunkStore | undefined, key: number): Generator<Step, void> {
  for (const { what, isUnreadable, isRepairable, cost } of chunks?.groups.scrub(key) ?? []) {
    yield cost;
    const kind = isUnreadable ? 'unreadable' : 'corrupt';
    if (what !== undefined) yield rowFault(kind, what, 'groups', key, isRepairable);
  }
}

/** Whether the index's prefix of a block is the one that was seen, if it was. */
function agrees(seen: Seen, id: number, prefix: Uint8Array, at: number): boolean {
  const digest = seen.digest(id);
  return digest === undefined || digest === readU32(prefix, at);
}

/** How many blocks the index knows of: what a scrub may expect to read at most. */
export function expectedBlocks(engine: Engine): number {
  let blocks = engine.count('addresses');
  for (const { bytes } of engine.range('addressLog')) blocks += bytes.length / PREFIX_LENGTH;
  return blocks;
}
