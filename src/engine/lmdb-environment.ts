/**
 * One LMDB environment, shared by all handles of this process that name the same file, and its
 * queue of writes.
 *
 * Invariants:
 * - one transaction at a time: everything queued when it starts shares it, and its flush;
 * - a body runs on an overlay; only when it has returned are its rows put, so nothing is ever
 *   thrown into lmdb-js, whose transactions keep what a throwing callback had put;
 * - after an I/O error, or a commit that outlasts its time, nothing more is asked of LMDB
 *   (`fault`);
 * - rows are put only while the file is where it was opened: each transaction looks;
 * - no read transaction outlives the turn of the event loop that began it: lmdb-js resets it, and
 *   ranges copy.
 *
 * Where a commit runs. 'sync': on this thread, at the end of the turn, the shortest way to the disk
 * (245 µs against 330 µs through the worker thread); the event loop waits for the disk. 'group': on
 * lmdb-js's worker thread, so that the loop goes on, and what is written meanwhile gathers for the
 * next flush. 'none': on this thread with MDB_NOMETASYNC: pages are flushed before the meta page
 * that names them is written, but the meta page is not, so a power cut loses the last such commits
 * and nothing else. (MDB_NOSYNC would cost 5 µs instead of 140, and the whole store in a power cut:
 * nothing orders its pages.) A flush by anyone makes earlier 'none' writes durable too.
 *
 * lmdb-js as we use it. `overlappingSync` is off: one fdatasync and one written-through meta page a
 * commit, and a power cut loses nothing acknowledged (on, commits made in several ways lost some).
 * `eventTurnBatching` is off: it makes promises of its own, which reject unheard when a commit
 * fails. `maxFreeSpaceToRetain` is 0: no list of free pages outlives its transaction. lmdb-js would
 * keep the list in memory and save the parts of it that changed, and now and then would not find
 * such a part where it looks for it, which ends the process (ARCHITECTURE.md, Rejected designs).
 * What lmdb-js puts within a transaction is copied into LMDB's page at once.
 */
import { open } from 'lmdb';
import { full, ioFailed, malformed, type RegaliaError } from '../ground/errors.js';
import {
  type Batch,
  BYTE_TABLES,
  type Durability,
  type EngineStats,
  INTEGER_TABLES,
  type Reads,
  type RowKey,
  TABLES,
  type Table,
} from './engine.js';
import { lmdbError, poisonError } from './lmdb-errors.js';
import { hasRoom, MAX_READERS } from './lmdb-files.js';
import { LatestTransaction } from './lmdb-latest.js';
import type { DataFile } from './lmdb-place.js';
import { Overlay, runBody, type Target } from './overlay.js';

/** lmdb.h: MDB_NOMETASYNC; lmdb-js's: abortable, committed before it returns. */
const NO_META_SYNC = 0x4_0000;
const ON_THIS_THREAD = 3;

/** The most bytes the file may ever grow to: address space, not memory. */
const MAP_BYTES = 2 ** 40;

interface LmdbTable {
  /** The whole read buffer under a false length, spoilt by the next read: wrap it at once. */
  getBinaryFast(key: number | Uint8Array): Uint8Array | undefined;
  getKeys(range: object): Iterable<number | Uint8Array>;
  put(key: number | Uint8Array, bytes: Uint8Array): unknown;
  remove(key: number | Uint8Array): unknown;
  ensureReadTxn(): void;
  resetReadTxn(): void;
  readonly db: { stat(): TablePages };
}

interface TablePages {
  readonly entryCount: number;
  readonly treeBranchPageCount: number;
  readonly treeLeafPageCount: number;
  readonly overflowPages: number;
}

interface RootStats {
  readonly pageSize: number;
  readonly lastPageNumber: number;
  readonly lastTxnId: number;
  readonly root: TablePages;
  readonly free: TablePages;
}

interface LmdbRoot {
  openDB(name: string, options: object): LmdbTable | undefined;
  /** The body returns nothing: a thenable defers the commit. */
  transactionSync(body: () => void, flags: number): void;
  /** The body never throws: what it had put would be committed. */
  transaction(body: () => void): Promise<void>;
  getWriteTxnId(): number;
  sync(done: (error?: unknown) => void): void;
  backup(path: string, compact: boolean): Promise<void>;
  readerCheck(): number;
  getStats(): RootStats;
  close(): Promise<void>;
}

