/**
 * Where a transfer stopped: after a whole frame, what came before it, and the chain over it. A
 * receiver keeps one per unfinished pack; handed to the sender, it spares it the work done before.
 *
 *     header digest 32 | chain 32 | u48 offset, commits, blocks, plain bytes, index offset, index bytes
 */
import { ByteReader } from '../ground/reader.js';
import { ByteWriter } from '../ground/writer.js';
import { DIGEST_LENGTH } from '../kernels/hash.js';

export interface ResumePoint {
  /** The digest of the pack's header: which pack it is. */
  readonly header: Uint8Array;
  readonly chain: Uint8Array;
  /** Where the next frame begins. */
  readonly offset: number;
  readonly commits: number;
  readonly blocks: number;
  /** Of all blocks. */
  readonly plainBytes: number;
  /** Where the first index frame begins; 0 where none has come. */
  readonly indexAt: number;
  /** Of the index, in the frames that have come. */
  readonly indexBytes: number;
}

export function encodeResumePoint(point: ResumePoint): Uint8Array {
  const writer = new ByteWriter(128).bytes(point.header).bytes(point.chain).u48(point.offset);
  writer.u48(point.commits).u48(point.blocks).u48(point.plainBytes);
  return writer.u48(point.indexAt).u48(point.indexBytes).finish();
}

/** Reads a point where `encodeResumePoint` wrote it. REGALIA_FORMAT. */
export function readResumePoint(reader: ByteReader): ResumePoint {
  return {
    header: reader.bytes(DIGEST_LENGTH).slice(),
    chain: reader.bytes(DIGEST_LENGTH).slice(),
    offset: reader.u48(),
    commits: reader.u48(),
    blocks: reader.u48(),
    plainBytes: reader.u48(),
    indexAt: reader.u48(),
    indexBytes: reader.u48(),
  };
}

/** The inverse of `encodeResumePoint`, of anybody's bytes. REGALIA_FORMAT. */
export function decodeResumePoint(bytes: Uint8Array): ResumePoint {
  const reader = new ByteReader(bytes, 'resume point');
  const point = readResumePoint(reader);
  reader.end();
  return point;
}
