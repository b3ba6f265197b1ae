/**
 * The engine on LMDB, through lmdb-js. This file is the handle: reads, and opening and closing. The
 * environment with its writes, the making of files and the examination of untrusted ones are its
 * neighbours.
 *
 * Invariants:
 * - a folder has one generation in it: data.mdb and lock.mdb, and wal-… while rows wait in a log,
 *   mode 0600 in a folder of mode 0700;
 * - handles of one process on one file share one environment, which closes with the last of them
 *   (LMDB forbids a second environment on a file in one process);
 * - `view` gives bytes in lmdb-js's one read buffer, never in the map; everything else is a private
 *   copy;
 * - a closed handle throws REGALIA_CLOSED, a poisoned one REGALIA_IO;
 * - one whose file is not where it was opened writes nothing: REGALIA_IO, and it is read as before.
 */
import { join, resolve } from 'node:path';
import { copyBytes } from '../ground/bytes.js';
import { closed, locked, type RegaliaError, readOnly } from '../ground/errors.js';
import { ROW_KEY_BYTES_MAX } from '../ground/limits.js';
import type {
  Batch,
  Durability,
  Engine,
  EngineStats,
  Row,
  RowKey,
  RowRange,
  Table,
  WriteOptions,
} from './engine.js';
import {
  compareKept,
  inRange,
  type KeptKey,
  type KeptRange,
  keepKey,
  keepRange,
  keyOf,
  restOf,
} from './kept-keys.js';
import { type EnvironmentOptions, LmdbEnvironment } from './lmdb-environment.js';
import { lmdbError, readError } from './lmdb-errors.js';
import { damaged, examineFile } from './lmdb-examine.js';
import { backupTo, checkRoom, createGeneration, makeLockFile } from './lmdb-files.js';
import { checkMachine } from './lmdb-machine.js';
import { DataFile } from './lmdb-place.js';
import type { Listed } from './recent-rows.js';

export interface LmdbOptions {
  /** Writes are refused with REGALIA_READ_ONLY. Works on read-only media. */
  readOnly?: boolean;
  /** Whether to create what is missing; the default unless `readOnly`. */
  create?: boolean;
  /** After so long a commit in the worker thread has failed, outcome 'unknown'; default 60 s. */
  commitTimeoutMs?: number;
}

const COMMIT_TIMEOUT_MS = 60_000;
/** Rows that a range copies at a time, doubling up to the maximum. */
const RANGE_STEP_ROWS = 64;
const RANGE_STEP_ROWS_MAX = 1_024;
/** A range step also ends at this many bytes, so that large rows do not pile up. */
const RANGE_STEP_BYTES = 1 << 20;

/** The environments of this process by device and inode, and those that are being closed. */
const environments = new Map<string, LmdbEnvironment>();
const closing = new Map<string, Promise<void>>();

/**
 * Opens the generation in a folder. Errors: REGALIA_NOT_FOUND, REGALIA_PERMISSION,
 * REGALIA_FULL, REGALIA_IO, REGALIA_LOCKED (open in this process for reading only), and for files
 * that can't be trusted REGALIA_FORMAT, REGALIA_VERSION and REGALIA_CORRUPT.
 */
export async function openLmdb(folder: string, o: LmdbOptions = {}): Promise<Engine> {
  const path = resolve(folder);
  const options: EnvironmentOptions = {
    readOnly: o.readOnly === true,
    commitTimeoutMs: o.commitTimeoutMs ?? COMMIT_TIMEOUT_MS,
  };
  try {
    if (o.create ?? !options.readOnly) await createGeneration(path, createTables);
    const file = new DataFile(path);
    const { identity } = file;
    await closing.get(identity);
    const environment = environments.get(identity) ?? openEnvironment(path, identity, options);
    if (environment.readOnly && !options.readOnly) {
      throw locked(path, 'is open in this process for reading only: close it there first');
    }
    environment.check();
    return new LmdbEngine(environment, file, options.readOnly);
  } catch (error) {
    throw lmdbError(error, path, 'open');
  }
}

function openEnvironment(path: string, id: string, options: EnvironmentOptions): LmdbEnvironment {
  checkMachine(path, options.readOnly);
  examineFile(join(path, 'data.mdb'));
  if (!options.readOnly) makeLockFile(path);
  checkRoom(path, options.readOnly);
  const environment = new LmdbEnvironment(path, options);
  environments.set(id, environment);
  return environment;
}

async function createTables(folder: string): Promise<void> {
  makeLockFile(folder);
  const options = { readOnly: false, commitTimeoutMs: COMMIT_TIMEOUT_MS };
  await new LmdbEnvironment(folder, options).close();
}

