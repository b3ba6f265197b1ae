/**
 * Builds a minimal transducer from sorted names, in one pass (Daciuk, Mihov, Watson and Watson
 * 2000; explained from zero in Gallant's "Index 1,600,000,000 keys with automata and Rust").
 *
 * Only the states along the last name are unfinished. When the next name leaves that path, the
 * states below the fork are final in their content: each is looked up in the registry and written
 * where it is new. Their transitions lie on one stack, a depth's behind those of the depth above:
 *
 *   stack  | transitions of depth 0 | of depth 1 | of depth 2 |    the last name's own edge at
 *          ^ starts[0]              ^ starts[1]  ^ starts[2]       each depth is pending
 *
 * Memory is the registry and about one chunk of what is written, however many names there are.
 */
import { compareBytes } from '../ground/bytes.js';
import { assert, badRange, type RegaliaError } from '../ground/errors.js';
import { KEY_BYTES_MAX } from '../ground/limits.js';
import { STATE_BYTES_MAX, type Transitions, trailer, writeState } from './fst-format.js';

const CHUNK_BYTES = 65_536;
const ADDRESS_MAX = 0xffff_ffff;
const REGISTRY_BYTES_MIN = 4_096;

export class FstBuilder {
  readonly #registry: Registry;
  readonly #write: (chunk: Uint8Array) => void;
  readonly #starts = new Uint32Array(KEY_BYTES_MAX + 1);
  readonly #finals = new Uint8Array(KEY_BYTES_MAX + 1);
  readonly #previous = new Uint8Array(KEY_BYTES_MAX);
  #previousLength = 0;
  #stack = stackOf(512);
  #top = 0;
  #out = new Uint8Array(STATE_BYTES_MAX * 2);
  /** Bytes in `#out`, and bytes written before them. */
  #length = 0;
  #base = 0;
  #size = 0;

  /**
   * `write` gets the bytes in chunks of about 64 KiB, each a private copy. `registryBytes` bounds
   * the registry; the transducer is then valid, but perhaps not minimal.
   */
  constructor(write: (chunk: Uint8Array) => void, registryBytes = Number.POSITIVE_INFINITY) {
    this.#write = write;
    this.#registry = new Registry(Math.max(REGISTRY_BYTES_MIN, registryBytes));
  }

  /** Adds a name of 1 to 4,096 bytes, after all added before: its ordinal is their number. */
  add(name: Uint8Array): void {
    const last = this.#previous.subarray(0, this.#previousLength);
    const { length } = name;
    assert(length >= 1 && length <= KEY_BYTES_MAX, `a name has ${length} bytes`);
    assert(compareBytes(last, name) < 0, 'names are sorted, distinct');
    let shared = 0;
    while (shared < last.length && last[shared] === name[shared]) shared++;
    this.#freeze(shared);
    for (let depth = shared + 1; depth <= length; depth++) {
      this.#starts[depth] = this.#top;
      this.#finals[depth] = 0;
      this.#previous[depth - 1] = name[depth - 1];
    }
    this.#finals[length] = 1;
    this.#previousLength = length;
    if (++this.#size > ADDRESS_MAX) throw outgrown('names');
  }

  /** Ends the states below `depth`: the transition to each becomes one of the state above it. */
  #freeze(depth: number): void {
    for (let below = this.#previousLength; below > depth; below--) {
      const from = this.#starts[below];
      let count = this.#finals[below];
      for (let i = from; i < this.#top; i++) count += this.#stack.counts[i];
      const target = this.#state(this.#finals[below] === 1, from);
      if (from === this.#stack.labels.length) this.#growStack();
      this.#stack.labels[from] = this.#previous[below - 1];
      this.#stack.targets[from] = target;
      this.#stack.counts[from] = count;
      this.#top = from + 1;
    }
  }

  /** The address of the state whose transitions are the stack's from `from` on. */
  #state(final: boolean, from: number): number {
    if (from === this.#top) return 0;
    const known = this.#registry.find(final, this.#stack, from, this.#top);
    if (known >= 0) return known;
    const address = this.#emit(final, from);
    this.#registry.add(this.#stack, from, address);
    return address;
  }

  #emit(final: boolean, from: number): number {
    if (this.#length + STATE_BYTES_MAX > this.#out.length) this.#room();
    const [at, base] = [this.#length, this.#base];
    this.#length = writeState(this.#out, at, base, final, this.#stack, from, this.#top);
    if (this.#base + this.#length > ADDRESS_MAX) throw outgrown('bytes');
    return this.#base + this.#length;
  }

  #room(): void {
    if (this.#length >= CHUNK_BYTES) this.#flush();
    else {
      const grown = new Uint8Array(this.#out.length * 2);
      grown.set(this.#out);
      this.#out = grown;
    }
  }

  #flush(): void {
    this.#base += this.#length;
    const chunk = this.#out.slice(0, this.#length);
    this.#length = 0;
    this.#write(chunk);
  }

  #growStack(): void {
    const { labels, targets, counts } = this.#stack;
    const grown = stackOf(labels.length * 2);
    grown.labels.set(labels);
    grown.targets.set(targets);
    grown.counts.set(counts);
    this.#stack = grown;
  }

  /** Writes the rest. The builder must not be used again. */
  finish(): void {
    this.#freeze(0);
    if (this.#size > 0) this.#emit(this.#finals[0] === 1, 0);
    const end = trailer(this.#size);
    if (this.#length + end.length > this.#out.length) this.#room();
    this.#out.set(end, this.#length);
    this.#length += end.length;
    this.#flush();
  }
}

function stackOf(size: number) {
  const targets = new Uint32Array(size);
  return { labels: new Uint8Array(size), targets, counts: new Uint32Array(size) };
}

function outgrown(what: string): RegaliaError {
  return badRange(`the ${what} of a transducer`, `at most ${ADDRESS_MAX}`, 'more');
}

const FIRST_SLOTS = 1024;

/**
 * Open addressing over one pool of 32-bit words; an entry is [address, transitions × 2 + final,
 * label, target, ...].
 */
class Generation {
  #slots = new Uint32Array(FIRST_SLOTS);
  #pool = new Uint32Array(4 * FIRST_SLOTS);
  #entries = 0;
  words = 0;

  clear(): void {
    this.#slots.fill(0);
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

/**
 * The states written so far, found by content: what makes a transducer minimal (the register of
 * Daciuk et al. 2000).
 *
 * Unbounded, it finds every equal state. Bounded, it keeps two generations: where the young one
 * fills half the bound it becomes the old one and the former old one is forgotten; what is found in
 * the old one is put into the young one again. So what was used lately stays, as in a cache.
 */
class Registry {
  readonly #half: number;
  #young = new Generation();
  #old = new Generation();
  #hash = 0;
  #tag = 0;

  /** `bytesMax` bounds the pools; Infinity makes minimality exact. */
  constructor(bytesMax: number) {
    this.#half = bytesMax / 8;
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
