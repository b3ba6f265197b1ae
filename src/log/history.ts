/**
 * History: every commit that a store keeps, by address and, per bucket, in the order of arrival.
 *
 *     commits   address 33 → the entry and its commit (entry.ts)
 *     log       bucket and sequence → address 33 (sequence.ts)
 *
 * Invariants: parents are appended before their children, or the caller says that they are absent; what `commit`
 * returns hashes to its address; a row that is absent where the bounds of the log want one is REGALIA_CORRUPT. A stamp is stored as a difference from its first parent's where that is shorter.
 */
import {
  type Address,
  addressKey,
  addressOf,
  addressText,
  isAddress,
  verifyBlock,
} from '../blocks/address.js';
import type { Batch, Reads } from '../blocks/backend.js';
import { openRow, sealRow } from '../blocks/rows.js';
import { equalBytes } from '../bytes.js';
import { applyEventDelta, encodeEventDelta } from '../clock/delta.js';
import { encodeEvent } from '../clock/encoding.js';
import { type Event, formatEvent, leqEvents } from '../clock/event.js';
import { assert, isRegaliaError, RegaliaError } from '../errors.js';
import {
  type Commit,
  decodeCommit,
  decodeCommitAs,
  encodeCommit,
  encodeCommitAs,
  optionError,
} from './commit.js';
import {
  type BlockIds,
  DELTAS_MAX,
  type LogEntry,
  openEntry,
  SIGNATURE_LENGTH,
  type StoredCommit,
  sealEntry,
} from './entry.js';
import { type LogBounds, logKey, lostRow, putBounds, readBounds } from './sequence.js';

const CACHED_COMMITS_MAX = 512;

/** What a store knows of a commit that it appends. */
export interface LocalFacts extends BlockIds {
  readonly signature?: Uint8Array | undefined;
  /**
   * Given where some parents are not here and shall not be (truncated, or yet to come): the least height and corrected
   * date that the commit may have, so that they stay above those of the absent parents.
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
  readonly #cache = new Map<string, Commit>();

  constructor(reads: Reads) {
    this.#reads = reads;
  }

  /**
   * Appends a commit to its bucket's log; one that is there already is left as it is, and its entry returned.
   * REGALIA_HORIZON where a parent is absent and `absentParents` is not given; REGALIA_STAMP where the stamp is not at
   * or above each parent's of the same bucket; REGALIA_OPTION where a field is out of its limits.
   */
  append(batch: Batch, commit: Commit, local: LocalFacts): LogEntry {
    checkLocal(local);
    const block = encodeCommit(commit);
    const address = addressOf(commit.algorithm, block);
    const existing = this.entry(address, batch);
    if (existing !== undefined) return existing;
    const parents = this.#parentsOf(commit, local, batch);
    this.#checkStamp(commit, parents, batch);
    const bounds = this.bounds(commit.bucket, batch);
    const entry: LogEntry = {
      address,
      bucket: commit.bucket,
      parents: commit.parents,
      sequence: bounds.next,
      ...labels(commit, parents, local),
      ...this.#jumpOf(commit, bounds.next, batch),
      rootBlock: local.rootBlock,
      headsBlock: local.headsBlock,
      movesBlock: local.movesBlock,
      signature: local.signature,
    };
    this.#put(batch, entry, commit, block);
    putBounds(batch, commit.bucket, { first: bounds.first, next: bounds.next + 1 });
    this.#remember(addressKey(address), commit);
    return entry;
  }

