/**
 * What is in a frame of blocks, unpacked within the length that it declares, and how a fault in a
 * frame is told: as one of the pack, at the frame's place.
 */
import { brotliDecompressSync } from 'node:zlib';
import { isRegaliaError } from '../ground/errors.js';
import { FRAME_PLAIN_BYTES_MAX } from '../ground/limits.js';
import { ByteReader } from '../ground/reader.js';
import { BROTLI, PLAIN, packError } from './pack-format.js';

/** The plain bytes of a frame of blocks. */
export function unpacked(body: Uint8Array): Uint8Array {
  const reader = new ByteReader(body, 'frame of blocks');
  const codec = reader.u8();
  const length = reader.varint();
  if (length > FRAME_PLAIN_BYTES_MAX)
    reader.fail(`at most ${FRAME_PLAIN_BYTES_MAX} plain bytes`, `${length}`);
  const packed = reader.bytes(reader.remaining);
  if (codec !== PLAIN && codec !== BROTLI) reader.fail('a known codec', `${codec}`);
  const plain = codec === PLAIN ? packed : decompress(reader, packed, length);
  if (plain.length !== length) reader.fail(`${length} plain bytes`, `${plain.length}`);
  return plain;
}

function decompress(reader: ByteReader, packed: Uint8Array, length: number): Uint8Array {
  try {
    return brotliDecompressSync(packed, { maxOutputLength: Math.max(1, length) });
  } catch {
    return reader.fail(`${length} bytes by brotli`, 'more, or other bytes');
  }
}

/** A fault of what a frame holds, as one of the pack. */
export function placed(error: unknown, at: number): unknown {
  if (isRegaliaError(error, 'REGALIA_FORMAT')) {
    const { what, expected, actual } = error.data;
    return packError(what, at, expected, actual, { cause: error });
  }
  if (isRegaliaError(error, 'REGALIA_KEY') || isRegaliaError(error, 'REGALIA_STREAM')) {
    return packError('block', at, 'names within their limits', error.message, { cause: error });
  }
  return error;
}
