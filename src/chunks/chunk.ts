/**
 * Chunks: blocks of content bytes, and nothing beside them.
 *
 *     chunk   kind u8 = 3 | version u8 = 1 | algorithm u8 | content bytes, 1 to 1,048,576      no links
 *
 * The length is the block's own, less three. No chunk holds 65,536 zeros in a row: that would be a
 * hole. The bytes are plain: whatever compresses, encrypts or spreads a chunk works beneath its
 * address.
 */
import type { BodyWriter } from '../blocks/body.js';
import {
  type AlgorithmNumber,
  BLOCK_HEADER,
  BlockKind,
  readBlockHeader,
  writeBlockHeader,
} from '../ground/block-header.js';
import { assert, malformed } from '../ground/errors.js';
import { CHUNK_BYTES_MAX, HOLE_BYTES_MIN } from '../ground/limits.js';
import { findHole } from './holes.js';

/** Writes a chunk's block to `body`. Its whole length is its plain length. */
export function writeChunk(
  body: BodyWriter,
  algorithm: AlgorithmNumber,
  bytes: Uint8Array,
  start: number,
  end: number,
): void {
  assert(end > start && end - start <= CHUNK_BYTES_MAX, 'a chunk has 1 to 1,048,576 bytes');
  body.reset();
  writeBlockHeader(body, BlockKind.chunk, algorithm).range(bytes, start, end);
}

/** The content bytes within a chunk's block, as a view. REGALIA_FORMAT, REGALIA_VERSION. */
export function chunkBytes(block: Uint8Array): Uint8Array {
  readBlockHeader(block, 'chunk', BlockKind.chunk);
  const length = block.length - BLOCK_HEADER;
  if (length < 1 || length > CHUNK_BYTES_MAX) {
    throw malformed('chunk', BLOCK_HEADER, `1 to ${CHUNK_BYTES_MAX} bytes`, `${length}`);
  }
  checkNoHole(block, BLOCK_HEADER, block.length);
  return block.subarray(BLOCK_HEADER);
}

/** REGALIA_FORMAT where a chunk's content bytes hold what is to be a hole. */
export function checkNoHole(bytes: Uint8Array, start: number, end: number): void {
  const hole = findHole(bytes, start, end);
  if (hole === undefined) return;
  const at = hole.start - start + BLOCK_HEADER;
  throw malformed('chunk', at, `less than ${HOLE_BYTES_MIN} zeros`, `${hole.end - hole.start}`);
}
