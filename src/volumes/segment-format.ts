/**
 * Segments: append-only files of records, each of which is found and checked without the
 * index.
 *
 *     segment   header 64 | record × n
 *     header    'REGALIAS' | version u8 | reserved 7, zeros | volume id 16 | replica id 16
 *               | number u48 | created ms u48 | checksum u32
 *     record    magic u32 | kind u8 | codec u8 | algorithm u8 | flags u8, 0 | plain length u32
 *               | stored length u32 | reserved 8, zeros | checksum of the stored bytes u32
 *               | digest 32 | checksum u32 | stored bytes
 *
 * All numbers are little-endian. A record's last checksum covers its header and, so that a record
 * that was copied elsewhere does not pass for one of its place, the volume's id, the segment's
 * number and the record's offset. For a chunk the digest is its block's, and plain length that of
 * its content. For a shard (see shard-format.ts) the digest is the SHA-256 of the stored bytes, and
 * plain length is theirs.
 */

import { type AlgorithmNumber, algorithmName } from '../ground/block-header.js';
import { equalBytes, hex } from '../ground/bytes.js';
import { crc32 } from '../ground/checksum.js';
import { assert, corrupt, type RegaliaError } from '../ground/errors.js';
import { STORED_CHUNK_BYTES_MAX, STORED_SHARD_BYTES_MAX } from '../ground/limits.js';
import { ByteReader } from '../ground/reader.js';
import { utf8Bytes } from '../ground/text.js';
import { ByteWriter } from '../ground/writer.js';
import { DIGEST_LENGTH } from '../kernels/hash.js';

const MAGIC_TEXT = utf8Bytes('REGALIAS');
const VERSION = 1;
export const SEGMENT_HEADER = 64;
export const RECORD_HEADER = 64;
/** What a record begins with: bytes that no text has. */
export const RECORD_MAGIC: Uint8Array = Uint8Array.of(0xa7, 0x52, 0xe9, 0x1c);

/** The kinds of record. Persisted: never renumber. */
export const RecordKind = { chunk: 1, shard: 2 } as const;
export type RecordKind = (typeof RecordKind)[keyof typeof RecordKind];

/** The most stored bytes of a record, by kind. */
export const STORED_LIMITS: Readonly<Record<RecordKind, number>> = {
  [RecordKind.chunk]: STORED_CHUNK_BYTES_MAX,
  [RecordKind.shard]: STORED_SHARD_BYTES_MAX,
};

export interface SegmentIds {
  /** 16 bytes each. */
  readonly volume: Uint8Array;
  readonly replica: Uint8Array;
  readonly number: number;
}

export interface RecordHead {
  readonly kind: RecordKind;
  readonly codec: number;
  readonly algorithm: AlgorithmNumber;
  readonly plainLength: number;
  readonly storedLength: number;
  /** 32 bytes. */
  readonly digest: Uint8Array;
}

export function encodeSegmentHeader(ids: SegmentIds, createdMs: number): Uint8Array {
  const writer = new ByteWriter(SEGMENT_HEADER).bytes(MAGIC_TEXT).u8(VERSION);
  writer.bytes(new Uint8Array(7)).bytes(ids.volume).bytes(ids.replica);
  writer.u48(ids.number).u48(createdMs);
  const sum = crc32(writer.view());
  const header = writer.u32(sum).finish();
  assert(header.length === SEGMENT_HEADER, 'the header of a segment has 64 bytes');
  return header;
}

