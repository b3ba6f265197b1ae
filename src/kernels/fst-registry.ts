/**
 * The states written so far, found by content: what makes a transducer minimal (the register of
 * Daciuk et al. 2000).
 *
 * Open addressing over one pool of 32-bit words; an entry is [address, transitions × 2 + final,
 * label, target, ...]. Unbounded, it finds every equal state, and the transducer is exactly
 * minimal. Bounded, it keeps two generations: where the young one fills half the bound it becomes
 * the old one and the former old one is forgotten; what is found in the old one is put into the
 * young one again. So what was used lately stays, as in a cache.
 */
import type { Transitions } from './fst-format.js';

const FIRST_SLOTS = 1024;

class Generation {
  #slots = new Uint32Array(FIRST_SLOTS);
  #pool = new Uint32Array(4 * FIRST_SLOTS);
  #entries = 0;
  words = 0;

  clear(): void {
    if (this.#slots.length > 16 * FIRST_SLOTS) {
      this.#slots = new Uint32Array(FIRST_SLOTS);
      this.#pool = new Uint32Array(4 * FIRST_SLOTS);
    } else if (this.#entries > 0) this.#slots.fill(0);
    this.#entries = 0;
    this.words = 0;
  }

  /** The address of an equal state, or -1. */
  find(hash: number, tag: number, t: Transitions, from: number): number {
    const mask = this.#slots.length - 1;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const place = this.#slots[slot];
      if (place === 0) return -1;
      if (this.#equal(place - 1, tag, t, from)) return this.#pool[place - 1];
    }
  }

  #equal(place: number, tag: number, { labels, targets }: Transitions, from: number): boolean {
    const pool = this.#pool;
    if (pool[place + 1] !== tag) return false;
    const end = from + (tag >> 1);
    for (let i = from, at = place + 2; i < end; i++, at += 2)
      if (pool[at + 1] !== targets[i] || pool[at] !== labels[i]) return false;
    return true;
  }

  add(hash: number, tag: number, t: Transitions, from: number, address: number): void {
    const place = this.words;
    const needed = place + 2 + (tag >> 1) * 2;
    if (needed > this.#pool.length) this.#growPool(needed);
    const pool = this.#pool;
    pool[place] = address;
    pool[place + 1] = tag;
    const end = from + (tag >> 1);
    for (let i = from, at = place + 2; i < end; i++, at += 2) {
      pool[at] = t.labels[i];
      pool[at + 1] = t.targets[i];
    }
    this.words = needed;
    if (++this.#entries * 2 > this.#slots.length) this.#growSlots();
    else this.#link(hash, place);
  }

  #link(hash: number, place: number): void {
    const mask = this.#slots.length - 1;
    let slot = hash & mask;
    while (this.#slots[slot] !== 0) slot = (slot + 1) & mask;
    this.#slots[slot] = place + 1;
  }

  #growPool(needed: number): void {
    const grown = new Uint32Array(Math.max(needed, this.#pool.length * 2));
    grown.set(this.#pool);
    this.#pool = grown;
  }

  #growSlots(): void {
    const pool = this.#pool;
    this.#slots = new Uint32Array(this.#slots.length * 4);
    for (let place = 0; place < this.words; ) {
      const tag = pool[place + 1];
      const end = place + 2 + (tag >> 1) * 2;
      let hash = tag;
      for (let at = place + 2; at < end; at += 2) hash = mix(hash, pool[at], pool[at + 1]);
      this.#link(spread(hash), place);
      place = end;
    }
  }
}

function mix(hash: number, label: number, target: number): number {
  hash = Math.imul(hash ^ label, 0x9e37_79b1);
  return Math.imul((hash ^ (hash >>> 15)) + target, 0x85eb_ca6b);
}

function spread(hash: number): number {
  return (hash ^ (hash >>> 13)) >>> 0;
}

export class FstRegistry {
  readonly #half: number;
  #young = new Generation();
  #old = new Generation();
  #hash = 0;
  #tag = 0;

  /** `bytesMax` bounds the pools; Infinity, the default, makes minimality exact. */
  constructor(bytesMax = Infinity) {
    this.#half = bytesMax / 8;
  }

  clear(): void {
    this.#young.clear();
    this.#old.clear();
  }

  /** The address of an equal state, or -1. What is not found may then be added. */
  find(final: boolean, t: Transitions, from: number, to: number): number {
    const tag = (to - from) * 2 + (final ? 1 : 0);
    let hash = tag;
    for (let i = from; i < to; i++) hash = mix(hash, t.labels[i], t.targets[i]);
    this.#hash = spread(hash);
    this.#tag = tag;
    const young = this.#young.find(this.#hash, tag, t, from);
    if (young >= 0 || this.#half === Infinity) return young;
    const old = this.#old.find(this.#hash, tag, t, from);
    if (old >= 0) this.add(t, from, old);
    return old;
  }

  /** Adds the state that was looked for last. */
  add(t: Transitions, from: number, address: number): void {
    if (this.#young.words + 2 + (this.#tag >> 1) * 2 > this.#half) {
      const old = this.#old;
      this.#old = this.#young;
      this.#young = old;
      old.clear();
    }
    this.#young.add(this.#hash, this.#tag, t, from, address);
  }
}