  #put(batch: Batch, entry: LogEntry, commit: Commit, block: Uint8Array): void {
    const { deltas, body } = this.#storedForm(commit, block, batch);
    batch.put('commits', entry.address, sealEntry(entry, deltas, body));
    const key = logKey(entry.bucket, entry.sequence);
    batch.put('log', key, sealRow('log', key, entry.address));
  }

  /** The block itself, or with a difference for a stamp where that is shorter and the chain not too long. */
  #storedForm(
    commit: Commit,
    block: Uint8Array,
    reads: Reads,
  ): { deltas: number; body: Uint8Array } {
    const full = { deltas: 0, body: block };
    const [first] = commit.parents;
    const parent = first && this.#stored(first, reads);
    if (first === undefined || parent === undefined || parent.deltas >= DELTAS_MAX) return full;
    const base = this.commit(first, reads).stamp;
    const delta = shorterDelta(base, commit.stamp);
    if (delta === undefined) return full;
    return { deltas: parent.deltas + 1, body: encodeCommitAs(commit, delta) };
  }

  #parentsOf(commit: Commit, local: LocalFacts, reads: Reads): LogEntry[] {
    const present: LogEntry[] = [];
    for (const address of commit.parents) {
      const parent = this.entry(address, reads);
      if (parent !== undefined) present.push(parent);
      else if (local.absentParents === undefined) throw horizonError(address);
    }
    return present;
  }

  #checkStamp(commit: Commit, parents: readonly LogEntry[], reads: Reads): void {
    for (const { address, bucket } of parents) {
      if (!equalBytes(bucket, commit.bucket)) continue;
      const { stamp } = this.commit(address, reads);
      if (leqEvents(stamp, commit.stamp)) continue;
      const expected = `a stamp at or above ${formatEvent(stamp).slice(0, 500)}`;
      const actual = formatEvent(commit.stamp).slice(0, 500);
      throw new RegaliaError(
        'REGALIA_STAMP',
        `the stamp of a commit is not at or above that of its parent ${addressText(address)}`,
        { expected, actual },
      );
    }
  }

  /** The place of a new commit on its chain of first parents. */
  #jumpOf(commit: Commit, sequence: number, reads: Reads): Pick<LogEntry, 'spine' | 'jump'> {
    const [first] = commit.parents;
    const parent = first && this.entry(first, reads);
    if (parent === undefined || !equalBytes(parent.bucket, commit.bucket)) {
      return { spine: 0, jump: sequence };
    }
    const spine = parent.spine + 1;
    const near = this.entryAt(commit.bucket, parent.jump, reads);
    const far = near && this.entryAt(commit.bucket, near.jump, reads);
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
   * The commit of that address, verified. REGALIA_MISSING where it is not here, REGALIA_CORRUPT where its row, or one
   * that it is stored as a difference from, is damaged.
   */
  commit(address: Address, reads: Reads = this.#reads): Commit {
    const key = addressKey(address);
    const cached = this.#cache.get(key);
    if (cached !== undefined && reads.view('commits', address) !== undefined) return cached;
    const commit = this.#load(address, reads);
    this.#remember(key, commit);
    return commit;
  }

  #load(address: Address, reads: Reads): Commit {
    const chain = this.#chainOf(address, reads);
    try {
      const commit = rebuild(chain);
      verifyBlock(address, encodeCommit(commit), 'commit');
      return commit;
    } catch (error) {
      if (isRegaliaError(error, 'REGALIA_CORRUPT') || isRegaliaError(error, 'REGALIA_VERSION')) {
        throw error;
      }
      throw corruptCommit(address, error);
    }
  }

  /** Collects what rebuilds a commit, down to one in full or to one whose stamp is known. */
  #chainOf(address: Address, reads: Reads): Chain {
    const bodies: Uint8Array[] = [];
    let expected: number | undefined;
    for (let at = address; ; ) {
      const stored = this.#stored(at, reads);
      if (stored === undefined) throw missingCommit(at);
      if (stored.deltas !== (expected ?? stored.deltas)) throw corruptCommit(address, undefined);
      // The view is spoiled by the next read.
      bodies.push(stored.body.slice());
      if (stored.deltas === 0) return { bodies, base: undefined };
      expected = stored.deltas - 1;
      at = stored.links.parents[0] as Address;
      const known = this.#cache.get(addressKey(at));
      if (known !== undefined) return { bodies, base: known.stamp };
    }
  }

  #remember(key: string, commit: Commit): void {
    if (this.#cache.size >= CACHED_COMMITS_MAX) {
      const [oldest] = this.#cache.keys();
      if (oldest !== undefined) this.#cache.delete(oldest);
    }
    this.#cache.set(key, commit);
  }

  /**
   * The entries of a bucket's log, oldest first unless `reverse`. Commits appended meanwhile are left out. Lazy, one
   * entry at a time. REGALIA_CORRUPT where a row within the bounds is absent.
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
      if (entry === undefined && sequence >= this.bounds(bucket, reads).first) {
        throw lostRow(bucket, sequence);
      }
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
    const address = openRow('log', key, row).slice();
    const entry = isAddress(address) ? this.entry(address, reads) : undefined;
    if (entry?.sequence === sequence && equalBytes(entry.bucket, bucket)) return entry;
    throw lostRow(bucket, sequence, address);
  }

  /** How many commits of the bucket are kept. */
  count(bucket: Uint8Array, reads: Reads = this.#reads): number {
    const { first, next } = this.bounds(bucket, reads);
    return next - first;
  }

  /** Both 0 for a bucket that has no commit. REGALIA_CORRUPT where the bounds are lost and the log is not. */
  bounds(bucket: Uint8Array, reads: Reads = this.#reads): LogBounds {
    return readBounds(reads, bucket);
  }
}

interface Chain {
  /** Stored forms along first parents, oldest last. */
  readonly bodies: readonly Uint8Array[];
  /** What the oldest is a difference from; undefined where it is in full. */
  readonly base: Event | undefined;
}

/** Applies the differences of a chain, oldest first, and gives the commit that it begins with. */
function rebuild({ bodies, base }: Chain): Commit {
  let stamp = base;
  for (let i = bodies.length - 1; i >= 0; i--) {
    const under = stamp;
    const body = bodies[i] as Uint8Array;
    const commit =
      under === undefined
        ? decodeCommit(body)
        : decodeCommitAs(body, (delta) => applyEventDelta(under, delta));
    if (i === 0) return commit;
    stamp = commit.stamp;
  }
  throw new Error('regalia: a chain has a commit');
}

/** The stamp as a difference, or undefined where that does not pay or passes the limits of encodings. */
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
  parents: readonly LogEntry[],
  { absentParents }: LocalFacts,
): Pick<LogEntry, 'height' | 'correctedMs'> {
  let height = absentParents?.height ?? 1;
  let correctedMs = Math.max(commit.timeMs, absentParents?.correctedMs ?? 0);
  for (const parent of parents) {
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
    if (Number.isInteger(id) && id >= 0 && id < 2 ** 48) continue;
    throw optionError(option, 'an integer of 0 to 2^48 - 1', `${id}`);
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

/** REGALIA_HORIZON: history goes on in a commit that is not here. */
export function horizonError(commit: Address): RegaliaError<'REGALIA_HORIZON'> {
  const text = addressText(commit);
  return new RegaliaError('REGALIA_HORIZON', `history goes on in ${text}, which is not here`, {
    commit: text,
  });
}

/** REGALIA_MISSING: the commit is not here. */
export function missingCommit(address: Address): RegaliaError<'REGALIA_MISSING'> {
  const text = addressText(address);
  return new RegaliaError('REGALIA_MISSING', `commit ${text} is not here`, { address: text });
}

function corruptCommit(address: Address, cause: unknown): RegaliaError<'REGALIA_CORRUPT'> {
  const expected = addressText(address);
  return new RegaliaError(
    'REGALIA_CORRUPT',
    `commit ${expected} is damaged`,
    { what: 'commit', expected, actual: 'bytes that are no commit' },
    { cause },
  );
}
