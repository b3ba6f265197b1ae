/**
 * Scrubs the tables themselves: what no commit leads to, and what only tables know.
 *
 *     meta         every row's checksum; who the store is; which numbers are leased: no extent has another
 *     extents      every row and every stored block in it can be taken apart, reached or not: what none reaches is not
 *                  hashed
 *     addressLog   8 bytes for each block of an extent that is there
 *     addresses    every id is that of a block that is there, and of one with that prefix where a commit reaches it
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
import type { Engine, Table } from '../engine/engine.js';
import { EMPTY, equalBytes } from '../ground/bytes.js';
import { readU48 } from '../ground/integers.js';
import { ByteReader } from '../ground/reader.js';
import { utf8Bytes } from '../ground/text.js';
import { decodeChunkRow } from '../volumes/chunk-row.js';
import type { ChunkStore } from '../volumes/chunk-store.js';
import { decodeGroupRow } from '../volumes/group-format.js';
import { type Fault, rowFault, type Step, tellOf } from './fault.js';
import { prefixNumber, type Seen } from './seen.js';
import { isStored } from './stored-block.js';

const EXTENT_LEASE = utf8Bytes('extents');
/** The rows of `meta` that every store has. */
const META_ROWS = ['store', 'extents', 'sequences'];
const ID_LENGTH = 6;
/** What a row costs beside its bytes, in bytes read. */
const ROW_COST = 256;

export function* scrubTables(
  engine: Engine,
  seen: Seen,
  chunks: ChunkStore | undefined,
): Generator<Step, void> {
  yield* counted(engine, 'meta', scrubMeta(engine));
  yield* counted(engine, 'extents', scrubExtents(engine));
  yield* counted(engine, 'addressLog', scrubAddressLog(engine, seen));
  yield* counted(engine, 'addresses', scrubAddresses(engine, seen));
  yield* counted(engine, 'chunks', scrubChunks(engine, seen));
  yield* counted(engine, 'groups', scrubGroups(engine, chunks));
  for (const table of ['commits', 'log', 'heads'] as const) {
    yield* counted(engine, table, onlyRows(engine, table));
  }
}

/** A table's rows: a step each, then the faults found, with the number of rows as the result. */
type TableScrub = Generator<Step, number>;

/** Compares the number of rows with what the engine says, unless it changed meanwhile. */
function* counted(engine: Engine, table: Table, scrub: TableScrub): Generator<Step, void> {
  const before = engine.count(table);
  const found = yield* scrub;
  const after = engine.count(table);
  // Others may have written: rows that came or went may have been met or not.
  if (found === before || found === after || before !== after) return;
  const what = `table ${table} has ${found} rows, and counts ${after}`;
  yield rowFault('count', what, table, undefined, false);
}

function* onlyRows(engine: Engine, table: Table): TableScrub {
  let count = 0;
  for (const { bytes } of engine.range(table)) {
    count++;
    yield bytes.length + ROW_COST;
  }
  return count;
}

function* scrubMeta(engine: Engine): TableScrub {
  let count = 0;
  for (const { key, bytes } of engine.range('meta')) {
    count++;
    yield bytes.length + ROW_COST;
    const fault = faultOf(() => {
      const body = openRow('meta', key, bytes);
      return equalBytes(key, EXTENT_LEASE) ? leaseFault(engine, body) : undefined;
    });
    if (fault !== undefined) yield rowFault('row', fault, 'meta', key, false);
  }
  for (const name of META_ROWS) {
    const key = utf8Bytes(name);
    if (engine.view('meta', key) !== undefined) continue;
    yield rowFault('row', 'the store lacks a row', 'meta', key, false);
  }
  return count;
}

/** An extent whose number could be given out again. */
function leaseFault(engine: Engine, body: Uint8Array): string | undefined {
  const next = new ByteReader(body, 'lease').u48();
  for (const { key } of engine.range('extents', { reverse: true, limit: 1 })) {
    if (key >= next) return `extent ${key} has a number that is not leased`;
  }
  return undefined;
}

function* scrubExtents(engine: Engine): TableScrub {
  let count = 0;
  for (const { key, bytes } of engine.range('extents')) {
    count++;
    yield bytes.length + ROW_COST;
    const fault = faultOf(() => extentFault(bytes));
    if (fault !== undefined) yield rowFault('row', fault, 'extents', key, false);
  }
  return count;
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
  return last === row.length ? undefined : 'bytes behind the last block of an extent';
}

function slotsIn(row: Uint8Array): number {
  return row.length < 2 ? 0 : (row[0] as number) | ((row[1] as number) << 8);
}

