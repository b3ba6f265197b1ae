/**
 * Integers in place: little-endian ones of a fixed width, and varints (unsigned LEB128, up to
 * 2^53 - 1). Nothing is checked here: offsets are the caller's, who knows that they lie within.
 * For bytes that nobody vouches for see reader.ts.
 */

export function readU16(bytes: Uint8Array, at: number): number {
  return (bytes[at] as number) | ((bytes[at + 1] as number) << 8);
}

export function readU32(bytes: Uint8Array, at: number): number {
  return (readU16(bytes, at) | (readU16(bytes, at + 2) << 16)) >>> 0;
}

export function readU48(bytes: Uint8Array, at: number): number {
  return readU32(bytes, at) + readU16(bytes, at + 4) * 0x1_0000_0000;
}

/** 64 bits; above 2^53 the number is rounded. */
export function readU64(bytes: Uint8Array, at: number): number {
  return readU32(bytes, at) + readU32(bytes, at + 4) * 0x1_0000_0000;
}

/** Writes two bytes and returns where they end, as all of these do. */
export function putU16(bytes: Uint8Array, at: number, number: number): number {
  bytes[at] = number;
  bytes[at + 1] = number >>> 8;
  return at + 2;
}

export function putU32(bytes: Uint8Array, at: number, number: number): number {
  putU16(bytes, at, number);
  return putU16(bytes, at + 2, number >>> 16);
}

export function putU48(bytes: Uint8Array, at: number, number: number): number {
  putU32(bytes, at, number >>> 0);
  return putU16(bytes, at + 4, Math.floor(number / 0x1_0000_0000));
}

/** Writes a varint where there is room for it. */
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

/** Reads a varint that was written in its shortest form: it ends behind `varintLength` bytes. */
export function readVarint(bytes: Uint8Array, from: number): number {
  let number = 0;
  for (let at = from, scale = 1; ; scale *= 128) {
    const byte = bytes[at++] as number;
    number += (byte & 0x7f) * scale;
    if (byte < 0x80) return number;
  }
}

/** How many bytes a varint takes. */
export function varintLength(number: number): number {
  let length = 1;
  for (let rest = number; rest >= 0x80; rest = Math.floor(rest / 128)) length++;
  return length;
}

/** Six bytes of their own. */
export function u48Bytes(number: number): Uint8Array {
  const bytes = new Uint8Array(6);
  putU48(bytes, 0, number);
  return bytes;
}
