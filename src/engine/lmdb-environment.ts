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
 */
import { randomBytes } from 'node:crypto';
import { copyBytes } from '../ground/bytes.js';
import { corrupt, errnoOf, full, ioFailed, type RegaliaError } from '../ground/errors.js';
import { utf8Bytes } from '../ground/text.js';
import {
  type Batch,
  type Durability,
  type EngineStats,
  type Reads,
  type RowKey,
  TABLES,
  type Table,
} from './engine.js';
import { lmdbError, poisonError } from './lmdb-errors.js';
import { hasRoom } from './lmdb-files.js';
import { LatestTransaction } from './lmdb-latest.js';
import type { DataFile } from './lmdb-place.js';
import {
  commitErrorOf,
  type LmdbRoot,
  type LmdbTable,
  NO_META_SYNC,
  ON_THIS_THREAD,
  openRoot,
  openTables,
  openWalTable,
  type TablePages,
} from './lmdb-root.js';
import {
  applyChanges,
  type KeptRange,
  keepKey,
  keyOf,
  Overlay,
  runBody,
  type Target,
} from './overlay.js';
import type { Listed, Span, Version } from './recent-rows.js';
import {
  encodeWalRow,
  hasLogs,
  removeEndedLogs,
  unfoldedIn,
  type WalRow,
  WriteAheadLog,
} from './wal.js';
import { createWal, WAL_ID_LENGTH } from './wal-file.js';

/** The key of the one row of the table of the write-ahead log. */
const WAL_KEY = utf8Bytes('wal');
/** Writes after which a process begins a write-ahead log. */
const WRITES_BEFORE_WAL = 4;
/** What is written together and has more bytes, or a larger row, goes into the tables at once. */
const RECORD_BYTES_MAX = 256 << 10;
const ROW_BYTES_MAX = 32 << 10;
/** Rows that go from the log into the tables by one transaction. */
const FOLD_SLICE_ROWS = 512;
/** After so long without a write, the log goes into the tables. */
const IDLE_MS = 500;
/** No records. */
const NONE: Span = { above: 0, until: 0 };
/** How often the log is looked for beside tables that others change. */
const FOLLOW_TRIES = 1_000;

/** The handle that a write comes by. */
interface Writer {
  readonly reads: Reads;
  readonly file: DataFile;
}

interface Job {
  readonly body: (batch: Batch) => unknown;
  readonly durability: Durability;
  readonly isLong: boolean;
  readonly writer: Writer;
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: unknown) => void;
  /** What the body came to; undefined until it has run. */
  ended: { readonly result: unknown } | { readonly error: unknown } | undefined;
}

/** What a transaction came to. */
interface Work {
  readonly number: number;
  readonly failure: RegaliaError | undefined;
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
  readonly #wal: WriteAheadLog;
  readonly #walTable: LmdbTable | undefined;
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
  /** Whether the transaction puts rows into the tables, and not into the log. */
  #isDirect = false;
  /** Bytes that the transaction puts into the log. */
  #stagedBytes = 0;
  /** Whether the last transaction put any row into the tables. */
  #hasPut = false;
  /** Whether the transaction is on disk when others see it. */
  #isFlushed = false;
  #flushing: Promise<void> | undefined;
  /** Whether the log must be followed before the next read, and reads begin anew for that. */
  #stale: 'no' | 'yes' | 'renew' = 'renew';
  /** Transactions since there was a log. */
  #writes = 0;
  #copies = 0;
  /** Whether records were put into the tables, or could not be, since the last commit. */
  #hasFolded = false;
  #foldFailed = false;
  /** Whether the last transaction that failed found the disk full. */
  #wasFull = false;
  #folder: NodeJS.Timeout | undefined;

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
      this.#walTable = openWalTable(this.#root);
      this.#wal = new WriteAheadLog(path, options.readOnly);
      for (const table of [...Object.values(this.tables), this.#walTable]) {
        table?.addListener('begin-transaction', () => {
          if (this.#stale === 'no') this.#stale = 'yes';
        });
      }
      if (!options.readOnly) this.#endLog();
    } catch (error) {
      void this.#root.close();
      latest?.close();
      throw error;
    }
    // Readers that died without leaving are freed.
    if (!options.readOnly) this.#root.readerCheck();
  }

