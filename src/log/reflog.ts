/**
 * A branch's own past: where it was, when, and by what it came there. Dates that somebody asks for
 * are answered from it, whatever the clocks of those say whose commits came here.
 *
 *     table heads   bucket id 16 | 'w' | branch | NUL | position u48, big-endian
 *                   -> version u8 | time varint | cause u8 | commit 33 | from ? text | to ? varint
 *
 * Positions count from 0. Times are milliseconds since 1970, by the clock of this machine; one that
 * would lie before the row before it is that one's, so they rise with the positions. A row of a
 * branch that was forked says `from` which one; one of an undo, `to` which position it went back.
 * `?` is a byte 0, or 1 and what it announces. The rows of a branch that is deleted stay, and one
 * of the same name goes on behind them.
 */
import type { Address } from '../blocks/address.js';
import { openRow, sealRow } from '../blocks/rows.js';
import type { Batch, Reads, Row } from '../engine/engine.js';
import { concatBytes } from '../ground/bytes.js';
import { corrupt, type RegaliaError } from '../ground/errors.js';
import { readU48, u48Bytes } from '../ground/integers.js';
import { BRANCH_NAME_BYTES_MAX } from '../ground/limits.js';
import { ByteReader } from '../ground/reader.js';
import { utf8Bytes, utf8Text } from '../ground/text.js';
import { ByteWriter } from '../ground/writer.js';
import { type Branch, branch } from './branches.js';
import { BUCKET_ID_LENGTH, readAddress, readOptional } from './commit.js';

const ROW_VERSION = 1;
/** The letter of the rows in keys. Persisted: never change. */
const REFLOG = 0x77;
const POSITION_LENGTH = 6;

/** What moved a branch, by number. Persisted: never renumber; new ones come last. */
const CAUSES = [
  'init',
  'commit',
  'merge',
  'fast-forward',
  'revert',
  'restore',
  'reset',
  'undo',
  'fork',
  'clone',
  'fetch',
  'migrate',
  'delete',
] as const;

/** What moved a branch; 'other' where a later version knows what. */
export type Cause = (typeof CAUSES)[number] | 'other';

/** A row: where the branch came to be. */
export interface Move {
  readonly position: number;
  readonly timeMs: number;
  readonly cause: Cause;
  readonly commit: Address;
  /** The branch that it was forked from. */
  readonly from?: string | undefined;
  /** The position whose commit an undo brought back. */
  readonly to?: number | undefined;
}

/** Adds a row behind the last one. Returns it: the branch's own row has to name it. */
export function putMove(
  batch: Batch,
  bucket: Uint8Array,
  branch: string,
  last: Branch['moved'],
  { timeMs, cause, commit, from, to }: Omit<Move, 'position'>,
): Move {
  const position = last === undefined ? 0 : last.position + 1;
  const move: Move = {
    position,
    timeMs: Math.max(timeMs, last?.timeMs ?? 0),
    cause,
    commit,
    from,
    to,
  };
  const writer = new ByteWriter(64).u8(ROW_VERSION).varint(move.timeMs);
  writer.u8(CAUSES.indexOf(cause as (typeof CAUSES)[number])).bytes(commit);
  if (from === undefined) writer.u8(0);
  else writer.u8(1).text(from);
  if (to === undefined) writer.u8(0);
  else writer.u8(1).varint(to);
  const key = rowKey(bucket, branch, position);
  batch.put('heads', key, sealRow('heads', key, writer.finish()));
  return move;
}

/** The newest row. REGALIA_CORRUPT where it is not there, and has to be. */
export function lastMove(reads: Reads, bucket: Uint8Array, name: string): Move | undefined {
  const there = branch(reads, bucket, name);
  if (there !== undefined) {
    return there.moved && moveOf(reads, bucket, name, there.moved.position);
  }
  const position = lastPosition(reads, bucket, name);
  const last = position === undefined ? undefined : moveOf(reads, bucket, name, position);
  // Where there is no branch it was deleted after all else.
  if (last === undefined || last.cause === 'delete') return last;
  throw lostRow(name, last.position + 1);
}

/** The position of the newest row, which is not read. */
export function lastPosition(reads: Reads, bucket: Uint8Array, branch: string): number | undefined {
  const range = rangeOf(bucket, branch);
  for (const { key } of reads.range('heads', { ...range, reverse: true, limit: 1 })) {
    return positionOf(key);
  }
  return undefined;
}

