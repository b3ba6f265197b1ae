/**
 * The commit block: which state a bucket was in, what came before, and who says so.
 *
 *     6 u8 | version u8 | algorithm u8 | bucket id 16
 *     root 33 | heads ? 33 | parents: count varint, 33 each | maps: ? 33 for each parent
 *     maps before: count varint, ? 33 each
 *     stamp: length varint, event tree | actor ? 32 | replica id 16
 *     incarnation varint | sequence varint | time, ms since the epoch, varint
 *     message: length varint, UTF-8 | extras: (tag varint, length varint, bytes)*
 *
 * `?` is a byte 0, or 1 and what it announces. The block has one spelling: what decodes encodes to
 * the same bytes. A commit is immutable. Its stamp is anonymous: ids stay with branches. Its
 * signature is kept beside it (see signature.ts). Parents are listed once each; the first is the
 * head that the commit was made on. Extras are what later versions have to say, by ascending tags:
 * one who does not know a tag keeps what it says, and hashes it.
 */
import {
  ADDRESS_LENGTH,
  type Address,
  addressOf,
  addressText,
  isAddress,
  sameAddress,
} from '../blocks/address.js';
import { decodeEvent, encodeEvent } from '../clock/encoding.js';
import { type Event, formatEvent } from '../clock/event.js';
import {
  type AlgorithmNumber,
  BLOCK_HEADER,
  BlockKind,
  readBlockHeader,
  writeBlockHeader,
} from '../ground/block-header.js';
import { copyBytes, hex } from '../ground/bytes.js';
import { badOption } from '../ground/errors.js';
import { varintLength } from '../ground/integers.js';
import {
  EXTRAS_BYTES_MAX,
  MESSAGE_BYTES_MAX,
  PARENTS_MAX,
  STAMP_BYTES_MAX,
  TIME_MS_MAX,
} from '../ground/limits.js';
import { ByteReader } from '../ground/reader.js';
import { utf8Bytes } from '../ground/text.js';
import { ByteWriter } from '../ground/writer.js';

export const BUCKET_ID_LENGTH = 16;
const REPLICA_ID_LENGTH = 16;
export const ACTOR_LENGTH = 32;

export interface Commit {
  /** The hash algorithm of this block. That of parents may be another, of older history. */
  readonly algorithm: AlgorithmNumber;
  /** 16 bytes. */
  readonly bucket: Uint8Array;
  /** The bucket's contents. */
  readonly root: Address;
  /** The Merkle map from the id of each bucket within to its commit, if there is any. */
  readonly heads: Address | undefined;
  /** None for a bucket's first commit; at most 64. */
  readonly parents: readonly Address[];
  /** For each parent where its entries went, if any went elsewhere: see maps.ts. */
  readonly maps: readonly (Address | undefined)[];
  /**
   * For each parent the nearest commit that has maps, or joins lines of different ones: it itself
   * or before it. One where all agree; none where history has no maps.
   */
  readonly mapsBefore: readonly (Address | undefined)[];
  /** The event tree alone: the anonymous stamp. */
  readonly stamp: Event;
  /** An Ed25519 public key, 32 bytes; undefined in a canonical merge, and where nobody signs. */
  readonly actor: Uint8Array | undefined;
  /** 16 bytes, all zero in a canonical merge. */
  readonly replica: Uint8Array;
  readonly incarnation: number;
  /**
   * Counts the replica's commits: two commits of one (replica, incarnation, sequence) prove a
   * copied folder.
   */
  readonly sequence: number;
  /** Since the epoch. Information, never order. */
  readonly timeMs: number;
  /** At most 64 KiB as UTF-8. */
  readonly message: string;
  /** What else it says; undefined where that is nothing. A canonical merge says nothing more. */
  readonly extras?: readonly Extra[] | undefined;
}

/** What a later version says in a commit. */
export interface Extra {
  /** 1 or more; each once, ascending. */
  readonly tag: number;
  readonly bytes: Uint8Array;
}

/** What stands before the stamp in a commit's bytes. */
export type CommitLinks = Pick<
  Commit,
  'algorithm' | 'bucket' | 'root' | 'heads' | 'parents' | 'maps' | 'mapsBefore'
>;

/** The hashed bytes. REGALIA_OPTION where a field is out of its limits. */
export function encodeCommit(commit: Commit): Uint8Array {
  return encodeCommitAs(commit, encodeEvent(commit.stamp));
}