function* scrubAddressLog(engine: Engine, seen: Seen): TableScrub {
  let count = 0;
  for (const { key, bytes } of engine.range('addressLog')) {
    count++;
    yield bytes.length + ROW_COST;
    const row = engine.view('extents', key);
    const slots = row === undefined ? 0 : slotsIn(row);
    if (row === undefined) {
      yield rowFault('missing', `extent ${key} is not here`, 'extents', key, false);
      continue;
    }
    if (slots === 0 || bytes.length !== slots * PREFIX_LENGTH) {
      const what = `${bytes.length} bytes of addresses for ${slots} blocks`;
      yield indexFault(what, 'addressLog', key);
      continue;
    }
    for (let slot = 0; slot < slots; slot++) {
      const at = slot * PREFIX_LENGTH;
      if (agrees(seen, blockId(key, slot), bytes, at)) continue;
      yield indexFault(`block ${blockId(key, slot)} has another address`, 'addressLog', key);
    }
  }
  return count;
}

function* scrubAddresses(engine: Engine, seen: Seen): TableScrub {
  let count = 0;
  for (const { key, bytes } of engine.range('addresses')) {
    count++;
    yield bytes.length + ROW_COST;
    if (key.length !== PREFIX_LENGTH || bytes.length === 0 || bytes.length % ID_LENGTH !== 0) {
      yield indexFault(`a row of ${bytes.length} bytes`, 'addresses', key);
      continue;
    }
    for (let at = 0; at < bytes.length; at += ID_LENGTH) {
      const id = readU48(bytes, at);
      if (!isThere(engine, id)) {
        yield indexFault(`block ${id} is not here`, 'addresses', key);
      } else if (!agrees(seen, id, key, 0)) {
        yield indexFault(`block ${id} has another address`, 'addresses', key);
      }
    }
  }
  return count;
}

function isThere(engine: Engine, id: number): boolean {
  if (isChunkId(id)) return isStored(engine, id);
  const row = extentRow(engine, id);
  return row !== undefined && slotOf(id) < slotsIn(row);
}

/** Every row can be read, is that of the address that was seen, and is found by it. */
function* scrubChunks(engine: Engine, seen: Seen): TableScrub {
  let count = 0;
  for (const { key, bytes } of engine.range('chunks')) {
    count++;
    yield bytes.length + ROW_COST;
    const fault = faultOf(() => chunkFault(engine, seen, key, bytes));
    if (fault !== undefined) yield rowFault('row', fault, 'chunks', key, false);
  }
  return count;
}

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
  const ids = engine.view('addresses', prefix) ?? EMPTY;
  for (let at = 0; at + ID_LENGTH <= ids.length; at += ID_LENGTH) {
    if (readU48(ids, at) === id) return undefined;
  }
  return `the index lacks chunk ${number}`;
}

/** Every row can be read, and every shard that it names. */
function* scrubGroups(engine: Engine, chunks: ChunkStore | undefined): TableScrub {
  let count = 0;
  for (const { key, bytes } of engine.range('groups')) {
    count++;
    yield bytes.length + ROW_COST;
    const fault = faultOf(() => {
      decodeGroupRow(key, bytes);
      return undefined;
    });
    if (fault !== undefined) {
      yield rowFault('row', fault, 'groups', key, false);
      continue;
    }
    for (const { what, isRepairable, cost } of chunks?.scrubGroup(key) ?? []) {
      yield cost;
      if (what !== undefined) yield rowFault('corrupt', what, 'groups', key, isRepairable);
    }
  }
  return count;
}

/** Whether the index's prefix of a block is the one that was seen, if it was. */
function agrees(seen: Seen, id: number, prefix: Uint8Array, at: number): boolean {
  const digest = seen.digest(id);
  return digest === undefined || digest === prefixNumber(prefix, at);
}

function indexFault<T extends 'addresses' | 'addressLog'>(
  what: string,
  table: T,
  key: T extends 'addressLog' ? number : Uint8Array,
): Fault {
  const row = key as Parameters<typeof rowFault<Table>>[3];
  return rowFault<Table>('index', what, table, row, true);
}

function faultOf(check: () => string | undefined): string | undefined {
  try {
    return check();
  } catch (error) {
    return tellOf(error);
  }
}

/** How many blocks the index knows of: what a scrub may expect to read at most. */
export function expectedBlocks(engine: Engine): number {
  let blocks = engine.count('addresses');
  for (const { bytes } of engine.range('addressLog')) blocks += bytes.length / PREFIX_LENGTH;
  return blocks;
}
