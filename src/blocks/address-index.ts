/**
 * From a block's address to its local id: for exchange, deduplication and repair. Reads inside a
 * tree never come here, since every reference carries the id beside it.
 *
 * Random keys are the most expensive thing to give an ordered engine, so each extent's addresses
 * are first appended beside it (8 bytes a block, in table `addressLog`), and moved to the table
 * `addresses` by the ten thousand, sorted:
 *
 *     addresses   first 8 digest bytes -> u48 id × n      n > 1 only where two addresses share them
 *
 * Nothing here is trusted: a candidate counts once its block hashes to the address.
 */

import type { Batch, Engine } from '../engine/engine.js';
import { concatBytes, EMPTY } from '../ground/bytes.js';
import { readU48, u48Bytes } from '../ground/integers.js';
import type { Address } from './address.js';
import { addressPrefix, blockId, PREFIX_LENGTH } from './extent.js';

/** From this many on, entries beside extents are moved to the table. */
const FOLD_FROM = 65_536;
/** Entries moved in one transaction, so that others get in between. */
const FOLD_SLICE = 8_192;

export class AddressIndex {
  readonly #engine: Engine;
  /**
   * Entries of the extents whose addresses still lie beside them, by their first 6 digest bytes.
   */
  readonly #tail = new Map<number, number | number[]>();
  readonly #seen = new Set<number>();
  #loaded = false;
  #unfolded = 0;
  #folding: Promise<void> | undefined;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** The ids that may be the block of `address`: check each. */
  candidates(address: Address): number[] {
    if (!this.#loaded) this.refresh();
    const found: number[] = [];
    const near = this.#tail.get(readU48(address, 1));
    if (typeof near === 'number') found.push(near);
    else if (near !== undefined) found.push(...near);
    const row = this.#engine.view('addresses', addressPrefix(address)) ?? EMPTY;
    for (let at = 0; at + 6 <= row.length; at += 6) found.push(readU48(row, at));
    return found;
  }

  /** Reads of extents that others have written. */
  refresh(): void {
    this.#loaded = true;
    this.#engine.refresh();
    for (const { key, bytes } of this.#engine.range('addressLog')) {
      if (this.#seen.has(key)) continue;
      this.#seen.add(key);
      for (let slot = 0; (slot + 1) * PREFIX_LENGTH <= bytes.length; slot++) {
        this.#remember(readU48(bytes, slot * PREFIX_LENGTH), blockId(key, slot));
      }
    }
  }

  add(extent: number, addresses: readonly Address[]): void {
    this.#unfolded += addresses.length;
    if (!this.#loaded) return;
    this.#seen.add(extent);
    for (let slot = 0; slot < addresses.length; slot++) {
      this.#remember(readU48(addresses[slot], 1), blockId(extent, slot));
    }
  }

  #remember(prefix: number, id: number): void {
    const there = this.#tail.get(prefix);
    if (there === undefined) this.#tail.set(prefix, id);
    else if (typeof there === 'number') this.#tail.set(prefix, [there, id]);
    else there.push(id);
  }

  /**
   * Begins to move entries to the table once there are many, beside what goes on. Where that fails
   * they stay where they are: `folded` says so, and the next begins again.
   */
  foldSoon(): void {
    if (this.#folding !== undefined || this.#unfolded < FOLD_FROM) return;
    const folding = this.#foldAll().finally(() => {
      if (this.#folding === folding) this.#folding = undefined;
    });
    folding.catch(() => undefined);
    this.#folding = folding;
  }

  /** Resolves when nothing is being moved. */
  async folded(): Promise<void> {
    await this.#folding;
  }

  async #foldAll(): Promise<void> {
    this.#unfolded = 0;
    for (;;) {
      const moved = await this.#engine.write((batch) => foldSlice(batch), 'group', {
        isLong: true,
      });
      if (moved === 0) break;
    }
    // The tail's ids stay true, but a long one is memory: begin again from what still lies beside
    // extents.
    this.#tail.clear();
    this.#seen.clear();
    this.#loaded = false;
  }
}

/** Moves the entries of the oldest extents to the table. Returns how many. */
function foldSlice(batch: Batch): number {
  const entries: { prefix: Uint8Array; id: number }[] = [];
  const extents: number[] = [];
  for (const { key, bytes } of batch.range('addressLog')) {
    extents.push(key);
    for (let at = 0; at + PREFIX_LENGTH <= bytes.length; at += PREFIX_LENGTH) {
      const prefix = bytes.subarray(at, at + PREFIX_LENGTH);
      entries.push({ prefix, id: blockId(key, at / PREFIX_LENGTH) });
    }
    if (entries.length >= FOLD_SLICE) break;
  }
  entries.sort((a, b) => Buffer.compare(a.prefix, b.prefix));
  for (const { prefix, id } of entries) putAddress(batch, prefix, id);
  for (const extent of extents) batch.del('addressLog', extent);
  return entries.length;
}

/** Adds one id to those that the table has for a digest's first bytes. */
export function putAddress(batch: Batch, prefix: Uint8Array, id: number): void {
  const there = batch.get('addresses', prefix);
  const added = u48Bytes(id);
  batch.put('addresses', prefix, there === undefined ? added : concatBytes([there, added]));
}

export function removeAddress(batch: Batch, prefix: Uint8Array, id: number): void {
  const there = batch.get('addresses', prefix) ?? EMPTY;
  const kept: Uint8Array[] = [];
  for (let at = 0; at + 6 <= there.length; at += 6) {
    if (readU48(there, at) !== id) kept.push(there.subarray(at, at + 6));
  }
  if (kept.length === 0) batch.del('addresses', prefix);
  else batch.put('addresses', prefix, concatBytes(kept));
}