/** The same bytes with any others in the place of the stamp: what is stored, never hashed. */
export function encodeCommitAs(commit: Commit, stamp: Uint8Array): Uint8Array {
  checkCommit(commit);
  const writer = new ByteWriter(512);
  writeBlockHeader(writer, BlockKind.commit, commit.algorithm);
  writer.bytes(commit.bucket).bytes(commit.root);
  writeOptional(writer, commit.heads);
  writer.varint(commit.parents.length);
  for (const parent of commit.parents) writer.bytes(parent);
  for (const map of commit.maps) writeOptional(writer, map);
  writer.varint(commit.mapsBefore.length);
  for (const before of commit.mapsBefore) writeOptional(writer, before);
  writer.lengthed(stamp);
  writeOptional(writer, commit.actor);
  writer.bytes(commit.replica);
  writer.varint(commit.incarnation).varint(commit.sequence).varint(commit.timeMs);
  writer.text(commit.message);
  for (const { tag, bytes } of commit.extras ?? []) writer.varint(tag).lengthed(bytes);
  return writer.finish();
}

function writeOptional(writer: ByteWriter, bytes: Uint8Array | undefined): void {
  if (bytes === undefined) writer.u8(0);
  else writer.u8(1).bytes(bytes);
}

/**
 * The commit of these bytes, which it does not alias. REGALIA_FORMAT, REGALIA_VERSION or
 * REGALIA_STAMP.
 */
export function decodeCommit(block: Uint8Array): Commit {
  return decodeCommitAs(block, (stamp) => decodeEvent(stamp));
}

/**
 * The same for bytes that `encodeCommitAs` wrote: `readStamp` makes the event tree of a view of the
 * stamp's place.
 */
export function decodeCommitAs(block: Uint8Array, readStamp: (stamp: Uint8Array) => Event): Commit {
  const reader = new ByteReader(block, 'commit');
  const links = readLinks(reader);
  const stamp = readStamp(reader.lengthed(STAMP_BYTES_MAX));
  const commit: Commit = {
    algorithm: links.algorithm,
    bucket: links.bucket,
    root: links.root,
    heads: links.heads,
    parents: links.parents,
    maps: links.maps,
    mapsBefore: links.mapsBefore,
    stamp,
    actor: readOptional(reader, () => copyBytes(reader.bytes(ACTOR_LENGTH))),
    replica: copyBytes(reader.bytes(REPLICA_ID_LENGTH)),
    incarnation: reader.varint(),
    sequence: reader.varint(),
    timeMs: readTime(reader),
    message: reader.text(MESSAGE_BYTES_MAX),
    extras: readExtras(reader),
  };
  return commit;
}

function readExtras(reader: ByteReader): Extra[] | undefined {
  if (reader.remaining === 0) return undefined;
  if (reader.remaining > EXTRAS_BYTES_MAX) {
    reader.fail(`at most ${EXTRAS_BYTES_MAX} bytes of extras`, `${reader.remaining}`);
  }
  const extras: Extra[] = [];
  for (let last = 0; reader.remaining > 0; ) {
    const tag = reader.varint();
    if (tag <= last) reader.fail(`a tag above ${last}`, `${tag}`);
    extras.push({ tag, bytes: copyBytes(reader.lengthed()) });
    last = tag;
  }
  return extras;
}

/** A view of the stamp's place in bytes that `encodeCommitAs` wrote. */
export function stampPlace(block: Uint8Array): Uint8Array {
  const reader = new ByteReader(block, 'commit');
  readLinks(reader);
  return reader.lengthed(STAMP_BYTES_MAX);
}

/** Reads what comes before the stamp. */
export function readLinks(reader: ByteReader): CommitLinks {
  const { algorithm } = readBlockHeader(reader.bytes(BLOCK_HEADER), 'commit', BlockKind.commit);
  const bucket = copyBytes(reader.bytes(BUCKET_ID_LENGTH));
  const root = readAddress(reader);
  const heads = readOptional(reader, readAddress);
  const parents = readParents(reader);
  const maps = parents.map(() => readOptional(reader, readAddress));
  return { algorithm, bucket, root, heads, parents, maps, mapsBefore: readBefore(reader, maps) };
}

function readBefore(
  reader: ByteReader,
  maps: readonly (Address | undefined)[],
): (Address | undefined)[] {
  const count = reader.varint();
  if (count > maps.length) reader.fail(`at most ${maps.length} commits with maps`, `${count}`);
  const before = Array.from({ length: count }, () => readOptional(reader, readAddress));
  const fault = beforeFault(before, maps.length);
  return fault === undefined ? before : reader.fail(fault, 'another list');
}

