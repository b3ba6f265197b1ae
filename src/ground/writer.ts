/**
 * The writer of bytes: one buffer that grows by doubling. Every format is written with it, from
 * rows to blocks, so integers have one form: little-endian where the width is fixed, else varints.
 */
import { zeroBytes } from './bytes.js';
import { putU16, putU32, putU48, putVarint } from './integers.js';
import type { OwnBytes } from './slab.js';
import { utf8Bytes } from './text.js';

/** A varint takes no more bytes. */
const VARINT_BYTES_MAX = 8;
/** Shorter ranges are copied byte by byte, which is faster than a call of the engine (measured). */
const LOOP_BYTES_MAX = 32;

export class ByteWriter {
  /** What was written lies at its beginning; the next write may replace it by a longer one. */
  buffer: OwnBytes;
  length = 0;

  constructor(capacity = 256) {
    this.buffer = zeroBytes(Math.max(16, capacity));
  }

  #room(count: number): void {
    if (this.length + count <= this.buffer.length) return;
    const grown = new Uint8Array(Math.max(this.length + count, this.buffer.length * 2));
    grown.set(this.buffer.subarray(0, this.length));
    this.buffer = grown;
  }

  u8(number: number): this {
    this.#room(1);
    this.buffer[this.length++] = number;
    return this;
  }

  u16(number: number): this {
    this.#room(2);
    this.length = putU16(this.buffer, this.length, number);
    return this;
  }

  u32(number: number): this {
    this.#room(4);
    this.length = putU32(this.buffer, this.length, number);
    return this;
  }

  /** 0 to 2^48 - 1. */
  u48(number: number): this {
    this.#room(6);
    this.length = putU48(this.buffer, this.length, number);
    return this;
  }

  /** 0 to 2^53 - 1, in its shortest form. */
  varint(number: number): this {
    this.#room(VARINT_BYTES_MAX);
    this.length = putVarint(this.buffer, this.length, number);
    return this;
  }

  bytes(bytes: Uint8Array): this {
    return this.range(bytes, 0, bytes.length);
  }

  /** Appends `from[start..end]`. */
  range(from: Uint8Array, start: number, end: number): this {
    const count = end - start;
    this.#room(count);
    if (count <= LOOP_BYTES_MAX) {
      const { buffer } = this;
      for (let i = start, at = this.length; i < end; i++, at++) buffer[at] = from[i] as number;
    } else {
      this.buffer.set(from.subarray(start, end), this.length);
    }
    this.length += count;
    return this;
  }

  /** A byte for each character, all of which are below 256. */
  latin1(text: string): this {
    this.#room(text.length);
    const { buffer } = this;
    for (let i = 0, at = this.length; i < text.length; i++, at++) buffer[at] = text.charCodeAt(i);
    this.length += text.length;
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
    return this.buffer.slice(0, this.length);
  }

  /** What was written, as a view that the next write may spoil. */
  view(): Uint8Array {
    return this.buffer.subarray(0, this.length);
  }

  reset(): void {
    this.length = 0;
  }
}