  // Reading.

  /** Before a read: reads and the log beside them are of one state. */
  begin(): void {
    if (this.#isWriting) return;
    this.tables.meta.ensureReadTxn();
    if (this.#stale !== 'no') this.#follow();
  }

  #follow(): void {
    for (let tries = 0; tries < FOLLOW_TRIES; tries++) {
      if (this.#stale === 'renew' || tries > 0) this.#resetReads();
      this.tables.meta.ensureReadTxn();
      // It is read first: the log has what is later than the tables that name it.
      const row = this.#storedRow();
      if (this.#latest.lags() || !this.#wal.follow(row, false)) continue;
      this.#stale = 'no';
      return;
    }
    throw corrupt(this.path, 'the write-ahead log that the tables name', 'none');
  }

  /** The log's row. */
  #storedRow(): Uint8Array | undefined {
    const row = this.#walTable?.getBinaryFast(WAL_KEY);
    return row && copyBytes(new Uint8Array(row.buffer, row.byteOffset, row.length));
  }

  /** The row as the log has it, if it changed it. */
  recent<T extends Table>(table: T, key: RowKey<T>): Version | undefined {
    const { recent } = this.#wal;
    return recent.has(table) ? recent.find(table, keepKey(table, key), this.#span) : undefined;
  }

  /** The first `count` rows of a range that the log changed. */
  recentRows(table: Table, range: KeptRange, count: number): Listed {
    return this.#wal.recent.list(table, range, count, this.#span);
  }

  /** The records that are seen. */
  get #span(): Span {
    if (!this.#isWriting) return this.#wal.seen;
    return this.#isDirect ? NONE : this.#wal.unfolded;
  }

  #resetReads(): void {
    this.tables.meta.resetReadTxn();
  }

  /** The next read sees what others have written. */
  refresh(): void {
    this.#stale = 'renew';
  }

  /** The number of a table's rows. */
  count(table: Table): number {
    this.begin();
    let { entryCount } = this.#pages(table);
    for (const [key, bytes] of this.#wal.recent.all(table, this.#span)) {
      const isThere = this.tables[table].getBinaryFast(keyOf(key)) !== undefined;
      entryCount += (bytes !== undefined ? 1 : 0) - (isThere ? 1 : 0);
    }
    return entryCount;
  }

  #pages(table: Table): TablePages {
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
      used += pagesOf(this.#pages(table));
      rows[table] = this.count(table);
    }
    const all = lastPageNumber + 1;
    return { bytes: all * pageSize, freeBytes: Math.max(0, all - used) * pageSize, rows };
  }

  // Writing.

  /** Queues a body; see the header for when and where it commits. */
  write<T>(
    body: (batch: Batch) => T,
    durability: Durability,
    isLong: boolean,
    writer: Writer,
  ): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const answer = resolve as (result: unknown) => void;
      const ended = undefined;
      this.#queue.push({ body, durability, isLong, writer, resolve: answer, reject, ended });
      if (this.#phase === 'idle') this.#schedule();
    });
  }

  /** At the end of this turn: its other writes join in, and the event loop is never starved. */
  #schedule(): void {
    this.#phase = 'scheduled';
    setImmediate(() => {
      this.#phase = 'committing';
      if (this.#isFoldNext()) void this.#fold();
      else this.#commit();
    });
  }

  /** Whether records go into the tables next: the queue and they have their turns. */
  #isFoldNext(): boolean {
    if (this.fault !== undefined || this.#foldFailed) return false;
    // Where the disk is full, what is deleted makes room once it is deleted in the tables.
    const due = this.#wal.foldDue || (this.#wasFull && this.#wal.recent.rows > 0);
    return due === 'overdue' || (due && (this.#queue.length === 0 || !this.#hasFolded));
  }

  #commit(): void {
    this.#hasFolded = false;
    this.#foldFailed = false;
    const asked = (durability: Durability): boolean => {
      return this.#queue.some((job) => job.durability === durability);
    };
    if (this.fault !== undefined) this.#answer(this.#dequeue(), this.refusal());
    else if (asked('sync')) void this.#commitHere('sync');
    else if (!asked('group')) void this.#commitHere('none');
    else if (this.#workerFailed) void this.#commitHere('sync');
    else if (this.#wal.isOpen && !this.#queue.some((job) => job.isLong)) {
      void this.#commitHere('group');
    } else void this.#commitThere();
  }

  #dequeue(): Job[] {
    const jobs = this.#queue;
    this.#queue = [];
    return jobs;
  }

  async #commitHere(durability: Durability): Promise<void> {
    const jobs = this.#dequeue();
    const work = this.#here(() => this.#run(jobs, durability), durability);
    await this.#answerFlushed(jobs, work, durability);
  }

  #here(work: () => void, durability: Durability = 'sync'): Work {
    const flags = durability === 'none' ? ON_THIS_THREAD | NO_META_SYNC : ON_THIS_THREAD;
    let number = 0;
    try {
      this.#inTransaction((now) => {
        number = now;
        work();
      }, flags);
      this.#ended(number, durability !== 'none');
      return { number, failure: undefined };
    } catch (error) {
      return { number, failure: this.#failed(error, number) };
    }
  }

  /** Answers jobs that were run, once what they put into the log is as durable as asked. */
  async #answerFlushed(jobs: Job[], work: Work, durability: Durability): Promise<void> {
    let { failure } = work;
    if (failure === undefined && this.#isDirect && this.#hasPut) this.#wasFull = false;
    try {
      if (failure === undefined && durability === 'group') await this.#flushLog();
    } catch (error) {
      failure = this.#failed(error, 0);
    }
    this.#answer(jobs, failure);
  }

  /** Does something while nobody else writes, in a transaction that follows the latest. */
  #inTransaction(work: (number: number) => void, flags = ON_THIS_THREAD): void {
    const root = this.#root;
    let begun = false;
    // One that did not follow the latest ends empty.
    while (!begun) {
      root.transactionSync(() => {
        const number = root.getWriteTxnId();
        begun = this.#latest.isNext(number);
        if (begun) work(number);
      }, flags);
    }
    this.#stale = 'renew';
  }

  /** The same in lmdb-js's worker thread, where the callback must not throw. */
  async #commitThere(): Promise<void> {
    let jobs: Job[] = [];
    const work = await this.#inWorker(() => {
      jobs = this.#dequeue();
      this.#run(jobs, 'group');
    });
    try {
      if (work.failure === undefined) await this.#flushLog();
    } catch (error) {
      work.failure = this.#failed(error, work.number);
    }
    if (work.failure !== undefined && jobs.length === 0) jobs = this.#dequeue();
    this.#answer(jobs, work.failure);
  }

  async #inWorker(
    work: () => void,
  ): Promise<{ number: number; failure: RegaliaError | undefined }> {
    const root = this.#root;
    const state = { number: 0, putError: undefined as unknown, abandoned: false };
    const done = root.transaction(() => {
      if (state.abandoned) return;
      try {
        state.number = root.getWriteTxnId();
        if (this.#latest.isNext(state.number)) work();
      } catch (error) {
        state.putError = error;
      }
      this.#stale = 'renew';
    });
    try {
      await this.#inTime(done);
      // Part of the puts may have been committed.
      if (state.putError !== undefined) throw this.#poison(state.putError, 'commit');
      this.#ended(state.number, true);
      this.#stale = 'renew';
      return { number: state.number, failure: undefined };
    } catch (error) {
      state.abandoned = true;
      // lmdb-js's queue does not recover from a failed commit.
      this.#workerFailed = true;
      const cause = state.putError ?? (await commitErrorOf(error));
      return { number: state.number, failure: this.#failed(cause, state.number) };
    }
  }

  /** Runs the bodies in turn. What a body throws is its own; what a put throws fails them all. */
  #run(jobs: readonly Job[], durability: Durability): void {
    this.#beginRun(durability);
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
      this.#keep(overlay);
    }
    this.#endRun(durability);
  }

  #beginRun(durability: Durability): void {
    this.#hasPut = false;
    this.#stagedBytes = 0;
    this.#isFlushed = durability !== 'none';
    this.#followHere();
    this.#isDirect = !this.#wal.isOpen;
    if (this.#isDirect) this.#beginLog();
  }

  /** In a transaction that writes. */
  #followHere(): void {
    if (this.#wal.follow(this.#storedRow(), true)) return;
    throw corrupt(this.path, 'the write-ahead log that the tables name', 'none');
  }

  #keep(overlay: Overlay): void {
    const { changes, bytes } = overlay;
    if (changes.size === 0) return;
    const isLarge = overlay.longest > ROW_BYTES_MAX;
    if (!this.#isDirect && (isLarge || this.#stagedBytes + bytes > RECORD_BYTES_MAX)) {
      this.#goDirect();
    }
    if (this.#isDirect) applyChanges(changes, this.#target);
    else {
      this.#wal.stage(changes);
      this.#stagedBytes += Math.max(1, bytes);
    }
  }

  /** All that the log has goes into the tables with the rest of the transaction. */
  #goDirect(): void {
    const all = this.#wal.slice(Number.POSITIVE_INFINITY);
    if (all !== undefined) applyChanges(all.changes, this.#target);
    this.#wal.unstage();
    this.#putWalRow(this.#wal.row(this.#isFlushed));
    this.#isDirect = true;
  }

  #endRun(durability: Durability): void {
    if (this.#isDirect || this.#stagedBytes === 0) return;
    try {
      if (!this.#wal.append(durability)) this.#goDirect();
    } catch (error) {
      this.#wal.unstage();
      throw error;
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

  #putWalRow(row: WalRow | undefined): void {
    if (row === undefined) return;
    this.#walTable?.put(WAL_KEY, encodeWalRow(row));
    this.#hasPut = true;
  }

  /** Notes what a transaction came to: one that put nothing was none, and flushed nothing. */
  #ended(number: number, isFlushed: boolean): void {
    if (!this.#hasPut) return;
    this.#latest.look();
    if (!isFlushed) return;
    this.#durable = Math.max(this.#durable, number);
  }

  #answer(jobs: readonly Job[], failure?: RegaliaError): void {
    for (const job of jobs) {
      const { ended } = job;
      if (ended !== undefined && 'error' in ended) job.reject(ended.error);
      else if (failure !== undefined) job.reject(failure);
      else job.resolve(ended?.result);
    }
    if (this.#queue.length > 0 || this.#isFoldNext()) {
      this.#schedule();
      return;
    }
    this.#phase = 'idle';
    this.#foldWhenIdle();
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  // The log.

  /** Begins a log, with the rows of this transaction in the tables. */
  #beginLog(): void {
    if (this.#copies > 0 || this.#writes++ < WRITES_BEFORE_WAL) return;
    this.#writes = 0;
    const id = randomBytes(WAL_ID_LENGTH);
    try {
      createWal(this.path, id);
    } catch (error) {
      const errno = errnoOf(error);
      removeEndedLogs(this.path, undefined);
      // It goes without one.
      if (errno !== 'ENOSPC' && errno !== 'EDQUOT') throw error;
      return;
    }
    this.#putWalRow({ id, folded: 0, safe: 0 });
  }

  /** Flushes what was appended, and shows it to all. */
  async #flushLog(): Promise<void> {
    const flushed = await this.#wal.flush();
    if (flushed === undefined) return;
    this.#inTransaction(() => {
      this.#followHere();
      this.#wal.show(flushed);
    });
  }

  /** Puts the oldest records into the tables. */
  async #fold(): Promise<RegaliaError | undefined> {
    this.#hasFolded = true;
    const work = (): void => {
      this.#hasPut = false;
      this.#followHere();
      const slice = this.#wal.slice(FOLD_SLICE_ROWS);
      if (slice === undefined) return;
      applyChanges(slice.changes, this.#target);
      this.#putWalRow(this.#wal.row(true, slice.position));
    };
    const { failure } = this.#workerFailed ? this.#here(work) : await this.#inWorker(work);
    this.#foldFailed = failure !== undefined;
    if (this.fault === undefined) this.begin();
    this.#answer([], failure);
    return failure;
  }

  #foldWhenIdle(): void {
    if (this.#wal.recent.rows === 0 || this.fault !== undefined) return;
    this.#folder ??= setTimeout(() => void this.#foldAll(), IDLE_MS).unref();
    this.#folder.refresh();
  }

  /** Puts what the log has by now into the tables, as far as it may be seen. */
  async #foldAll(): Promise<RegaliaError | undefined> {
    this.#stale = 'renew';
    this.begin();
    const { until } = this.#wal.seen;
    while (this.#wal.folded < until && this.fault === undefined) {
      if (this.#phase !== 'idle') await this.idle();
      else {
        this.#phase = 'committing';
        const failure = await this.#fold();
        if (failure !== undefined) return failure;
      }
    }
    return undefined;
  }

  /** Puts all that a log has into the tables, and ends it. */
  #endLog(): void {
    let hasEnded = false;
    this.#inTransaction((number) => {
      this.#hasPut = false;
      const row = this.#storedRow();
      if (row === undefined) return;
      // All is read before anything is put.
      for (const changes of [...unfoldedIn(this.path, row)]) applyChanges(changes, this.#target);
      this.#walTable?.remove(WAL_KEY);
      hasEnded = true;
      this.#durable = number;
    });
    this.#wal.leave();
    if (hasEnded || hasLogs(this.path)) {
      // One that has just begun stays.
      this.#inTransaction(() => removeEndedLogs(this.path, this.#storedRow()));
    }
  }

  // Flushing, copying and closing.

  /** Makes the commits so far durable, those of other processes too, in the worker thread. */
  async flush(): Promise<void> {
    await this.idle();
    this.check();
    try {
      this.#stale = 'renew';
      this.begin();
      await this.#flushLog();
    } catch (error) {
      throw this.#failed(error, 0);
    }
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

  /** Copies the newest state into the folder as data.mdb, in the worker thread. */
  async copy(folder: string): Promise<void> {
    this.#copies++;
    try {
      const failure = await this.#foldAll();
      if (failure !== undefined) throw failure;
      await this.#root.backup(folder, false);
    } finally {
      this.#copies--;
    }
    // Tables are the state after a record: the copy needs none.
    await removeRow(folder);
  }

  /** Closes the file. With a commit that never came back it stays open: closing would hang. */
  async close(): Promise<void> {
    await this.idle();
    clearTimeout(this.#folder);
    await this.#flushing?.catch(() => undefined);
    if (this.#stuck) return;
    try {
      if (!this.readOnly && this.fault === undefined) this.#endLog();
    } catch (error) {
      // Nothing is lost: the log stays, and whoever opens the store next ends it.
      this.#poison(error, 'close');
    }
    this.#wal.leave();
    await this.#root.close();
    this.#latest.close();
  }

  /**
   * A full disk is an answer if the file still ends at an earlier transaction; anything else
   * poisons. LMDB reports a write that the disk took only in part as EIO.
   */
  #failed(error: unknown, transaction: number): RegaliaError {
    const coded = lmdbError(error, this.path, 'commit');
    const isFull = coded.code === 'REGALIA_FULL' || !hasRoom(this.path);
    if (!isFull || !this.#endsBefore(transaction)) return this.#poison(error, 'commit');
    this.#wasFull = true;
    return coded.code === 'REGALIA_FULL' ? coded : full(this.path, { cause: error });
  }

  #endsBefore(transaction: number): boolean {
    try {
      this.#resetReads();
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

/** Removes the log's row from a copy that nobody else has. */
async function removeRow(folder: string): Promise<void> {
  const root = openRoot(folder, false);
  try {
    const table = openWalTable(root);
    if (table?.getBinaryFast(WAL_KEY) === undefined) return;
    root.transactionSync(() => {
      table.remove(WAL_KEY);
    }, ON_THIS_THREAD);
  } finally {
    await root.close();
  }
}
