/**
 * What one write body has put and deleted so far, laid over the rows below. Both engines run
 * their bodies on an overlay, so a body that throws has touched nothing, and reads through the
 * batch are the same code everywhere.
 *
 * Invariants:
 * - the rows below change only in `applyTo`, after the body has returned;
 * - a key is in the overlay at most once, with its bytes, or with `undefined` if it was deleted;
 * - a range is the merge of two ascending (or descending) sequences in which the overlay wins.
 * - from the first range on the changed keys of a table are in order: a put costs O(log n) more,
 *   and a range what it returns.
 */
import { copyBytes } from '../ground/bytes.js';
import { assert, closed } from '../ground/errors.js';
import type { Batch, Reads, Row, RowKey, RowRange, Table } from './engine.js';
import {
  compareKept,
  type KeptKey,
  type KeptRange,
  keepKey,
  keepRange,
  keyOf,
  restOf,
} from './kept-keys.js';
import { OrderedKeys } from './ordered-keys.js';

/** What a change counts as beside its row: most keys are shorter. */
const CHANGE_BYTES = 64;
/** Keys of a range that are listed at first, and at most, at a time. */
const KEYS_FIRST = 4;
const KEYS_MAX = 1_024;

/** Where an overlay's operations go. */
export type Target = Pick<Batch, 'put' | 'del'>;

/** What is put and deleted, by table and key; a row undefined where it is deleted. */
export type Changes = Map<Table, TableChanges>;
type TableChanges = Map<KeptKey, Uint8Array | undefined>;

export class Overlay implements Batch {
  readonly #below: Reads;
  readonly #changes: Changes = new Map();
  /** The changed keys of the tables that a range was asked of. */
  readonly #keys = new Map<Table, OrderedKeys>();
  /** About how many bytes it all is, and those of the longest row. */
  bytes = 0;
  longest = 0;
  #ended = false;

  constructor(below: Reads) {
    this.#below = below;
  }

  put<T extends Table>(table: T, key: RowKey<T>, bytes: Uint8Array): void {
    assert(bytes instanceof Uint8Array, 'a row is bytes');
    this.#set(table, keepKey(table, key), bytes);
    this.bytes += CHANGE_BYTES + bytes.length;
    this.longest = Math.max(this.longest, bytes.length);
  }

  del<T extends Table>(table: T, key: RowKey<T>): void {
    this.#set(table, keepKey(table, key), undefined);
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

  #set(table: Table, kept: KeptKey, bytes: Uint8Array | undefined): void {
    this.#check();
    let changes = this.#changes.get(table);
    if (changes === undefined) this.#changes.set(table, (changes = new Map()));
    const keys = this.#keys.get(table);
    if (keys !== undefined && !changes.has(kept)) keys.add(kept);
    changes.set(kept, bytes);
  }

  #keysOf(table: Table, changes: TableChanges): OrderedKeys {
    let keys = this.#keys.get(table);
    if (keys === undefined) {
      this.#keys.set(table, (keys = new OrderedKeys()));
      for (const kept of sortedKeys(changes)) keys.add(kept);
    }
    return keys;
  }

  *#merged<T extends Table>(
    table: T,
    changes: TableChanges,
    range: RowRange<RowKey<T>>,
  ): Generator<Row<RowKey<T>>> {
    const bounds = keepRange<T>(table, range);
    let left = bounds.limit;
    if (left <= 0) return;
    const ours = keysIn(this.#keysOf(table, changes), bounds);
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

/** The keys of a range, a few at a time: most ranges are left early. */
function* keysIn(keys: OrderedKeys, range: KeptRange): Generator<KeptKey, undefined> {
  for (let rest = range, count = KEYS_FIRST; ; count = Math.min(KEYS_MAX, count * 4)) {
    const some = keys.list(rest, count);
    yield* some;
    const last = some.at(-1);
    if (last === undefined || some.length < count) return;
    rest = restOf(rest, last, 0);
  }
}

/** The rows below and those of the changes that are not deletions, both in the same direction. */
function* merge<T extends Table>(
  table: T,
  theirs: Iterable<Row<RowKey<T>>>,
  ours: Iterator<KeptKey, undefined>,
  changes: TableChanges,
  direction: 1 | -1,
): Generator<Row<RowKey<T>>> {
  let next = ours.next().value;
  for (const row of theirs) {
    const kept = keepKey(table, row.key);
    let changed: KeptKey | undefined;
    while (next !== undefined && compareKept(next, kept) * direction <= 0) {
      changed = next;
      yield* changedRow<T>(changed, changes);
      next = ours.next().value;
    }
    // A changed row was there already.
    if (changed !== kept) yield row;
  }
  for (; next !== undefined; next = ours.next().value) yield* changedRow<T>(next, changes);
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