/** What a list of the nearest commits with maps must be and is not; undefined where it is. */
function beforeFault(
  before: readonly (Address | undefined)[],
  parents: number,
): string | undefined {
  if (before.length === 0) return undefined;
  if (before.length > parents) return `at most ${parents}`;
  const [first] = before;
  const agree = before.every((one) => sameOptional(one, first));
  if (before.length === 1) return first === undefined ? 'a commit, or none at all' : undefined;
  if (before.length !== parents) return `one for all parents, or ${parents}`;
  return agree ? 'one where all agree' : undefined;
}

export function sameOptional(a: Address | undefined, b: Address | undefined): boolean {
  return a === undefined || b === undefined ? a === b : sameAddress(a, b);
}

/** The nearest commit that has maps or joins lines of different ones: this one, or one before. */
export function nearestMapped(
  address: Address,
  { maps, mapsBefore }: Pick<Commit, 'maps' | 'mapsBefore'>,
): Address | undefined {
  const isMapped = mapsBefore.length > 1 || maps.some((map) => map !== undefined);
  return isMapped ? address : mapsBefore[0];
}

/** What a commit says of those before it, from what its parents say. */
export function mapsBefore(
  parents: readonly { readonly address: Address; readonly commit: Commit }[],
): (Address | undefined)[] {
  const nearest = parents.map(({ address, commit }) => nearestMapped(address, commit));
  const [first] = nearest;
  if (nearest.every((one) => sameOptional(one, first))) return first === undefined ? [] : [first];
  return nearest;
}

/** Whether a commit says of those before it what follows from its parents, all of them given. */
export function agreesOnMaps(
  commit: Commit,
  parents: readonly { readonly address: Address; readonly commit: Commit }[],
): boolean {
  const expected = mapsBefore(parents);
  const { mapsBefore: actual } = commit;
  if (expected.length !== actual.length) return false;
  return expected.every((one, i) => sameOptional(one, actual[i]));
}

/** A private copy of the 33 bytes that follow. */
export function readAddress(reader: ByteReader): Address {
  const address = copyBytes(reader.bytes(ADDRESS_LENGTH));
  if (!isAddress(address)) reader.fail('an address of a known algorithm', hex(address));
  return address;
}

/** A byte 0 and nothing, or a byte 1 and what `read` reads. */
export function readOptional<T>(
  reader: ByteReader,
  read: (reader: ByteReader) => T,
): T | undefined {
  const flag = reader.u8();
  if (flag > 1) reader.fail('0 or 1', `${flag}`);
  return flag === 0 ? undefined : read(reader);
}

function readTime(reader: ByteReader): number {
  const timeMs = reader.varint();
  return timeMs <= TIME_MS_MAX ? timeMs : reader.fail(`at most ${TIME_MS_MAX}`, `${timeMs}`);
}

function readParents(reader: ByteReader): Address[] {
  const count = reader.varint();
  if (count > PARENTS_MAX) reader.fail(`at most ${PARENTS_MAX} parents`, `${count}`);
  const parents: Address[] = [];
  for (let i = 0; i < count; i++) {
    const parent = readAddress(reader);
    if (parents.some((other) => sameAddress(other, parent))) {
      reader.fail('each parent once', 'one twice');
    }
    parents.push(parent);
  }
  return parents;
}

export interface AddressedCommit {
  readonly address: Address;
  readonly block: Uint8Array;
  /** Of the stamp in it. */
  readonly stampLength: number;
}

/** What commits were encoded to: one that is made has an address before it is appended. */
const addressed = new WeakMap<Commit, AddressedCommit>();

/** A commit's block and address. Nobody may change either. REGALIA_OPTION, REGALIA_STAMP. */
export function addressedCommit(commit: Commit): AddressedCommit {
  let known = addressed.get(commit);
  if (known === undefined) {
    const stamp = encodeEvent(commit.stamp);
    const block = encodeCommitAs(commit, stamp);
    const address = addressOf(commit.algorithm, block);
    known = { address, block, stampLength: stamp.length };
    addressed.set(commit, known);
  }
  return known;
}

export function commitAddress(commit: Commit): Address {
  return addressedCommit(commit).address;
}