class LmdbEngine implements Engine {
  readonly readOnly: boolean;
  readonly #environment: LmdbEnvironment;
  readonly #file: DataFile;
  #closed = false;
  #closing: Promise<void> | undefined;

  constructor(environment: LmdbEnvironment, file: DataFile, readOnly: boolean) {
    this.#environment = environment;
    this.#file = file;
    this.readOnly = readOnly;
    environment.handles++;
  }

  view<T extends Table>(table: T, key: RowKey<T>): Uint8Array | undefined {
    if (this.#closed || this.#environment.fault !== undefined) this.#refuse();
    // A number out of bounds would be wrapped, and another row found.
    const sound =
      typeof key === 'number'
        ? key >>> 0 === key
        : key.length >= 1 && key.length <= ROW_KEY_BYTES_MAX;
    if (!sound) keepKey(table, key);
    try {
      return this.#find(table, key);
    } catch (error) {
      throw readError(error, this.#environment.path);
    }
  }

  #find<T extends Table>(table: T, key: RowKey<T>): Uint8Array | undefined {
    const { tables } = this.#environment;
    tables.begin();
    const recent = tables.recent(table, key);
    if (recent !== undefined) return recent.bytes;
    const found = tables.byName[table].getBinaryFast(key as number | Uint8Array);
    // What lmdb-js returns is its whole buffer under a false length: wrap it, never pass it on.
    return found && new Uint8Array(found.buffer, found.byteOffset, found.length);
  }

  get<T extends Table>(table: T, key: RowKey<T>): Uint8Array | undefined {
    const bytes = this.view(table, key);
    return bytes && copyBytes(bytes);
  }

  range<T extends Table>(table: T, range?: RowRange<RowKey<T>>): Iterable<Row<RowKey<T>>> {
    this.#check();
    const bounds = keepRange<T>(table, range);
    return { [Symbol.iterator]: () => this.#rows<T>(table, bounds) };
  }

  *#rows<T extends Table>(table: T, range: KeptRange): Generator<Row<RowKey<T>>> {
    // Nothing is below an empty key, and lmdb-js would see no bound in it.
    if (range.upper === '') return;
    let rest = range;
    let step = RANGE_STEP_ROWS;
    while (rest.limit > 0) {
      const { rows, last } = this.#step(table, rest, Math.min(rest.limit, step));
      for (const { kept, bytes } of rows) yield { key: keyOf<T>(kept), bytes };
      if (last === undefined) return;
      rest = restOf(rest, last, rows.length);
      step = Math.min(step * 2, RANGE_STEP_ROWS_MAX);
    }
  }

  /** The next rows: those of the tables, and what the log changed of them. */
  #step(table: Table, range: KeptRange, wanted: number): Step {
    this.#check();
    const { tables, path } = this.#environment;
    try {
      tables.begin();
      const stored = this.#stored(table, range, wanted);
      const recent = tables.recentRows(table, range, wanted);
      if (recent.rows.length === 0 && recent.last === undefined) return stored;
      return mergedSteps(stored, recent, range, wanted);
    } catch (error) {
      throw readError(error, path);
    }
  }

