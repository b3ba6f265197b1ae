/**
 * Reading a block exactly where an id says, past every cache and without a way round: what
 * `Blocks.read` mends in silence is what a scrub looks for.
 *
 *     id -> extent row -> stored form -> patches applied -> body        a private copy
 */
import type { Address } from '../blocks/address.js';
import { applyPatch, chainTooLong, readStored } from '../blocks/body.js';
import { CHUNK_NUMBERS, chunkNumber, isChunkId } from '../blocks/chunk-home.js';
import { addressPrefix, extentOf, PREFIX_LENGTH, slotOf, slotRange } from '../blocks/extent.js';
import type { Engine } from '../engine/engine.js';
import { EMPTY, equalBytes } from '../ground/bytes.js';
import { RegaliaError } from '../ground/errors.js';
import { readU48 } from '../ground/integers.js';
import { PATCH_DEPTH_MAX, ROW_NUMBER_MAX } from '../ground/limits.js';

/** A body that nobody has verified: plain bytes up to `plainLength`, then links. */
export interface StoredBlock {
  readonly bytes: Uint8Array;
  readonly plainLength: number;
}

/** The row of the extent that holds a block. A damaged id may name one that no engine takes. */
export function extentRow(engine: Engine, id: number): Uint8Array | undefined {
  const extent = extentOf(id);
  return extent > ROW_NUMBER_MAX ? undefined : engine.view('extents', extent);
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
export function readStoredBlock(engine: Engine, id: number, above = 0): StoredBlock {
  if (above > PATCH_DEPTH_MAX) throw chainTooLong(id);
  const row = extentRow(engine, id);
  if (row === undefined) {
    const source = `extent ${extentOf(id)}`;
    throw new RegaliaError('REGALIA_MISSING', `${source} is not here`, { address: source });
  }
  const [start, end] = slotRange(row, slotOf(id));
  const form = readStored(row, start, end);
  const { plainLength } = form;
  if (form.base === undefined) {
    // A copy: the next read spoils the view.
    return { bytes: Uint8Array.prototype.slice.call(row, form.start, end), plainLength };
  }
  const base = readStoredBlock(engine, form.base, above + 1);
  return { bytes: applyPatch(form, base.bytes, 0, base.bytes.length), plainLength };
}
