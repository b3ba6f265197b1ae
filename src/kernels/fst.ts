/**
 * The finite state transducer, read in place: names to ordinals through a minimal acyclic
 * automaton.
 *
 * Bytes are never decoded beforehand. Each transition leads to a lower address, so no bytes can
 * make a cycle, and the depth is bounded by the longest key. A walk hands down the range of
 * ordinals that each branch must fill, and refuses a branch whose range is empty or too wide: so
 * even a hostile transducer makes at most `size` × 4,096 visits, and a search pauses in between.
 * The layout is in fst-format.ts, the construction in fst-builder.ts, automata in automata.ts.
 */
import { malformed, type RegaliaError } from '../ground/errors.js';
import { KEY_BYTES_MAX } from '../ground/limits.js';
import type { Automaton } from './automata.js';
import { FST, FstState, readTrailer, readUint } from './fst-format.js';

/** Transitions that a search looks at between two pauses. */
const PAUSE_STEPS = 4_096;

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

export class Fst {
  /** The number of names. */
  readonly size: number;
  readonly #bytes: Uint8Array;
  readonly #root: number;

  /** Reads in place, without copying: the bytes must stay as they are. Throws REGALIA_FORMAT. */
  constructor(bytes: Uint8Array) {
    const { size, root } = readTrailer(bytes);
    this.size = size;
    this.#bytes = bytes;
    this.#root = root;
  }

  /** The name's ordinal, or -1. */
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
        if (at < 2) throw this.#fail(at);
        if (bytes[at - 2] !== byte) return -1;
        at -= 2;
        continue;
      }
      let count = header & 3;
      let labels = at - 1 - count;
      if (count === 0) {
        if (at < 2) throw this.#fail(at);
        count = bytes[at - 2] + 1;
        labels = at - 2 - count;
      }
      const backWidth = ((header >> 4) & 3) + 1;
      const beforeWidth = ((header >> 2) & 3) + 1;
      const backs = labels - count * backWidth;
      const befores = backs - (count - 1) * beforeWidth;
      if (befores < 0) throw this.#fail(at);
      const index = indexOfLabel(bytes, labels, count, byte);
      if (index < 0) return -1;
      if (index > 0) ordinal += readUint(bytes, befores + (index - 1) * beforeWidth, beforeWidth);
      else if (header >= 0x40) ordinal++;
      const back = readUint(bytes, backs + index * backWidth, backWidth);
      if (back > at) throw this.#fail(at);
      at = back === 0 ? 0 : at - back;
    }
    if (at !== 0 && (bytes[at - 1] & 0xc0) !== 0x40) return -1;
    if (ordinal >= this.size) throw this.#fail(at);
    return ordinal;
  }

  /**
   * What the automaton accepts, in order, each a private copy; undefined marks a pause, of which
   * there are some even where nothing is found.
   */
  *search<S>(automaton: Automaton<S>): Generator<Uint8Array | undefined, void> {
    if (this.size === 0) return;
    const path = new Uint8Array(KEY_BYTES_MAX);
    let steps = 0;
    const frames = [this.#frame(automaton.start(), this.#root, 0, this.size)];
    if (frames[0].state.final) throw this.#fail(this.#root);
    for (let depth = 0; depth >= 0; ) {
      const frame = frames[depth];
      if (frame.index === frame.state.count) {
        depth--;
        continue;
      }
      const index = frame.index++;
      const [first, end] = this.#range(frame, index);
      if (++steps % PAUSE_STEPS === 0) yield undefined;
      const label = frame.state.label(index);
      const mark = automaton.step(frame.mark, label);
      if (mark === undefined) continue;
      if (depth === path.length) throw this.#fail(frame.state.start);
      path[depth++] = label;
      const target = frame.state.target(index);
      if (depth === frames.length) frames.push(this.#frame(mark, target, first, end));
      else this.#enter(frames[depth], mark, target, first, end);
      if (frames[depth].state.final && automaton.accepts(mark)) yield path.slice(0, depth);
    }
  }

  #frame<S>(mark: S, at: number, first: number, end: number): Frame<S> {
    return this.#enter(new Frame(this.#bytes, mark), mark, at, first, end);
  }

  #enter<S>(frame: Frame<S>, mark: S, at: number, first: number, end: number): Frame<S> {
    frame.state.load(at);
    if (frame.state.count === 0 && end - first !== 1) throw this.#fail(at);
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
    if (from >= to || to > end) throw this.#fail(state.start);
    return [from, to];
  }

  #fail(at: number): RegaliaError {
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
