/**
 * Workers: threads that compress, decode and hash while the calling thread goes on.
 *
 * - Work is split into batches of about 256 KiB, so that all workers share it and no hop carries
 *   little; what is too little to be sent is done on the calling thread, and so is everything where
 *   there are no workers.
 * - Workers start once some work has passed (a start takes 57 ms, in which the calling thread
 *   compresses 7 MiB), one after the other, when all others are busy. An idle one does not keep the
 *   process alive; one that holds a batch does, since somebody waits for it.
 * - A worker that dies is replaced, and the batches that it held are done once on the calling
 *   thread, so nothing is lost. After several deaths in a row without an answer no more are
 *   started, and all is done here.
 */
import { availableParallelism } from 'node:os';
import { setImmediate } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import type { Address } from '../blocks/address.js';
import type { AlgorithmNumber } from '../ground/block-header.js';
import { isRegaliaError, RegaliaError } from '../ground/errors.js';
import { WORKERS_MAX } from '../ground/limits.js';
import type { OpenChunk } from './chunk-bytes.js';
import type { Stored } from './codec.js';
import type { Parcel, Task, TaskName } from './tasks.js';
import {
  compressTask,
  contentsTask,
  type Decoded,
  decodeTask,
  hashTask,
  type StoredChunk,
} from './tasks.js';
import type { Answer, Order } from './worker.js';

export interface PoolOptions {
  /**
   * Threads beside the calling one, 0 to 64; 0 does everything on the calling thread. As many as
   * there are processors, but 4 at the most, unless told: each takes 30 to 45 MB at work.
   */
  readonly workers?: number | undefined;
  /** Starts a worker. */
  readonly start?: (() => Worker) | undefined;
}

/** A batch is full at so many plain bytes. */
const BATCH_BYTES = 262_144;
/** Plain bytes that are done on the calling thread before a worker is started. */
const WARM_UP_BYTES = 4_194_304;
/** Batches that a worker holds at a time: the one it works at, and the one after it. */
const HELD_MAX = 2;
/** Deaths in a row, without an answer in between, after which no worker is started any more. */
const DEATHS_MAX = 3;

/** One batch on its way: what to send, and what to do with the answer. */
interface Batch {
  readonly id: number;
  readonly task: TaskName;
  readonly size: number;
  send(): Parcel;
  /** Takes the answer. */
  answer(parcel: Parcel): void;
  /** Does it on the calling thread. */
  redo(reason: string): void;
  reject(error: RegaliaError): void;
}

interface Member {
  readonly worker: Worker;
  readonly held: Map<number, Batch>;
}

export class Pool {
  readonly #limit: number;
  readonly #start: () => Worker;
  readonly #members = new Set<Member>();
  readonly #waiting: Batch[] = [];
  #lastId = 0;
  #queuedBytes = 0;
  #passedBytes = 0;
  #deathsInARow = 0;
  #closed = false;

  /** REGALIA_OPTION for a number of workers out of its limits. */
  constructor({ workers = defaultWorkers(), start = startWorker }: PoolOptions = {}) {
    checkWorkers(workers);
    this.#limit = workers;
    this.#start = start;
  }

  /**
   * Plain bytes handed in and not yet answered, those at work included: hand in more while there
   * are few.
   */
  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  /** Workers that live. */
  get workers(): number {
    return this.#members.size;
  }

  /**
   * The stored forms of chunks, as `compress` makes them: those that do not compress are the arrays
   * that were given. Chunks must not change before. Errors of all three: REGALIA_WORKER,
   * REGALIA_CLOSED.
   */
  compress(chunks: readonly Uint8Array[], level: number): Promise<Stored[]> {
    return this.#run(compressTask(level), chunks);
  }

  /**
   * The whole blocks of chunks, decompressed and verified; a chunk that is damaged is an error in
   * its place.
   */
  decode(chunks: readonly StoredChunk[]): Promise<Decoded[]> {
    return this.#run(decodeTask, chunks);
  }

  /** The addresses of chunks with these content bytes. */
  hash(chunks: readonly Uint8Array[], algorithm: AlgorithmNumber): Promise<Address[]> {
    return this.#run(hashTask(algorithm), chunks);
  }

  /**
   * Content bytes of chunks in open segments, as `contentsTask` gives them; keep the segments open
   * until then.
   */
  contents(chunks: readonly OpenChunk[]): Promise<(Uint8Array | undefined)[]> {
    return this.#run(contentsTask, chunks);
  }

