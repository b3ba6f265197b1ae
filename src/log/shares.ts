/**
 * Shares of the clock: the pool of a store, which branch leases which share, and what was last
 * counted on each.
 *
 *     meta   'pool/' levels, 4 digits '/' part    → version u8 | shares given out varint
 *            'share/' id                          → version u8 | ? bucket id 16, branch text
 *            'counted/' id '/' bucket, 32 digits  → version u8 | count varint
 *
 * A pool is parts of the interval that no other store has: the whole where history begins, what a
 * clone was given, what was accepted. From each part shares are given out one by one (clock/id.ts),
 * from the part that lies least deep first, to branches and as grants to other stores. What is
 * granted leaves no row, and is durable before it leaves. So shares are disjoint everywhere, and
 * one that is lost costs nothing but its number.
 *
 * A branch leases a share before its first own commit, and has it until it is deleted. The write
 * that moves its head asks (`countOn`) that what each commit goes on from has, on the share, the
 * count that was last made on it in that bucket. A head that was reset has less, and so has a
 * bucket that came back in an earlier state: then the branch gets a share that nothing was counted
 * on. A free share is leased again to a branch whose head has its last count.
 *
 * So no event is counted twice, and stamps say what was seen: all commits of a bucket that count on
 * one share are a chain, each made on what has the last one's count. A stamp is, at any point, the
 * greatest count of the commits that it has seen; one that has a commit's count has seen that
 * commit, or a later one of its chain, which has. Two commits neither of which has seen the other
 * are not of one chain: each has on its own share a count that the other lacks.
 */
import { openRow, sealRow } from '../blocks/rows.js';
import { countedParts, countsOn, type Event } from '../clock/event.js';
import { type Id, shareAround, shareOf, WHOLE } from '../clock/id.js';
import type { Batch, Reads } from '../engine/engine.js';
import { hex } from '../ground/bytes.js';
import { badStamp, corrupt } from '../ground/errors.js';
import { BRANCH_NAME_BYTES_MAX, STAMP_DEPTH_MAX } from '../ground/limits.js';
import { ByteReader } from '../ground/reader.js';
import { utf8Bytes, utf8Text } from '../ground/text.js';
import { ByteWriter } from '../ground/writer.js';
import { type Branch, putShareOf } from './branches.js';
import { BUCKET_ID_LENGTH, readOptional } from './commit.js';

const ROW_VERSION = 1;
const POOL = 'pool/';
const SHARE = 'share/';
const COUNTED = 'counted/';
/** Digits of the levels in the key of a part: the pool is sorted by them. */
const LEVEL_DIGITS = 4;
/** Rows of free shares that are looked at for one to lease again. */
const LOOKED_AT_MAX = 256;

/** A branch of a bucket. */
export interface Lessee {
  /** The bucket's id. */
  readonly owner: Uint8Array;
  readonly branch: string;
}

/** A part of the pool, and how many of its shares were given out. */
export interface PoolPart {
  readonly part: Id;
  readonly given: number;
}

// The pool.

/** Adds a part, of which nothing was given out. */
export function putPool(batch: Batch, part: Id): void {
  putPart(batch, { part, given: 0 });
}

/** The parts of the pool, those whose next share lies least deep first. */
export function* poolParts(reads: Reads): Generator<PoolPart, void> {
  for (const { key, bytes } of reads.range('meta', within(POOL))) {
    const part = textOf(key).slice(POOL.length + LEVEL_DIGITS + 1);
    const given = decoded(key, bytes, (reader) => reader.varint());
    yield { part, given };
  }
}

/**
 * Gives out a share that nobody ever had, to a branch or another store. Undefined where there is
 * none.
 */
export function giveShare(batch: Batch): Id | undefined {
  const [own] = poolParts(batch);
  const [early] = own === undefined ? sharesIn(batch, WHOLE, 1) : sharesFrom(batch, own);
  if (early !== undefined) throw corrupt('pool of shares', `no share ${early}`, 'one');
  const id = own && shareOf(own.part, own.given + 1);
  // Where the first is too deep, the others are.
  if (own === undefined || id === undefined || id.length > STAMP_DEPTH_MAX) return undefined;
  batch.del('meta', partKey(own));
  putPart(batch, { part: own.part, given: own.given + 1 });
  return id;
}