/** The handle that a write comes by. */
interface Writer {
  readonly reads: Reads;
  readonly file: DataFile;
}

interface Job {
  readonly body: (batch: Batch) => unknown;
  readonly durability: Durability;
  readonly writer: Writer;
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: unknown) => void;
  /** What the body came to; undefined until it has run. */
  ended: { readonly result: unknown } | { readonly error: unknown } | undefined;
}

export interface EnvironmentOptions {
  readonly readOnly: boolean;
  readonly commitTimeoutMs: number;
}

export class LmdbEnvironment {
  readonly path: string;
  readonly readOnly: boolean;
  readonly tables: Readonly<Record<Table, LmdbTable>>;
  handles = 0;
  /** Why nothing more may be asked of LMDB. */
  fault: RegaliaError | undefined;
  readonly #root: LmdbRoot;
  readonly #latest: LatestTransaction;
  readonly #commitTimeoutMs: number;
  #queue: Job[] = [];
  /** Jobs wait in the queue but while it is idle; while one commits more may join them. */
  #phase: 'idle' | 'scheduled' | 'committing' = 'idle';
  #stuck = false;
  #workerFailed = false;
  #idle: (() => void)[] = [];
  /** The latest transaction that is known to be on disk. */
  #durable = 0;
  /** Whether bodies run. */
  #isWriting = false;
  /** Whether the last transaction put any row. */
  #hasPut = false;
  #flushing: Promise<void> | undefined;

  constructor(path: string, options: EnvironmentOptions) {
    this.path = path;
    this.readOnly = options.readOnly;
    this.#commitTimeoutMs = options.commitTimeoutMs;
    this.#root = openRoot(path, options.readOnly);
    let latest: LatestTransaction | undefined;
    try {
      latest = new LatestTransaction(path, this.#root.getStats().pageSize, options.readOnly);
      latest.correct();
      this.#latest = latest;
      this.tables = openTables(this.#root, path);
    } catch (error) {
      void this.#root.close();
      latest?.close();
      throw error;
    }
    // What was read until here may be of a transaction before.
    this.resetReads();
    // Readers that died without leaving are freed.
    if (!options.readOnly) this.#root.readerCheck();
  }

  /** Queues a body; see the header for when and where it commits. */
  write<T>(body: (batch: Batch) => T, durability: Durability, writer: Writer): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const answer = resolve as (result: unknown) => void;
      this.#queue.push({ body, durability, writer, resolve: answer, reject, ended: undefined });
      if (this.#phase === 'idle') this.#schedule();
    });
  }