  /**
   * Copies the next rows within this turn, so that no cursor and no read transaction is ever left
   * open. LMDB follows damaged pages without a word: keys out of order, or without a row, show it.
   */
  #stored(table: Table, range: KeptRange, wanted: number): Step {
    const opened = this.#environment.tables.byName[table];
    const rows: Kept[] = [];
    let bytes = 0;
    let last: KeptKey | undefined;
    for (const key of opened.getKeys(lmdbRange(range, wanted))) {
      const kept = this.#sound(table, key, range, last);
      const row = opened.getBinaryFast(key);
      if (row === undefined) {
        throw this.#damaged(table, 'a row for each key', 'a key without its row');
      }
      last = kept;
      rows.push({ kept, bytes: copyBytes(new Uint8Array(row.buffer, row.byteOffset, row.length)) });
      bytes += row.length;
      if (bytes >= RANGE_STEP_BYTES) return { rows, last };
    }
    return { rows, last: rows.length < wanted ? undefined : last };
  }

  /** The key that a cursor came upon in its kept form, if it can follow `last`. */
  #sound(table: Table, key: number | Uint8Array, range: KeptRange, last?: KeptKey): KeptKey {
    const bounded = typeof key === 'number' || (key.length >= 1 && key.length <= ROW_KEY_BYTES_MAX);
    if (!bounded) throw this.#damaged(table, `keys of 1 to ${ROW_KEY_BYTES_MAX} bytes`, 'another');
    const kept = keepKey(table, key);
    const order =
      last === undefined ? 1 : range.reverse ? compareKept(last, kept) : compareKept(kept, last);
    if (order <= 0 || !inRange(kept, range)) throw this.#damaged(table, 'keys in order', 'others');
    return kept;
  }

  #damaged(table: Table, expected: string, actual: string): RegaliaError {
    return damaged(this.#environment.path, `table ${table}`, expected, actual);
  }

  count(table: Table): number {
    this.#check();
    return this.#environment.tables.count(table);
  }

  write<T>(
    body: (batch: Batch) => T,
    durability: Durability,
    { isLong = false }: WriteOptions = {},
  ): Promise<T> {
    try {
      if (this.#closing !== undefined) throw closed('engine');
      this.#check();
      if (this.readOnly) throw readOnly(this.#environment.path);
    } catch (error) {
      return Promise.reject(error);
    }
    return this.#environment.write(body, durability, isLong, { reads: this, file: this.#file });
  }

  async flush(): Promise<void> {
    this.#check();
    if (this.readOnly) return;
    const refusal = this.#file.refusal('flush');
    if (refusal !== undefined) throw refusal;
    await this.#environment.flush();
  }

  refresh(): void {
    this.#check();
    this.#environment.tables.refresh();
  }

  stats(): EngineStats {
    this.#check();
    return this.#environment.tables.stats();
  }

  async backup(path: string): Promise<void> {
    this.#check();
    try {
      await backupTo(path, (folder) => this.#environment.copy(folder));
    } catch (error) {
      throw lmdbError(error, path, 'back up to');
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const environment = this.#environment;
    await environment.idle();
    this.#closed = true;
    environment.handles--;
    if (environment.handles > 0) return;
    const { identity } = this.#file;
    environments.delete(identity);
    const closed = environment.close();
    closing.set(identity, closed);
    await closed.finally(() => closing.delete(identity));
  }

  #check(): void {
    if (this.#closed || this.#environment.fault !== undefined) this.#refuse();
  }

  #refuse(): never {
    throw this.#closed ? closed('engine') : this.#environment.refusal();
  }
}

interface Kept {
  readonly kept: KeptKey;
  /** A private copy. */
  readonly bytes: Uint8Array;
}

/** Some rows of a range. */
interface Step {
  readonly rows: readonly Kept[];
  /** Behind it there may be more; undefined where there are none. */
  readonly last: KeptKey | undefined;
}

/** Both as far as both go, at most `wanted` rows. */
function mergedSteps(stored: Step, recent: Listed, range: KeptRange, wanted: number): Step {
  const direction = range.reverse ? -1 : 1;
  const isBefore = (a: KeptKey, b: KeptKey): boolean => compareKept(a, b) * direction < 0;
  const ends = [stored.last, recent.last].filter((end) => end !== undefined);
  const [a = undefined, b = a] = ends;
  const end = a === undefined || b === undefined ? a : isBefore(a, b) ? a : b;
  const rows: Kept[] = [];
  let at = 0;
  const take = (kept: KeptKey, bytes: Uint8Array | undefined): void => {
    if (bytes !== undefined && (end === undefined || !isBefore(end, kept))) {
      rows.push({ kept, bytes });
    }
  };
  for (const [kept, bytes] of recent.rows) {
    for (; at < stored.rows.length && isBefore(stored.rows[at].kept, kept); at++) {
      take(stored.rows[at].kept, stored.rows[at].bytes);
    }
    if (stored.rows[at]?.kept === kept) at++;
    take(kept, bytes && copyBytes(bytes));
  }
  for (const { kept, bytes } of stored.rows.slice(at)) take(kept, bytes);
  if (rows.length <= wanted) return { rows, last: end };
  return { rows: rows.slice(0, wanted), last: rows[wanted - 1].kept };
}

function lmdbRange(range: KeptRange, limit: number): object {
  const { reverse, lowerOpen, upperOpen } = range;
  const lower = range.lower === undefined || range.lower === '' ? undefined : keyOf(range.lower);
  const upper = range.upper === undefined ? undefined : keyOf(range.upper);
  const [start, exclusiveStart, end, exclusiveEnd] = reverse
    ? [upper, upperOpen, lower, lowerOpen]
    : [lower, lowerOpen, upper, upperOpen];
  return { start, exclusiveStart, end, inclusiveEnd: !exclusiveEnd, reverse, limit };
}
