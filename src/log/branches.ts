/**
 * Branches and tags: the only mutable things, one row of table `heads` each.
 *
 *     bucket id 16 | 'b' | name → version u8 | next name text | head 33 | id ? text
 *                                | moved ? position varint, time varint
 *     bucket id 16 | 't' | name → version u8 | next name text | commit 33
 *     bucket id 16              → version u8 | first branch text | first tag text
 *
 * `?` is a byte 0, or 1 and what it announces. Each row names the one that follows it, the last
 * none: so the row before a name proves that there is none of that name, and one that the engine
 * lost does not pass for absent. A branch has an id once it has committed (see shares.ts). Names
 * follow git's reference names in spirit: 1 to 255 bytes of UTF-8, parts joined by '/', as
 * `replica/<id>/main`.
 */
import type { Address } from '../blocks/address.js';
import { openRow, sealRow } from '../blocks/rows.js';
import { type Id, isId } from '../clock/id.js';
import type { Batch, Reads } from '../engine/engine.js';
import { compareBytes, concatBytes, copyBytes, EMPTY, equalBytes, hex } from '../ground/bytes.js';
import { badOption, corrupt, type RegaliaError } from '../ground/errors.js';
import { BRANCH_NAME_BYTES_MAX, STAMP_DEPTH_MAX } from '../ground/limits.js';
import { ByteReader } from '../ground/reader.js';
import { utf8Bytes, utf8Text } from '../ground/text.js';
import { ByteWriter } from '../ground/writer.js';
import { BUCKET_ID_LENGTH, readAddress, readOptional } from './commit.js';

const ROW_VERSION = 1;
/** The letters of branches and tags in keys. Persisted: never change. */
export const BRANCH = 0x62;
export const TAG = 0x74;
type Sort = typeof BRANCH | typeof TAG;

export interface Branch {
  readonly head: Address;
  /** The share of the clock that its commits count on; undefined before the first. */
  readonly id: Id | undefined;
  /** The newest row of its reflog (see reflog.ts). */
  readonly moved: { readonly position: number; readonly timeMs: number } | undefined;
}

export interface NamedBranch extends Branch {
  readonly name: string;
}

export interface Tag {
  readonly name: string;
  readonly commit: Address;
}

const TRACKING = /^replica\/[0-9a-f]{32}\/./;

/** Whether a branch follows one of another replica, `replica/ID/BRANCH`: imports alone move it. */
export function isTracking(name: string): boolean {
  return TRACKING.test(name);
}

/** REGALIA_OPTION where `name` can't name a branch or a tag. */
export function checkRefName(name: string): void {
  const fault = refNameFault(name);
  if (fault === undefined) return;
  const actual = name.length > 0 && name.length <= 100 ? name : `one of ${name.length} characters`;
  throw badOption('name', `a branch or tag name ${fault}`, actual);
}

/**
 * REGALIA_OPTION where nobody here may give a new branch or tag that `name`: names under `replica/`
 * are those of tracking branches, which imports alone make.
 */
export function checkNewName(option: string, name: string): void {
  checkRefName(name);
  if (!name.startsWith('replica/')) return;
  throw badOption(option, 'a name that is not under replica/, as tracking branches are', name);
}

