/**
 * The pack: blocks and commits as one stream of bytes, for deltas, archives, backups and transport
 * by disk.
 *
 *     pack      'REGALIAP' | version u8 | u32 length | header | crc32 u32 | frame … | trailer frame
 *     header    flags u8 | bucket id 16 | varint haves | address 33 × n
 *               | varint wants | (name: varint length, UTF-8 | address 33) × n
 *               both lists sorted, each once
 *     frame     type u8 | u32 length | body | crc32 u32 of all before
 *     blocks    codec u8 | varint plain length | (varint length | block) × n, plain or by brotli
 *     commit    flags u8 | signature 64, if flag 1
 *               | height varint, corrected date varint, if flag 2 | commit block
 *     index     a part of the transducer over all keys, names joined by NUL
 *     trailer   u48 commits, blocks, plain bytes, index offset (0: none), pack length | chain 32
 *
 * Children come before what names them, parents before their children. No address is sent: a
 * receiver hashes each block, and believes it only once a commit that it asked for leads to it. The
 * chain is SHA-256 over itself and the frame, from frame to frame, beginning with the header's
 * digest: so a receiver can go on after any whole frame.
 */
import { createHash } from 'node:crypto';
import { ADDRESS_LENGTH, type Address, compareAddresses } from '../blocks/address.js';
import { compareBytes, equalBytes } from '../ground/bytes.js';
import { crc32 } from '../ground/checksum.js';
import { badOption, badPack, type ErrorFacts, unknownVersion } from '../ground/errors.js';
import { readU32 } from '../ground/integers.js';
import {
  BRANCH_NAME_BYTES_MAX,
  HAVES_MAX,
  HEIGHT_MAX,
  PACK_HEADER_BYTES_MAX,
  TIME_MS_MAX,
  WANTS_MAX,
} from '../ground/limits.js';
import { ByteReader } from '../ground/reader.js';
import { utf8Bytes } from '../ground/text.js';
import { ByteWriter } from '../ground/writer.js';
import { DIGEST_LENGTH, sha256 } from '../kernels/hash.js';
import { BUCKET_ID_LENGTH, type Commit, encodeCommit, readAddress } from '../log/commit.js';
import { SIGNATURE_LENGTH } from '../log/entry.js';
import type { LocalFacts } from '../log/history.js';

const PACK_MAGIC: Uint8Array = utf8Bytes('REGALIAP');
const PACK_VERSION = 1;
/** Magic, version and the header's length. */
export const PREAMBLE_LENGTH = 13;

/** Types of frames. Persisted: never renumber. */
export const FrameType = { blocks: 1, commit: 2, index: 3, trailer: 4 } as const;
export type FrameType = (typeof FrameType)[keyof typeof FrameType];

/** Type and length before a frame's body, checksum behind it. */
export const FRAME_HEAD = 5;
export const FRAME_TAIL = 4;
/** The plain bytes of a frame of blocks: one block may be longer, and then stands alone. */
export const BATCH_BYTES = 131_072;

/** Codecs of blocks. Persisted: never renumber. */
export const PLAIN = 0;
export const BROTLI = 1;

/** Flags of a commit frame. Persisted: never change. */
const SIGNED = 1;
const CUT = 2;

/** Flags of the header. Persisted: never change. */
const WITH_CONTENTS = 1;
const WITH_NESTED = 2;
const WITH_INDEX = 4;

export interface Want {
  readonly branch: string;
  readonly commit: Address;
}

export interface PackHeader {
  /** 16 bytes. */
  readonly bucket: Uint8Array;
  /** Commits that the receiver must have, ascending. */
  readonly haves: readonly Address[];
  /** Ascending by branch. */
  readonly wants: readonly Want[];
  /** Whether contents outside metadata travel along. */
  readonly contents: boolean;
  /** Whether the commits of nested buckets travel along. */
  readonly nested: boolean;
  readonly index: boolean;
}

/**
 * The pack's beginning, up to and with the header's checksum. REGALIA_OPTION where a list is too
 * long.
 */
export function encodeHeader(header: PackHeader): Uint8Array {
  const { bucket, haves, wants } = header;
  checkCount('haves', haves.length, HAVES_MAX);
  checkCount('wants', wants.length, WANTS_MAX);
  const { contents, nested, index } = header;
  const flags =
    (contents ? WITH_CONTENTS : 0) | (nested ? WITH_NESTED : 0) | (index ? WITH_INDEX : 0);
  const body = new ByteWriter(256).u8(flags).bytes(bucket);
  body.varint(haves.length);
  for (const have of [...haves].sort(compareAddresses)) body.bytes(have);
  body.varint(wants.length);
  for (const { branch, commit } of [...wants].sort(compareWants)) body.text(branch).bytes(commit);
  const writer = new ByteWriter(body.length + 32).bytes(PACK_MAGIC).u8(PACK_VERSION);
  writer.u32(body.length).bytes(body.view());
  return writer.u32(crc32(writer.view())).finish();
}

