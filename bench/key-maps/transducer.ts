/**
 * The transducer of packs behind the seam of key maps: what it would be as the coding of nodes.
 *
 * Packs only ask whether a name is there, and search; ordinals and their names are answered here.
 */
import { concatBytes } from '../../src/ground/bytes.js';
import { malformed } from '../../src/ground/errors.js';
import { NAME_BYTES_MAX } from '../../src/ground/limits.js';
import { type Automaton, prefix } from '../../src/kernels/automata.js';
import { Fst } from '../../src/kernels/fst.js';
import { FstBuilder } from '../../src/kernels/fst-builder.js';
import { FST, FstState, readTrailer } from '../../src/kernels/fst-format.js';
import { assertNext, checkOrdinal, type KeyMap, type KeyMapCoding } from './key-map.js';

const ALL: Automaton<number> = prefix(new Uint8Array(0));

class Transducer implements KeyMap {
  readonly size: number;
  readonly #bytes: Uint8Array;
  readonly #root: number;
  readonly #fst: Fst;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#fst = new Fst(bytes);
    this.size = this.#fst.size;
    this.#root = readTrailer(bytes).root;
  }

  find(name: Uint8Array): number {
    return this.#fst.find(name);
  }

  lowerBound(name: Uint8Array): number {
    const state = new FstState(this.#bytes);
    let first = 0;
    let end = this.size;
    if (end === 0) return 0;
    let at = this.#root;
    for (let i = 0; i < name.length; i++) {
      state.load(at);
      const index = firstFrom(state, name[i]);
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
      const tooLong = state.count === 0 || name.length === NAME_BYTES_MAX;
      const index = tooLong ? 0 : lastBefore(state, rest);
      rest -= tooLong ? 0 : state.before(index);
      if (tooLong || rest < 0) throw malformed(FST, state.start, 'the name of an ordinal', 'none');
      name.push(state.label(index));
      state.load(state.target(index));
    }
    return Uint8Array.from(name);
  }

  *names(from = 0): IterableIterator<Uint8Array> {
    let ordinal = 0;
    for (const name of this.#fst.search(ALL)) {
      if (name !== undefined && ordinal++ >= from) yield name;
    }
  }
}

/** The first transition whose label is at or above `byte`; their number if there is none. */
function firstFrom(state: FstState, byte: number): number {
  let low = 0;
  let high = state.count;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (state.label(middle) < byte) low = middle + 1;
    else high = middle;
  }
  return low;
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

export const transducer: KeyMapCoding = {
  name: FST,
  build: (names) => {
    const chunks: Uint8Array[] = [];
    const builder = new FstBuilder((chunk) => chunks.push(chunk));
    let previous: Uint8Array | undefined;
    for (const name of names) {
      assertNext(previous, name);
      builder.add(name);
      previous = name;
    }
    builder.finish();
    return concatBytes(chunks);
  },
  open: (bytes) => new Transducer(bytes),
};