/** What a name has to be and is not, or undefined. Queries use the characters that are refused. */
function refNameFault(name: string): string | undefined {
  if (!name.isWellFormed()) return 'without a lone surrogate';
  const bytes = utf8Bytes(name).length;
  if (bytes === 0 || bytes > BRANCH_NAME_BYTES_MAX) return `of 1 to ${BRANCH_NAME_BYTES_MAX} bytes`;
  if (/[\0-\x1f\x7f]/.test(name)) return 'without control characters';
  const [query] = /[ ~^:?*[\\]|@\{/.exec(name) ?? [];
  if (query !== undefined)
    return query === ' ' ? 'without spaces' : `without the character ${query}`;
  if (name.startsWith('-')) return "that doesn't begin with -, as an option does";
  if (name.includes('..')) return 'without two dots in a row';
  if (name === '@') return 'other than @';
  const parts = name.split('/');
  if (parts.includes('')) return 'without an empty part';
  if (!parts.some((part) => /^\.|\.$|\.lock$/.test(part))) return undefined;
  return 'no part of which begins or ends with a dot, or ends with .lock';
}

export function branch(reads: Reads, bucket: Uint8Array, name: string): Branch | undefined {
  const body = readNamed(reads, bucket, BRANCH, name);
  return body && decodeBranch(body);
}

/** The row of one branch that is read again and again: decoded only where it has changed. */
export class BranchRow {
  protected readonly bucket: Uint8Array;
  protected readonly name: string;
  protected readonly key: Uint8Array;
  /** The row as it was last read or put, and what follows it. */
  protected last:
    | { readonly row: Uint8Array; readonly next: string; readonly branch: Branch }
    | undefined;

  constructor(bucket: Uint8Array, name: string) {
    checkRefName(name);
    this.bucket = bucket;
    this.name = name;
    this.key = namedKey(bucket, BRANCH, name);
  }

  /** The branch, or undefined where there is none. An unchanged row gives the same object. */
  read(reads: Reads): Branch | undefined {
    const row = reads.view('heads', this.key);
    if (row === undefined) {
      placeOf(reads, this.bucket, BRANCH, this.name);
      this.last = undefined;
      return undefined;
    }
    if (this.last === undefined || !equalBytes(this.last.row, row)) {
      const { next, body } = decodeLink(openRow('heads', this.key, row));
      this.last = { row: copyBytes(row), next, branch: decodeBranch(body) };
    }
    return this.last.branch;
  }
}

/** The same for the door, which alone moves heads (commit/door). */
export class HeadRow extends BranchRow {
  /** Puts a branch that was just read through this batch, or was not there. */
  put(batch: Batch, branch: Branch): void {
    const { key, last } = this;
    if (last === undefined) putBranch(batch, this.bucket, this.name, branch);
    else {
      const { next } = last;
      const row = sealLink(key, { next, body: encodeBranch(branch) });
      batch.put('heads', key, row);
      // Where it is not written after all, the row that is read next is another.
      this.last = { row, next, branch };
    }
  }

  /** Whether there was such a branch. Its share goes with it: the caller frees it. */
  del(batch: Batch): boolean {
    return delBranch(batch, this.bucket, this.name);
  }
}

/** Gives a branch that is there another share of the clock. Its head stays. */
export function putShareOf(
  batch: Batch,
  bucket: Uint8Array,
  name: string,
  id: Id | undefined,
): void {
  const there = branch(batch, bucket, name);
  if (there !== undefined) putBranch(batch, bucket, name, { ...there, id });
}

export function putBranch(batch: Batch, bucket: Uint8Array, name: string, branch: Branch): void {
  putNamed(batch, bucket, BRANCH, name, encodeBranch(branch));
}

function encodeBranch({ head, id, moved }: Branch): Uint8Array {
  const writer = new ByteWriter(128).bytes(head);
  if (id === undefined) writer.u8(0);
  else writer.u8(1).text(id);
  if (moved === undefined) writer.u8(0);
  else writer.u8(1).varint(moved.position).varint(moved.timeMs);
  return writer.view();
}

export function delBranch(batch: Batch, bucket: Uint8Array, name: string): boolean {
  return delNamed(batch, bucket, BRANCH, name);
}

/** All branches of the bucket, by name in bytewise order. */
export function* branches(reads: Reads, bucket: Uint8Array): Generator<NamedBranch> {
  for (const { name, body } of allNamed(reads, bucket, BRANCH)) {
    yield { name, ...decodeBranch(body) };
  }
}

export function tag(reads: Reads, bucket: Uint8Array, name: string): Address | undefined {
  const body = readNamed(reads, bucket, TAG, name);
  return body && decodeTag(body);
}

export function putTag(batch: Batch, bucket: Uint8Array, name: string, commit: Address): void {
  putNamed(batch, bucket, TAG, name, commit);
}

export function delTag(batch: Batch, bucket: Uint8Array, name: string): boolean {
  return delNamed(batch, bucket, TAG, name);
}

/** All tags of the bucket, by name in bytewise order. */
export function* tags(reads: Reads, bucket: Uint8Array): Generator<Tag> {
  const rows = allNamed(reads, bucket, TAG);
  for (const { name, body } of rows) yield { name, commit: decodeTag(body) };
}

function decodeBranch(body: Uint8Array): Branch {
  return decodeRow(body, 'branch row', (reader) => ({
    head: readAddress(reader),
    id: readOptional(reader, readId),
    moved: readOptional(reader, () => ({ position: reader.varint(), timeMs: reader.varint() })),
  }));
}

export function readId(reader: ByteReader): Id {
  const id = reader.text(STAMP_DEPTH_MAX);
  return isId(id) ? id : reader.fail('an id', id.slice(0, 100));
}

function decodeTag(body: Uint8Array): Address {
  return decodeRow(body, 'tag row', readAddress);
}

function decodeRow<T>(body: Uint8Array, what: string, read: (reader: ByteReader) => T): T {
  const reader = new ByteReader(body, what);
  const found = read(reader);
  reader.end();
  return found;
}

/** A row as it is stored: the name that comes next, or none, and what the row is about. */
interface Link {
  readonly next: string;
  readonly body: Uint8Array;
}

/** Where a name is or would be: the one before it, or none, with its row or that of the bucket. */
interface Place {
  readonly before: string;
  readonly link: Link;
}

function readNamed(
  reads: Reads,
  bucket: Uint8Array,
  sort: Sort,
  name: string,
): Uint8Array | undefined {
  checkRefName(name);
  const link = linkAt(reads, bucket, sort, name);
  if (link === undefined) placeOf(reads, bucket, sort, name);
  return link?.body;
}

function putNamed(
  batch: Batch,
  bucket: Uint8Array,
  sort: Sort,
  name: string,
  body: Uint8Array,
): void {
  checkRefName(name);
  let next = linkAt(batch, bucket, sort, name)?.next;
  if (next === undefined) {
    const place = placeOf(batch, bucket, sort, name);
    next = place.link.next;
    putNext(batch, bucket, sort, place, name);
  }
  putLink(batch, bucket, sort, name, { next, body });
}

function delNamed(batch: Batch, bucket: Uint8Array, sort: Sort, name: string): boolean {
  checkRefName(name);
  const link = linkAt(batch, bucket, sort, name);
  const place = placeOf(batch, bucket, sort, name, link !== undefined);
  if (link === undefined) return false;
  batch.del('heads', namedKey(bucket, sort, name));
  putNext(batch, bucket, sort, place, link.next);
  return true;
}

/**
 * The place of a name by the row before it, which names the one after. REGALIA_CORRUPT where that
 * row is not there, or the name is and should not be.
 */
function placeOf(
  reads: Reads,
  bucket: Uint8Array,
  sort: Sort,
  name: string,
  isThere = false,
): Place {
  const range = { gt: namedKey(bucket, sort, ''), lt: namedKey(bucket, sort, name) };
  let place: Place = { before: '', link: firstLink(reads, bucket, sort) };
  for (const { key, bytes } of reads.range('heads', { ...range, reverse: true, limit: 1 })) {
    place = { before: nameIn(bucket, key), link: decodeLink(openRow('heads', key, bytes)) };
  }
  const { next } = place.link;
  if (isThere ? next === name : next === '' || isBefore(name, next)) return place;
  throw lostRow(bucket, next, isThere ? name : 'none');
}

function putNext(
  batch: Batch,
  bucket: Uint8Array,
  sort: Sort,
  { before, link: { body } }: Place,
  next: string,
): void {
  if (before === '') putFirst(batch, bucket, sort, next);
  else putLink(batch, bucket, sort, before, { next, body });
}

/** REGALIA_CORRUPT where the rows are not those that name each other. */
function* allNamed(
  reads: Reads,
  bucket: Uint8Array,
  sort: Sort,
): Generator<{ readonly name: string; readonly body: Uint8Array }> {
  const range = { gt: namedKey(bucket, sort, ''), lt: namedKey(bucket, (sort + 1) as Sort, '') };
  let before = '';
  let { next } = firstLink(reads, bucket, sort);
  for (const { key, bytes } of reads.range('heads', range)) {
    const name = nameIn(bucket, key);
    if (name !== next) checkNext(reads, bucket, sort, before, name);
    const link = decodeLink(openRow('heads', key, bytes));
    yield { name, body: link.body };
    before = name;
    next = link.next;
  }
  if (next !== '') checkNext(reads, bucket, sort, before, '');
}

/** A row that was not met where it should: others may have written since, or it is lost. */
function checkNext(
  reads: Reads,
  bucket: Uint8Array,
  sort: Sort,
  before: string,
  met: string,
): void {
  const isThere = (name: string): boolean => linkAt(reads, bucket, sort, name) !== undefined;
  const link = before === '' ? firstLink(reads, bucket, sort) : linkAt(reads, bucket, sort, before);
  if (link === undefined || link.next === met) return;
  const { next } = link;
  const came = next !== '' && (met === '' || isBefore(next, met)) && isThere(next);
  const went = met !== '' && !isThere(met);
  if (came || went) return;
  throw lostRow(bucket, next, met === '' ? 'none' : met);
}

function isBefore(a: string, b: string): boolean {
  return compareBytes(utf8Bytes(a), utf8Bytes(b)) < 0;
}

function linkAt(reads: Reads, bucket: Uint8Array, sort: Sort, name: string): Link | undefined {
  const key = namedKey(bucket, sort, name);
  const row = reads.view('heads', key);
  return row && decodeLink(openRow('heads', key, row));
}

function decodeLink(row: Uint8Array): Link {
  const reader = new ByteReader(row, 'row of a branch or tag');
  reader.version(ROW_VERSION);
  const next = reader.text(BRANCH_NAME_BYTES_MAX);
  return { next, body: reader.bytes(reader.remaining) };
}

function putLink(batch: Batch, bucket: Uint8Array, sort: Sort, name: string, link: Link): void {
  const key = namedKey(bucket, sort, name);
  batch.put('heads', key, sealLink(key, link));
}

function sealLink(key: Uint8Array, { next, body }: Link): Uint8Array {
  const row = new ByteWriter(128).u8(ROW_VERSION).text(next).bytes(body).view();
  return sealRow('heads', key, row);
}

type Firsts = Record<Sort, string>;

function readFirsts(reads: Reads, bucket: Uint8Array): Firsts {
  const row = reads.view('heads', bucket);
  if (row !== undefined) {
    return decodeRow(openRow('heads', bucket, row), 'heads row', (reader) => {
      reader.version(ROW_VERSION);
      const first = reader.text(BRANCH_NAME_BYTES_MAX);
      return { [BRANCH]: first, [TAG]: reader.text(BRANCH_NAME_BYTES_MAX) };
    });
  }
  const range = { gt: bucket, lt: namedKey(bucket, (TAG + 1) as Sort, ''), limit: 1 };
  for (const { key } of reads.range('heads', range)) {
    throw lostHeads(bucket, `the first row, before ${nameIn(bucket, key)}`, 'none');
  }
  return { [BRANCH]: '', [TAG]: '' };
}

/** What the bucket's own row says of the first name, in the form of the others. */
function firstLink(reads: Reads, bucket: Uint8Array, sort: Sort): Link {
  return { next: readFirsts(reads, bucket)[sort], body: EMPTY };
}

function putFirst(batch: Batch, bucket: Uint8Array, sort: Sort, name: string): void {
  const firsts = { ...readFirsts(batch, bucket), [sort]: name };
  const writer = new ByteWriter(64).u8(ROW_VERSION).text(firsts[BRANCH]).text(firsts[TAG]);
  batch.put('heads', bucket, sealRow('heads', bucket, writer.view()));
}

function namedKey(bucket: Uint8Array, sort: Sort, name: string): Uint8Array {
  if (bucket.length !== BUCKET_ID_LENGTH) {
    throw badOption('bucket', `${BUCKET_ID_LENGTH} bytes`, `${bucket.length}`);
  }
  return concatBytes([bucket, Uint8Array.of(sort), utf8Bytes(name)]);
}

function nameIn(bucket: Uint8Array, key: Uint8Array): string {
  const name = utf8Text(key.subarray(BUCKET_ID_LENGTH + 1));
  if (name === undefined) throw lostHeads(bucket, 'names in UTF-8', 'other bytes');
  return name;
}

function lostRow(bucket: Uint8Array, next: string, actual: string): RegaliaError {
  return lostHeads(bucket, next === '' ? 'no more rows' : `a row of ${next}`, actual);
}

function lostHeads(
  bucket: Uint8Array,
  expected: string,
  actual: string,
): RegaliaError<'REGALIA_CORRUPT'> {
  return corrupt(`heads of bucket ${hex(bucket)}`, expected, actual);
}
