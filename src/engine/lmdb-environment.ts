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
 * Where a commit runs. Its rows go into the write-ahead log, once there is one (wal.ts): 'sync'
 * flushes that on this thread, the shortest way to the disk, and the event loop waits; 'group' on
 * another, so that the loop goes on, and what is written meanwhile gathers for the next flush;
 * 'none' does not. What goes into the tables at once: 'sync' on this thread; 'group', and what is
 * long, in lmdb-js's worker thread; 'none' on this thread with MDB_NOMETASYNC: pages are flushed
 * before the meta page that names them is written, but the meta page is not, so a power cut loses
 * the last such commits and nothing else. (MDB_NOSYNC would cost 5 µs instead of 140, and the whole
 * store in a power cut: nothing orders its pages.) A flush by anyone makes earlier 'none' writes
 * durable too.
 *
 * Records of the log go into the tables in the worker thread, some hundred rows at a time, and
 * commits have their turns in between.
 */
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { closed, full, ioFailed, type RegaliaError } from '../ground/errors.js';
import type { Batch, Durability, Reads } from './engine.js';
import { hasStumbled, lmdbError, poisonError } from './lmdb-errors.js';
import { hasRoom } from './lmdb-files.js';
import type { DataFile } from './lmdb-place.js';
import { commitErrorOf, NO_META_SYNC, ON_THIS_THREAD } from './lmdb-root.js';
import { finishCopy, LmdbTables } from './lmdb-tables.js';
import { type Changes, Overlay, runBody } from './overlay.js';

