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

const SLAB_BLOCKS = 65_536;
/** Which of a block's numbers. */
const DIGEST = 0;
const FINGERPRINT = 1;

export class Seen {
  /** By 4,096 extents: where an extent's blocks begin in the slabs, plus 1. */
  readonly #begins = new Map<number, Float64Array>();
  /** Of each block both numbers. */
  readonly #slabs: Uint32Array[] = [];
  #used = 0;

  #placeOf(id: number): number {
    const extent = extentOf(id);
    const begin = this.#begins.get(Math.floor(extent / SLOTS))?.[extent % SLOTS] ?? 0;
    return begin === 0 ? -1 : begin - 1 + slotOf(id);
  }

  /** The fingerprint of the block of that address at that id, if it was seen there. */
  fingerprint(id: number, address: Address): number | undefined {
    const fingerprint = this.#numberOf(id, FINGERPRINT);
    const isIt = fingerprint !== 0 && this.#numberOf(id, DIGEST) === digestOf(address);
    return isIt ? fingerprint : undefined;
  }

  /** The first four bytes of the digest of the block seen at that id, as `readU32` reads them. */
  digest(id: number): number | undefined {
    return this.#numberOf(id, FINGERPRINT) === 0 ? undefined : this.#numberOf(id, DIGEST);
  }

  /** A number of the block at that id; 0 where none was seen. */
  #numberOf(id: number, which: number): number {
    const place = this.#placeOf(id);
    if (place < 0) return 0;
    const slab = this.#slabs[Math.floor(place / SLAB_BLOCKS)] as Uint32Array;
    return slab[2 * (place % SLAB_BLOCKS) + which] as number;
  }

  /** Remembers a block; `slots` is how many its extent has. */
  add(id: number, slots: number, address: Address, fingerprint: number): void {
    this.#begin(extentOf(id), slots);
    const place = this.#placeOf(id);
    const slab = this.#slabs[Math.floor(place / SLAB_BLOCKS)] as Uint32Array;
    slab.set([digestOf(address), fingerprint], 2 * (place % SLAB_BLOCKS));
  }

  #begin(extent: number, slots: number): void {
    const number = Math.floor(extent / SLOTS);
    let begins = this.#begins.get(number);
    if (begins === undefined) this.#begins.set(number, (begins = new Float64Array(SLOTS)));
    if (begins[extent % SLOTS] !== 0) return;
    begins[extent % SLOTS] = this.#used + 1;
    this.#used += slots;
    while (this.#slabs.length * SLAB_BLOCKS < this.#used) {
      this.#slabs.push(new Uint32Array(2 * SLAB_BLOCKS));
    }
  }
}

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
  return [entries, buckets, inlineBytes, referencedBytes].reduce(hashNumber, 7);
}

function hashNumber(state: number, number: number): number {
  const high = Math.floor(number / 0x1_0000_0000);
  const sum = Math.imul(state, 31) ^ (number >>> 0) ^ Math.imul(high, 0x9e37);
  const mixed = Math.imul(sum, 0x85ebca6b);
  return (mixed ^ (mixed >>> 15)) >>> 0;
}

function hashBytes(bytes: Uint8Array): number {
  let hash = bytes.length;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193);
  return (hash ^ (hash >>> 15)) >>> 0;
}
