/**
 * Bytes: order, equality, copies, and digits. Nothing here reads or writes a format: see reader.ts,
 * writer.ts and integers.ts.
 */

import { type OwnBytes, Slab } from './slab.js';

export const EMPTY: Uint8Array = new Uint8Array(0);

/** Bytewise order: negative, zero or positive. A prefix comes before what it begins. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  return compareRange(a, 0, a.length, b);
}

/** Bytewise order of `a[start..end]` and `b`. */
export function compareRange(a: Uint8Array, start: number, end: number, b: Uint8Array): number {
  const length = Math.min(end - start, b.length);
  for (let i = 0; i < length; i++) {
    const difference = (a[start + i] as number) - (b[i] as number);
    if (difference !== 0) return difference;
  }
  return end - start - b.length;
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a === b) return true;
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

export function concatBytes(parts: readonly Uint8Array[]): OwnBytes {
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

/** Arrays of at most so many bytes lie side by side. */
const SLAB_ARRAY_MAX = 2_048;
const slab = new Slab(16_384);

/** A private copy of `bytes[start..end]`. */
export function copyRange(bytes: Uint8Array, start: number, end: number): Uint8Array {
  if (end - start <= SLAB_ARRAY_MAX) return slab.copy(bytes, start, end);
  return Uint8Array.prototype.slice.call(bytes, start, end);
}

/** A new array for bytes that stay within: its buffer may be that of others, too. */
export function zeroBytes(length: number): OwnBytes {
  return length <= SLAB_ARRAY_MAX ? slab.zeros(length) : new Uint8Array(length);
}

export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex');
}

/** The bytes of a string of hexadecimal digits, or undefined if it is not one. */
export function unhex(text: string): Uint8Array | undefined {
  if (text.length % 2 !== 0 || !/^[0-9a-f]*$/i.test(text)) return undefined;
  return new Uint8Array(Buffer.from(text, 'hex'));
}