/** Milliseconds that bodies run without a turn of the event loop. */
const BUDGET_MS = 4;
/** How often a copy is begun anew whose log ended meanwhile. */
const COPY_TRIES = 10;
/** After so long without a write, what the log has goes into the tables. */
const IDLE_MS = 500;

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
  readonly tables: LmdbTables;
  handles = 0;
  /** Why nothing more may be asked of LMDB. */
  fault: RegaliaError | undefined;
  readonly #commitTimeoutMs: number;
  #queue: Job[] = [];
  /** Jobs wait in the queue but while it is idle; while one commits more may join them. */
  #phase: 'idle' | 'scheduled' | 'committing' = 'idle';
  #stuck = false;
  #workerFailed = false;
  #idle: (() => void)[] = [];
  /** The latest transaction that is known to be on disk. */
  #durable = 0;
  #flushing: Promise<void> | undefined;
  /** Whether records were put into the tables, or could not be, since the last commit. */
  #hasFolded = false;
  #foldFailed = false;
  /** Whether the last transaction that failed found the disk full. */
  #wasFull = false;
  #folder: NodeJS.Timeout | undefined;
  #isClosing = false;
  readonly #pending = new Set<Promise<unknown>>();

  constructor(path: string, options: EnvironmentOptions) {
    this.path = path;
    this.readOnly = options.readOnly;
    this.#commitTimeoutMs = options.commitTimeoutMs;
    this.tables = new LmdbTables(path, options.readOnly);
    // Readers that died without leaving are freed.
    if (!options.readOnly) this.tables.root.readerCheck();
  }

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
    const { log } = this.tables;
    if (this.fault !== undefined || this.#foldFailed || this.#isClosing) return false;
    // Where the disk is full, what is deleted makes room once it is deleted in the tables.
    const due = log.foldDue || (this.#wasFull && log.recent.rows > 0);
    return due === 'overdue' || (due && (this.#queue.length === 0 || !this.#hasFolded));
  }

  #commit(): void {
    this.#hasFolded = false;
    this.#foldFailed = false;
    const asked = (durability: Durability): boolean => {
      return this.#queue.some((job) => job.durability === durability);
    };
    if (this.fault !== undefined) this.#answer(this.#dequeue(), this.refusal());
    else if (asked('sync')) this.#commitHere('sync');
    else if (!asked('group')) this.#commitHere('none');
    else if (this.#workerFailed) this.#commitHere('sync');
    else if (this.tables.log.isOpen && !this.#queue.some((job) => job.isLong)) {
      this.#commitHere('group');
    } else void this.#commitThere();
  }

  #dequeue(): Job[] {
    const jobs = this.#queue;
    this.#queue = [];
    return jobs;
  }

  #commitHere(durability: Durability): void {
    const jobs = this.#dequeue();
    const run = (isFlushed: boolean): void => this.#run(jobs, durability, isFlushed);
    const work = this.#here(run, durability);
    if (durability === 'group') void this.#answerFlushed(jobs, work);
    else this.#answerRun(jobs, work.failure);
  }

  #here(work: (isFlushed: boolean) => void, durability: Durability = 'sync'): Work {
    const { tables } = this;
    // What goes into the tables beside a log is always on disk: the log may be written over then.
    const isFlushed = durability !== 'none' || tables.log.isOpen || tables.beginsLog;
    const flags = isFlushed ? ON_THIS_THREAD : ON_THIS_THREAD | NO_META_SYNC;
    let number = 0;
    try {
      tables.transaction((now) => {
        number = now;
        work(isFlushed);
      }, flags);
      this.#ended(number, isFlushed);
      return { number, failure: undefined };
    } catch (error) {
      return { number, failure: this.#failed(error, number) };
    }
  }

  /** Answers jobs that were run, once what they put into the log is on disk. */
  async #answerFlushed(jobs: Job[], work: Work): Promise<void> {
    let { failure } = work;
    try {
      if (failure === undefined) await this.#flushLog();
    } catch (error) {
      failure = this.#poison(error, 'flush');
    }
    this.#answerRun(jobs, failure);
  }

  #answerRun(jobs: Job[], failure: RegaliaError | undefined): void {
    if (failure === undefined && this.tables.hasPut) this.#wasFull = false;
    this.#answer(jobs, failure);
  }

  async #commitThere(): Promise<void> {
    const jobs: Job[] = [];
    const work = await this.#there(() => {
      jobs.push(...this.#dequeue());
      this.#run(jobs, 'group', true);
    });
    if (work.failure !== undefined && jobs.length === 0) jobs.push(...this.#dequeue());
    await this.#answerFlushed(jobs, work);
  }

  /** Works in a transaction in lmdb-js's worker thread, where the callback must not throw. */
  async #there(work: () => void): Promise<Work> {
    const { tables } = this;
    const state = { number: 0, putError: undefined as unknown, abandoned: false };
    const body = (): void => {
      if (state.abandoned) return;
      try {
        tables.begins((number) => {
          state.number = number;
          work();
        });
      } catch (error) {
        state.putError = error;
      }
    };
    try {
      tables.checkMap();
      await this.#inTime(tables.root.transaction(body));
      tables.ended();
      // Part of the puts may have been committed.
      if (state.putError !== undefined) throw this.#poison(state.putError, 'commit');
      this.#ended(state.number, true);
      return { number: state.number, failure: undefined };
    } catch (error) {
      state.abandoned = true;
      // lmdb-js's queue does not recover from a failed commit.
      this.#workerFailed = true;
      const cause = await commitErrorOf(error);
      if (hasStumbled(cause) && !tables.isUnsure) return this.#here(work);
      const failure = this.#failed(state.putError ?? cause, state.number);
      return { number: state.number, failure };
    }
  }

  /**
   * Runs the bodies in turn. What a body throws is its own; what a put throws fails them all. Those
   * for which there is no time go back into the queue.
   */
  #run(jobs: Job[], durability: Durability, isFlushed: boolean): void {
    const { tables } = this;
    const refusals = refusalsOf(jobs);
    tables.hasPut = false;
    // What is beside a file that was moved away is another's.
    const isAnyAllowed = [...refusals.values()].includes(undefined);
    if (isAnyAllowed) tables.beginPuts(isFlushed);
    const until = performance.now() + BUDGET_MS;
    for (const [i, job] of jobs.entries()) {
      if (i > 0 && performance.now() > until) {
        this.#queue.unshift(...jobs.splice(i));
        break;
      }
      const { reads, file } = job.writer;
      const refusal = refusals.get(file.path);
      if (refusal !== undefined) {
        job.ended = { error: refusal };
        continue;
      }
      const overlay = new Overlay(reads);
      try {
        job.ended = { result: tables.reading(() => runBody(job.body, overlay)) };
      } catch (error) {
        job.ended = { error };
        continue;
      }
      const unfit = tables.refusal(overlay);
      if (unfit === undefined) tables.put(overlay);
      else job.ended = { error: unfit };
    }
    if (isAnyAllowed) tables.endPuts(durability);
  }

  /** Notes what a transaction came to: one that put nothing was none, and flushed nothing. */
  #ended(number: number, isFlushed: boolean): void {
    if (!this.tables.hasPut || !isFlushed) return;
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

  /** Flushes what was appended, and shows it to all. */
  async #flushLog(): Promise<void> {
    const flushed = await this.tables.log.flush();
    if (flushed !== undefined) this.tables.show(flushed);
  }

  /** Puts the oldest records into the tables. */
  async #fold(): Promise<'more' | 'none' | RegaliaError> {
    this.#hasFolded = true;
    // Where it did not follow the latest, nothing is known yet.
    let hasMore = true;
    const work = (): void => {
      hasMore = this.tables.fold();
    };
    const { failure } = this.#workerFailed ? this.#here(work) : await this.#there(work);
    this.#foldFailed = failure !== undefined;
    try {
      // What has gone into the tables need not be kept any longer.
      if (this.fault === undefined) this.tables.begin();
    } catch (error) {
      this.#poison(error, 'read');
    }
    this.#answer([]);
    return failure ?? (hasMore ? 'more' : 'none');
  }

  #foldWhenIdle(): void {
    if (this.tables.log.recent.rows === 0 || this.fault !== undefined || this.#isClosing) return;
    // What can't be read then, is met by the next read.
    const fold = (): void => void this.#foldAll().catch(() => undefined);
    this.#folder ??= setTimeout(fold, IDLE_MS).unref();
    this.#folder.refresh();
  }

  /** Puts what the log has by now into the tables. Where others have ended it, it is there. */
  async #foldAll(): Promise<RegaliaError | undefined> {
    const { log } = this.tables;
    this.tables.refresh();
    this.tables.begin();
    const { current } = log;
    const { until } = log.seen;
    while (log.current === current && log.folded < until && !this.#isClosing) {
      if (this.fault !== undefined) return this.fault;
      if (this.#phase !== 'idle') await this.idle();
      else {
        this.#phase = 'committing';
        const outcome = await this.#fold();
        if (outcome !== 'more') return outcome === 'none' ? undefined : outcome;
      }
    }
    return undefined;
  }

  // Flushing, copying and closing.

  /** Makes the commits so far durable, those of other processes too, in the worker thread. */
  flush(): Promise<void> {
    return this.#underway(this.#flush());
  }

  async #flush(): Promise<void> {
    await this.idle();
    this.check();
    try {
      this.tables.refresh();
      this.tables.begin();
      await this.#flushLog();
    } catch (error) {
      throw this.#poison(error, 'flush');
    }
    const latest = this.tables.latest.look();
    // One that goes on has begun before, maybe without the last of them.
    while (this.#durable < latest) {
      this.#flushing ??= this.#sync(this.tables.latest.look()).finally(() => {
        this.#flushing = undefined;
      });
      await this.#flushing;
    }
  }

  /** What closing waits for. */
  #underway<T>(work: Promise<T>): Promise<T> {
    this.#pending.add(work);
    const forget = (): void => void this.#pending.delete(work);
    work.then(forget, forget);
    return work;
  }

  #sync(latest: number): Promise<void> {
    return new Promise<void>((resolve, reject) => {
      this.tables.root.sync((error) => {
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
  copy(folder: string): Promise<void> {
    return this.#underway(this.#copy(folder));
  }

  async #copy(folder: string): Promise<void> {
    const failure = this.readOnly ? undefined : await this.#foldAll();
    if (failure !== undefined) throw failure;
    this.check();
    if (this.#isClosing) throw closed('engine');
    for (let tries = 0; tries < COPY_TRIES; tries++) {
      await this.tables.root.backup(folder, false);
      // Tables are the state after a record: who can't put the others there gives them along.
      if (await finishCopy(folder, (row) => (this.readOnly ? this.#missingIn(row) : new Map()))) {
        return;
      }
      for (const name of readdirSync(folder)) rmSync(join(folder, name));
    }
    throw ioFailed(this.path, 'back up', 'others change it too fast', { retryable: true });
  }

  /** What tables lack in which this is the row of the log; undefined where that has ended. */
  #missingIn(row: Uint8Array): Changes | undefined {
    this.tables.refresh();
    this.tables.begin();
    return this.tables.log.missingIn(row);
  }

  /** Closes the file. With a commit that never came back it stays open: closing would hang. */
  async close(): Promise<void> {
    this.#isClosing = true;
    clearTimeout(this.#folder);
    await Promise.allSettled([...this.#pending]);
    await this.idle();
    if (this.#stuck) return;
    try {
      if (!this.readOnly && this.fault === undefined) this.tables.endLog();
    } catch (error) {
      // Nothing is lost: the log stays, and the next to open the store ends it.
      this.#poison(error, 'close');
    }
    await this.tables.close();
  }

  /**
   * A full disk is an answer if the file still ends at an earlier transaction; anything else
   * poisons. LMDB reports a write that the disk took only in part as EIO.
   */
  #failed(error: unknown, transaction: number): RegaliaError {
    if (this.tables.isUnsure) return this.#poison(error, 'commit');
    const coded = lmdbError(error, this.path, 'commit');
    const isFull = coded.code === 'REGALIA_FULL' || isFullAt(this.path);
    if (!isFull || !this.#endsBefore(transaction)) return this.#poison(error, 'commit');
    this.#wasFull = true;
    return coded.code === 'REGALIA_FULL' ? coded : full(this.path, { cause: error });
  }

  #endsBefore(transaction: number): boolean {
    try {
      this.tables.resetReads();
      const { lastTxnId } = this.tables.root.getStats();
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

/** Whether a device is full; not, where nobody can tell. */
function isFullAt(path: string): boolean {
  try {
    return !hasRoom(path);
  } catch {
    return false;
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
