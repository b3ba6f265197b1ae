/**
 * The engine in memory: for tests, for scratch stores, and as the plain twin that LMDB is compared
 * with.
 *
 * Invariants:
 * - a table is a Map of private copies, and its keys in order in chunks of at most 1,024;
 * - bodies run one at a time, each in its own microtask, on an overlay that is applied when the
 *   body has returned;
 * - every durability is the same: all of it lasts as long as the handle.
 *
 * Chunked keys make an insert O(log n + 1,024) and a range O(log n + rows) without any tree.
 */
import { copyBytes } from '../ground/bytes.js';
import { assert, badOption, closed } from '../ground/errors.js';
import {
  type Batch,
  type Durability,
  type Engine,
  type EngineStats,
  type Row,
  type RowKey,
  type RowRange,
  TABLES,
  type Table,
} from './engine.js';
import {
  inRange,
  type KeptKey,
  type KeptRange,
  keepKey,
  keepRange,
  keyOf,
  Overlay,
  restOf,
  runBody,
} from './overlay.js';

const CHUNK_KEYS_MAX = 1_024;
/** Rows that a range copies at a time: then it reads nothing that a write could disturb. */
const RANGE_STEP_ROWS = 256;

/** An empty engine in memory. */
export function openMemory(): Engine {
  return new MemoryEngine();
}

class OrderedKeys {
  readonly #chunks: KeptKey[][] = [[]];

  add(key: KeptKey): void {
    const index = this.#chunkOf(key);
    const chunk = this.#chunks[index];
    chunk.splice(lowerBound(chunk, key), 0, key);
    if (chunk.length > CHUNK_KEYS_MAX) this.#split(index);
  }

  /** Ascending inserts fill chunks to the brim; others split in the middle. */
  #split(index: number): void {
    const chunk = this.#chunks[index];
    const last = index === this.#chunks.length - 1;
    this.#chunks.splice(index + 1, 0, chunk.splice(last ? CHUNK_KEYS_MAX : CHUNK_KEYS_MAX / 2));
  }

  remove(key: KeptKey): void {
    const index = this.#chunkOf(key);
    const chunk = this.#chunks[index];
    chunk.splice(lowerBound(chunk, key), 1);
    if (chunk.length === 0 && this.#chunks.length > 1) this.#chunks.splice(index, 1);
  }

  /** Up to `count` keys of the range, in its order. */
  list(range: KeptRange, count: number): KeptKey[] {
    const keys: KeptKey[] = [];
    const step = range.reverse ? -1 : 1;
    let [index, at] = this.#start(range);
    for (let chunk = this.#chunks[index]; chunk !== undefined && keys.length < count; ) {
      const key = chunk[at];
      if (key !== undefined && !inRange(key, range)) break;
      if (key !== undefined) {
        keys.push(key);
        at += step;
      } else {
        chunk = this.#chunks[(index += step)];
        at = range.reverse && chunk !== undefined ? chunk.length - 1 : 0;
      }
    }
    return keys;
  }

  /** Where the first key of the range is: the chunk, and the place in it. */
  #start({ reverse, lower, lowerOpen, upper, upperOpen }: KeptRange): [number, number] {
    const bound = reverse ? upper : lower;
    const end = this.#chunks.length - 1;
    if (bound === undefined) return reverse ? [end, this.#chunks[end].length - 1] : [0, 0];
    const index = this.#chunkOf(bound);
    const at = lowerBound(this.#chunks[index], bound);
    const isThere = this.#chunks[index][at] === bound;
    if (reverse) return [index, isThere && !upperOpen ? at : at - 1];
    return [index, isThere && lowerOpen ? at + 1 : at];
  }

  /** The last chunk whose first key is not above `key`. */
  #chunkOf(key: KeptKey): number {
    let low = 0;
    let high = this.#chunks.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (this.#chunks[middle][0] <= key) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}

/** The first index whose key is not below `key`. */
function lowerBound(keys: readonly KeptKey[], key: KeptKey): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (keys[middle] < key) low = middle + 1;
    else high = middle;
  }
  return low;
}

