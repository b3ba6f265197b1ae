/**
 * Workers: threads that compress, decode and read while the calling thread goes on.
 *
 * - Work is split into batches of about 256 KiB, so that all workers share it and no hop carries
 *   little; what is too little to be sent is done on the calling thread.
 * - Workers start once some work has passed (a start costs 57 ms, in which the calling thread
 *   compresses 7 MiB), one after the other, when all others are busy. An idle one does not keep the
 *   process alive; one that has a batch does, since somebody waits for it.
 * - A worker that dies is replaced, and the batches that it had are done on the calling thread, so
 *   nothing is lost. After several deaths in a row without an answer all is done here.
 */
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import {
  assert,
  closed,
  isRegaliaError,
  type RegaliaError,
  workerFailed,
} from '../ground/errors.js';
import { WORKERS_MAX } from '../ground/limits.js';
import { turn } from '../ground/pause.js';
import type { OpenChunk } from './chunk-bytes.js';
import type { Stored, StoredChunk } from './codec.js';
import type { Parcel, Task, TaskName } from './tasks.js';
import { compressTask, contentsTask, decodeTask } from './tasks.js';
import type { Answer, Order } from './worker.js';

interface PoolOptions {
  /**
   * Threads beside the calling one, 0 to 64; 0 does everything on the calling thread. Default as
   * many as there are processors, but at most 4: each needs 30 to 45 MB at work.
   */
  readonly workers?: number | undefined;
  readonly start?: (() => Worker) | undefined;
}

const BATCH_BYTES = 262_144;
/** Plain bytes that are done on the calling thread before a worker is started. */
const WARM_UP_BYTES = 4_194_304;
/** Batches that a worker has at a time: the one it works at, and the one after it. */
const PENDING_MAX = 2;
/** Deaths in a row, without an answer in between, after which no worker is started any more. */
const DEATHS_MAX = 3;

/** One batch on its way: what to send, and what to do with the answer. */
interface Batch {
  readonly id: number;
  readonly task: TaskName;
  send(): Parcel;
  answer(parcel: Parcel): void;
  redo(reason: string): void;
  reject(error: RegaliaError): void;
}

interface Member {
  readonly worker: Worker;
  readonly pending: Map<number, Batch>;
}

export class Pool {
  readonly #limit: number;
  readonly #start: () => Worker;
  readonly #members = new Set<Member>();
  readonly #waiting: Batch[] = [];
  #lastId = 0;
  #passedBytes = 0;
  #deathsInARow = 0;
  #closed = false;

  constructor({ workers = defaultWorkers(), start = startWorker }: PoolOptions = {}) {
    const isCount = Number.isInteger(workers) && workers >= 0 && workers <= WORKERS_MAX;
    assert(isCount, 'workers are 0 to 64');
    this.#limit = workers;
    this.#start = start;
  }

  get workers(): number {
    return this.#members.size;
  }

  /**
   * The stored forms of chunks, as `compressTask` gives them. Chunks must not change before. Errors
   * of all three: REGALIA_WORKER, REGALIA_CLOSED.
   */
  compress(chunks: readonly Uint8Array[], level: number): Promise<Stored[]> {
    return this.#run(compressTask(level), chunks);
  }

  /** The whole blocks of chunks, decompressed and verified; undefined for one that is not sound. */
  decode(chunks: readonly StoredChunk[]): Promise<(Uint8Array | undefined)[]> {
    return this.#run(decodeTask, chunks);
  }

  /** As `contentsTask` gives them; keep the segments open until then. */
  contents(chunks: readonly OpenChunk[]): Promise<(Uint8Array | undefined)[]> {
    return this.#run(contentsTask, chunks);
  }

