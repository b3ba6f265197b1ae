/**
 * History: every commit that a store keeps, by address and, per bucket, in the order of arrival.
 *
 *     commits   address 33 → the entry and its commit (entry.ts)
 *     log       bucket id 16 | sequence u48, big-endian → address 33
 *               bucket id 16 → version u8 | first varint | next varint: the bounds
 *
 * Invariants: parents are appended before their children, or the caller says that they are absent;
 * what `commit` returns hashes to its address. Each sequence from first to next, next excluded, and
 * no other has its row: so a row that is absent where the bounds, a difference or a parent that was
 * here want one is REGALIA_CORRUPT, and lost bounds are found by the rows that they should bound. A
 * stamp is stored as a difference from its first parent's where that is shorter.
 */
import {
  ADDRESS_LENGTH,
  type Address,
  addressKey,
  addressText,
  isAddress,
  sameAddress,
  verifyBlock,
} from '../blocks/address.js';
import { openRow, sealRow } from '../blocks/rows.js';
import { applyEventDelta, encodeEventDelta } from '../clock/delta.js';
import { decodeEvent } from '../clock/encoding.js';
import { type Event, formatEvent, leqEvents } from '../clock/event.js';
import type { Batch, Reads } from '../engine/engine.js';
import { BoundedMap } from '../ground/bounded-map.js';
import { concatBytes, copyBytes, equalBytes, hex } from '../ground/bytes.js';
import {
  assert,
  badOption,
  badStamp,
  beyondHorizon,
  corrupt,
  isRegaliaError,
  type RegaliaError,
} from '../ground/errors.js';
import { readU48, u48Bytes } from '../ground/integers.js';
import { DELTAS_MAX } from '../ground/limits.js';
import { ByteReader } from '../ground/reader.js';
import { ByteWriter } from '../ground/writer.js';
import {
  type AddressedCommit,
  addressedCommit,
  BUCKET_ID_LENGTH,
  type Commit,
  type CommitInfo,
  commitInfo,
  decodeCommit,
  decodeCommitAs,
  encodeCommit,
  encodeCommitAs,
  stampPlace,
} from './commit.js';
import {
  type BlockIds,
  type LogEntry,
  missingCommit,
  openEntry,
  SIGNATURE_LENGTH,
  type StoredCommit,
  sealEntry,
} from './entry.js';

const BOUNDS_VERSION = 1;

/** Commits, and stamps, that are kept in memory. */
const CACHED_COMMITS = 512;
const CACHED_STAMPS = 512;
const CACHED_ROWS = 64;
/** A stamp of so many bytes is not worth a difference. */
const SHORT_STAMP = 8;

/** The places of a bucket's log that are kept: first to next - 1. */
export interface LogBounds {
  readonly first: number;
  readonly next: number;
}

/** What a store knows of a commit that it appends. */
export interface LocalFacts extends BlockIds {
  readonly signature?: Uint8Array | undefined;
  /**
   * Given where some parents are not here and shall not be (truncated, or yet to come): the least
   * height and corrected date that the commit may have, so that they stay above those of the absent
   * parents.
   */
  readonly absentParents?: { readonly height: number; readonly correctedMs: number } | undefined;
}

export interface LogRange {
  /** The first sequence, itself included. */
  from?: number;
  /** The last sequence, itself excluded. */
  until?: number;
  /** Newest first; else oldest first, as a log is written. */
  reverse?: boolean;
  limit?: number;
}

export class History {
  readonly #reads: Reads;
  /** Verified commits. Whether a commit is here is always asked of its row. */
  readonly #commits = new BoundedMap<string, Commit>(CACHED_COMMITS);
  /** Rows of commits, decoded: one that is unchanged is not decoded again. */
  readonly #rows = new BoundedMap<string, { row: Uint8Array; stored: StoredCommit }>(CACHED_ROWS);
  /**
   * Stamps that others are differences from. Not verified for themselves: what is rebuilt from them
   * is.
   */
  readonly #stamps = new BoundedMap<string, Event>(CACHED_STAMPS);

