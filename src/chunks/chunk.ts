/**
 * Chunks: blocks of content bytes, and nothing beside them.
 *
 *     chunk   kind u8 = 3 | version u8 = 1 | algorithm u8 | content bytes, 1 to 1,048,576      no links
 *
 * The length is the block's own, less three. No chunk holds 65,536 zeros in a row: that would be a
 * hole. The bytes are plain: whatever compresses, encrypts or spreads a chunk works beneath its
 * address.
 */
import {
  type AlgorithmNumber,
  algorithmName,
  BLOCK_HEADER,
  BLOCK_VERSION,
  BlockKind,
} from '../blocks/address.js';
import type { BodyWriter } from '../blocks/body.js';
import { assert, RegaliaError } from '../ground/errors.js';
import { findHole, HOLE_MIN } from './holes.js';

/** The most content bytes of a chunk. */
export const CHUNK_MAX = 1_048_576;

/** Writes a chunk's block to `body`. Its whole length is its plain length. */
export function writeChunk(
  body: BodyWriter,
  algorithm: AlgorithmNumber,
  bytes: Uint8Array,
  start: number,
  end: number,
): void {
  assert(end > start && end - start <= CHUNK_MAX, 'a chunk has 1 to 1,048,576 bytes');
  body.reset();
  body.u8(BlockKind.chunk);
  body.u8(BLOCK_VERSION);
  body.u8(algorithm);
  body.range(bytes, start, end);
}

/** The content bytes within a chunk's block, as a view. REGALIA_FORMAT, REGALIA_VERSION. */
export function chunkBytes(block: Uint8Array): Uint8Array {
  checkHeader(block, BlockKind.chunk, 'chunk');
  const length = block.length - BLOCK_HEADER;
  if (length < 1 || length > CHUNK_MAX) {
    throw malformed('chunk', BLOCK_HEADER, `1 to ${CHUNK_MAX} bytes`, `${length}`);
  }
  checkNoHole(block, BLOCK_HEADER, block.length);
  return block.subarray(BLOCK_HEADER);
}

/** REGALIA_FORMAT where a chunk's content bytes hold what is to be a hole. */
export function checkNoHole(bytes: Uint8Array, start: number, end: number): void {
  const hole = findHole(bytes, start, end);
  if (hole === undefined) return;
  const at = hole.start - start + BLOCK_HEADER;
  throw malformed('chunk', at, `less than ${HOLE_MIN} zeros`, `${hole.end - hole.start}`);
}

/** Checks a block's first three bytes. REGALIA_FORMAT, REGALIA_VERSION. */
export function checkHeader(block: Uint8Array, kind: BlockKind, what: string): void {
  if (block.length < BLOCK_HEADER) {
    throw malformed(what, block.length, `${BLOCK_HEADER} bytes`, 'the end');
  }
  if (block[0] !== kind) throw malformed(what, 0, `kind ${kind}`, `${block[0]}`);
  if (block[1] !== BLOCK_VERSION) {
    const expected = `version ${BLOCK_VERSION}`;
    const actual = `version ${block[1]}`;
    const message = `${what} is of ${actual}, which this release does not know`;
    throw new RegaliaError('REGALIA_VERSION', message, { what, expected, actual });
  }
  if (algorithmName(block[2] as number) === undefined) {
    throw malformed(what, 2, 'a known algorithm', `${block[2]}`);
  }
}

/** A REGALIA_FORMAT of a content's block. */
export function malformed(
  what: string,
  at: number,
  expected: string,
  actual: string,
): RegaliaError {
  const message = `${what} is malformed at byte ${at}: expected ${expected}, found ${actual}`;
  return new RegaliaError('REGALIA_FORMAT', message, { what, at, expected, actual });
}
