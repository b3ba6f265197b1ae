/**
 * How the bytes of a block are stored: as they are, or compressed where that pays.
 *
 * A codec belongs to one stored copy, never to a block: addresses cover plain bytes, so codecs and
 * levels may differ between replicas, volumes and releases. What is stored says neither its own
 * codec nor its length; both are kept beside it, and exactly so many bytes come back, or an error.
 */
import { verifyBlock } from '../blocks/address.js';
import { BLOCK_HEADER, BlockKind, putBlockHeader } from '../ground/block-header.js';
import { assert, badRange, corrupt, malformed } from '../ground/errors.js';
import { BLOCK_BYTES_MAX, COMPRESSION_LEVEL_MAX } from '../ground/limits.js';
import { mayCompress } from '../kernels/sample.js';
import type { ChunkForm } from './chunk-row.js';
import { checkFrame, compressFrame, decompressFrame, frameBound } from './zstd.js';

/** The numbers of the codecs. Persisted: never renumber. */
export const Codec = {
  plain: 0,
  /** One zstd frame that declares its content's size. */
  zstd: 1,
} as const;
export type Codec = (typeof Codec)[keyof typeof Codec];

/**
 * A level of zstd, of 1 to 19: 1.05 times smaller than 1 at 0.8 of its speed; 6 is another 1.06
 * times smaller at 0.4 (programs, 64 KiB).
 */
const LEVEL_DEFAULT = 3;

export interface Stored {
  readonly codec: Codec;
  readonly stored: Uint8Array;
}

/** What is shorter has no sixteenth to save: the head of a frame alone has 9 bytes. */
const COMPRESS_MIN = 64;

/**
 * The stored form of `plain`, 0 to 1,048,579 bytes: `plain` itself with codec 0 where compressing
 * would not save a sixteenth: reading it twice as fast is worth more. REGALIA_RANGE.
 */
export function compress(plain: Uint8Array, level: number = LEVEL_DEFAULT): Stored {
  const isLevel = Number.isInteger(level) && level >= 1 && level <= COMPRESSION_LEVEL_MAX;
  assert(isLevel, 'a level of compression is 1 to 19');
  checkedLength(plain.length);
  if (plain.length < COMPRESS_MIN || !mayCompress(plain)) {
    return { codec: Codec.plain, stored: plain };
  }
  const most = plain.length - Math.ceil(plain.length / 16);
  const stored = compressFrame(plain, level, most);
  if (stored === undefined) return { codec: Codec.plain, stored: plain };
  return { codec: Codec.zstd, stored };
}

/**
 * Fills `out[at..]`, whose length is the plain length, with the plain bytes of a stored form.
 * REGALIA_FORMAT for an unknown codec or a frame that is not one whole frame of that content size,
 * REGALIA_CORRUPT for one that does not decompress to it, REGALIA_RANGE for a length that no block
 * has; `out` is spoilt then. Whatever a frame claims, no more than that length is allocated.
 */
export function decompressInto(
  codec: number,
  stored: Uint8Array,
  out: Uint8Array,
  at: number,
): void {
  checkStored(codec, stored, out.length - at);
  if (codec === Codec.plain) out.set(stored, at);
  else if (!decompressFrame(stored, out, at)) {
    throw corrupt('zstd frame', `${out.length - at} bytes`, 'other bytes, or none');
  }
}

/** A chunk as it is stored: its content bytes in some codec, and the address of its block. */
export interface StoredChunk extends Omit<ChunkForm, 'storedLength'> {
  readonly stored: Uint8Array;
}

/** The block of a chunk, verified; in `out`, if it is given. Errors as `decompressInto`. */
export function decodeBlock(chunk: StoredChunk, out?: Uint8Array): Uint8Array {
  const { address, codec, plainLength, stored } = chunk;
  const block = out ?? new Uint8Array(BLOCK_HEADER + checkedLength(plainLength));
  putBlockHeader(block, 0, BlockKind.chunk, address[0] as number);
  decompressInto(codec, stored, block, BLOCK_HEADER);
  verifyBlock(address, block, 'chunk');
  return block;
}

function checkStored(codec: number, stored: Uint8Array, plainLength: number): void {
  checkedLength(plainLength);
  if (codec === Codec.plain) {
    if (stored.length === plainLength) return;
    throw malformed('stored bytes', 0, `${plainLength} bytes`, `${stored.length}`);
  }
  if (codec !== Codec.zstd) throw malformed('codec', 0, 'a known codec', `${codec}`);
  const most = frameBound(plainLength);
  if (stored.length > most) throw malformed('zstd frame', 0, `at most ${most} bytes`, 'more');
  checkFrame(stored, plainLength);
}

/** REGALIA_RANGE for a length that no block has. */
export function checkedLength(length: number): number {
  if (Number.isInteger(length) && length >= 0 && length <= BLOCK_BYTES_MAX) return length;
  throw badRange('the length of plain bytes', `0 to ${BLOCK_BYTES_MAX}`, `${length}`);
}