  /**
   * Ends all workers. What is not answered yet is rejected as REGALIA_CLOSED, and so is what comes
   * later.
   */
  async close(): Promise<void> {
    this.#closed = true;
    const members = [...this.#members];
    const left = [...this.#waiting.splice(0), ...members.flatMap(({ held }) => [...held.values()])];
    for (const { held } of members) held.clear();
    this.#members.clear();
    for (const batch of left) batch.reject(closed());
    await Promise.all(members.map(({ worker }) => worker.terminate()));
  }

  async #run<Item, Result>(task: Task<Item, Result>, items: readonly Item[]): Promise<Result[]> {
    if (this.#closed) throw closed();
    const size = items.reduce((sum, item) => sum + task.size(item), 0);
    this.#queuedBytes += size;
    this.#passedBytes += size;
    const warm = this.#passedBytes > WARM_UP_BYTES;
    try {
      const alone = this.#grounded || !warm || size < task.sentFrom;
      const batches = split(task, items, alone ? BATCH_BYTES : (task.batchBytes ?? BATCH_BYTES));
      const results = alone
        ? await this.#here(task, batches)
        : await Promise.all(batches.map((batch) => this.#there(task, batch)));
      return results.flat();
    } finally {
      this.#queuedBytes -= size;
    }
  }

  get #grounded(): boolean {
    return this.#limit === 0 || this.#deathsInARow >= DEATHS_MAX;
  }

  /** Batch by batch, with a turn of the event loop before each but the first. */
  async #here<Item, Result>(task: Task<Item, Result>, batches: Items<Item>[]): Promise<Result[][]> {
    const results: Result[][] = [];
    for (const { items } of batches) {
      if (results.length > 0) await setImmediate();
      if (this.#closed) throw closed();
      results.push(task.here(items));
    }
    return results;
  }

  #there<Item, Result>(task: Task<Item, Result>, { items, size }: Items<Item>): Promise<Result[]> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({
        ...{ id: ++this.#lastId, task: task.name, size, reject },
        send: () => task.send(items),
        answer: (parcel) => resolve(task.receive(parcel, items)),
        redo: (reason) => {
          try {
            resolve(task.here(items));
          } catch (error) {
            reject(isRegaliaError(error) ? error : failed(task.name, reason, error));
          }
        },
      });
      this.#dispatch();
    });
  }

  /** Hands waiting batches to workers that have room, and starts workers while all are busy. */
  #dispatch(): void {
    while (this.#waiting.length > 0) {
      const member = this.#freeMember();
      if (member === undefined) break;
      this.#send(member, this.#waiting.shift() as Batch);
    }
    if (this.#grounded) for (const batch of this.#waiting.splice(0)) this.#redo(batch, 'no worker');
  }

  #send(member: Member, batch: Batch): void {
    try {
      const parcel = batch.send();
      const order: Order = { id: batch.id, task: batch.task, parcel };
      member.worker.postMessage(order, [parcel.bytes.buffer]);
      member.held.set(batch.id, batch);
      member.worker.ref();
    } catch (error) {
      this.#redo(batch, `${error}`);
    }
  }

  /** The one that holds least and has room. */
  #freeMember(): Member | undefined {
    let best: Member | undefined;
    for (const member of this.#members) {
      if (best === undefined || member.held.size < best.held.size) best = member;
    }
    if (best?.held.size === 0) return best;
    if (this.#members.size < this.#limit && !this.#grounded) return this.#hire() ?? best;
    return best !== undefined && best.held.size < HELD_MAX ? best : undefined;
  }

  #hire(): Member | undefined {
    let worker: Worker;
    try {
      worker = this.#start();
    } catch {
      this.#deathsInARow++;
      return undefined;
    }
    const member: Member = { worker, held: new Map() };
    let reason = 'it ended';
    worker.on('message', (answer: Answer) => this.#answered(member, answer));
    worker.on('messageerror', (error) => this.#died(member, `${error}`));
    worker.on('error', (error) => {
      reason = `${error}`;
    });
    worker.on('exit', () => this.#died(member, reason));
    worker.unref();
    this.#members.add(member);
    return member;
  }

  #answered(member: Member, answer: Answer): void {
    const batch = member.held.get(answer.id);
    if (batch === undefined) return;
    member.held.delete(answer.id);
    if (member.held.size === 0) member.worker.unref();
    this.#deathsInARow = 0;
    if (answer.failure === undefined) batch.answer(answer.parcel);
    else this.#redo(batch, answer.failure);
    this.#dispatch();
  }

  #died(member: Member, reason: string): void {
    if (!this.#members.delete(member)) return;
    this.#deathsInARow++;
    for (const batch of member.held.values()) this.#redo(batch, reason);
    member.held.clear();
    void member.worker.terminate();
    this.#dispatch();
  }

  /** Once, on the calling thread, after what came before. */
  #redo(batch: Batch, reason: string): void {
    void setImmediate().then(() => {
      if (this.#closed) batch.reject(closed());
      else batch.redo(reason);
    });
  }
}

interface Items<Item> {
  readonly items: readonly Item[];
  readonly size: number;
}

/** Items in order, cut behind the one that fills a batch. */
function split<Item>(
  task: Task<Item, unknown>,
  items: readonly Item[],
  batchBytes: number,
): Items<Item>[] {
  const batches: Items<Item>[] = [];
  let start = 0;
  let size = 0;
  for (let i = 0; i < items.length; i++) {
    size += task.size(items[i] as Item);
    if (size < batchBytes && i < items.length - 1) continue;
    batches.push({ items: items.slice(start, i + 1), size });
    start = i + 1;
    size = 0;
  }
  return batches;
}

function defaultWorkers(): number {
  return Math.min(availableParallelism(), 4);
}

function startWorker(): Worker {
  // Not with the flags of the process, which may be meant for its own entry.
  return new Worker(new URL('./worker.js', import.meta.url), { name: 'regalia', execArgv: [] });
}

function closed(): RegaliaError {
  return new RegaliaError('REGALIA_CLOSED', 'the pool of workers is closed', { what: 'pool' });
}

function failed(task: TaskName, reason: string, cause: unknown): RegaliaError {
  const message = `a worker failed to ${task}, and so did the calling thread: ${reason}`;
  const facts = { cause, retryable: true, outcome: 'none' } as const;
  return new RegaliaError('REGALIA_WORKER', message, { task, reason }, facts);
}

function checkWorkers(workers: number): void {
  if (Number.isInteger(workers) && workers >= 0 && workers <= WORKERS_MAX) return;
  const expected = `an integer of 0 to ${WORKERS_MAX}`;
  throw new RegaliaError('REGALIA_OPTION', `workers must be ${expected}`, {
    option: 'workers',
    expected,
    actual: `${workers}`,
  });
}
