/**
 * History: every commit that a store keeps, by address and, per bucket, in the order of arrival.
 *
 *     commits   address 33 → the entry and its commit (entry.ts)
 *     log       bucket and sequence → address 33 (sequence.ts)
 *
 * Invariants: parents are appended before their children, or the caller says that they are absent;
 * what `commit` returns hashes to its address; a row that is absent where the log's bounds, a
 * difference or a parent that was here want one is REGALIA_CORRUPT. A stamp is stored as a
 * difference from its first parent's where that is shorter.
 */
import {
  type Address,
  addressKey,
  addressOf,
  addressText,
  isAddress,
  sameAddress,
  verifyBlock,
} from '../blocks/address.js';
import { openRow, sealRow } from '../blocks/rows.js';
import { applyEventDelta, encodeEventDelta } from '../clock/delta.js';
import { decodeEvent, encodeEvent } from '../clock/encoding.js';
import { type Event, formatEvent, leqEvents } from '../clock/event.js';
import type { Batch, Reads } from '../engine/engine.js';
import { copyBytes, equalBytes } from '../ground/bytes.js';
import { assert, isRegaliaError, RegaliaError } from '../ground/errors.js';
import { DELTAS_MAX } from '../ground/limits.js';
import { corruptCommit, horizonError, missingCommit } from './absence.js';
import {
  type Commit,
  decodeCommit,
  decodeCommitAs,
  encodeCommit,
  encodeCommitAs,
  optionError,
  stampPlace,
} from './commit.js';
import {
  type BlockIds,
  type LogEntry,
  openEntry,
  SIGNATURE_LENGTH,
  type StoredCommit,
  sealEntry,
} from './entry.js';
import { type LogBounds, logKey, lostRow, putBounds, readBounds } from './sequence.js';

const CACHED_COMMITS_MAX = 512;
const CACHED_STAMPS_MAX = 512;

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
  /** Verified commits; oldest out first. Whether a commit is here is always asked of its row. */
  readonly #commits = new Map<string, Commit>();
  /**
   * Stamps that others are differences from. Not verified for themselves: what is rebuilt from them
   * is.
   */
  readonly #stamps = new Map<string, Event>();

  constructor(reads: Reads) {
    this.#reads = reads;
  }

  /**
   * Appends a commit to its bucket's log; one that is there already is left as it is, and its entry
   * returned. REGALIA_HORIZON where a parent is absent and `absentParents` is not given;
   * REGALIA_STAMP where the stamp is not at or above each parent's of the same bucket;
   * REGALIA_OPTION where a field is out of its limits.
   */
  append(batch: Batch, commit: Commit, local: LocalFacts): LogEntry {
    checkLocal(local);
    const block = encodeCommit(commit);
    const address = addressOf(commit.algorithm, block);
    const existing = this.entry(address, batch);
    if (existing !== undefined) return existing;
    const parents = this.#parentsOf(commit, local, batch);
    for (const parent of parents) this.#checkStamp(commit, parent.entry, batch);
    const first = this.#firstOf(commit, parents);
    const bounds = this.bounds(commit.bucket, batch);
    const entry: LogEntry = {
      address,
      bucket: commit.bucket,
      parents: commit.parents,
      sequence: bounds.next,
      ...labels(commit, parents, local),
      ...this.#jumpOf(commit.bucket, bounds.next, first?.entry, batch),
      rootBlock: local.rootBlock,
      headsBlock: local.headsBlock,
      movesBlock: local.movesBlock,
      cut: parents.length < commit.parents.length,
      signature: local.signature,
    };
    const { deltas, body } = this.#storedForm(commit, block, first, batch);
    batch.put('commits', address, sealEntry(entry, deltas, body));
    const key = logKey(commit.bucket, entry.sequence);
    batch.put('log', key, sealRow('log', key, address));
    putBounds(batch, commit.bucket, { first: bounds.first, next: bounds.next + 1 });
    remember(this.#commits, CACHED_COMMITS_MAX, addressKey(address), commit);
    return entry;
  }

  #firstOf({ parents: [first] }: Commit, present: readonly Parent[]): Parent | undefined {
    const [parent] = present;
    if (first === undefined || parent === undefined) return undefined;
    return sameAddress(first, parent.entry.address) ? parent : undefined;
  }

  /**
   * The block itself, or with a difference for a stamp where that is shorter and the chain not too
   * long.
   */
  #storedForm(
    commit: Commit,
    block: Uint8Array,
    first: Parent | undefined,
    reads: Reads,
  ): { deltas: number; body: Uint8Array } {
    const full = { deltas: 0, body: block };
    if (first === undefined || first.deltas >= DELTAS_MAX) return full;
    const delta = shorterDelta(this.commit(first.entry.address, reads).stamp, commit.stamp);
    if (delta === undefined) return full;
    return { deltas: first.deltas + 1, body: encodeCommitAs(commit, delta) };
  }

  #parentsOf(commit: Commit, local: LocalFacts, reads: Reads): Parent[] {
    const present: Parent[] = [];
    for (const address of commit.parents) {
      const parent = this.#stored(address, reads);
      if (parent !== undefined) present.push({ entry: parent.entry, deltas: parent.deltas });
      else if (local.absentParents === undefined) throw horizonError(address);
    }
    return present;
  }

  #checkStamp(commit: Commit, parent: LogEntry, reads: Reads): void {
    if (!equalBytes(parent.bucket, commit.bucket)) return;
    const { stamp } = this.commit(parent.address, reads);
    if (leqEvents(stamp, commit.stamp)) return;
    const text = addressText(parent.address);
    throw new RegaliaError(
      'REGALIA_STAMP',
      `the stamp of a commit is not at or above that of its parent ${text}`,
      {
        expected: `a stamp at or above ${formatEvent(stamp).slice(0, 500)}`,
        actual: formatEvent(commit.stamp).slice(0, 500),
      },
    );
  }

  /** The place of a new commit on its chain of first parents. */
  #jumpOf(
    bucket: Uint8Array,
    sequence: number,
    parent: LogEntry | undefined,
    reads: Reads,
  ): Pick<LogEntry, 'spine' | 'jump'> {
    if (parent === undefined || !equalBytes(parent.bucket, bucket)) {
      return { spine: 0, jump: sequence };
    }
    const spine = parent.spine + 1;
    const near = this.entryAt(bucket, parent.jump, reads);
    const far = near && this.entryAt(bucket, near.jump, reads);
    if (near === undefined || far === undefined) return { spine, jump: parent.sequence };
    const equalStrides = parent.spine - near.spine === near.spine - far.spine;
    return { spine, jump: equalStrides ? far.sequence : parent.sequence };
  }

  /** The entry of a commit, or undefined where it is not here. */
  entry(address: Address, reads: Reads = this.#reads): LogEntry | undefined {
    return this.#stored(address, reads)?.entry;
  }

  #stored(address: Address, reads: Reads): StoredCommit | undefined {
    const row = reads.view('commits', address);
    if (row === undefined) return undefined;
    return openEntry(address, row);
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
    remember(this.#commits, CACHED_COMMITS_MAX, key, commit);
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
      // The view is spoiled by the next read.
      links.push({ address: at, body: copyBytes(stored.body) });
      if (stored.deltas === 0) return { links, base: undefined };
      expected = stored.deltas - 1;
      at = stored.links.parents[0] as Address;
      const key = addressKey(at);
      const base = this.#commits.get(key)?.stamp ?? this.#stamps.get(key);
      if (base !== undefined) return { links, base };
    }
  }

  /** Applies the differences of a chain, oldest first, and gives the commit that it begins with. */
  #rebuild({ links, base }: Chain): Commit {
    let stamp = base;
    for (let i = links.length - 1; i > 0; i--) {
      const { address, body } = links[i] as ChainLink;
      const place = stampPlace(body);
      stamp = stamp === undefined ? decodeEvent(place) : applyEventDelta(stamp, place);
      remember(this.#stamps, CACHED_STAMPS_MAX, addressKey(address), stamp);
    }
    const { body } = links[0] as ChainLink;
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

  /** How many commits of the bucket are kept. */
  count(bucket: Uint8Array, reads: Reads = this.#reads): number {
    const { first, next } = this.bounds(bucket, reads);
    return next - first;
  }

  /**
   * Both 0 for a bucket that has no commit. REGALIA_CORRUPT where the bounds are lost and the log
   * is not.
   */
  bounds(bucket: Uint8Array, reads: Reads = this.#reads): LogBounds {
    return readBounds(reads, bucket);
  }
}

