/**
 * An adaptive binary arithmetic coder: a bit that was expected costs a small part of a bit. Each
 * yes-or-no question has a context that counts its answers so far, starting from a prior; encoder
 * and decoder count alike.
 *
 * The interval is [low, low + range) of 24 bits; its top byte leaves when range falls below 2^16,
 * and a carry out of low runs into the bytes that left (Martin, Range encoding, 1979; the carry as
 * in LZMA). The shortest byte string that names a point of the final interval ends the stream:
 * trailing zero bytes are left out, and the decoder reads zeros past the end. Several byte strings
 * may name one point sequence, so a decoder must encode again and compare. Integers stay
 * below 2^26, which V8 keeps without a box.
 */
import { ByteWriter } from '../ground/writer.js';

const TOP = 1 << 24;
const BOTTOM = 1 << 16;

/**
 * What an answer adds to its count, and the sum above which both counts are halved: so recent
 * answers weigh more. Persisted.
 */
const WEIGHT = 24;
const MAX_TOTAL = 1023;

/** What each context starts from: expected noes and yeses, in pairs, each 1 to 255. Read-only. */
export type Priors = Uint16Array;

/** Where an interval is cut for a question: what is below stands for no. */
function boundOf(counts: Uint16Array, context: number, range: number): number {
  const noes = counts[context * 2];
  return ((range / (noes + counts[context * 2 + 1])) | 0) * noes;
}

function learn(counts: Uint16Array, context: number, bit: 0 | 1): void {
  const at = context * 2;
  counts[at + bit] = counts[at + bit] + WEIGHT;
  if (counts[at] + counts[at + 1] <= MAX_TOTAL) return;
  counts[at] = (counts[at] + 1) >> 1;
  counts[at + 1] = (counts[at + 1] + 1) >> 1;
}

export class ArithmeticEncoder {
  readonly #counts: Uint16Array;
  readonly #out = new ByteWriter(64);
  #low = 0;
  #range = TOP;
  /** The last byte that a carry can change, if there is one, and how many 255s follow it. */
  #last: number | undefined;
  #carried = 0;

  constructor(priors: Priors) {
    this.#counts = priors.slice();
  }

  bit(context: number, bit: 0 | 1): void {
    this.#narrow(bit, boundOf(this.#counts, context, this.#range));
    learn(this.#counts, context, bit);
  }

  /** A bit that is as likely 0 as 1. */
  fairBit(bit: 0 | 1): void {
    this.#narrow(bit, this.#range >> 1);
  }

  #narrow(bit: 0 | 1, bound: number): void {
    if (bit === 0) this.#range = bound;
    else {
      this.#low += bound;
      this.#range -= bound;
    }
    while (this.#range < BOTTOM) {
      this.#range <<= 8;
      this.#shift();
    }
  }

  /** Lets the top byte of low leave. */
  #shift(): void {
    const byte = this.#low >> 16;
    this.#low = (this.#low & (BOTTOM - 1)) << 8;
    if (byte === 255) {
      this.#carried++;
      return;
    }
    const carry = byte >> 8;
    if (this.#last !== undefined) this.#out.u8(this.#last + carry);
    for (; this.#carried > 0; this.#carried--) this.#out.u8((255 + carry) & 255);
    this.#last = byte & 255;
  }

  /** Ends the stream. The encoder must not be used again. */
  finish(): Uint8Array {
    this.#low = roundestIn(this.#low, this.#range);
    for (let i = 0; i < 5; i++) this.#shift();
    const bytes = this.#out.view();
    let length = bytes.length;
    while (length > 0 && bytes[length - 1] === 0) length--;
    return bytes.slice(0, length);
  }
}

/** The number in [low, low + range) with the most trailing zero bits. */
function roundestIn(low: number, range: number): number {
  for (let step = TOP; step > 1; step >>= 1) {
    const round = Math.ceil(low / step) * step;
    if (round < low + range) return round;
  }
  return low;
}

export class ArithmeticDecoder {
  readonly #counts: Uint16Array;
  readonly #bytes: Uint8Array;
  #at = 0;
  #code = 0;
  #range = TOP;

  constructor(priors: Priors, bytes: Uint8Array) {
    this.#counts = priors.slice();
    this.#bytes = bytes;
    for (let i = 0; i < 3; i++) this.#code = (this.#code << 8) | this.#next();
  }

  #next(): number {
    return this.#at < this.#bytes.length ? this.#bytes[this.#at++] : 0;
  }

  bit(context: number): 0 | 1 {
    const bit = this.#narrow(boundOf(this.#counts, context, this.#range));
    learn(this.#counts, context, bit);
    return bit;
  }

  fairBit(): 0 | 1 {
    return this.#narrow(this.#range >> 1);
  }

  #narrow(bound: number): 0 | 1 {
    const bit = this.#code < bound ? 0 : 1;
    if (bit === 0) this.#range = bound;
    else {
      this.#code -= bound;
      this.#range -= bound;
    }
    while (this.#range < BOTTOM) {
      this.#range <<= 8;
      this.#code = (this.#code << 8) | this.#next();
    }
    return bit;
  }
}
