/**
 * Branches and tags: the only mutable things, one row of table `heads` each.
 *
 *     bucket id 16 | 'b' | name → version u8 | head 33 | id ? length varint, ITC id
 *     bucket id 16 | 't' | name → version u8 | commit 33
 *     bucket id 16              → version u8 | branches varint | tags varint
 *
 * `?` is a byte 0, or 1 and what it announces. A branch without an id of its own counts on that of
 * the bucket that encloses it. The third row counts the others, so that a row which the engine lost
 * does not pass for an absent name. Names follow git's reference names in spirit: 1 to 255 bytes of
 * UTF-8, parts joined by '/', as `replica/<id>/main`.
 */
import type { Address } from '../blocks/address.js';
import { openRow, sealRow } from '../blocks/rows.js';
import { decodeId, encodeId } from '../clock/encoding.js';
import type { Id } from '../clock/id.js';
import type { Batch, Reads } from '../engine/engine.js';
import { concatBytes, copyBytes, equalBytes, hex } from '../ground/bytes.js';
import { badOption, corrupt, type RegaliaError } from '../ground/errors.js';
import { BRANCH_NAME_BYTES_MAX, STAMP_BYTES_MAX } from '../ground/limits.js';
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
  /**
   * The branch's share of the interval; undefined where it counts on the enclosing bucket's branch.
   */
  readonly id: Id | undefined;
}

export interface NamedBranch extends Branch {
  readonly name: string;
}

export interface Tag {
  readonly name: string;
  readonly commit: Address;
}

/** REGALIA_OPTION where `name` can't name a branch or a tag. */
export function checkRefName(name: string): void {
  const fault = refNameFault(name);
  if (fault === undefined) return;
  const actual = name.length > 0 && name.length <= 100 ? name : `one of ${name.length} characters`;
  throw badOption('name', `a branch or tag name ${fault}`, actual);
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
  readonly #bucket: Uint8Array;
  readonly #name: string;
  #last: { readonly body: Uint8Array; readonly branch: Branch } | undefined;

  constructor(bucket: Uint8Array, name: string) {
    this.#bucket = bucket;
    this.#name = name;
  }

  /** The branch, or undefined where there is none. An unchanged row gives the same object. */
  read(reads: Reads): Branch | undefined {
    const body = readNamed(reads, this.#bucket, BRANCH, this.#name);
    if (body === undefined) return undefined;
    if (this.#last === undefined || !equalBytes(this.#last.body, body)) {
      this.#last = { body: copyBytes(body), branch: decodeBranch(body) };
    }
    return this.#last.branch;
  }
}

export function putBranch(batch: Batch, bucket: Uint8Array, name: string, branch: Branch): void {
  const writer = new ByteWriter(128).u8(ROW_VERSION).bytes(branch.head);
  if (branch.id === undefined) writer.u8(0);
  else writer.u8(1).lengthed(encodeId(branch.id));
  putNamed(batch, bucket, BRANCH, name, writer.finish());
}

/** Whether there was such a branch. Its id goes with it: the caller retires or keeps it. */
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
  putNamed(batch, bucket, TAG, name, new ByteWriter(64).u8(ROW_VERSION).bytes(commit).finish());
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
    id: readOptional(reader, () => decodeId(reader.lengthed(STAMP_BYTES_MAX))),
  }));
}

function decodeTag(body: Uint8Array): Address {
  return decodeRow(body, 'tag row', readAddress);
}

function decodeRow<T>(body: Uint8Array, what: string, read: (reader: ByteReader) => T): T {
  const reader = new ByteReader(body, what);
  reader.version(ROW_VERSION);
  const found = read(reader);
  reader.end();
  return found;
}

interface NamedRow {
  readonly name: string;
  readonly body: Uint8Array;
}

function readNamed(
  reads: Reads,
  bucket: Uint8Array,
  sort: Sort,
  name: string,
): Uint8Array | undefined {
  checkRefName(name);
  const key = namedKey(bucket, sort, name);
  const row = reads.view('heads', key);
  if (row !== undefined) return openRow('heads', key, row);
  // None of that name, unless the counts say that a row was lost.
  for (const _ of allNamed(reads, bucket, sort));
  return undefined;
}

function putNamed(
  batch: Batch,
  bucket: Uint8Array,
  sort: Sort,
  name: string,
  body: Uint8Array,
): void {
  if (readNamed(batch, bucket, sort, name) === undefined) countMore(batch, bucket, sort, 1);
  const key = namedKey(bucket, sort, name);
  batch.put('heads', key, sealRow('heads', key, body));
}

function delNamed(batch: Batch, bucket: Uint8Array, sort: Sort, name: string): boolean {
  if (readNamed(batch, bucket, sort, name) === undefined) return false;
  batch.del('heads', namedKey(bucket, sort, name));
  countMore(batch, bucket, sort, -1);
  return true;
}

/** REGALIA_CORRUPT where there are not as many rows as were counted. */
function* allNamed(reads: Reads, bucket: Uint8Array, sort: Sort): Generator<NamedRow> {
  const expected = readCounts(reads, bucket)[sort];
  const prefix = namedKey(bucket, sort, '');
  const end = namedKey(bucket, (sort + 1) as Sort, '');
  let actual = 0;
  for (const { key, bytes } of reads.range('heads', { gt: prefix, lt: end })) {
    const body = openRow('heads', key, bytes);
    const name = utf8Text(key.subarray(prefix.length));
    if (name === undefined) throw lostHeads(bucket, 'names in UTF-8', 'other bytes');
    actual++;
    yield { name, body };
  }
  if (actual === expected || readCounts(reads, bucket)[sort] !== expected) return;
  throw lostHeads(bucket, `${expected} rows`, `${actual}`);
}

type Counts = Record<Sort, number>;

function readCounts(reads: Reads, bucket: Uint8Array): Counts {
  const row = reads.view('heads', bucket);
  if (row === undefined) return { [BRANCH]: 0, [TAG]: 0 };
  return decodeRow(openRow('heads', bucket, row), 'heads row', (reader) => {
    return { [BRANCH]: reader.varint(), [TAG]: reader.varint() };
  });
}

function countMore(batch: Batch, bucket: Uint8Array, sort: Sort, more: number): void {
  const counts = readCounts(batch, bucket);
  counts[sort] += more;
  const body = new ByteWriter(32).u8(ROW_VERSION).varint(counts[BRANCH]).varint(counts[TAG]).view();
  batch.put('heads', bucket, sealRow('heads', bucket, body));
}

function namedKey(bucket: Uint8Array, sort: Sort, name: string): Uint8Array {
  if (bucket.length !== BUCKET_ID_LENGTH) {
    throw badOption('bucket', `${BUCKET_ID_LENGTH} bytes`, `${bucket.length}`);
  }
  return concatBytes([bucket, Uint8Array.of(sort), utf8Bytes(name)]);
}

function lostHeads(
  bucket: Uint8Array,
  expected: string,
  actual: string,
): RegaliaError<'REGALIA_CORRUPT'> {
  return corrupt(`heads of bucket ${hex(bucket)}`, expected, actual);
}
