/**
 * Extents: the rows that have blocks in them. Blocks of one transaction are packed one behind the
 * other, so that small ones share a row and large rows waste little of the engine's pages (a row
 * fills pages of 4,096 bytes less a header of 16; rows above 2,022 bytes get pages of their own).
 *
 *     extent   u16 count | u32 end × count | stored blocks
 *     id       extent number × 4,096 + slot: a block's name in this store alone
 *     log row  8 bytes × count: the first digest bytes of each slot's address
 *
 * Ends are counted from the first stored block. A log row lies beside its extent until the index
 * has its addresses.
 *
 * An extent is closed at the first block that ends in the last eighth of a page, or at 32 KiB:
 * reading a block copies its extent out of the map, so extents stay small (measured: 16 KiB copy in
 * about a microsecond).
 */

import type { Batch, Engine } from '../engine/engine.js';
import { concatBytes } from '../ground/bytes.js';
import { malformed, missing, type RegaliaError } from '../ground/errors.js';
import { putU16, putU32, readU16, readU32 } from '../ground/integers.js';
import { PATCH_DEPTH_MAX, ROW_NUMBER_MAX } from '../ground/limits.js';
import type { Address } from './address.js';
import { applyPatch, type Body, BodyWriter, readStored } from './body.js';

export const SLOTS = 4096;
const PAGE = 4096;
const PAGE_HEADER = 16;
const EXTENT_TARGET = 12 * 1024;
const EXTENT_MAX = 32 * 1024;
/** How much of the last page may stay empty when an extent closes early. */
const SLACK = PAGE / 8;

/** Room for the blocks of an extent, to begin with. */
const FIRST_CAPACITY = 2_048;
const FULL_CAPACITY = 16_384;

/** The bytes of a digest that an index row keeps: a block found by them is verified by all 32. */
export const PREFIX_LENGTH = 8;

/** How an unknown id is stored: no block has it. Persisted. */
export const NO_ID = 0;

export function knownId(stored: number): number | undefined {
  return stored === NO_ID ? undefined : stored;
}

export function blockId(extent: number, slot: number): number {
  return extent * SLOTS + slot;
}

export function extentOf(id: number): number {
  return Math.floor(id / SLOTS);
}

export function slotOf(id: number): number {
  return id % SLOTS;
}

export function addressPrefix(address: Address): Uint8Array {
  return address.subarray(1, 1 + PREFIX_LENGTH);
}

export class ExtentBuilder {
  readonly number: number;
  readonly stored: BodyWriter;
  readonly #ends: number[] = [];
  readonly #addresses: Address[] = [];

  /** `isFirst` says that it is the first of a transaction: most have no more, and fill little. */
  constructor(number: number, isFirst = true) {
    this.number = number;
    this.stored = new BodyWriter(isFirst ? FIRST_CAPACITY : FULL_CAPACITY);
  }

  get addresses(): readonly Address[] {
    return this.#addresses;
  }

  /** Ends the stored block that was just written to `stored`, and names it. */
  close(address: Address): number {
    this.#ends.push(this.stored.length);
    this.#addresses.push(address);
    return blockId(this.number, this.#ends.length - 1);
  }

  /** Whether to go on in a new extent. */
  get full(): boolean {
    const size = 2 + 4 * this.#ends.length + this.stored.length;
    if (size >= EXTENT_MAX || this.#ends.length >= SLOTS) return true;
    const used = (size + PAGE_HEADER) % PAGE;
    return size >= EXTENT_TARGET && (used === 0 || used >= PAGE - SLACK);
  }

  range(slot: number): readonly [number, number] {
    return [slot === 0 ? 0 : this.#ends[slot - 1], this.#ends[slot]];
  }

  encode(): Uint8Array {
    const count = this.#ends.length;
    const head = 2 + 4 * count;
    const row = new Uint8Array(head + this.stored.length);
    let at = putU16(row, 0, count);
    for (const end of this.#ends) at = putU32(row, at, end);
    row.set(this.stored.buffer.subarray(0, this.stored.length), head);
    return row;
  }

  encodeLog(): Uint8Array {
    return concatBytes(this.#addresses.map(addressPrefix));
  }
}

/**
 * A slot's stored form within an extent's row: start and end. REGALIA_FORMAT where the row lies.
 */
export function slotRange(row: Uint8Array, slot: number): [number, number] {
  const count = row.length < 2 ? 0 : readU16(row, 0);
  const head = 2 + 4 * count;
  if (slot >= count || head > row.length) throw badExtent(row, slot, count);
  const start = slot === 0 ? 0 : readU32(row, 2 + 4 * (slot - 1));
  const end = readU32(row, 2 + 4 * slot);
  if (start > end || head + end > row.length) throw badExtent(row, slot, count);
  return [head + start, head + end];
}

function badExtent(row: Uint8Array, slot: number, count: number): RegaliaError {
  return malformed('extent', 0, `slot ${slot} of ${count} within ${row.length} bytes`, 'none');
}

export function putExtents(batch: Batch, extents: readonly ExtentBuilder[]): void {
  for (const extent of extents) {
    batch.put('extents', extent.number, extent.encode());
    batch.put('addressLog', extent.number, extent.encodeLog());
  }
}

/** The row of the extent that has a block. A damaged id may name one that no engine accepts. */
export function extentRow(engine: Engine, id: number): Uint8Array | undefined {
  const extent = extentOf(id);
  return extent > ROW_NUMBER_MAX ? undefined : engine.view('extents', extent);
}

/**
 * The body at an id, which nobody has verified: a view where it is stored whole. `staged` are
 * extents that are not, or not surely, in the engine. REGALIA_MISSING where its extent is not here,
 * REGALIA_FORMAT where that is malformed.
 */
export function readBody(
  engine: Engine,
  id: number,
  staged?: ReadonlyMap<number, ExtentBuilder>,
  above = 0,
): Body {
  if (above > PATCH_DEPTH_MAX) {
    throw malformed('stored block', 0, `at most ${PATCH_DEPTH_MAX} patches on block ${id}`, 'more');
  }
  const extent = staged?.get(extentOf(id));
  const bytes = extent === undefined ? presentRow(engine, id) : extent.stored.buffer;
  const slot = slotOf(id);
  const [start, end] = extent === undefined ? slotRange(bytes, slot) : extent.range(slot);
  const form = readStored(bytes, start, end);
  const { plainLength } = form;
  if (form.base === undefined) {
    return { bytes, start: form.start, end, plainLength, chain: { depth: 0, whole: id } };
  }
  const base = readBody(engine, form.base, staged, above + 1);
  const patched = applyPatch(form, base.bytes, base.start, base.end);
  const chain = { depth: base.chain.depth + 1, whole: base.chain.whole };
  return { bytes: patched, start: 0, end: patched.length, plainLength, chain };
}

function presentRow(engine: Engine, id: number): Uint8Array {
  const row = extentRow(engine, id);
  if (row !== undefined) return row;
  throw missing('extent', `${extentOf(id)}`);
}
