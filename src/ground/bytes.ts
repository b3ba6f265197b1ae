/**
 * Bytes: comparison, growing writers, bounded readers, and names as text.
 *
 * A reader treats its bytes as an enemy's: every length is checked before it is believed, integers
 * must be in their shortest form, and what fails is REGALIA_FORMAT with its offset. A writer grows
 * one buffer by doubling.
 *
 * Names may hold any bytes, so text must survive a round trip. Bytes that are not valid UTF-8 are
 * written as lone low surrogates U+DC80..U+DCFF, as in Python's PEP 383: `nameText` and `nameBytes`
 * are exact inverses.
 */
import { RegaliaError } from './errors.js';

export const EMPTY: Uint8Array = new Uint8Array(0);

/** Bytewise order: negative, zero or positive. A prefix comes before what it begins. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const difference = (a[i] as number) - (b[i] as number);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

export function concatBytes(parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** A private copy that aliases nothing. */
export function copyBytes(bytes: Uint8Array): Uint8Array {
  return Uint8Array.prototype.slice.call(bytes);
}

/**
 * Small copies share buffers of this size: a buffer of its own costs each more than the copying
 * (measured).
 */
const POOL_BYTES = 16_384;
const POOLED_MAX = 2_048;
let pool = new ArrayBuffer(POOL_BYTES);
let poolUsed = 0;

/** A private copy of `bytes[start..end]`. */
export function copyRange(bytes: Uint8Array, start: number, end: number): Uint8Array {
  const length = end - start;
  if (length > POOLED_MAX) return Uint8Array.prototype.slice.call(bytes, start, end);
  if (poolUsed + length > POOL_BYTES) {
    pool = new ArrayBuffer(POOL_BYTES);
    poolUsed = 0;
  }
  const copy = new Uint8Array(pool, poolUsed, length);
  poolUsed += length;
  copy.set(bytes.subarray(start, end));
  return copy;
}

function view(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}

export function hex(bytes: Uint8Array): string {
  return view(bytes).toString('hex');
}

/** The bytes of a string of hexadecimal digits, or undefined if it is not one. */
export function unhex(text: string): Uint8Array | undefined {
  if (text.length % 2 !== 0 || !/^[0-9a-f]*$/i.test(text)) return undefined;
  return new Uint8Array(Buffer.from(text, 'hex'));
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Valid UTF-8 as a string, or undefined. */
export function utf8Text(bytes: Uint8Array): string | undefined {
  try {
    return strictUtf8.decode(bytes);
  } catch (error) {
    if (error instanceof TypeError) return undefined;
    throw error;
  }
}

export function utf8Bytes(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'utf8'));
}

/** A name's bytes as text, without loss: see the header. */
export function nameText(bytes: Uint8Array, start = 0, end = bytes.length): string {
  if (end - start <= 24) {
    let text = '';
    let i = start;
    for (; i < end; i++) {
      const byte = bytes[i] as number;
      if (byte >= 0x80) break;
      text += String.fromCharCode(byte);
    }
    if (i === end) return text;
  }
  const part = bytes.subarray(start, end);
  return utf8Text(part) ?? escapedText(part);
}

/**
 * UTF-8 where it is valid, and a lone low surrogate for each byte that is not part of a valid
 * sequence.
 */
function escapedText(bytes: Uint8Array): string {
  let text = '';
  let at = 0;
  while (at < bytes.length) {
    const byte = bytes[at] as number;
    const length = byte < 0x80 ? 1 : byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
    const character =
      at + length <= bytes.length ? utf8Text(bytes.subarray(at, at + length)) : undefined;
    if (character === undefined) {
      text += String.fromCharCode(0xdc00 + byte);
      at += 1;
    } else {
      text += character;
      at += length;
    }
  }
  return text;
}

/**
 * The inverse of `nameText`; undefined where the text has a lone surrogate that stands for no byte.
 */
export function nameBytes(text: string): Uint8Array | undefined {
  if (text.isWellFormed()) return utf8Bytes(text);
  const writer = new ByteWriter(text.length * 2);
  for (const character of text) {
    const code = character.codePointAt(0) as number;
    if (code >= 0xdc80 && code <= 0xdcff) writer.u8(code - 0xdc00);
    else if (code >= 0xd800 && code <= 0xdfff) return undefined;
    else writer.bytes(utf8Bytes(character));
  }
  const bytes = writer.finish();
  // Surrogates that together spell a valid character have another, proper text: only one text per
  // name.
  return nameText(bytes) === text ? bytes : undefined;
}

/** The number of bytes that `varint` takes for a number of 0 to 2^53 - 1. */
export function varintLength(number: number): number {
  let length = 1;
  for (let rest = number; rest >= 0x80; rest = Math.floor(rest / 128)) length++;
  return length;
}