  constructor(reads: Reads) {
    this.#reads = reads;
  }

  /**
   * Appends a commit to its bucket's log; one that is there already is left as it is, but for a
   * signature that it lacks, and its entry returned. REGALIA_HORIZON where a parent is absent and
   * `absentParents` is not given; REGALIA_STAMP where the stamp is not at or above each parent's of
   * the same bucket; REGALIA_OPTION where a field is out of its limits.
   */
  append(batch: Batch, commit: Commit, local: LocalFacts): LogEntry {
    checkLocal(local);
    const addressed = addressedCommit(commit);
    const { address } = addressed;
    const existing = this.#stored(address, batch);
    if (existing !== undefined) return this.#signed(batch, existing, local.signature);
    const parents = this.#parentsOf(commit, local, batch);
    for (const { entry } of parents) {
      const isOfBucket = equalBytes(entry.bucket, commit.bucket);
      if (isOfBucket) checkStamp(commit, this.commit(entry.address, batch));
    }
    const first = parents.find(({ entry }) => sameAddress(entry.address, commit.parents[0]));
    const bounds = this.bounds(commit.bucket, batch);
    const { height, correctedMs } = labels(commit, parents, local);
    const { spine, jump, merges } = this.#jumpOf(commit.bucket, bounds.next, first?.entry, batch);
    const { rootBlock, headsBlock, signature } = local;
    const entry: LogEntry = {
      address,
      bucket: commit.bucket,
      parents: commit.parents,
      sequence: bounds.next,
      height,
      correctedMs,
      spine,
      jump,
      merges: merges + (parents.length === 1 ? 0 : 1),
      rootBlock,
      headsBlock,
      signature,
      cut: parents.length < commit.parents.length,
    };
    const { deltas, body } = this.#storedForm(commit, addressed, first, batch);
    const row = sealEntry(entry, deltas, body);
    batch.put('commits', address, row);
    // Where it is not written after all, the row that is read next is another, or none.
    this.#rows.set(addressKey(address), { row, stored: { entry, links: commit, deltas, body } });
    const key = logKey(commit.bucket, entry.sequence);
    batch.put('log', key, sealRow('log', key, address));
    putBounds(batch, commit.bucket, { first: bounds.first, next: bounds.next + 1 });
    this.#commits.set(addressKey(address), commit);
    return entry;
  }

