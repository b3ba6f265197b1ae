/**
 * A block's body: its plain bytes (what its address covers), then its links (the local ids of the
 * blocks it refers to; never hashed). A body is stored whole, or as a patch on the body of a block
 * stored before it:
 *
 *     whole   u8 0 | varint plain length | plain bytes | links
 *     patch   u8 1 | u48 base id | varint plain length | varint body length | operations
 *     copy    varint length × 2     | varint zigzag(from − where the last copy ended)
 *     insert  varint length × 2 + 1 | bytes
 *
 * A scattered commit changes a few dozen bytes of each node on its way: patches keep it from
 * storing 4 KiB for each (measured: 26 times the data with whole nodes). Writers bound the chains
 * of patches, readers check them. Where a chain is as long as it may be, the next patch is made on
 * the body at its bottom, as long as that is less than half of a whole one:
 *
 *     whole <- 1 <- 2 <- … <- 9
 *       ^------ 10 <- … <- 18
 *       ^------ 19 <- …
 */

import { BODY_BYTES_MAX } from '../ground/limits.js';
import { ByteReader } from '../ground/reader.js';
import { ByteWriter } from '../ground/writer.js';
import { repeats } from '../kernels/repeats.js';

const WHOLE = 0;
const PATCH = 1;

/** Copies shorter than this cost more as an operation than as bytes. */
const COPY_MIN = 6;

/** Builds a body from kept ranges of a base body and new bytes, and remembers which were kept. */
export class BodyWriter extends ByteWriter {
  #base: Uint8Array | undefined;
  #baseStart = 0;
  /** Triples: where in this body, where in the base, how long. The first `keptCount` are valid. */
  readonly #kept: number[] = [];
  #keptCount = 0;

  constructor(capacity = 64 * 1024) {
    super(capacity);
  }

  /** Starts anew; `base` is what `keep` copies from, beginning at `start`. */
  override reset(base?: Uint8Array, start = 0): void {
    super.reset();
    this.#base = base;
    this.#baseStart = start;
    this.#keptCount = 0;
  }

  /** Appends the base's bytes from `start` to `end`, offsets within the base. */
  keep(start: number, end: number): void {
    if (end - start >= COPY_MIN) this.#noteKept(start, end - start);
    this.range(this.#base as Uint8Array, this.#baseStart + start, this.#baseStart + end);
  }

  #noteKept(start: number, length: number): void {
    const kept = this.#kept;
    const last = this.#keptCount - 3;
    const grown = last >= 0 ? kept[last + 2] : 0;
    const follows =
      last >= 0 && kept[last] + grown === this.length && kept[last + 1] + grown === start;
    if (follows) {
      kept[last + 2] = grown + length;
      return;
    }
    // An array that is cut and grown again is made anew each time.
    kept[last + 3] = this.length;
    kept[last + 4] = start;
    kept[last + 5] = length;
    this.#keptCount += 3;
  }

  /** What is already written was built on `base[start..end]` instead: what that has is kept. */
  rebase(base: Uint8Array, start: number, end: number): void {
    const kept = this.#kept;
    let count = 0;
    repeats(base, start, end, this.buffer, this.length, (at, from, length) => {
      kept[count++] = at;
      kept[count++] = from;
      kept[count++] = length;
    });
    this.#keptCount = count;
  }

  get keptLength(): number {
    let sum = 0;
    for (let i = 2; i < this.#keptCount; i += 3) sum += this.#kept[i];
    return sum;
  }

  writePatch(out: BodyWriter, base: number, plainLength: number): void {
    out.u8(PATCH).u48(base).varint(plainLength).varint(this.length);
    let at = 0;
    let cursor = 0;
    const kept = this.#kept;
    for (let i = 0; i < this.#keptCount; i += 3) {
      const start = kept[i];
      const from = kept[i + 1];
      const length = kept[i + 2];
      this.#writeInsert(out, at, start);
      out.varint(length * 2);
      const move = from - cursor;
      out.varint(move < 0 ? -move * 2 - 1 : move * 2);
      at = start + length;
      cursor = from + length;
    }
    this.#writeInsert(out, at, this.length);
  }

  #writeInsert(out: BodyWriter, start: number, end: number): void {
    if (end === start) return;
    out.varint((end - start) * 2 + 1).range(this.buffer, start, end);
  }

  writeWhole(out: BodyWriter, plainLength: number): void {
    out.u8(WHOLE).varint(plainLength).range(this.buffer, 0, this.length);
  }
}

/** What a stored form stands on. */
export interface Chain {
  /** Patches, itself included: 0 where it is whole. */
  readonly depth: number;
  /** The id of the block at the bottom, which is stored whole. */
  readonly whole: number;
}

/** A body: plain bytes in `[start, start + plainLength)`, links from there to `end`. */
export interface Body {
  /** A view that the next read spoils, unless it was made by a patch. */
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
  readonly plainLength: number;
  readonly chain: Chain;
}

/** A stored form that was read, but not applied. */
export type Stored =
  | { readonly base: undefined; readonly plainLength: number; readonly start: number }
  | {
      readonly base: number;
      readonly plainLength: number;
      readonly length: number;
      /** A private copy. */
      readonly operations: Uint8Array;
    };

/**
 * Reads the stored form in `bytes[start..end]`; a whole body lies at `start` of the result, up to
 * `end`.
 */
export function readStored(bytes: Uint8Array, start: number, end: number): Stored {
  const reader = new ByteReader(bytes, 'stored block', start, end);
  const form = reader.u8();
  if (form === WHOLE) {
    const plainLength = reader.varint();
    if (plainLength > reader.remaining) reader.fail(`${plainLength} bytes`, `${reader.remaining}`);
    return { base: undefined, plainLength, start: reader.at };
  }
  if (form !== PATCH) reader.fail('form 0 or 1', `${form}`);
  const base = reader.u48();
  const plainLength = reader.varint();
  const length = reader.varint();
  if (length > BODY_BYTES_MAX || plainLength > length)
    reader.fail(`at most ${BODY_BYTES_MAX}`, `${length}`);
  return { base, plainLength, length, operations: bytes.slice(reader.at, end) };
}

/** The body that a patch makes of the body `base[start..end]`. */
export function applyPatch(
  patch: { length: number; operations: Uint8Array },
  base: Uint8Array,
  start: number,
  end: number,
): Uint8Array {
  const body = new Uint8Array(patch.length);
  const reader = new ByteReader(patch.operations, 'patch');
  let at = 0;
  let cursor = 0;
  while (reader.remaining > 0) {
    const head = reader.varint();
    const length = Math.floor(head / 2);
    if (length === 0 || at + length > body.length) {
      reader.fail(`1 to ${body.length - at} bytes`, `${length}`);
    }
    if (head % 2 === 1) {
      body.set(reader.bytes(length), at);
    } else {
      const move = reader.varint();
      const from = cursor + (move % 2 === 1 ? -(move + 1) / 2 : move / 2);
      if (from < 0 || from + length > end - start) reader.fail('a range of the base', `${from}`);
      body.set(base.subarray(start + from, start + from + length), at);
      cursor = from + length;
    }
    at += length;
  }
  if (at !== body.length) reader.fail(`${body.length} bytes`, `${at}`);
  return body;
}
