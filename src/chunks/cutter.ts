/**
 * Cuts bytes into chunks and holes: bytes are gathered until the end of a chunk is sure.
 *
 *     push -> [run of zeros: a number] -> [gathered: below one longest chunk] -> splitter -> chunk
 *                                      -> hole
 *
 * Zeros at the end of what came are withheld, as a number, until it is known whether they are a
 * hole: from 65,536 on they are one, and end where another byte comes. A hole ends the chunk before
 * it; what follows is cut anew.
 *
 * Invariants: the parts are a function of the bytes alone, however they were pushed; memory is
 * bounded by one chunk, of zeros none is kept; once a cutter has stopped it gives no more parts,
 * and forgets what it was shown too much.
 */
import { assert } from '../ground/errors.js';
import { CHUNK_BYTES_MAX, HOLE_BYTES_MIN } from '../ground/limits.js';
import { Cdc } from '../kernels/cdc.js';
import { findHole, ZEROS, zerosEnd, zerosStart } from './chunk.js';

/** Is given the parts in their order. Each call returns whether to go on. */
interface PartSink {
  /** The chunk `bytes[start..end]`: a view that the next push spoils. */
  chunk(bytes: Uint8Array, start: number, end: number): boolean;
  hole(length: number): boolean;
}

export class Cutter {
  readonly #splitter: Splitter;
  readonly #sink: PartSink;
  /** Where the last part ended in the content; before the first, where it begins. */
  offset = 0;
  /** Whether no more parts come. */
  stopped = false;
  /** Bytes of no chunk yet lie in `#gathered[#start..#end]`. */
  #gathered = new Uint8Array(0);
  #start = 0;
  #end = 0;
  /** Zeros that came last, behind what is gathered. */
  #zeros = 0;

  constructor(splitter: Splitter, sink: PartSink) {
    this.#splitter = splitter;
    this.#sink = sink;
  }

  /** How many bytes are in no part yet. */
  get pending(): number {
    return this.#end - this.#start + this.#zeros;
  }

  push(bytes: Uint8Array): void {
    const { length } = bytes;
    let at = zerosEnd(bytes, 0, length);
    this.#zeros += at;
    if (at === length) return;
    this.#endZeros();
    const tail = zerosStart(bytes, at, length);
    for (let hole = findHole(bytes, at, tail); hole; hole = findHole(bytes, at, tail)) {
      this.#push(bytes, at, hole.start);
      this.#zeros = hole.end - hole.start;
      this.#endZeros();
      at = hole.end;
    }
    this.#push(bytes, at, tail);
    this.#zeros = length - tail;
  }

  /** Cuts bytes before and behind which there are none: nothing is gathered. */
  whole(bytes: Uint8Array): void {
    const { length } = bytes;
    let at = 0;
    for (let hole = findHole(bytes, at, length); hole; hole = findHole(bytes, at, length)) {
      this.#cutAll(bytes, at, hole.start);
      this.#zeros = hole.end - hole.start;
      this.#endZeros();
      at = hole.end;
    }
    this.#cutAll(bytes, at, length);
  }

