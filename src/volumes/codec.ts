/**
 * How the bytes of a block are stored: as they are, or compressed where that pays.
 *
 * A codec belongs to one stored copy, never to a block: addresses cover plain bytes, so codecs and
 * levels may differ between replicas, volumes and releases. What is stored says neither its own
 * codec nor its length; whoever keeps it keeps both beside it, and gets exactly so many bytes back,
 * or an error.
 */
import { RegaliaError } from '../ground/errors.js';
import { BLOCK_BYTES_MAX, COMPRESSION_LEVEL_MAX } from '../ground/limits.js';
import { mayCompress } from '../kernels/sample.js';
import { checkFrame, compressFrame, decompressFrame, frameBound } from './zstd.js';

/** The numbers of the codecs. Persisted: never renumber. */
export const Codec = {
  plain: 0,
  /** One zstd frame that declares its content's size. */
  zstd: 1,
} as const;
export type Codec = (typeof Codec)[keyof typeof Codec];

/** Levels of zstd: higher ones are smaller and slower. */
export const LEVEL_MIN = 1;
/**
 * 1.05 times smaller than 1 at 0.8 of its speed; 6 is another 1.06 times smaller at 0.4 (programs,
 * 64 KiB).
 */
export const LEVEL_DEFAULT = 3;

export interface Stored {
  readonly codec: Codec;
  readonly stored: Uint8Array;
}

/** What is shorter has no sixteenth to save: the head of a frame alone takes 9 bytes. */
const COMPRESS_MIN = 64;

/**
 * The stored form of `plain`, 0 to 1,048,579 bytes: `plain` itself with codec 0 where compressing
 * would not save a sixteenth, which is less than what reading it twice as fast is worth.
 * REGALIA_OPTION for a level that is not an integer of 1 to 19, REGALIA_RANGE for too many bytes.
 */
export function compress(plain: Uint8Array, level: number = LEVEL_DEFAULT): Stored {
  checkLevel(level);
  checkLength(plain.length);
  if (plain.length < COMPRESS_MIN || !mayCompress(plain)) {
    return { codec: Codec.plain, stored: plain };
  }
  const most = plain.length - Math.ceil(plain.length / 16);
  const stored = compressFrame(plain, level, most);
  if (stored === undefined) return { codec: Codec.plain, stored: plain };
  return { codec: Codec.zstd, stored };
}

/**
 * The plain bytes, exactly `plainLength`: `stored` itself for codec 0. REGALIA_FORMAT for an
 * unknown codec or a frame that is not one whole frame of that content size, REGALIA_CORRUPT for
 * one that does not decompress to it, REGALIA_RANGE for a length that no block has. Whatever a
 * frame claims, no more than that length is allocated.
 */
export function decompress(codec: number, stored: Uint8Array, plainLength: number): Uint8Array {
  checkStored(codec, stored, plainLength);
  if (codec === Codec.plain) return stored;
  const plain = new Uint8Array(plainLength);
  fillFromFrame(stored, plain, 0);
  return plain;
}

/**
 * The same, to fill `out[at..]`, whose length is the plain length. `out` is spoilt where it throws.
 */
export function decompressInto(
  codec: number,
  stored: Uint8Array,
  out: Uint8Array,
  at: number,
): void {
  checkStored(codec, stored, out.length - at);
  if (codec === Codec.plain) out.set(stored, at);
  else fillFromFrame(stored, out, at);
}

function fillFromFrame(frame: Uint8Array, out: Uint8Array, at: number): void {
  if (decompressFrame(frame, out, at)) return;
  const expected = `${out.length - at} bytes by zstd`;
  const message = `a zstd frame is damaged: it does not decompress to ${expected}`;
  throw new RegaliaError('REGALIA_CORRUPT', message, {
    what: 'zstd frame',
    expected,
    actual: 'other bytes, or none',
  });
}

function checkStored(codec: number, stored: Uint8Array, plainLength: number): void {
  checkLength(plainLength);
  if (codec === Codec.plain) {
    if (stored.length === plainLength) return;
    throw malformed('stored bytes', `${plainLength} bytes`, `${stored.length}`);
  }
  if (codec !== Codec.zstd) throw malformed('codec', 'a known codec', `${codec}`);
  const most = frameBound(plainLength);
  if (stored.length > most) throw malformed('zstd frame', `at most ${most} bytes`, 'more');
  checkFrame(stored, plainLength);
}

function malformed(what: string, expected: string, actual: string): RegaliaError {
  const message = `${what} malformed: expected ${expected}, found ${actual}`;
  return new RegaliaError('REGALIA_FORMAT', message, { what, at: 0, expected, actual });
}

function checkLevel(level: number): void {
  if (Number.isInteger(level) && level >= LEVEL_MIN && level <= COMPRESSION_LEVEL_MAX) return;
  const expected = `an integer of ${LEVEL_MIN} to ${COMPRESSION_LEVEL_MAX}`;
  throw new RegaliaError('REGALIA_OPTION', `a level of compression must be ${expected}`, {
    option: 'level',
    expected,
    actual: `${level}`,
  });
}

/** REGALIA_RANGE for a length that no block has. */
export function checkLength(length: number): void {
  if (Number.isInteger(length) && length >= 0 && length <= BLOCK_BYTES_MAX) return;
  const expected = `a length of 0 to ${BLOCK_BYTES_MAX} bytes`;
  throw new RegaliaError('REGALIA_RANGE', `plain bytes must have ${expected}`, {
    expected,
    actual: `${length}`,
  });
}