/** What programs see of a commit, with addresses in their one text form. */
export interface CommitInfo {
  /** Its address. */
  readonly commit: string;
  /** The address of the bucket's contents. */
  readonly root: string;
  readonly parents: readonly string[];
  /** The event tree of its interval tree clock. */
  readonly stamp: string;
  /** Milliseconds since the epoch, by the committer's clock: information, never order. */
  readonly time: number;
  /**
   * The committer's Ed25519 public key, 64 hexadecimal digits; undefined where no signature proves
   * who it was.
   */
  readonly actor: string | undefined;
  readonly message: string;
  /** The bucket's id, 32 hexadecimal digits. */
  readonly bucket: string;
}

/** `signature` is the one that is kept beside the commit: it was checked before it was kept. */
export function commitInfo(
  address: Address,
  commit: Commit,
  signature: Uint8Array | undefined,
): CommitInfo {
  const actor = signature === undefined ? undefined : commit.actor;
  return {
    commit: addressText(address),
    root: addressText(commit.root),
    parents: commit.parents.map(addressText),
    stamp: formatEvent(commit.stamp),
    time: commit.timeMs,
    actor: actor && hex(actor),
    message: commit.message,
    bucket: hex(commit.bucket),
  };
}

function checkCommit(commit: Commit): void {
  checkLength('bucket', commit.bucket, BUCKET_ID_LENGTH);
  checkLength('replica', commit.replica, REPLICA_ID_LENGTH);
  if (commit.actor !== undefined) checkLength('actor', commit.actor, ACTOR_LENGTH);
  checkAddress('root', commit.root);
  if (commit.heads !== undefined) checkAddress('heads', commit.heads);
  for (const field of ['maps', 'mapsBefore'] as const) {
    for (const address of commit[field]) if (address !== undefined) checkAddress(field, address);
  }
  for (const field of ['incarnation', 'sequence', 'timeMs'] as const) {
    if (Number.isSafeInteger(commit[field]) && commit[field] >= 0) continue;
    throw badOption(field, 'an integer of 0 to 2^53 - 1', `${commit[field]}`);
  }
  if (commit.timeMs > TIME_MS_MAX) {
    throw badOption('timeMs', `at most ${TIME_MS_MAX}`, `${commit.timeMs}`);
  }
  checkParents(commit.parents);
  checkMaps(commit);
  checkMessage(commit.message);
  checkExtras(commit.extras);
}

function checkExtras(extras: readonly Extra[] | undefined): void {
  if (extras === undefined) return;
  let length = 0;
  for (const [i, { tag, bytes }] of extras.entries()) {
    const least = i === 0 ? 1 : (extras[i - 1] as Extra).tag + 1;
    if (!Number.isSafeInteger(tag) || tag < least) {
      throw badOption('extras', `tags that ascend, here one of at least ${least}`, `${tag}`);
    }
    length += varintLength(tag) + varintLength(bytes.length) + bytes.length;
  }
  // None at all has one spelling.
  const isSound = extras.length > 0 && length <= EXTRAS_BYTES_MAX;
  if (!isSound) throw badOption('extras', `1 to ${EXTRAS_BYTES_MAX} bytes, or none`, `${length}`);
}

function checkParents(parents: readonly Address[]): void {
  if (parents.length > PARENTS_MAX) {
    throw badOption('parents', `at most ${PARENTS_MAX}`, `${parents.length}`);
  }
  for (const [i, parent] of parents.entries()) {
    checkAddress('parents', parent);
    if (parents.findIndex((other) => sameAddress(other, parent)) !== i) {
      throw badOption('parents', 'each parent once', 'one twice');
    }
  }
}

function checkMaps({ parents, maps, mapsBefore }: Commit): void {
  if (maps.length !== parents.length) {
    throw badOption('maps', `one for each of ${parents.length} parents`, `${maps.length}`);
  }
  const fault = beforeFault(mapsBefore, parents.length);
  if (fault !== undefined) throw badOption('mapsBefore', fault, `${mapsBefore.length}`);
}

function checkMessage(message: string): void {
  if (!message.isWellFormed()) {
    throw badOption('message', 'well-formed Unicode', 'a lone surrogate');
  }
  const bytes = utf8Bytes(message).length;
  if (bytes <= MESSAGE_BYTES_MAX) return;
  throw badOption('message', `at most ${MESSAGE_BYTES_MAX} bytes`, `${bytes}`);
}

function checkAddress(option: string, bytes: Uint8Array): void {
  if (!isAddress(bytes)) throw badOption(option, 'an address', hex(bytes.subarray(0, 40)));
}

function checkLength(option: string, bytes: Uint8Array, length: number): void {
  if (bytes.length === length) return;
  throw badOption(option, `${length} bytes`, `${bytes.length}`);
}
