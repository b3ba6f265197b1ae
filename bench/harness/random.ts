/**
 * Seeded random numbers: the same seed gives the same workload on every machine. sfc32 by Chris
 * Doty-Humphrey (PractRand), whose 128 bits of state are filled from the seed; not for secrets.
 */

export class Random {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  /** `stream` gives independent numbers under one seed. */
  constructor(seed: number, stream = 0) {
    this.#a = seed | 0;
    this.#b = stream | 0;
    this.#c = 0x9e3779b9 | 0;
    for (let i = 0; i < 12; i++) this.uint32();
  }

  uint32(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + sum;
    this.#c |= 0;
    return sum >>> 0;
  }

  /** An integer of 0 to `limit` - 1. */
  below(limit: number): number {
    return Math.floor((this.uint32() / 0x1_0000_0000) * limit);
  }

  /** Bytes that no codec can shrink. */
  fill(target: Uint8Array): Uint8Array {
    let at = 0;
    for (; at + 4 <= target.length; at += 4) {
      const number = this.uint32();
      target[at] = number;
      target[at + 1] = number >>> 8;
      target[at + 2] = number >>> 16;
      target[at + 3] = number >>> 24;
    }
    for (; at < target.length; at++) target[at] = this.uint32();
    return target;
  }

  bytes(length: number): Uint8Array {
    return this.fill(new Uint8Array(length));
  }

  /** Shuffles in place, after Fisher and Yates. */
  shuffle<T>(items: T[]): T[] {
    for (let i = items.length - 1; i > 0; i--) {
      const j = this.below(i + 1);
      const item = items[i] as T;
      items[i] = items[j] as T;
      items[j] = item;
    }
    return items;
  }
}

/** 0 to `count` - 1 in an order that the seed decides. */
export function shuffledIndexes(count: number, seed: number): Uint32Array {
  const random = new Random(seed, 1);
  const order = new Uint32Array(count);
  for (let i = 0; i < count; i++) {
    const j = random.below(i + 1);
    order[i] = order[j] as number;
    order[j] = i;
  }
  return order;
}
