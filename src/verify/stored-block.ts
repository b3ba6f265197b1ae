/**
 * Blocks and the index as they are stored: exactly where an id says, past every cache and without
 * a way round. What `Blocks.read` mends in silence is what a scrub looks for.
 *
 *     id -> extent row -> stored form -> patches applied -> body        a private copy
 */
import type { Address } from '../blocks/address.js';
import { CHUNK_NUMBERS, chunkNumber, isChunkId } from '../blocks/chunk-home.js';
import {
  addressPrefix,
  extentOf,
  extentRow,
  PREFIX_LENGTH,
  readBody,
  slotOf,
} from '../blocks/extent.js';
import type { Engine, Reads } from '../engine/engine.js';
import { EMPTY, equalBytes } from '../ground/bytes.js';
import { readU16, readU48 } from '../ground/integers.js';

export const ID_LENGTH = 6;

/** A body that nobody has verified: plain bytes up to `plainLength`, then links. */
export interface StoredBlock {
  readonly bytes: Uint8Array;
  readonly plainLength: number;
}

/** How many blocks an extent's row says that it has. */
export function slotsIn(row: Uint8Array | undefined): number {
  return row === undefined || row.length < 2 ? 0 : readU16(row, 0);
}

/** Whether there is a row for a block: that of its extent, or a chunk's own. */
export function isStored(engine: Engine, id: number): boolean {
  if (!isChunkId(id)) return extentRow(engine, id) !== undefined;
  const number = chunkNumber(id);
  return number < CHUNK_NUMBERS && engine.view('chunks', number) !== undefined;
}

/** Whether the index, as stored, leads from the address to the id. */
export function isIndexed(engine: Engine, id: number, address: Address): boolean {
  const prefix = addressPrefix(address);
  if (!isStored(engine, id)) return false;
  const log = isChunkId(id) ? undefined : engine.view('addressLog', extentOf(id));
  if (log === undefined) return indexedIds(engine, prefix).includes(id);
  const at = slotOf(id) * PREFIX_LENGTH;
  return equalBytes(log.subarray(at, at + PREFIX_LENGTH), prefix);
}

/** The ids that the table of addresses has for a digest's first bytes. */
export function indexedIds(reads: Reads, prefix: Uint8Array): number[] {
  return idsIn(reads.view('addresses', prefix) ?? EMPTY);
}

export function idsIn(row: Uint8Array): number[] {
  const ids: number[] = [];
  for (let at = 0; at + ID_LENGTH <= row.length; at += ID_LENGTH) ids.push(readU48(row, at));
  return ids;
}

/** The body at an id. REGALIA_MISSING without its extent, REGALIA_FORMAT. */
export function readStoredBlock(engine: Engine, id: number): StoredBlock {
  const { bytes, start, end, plainLength, chain } = readBody(engine, id);
  // The next read spoils a view.
  return {
    bytes: chain.depth > 0 ? bytes : Uint8Array.prototype.slice.call(bytes, start, end),
    plainLength,
  };
}