/** The first share, if any, that a part says it has not given out yet. They ascend. */
export function* sharesFrom(reads: Reads, { part, given }: PoolPart): Generator<Id, void> {
  const gte = shareKey(shareOf(part, given + 1));
  for (const { key } of reads.range('meta', { gte, lt: within(SHARE + part).lt, limit: 1 })) {
    yield textOf(key).slice(SHARE.length);
  }
}

/**
 * Adds a part that another store gave away. REGALIA_STAMP where any of it is here: it was accepted
 * before, or never left. Of what this store gave away, its holder may give shares back.
 */
export function acceptPart(batch: Batch, part: Id): void {
  for (const own of poolParts(batch)) {
    const isWithin = part.startsWith(own.part);
    if (isWithin ? !isBelowGiven(own, part) : own.part.startsWith(part)) throw notDisjoint(part);
  }
  for (let levels = 0; levels <= part.length; levels++) {
    if (batch.view('meta', keyOf(SHARE + part.slice(0, levels))) !== undefined) {
      throw notDisjoint(part);
    }
  }
  for (const _ of sharesIn(batch, part, 1)) throw notDisjoint(part);
  putPool(batch, part);
}

/** Whether an id is a part of a share that was given out, and not the whole of it. */
function isBelowGiven({ part, given }: PoolPart, id: Id): boolean {
  const number = shareAround(part, id);
  return number !== undefined && number <= given && id !== shareOf(part, number);
}

function notDisjoint(part: Id): Error {
  const expected = 'a share of another store, for the first time';
  return badStamp('the grant', expected, `${part}, which this one has or gave away`);
}

function putPart(batch: Batch, { part, given }: PoolPart): void {
  putRow(batch, partKey({ part, given }), new ByteWriter(16).u8(ROW_VERSION).varint(given));
}

function partKey({ part, given }: PoolPart): Uint8Array {
  const levels = `${shareOf(part, given + 1).length}`.padStart(LEVEL_DIGITS, '0');
  return keyOf(`${POOL}${levels}/${part}`);
}

// Leases.

/**
 * Leases a share to a branch whose head has this stamp: a free one that suits it, or a new one.
 * Undefined where there is none. Whoever has one keeps it.
 */
export function leaseShare(
  batch: Batch,
  lessee: Lessee,
  branch: Branch,
  stamp: Event,
): Id | undefined {
  if (branch.id !== undefined) return branch.id;
  const id = seenShare(batch, lessee.owner, stamp) ?? giveShare(batch);
  if (id !== undefined) lease(batch, lessee, id);
  return id;
}

/** Gives a branch a share that nothing was counted on, in place of its own. */
function leaseAnother(batch: Batch, lessee: Lessee): void {
  const id = giveShare(batch);
  if (id === undefined) putShareOf(batch, lessee.owner, lessee.branch, id);
  else lease(batch, lessee, id);
}

function lease(batch: Batch, { owner, branch }: Lessee, id: Id): void {
  putShareOf(batch, owner, branch, id);
  putShare(batch, id, { owner, branch });
}

/** A free share of which a stamp has the last count: its head has seen all that was counted. */
function seenShare(reads: Reads, bucket: Uint8Array, stamp: Event): Id | undefined {
  let left = LOOKED_AT_MAX;
  for (const part of countedParts(stamp)) {
    if (left-- <= 0) return undefined;
    for (const id of sharesIn(reads, part, left)) {
      left--;
      const isFree = lesseeOf(reads, id) === undefined;
      const { least, most } = countsOn(stamp, id);
      // Any other count is odd: a row was lost, or somebody counted who should not.
      if (isFree && least === most && least === lastCount(reads, id, bucket)) return id;
    }
  }
  return undefined;
}

/** The share of a branch that is deleted may be leased again. */
export function freeShare(batch: Batch, id: Id | undefined): void {
  if (id !== undefined) putShare(batch, id, undefined);
}