/** Writes unsigned LEB128 at `from`, where there is room, and returns where it ends. */
export function putVarint(bytes: Uint8Array, from: number, number: number): number {
  let at = from;
  let rest = number;
  while (rest >= 0x80) {
    bytes[at++] = (rest % 128) | 0x80;
    rest = Math.floor(rest / 128);
  }
  bytes[at++] = rest;
  return at;
}

export class ByteWriter {
  #bytes: Uint8Array;
  #length = 0;

  constructor(capacity = 256) {
    this.#bytes = new Uint8Array(Math.max(16, capacity));
  }

  get length(): number {
    return this.#length;
  }

  #room(count: number): number {
    const at = this.#length;
    const needed = at + count;
    if (needed > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
      grown.set(this.#bytes.subarray(0, at));
      this.#bytes = grown;
    }
    this.#length = needed;
    return at;
  }

  u8(number: number): this {
    const at = this.#room(1);
    this.#bytes[at] = number;
    return this;
  }

  /** Little-endian, as all fixed-width integers are. */
  u16(number: number): this {
    return this.u8(number).u8(number >>> 8);
  }

  u32(number: number): this {
    return this.u16(number).u16(number >>> 16);
  }

  /** 0 to 2^48 - 1. */
  u48(number: number): this {
    return this.u32(number >>> 0).u16(Math.floor(number / 0x1_0000_0000));
  }

  /** Unsigned LEB128 in its shortest form, 0 to 2^53 - 1. */
  varint(number: number): this {
    let rest = number;
    while (rest >= 0x80) {
      this.u8((rest % 128) | 0x80);
      rest = Math.floor(rest / 128);
    }
    return this.u8(rest);
  }

  bytes(bytes: Uint8Array): this {
    const at = this.#room(bytes.length);
    this.#bytes.set(bytes, at);
    return this;
  }

  /** A varint length, then the bytes. */
  lengthed(bytes: Uint8Array): this {
    return this.varint(bytes.length).bytes(bytes);
  }

  text(text: string): this {
    return this.lengthed(utf8Bytes(text));
  }

  /** What was written, as a private copy. */
  finish(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }

  /** What was written, as a view that the next write may spoil. */
  view(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  reset(): void {
    this.#length = 0;
  }
}

export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #what: string;
  #end: number;
  at: number;

  /** `what` names the thing being read, for errors. */
  constructor(bytes: Uint8Array, what: string, start = 0, end = bytes.length) {
    this.#bytes = bytes;
    this.#what = what;
    this.at = start;
    this.#end = end;
  }

  get remaining(): number {
    return this.#end - this.at;
  }

  fail(expected: string, actual: string): never {
    throw new RegaliaError(
      'REGALIA_FORMAT',
      `${this.#what} is malformed at byte ${this.at}: expected ${expected}, found ${actual}`,
      { what: this.#what, at: this.at, expected, actual },
    );
  }

  u8(): number {
    if (this.at >= this.#end) this.fail('a byte', 'the end');
    return this.#bytes[this.at++] as number;
  }

  u16(): number {
    return this.u8() | (this.u8() << 8);
  }

  u32(): number {
    return (this.u16() | (this.u16() << 16)) >>> 0;
  }

  u48(): number {
    return this.u32() + this.u16() * 0x1_0000_0000;
  }

  varint(): number {
    let number = 0;
    let scale = 1;
    for (let count = 0; count < 8; count++) {
      const byte = this.u8();
      number += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        if (byte === 0 && count > 0) this.fail('an integer in its shortest form', 'a padded one');
        if (number > Number.MAX_SAFE_INTEGER) this.fail('an integer below 2^53', 'a larger one');
        return number;
      }
      scale *= 128;
    }
    return this.fail('an integer of at most 8 bytes', 'a longer one');
  }

  /** A view of the next `count` bytes. */
  bytes(count: number): Uint8Array {
    if (count > this.remaining) this.fail(`${count} bytes`, `${this.remaining}`);
    const start = this.at;
    this.at += count;
    return this.#bytes.subarray(start, this.at);
  }

  /** A view of the bytes behind a varint length of at most `limit`. */
  lengthed(limit = Number.MAX_SAFE_INTEGER): Uint8Array {
    const length = this.varint();
    if (length > limit) this.fail(`at most ${limit} bytes`, `${length}`);
    return this.bytes(length);
  }

  text(limit = 65_535): string {
    const bytes = this.lengthed(limit);
    return utf8Text(bytes) ?? this.fail('valid UTF-8', 'other bytes');
  }

  end(): void {
    if (this.remaining !== 0) this.fail('the end', `${this.remaining} more bytes`);
  }
}
