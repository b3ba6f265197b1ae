/**
 * The engine in memory: for tests, for scratch stores, and as the plain twin that LMDB is compared
 * with.
 *
 * Invariants:
 * - a table is a Map of private copies, and its keys in order;
 * - bodies run one at a time, each in its own microtask, on an overlay that is applied when the
 *   body has returned;
 * - every durability is the same: all of it lasts as long as the handle.
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
import { type KeptKey, type KeptRange, keepKey, keepRange, keyOf, restOf } from './kept-keys.js';
import { OrderedKeys } from './ordered-keys.js';
import { Overlay, runBody } from './overlay.js';

/** Rows that a range copies at a time: then it reads nothing that a write could disturb. */
const RANGE_STEP_ROWS = 256;

/** An empty engine in memory. */
export function openMemory(): Engine {
  return new MemoryEngine();
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