class MemoryTable {
  readonly rows = new Map<KeptKey, Uint8Array>();
  readonly keys = new OrderedKeys();
  bytes = 0;

  put(key: KeptKey, bytes: Uint8Array): void {
    const before = this.rows.get(key);
    if (before === undefined) this.keys.add(key);
    this.rows.set(key, copyBytes(bytes));
    this.bytes += bytes.length - (before?.length ?? -keptBytes(key));
  }

  del(key: KeptKey): void {
    const before = this.rows.get(key);
    if (before === undefined) return;
    this.keys.remove(key);
    this.rows.delete(key);
    this.bytes -= before.length + keptBytes(key);
  }
}

function keptBytes(key: KeptKey): number {
  return typeof key === 'number' ? 4 : key.length;
}

class MemoryEngine implements Engine {
  readonly readOnly = false;
  readonly #tables = new Map<Table, MemoryTable>();
  #last: Promise<unknown> = Promise.resolve();
  #closing = false;
  #closed = false;

  constructor() {
    for (const table of TABLES) this.#tables.set(table, new MemoryTable());
  }

  view<T extends Table>(table: T, key: RowKey<T>): Uint8Array | undefined {
    return this.#table(table).rows.get(keepKey(table, key));
  }

  get<T extends Table>(table: T, key: RowKey<T>): Uint8Array | undefined {
    const bytes = this.view(table, key);
    return bytes === undefined ? undefined : copyBytes(bytes);
  }

  range<T extends Table>(table: T, range?: RowRange<RowKey<T>>): Iterable<Row<RowKey<T>>> {
    this.#table(table);
    const bounds = keepRange<T>(table, range);
    return { [Symbol.iterator]: () => this.#rows<T>(table, bounds) };
  }

  *#rows<T extends Table>(table: T, range: KeptRange): Generator<Row<RowKey<T>>> {
    let rest = range;
    while (rest.limit > 0) {
      const { rows, keys } = this.#table(table);
      const step = keys.list(rest, Math.min(rest.limit, RANGE_STEP_ROWS));
      const copies = step.map((kept) => copyBytes(rows.get(kept) as Uint8Array));
      for (const [i, kept] of step.entries()) yield { key: keyOf<T>(kept), bytes: copies[i] };
      if (step.length < RANGE_STEP_ROWS) return;
      rest = restOf(rest, step[step.length - 1], step.length);
    }
  }

  count(table: Table): number {
    return this.#table(table).rows.size;
  }

  write<T>(body: (batch: Batch) => T, _durability: Durability): Promise<T> {
    if (this.#closing) return Promise.reject(closed('engine'));
    const result = this.#last.then(() => this.#run(body));
    this.#last = result.catch(() => undefined);
    return result;
  }

  #run<T>(body: (batch: Batch) => T): T {
    const overlay = new Overlay(this);
    const result = runBody(body, overlay);
    overlay.applyTo({
      put: (table, key, bytes) => this.#table(table).put(keepKey(table, key), bytes),
      del: (table, key) => this.#table(table).del(keepKey(table, key)),
    });
    return result;
  }

  async flush(): Promise<void> {
    this.#check();
    await this.#last;
  }

  refresh(): void {
    this.#check();
  }

  stats(): EngineStats {
    this.#check();
    let bytes = 0;
    const rows = {} as Record<Table, number>;
    for (const [name, table] of this.#tables) {
      bytes += table.bytes;
      rows[name] = table.rows.size;
    }
    return { bytes, freeBytes: 0, rows };
  }

  backup(_path: string): Promise<void> {
    if (this.#closed) return Promise.reject(closed('engine'));
    return Promise.reject(badOption('backup', 'of a store on disk', 'of one in memory'));
  }

  async close(): Promise<void> {
    this.#closing = true;
    await this.#last;
    this.#closed = true;
    this.#tables.clear();
  }

  #check(): void {
    if (this.#closed) throw closed('engine');
  }

  #table(name: Table): MemoryTable {
    this.#check();
    const table = this.#tables.get(name);
    assert(table !== undefined, `there is no table ${name}`);
    return table;
  }
}