function rangeOf(bucket: Uint8Array, branch: string): { gte: Uint8Array; lte: Uint8Array } {
  return { gte: rowKey(bucket, branch, 0), lte: rowKey(bucket, branch, 2 ** 48 - 1) };
}

/**
 * The rows of a branch, oldest first unless `reverse`. Lazy: those that are added meanwhile are not
 * among them. REGALIA_CORRUPT where one of them is not there.
 */
export function* moves(
  reads: Reads,
  bucket: Uint8Array,
  branch: string,
  { reverse = false }: { reverse?: boolean } = {},
): Generator<Move> {
  const last = lastMove(reads, bucket, branch);
  if (last === undefined) return;
  const range = { gte: rowKey(bucket, branch, 0), lte: rowKey(bucket, branch, last.position) };
  let next = reverse ? last.position : 0;
  for (const { key, bytes } of reads.range('heads', { ...range, reverse })) {
    if (positionOf(key) !== next) break;
    yield decodeMove(key, bytes);
    next += reverse ? -1 : 1;
  }
  if (next !== (reverse ? -1 : last.position + 1)) throw lostRow(branch, next);
}

function lostRow(branch: string, position: number): RegaliaError {
  return corrupt(`reflog of branch ${branch}`, `a row at ${position}`, 'none');
}

/** The last row that is not later than a time; undefined before the first. */
export function moveAt(
  reads: Reads,
  bucket: Uint8Array,
  branch: string,
  timeMs: number,
): Move | undefined {
  const last = lastMove(reads, bucket, branch);
  if (last === undefined || last.timeMs <= timeMs) return last;
  let [low, high] = [-1, last.position];
  let found: Move | undefined;
  // The row at `low`, if any, is not later, the one at `high` is.
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    const move = moveOf(reads, bucket, branch, middle);
    if (move.timeMs > timeMs) high = middle;
    else {
      low = middle;
      found = move;
    }
  }
  return found;
}

/** The row at a position that is there. REGALIA_CORRUPT. */
export function moveOf(reads: Reads, bucket: Uint8Array, branch: string, position: number): Move {
  const key = rowKey(bucket, branch, position);
  const row = reads.get('heads', key);
  if (row !== undefined) return decodeMove(key, row);
  throw lostRow(branch, position);
}

/** The rows of a bucket's branches as they are stored, by branch and position. Lazy. */
export function reflogRows(reads: Reads, bucket: Uint8Array): Iterable<Row<Uint8Array>> {
  const [gte, lt] = [REFLOG, REFLOG + 1].map((letter) =>
    concatBytes([bucket, Uint8Array.of(letter)]),
  );
  return reads.range('heads', { gte: gte as Uint8Array, lt: lt as Uint8Array });
}

/** The branch and position that a row's key names; undefined where it names none. */
export function reflogPlace(key: Uint8Array): { branch: string; position: number } | undefined {
  const end = key.length - POSITION_LENGTH - 1;
  if (end <= BUCKET_ID_LENGTH + 1 || key[end] !== 0) return undefined;
  const branch = utf8Text(key.subarray(BUCKET_ID_LENGTH + 1, end));
  return branch === undefined ? undefined : { branch, position: positionOf(key) };
}

function positionOf(key: Uint8Array): number {
  return readU48(key.slice(-POSITION_LENGTH).reverse(), 0);
}

function decodeMove(key: Uint8Array, row: Uint8Array): Move {
  const position = positionOf(key);
  const reader = new ByteReader(openRow('heads', key, row), 'reflog row');
  reader.version(ROW_VERSION);
  const timeMs = reader.varint();
  const cause = CAUSES[reader.u8()] ?? 'other';
  const commit = readAddress(reader);
  const from = readOptional(reader, () => reader.text(BRANCH_NAME_BYTES_MAX));
  const to = readOptional(reader, () => reader.varint());
  reader.end();
  return { position, timeMs, cause, commit, from, to };
}

function rowKey(bucket: Uint8Array, branch: string, position: number): Uint8Array {
  const name = concatBytes([Uint8Array.of(REFLOG), utf8Bytes(branch), Uint8Array.of(0)]);
  return concatBytes([bucket, name, u48Bytes(position).reverse()]);
}