  /** Makes the commits so far durable, those of other processes too, in the worker thread. */
  async flush(): Promise<void> {
    await this.idle();
    this.check();
    const latest = this.#latest.look();
    // One that goes on has begun before, maybe without the last of them.
    while (this.#durable < latest) {
      this.#flushing ??= this.#sync(this.#latest.look()).finally(() => {
        this.#flushing = undefined;
      });
      await this.#flushing;
    }
  }

  #sync(latest: number): Promise<void> {
    return new Promise<void>((resolve, reject) => {
      this.#root.sync((error) => {
        if (error !== undefined && error !== null) return reject(this.#poison(error, 'flush'));
        this.#durable = Math.max(this.#durable, latest);
        resolve();
      });
    });
  }

  /** Resolves when no write is queued or under way. */
  idle(): Promise<void> {
    if (this.#phase === 'idle') return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  /** Throws REGALIA_IO once poisoned. */
  check(): void {
    if (this.fault !== undefined) throw this.refusal();
  }

  refusal(): RegaliaError {
    const why = 'it had an error of input or output before, and must be reopened';
    return ioFailed(this.path, 'use', why, { cause: this.fault });
  }

  resetReads(): void {
    this.tables.meta.resetReadTxn();
  }

  /** Whether reads had fallen behind what this process has seen, and begin anew. */
  catchUp(): boolean {
    // A body reads the transaction that it is in, which is the latest.
    if (this.#isWriting || !this.#latest.lags()) return false;
    this.resetReads();
    return true;
  }

  /** A table's counts of rows and of pages. */
  pages(table: Table): TablePages {
    const opened = this.tables[table];
    opened.ensureReadTxn();
    return opened.db.stat();
  }

  /** What is in no tree and no meta page is free; LMDB counts the entries of its free list. */
  stats(): EngineStats {
    const { pageSize, lastPageNumber, root, free } = this.#root.getStats();
    const rows = {} as Record<Table, number>;
    let used = 2 + pagesOf(root) + pagesOf(free);
    for (const table of TABLES) {
      const pages = this.pages(table);
      rows[table] = pages.entryCount;
      used += pagesOf(pages);
    }
    const all = lastPageNumber + 1;
    return { bytes: all * pageSize, freeBytes: Math.max(0, all - used) * pageSize, rows };
  }

  /** Copies the newest state into the folder as data.mdb, in the worker thread. */
  async copy(folder: string): Promise<void> {
    await this.#root.backup(folder, false);
  }

  /** Closes the file. With a commit that never came back it stays open: closing would hang. */
  async close(): Promise<void> {
    await this.idle();
    await this.#flushing?.catch(() => undefined);
    if (this.#stuck) return;
    await this.#root.close();
    this.#latest.close();
  }

  /** At the end of this turn: its other writes join in, and the event loop is never starved. */
  #schedule(): void {
    this.#phase = 'scheduled';
    setImmediate(() => this.#commit());
  }

  #commit(): void {
    this.#phase = 'committing';
    if (this.fault !== undefined) {
      this.#answer(this.#dequeue(), this.refusal());
    } else if (this.#queue.some((job) => job.durability === 'sync')) {
      this.#commitHere(ON_THIS_THREAD);
    } else if (this.#queue.some((job) => job.durability === 'group')) {
      if (this.#workerFailed) this.#commitHere(ON_THIS_THREAD);
      else void this.#commitThere();
    } else {
      this.#commitHere(ON_THIS_THREAD | NO_META_SYNC);
    }
  }

  #dequeue(): Job[] {
    const jobs = this.#queue;
    this.#queue = [];
    return jobs;
  }

  #commitHere(flags: number): void {
    const jobs = this.#dequeue();
    const root = this.#root;
    let number = 0;
    let begun = false;
    try {
      // One that did not follow the latest ends empty.
      while (!begun) {
        root.transactionSync(() => {
          number = root.getWriteTxnId();
          begun = this.#latest.isNext(number);
          if (begun) this.#run(jobs);
        }, flags);
      }
      this.#ended(number, flags === ON_THIS_THREAD);
      this.#answer(jobs);
    } catch (error) {
      this.#answer(jobs, this.#failed(error, number));
    }
  }

  /** The same in lmdb-js's worker thread, where the callback must not throw. */
  async #commitThere(): Promise<void> {
    const root = this.#root;
    const work = { jobs: [] as Job[], number: 0, putError: undefined as unknown, abandoned: false };
    const done = root.transaction(() => {
      if (work.abandoned) return;
      try {
        work.number = root.getWriteTxnId();
        if (!this.#latest.isNext(work.number)) return;
        work.jobs = this.#dequeue();
        this.#run(work.jobs);
      } catch (error) {
        work.putError = error;
      }
    });
    try {
      await this.#inTime(done);
      // Part of the puts may have been committed.
      if (work.putError !== undefined) throw this.#poison(work.putError, 'commit');
      this.#ended(work.number, true);
      this.#answer(work.jobs);
    } catch (error) {
      work.abandoned = true;
      // lmdb-js's queue does not recover from a failed commit.
      this.#workerFailed = true;
      const cause = work.putError ?? (await commitErrorOf(error));
      const jobs = work.jobs.length > 0 ? work.jobs : this.#dequeue();
      this.#answer(jobs, this.#failed(cause, work.number));
    }
  }

  /** Runs the bodies in turn. What a body throws is its own; what a put throws fails them all. */
  #run(jobs: readonly Job[]): void {
    this.#hasPut = false;
    const refusals = refusalsOf(jobs);
    for (const job of jobs) {
      const { reads, file } = job.writer;
      const refusal = refusals.get(file.path);
      if (refusal !== undefined) {
        job.ended = { error: refusal };
        continue;
      }
      const overlay = new Overlay(reads);
      this.#isWriting = true;
      try {
        job.ended = { result: runBody(job.body, overlay) };
      } catch (error) {
        job.ended = { error };
        continue;
      } finally {
        this.#isWriting = false;
      }
      overlay.applyTo(this.#target);
    }
  }

  readonly #target: Target = {
    put: <T extends Table>(table: T, key: RowKey<T>, bytes: Uint8Array) => {
      this.tables[table].put(key as number | Uint8Array, bytes);
      this.#hasPut = true;
    },
    del: <T extends Table>(table: T, key: RowKey<T>) => {
      this.tables[table].remove(key as number | Uint8Array);
    },
  };

  /** Notes what a transaction came to: one that put nothing was none, and flushed nothing. */
  #ended(number: number, isFlushed: boolean): void {
    this.#latest.look();
    if (isFlushed && this.#hasPut) this.#durable = Math.max(this.#durable, number);
  }

  #answer(jobs: readonly Job[], failure?: RegaliaError): void {
    for (const job of jobs) {
      const { ended } = job;
      if (ended !== undefined && 'error' in ended) job.reject(ended.error);
      else if (failure !== undefined) job.reject(failure);
      else job.resolve(ended?.result);
    }
    if (this.#queue.length > 0) {
      this.#schedule();
      return;
    }
    this.#phase = 'idle';
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  /**
   * A full disk is an answer if the file still ends at an earlier transaction; anything else
   * poisons. LMDB reports a write that the disk took only in part as EIO.
   */
  #failed(error: unknown, transaction: number): RegaliaError {
    const coded = lmdbError(error, this.path, 'commit');
    const isFull = coded.code === 'REGALIA_FULL' || !hasRoom(this.path);
    if (!isFull || !this.#endsBefore(transaction)) return this.#poison(error, 'commit');
    return coded.code === 'REGALIA_FULL' ? coded : full(this.path, { cause: error });
  }

  #endsBefore(transaction: number): boolean {
    try {
      this.resetReads();
      const { lastTxnId } = this.#root.getStats();
      return transaction > 0 && lastTxnId < transaction;
    } catch {
      return false;
    }
  }

  #poison(error: unknown, operation: string): RegaliaError {
    this.fault ??= poisonError(error, this.path, operation);
    return this.fault;
  }

  #inTime(done: Promise<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#stuck = true;
        reject(new Error(`no answer within ${this.#commitTimeoutMs} ms`));
      }, this.#commitTimeoutMs);
      done.then(resolve, reject).finally(() => clearTimeout(timer));
    });
  }
}

