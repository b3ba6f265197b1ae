/**
 * The finite state transducer as a key map, read in place: names to ordinals through a minimal
 * acyclic automaton.
 *
 * Bytes are never decoded beforehand. Each transition leads to a lower address, so no bytes can
 * make a cycle, and the depth is bounded by `lengthMax`. A walk hands down the range of ordinals
 * that each branch must fill, and refuses a branch whose range is empty or too wide: so even a
 * hostile transducer makes at most `size` × `lengthMax` visits. The layout is in fst-format.ts, the
 * construction in fst-builder.ts, what can be searched for in automata.ts.
 */
import { equalBytes } from '../ground/bytes.js';
import { NAME_BYTES_MAX } from '../ground/limits.js';
import type { Automaton } from './automata.js';
import { FstBuilder, type FstBuilderOptions } from './fst-builder.js';
import { FST, FstState, readTrailer, readUint } from './fst-format.js';
import {
  checkOrdinal,
  type KeyMap,
  type KeyMapCoding,
  malformed,
  orderedNames,
} from './key-map.js';

export interface FstOptions {
  /** The longest name that is read, in bytes: 255 unless told; 4,096 for full keys. */
  readonly lengthMax?: number;
  /** The most names that are believed; 2^32 - 1 unless told. */
  readonly sizeMax?: number;
}

export interface FstMatch {
  readonly ordinal: number;
  /** A private copy. */
  readonly name: Uint8Array;
}

export interface Fst extends KeyMap {
  /** What the automaton accepts, in order, from an ordinal on. */
  search<S>(automaton: Automaton<S>, from?: number): IterableIterator<FstMatch>;
}

/** Opens a transducer in place. Throws REGALIA_FORMAT. */
export function openFst(bytes: Uint8Array, options: FstOptions = {}): Fst {
  return new FstReader(bytes, options);
}

/**
 * Throws REGALIA_FORMAT unless the bytes are exactly what a builder with the same `lengthMax` and
 * `registryBytes` writes for the names they hold. Time is linear in the names, memory is the
 * registry's.
 */
export function verifyFst(
  bytes: Uint8Array,
  options: FstOptions & Pick<FstBuilderOptions, 'registryBytes'> = {},
): void {
  let at = 0;
  const compare = (chunk: Uint8Array): void => {
    if (!equalBytes(chunk, bytes.subarray(at, at + chunk.length)))
      malformed(FST, at, 'the one encoding of its names', 'another');
    at += chunk.length;
  };
  const rebuilder = new FstBuilder({ ...options, write: compare });
  for (const name of orderedNames(FST, openFst(bytes, options), options.lengthMax))
    rebuilder.add(name);
  rebuilder.finish();
  if (at !== bytes.length) malformed(FST, at, 'the end', `${bytes.length - at} more bytes`);
}

/** Everything. */
const all: Automaton<true> = { start: () => true, step: () => true, accepts: () => true };

/** One state of a walk: the ordinals it must fill and the transition that comes next. */
class Frame<S> {
  readonly state: FstState;
  index = 0;
  first = 0;
  end = 0;
  mark: S;

  constructor(bytes: Uint8Array, mark: S) {
    this.state = new FstState(bytes);
    this.mark = mark;
  }
}

class FstReader implements Fst {
  readonly size: number;
  readonly #bytes: Uint8Array;
  readonly #root: number;
  readonly #lengthMax: number;

  constructor(bytes: Uint8Array, { lengthMax = NAME_BYTES_MAX, sizeMax = Infinity }: FstOptions) {
    const { size, root } = readTrailer(bytes);
    if (size > sizeMax) malformed(FST, root, `at most ${sizeMax} names`, `${size}`);
    this.size = size;
    this.#bytes = bytes;
    this.#root = root;
    this.#lengthMax = lengthMax;
  }

  find(name: Uint8Array): number {
    // Reads states without FstState: this is the hot path (measured: 20 to 50% less time).
    const bytes = this.#bytes;
    let at = this.#root;
    let ordinal = 0;
    if (at === 0) return -1;
    for (let i = 0; i < name.length; i++) {
      const byte = name[i];
      if (at === 0) return -1;
      const header = bytes[at - 1];
      if (header > 0x80) {
        if ((header & 0x7f) !== byte) return -1;
        at--;
        continue;
      }
      if (header === 0x80) {
        if (at < 2) this.#fail(at);
        if (bytes[at - 2] !== byte) return -1;
        at -= 2;
        continue;
      }
      let count = header & 3;
      let labels = at - 1 - count;
      if (count === 0) {
        if (at < 2) this.#fail(at);
        count = bytes[at - 2] + 1;
        labels = at - 2 - count;
      }
      const backWidth = ((header >> 4) & 3) + 1;
      const beforeWidth = ((header >> 2) & 3) + 1;
      const backs = labels - count * backWidth;
      const befores = backs - (count - 1) * beforeWidth;
      if (befores < 0) this.#fail(at);
      const index = indexOfLabel(bytes, labels, count, byte);
      if (index < 0) return -1;
      if (index > 0) ordinal += readUint(bytes, befores + (index - 1) * beforeWidth, beforeWidth);
      else if (header >= 0x40) ordinal++;
      const back = readUint(bytes, backs + index * backWidth, backWidth);
      if (back > at) this.#fail(at);
      at = back === 0 ? 0 : at - back;
    }
    if (at !== 0 && (bytes[at - 1] & 0xc0) !== 0x40) return -1;
    if (ordinal >= this.size) this.#fail(at);
    return ordinal;
  }

