/**
 * CRC-32 (ISO 3309, as in zlib): it finds decay, not malice. It goes byte by byte through a table
 * up to 64 bytes, where calling out of JavaScript costs more than the sum.
 */
import zlib from 'node:zlib';

const CRC_TABLE = crcTable();

function crcTable(): Int32Array {
  const table = new Int32Array(256);
  for (let byte = 0; byte < 256; byte++) {
    let remainder = byte;
    for (let bit = 0; bit < 8; bit++) {
      remainder = remainder & 1 ? (remainder >>> 1) ^ 0xedb88320 : remainder >>> 1;
    }
    table[byte] = remainder;
  }
  return table;
}

/** Above this many bytes the runtime's CRC-32 is faster than the table (measured). */
const CRC_TABLE_MAX = 64;

/** The CRC-32 of `bytes`, unsigned: `crc32(b, crc32(a))` is that of a followed by b. */
export function crc32(bytes: Uint8Array, start = 0): number {
  if (bytes.length > CRC_TABLE_MAX && typeof zlib.crc32 === 'function') {
    return zlib.crc32(bytes, start);
  }
  return crc32ByTable(bytes, start);
}

/** By table alone: for short bytes, and for Node before 20.15, which lacks `zlib.crc32`. */
export function crc32ByTable(bytes: Uint8Array, start = 0): number {
  let sum = ~start;
  for (let i = 0; i < bytes.length; i++) {
    sum = CRC_TABLE[(sum ^ bytes[i]) & 0xff] ^ (sum >>> 8);
  }
  return ~sum >>> 0;
}