  /** Ends all workers. What is not answered, and what comes later, is rejected: REGALIA_CLOSED. */
  async close(): Promise<void> {
    this.#closed = true;
    const members = [...this.#members];
    const left = this.#waiting.splice(0);
    for (const { pending } of members) left.push(...pending.values());
    for (const { pending } of members) pending.clear();
    this.#members.clear();
    for (const batch of left) batch.reject(closed('pool of workers'));
    await Promise.all(members.map(({ worker }) => worker.terminate()));
  }

  async #run<Item, Result>(task: Task<Item, Result>, items: readonly Item[]): Promise<Result[]> {
    if (this.#closed) throw closed('pool of workers');
    const size = items.reduce((sum, item) => sum + task.size(item), 0);
    this.#passedBytes += size;
    const warm = this.#passedBytes > WARM_UP_BYTES;
    const alone = this.#grounded || !warm || size < task.sentFrom;
    const batches = split(task, items, alone ? BATCH_BYTES : (task.batchBytes ?? BATCH_BYTES));
    const results = alone
      ? await this.#here(task, batches)
      : await Promise.all(batches.map((batch) => this.#there(task, batch)));
    return results.flat();
  }

  get #grounded(): boolean {
    return this.#limit === 0 || this.#deathsInARow >= DEATHS_MAX;
  }

  /** Batch by batch, with a turn of the event loop before each but the first. */
  async #here<Item, Result>(task: Task<Item, Result>, batches: Item[][]): Promise<Result[][]> {
    const results: Result[][] = [];
    for (const items of batches) {
      if (results.length > 0) await turn();
      if (this.#closed) throw closed('pool of workers');
      results.push(task.here(items));
    }
    return results;
  }

  #there<Item, Result>(task: Task<Item, Result>, items: Item[]): Promise<Result[]> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({
        id: ++this.#lastId,
        task: task.name,
        reject,
        send: () => task.send(items),
        answer: (parcel) => resolve(task.receive(parcel, items)),
        redo: (reason) => {
          try {
            resolve(task.here(items));
          } catch (error) {
            reject(isRegaliaError(error) ? error : workerFailed(task.name, reason, error));
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
      member.pending.set(batch.id, batch);
      member.worker.ref();
    } catch (error) {
      this.#redo(batch, `${error}`);
    }
  }

  /** The one that has fewest batches, and room for one. */
  #freeMember(): Member | undefined {
    let best: Member | undefined;
    for (const member of this.#members) {
      if (best === undefined || member.pending.size < best.pending.size) best = member;
    }
    if (best?.pending.size === 0) return best;
    if (this.#members.size < this.#limit && !this.#grounded) return this.#hire() ?? best;
    return best !== undefined && best.pending.size < PENDING_MAX ? best : undefined;
  }

  #hire(): Member | undefined {
    let worker: Worker;
    try {
      worker = this.#start();
    } catch {
      this.#deathsInARow++;
      return undefined;
    }
    const member: Member = { worker, pending: new Map() };
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
    const batch = member.pending.get(answer.id);
    if (batch === undefined) return;
    member.pending.delete(answer.id);
    if (member.pending.size === 0) member.worker.unref();
    this.#deathsInARow = 0;
    if (answer.failure === undefined) batch.answer(answer.parcel);
    else this.#redo(batch, answer.failure);
    this.#dispatch();
  }

  #died(member: Member, reason: string): void {
    if (!this.#members.delete(member)) return;
    this.#deathsInARow++;
    for (const batch of member.pending.values()) this.#redo(batch, reason);
    member.pending.clear();
    void member.worker.terminate();
    this.#dispatch();
  }

  /** Once, on the calling thread, after what came before. */
  #redo(batch: Batch, reason: string): void {
    void turn().then(() => {
      if (this.#closed) batch.reject(closed('pool of workers'));
      else batch.redo(reason);
    });
  }
}

/** Items in order, cut behind the one that fills a batch. */
function split<Item>(
  task: Task<Item, unknown>,
  items: readonly Item[],
  batchBytes: number,
): Item[][] {
  const batches: Item[][] = [];
  let start = 0;
  let size = 0;
  for (let i = 0; i < items.length; i++) {
    size += task.size(items[i] as Item);
    if (size < batchBytes && i < items.length - 1) continue;
    batches.push(items.slice(start, i + 1));
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