  lowerBound(name: Uint8Array): number {
    const state = new FstState(this.#bytes);
    let first = 0;
    let end = this.size;
    if (end === 0) return 0;
    let at = this.#root;
    for (let i = 0; i < name.length; i++) {
      state.load(at);
      const index = state.lowerBound(name[i]);
      if (index === state.count) return end;
      const here = first + state.before(index);
      if (index + 1 < state.count) end = Math.min(end, first + state.before(index + 1));
      first = Math.min(here, end);
      if (state.label(index) !== name[i]) return first;
      at = state.target(index);
    }
    return first;
  }

  nameAt(ordinal: number): Uint8Array {
    checkOrdinal(ordinal, this.size);
    const state = new FstState(this.#bytes).load(this.#root);
    const name: number[] = [];
    let rest = ordinal;
    while (rest > 0 || !state.final) {
      if (state.count === 0 || name.length === this.#lengthMax) this.#fail(0);
      const index = lastBefore(state, rest);
      rest -= state.before(index);
      if (rest < 0) this.#fail(state.start);
      name.push(state.label(index));
      state.load(state.target(index));
    }
    return Uint8Array.from(name);
  }

  *names(from = 0): IterableIterator<Uint8Array> {
    for (const { name } of this.search(all, from)) yield name;
  }

  *search<S>(automaton: Automaton<S>, from = 0): IterableIterator<FstMatch> {
    if (this.size === 0 || from >= this.size) return;
    const path = new Uint8Array(this.#lengthMax);
    const frames = [this.#frame(automaton.start(), this.#root, 0, this.size)];
    if (frames[0].state.final) this.#fail(this.#root);
    for (let depth = 0; depth >= 0; ) {
      const frame = frames[depth];
      if (frame.index === frame.state.count) {
        depth--;
        continue;
      }
      const index = frame.index++;
      const [first, end] = this.#range(frame, index);
      if (end <= from) continue;
      const label = frame.state.label(index);
      const mark = automaton.step(frame.mark, label);
      if (mark === undefined) continue;
      if (depth === path.length) this.#fail(frame.state.start);
      path[depth++] = label;
      const target = frame.state.target(index);
      if (depth === frames.length) frames.push(this.#frame(mark, target, first, end));
      else this.#enter(frames[depth], mark, target, first, end);
      if (frames[depth].state.final && first >= from && automaton.accepts(mark))
        yield { ordinal: first, name: path.slice(0, depth) };
    }
  }

  #frame<S>(mark: S, at: number, first: number, end: number): Frame<S> {
    return this.#enter(new Frame(this.#bytes, mark), mark, at, first, end);
  }

  #enter<S>(frame: Frame<S>, mark: S, at: number, first: number, end: number): Frame<S> {
    frame.state.load(at);
    if (frame.state.count === 0 && end - first !== 1) this.#fail(at);
    frame.mark = mark;
    frame.index = 0;
    frame.first = first;
    frame.end = end;
    return frame;
  }

  /** The ordinals behind a transition: at least one, and within its state's. */
  #range<S>({ state, first, end }: Frame<S>, index: number): [number, number] {
    const from = first + state.before(index);
    const to = index + 1 < state.count ? first + state.before(index + 1) : end;
    if (from >= to || to > end) this.#fail(state.start);
    return [from, to];
  }

  #fail(at: number): never {
    return malformed(FST, at, 'a state of a transducer', 'other bytes');
  }
}

/** Where `byte` is among ascending labels, or -1. */
function indexOfLabel(bytes: Uint8Array, labels: number, count: number, byte: number): number {
  let low = 0;
  let high = count;
  while (high - low > 8) {
    const middle = (low + high) >> 1;
    if (bytes[labels + middle] <= byte) low = middle;
    else high = middle;
  }
  for (; low < high; low++) if (bytes[labels + low] === byte) return low;
  return -1;
}

/** The last transition that at most `rest` names come before. */
function lastBefore(state: FstState, rest: number): number {
  let low = 0;
  let high = state.count;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (state.before(middle) <= rest) low = middle;
    else high = middle;
  }
  return low;
}

/**
 * Buffers for small maps, used again and again: allocating them costs more than the states of a
 * node.
 */
const builder = new FstBuilder();

/** The transducer behind the seam of key maps. */
export const fst: KeyMapCoding = {
  name: FST,
  build: (names) => {
    builder.reset();
    for (const name of names) builder.add(name);
    return builder.finish();
  },
  open: (bytes) => openFst(bytes),
};
