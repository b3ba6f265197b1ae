/**
 * What Regalia asks of a key-value engine: a few ordered tables, synchronous reads that nothing has
 * verified, and atomic writes whose body is synchronous. Two engines answer it, LMDB and memory,
 * under one conformance suite, which is published for others.
 *
 * Invariants:
 * - a write is all or nothing, also when its body throws: then nothing of it is ever seen;
 * - bodies run one at a time across all processes, in this one in the order of the calls, each
 *   seeing everything written before it;
 * - a write that resolved with 'sync' or 'group' is on disk. 'sync' is the shortest way there, on
 *   this thread; 'group' leaves the event loop free and shares its flush with what gathers
 *   meanwhile. Writes of one turn share flushes either way. With 'none' it survives the process,
 *   and a power cut undoes whole writes, the last first;
 * - a key or a row outside its limits is the caller's mistake: the call throws, and nothing of the
 *   write is kept;
 * - after an I/O error the handle is poisoned: every later call fails with REGALIA_IO, nothing is
 *   guessed.
 */

/** The tables whose keys are numbers. Persisted: never rename. */
export const INTEGER_TABLES = ['extents', 'addressLog', 'chunks', 'groups'] as const;
/** The tables whose keys are 1 to 1,900 bytes. Persisted: never rename. */
export const BYTE_TABLES = ['addresses', 'commits', 'log', 'heads', 'meta'] as const;
/** The names of all tables. */
export const TABLES = [...INTEGER_TABLES, ...BYTE_TABLES];
/** The name of a table whose keys are numbers. */
export type IntegerTable = (typeof INTEGER_TABLES)[number];
/** The name of a table whose keys are bytes. */
export type ByteTable = (typeof BYTE_TABLES)[number];
/** The name of a table. */
export type Table = IntegerTable | ByteTable;

/** A key of a table: a number from 0 to 2^32 - 1, or bytes. */
export type RowKey<T extends Table> = T extends IntegerTable ? number : Uint8Array;

/** How durable a write is when it resolves: see the invariants of an engine. */
export type Durability = 'sync' | 'group' | 'none';
/** Every durability. */
export const DURABILITIES: readonly Durability[] = ['sync', 'group', 'none'];

/** Which rows, and in which direction: of two bounds on one side the tighter one counts. */
export interface RowRange<K> {
  gte?: K;
  gt?: K;
  lte?: K;
  lt?: K;
  reverse?: boolean;
  limit?: number;
}

/** A row of a table. */
export interface Row<K> {
  readonly key: K;
  /** A private copy. */
  readonly bytes: Uint8Array;
}

/** What can be read of the tables, at once. */
export interface Reads {
  /**
   * The row's bytes as a view that the next call on this engine (or the end of this turn) spoils;
   * undefined where there is none. Never write into it.
   */
  view<T extends Table>(table: T, key: RowKey<T>): Uint8Array | undefined;
  /** The row's bytes as a private copy. */
  get<T extends Table>(table: T, key: RowKey<T>): Uint8Array | undefined;
  /** Rows in order of keys, bytes or numbers. Those written meanwhile may appear or not. */
  range<T extends Table>(table: T, range?: RowRange<RowKey<T>>): Iterable<Row<RowKey<T>>>;
  /** The number of rows. */
  count(table: Table): number;
}

/**
 * What the body of a write is given: reads through it see what it has put and deleted so far. It
 * ends with the body; after that every call throws REGALIA_CLOSED.
 */
export interface Batch extends Reads {
  /** `bytes` are the engine's from then on, and must not change any more; `key` may. */
  put<T extends Table>(table: T, key: RowKey<T>, bytes: Uint8Array): void;
  /** Does nothing where there is no such row. */
  del<T extends Table>(table: T, key: RowKey<T>): void;
}

/** What is known of a write before its body runs. */
export interface WriteOptions {
  /** Whether it puts so much that its flush is long, and had better be on another thread. */
  readonly isLong?: boolean;
}

/** Sizes, and counts of rows. */
export interface EngineStats {
  /** The size of the file (or of all rows in memory). */
  readonly bytes: number;
  /** Of these, bytes in free pages that later writes use first. */
  readonly freeBytes: number;
  readonly rows: Readonly<Record<Table, number>>;
}

/** An open engine: see the invariants above. Once it is closed every call throws REGALIA_CLOSED. */
export interface Engine extends Reads {
  /** Whether writes are refused with REGALIA_READ_ONLY. */
  readonly readOnly: boolean;
  /**
   * Runs `body` in one atomic transaction and resolves with its result once it is as durable as
   * asked. It may run again, where a transaction came to nothing: its batch is then a new one. A
   * body that throws rejects with what it threw, and nothing is written; so does one that returns a
   * promise, with a TypeError. Errors: REGALIA_READ_ONLY, REGALIA_CLOSED, REGALIA_FULL (nothing was
   * written, and the handle is sound), and REGALIA_IO (outcome 'unknown', and the handle is
   * poisoned).
   */
  write<T>(body: (batch: Batch) => T, durability: Durability, options?: WriteOptions): Promise<T>;
  /** Makes everything written so far, by anyone, durable. */
  flush(): Promise<void>;
  /** Lets the next reads see what other processes have written. */
  refresh(): void;
  stats(): EngineStats;
  /**
   * A consistent copy into the new file `path`, while others read and write. REGALIA_EXISTS where
   * something is at `path`, REGALIA_OPTION where this engine has no file.
   */
  backup(path: string): Promise<void>;
  /** Waits for writes under way, then closes. Idempotent; no write begins meanwhile. */
  close(): Promise<void>;
}