/** A parent that is here. */
type Parent = Pick<StoredCommit, 'entry' | 'deltas'>;

interface ChainLink {
  readonly address: Address;
  /** The stored form. */
  readonly body: Uint8Array;
}

interface Chain {
  /** Along first parents, oldest last. */
  readonly links: readonly ChainLink[];
  /** What the oldest is a difference from; undefined where it is in full. */
  readonly base: Event | undefined;
}

/** Puts into a map that is bounded: oldest out first. */
function remember<T>(map: Map<string, T>, limit: number, key: string, held: T): void {
  if (map.size >= limit && !map.has(key)) {
    for (const oldest of map.keys()) {
      map.delete(oldest);
      break;
    }
  }
  map.set(key, held);
}

/**
 * The stamp as a difference, or undefined where that does not pay or passes the limits of
 * encodings.
 */
function shorterDelta(base: Event, stamp: Event): Uint8Array | undefined {
  try {
    const delta = encodeEventDelta(base, stamp);
    return delta.length < encodeEvent(stamp).length ? delta : undefined;
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
    throw optionError('timeMs', 'a time before 2^53 - 1', `${commit.timeMs}`);
  }
  return { height, correctedMs };
}

function checkLocal(local: LocalFacts): void {
  for (const option of ['rootBlock', 'headsBlock', 'movesBlock'] as const) {
    const id = local[option];
    if (id === undefined || (Number.isInteger(id) && id > 0 && id < 2 ** 48)) continue;
    throw optionError(option, 'an integer of 1 to 2^48 - 1, or undefined', `${id}`);
  }
  const length = local.signature?.length ?? SIGNATURE_LENGTH;
  if (length !== SIGNATURE_LENGTH) {
    throw optionError('signature', `${SIGNATURE_LENGTH} bytes`, `${length}`);
  }
  for (const number of [local.absentParents?.height ?? 1, local.absentParents?.correctedMs ?? 1]) {
    if (Number.isSafeInteger(number) && number >= 0) continue;
    throw optionError('absentParents', 'integers of 0 to 2^53 - 1', `${number}`);
  }
}
