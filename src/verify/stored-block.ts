/**
 * Reading a block exactly where an id says, past every cache and without a way round: what
 * `Blocks.read` mends in silence is what a scrub looks for.
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
import type { Engine } from '../engine/engine.js';
import { EMPTY, equalBytes } from '../ground/bytes.js';
import { readU48 } from '../ground/integers.js';

/** A body that nobody has verified: plain bytes up to `plainLength`, then links. */
export interface StoredBlock {
  readonly bytes: Uint8Array;
  readonly plainLength: number;
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
  if (log !== undefined) {
    const at = slotOf(id) * PREFIX_LENGTH;
    return equalBytes(log.subarray(at, at + PREFIX_LENGTH), prefix);
  }
  const row = engine.view('addresses', prefix) ?? EMPTY;
  for (let at = 0; at + 6 <= row.length; at += 6) if (readU48(row, at) === id) return true;
  return false;
}

/**
 * The body at an id. REGALIA_MISSING where its extent is not here, REGALIA_FORMAT where it is
 * malformed.
 */
export function readStoredBlock(engine: Engine, id: number): StoredBlock {
  const { bytes, start, end, plainLength, depth } = readBody(engine, id);
  // The next read spoils a view.
  return {
    bytes: depth > 0 ? bytes : Uint8Array.prototype.slice.call(bytes, start, end),
    plainLength,
  };
}