  /** The entry of a commit that is there, with a signature that came later. */
  #signed(batch: Batch, stored: StoredCommit, signature: Uint8Array | undefined): LogEntry {
    const { deltas, body } = stored;
    if (signature === undefined || stored.entry.signature !== undefined) return stored.entry;
    const entry: LogEntry = { ...stored.entry, signature };
    const row = sealEntry(entry, deltas, body);
    batch.put('commits', entry.address, row);
    this.#rows.set(addressKey(entry.address), { row, stored: { ...stored, entry } });
    return entry;
  }

  /**
   * The block itself, or with a difference for a long stamp where that is shorter and the chain not
   * too long.
   */
  #storedForm(
    commit: Commit,
    { block, stampLength }: AddressedCommit,
    first: Parent | undefined,
    reads: Reads,
  ): { deltas: number; body: Uint8Array } {
    const full = { deltas: 0, body: block };
    if (stampLength <= SHORT_STAMP || first === undefined) return full;
    if (first.deltas >= DELTAS_MAX) return full;
    const { stamp } = this.commit(first.entry.address, reads);
    const delta = shorterDelta(stamp, commit.stamp, stampLength);
    if (delta === undefined) return full;
    return { deltas: first.deltas + 1, body: encodeCommitAs(commit, delta) };
  }

  #parentsOf(commit: Commit, local: LocalFacts, reads: Reads): Parent[] {
    const present: Parent[] = [];
    for (const address of commit.parents) {
      const parent = this.#stored(address, reads);
      if (parent !== undefined) present.push({ entry: parent.entry, deltas: parent.deltas });
      else if (local.absentParents === undefined) throw beyondHorizon(addressText(address));
    }
    return present;
  }

  /** The place of a new commit on its chain of first parents. */
  #jumpOf(
    bucket: Uint8Array,
    sequence: number,
    parent: LogEntry | undefined,
    reads: Reads,
  ): Pick<LogEntry, 'spine' | 'jump' | 'merges'> {
    if (parent === undefined || !equalBytes(parent.bucket, bucket)) {
      return { spine: 0, jump: sequence, merges: 0 };
    }
    const spine = parent.spine + 1;
    const { merges } = parent;
    const near = this.entryAt(bucket, parent.jump, reads);
    const far = near && this.entryAt(bucket, near.jump, reads);
    if (near === undefined || far === undefined) return { spine, jump: parent.sequence, merges };
    const equalStrides = parent.spine - near.spine === near.spine - far.spine;
    return { spine, jump: equalStrides ? far.sequence : parent.sequence, merges };
  }

  /** What programs see of a commit that is here. */
  info(address: Address, commit: Commit): CommitInfo {
    return commitInfo(address, commit, this.entry(address)?.signature);
  }

  entry(address: Address, reads: Reads = this.#reads): LogEntry | undefined {
    return this.#stored(address, reads)?.entry;
  }

  #stored(address: Address, reads: Reads): StoredCommit | undefined {
    const row = reads.view('commits', address);
    if (row === undefined) return undefined;
    const key = addressKey(address);
    const known = this.#rows.get(key);
    if (known !== undefined && equalBytes(known.row, row)) return known.stored;
    const copy = copyBytes(row);
    const stored = openEntry(address, copy);
    this.#rows.set(key, { row: copy, stored });
    return stored;
  }

  /**
   * The commit of that address, verified. REGALIA_MISSING where it is not here, REGALIA_CORRUPT
   * where its row, or one that it is stored as a difference from, is damaged. The commit is shared:
   * nobody may change its bytes.
   */
  commit(address: Address, reads: Reads = this.#reads): Commit {
    const key = addressKey(address);
    const cached = this.#commits.get(key);
    if (cached !== undefined && reads.view('commits', address) !== undefined) return cached;
    const commit = this.#load(address, reads);
    this.#commits.set(key, commit);
    return commit;
  }

  #load(address: Address, reads: Reads): Commit {
    const chain = this.#chainOf(address, reads);
    try {
      const commit = this.#rebuild(chain);
      verifyBlock(address, encodeCommit(commit), 'commit');
      return commit;
    } catch (error) {
      // One of them may be to blame, and may be repaired.
      this.#stamps.clear();
      if (isRegaliaError(error, 'REGALIA_CORRUPT') || isRegaliaError(error, 'REGALIA_VERSION')) {
        throw error;
      }
      throw corruptCommit(address, error);
    }
  }

  /** Collects what rebuilds a commit, down to one in full or to one whose stamp is known. */
  #chainOf(address: Address, reads: Reads): Chain {
    const links: ChainLink[] = [];
    let expected: number | undefined;
    for (let at = address; ; ) {
      const stored = this.#stored(at, reads);
      if (stored === undefined && expected === undefined) throw missingCommit(at);
      if (stored === undefined || stored.deltas !== (expected ?? stored.deltas)) {
        throw corruptCommit(address, undefined);
      }
      links.push({ address: at, body: stored.body });
      if (stored.deltas === 0) return { links, base: undefined };
      expected = stored.deltas - 1;
      at = stored.links.parents[0];
      const key = addressKey(at);
      const base = this.#commits.get(key)?.stamp ?? this.#stamps.get(key);
      if (base !== undefined) return { links, base };
    }
  }

  /** Applies the differences of a chain, oldest first, and gives the commit that it begins with. */
  #rebuild({ links, base }: Chain): Commit {
    let stamp = base;
    for (let i = links.length - 1; i > 0; i--) {
      const { address, body } = links[i];
      const place = stampPlace(body);
      stamp = stamp === undefined ? decodeEvent(place) : applyEventDelta(stamp, place);
      this.#stamps.set(addressKey(address), stamp);
    }
    const { body } = links[0];
    const under = stamp;
    if (under === undefined) return decodeCommit(body);
    return decodeCommitAs(body, (delta) => applyEventDelta(under, delta));
  }

  /**
   * The entries of a bucket's log, oldest first unless `reverse`. Commits appended meanwhile are
   * left out. Lazy, one entry at a time. REGALIA_CORRUPT where a row within the bounds is absent.
   */
  *log(bucket: Uint8Array, range: LogRange = {}, reads: Reads = this.#reads): Generator<LogEntry> {
    const bounds = this.bounds(bucket, reads);
    const from = Math.max(range.from ?? 0, bounds.first);
    const until = Math.min(range.until ?? bounds.next, bounds.next);
    const count = Math.min(until - from, range.limit ?? Number.POSITIVE_INFINITY);
    for (let i = 0; i < count; i++) {
      const sequence = range.reverse ? until - 1 - i : from + i;
      const entry = this.entryAt(bucket, sequence, reads);
      // Truncation may have raised the first sequence since.
      if (entry !== undefined) yield entry;
    }
  }

  /** The entry at a place of a bucket's log; undefined outside its bounds. */
  entryAt(bucket: Uint8Array, sequence: number, reads: Reads = this.#reads): LogEntry | undefined {
    const key = logKey(bucket, sequence);
    const row = reads.view('log', key);
    if (row === undefined) {
      const { first, next } = this.bounds(bucket, reads);
      if (sequence >= first && sequence < next) throw lostRow(bucket, sequence);
      return undefined;
    }
    const address = copyBytes(openRow('log', key, row));
    const entry = isAddress(address) ? this.entry(address, reads) : undefined;
    if (entry?.sequence === sequence && equalBytes(entry.bucket, bucket)) return entry;
    throw lostRow(bucket, sequence, address);
  }

  count(bucket: Uint8Array, reads: Reads = this.#reads): number {
    const { first, next } = this.bounds(bucket, reads);
    return next - first;
  }

  bounds(bucket: Uint8Array, reads: Reads = this.#reads): LogBounds {
    return readBounds(reads, bucket, this.#reads);
  }
}

