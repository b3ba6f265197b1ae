/**
 * Chunks straight from their segments into the bytes that are handed on: read, decompressed and
 * hashed in place.
 *
 *     bytes   … end of the chunk before | content bytes …
 *                [ 64: record's header ][ stored bytes ]   by one read, where they are stored plain
 *                                    [3][ content bytes ]  the block, as it is hashed
 *
 * A record's header and a block's own three bytes lie for a moment where the chunk before them
 * ends, and that end is put back: so nothing is copied, and chunks that follow each other make one
 * run of bytes. All is synchronous, so nobody sees it half done.
 *
 * Invariant: bytes are given only if they hash to their chunk's address. The checksum of the stored
 * bytes says less, and is asked only where that failed, to say what is wrong.
 */
import { addressText, verifyBlock } from '../blocks/address.js';
import { BLOCK_HEADER, BlockKind, putBlockHeader } from '../ground/block-header.js';
import { equalBytes, hex } from '../ground/bytes.js';
import { corrupt, missing } from '../ground/errors.js';
import type { OwnBytes } from '../ground/slab.js';
import type { ChunkForm } from './chunk-row.js';
import { Codec, checkedLength, decompressInto } from './codec.js';
import {
  type CheckedHead,
  checkStored,
  decodeRecordHead,
  RECORD_HEADER,
} from './segment-format.js';
import { type OpenSegment, readFully } from './segment-reader.js';

export interface OpenChunk extends OpenSegment {
  readonly chunk: ChunkForm;
  readonly offset: number;
}

/** Room in front of the first chunk, or block. */
export const ROOM: number = RECORD_HEADER;
/** What lay where a header lies for a moment. */
const aside = new Uint8Array(RECORD_HEADER);
/** A record whose stored bytes are to be decompressed. */
let record = new Uint8Array(65_536);

/**
 * The content bytes of chunks, one behind the other. REGALIA_CORRUPT, REGALIA_FORMAT,
 * REGALIA_RANGE, REGALIA_MISSING for a segment that is too short; the file system's errors as is.
 */
export function readContents(chunks: readonly OpenChunk[]): OwnBytes {
  let length = 0;
  for (const { chunk } of chunks) length += checkedLength(chunk.plainLength);
  // Not zeroed: each byte is overwritten, or nothing is given.
  const bytes = Buffer.allocUnsafeSlow(ROOM + length).buffer;
  let at = ROOM;
  for (const open of chunks) {
    fill(bytes, at, open);
    at += open.chunk.plainLength;
  }
  return new Uint8Array(bytes, ROOM, length);
}

/** The whole block of one, at `at` of the bytes, with `ROOM` in front. Errors as above. */
export function readBlock(open: OpenChunk, bytes: ArrayBuffer, at: number): Uint8Array {
  const { chunk } = open;
  fill(bytes, at + BLOCK_HEADER, open);
  const block = new Uint8Array(bytes, at, BLOCK_HEADER + chunk.plainLength);
  putBlockHeader(block, 0, BlockKind.chunk, chunk.address[0] as number);
  return block;
}

function fill(bytes: ArrayBuffer, at: number, open: OpenChunk): void {
  const before = new Uint8Array(bytes, at - ROOM, ROOM);
  aside.set(before);
  try {
    readChunk(bytes, at, open);
  } finally {
    before.set(aside);
  }
}

/** The same, where what lies in front of `at` is spoilt. */
function readChunk(bytes: ArrayBuffer, at: number, open: OpenChunk): void {
  const { descriptor, offset, ids } = open;
  const { address, codec, plainLength, storedLength } = open.chunk;
  const plain = codec === Codec.plain && storedLength === plainLength;
  const length = RECORD_HEADER + storedLength;
  if (!plain && record.length < length) record = new Uint8Array(length);
  const whole = plain ? new Uint8Array(bytes, at - ROOM, length) : record.subarray(0, length);
  if (readFully(descriptor, whole, offset) < length) {
    throw missing(`the end of ${length} bytes at ${offset} of segment`, `${ids.number}`);
  }
  const head = checkedHead(open, whole);
  const stored = whole.subarray(RECORD_HEADER);
  const block = new Uint8Array(bytes, at - BLOCK_HEADER, BLOCK_HEADER + plainLength);
  try {
    putBlockHeader(block, 0, BlockKind.chunk, address[0] as number);
    if (!plain) decompressInto(codec, stored, block, BLOCK_HEADER);
    verifyBlock(address, block, 'chunk');
  } catch (error) {
    checkStored(head, stored, offset);
    throw error;
  }
}

/** The header of the record, which is that of the chunk. */
function checkedHead({ chunk, ids, offset }: OpenChunk, whole: Uint8Array): CheckedHead {
  const head = decodeRecordHead(whole, ids, offset);
  const same = equalBytes(head.digest, chunk.address.subarray(1));
  if (same && head.storedLength === chunk.storedLength) return head;
  const found = `a record of ${hex(head.digest)}, ${head.storedLength} stored bytes`;
  throw corrupt('chunk', addressText(chunk.address), found);
}
