/**
 * What one write body has put and deleted so far, laid over the rows below. Both engines run
 * their bodies on an overlay, so a body that throws has touched nothing, and reads through the
 * batch are the same code everywhere.
 *
 * Invariants:
 * - the rows below change only in `applyTo`, after the body has returned;
 * - a key is in the overlay at most once, with its bytes, or with `undefined` if it was deleted;
 * - a range is the merge of two ascending (or descending) sequences in which the overlay wins.
 *
 * Byte keys are kept as Latin-1 text, one character a byte: it hashes, and its order is the
 * bytewise order.
 */
import { copyBytes } from '../ground/bytes.js';
import { assert, closed } from '../ground/errors.js';
import { ROW_KEY_BYTES_MAX, ROW_NUMBER_MAX } from '../ground/limits.js';
import type { RowRange, Table } from './engine.js';
import { type Batch, INTEGER_TABLES, type Reads, type Row, type RowKey } from './engine.js';

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

/** What a change counts as beside its row: most keys are shorter. */
const CHANGE_BYTES = 64;

/** Where an overlay's operations go. */
export type Target = Pick<Batch, 'put' | 'del'>;

/** What is put and deleted, by table and key; a row undefined where it is deleted. */
export type Changes = Map<Table, TableChanges>;
type TableChanges = Map<KeptKey, Uint8Array | undefined>;

export class Overlay implements Batch {
  readonly #below: Reads;
  readonly #changes: Changes = new Map();
  /** About how many bytes it all is, and those of the longest row. */
  bytes = 0;
  longest = 0;
  #ended = false;

  constructor(below: Reads) {
    this.#below = below;
  }

  put<T extends Table>(table: T, key: RowKey<T>, bytes: Uint8Array): void {
    assert(bytes instanceof Uint8Array, 'a row is bytes');
    this.#changesOf(table).set(keepKey(table, key), bytes);
    this.bytes += CHANGE_BYTES + bytes.length;
    this.longest = Math.max(this.longest, bytes.length);
  }

  del<T extends Table>(table: T, key: RowKey<T>): void {
    this.#changesOf(table).set(keepKey(table, key), undefined);
    this.bytes += CHANGE_BYTES;
  }

  view<T extends Table>(table: T, key: RowKey<T>): Uint8Array | undefined {
    this.#check();
    const changes = this.#changes.get(table);
    if (changes !== undefined && changes.size > 0) {
      const kept = keepKey(table, key);
      const bytes = changes.get(kept);
      if (bytes !== undefined || changes.has(kept)) return bytes;
    }
    return this.#below.view(table, key);
  }

  get<T extends Table>(table: T, key: RowKey<T>): Uint8Array | undefined {
    const bytes = this.view(table, key);
    return bytes === undefined ? undefined : copyBytes(bytes);
  }

  range<T extends Table>(table: T, range?: RowRange<RowKey<T>>): Iterable<Row<RowKey<T>>> {
    this.#check();
    const changes = this.#changes.get(table);
    if (changes === undefined || changes.size === 0) return this.#below.range(table, range);
    return this.#merged(table, changes, range ?? {});
  }

  count(table: Table): number {
    this.#check();
    let count = this.#below.count(table);
    for (const [kept, bytes] of this.#changes.get(table) ?? []) {
      const before = this.#below.view(table, keyOf(kept)) !== undefined;
      count += (bytes !== undefined ? 1 : 0) - (before ? 1 : 0);
    }
    return count;
  }

  /** All that was put and deleted. */
  get changes(): Changes {
    return this.#changes;
  }

  applyTo(target: Target): void {
    applyChanges(this.#changes, target);
  }

  /** After this every call throws REGALIA_CLOSED: a body must not carry its batch away. */
  end(): void {
    this.#ended = true;
  }

  #check(): void {
    if (this.#ended) throw closed('batch');
  }

  #changesOf(table: Table): TableChanges {
    this.#check();
    let changes = this.#changes.get(table);
    if (changes === undefined) this.#changes.set(table, (changes = new Map()));
    return changes;
  }

  *#merged<T extends Table>(
    table: T,
    changes: TableChanges,
    range: RowRange<RowKey<T>>,
  ): Generator<Row<RowKey<T>>> {
    const bounds = keepRange<T>(table, range);
    let left = bounds.limit;
    if (left <= 0) return;
    const ours = sortedKeys(changes).filter((kept) => inRange(kept, bounds));
    if (bounds.reverse) ours.reverse();
    const { limit: _limit, ...unlimited } = range;
    const theirs = this.#below.range(table, unlimited as RowRange<RowKey<T>>);
    for (const row of merge(table, theirs, ours, changes, bounds.reverse ? -1 : 1)) {
      yield row;
      if (--left <= 0) return;
    }
  }
}

/** Carries changes out, each key once, in key order: ascending inserts are cheap. */
export function applyChanges(changes: Changes, target: Target): void {
  for (const [table, rows] of changes) {
    for (const kept of sortedKeys(rows)) {
      const bytes = rows.get(kept);
      if (bytes === undefined) target.del(table, keyOf(kept));
      else target.put(table, keyOf(kept), bytes);
    }
  }
}

/** The rows below and those of the changes that are not deletions, both in the same direction. */
function* merge<T extends Table>(
  table: T,
  theirs: Iterable<Row<RowKey<T>>>,
  ours: readonly KeptKey[],
  changes: TableChanges,
  direction: 1 | -1,
): Generator<Row<RowKey<T>>> {
  let at = 0;
  for (const row of theirs) {
    const kept = keepKey(table, row.key);
    for (; at < ours.length; at++) {
      if (compareKept(ours[at], kept) * direction > 0) break;
      yield* changedRow<T>(ours[at], changes);
    }
    // A changed row was there already.
    if (ours[at - 1] !== kept) yield row;
  }
  for (; at < ours.length; at++) yield* changedRow<T>(ours[at], changes);
}

/** The row of a changed key; none if it was deleted. */
function* changedRow<T extends Table>(
  kept: KeptKey,
  changes: TableChanges,
): Generator<Row<RowKey<T>>> {
  const bytes = changes.get(kept);
  if (bytes !== undefined) yield { key: keyOf<T>(kept), bytes: copyBytes(bytes) };
}

/** Runs a body on its overlay, whose batch ends with it. A promise from it is our own mistake. */
export function runBody<T>(body: (batch: Batch) => T, overlay: Overlay): T {
  try {
    const result = body(overlay);
    const promise = result as Partial<PromiseLike<unknown>> | null | undefined;
    if (typeof promise?.then !== 'function') return result;
    // It may go on with a batch that has ended, and then nobody hears its rejection.
    promise.then(undefined, () => undefined);
    throw new TypeError('the body of a write must not be asynchronous');
  } finally {
    overlay.end();
  }
}

function sortedKeys(changes: TableChanges): KeptKey[] {
  const keys = [...changes.keys()];
  return typeof keys[0] === 'number' ? sortedNumbers(keys as number[]) : keys.sort(compareKept);
}

/** Ascending inserts, the common case, are sorted already. */
function sortedNumbers(keys: number[]): number[] {
  for (let i = 1; i < keys.length; i++) {
    if (keys[i - 1] > keys[i]) return keys.sort((a, b) => a - b);
  }
  return keys;
}
