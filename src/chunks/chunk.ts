/**
 * Chunks and holes, of which contents are made: blocks of content bytes, and long runs of zeros.
 *
 *     chunk    kind u8 = 3 | version u8 = 1 | algorithm u8 | content bytes, at most 1,048,576
 *     bytes    d d d 0 0 0 … 0 0 d d d        65,536 zeros and more, as far as they go
 *     parts    [ chunk ][  hole  ][ chunk ]   the chunk ends where the hole begins; cutting goes on
 *
 * A chunk's length is the block's own, less three. Its bytes are plain: compression and redundancy
 * work below its address. A hole is found by content, never by how the bytes came: written zeros, a
 * gap that was left, and a stream that was made longer have one address. Invariants: no chunk
 * contains 65,536 zeros in a row; a run goes as far as it can to both sides, so no two holes touch.
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

/** REGALIA_FORMAT where a chunk's content bytes contain a hole. */
export function checkNoHole(bytes: Uint8Array, start: number, end: number): void {
  const hole = findHole(bytes, start, end);
  if (hole === undefined) return;
  const at = hole.start - start + BLOCK_HEADER;
  throw malformed('chunk', at, `less than ${HOLE_BYTES_MIN} zeros`, `${hole.end - hole.start}`);
}

/** Zeros to compare with and to copy from. Nobody writes to them. */
export const ZEROS: Uint8Array = new Uint8Array(HOLE_BYTES_MIN);

/** Long runs are compared by so many bytes at a time. */
const STEP = 4_096;
const STEP_ZEROS = ZEROS.subarray(0, STEP);

/** Where the zeros that begin at `start` end: `start` itself where there are none. */
export function zerosEnd(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  while (at < end && bytes[at] === 0) {
    if (end - at >= STEP && allZero(bytes, at)) at += STEP;
    else {
      const until = Math.min(end, at + STEP);
      while (at < until && bytes[at] === 0) at++;
    }
  }
  return at;
}

/** Where the zeros that end at `end` begin: `end` itself where there are none. */
export function zerosStart(bytes: Uint8Array, start: number, end: number): number {
  let at = end;
  while (at > start && bytes[at - 1] === 0) {
    if (at - start >= STEP && allZero(bytes, at - STEP)) at -= STEP;
    else {
      const until = Math.max(start, at - STEP);
      while (at > until && bytes[at - 1] === 0) at--;
    }
  }
  return at;
}

function allZero(bytes: Uint8Array, at: number): boolean {
  return Buffer.compare(bytes.subarray(at, at + STEP), STEP_ZEROS) === 0;
}

/**
 * The first run of at least 65,536 zeros, as far as it goes in these bytes. It lies over one of the
 * bytes at every 65,536th place: no others are looked at unless that one is zero.
 */
export function findHole(
  bytes: Uint8Array,
  start: number,
  end: number,
): { readonly start: number; readonly end: number } | undefined {
  let probe = start + HOLE_BYTES_MIN - 1;
  while (probe < end) {
    if (bytes[probe] !== 0) {
      probe += HOLE_BYTES_MIN;
      continue;
    }
    const from = zerosStart(bytes, start, probe);
    const until = zerosEnd(bytes, probe, end);
    if (until - from >= HOLE_BYTES_MIN) return { start: from, end: until };
    // What ended the run is no zero: the next one begins behind it.
    probe = until + HOLE_BYTES_MIN;
  }
  return undefined;
}
