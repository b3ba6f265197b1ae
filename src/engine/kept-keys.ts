/**
 * Keys of rows as they are kept in memory, and ranges over them, as all engines understand them.
 *
 * Byte keys are kept as Latin-1 text, one character a byte: it hashes, and its order is the
 * bytewise order.
 */
import { assert } from '../ground/errors.js';
import { ROW_KEY_BYTES_MAX, ROW_NUMBER_MAX } from '../ground/limits.js';
import { INTEGER_TABLES, type RowKey, type RowRange, type Table } from './engine.js';

/** A key as kept in memory: a number, or bytes as Latin-1 text. */
export type KeptKey = number | string;

/** The tables whose keys are numbers. */
export const integerTables: ReadonlySet<Table> = new Set(INTEGER_TABLES);

/** The key in its kept form. A key of the wrong kind or size is our own bug. */
export function keepKey(table: Table, key: number | Uint8Array): KeptKey {
  if (integerTables.has(table)) {
    assert(isRowNumber(key), `${table} takes keys of 0 to 2^32 - 1`);
    return key;
  }
  assert(key instanceof Uint8Array, `${table} takes byte keys`);
  const isKey = key.length >= 1 && key.length <= ROW_KEY_BYTES_MAX;
  assert(isKey, `${table} takes keys of 1 to 1,900 bytes`);
  return Buffer.prototype.latin1Slice.call(key, 0, key.length);
}

function isRowNumber(key: unknown): key is number {
  return typeof key === 'number' && Number.isInteger(key) && key >= 0 && key <= ROW_NUMBER_MAX;
}

/** The inverse of `keepKey`; the bytes are private. */
export function keyOf<T extends Table>(kept: KeptKey): RowKey<T> {
  return (
    typeof kept === 'number' ? kept : new Uint8Array(Buffer.from(kept, 'latin1'))
  ) as RowKey<T>;
}

/** A range over kept keys: `lower` and `upper` are undefined where it has no end. */
export interface KeptRange {
  readonly lower: KeptKey | undefined;
  readonly lowerOpen: boolean;
  readonly upper: KeptKey | undefined;
  readonly upperOpen: boolean;
  readonly reverse: boolean;
  readonly limit: number;
}

/** A range in its kept form. A bound may be empty bytes; of two on one side the tighter counts. */
export function keepRange<T extends Table>(table: T, range: RowRange<RowKey<T>> = {}): KeptRange {
  const limit = range.limit ?? Number.POSITIVE_INFINITY;
  assert(limit >= 0, 'the limit of a range is not negative');
  const gte = keepBound(table, range.gte);
  const gt = keepBound(table, range.gt);
  const lte = keepBound(table, range.lte);
  const lt = keepBound(table, range.lt);
  const lowerOpen = gt !== undefined && (gte === undefined || gt >= gte);
  const upperOpen = lt !== undefined && (lte === undefined || lt <= lte);
  return {
    lower: lowerOpen ? gt : gte,
    lowerOpen,
    upper: upperOpen ? lt : lte,
    upperOpen,
    reverse: range.reverse === true,
    limit,
  };
}

function keepBound(table: Table, bound: number | Uint8Array | undefined): KeptKey | undefined {
  if (bound instanceof Uint8Array && bound.length === 0 && !integerTables.has(table)) return '';
  return bound === undefined ? undefined : keepKey(table, bound);
}

/** Whether the key lies within the range's bounds. */
export function inRange(key: KeptKey, range: KeptRange): boolean {
  const { lower, upper } = range;
  if (lower !== undefined && (range.lowerOpen ? key <= lower : key < lower)) return false;
  return upper === undefined || (range.upperOpen ? key < upper : key <= upper);
}

/** What is left of a range after `count` rows that ended with `key`. */
export function restOf(range: KeptRange, key: KeptKey, count: number): KeptRange {
  const limit = range.limit - count;
  return range.reverse
    ? { ...range, upper: key, upperOpen: true, limit }
    : { ...range, lower: key, lowerOpen: true, limit };
}

export function compareKept(a: KeptKey, b: KeptKey): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
