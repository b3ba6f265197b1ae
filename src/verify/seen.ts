/**
 * What a scrub remembers of each block that it has read, so that it reads each once and compares
 * every reference with it: eight bytes by local id.
 *
 *     u32 of the digest | u32 fingerprint: kind 3 bits, level 6, sums 12, last name 11
 *
 * The first says whether another reference to the id means the same block, the second whether it
 * promises the same of it. Both are hashes cut short: a false reference may pass for a true one,
 * once in 2^32 and 2^12. Memory is eight bytes a block and four an extent, in slabs.
 */
import type { Address } from '../blocks/address.js';
import { extentOf, SLOTS, slotOf } from '../blocks/extent.js';
import { readU32 } from '../ground/integers.js';
import type { Traits } from '../sync/block-traits.js';
import type { Totals } from '../tree/totals.js';

/** What a reference promises of a block; a trait that is absent may be anything. */
export type Promised = {
  readonly [Name in 'kind' | 'level' | 'totals' | 'length' | 'last']?: Traits[Name] | undefined;
};

const KIND = 0x7;
const LEVEL = 0x1f8;
const SUMS = 0x1f_fe00;
const LAST = 0xffe0_0000;

/** Blocks in a slab. */
const SLAB_BLOCKS = 65_536;

export class Seen {
  /** By 4,096 extents: where an extent's blocks begin in the arrays below, plus 1. */
  readonly #begins = new Map<number, Float64Array>();
  readonly #digests: Uint32Array[] = [];
  readonly #fingerprints: Uint32Array[] = [];
  #used = 0;

  #placeOf(id: number): number {
    const extent = extentOf(id);
    const begin = this.#begins.get(Math.floor(extent / SLOTS))?.[extent % SLOTS] ?? 0;
    return begin === 0 ? -1 : begin - 1 + slotOf(id);
  }

  /** The fingerprint of the block of that address at that id, if it was seen there. */
  fingerprint(id: number, address: Address): number | undefined {
    const place = this.#placeOf(id);
    if (place < 0) return undefined;
    const slab = Math.floor(place / SLAB_BLOCKS);
    const at = place % SLAB_BLOCKS;
    const fingerprint = this.#fingerprints[slab]?.[at] ?? 0;
    if (fingerprint === 0 || this.#digests[slab]?.[at] !== digestOf(address)) return undefined;
    return fingerprint;
  }

  /** The first four bytes of the digest of the block seen at that id, as `readU32` reads them. */
  digest(id: number): number | undefined {
    const place = this.#placeOf(id);
    const slab = Math.floor(place / SLAB_BLOCKS);
    const at = place % SLAB_BLOCKS;
    if (place < 0 || (this.#fingerprints[slab]?.[at] ?? 0) === 0) return undefined;
    return this.#digests[slab]?.[at];
  }

  /** Remembers a block; `slots` is how many its extent has. */
  add(id: number, slots: number, address: Address, fingerprint: number): void {
    this.#begin(extentOf(id), slots);
    const place = this.#placeOf(id);
    const slab = Math.floor(place / SLAB_BLOCKS);
    const at = place % SLAB_BLOCKS;
    (this.#digests[slab] as Uint32Array)[at] = digestOf(address);
    (this.#fingerprints[slab] as Uint32Array)[at] = fingerprint;
  }

  #begin(extent: number, slots: number): void {
    const number = Math.floor(extent / SLOTS);
    let begins = this.#begins.get(number);
    if (begins === undefined) this.#begins.set(number, (begins = new Float64Array(SLOTS)));
    if (begins[extent % SLOTS] !== 0) return;
    begins[extent % SLOTS] = this.#used + 1;
    this.#used += slots;
    while (this.#digests.length * SLAB_BLOCKS < this.#used) {
      this.#digests.push(new Uint32Array(SLAB_BLOCKS));
      this.#fingerprints.push(new Uint32Array(SLAB_BLOCKS));
    }
  }
}

/** The first four bytes of an address's digest. */
function digestOf(address: Address): number {
  return readU32(address, 1);
}

/** What a block is, or what is promised of it, in 32 bits. */
export function fingerprintOf({ kind, level = 0, totals, length, last }: Promised): number {
  const sums = (totals === undefined ? hashNumber(7, length ?? 0) : hashTotals(totals)) & 0xfff;
  const name = last === undefined ? 0 : hashBytes(last) & 0x7ff;
  return ((kind ?? 0) | (level << 3) | (sums << 9) | (name << 21)) >>> 0;
}

/** Whether a block of that fingerprint is as promised. */
export function isAsPromised(fingerprint: number, promised: Promised): boolean {
  let mask = 0;
  if (promised.kind !== undefined) mask |= KIND;
  if (promised.level !== undefined) mask |= LEVEL;
  if (promised.totals !== undefined || promised.length !== undefined) mask |= SUMS;
  if (promised.last !== undefined) mask |= LAST;
  return ((fingerprint ^ fingerprintOf(promised)) & mask) === 0;
}

function hashTotals({ entries, buckets, inlineBytes, referencedBytes }: Readonly<Totals>): number {
  let hash = hashNumber(7, entries);
  hash = hashNumber(hash, buckets);
  hash = hashNumber(hash, inlineBytes);
  return hashNumber(hash, referencedBytes);
}

function hashNumber(state: number, number: number): number {
  const high = Math.floor(number / 0x1_0000_0000);
  const mixed = Math.imul(
    Math.imul(state, 31) ^ (number >>> 0) ^ Math.imul(high, 0x9e37),
    0x85ebca6b,
  );
  return (mixed ^ (mixed >>> 15)) >>> 0;
}

function hashBytes(bytes: Uint8Array): number {
  let hash = bytes.length;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193);
  return (hash ^ (hash >>> 15)) >>> 0;
}