/** Why those may not write whose file is not where it was, by its path: one look at each. */
function refusalsOf(jobs: readonly Job[]): Map<string, RegaliaError | undefined> {
  const refusals = new Map<string, RegaliaError | undefined>();
  for (const { file } of jobs.map(({ writer }) => writer)) {
    if (!refusals.has(file.path)) refusals.set(file.path, file.refusal('commit'));
  }
  return refusals;
}

function pagesOf(pages: TablePages): number {
  return pages.treeBranchPageCount + pages.treeLeafPageCount + pages.overflowPages;
}

/** lmdb-js rejects a commit with an error that leads to the true one. */
async function commitErrorOf(error: unknown): Promise<unknown> {
  const behind = (error as { commitError?: Promise<unknown> } | null)?.commitError;
  if (behind === undefined) return error;
  const silence = new Promise((resolve) => setTimeout(resolve, 1_000, error).unref());
  return Promise.race([behind, silence]).then(
    () => error,
    (cause: unknown) => cause,
  );
}

/** Opens, and creates where there is none, the environment in a folder. */
function openRoot(path: string, readOnly: boolean): LmdbRoot {
  const settings = {
    path,
    noSubdir: false,
    readOnly,
    overlappingSync: false,
    eventTurnBatching: false,
    mapSize: MAP_BYTES,
    maxReaders: MAX_READERS,
    maxDbs: 16,
    encoding: 'binary' as const,
    keyEncoding: 'binary' as const,
    permissionsMode: 0o600,
    maxFreeSpaceToRetain: 0,
  };
  return open(settings) as unknown as LmdbRoot;
}

function openTables(root: LmdbRoot, path: string): Record<Table, LmdbTable> {
  const tables = {} as Record<Table, LmdbTable>;
  for (const name of INTEGER_TABLES) tables[name] = openTable(root, path, name, 'uint32');
  for (const name of BYTE_TABLES) tables[name] = openTable(root, path, name, 'binary');
  return tables;
}

function openTable(root: LmdbRoot, path: string, name: Table, keyEncoding: string): LmdbTable {
  const table = root.openDB(name, { encoding: 'binary', keyEncoding });
  if (table !== undefined) return table;
  throw malformed(path, 0, `a table ${name}`, 'none');
}
