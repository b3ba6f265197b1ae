/**
 * Builds a minimal transducer from sorted names, in one pass (Daciuk, Mihov, Watson and Watson
 * 2000; told from zero in Gallant's "Index 1,600,000,000 keys with automata and Rust").
 *
 * Only the states along the last name are unfinished. When the next name leaves that path, the
 * states below the fork are final in their content: each is looked up in the registry and written
 * where it is new. Their transitions lie on one stack, a depth's behind those of the depth above:
 *
 *   stack  | transitions of depth 0 | of depth 1 | of depth 2 |      the last name's own edge at each depth is pending
 *          ^ starts[0]              ^ starts[1]  ^ starts[2]
 *
 * Memory is the registry (unbounded for exact minimality, or `registryBytes`) and, where `write`
 * takes the chunks, one chunk; without `write`, the whole.
 */

import { EMPTY } from '../ground/bytes.js';
import { RegaliaError } from '../ground/errors.js';
import { NAME_BYTES_MAX } from '../ground/limits.js';
import { STATE_BYTES_MAX, trailer, writeState } from './fst-format.js';
import { FstRegistry } from './fst-registry.js';
import { assertNext, sharedLength } from './key-map.js';

export interface FstBuilderOptions {
  /** The longest name, in bytes: 255 unless told, up to 4,096 for full keys. */
  readonly lengthMax?: number;
  /** Bounds the registry; the result is then valid but perhaps not minimal. At least 4,096. */
  readonly registryBytes?: number;
  /**
   * Takes the bytes in chunks of about 64 KiB, each a private copy; `finish` then returns nothing.
   */
  readonly write?: (chunk: Uint8Array) => void;
}

const CHUNK_BYTES = 65_536;
const ADDRESS_MAX = 0xffff_ffff;

export class FstBuilder {
  readonly #lengthMax: number;
  readonly #registry: FstRegistry;
  readonly #write: ((chunk: Uint8Array) => void) | undefined;
  readonly #starts: Uint32Array;
  readonly #finals: Uint8Array;
  readonly #previous: Uint8Array;
  #previousLength = 0;
  #stack = {
    labels: new Uint8Array(512),
    targets: new Uint32Array(512),
    counts: new Uint32Array(512),
  };
  #top = 0;
  #out = new Uint8Array(STATE_BYTES_MAX * 2);
  /** Bytes in `#out`, and bytes handed to `write` before. */
  #length = 0;
  #base = 0;
  #size = 0;
  #states = 1;

  constructor({ lengthMax = NAME_BYTES_MAX, registryBytes, write }: FstBuilderOptions = {}) {
    this.#lengthMax = lengthMax;
    this.#registry = new FstRegistry(
      registryBytes === undefined ? undefined : Math.max(4096, registryBytes),
    );
    this.#write = write;
    this.#starts = new Uint32Array(lengthMax + 1);
    this.#finals = new Uint8Array(lengthMax + 1);
    this.#previous = new Uint8Array(lengthMax);
  }

  /** How many names were added. */
  get size(): number {
    return this.#size;
  }

  /**
   * How many states were written, with the one that takes no bytes; all of them only after
   * `finish`.
   */
  get states(): number {
    return this.#states;
  }

  /**
   * Forgets all, ready for other names; the buffers are used again. Not for a builder that writes
   * chunks.
   */
  reset(): this {
    this.#registry.clear();
    this.#previousLength = this.#top = this.#length = this.#base = this.#size = 0;
    this.#states = 1;
    this.#starts[0] = this.#finals[0] = 0;
    return this;
  }

  /** Adds a name, after all added before; its ordinal is the number of those. */
  add(name: Uint8Array): void {
    const last = this.#previous.subarray(0, this.#previousLength);
    assertNext(this.#size === 0 ? undefined : last, name, this.#lengthMax);
    const shared = sharedLength(last, name);
    this.#freeze(shared);
    for (let depth = shared + 1; depth <= name.length; depth++) {
      this.#starts[depth] = this.#top;
      this.#finals[depth] = 0;
      this.#previous[depth - 1] = name[depth - 1];
    }
    this.#finals[name.length] = 1;
    this.#previousLength = name.length;
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
    this.#length = writeState(
      this.#out,
      this.#length,
      this.#base,
      final,
      this.#stack,
      from,
      this.#top,
    );
    if (this.#base + this.#length > ADDRESS_MAX) throw outgrown('bytes');
    this.#states++;
    return this.#base + this.#length;
  }

  #room(): void {
    if (this.#write !== undefined && this.#length >= CHUNK_BYTES) this.#flush();
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
    this.#write?.(chunk);
  }

  #growStack(): void {
    const { labels, targets, counts } = this.#stack;
    const size = labels.length * 2;
    const grown = {
      labels: new Uint8Array(size),
      targets: new Uint32Array(size),
      counts: new Uint32Array(size),
    };
    grown.labels.set(labels);
    grown.targets.set(targets);
    grown.counts.set(counts);
    this.#stack = grown;
  }

  /**
   * The whole as a private copy; nothing where `write` took it. The builder is then only good for
   * `reset`.
   */
  finish(): Uint8Array {
    this.#freeze(0);
    if (this.#size > 0) this.#emit(this.#finals[0] === 1, 0);
    const end = trailer(this.#size);
    if (this.#length + end.length > this.#out.length) this.#room();
    this.#out.set(end, this.#length);
    this.#length += end.length;
    if (this.#write === undefined) return this.#out.slice(0, this.#length);
    this.#flush();
    return EMPTY;
  }
}

function outgrown(what: string): RegaliaError {
  return new RegaliaError('REGALIA_RANGE', `a transducer holds at most ${ADDRESS_MAX} ${what}`, {
    expected: `at most ${ADDRESS_MAX} ${what}`,
    actual: 'more',
  });
}