  #cutAll(bytes: Uint8Array, from: number, until: number): void {
    const { bytesMax } = this.#splitter;
    for (let at = from; at < until; ) at = this.#cut(bytes, at, Math.min(until, at + bytesMax));
  }

  /** The same as pushing so many zeros, in no time. */
  zeros(count: number): void {
    this.#zeros += count;
  }

  /** Cuts what is sure without seeing more: every cut that lies before the end of what is shown. */
  cutSure(): void {
    while (this.#end > this.#start && !this.stopped) {
      const { cut } = this.#splitter;
      if (cut(this.#gathered, this.#start, this.#end, this.offset) === this.#end) return;
      this.#cutGathered();
    }
  }

  /** No more bytes come. */
  end(): void {
    this.#endZeros();
    this.#endChunks();
  }

  /** No zero comes next, or the end: the zeros that came last are as many as they will be. */
  #endZeros(): void {
    const zeros = this.#zeros;
    this.#zeros = 0;
    if (zeros < HOLE_BYTES_MIN) {
      this.#push(ZEROS, 0, zeros);
      return;
    }
    this.#endChunks();
    if (this.stopped) return;
    this.offset += zeros;
    this.stopped = !this.#sink.hole(zeros);
  }

  /** Cuts all that is gathered: a hole or the end follows. */
  #endChunks(): void {
    while (this.#end > this.#start && !this.stopped) this.#cutGathered();
  }

  /** Adds bytes of which none is in a hole. */
  #push(bytes: Uint8Array, from: number, until: number): void {
    const { bytesMax } = this.#splitter;
    let at = from;
    // What lies gathered is joined by as much as it needs for one chunk, until none of it is left.
    while (this.#end > this.#start && at < until && !this.stopped) {
      const count = Math.min(until - at, bytesMax - (this.#end - this.#start));
      this.#gather(bytes, at, at + count);
      at += count;
      if (this.#end - this.#start < bytesMax) return;
      this.#cutGathered();
      // What is still gathered is among these bytes again: go on there.
      if (this.#end - this.#start <= at - from) {
        at -= this.#end - this.#start;
        this.#start = this.#end;
      }
    }
    while (until - at >= bytesMax && !this.stopped) at = this.#cut(bytes, at, at + bytesMax);
    if (!this.stopped) this.#gather(bytes, at, until);
  }

  #gather(bytes: Uint8Array, from: number, until: number): void {
    const pending = this.#end - this.#start;
    const needed = pending + until - from;
    if (this.#start > 0 && this.#start + needed > this.#gathered.length) {
      this.#gathered.copyWithin(0, this.#start, this.#end);
      this.#start = 0;
      this.#end = pending;
    }
    if (needed > this.#gathered.length) {
      const room = Math.min(Math.max(needed, this.#gathered.length * 2), this.#splitter.bytesMax);
      const grown = new Uint8Array(room);
      grown.set(this.#gathered.subarray(0, pending));
      this.#gathered = grown;
    }
    this.#gathered.set(bytes.subarray(from, until), this.#end);
    this.#end += until - from;
  }

  #cutGathered(): void {
    this.#start = this.#cut(this.#gathered, this.#start, this.#end);
  }

  /** Gives the first chunk of what is shown, and returns its end. */
  #cut(bytes: Uint8Array, start: number, end: number): number {
    const until = this.#splitter.cut(bytes, start, end, this.offset);
    this.offset += until - start;
    this.stopped = !this.#sink.chunk(bytes, start, until);
    return until;
  }
}

/**
 * How contents are cut, by rule. `fixed`: at multiples of `bytes`, which suits what is rewritten in
 * place. `content`: where the bytes themselves have it, so that what is inserted moves few cuts;
 * chunks have `bytesMin` to `bytesMax` bytes, in the mean about `bytesAverage`, a power of two.
 */
export type Chunking =
  | { readonly kind: 'fixed'; readonly bytes: number }
  | {
      readonly kind: 'content';
      readonly bytesMin: number;
      readonly bytesAverage: number;
      readonly bytesMax: number;
    };

/**
 * Where chunks end. A splitter is a pure function of the bytes that follow the last end and, on a
 * grid, of where they lie: so the chunks of a content depend on its bytes and its rule alone, never
 * on how they arrived.
 *
 * The writer shows it either `bytesMax` bytes or all that is left before a hole or the end. What it
 * answers depends on the bytes before its answer alone: those behind, and the end of what is shown,
 * count only where it answers with that end. So cuts that lie before a change stay, and a splitter
 * needs no state.
 */
export interface Splitter {
  /** The shortest chunk, in bytes; first and last ones, and those beside holes, may be shorter. */
  readonly bytesMin: number;
  /** The longest chunk, in bytes. */
  readonly bytesMax: number;
  /**
   * Where the chunk that begins at `start` ends: above `start`, at most `end`. Bytes up to `end`
   * are shown; the one at `start` is the content's at `offset`.
   */
  cut(bytes: Uint8Array, start: number, end: number, offset: number): number;
}

/** The splitter that a rule asks for; a splitter stands for itself. */
export function splitterOf(chunking: Chunking | Splitter): Splitter {
  if ('cut' in chunking) return chunking;
  return chunking.kind === 'fixed' ? gridOf(chunking.bytes) : byContent(chunking);
}

/** Chunks end at multiples of `bytes`: what is rewritten in place leaves all others as they are. */
function gridOf(bytes: number): Splitter {
  const fits = Number.isInteger(bytes) && bytes >= 1 && bytes <= CHUNK_BYTES_MAX;
  assert(fits, 'chunks fit their format');
  return {
    bytesMin: bytes,
    bytesMax: bytes,
    cut: (_bytes, start, end, offset) => Math.min(start + bytes - (offset % bytes), end),
  };
}

/** The last one asked for: its tables take longer to make than a chunk to cut. */
let last: { readonly text: string; readonly splitter: Splitter } | undefined;

/** Chunks end where a hash of the bytes before has it (see kernels/cdc.ts), wherever they lie. */
function byContent({ bytesMin, bytesAverage, bytesMax }: Chunking & { kind: 'content' }): Splitter {
  const text = `${bytesMin} ${bytesAverage} ${bytesMax}`;
  if (last?.text === text) return last.splitter;
  assert(bytesMax <= CHUNK_BYTES_MAX, 'chunks fit their format');
  const cdc = new Cdc({ bytesMin, bytesAvg: bytesAverage, bytesMax });
  const cut: Splitter['cut'] = (bytes, start, end) => cdc.cut(bytes, start, end);
  last = { text, splitter: { bytesMin, bytesMax, cut } };
  return last.splitter;
}