/** The shares within a part that are leased, or may be again. */
export function* sharesIn(reads: Reads, part: Id, limit = Number.MAX_SAFE_INTEGER): Generator<Id> {
  for (const { key } of reads.range('meta', { ...within(SHARE + part), limit })) {
    yield textOf(key).slice(SHARE.length);
  }
}

/** Who leases a share; undefined where it is free, and where it is not of this store. */
export function lesseeOf(reads: Reads, id: Id): Lessee | undefined {
  const key = shareKey(id);
  const row = reads.view('meta', key);
  return row && decoded(key, row, readLessee);
}

function putShare(batch: Batch, id: Id, lessee: Lessee | undefined): void {
  const writer = new ByteWriter(64).u8(ROW_VERSION);
  if (lessee === undefined) writer.u8(0);
  else writer.u8(1).bytes(lessee.owner).text(lessee.branch);
  putRow(batch, shareKey(id), writer);
}

function readLessee(reader: ByteReader): Lessee | undefined {
  return readOptional(reader, () => {
    const owner = reader.bytes(BUCKET_ID_LENGTH).slice();
    return { owner, branch: reader.text(BRANCH_NAME_BYTES_MAX) };
  });
}

// Counts.

/** A commit that is about to count: its bucket, what it goes on from, and its own stamp. */
export interface Counting {
  readonly bucket: Uint8Array;
  readonly from: Event;
  readonly to: Event;
}

/**
 * Whether these commits may count on the share of their branch; then that they did is written, and
 * they must be. Where they may not, the branch has another share afterwards: make them again.
 */
export function countOn(
  batch: Batch,
  lessee: Lessee,
  branch: Branch,
  commits: readonly Counting[],
): boolean {
  const { id } = branch;
  if (id === undefined) return commits.length === 0;
  for (const { bucket, from } of commits) {
    if (countsOn(from, id).least >= lastCount(batch, id, bucket)) continue;
    freeShare(batch, id);
    leaseAnother(batch, lessee);
    return false;
  }
  for (const { bucket, to } of commits) {
    const count = countsOn(to, id).most;
    putRow(batch, countKey(id, bucket), new ByteWriter(16).u8(ROW_VERSION).varint(count));
  }
  return true;
}

/** The last count on a share in a bucket; 0 where there is none. */
function lastCount(reads: Reads, id: Id, bucket: Uint8Array): number {
  const key = countKey(id, bucket);
  const row = reads.view('meta', key);
  return row === undefined ? 0 : decoded(key, row, (reader) => reader.varint());
}

function countKey(id: Id, bucket: Uint8Array): Uint8Array {
  return keyOf(`${COUNTED}${id}/${hex(bucket)}`);
}

// Rows.

/** Reads any row of these. REGALIA_CORRUPT, REGALIA_FORMAT, REGALIA_VERSION. */
export function checkShareRow(key: Uint8Array, row: Uint8Array): void {
  const isOf = (prefix: string): boolean => textOf(key).startsWith(prefix);
  if (isOf(SHARE)) decoded(key, row, readLessee);
  else if (isOf(POOL) || isOf(COUNTED)) decoded(key, row, (reader) => reader.varint());
}

function decoded<T>(key: Uint8Array, row: Uint8Array, read: (reader: ByteReader) => T): T {
  const reader = new ByteReader(openRow('meta', key, row), 'row of a share');
  reader.version(ROW_VERSION);
  const found = read(reader);
  reader.end();
  return found;
}

function putRow(batch: Batch, key: Uint8Array, writer: ByteWriter): void {
  batch.put('meta', key, sealRow('meta', key, writer.view()));
}

export function shareKey(id: Id): Uint8Array {
  return keyOf(SHARE + id);
}

function keyOf(text: string): Uint8Array {
  return utf8Bytes(text);
}

function textOf(key: Uint8Array): string {
  return utf8Text(key) ?? hex(key);
}

/** The keys that begin with a text: ids and digits alone follow. */
function within(text: string): { gte: Uint8Array; lt: Uint8Array } {
  return { gte: keyOf(text), lt: keyOf(`${text}\x7f`) };
}