/**
 * Both 0 for a bucket that has no commit. REGALIA_CORRUPT where the bounds are lost and the log,
 * as it is stored, is not.
 */
export function readBounds(reads: Reads, bucket: Uint8Array, stored = reads): LogBounds {
  if (bucket.length !== BUCKET_ID_LENGTH) {
    throw badOption('bucket', `${BUCKET_ID_LENGTH} bytes`, `${bucket.length}`);
  }
  const row = reads.view('log', bucket);
  if (row !== undefined) return decodeBounds(openRow('log', bucket, row));
  const range = { gt: bucket, lte: logKey(bucket, 2 ** 48 - 1), limit: 1 };
  // What a batch has put of it, it has put with the bounds.
  for (const { key } of stored.range('log', range)) {
    throw lostRow(bucket, readU48(key.slice(BUCKET_ID_LENGTH).reverse(), 0));
  }
  return { first: 0, next: 0 };
}

export function logKey(bucket: Uint8Array, sequence: number): Uint8Array {
  return concatBytes([bucket, u48Bytes(sequence).reverse()]);
}

export function putBounds(batch: Batch, bucket: Uint8Array, { first, next }: LogBounds): void {
  const body = new ByteWriter(32).u8(BOUNDS_VERSION).varint(first).varint(next).view();
  batch.put('log', bucket, sealRow('log', bucket, body));
}

function decodeBounds(body: Uint8Array): LogBounds {
  const reader = new ByteReader(body, 'log bounds');
  reader.version(BOUNDS_VERSION);
  const first = reader.varint();
  const next = reader.varint();
  if (first > next) reader.fail(`at least ${first}`, `${next}`);
  reader.end();
  return { first, next };
}

