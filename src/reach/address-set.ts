/**
 * A set of addresses, for walks that go to each block once: half of each digest, in one table, 16
 * bytes an address and as many for room. Two addresses that agree in 128 bits would pass for one.
 */
import type { Address } from '../blocks/address.js';
import { readU32 } from '../ground/integers.js';

/** 32-bit numbers that are kept of a digest. */
const WORDS = 4;
const FIRST_SLOTS = 1_024;

export class AddressSet {
  /** A slot of zeros is free, as half of them are at least. */
  #words = new Uint32Array(WORDS * FIRST_SLOTS);
  #count = 0;

  has(address: Address): boolean {
    return !this.#isFree(this.#slotOf(address));
  }

  /** False where it was there before. */
  add(address: Address): boolean {
    const slot = this.#slotOf(address);
    if (!this.#isFree(slot)) return false;
    for (let i = 0; i < WORDS; i++) this.#words[slot + i] = readU32(address, 1 + 4 * i);
    this.#count++;
    if (2 * this.#count * WORDS > this.#words.length) this.#grow();
    return true;
  }

  /** Where an address is, or would be. */
  #slotOf(address: Address): number {
    const words = this.#words;
    const mask = words.length / WORDS - 1;
    for (let at = readU32(address, 1) & mask; ; at = (at + 1) & mask) {
      const slot = WORDS * at;
      if (this.#isFree(slot)) return slot;
      let same = 0;
      while (same < WORDS && words[slot + same] === readU32(address, 1 + 4 * same)) same++;
      if (same === WORDS) return slot;
    }
  }

  #isFree(slot: number): boolean {
    for (let i = 0; i < WORDS; i++) if (this.#words[slot + i] !== 0) return false;
    return true;
  }

  #grow(): void {
    const before = this.#words;
    this.#words = new Uint32Array(2 * before.length);
    const mask = this.#words.length / WORDS - 1;
    for (let from = 0; from < before.length; from += WORDS) {
      if (before.subarray(from, from + WORDS).every((word) => word === 0)) continue;
      let at = (before[from] as number) & mask;
      while (!this.#isFree(WORDS * at)) at = (at + 1) & mask;
      this.#words.set(before.subarray(from, from + WORDS), WORDS * at);
    }
  }
}