function compareWants(a: Want, b: Want): number {
  return compareBytes(utf8Bytes(a.branch), utf8Bytes(b.branch));
}

function checkCount(option: string, count: number, most: number): void {
  if (count > most) throw badOption(option, `at most ${most}`, `${count}`);
}

/** The length of the header's body, from the first 13 bytes. REGALIA_PACK, REGALIA_VERSION. */
export function readPreamble(bytes: Uint8Array): number {
  if (!equalBytes(bytes.subarray(0, PACK_MAGIC.length), PACK_MAGIC)) {
    throw badPack('pack', 0, 'a pack of Regalia', 'other bytes');
  }
  const version = bytes[PACK_MAGIC.length];
  if (version !== PACK_VERSION) throw unknownVersion('pack', PACK_VERSION, version);
  const length = readU32(bytes, PACK_MAGIC.length + 1);
  if (length > PACK_HEADER_BYTES_MAX) {
    throw badPack('header', 9, `at most ${PACK_HEADER_BYTES_MAX} bytes`, `${length}`);
  }
  return length;
}

/** The header in the pack's whole beginning. REGALIA_PACK, REGALIA_FORMAT. */
export function decodeHeader(bytes: Uint8Array): PackHeader {
  const checked = withoutChecksum(bytes, 'header', bytes.length - FRAME_TAIL);
  const reader = new ByteReader(checked, 'pack header', PREAMBLE_LENGTH);
  const flags = reader.u8();
  if (flags > (WITH_CONTENTS | WITH_NESTED | WITH_INDEX)) reader.fail('known flags', `${flags}`);
  const bucket = reader.bytes(BUCKET_ID_LENGTH).slice();
  const readWant = (): Want => {
    return { branch: reader.text(BRANCH_NAME_BYTES_MAX), commit: readAddress(reader) };
  };
  const header = {
    bucket,
    haves: readList(reader, 'commits', HAVES_MAX, () => readAddress(reader), compareAddresses),
    wants: readList(reader, 'branches', WANTS_MAX, readWant, compareWants),
    contents: (flags & WITH_CONTENTS) !== 0,
    nested: (flags & WITH_NESTED) !== 0,
    index: (flags & WITH_INDEX) !== 0,
  };
  reader.end();
  return header;
}

/** A list of the header: ascending, each once. */
function readList<T>(
  reader: ByteReader,
  what: string,
  most: number,
  read: () => T,
  compare: (a: T, b: T) => number,
): T[] {
  const count = reader.varint();
  if (count > most || count * ADDRESS_LENGTH > reader.remaining) {
    reader.fail(`at most ${most} ${what}, within the header`, `${count}`);
  }
  const list: T[] = [];
  for (let i = 0; i < count; i++) {
    list.push(read());
    if (i === 0 || compare(list[i - 1], list[i]) < 0) continue;
    reader.fail(`${what} in ascending order`, 'another order');
  }
  return list;
}

/** The bytes before the checksum at their end. REGALIA_PACK, at byte `at`, where it fails. */
function withoutChecksum(
  bytes: Uint8Array,
  what: string,
  at: number,
  facts?: ErrorFacts,
): Uint8Array {
  const body = bytes.subarray(0, bytes.length - FRAME_TAIL);
  if (crc32(body) === readU32(bytes, body.length)) return body;
  throw badPack(what, at, 'the checksum of its bytes', 'another', facts);
}

export function encodeFrame(type: FrameType, body: Uint8Array): Uint8Array {
  const writer = new ByteWriter(body.length + FRAME_HEAD + FRAME_TAIL);
  writer.u8(type).u32(body.length).bytes(body);
  return writer.u32(crc32(writer.view())).finish();
}

/** The body of the whole frame at byte `at` of a pack. REGALIA_PACK where it is damaged. */
export function frameBody(frame: Uint8Array, at: number, facts?: ErrorFacts): Uint8Array {
  return withoutChecksum(frame, 'frame', at, facts).subarray(FRAME_HEAD);
}

/** What travels with a commit, beside its block. */
export type CommitFacts = Pick<LocalFacts, 'signature' | 'absentParents'>;

export function commitFlags({ signature, absentParents }: CommitFacts): number {
  return (signature === undefined ? 0 : SIGNED) | (absentParents === undefined ? 0 : CUT);
}

/** What stands behind the flags: the facts that they announce, and the commit's block. */
export function writeCommit(
  writer: ByteWriter,
  commit: Commit,
  { signature, absentParents }: CommitFacts,
): ByteWriter {
  if (signature !== undefined) writer.bytes(signature);
  if (absentParents !== undefined) {
    writer.varint(absentParents.height).varint(absentParents.correctedMs);
  }
  return writer.bytes(encodeCommit(commit));
}

export function readCommitFlags(reader: ByteReader): number {
  const flags = reader.u8();
  if (flags > (SIGNED | CUT)) reader.fail('known flags', `${flags}`);
  return flags;
}