/** REGALIA_CORRUPT: a row of the log is absent, or names another commit than it should. */
function lostRow(
  bucket: Uint8Array,
  sequence: number,
  address?: Uint8Array,
): RegaliaError<'REGALIA_CORRUPT'> {
  const actual =
    address === undefined ? 'none' : `commit ${hex(address.subarray(0, ADDRESS_LENGTH))}`;
  const what = `log of bucket ${hex(bucket)}`;
  return corrupt(what, `an entry at ${sequence}`, actual, { key: `${sequence}` });
}

type Parent = Pick<StoredCommit, 'entry' | 'deltas'>;

interface ChainLink {
  readonly address: Address;
  readonly body: Uint8Array;
}

interface Chain {
  /** Along first parents, oldest last. */
  readonly links: readonly ChainLink[];
  /** What the oldest is a difference from; undefined where it is in full. */
  readonly base: Event | undefined;
}

function corruptCommit(address: Address, cause: unknown): RegaliaError<'REGALIA_CORRUPT'> {
  return corrupt('commit', addressText(address), 'bytes that are no commit', { cause });
}

/**
 * The stamp as a difference, or undefined where that does not pay or passes the limits of
 * encodings.
 */
function shorterDelta(base: Event, stamp: Event, length: number): Uint8Array | undefined {
  try {
    const delta = encodeEventDelta(base, stamp);
    return delta.length < length ? delta : undefined;
  } catch (error) {
    if (isRegaliaError(error, 'REGALIA_STAMP')) return undefined;
    throw error;
  }
}

function labels(
  commit: Commit,
  parents: readonly Parent[],
  { absentParents }: LocalFacts,
): Pick<LogEntry, 'height' | 'correctedMs'> {
  let height = absentParents?.height ?? 1;
  let correctedMs = Math.max(commit.timeMs, absentParents?.correctedMs ?? 0);
  for (const { entry: parent } of parents) {
    height = Math.max(height, parent.height + 1);
    correctedMs = Math.max(correctedMs, parent.correctedMs + 1);
  }
  // A peer's clock may say any time: a child must still find room above it.
  assert(Number.isSafeInteger(height), 'a height is below 2^53');
  if (!Number.isSafeInteger(correctedMs)) {
    throw badOption('timeMs', 'a time before 2^53 - 1', `${commit.timeMs}`);
  }
  return { height, correctedMs };
}

/** REGALIA_STAMP unless the stamp is at or above that of a parent of the same bucket. */
function checkStamp(commit: Commit, parent: Commit): void {
  if (!equalBytes(parent.bucket, commit.bucket)) return;
  if (leqEvents(parent.stamp, commit.stamp)) return;
  throw wrongStamp('at or above', parent.stamp, commit.stamp);
}

/** The stamp of a commit is not what its parents' make it. */
export function wrongStamp(
  relation: string,
  expected: Event,
  actual: Event,
): RegaliaError<'REGALIA_STAMP'> {
  const text = (event: Event): string => formatEvent(event).slice(0, 500);
  return badStamp('the stamp of a commit', `${relation} ${text(expected)}`, text(actual));
}

function checkLocal(local: LocalFacts): void {
  for (const option of ['rootBlock', 'headsBlock'] as const) {
    const id = local[option];
    if (id === undefined || (Number.isInteger(id) && id > 0 && id < 2 ** 48)) continue;
    throw badOption(option, 'an integer of 1 to 2^48 - 1', `${id}`);
  }
  const length = local.signature?.length ?? SIGNATURE_LENGTH;
  if (length !== SIGNATURE_LENGTH) {
    throw badOption('signature', `${SIGNATURE_LENGTH} bytes`, `${length}`);
  }
  for (const number of [local.absentParents?.height ?? 1, local.absentParents?.correctedMs ?? 1]) {
    if (Number.isSafeInteger(number) && number >= 0) continue;
    throw badOption('absentParents', 'integers of 0 to 2^53 - 1', `${number}`);
  }
}