/** The inverse. REGALIA_FORMAT, REGALIA_VERSION, REGALIA_CORRUPT. */
export function decodeSegmentHeader(bytes: Uint8Array): SegmentIds & { createdMs: number } {
  const reader = new ByteReader(bytes.subarray(0, SEGMENT_HEADER), 'segment');
  if (!equalBytes(reader.bytes(8), MAGIC_TEXT)) reader.fail("'REGALIAS'", 'other bytes');
  reader.version(VERSION);
  if (reader.bytes(7).some((byte) => byte !== 0)) reader.fail('zeros', 'other bytes');
  const volume = reader.bytes(16).slice();
  const replica = reader.bytes(16).slice();
  const number = reader.u48();
  const createdMs = reader.u48();
  const expected = reader.u32();
  const actual = crc32(bytes.subarray(0, SEGMENT_HEADER - 4));
  if (expected !== actual) throw damaged('header of a segment', expected, actual);
  return { volume, replica, number, createdMs };
}

/** The header of a record that will begin at `offset`. */
export function encodeRecordHead(
  head: RecordHead,
  stored: Uint8Array,
  ids: SegmentIds,
  offset: number,
): Uint8Array {
  assert(stored.length === head.storedLength, 'a record has the stored bytes that it says');
  assert(stored.length <= STORED_LIMITS[head.kind], 'a record is within its limit');
  const writer = new ByteWriter(RECORD_HEADER).bytes(RECORD_MAGIC);
  writer.u8(head.kind).u8(head.codec).u8(head.algorithm).u8(0);
  writer.u32(head.plainLength).u32(head.storedLength).u32(0).u32(0).u32(crc32(stored));
  writer.bytes(head.digest);
  return writer.u32(placeSum(writer.view(), ids, offset)).finish();
}

/** A header, with the checksum that its stored bytes shall have. */
export interface CheckedHead extends RecordHead {
  readonly storedSum: number;
}

/** The inverse. REGALIA_FORMAT; REGALIA_CORRUPT for one that is damaged or of another place. */
export function decodeRecordHead(bytes: Uint8Array, ids: SegmentIds, offset: number): CheckedHead {
  const reader = new ByteReader(bytes.subarray(0, RECORD_HEADER), 'record', 0);
  if (!equalBytes(reader.bytes(4), RECORD_MAGIC)) reader.fail('a record', 'other bytes');
  const kind = reader.u8() as RecordKind;
  const codec = reader.u8();
  const algorithm = reader.u8() as AlgorithmNumber;
  const flags = reader.u8();
  const [plainLength, storedLength] = [reader.u32(), reader.u32()];
  const reserved = reader.u32() + reader.u32();
  const storedSum = reader.u32();
  const digest = reader.bytes(DIGEST_LENGTH).slice();
  const expected = reader.u32();
  const actual = placeSum(bytes.subarray(0, RECORD_HEADER - 4), ids, offset);
  if (expected !== actual) {
    throw damaged(`header of record ${offset} in segment ${ids.number}`, expected, actual);
  }
  const most = STORED_LIMITS[kind];
  if (most === undefined) reader.fail('a known kind', `${kind}`);
  if (flags !== 0) reader.fail('no flags', `${flags}`);
  if (algorithmName(algorithm) === undefined) reader.fail('a known algorithm', `${algorithm}`);
  if (storedLength > most) reader.fail(`at most ${most} stored bytes`, `${storedLength}`);
  if (reserved !== 0) reader.fail('a reserved zero', `${reserved}`);
  return { kind, codec, algorithm, plainLength, storedLength, digest, storedSum };
}

/** REGALIA_CORRUPT unless these are the stored bytes that the header speaks of. */
export function checkStored(head: CheckedHead, stored: Uint8Array, offset: number): void {
  const actual = crc32(stored);
  if (actual !== head.storedSum) {
    throw damaged(`record ${offset} (${hex(head.digest)})`, head.storedSum, actual);
  }
}

function placeSum(header: Uint8Array, ids: SegmentIds, offset: number): number {
  const place = new ByteWriter(32).bytes(ids.volume).u48(ids.number).u48(offset).view();
  return crc32(place, crc32(header));
}

function damaged(what: string, expected: number, actual: number): RegaliaError {
  const digits = (sum: number): string => sum.toString(16).padStart(8, '0');
  return corrupt(what, `checksum ${digits(expected)}`, digits(actual));
}