/** The inverse of `writeCommit`, up to the reader's end. REGALIA_FORMAT. */
export function readCommit(
  reader: ByteReader,
  flags: number,
): { readonly block: Uint8Array; readonly facts: CommitFacts } {
  const signature = flags & SIGNED ? reader.bytes(SIGNATURE_LENGTH).slice() : undefined;
  const absentParents = flags & CUT ? readLabels(reader) : undefined;
  return { block: reader.bytes(reader.remaining), facts: { signature, absentParents } };
}

function readLabels(reader: ByteReader): { height: number; correctedMs: number } {
  const height = reader.varint();
  const correctedMs = reader.varint();
  if (height > HEIGHT_MAX) reader.fail(`a height of at most ${HEIGHT_MAX}`, `${height}`);
  if (correctedMs > TIME_MS_MAX) reader.fail(`a date up to ${TIME_MS_MAX}`, `${correctedMs}`);
  return { height, correctedMs };
}

/** What a pack has, or has had so far. */
interface PackCounts {
  readonly commits: number;
  readonly blocks: number;
  /** Of all blocks. */
  readonly plainBytes: number;
  /** Where the first index frame begins; 0 where there is none. */
  readonly indexAt: number;
}

function writeCounts(writer: ByteWriter, counts: PackCounts): ByteWriter {
  const { commits, blocks, plainBytes, indexAt } = counts;
  return writer.u48(commits).u48(blocks).u48(plainBytes).u48(indexAt);
}

function readCounts(reader: ByteReader): PackCounts {
  return {
    commits: reader.u48(),
    blocks: reader.u48(),
    plainBytes: reader.u48(),
    indexAt: reader.u48(),
  };
}

export interface Trailer extends PackCounts {
  /** The whole pack, this trailer included. */
  readonly length: number;
  /** SHA-256, from frame to frame up to the one before the trailer. */
  readonly chain: Uint8Array;
}

const TRAILER_BODY = 5 * 6 + DIGEST_LENGTH;
export const TRAILER_FRAME = FRAME_HEAD + TRAILER_BODY + FRAME_TAIL;

export function encodeTrailer(trailer: Trailer): Uint8Array {
  const writer = writeCounts(new ByteWriter(TRAILER_BODY), trailer);
  return writer.u48(trailer.length).bytes(trailer.chain).finish();
}

/** REGALIA_FORMAT. */
export function decodeTrailer(body: Uint8Array): Trailer {
  const reader = new ByteReader(body, 'pack trailer');
  const counts = readCounts(reader);
  const trailer = { ...counts, length: reader.u48(), chain: reader.bytes(DIGEST_LENGTH).slice() };
  reader.end();
  return trailer;
}

/**
 * Where a transfer stopped: after a whole frame, and what came before it. A receiver keeps one for
 * each unfinished pack; given to the sender, it saves the work done before. Its bytes:
 *
 *     header digest 32 | chain 32 | u48 × 6: offset, commits, blocks, plain bytes, index offset,
 *     index bytes
 */
export interface ResumePoint extends PackCounts {
  /** The digest of the pack's header: which pack it is. */
  readonly header: Uint8Array;
  readonly chain: Uint8Array;
  /** Where the next frame begins. */
  readonly offset: number;
  /** Of the index, in the frames that have come. */
  readonly indexBytes: number;
}

export function encodeResumePoint(point: ResumePoint): Uint8Array {
  const writer = new ByteWriter(128).bytes(point.header).bytes(point.chain).u48(point.offset);
  return writeCounts(writer, point).u48(point.indexBytes).finish();
}

/** Reads a point where `encodeResumePoint` wrote it. REGALIA_FORMAT. */
export function readResumePoint(reader: ByteReader): ResumePoint {
  const header = reader.bytes(DIGEST_LENGTH).slice();
  const chain = reader.bytes(DIGEST_LENGTH).slice();
  const offset = reader.u48();
  return { header, chain, offset, ...readCounts(reader), indexBytes: reader.u48() };
}

/** How far a pack is written or read: both ends count alike, so that trailer and chain agree. */
export class PackProgress implements ResumePoint {
  readonly header: Uint8Array;
  chain: Uint8Array;
  offset: number;
  commits = 0;
  blocks = 0;
  plainBytes = 0;
  indexAt = 0;
  indexBytes = 0;

  /** Behind the pack's beginning `head`, as `encodeHeader` wrote it. */
  constructor(head: Uint8Array) {
    this.header = sha256(head);
    this.chain = this.header;
    this.offset = head.length;
  }

  pass(frame: Uint8Array): void {
    this.chain = new Uint8Array(createHash('sha256').update(this.chain).update(frame).digest());
    this.offset += frame.length;
  }

  restore(point: ResumePoint): void {
    Object.assign(this, point);
  }

  /** The same, as it will stay. */
  point(): ResumePoint {
    return { ...this };
  }

  /** The trailer of the pack if it ends here. */
  trailer(): Trailer {
    const { commits, blocks, plainBytes, indexAt, chain } = this;
    return { commits, blocks, plainBytes, indexAt, length: this.offset + TRAILER_FRAME, chain };
  }
}
