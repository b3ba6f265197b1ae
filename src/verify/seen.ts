/**
 * What a scrub remembers of each block that it has read, so that it reads each once: eight bytes by
 * local id.
 *
 *     u32 of the digest | u32 of what the block is: kind 3 bits, level 6, sums 12, last name 11
 *
 * The first tells whether another reference to the id means the same block, the second whether it
 * promises the same of it. Both are hashes cut short: a false reference may pass for a true one,
 * once in 2^32 and 2^12. Memory is eight bytes a block and four an extent, in pages.
 */
import type { Address } from '../blocks/address.js';
import { extentOf, SLOTS, slotOf } from '../blocks/extent.js';

const PAGE = 65_536;

export class Seen {
  /** By page of extents: where an extent's blocks begin in the arrays below, plus 1. */
  readonly #begins = new Map<number, Float64Array>();
  readonly #digests: Uint32Array[] = [];
  readonly #traits: Uint32Array[] = [];
  #used = 0;

  #placeOf(id: number): number {
    const extent = extentOf(id);
    const begin = this.#begins.get(Math.floor(extent / SLOTS))?.[extent % SLOTS] ?? 0;
    return begin === 0 ? -1 : begin - 1 + slotOf(id);
  }

  /** The traits of the block of that address at that id, if it was seen there. */
  traits(id: number, address: Address): number | undefined {
    const place = this.#placeOf(id);
    if (place < 0) return undefined;
    const page = Math.floor(place / PAGE);
    const traits = this.#traits[page]?.[place % PAGE] ?? 0;
    if (traits === 0 || this.#digests[page]?.[place % PAGE] !== digestOf(address)) return undefined;
    return traits;
  }

  /** The first four bytes of the digest of the block seen at that id. */
  digest(id: number): number | undefined {
    const place = this.#placeOf(id);
    const page = Math.floor(place / PAGE);
    if (place < 0 || (this.#traits[page]?.[place % PAGE] ?? 0) === 0) return undefined;
    return this.#digests[page]?.[place % PAGE];
  }

  /** Remembers a block; `slots` is how many its extent has. */
  add(id: number, slots: number, address: Address, traits: number): void {
    this.#begin(extentOf(id), slots);
    const place = this.#placeOf(id);
    const page = Math.floor(place / PAGE);
    (this.#digests[page] as Uint32Array)[place % PAGE] = digestOf(address);
    (this.#traits[page] as Uint32Array)[place % PAGE] = traits;
  }

  #begin(extent: number, slots: number): void {
    const number = Math.floor(extent / SLOTS);
    let begins = this.#begins.get(number);
    if (begins === undefined) this.#begins.set(number, (begins = new Float64Array(SLOTS)));
    if (begins[extent % SLOTS] !== 0) return;
    begins[extent % SLOTS] = this.#used + 1;
    this.#used += slots;
    while (this.#digests.length * PAGE < this.#used) {
      this.#digests.push(new Uint32Array(PAGE));
      this.#traits.push(new Uint32Array(PAGE));
    }
  }
}

/** The first four bytes of an address's digest. */
export function digestOf(address: Address): number {
  return prefixNumber(address, 1);
}

export function prefixNumber(bytes: Uint8Array, at: number): number {
  let number = 0;
  for (let i = 3; i >= 0; i--) number = number * 256 + (bytes[at + i] as number);
  return number;
}
