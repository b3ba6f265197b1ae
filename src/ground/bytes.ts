/**
 * Bytes: order, equality, copies, and digits. Nothing here reads or writes a format: see reader.ts,
 * writer.ts and integers.ts.
 */

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
