/**
 * The chunks of one transaction, on their way into segments.
 *
 *     put -> [waiting] -> compressed -> appended to volumes -> [written] -> flushed -> rows
 *
 * Invariants: what waits and what is being written is bounded, if the caller spills when told so;
 * rows name only what was flushed; a batch that could not be written waits again. Long transactions
 * put their rows down on the way, as garbage that nothing refers to, so that memory does not grow
 * with them. A collection may take such rows, and those of others' chunks that were found: where
 * one was under way since, each is looked at again when the transaction lands.
 */
import type { Address } from '../blocks/address.js';
import { CHUNK_IDS, type ChunkCare, type ChunkStage, chunkNumber } from '../blocks/chunk-home.js';
import { OneByOne } from '../blocks/one-by-one.js';
import type { Batch, Engine, Reads } from '../engine/engine.js';
import { BLOCK_HEADER } from '../ground/block-header.js';
import { assert } from '../ground/errors.js';
import { type ChunkRow, decodeChunkRow, encodeChunkRow, type Place } from './chunk-row.js';
import { LEVEL_DEFAULT } from './codec.js';
import { collected, collections, putChunk } from './row-changes.js';

/** Waiting bytes, and chunks, from which a stage is heavy. */
const SPILL_BYTES = 8 * 1024 * 1024;
const SPILL_COUNT = 2_048;
/** Bytes after which the rows of what was written are put down. */
const CHECKPOINT_BYTES = 256 * 1024 * 1024;
const CHECKPOINT_COUNT = 16_384;
/** Rows put in one transaction: they take some five milliseconds, in which nothing else can run. */
const ROWS_AT_ONCE = 512;

/** Of what blocks are copied into: a sixteenth of what waits. */
const SLAB_BYTES = 524_288;

/** What a stage needs of the home of chunks. */
export interface StageHome {
  readonly engine: Reads & Pick<Engine, 'write'>;
  readonly volumes: { sync(copies: readonly Place[]): Promise<void> };
  /** A number for a block that is on its way: until `landed` it can be read. */
  take(address: Address, block: Uint8Array): number;
  /** Writes chunks to volumes; they are on disk once these are synced. */
  write(chunks: readonly StagedChunk[]): Promise<WrittenChunk[]>;
  /** The chunk's row is in the engine, or will never be. */
  landed(number: number): void;
  /** From here on the stage counts on chunks; until it has ended. */
  begun(stage: Stage): void;
  ended(stage: Stage): void;
}

/** Kept like this unless told otherwise. */
export const PLAIN_CARE: ChunkCare = {
  level: LEVEL_DEFAULT,
  redundancy: { kind: 'none' },
  content: 0,
  index: 0,
};

/** A chunk that waits. */
export interface StagedChunk {
  readonly number: number;
  readonly address: Address;
  /** The whole block. */
  readonly block: Uint8Array;
  readonly care: ChunkCare;
}

/** A chunk whose stored bytes lie in segments. */
export interface WrittenChunk {
  readonly number: number;
  readonly row: ChunkRow;
}

export class Stage implements ChunkStage {
  readonly #home: StageHome;
  readonly #slabs = new Slabs();
  #waiting: StagedChunk[] = [];
  #waitingBytes = 0;
  #written: WrittenChunk[] = [];
  #writtenBytes = 0;
  readonly #spills = new OneByOne();
  #discarded = false;
  /** Chunks that have rows by now, and that the transaction refers to. */
  readonly #used: number[] = [];
  /** How far collections had come when the first of them was used. */
  #epoch: number | undefined;

  constructor(home: StageHome) {
    this.#home = home;
  }

  put(block: Uint8Array, address: Address, care: ChunkCare = PLAIN_CARE): number {
    this.#begin();
    this.#discarded = false;
    const copy = this.#slabs.copy(block);
    const number = this.#home.take(address, copy);
    this.#waiting.push({ number, address, block: copy, care });
    this.#waitingBytes += copy.length;
    return CHUNK_IDS + number;
  }

  uses(id: number): void {
    this.#begin();
    this.#used.push(chunkNumber(id));
  }

  get used(): readonly number[] {
    return this.#used;
  }

  #begin(): void {
    if (this.#epoch !== undefined) return;
    this.#epoch = collections(this.#home.engine).epoch;
    this.#home.begun(this);
  }

  #end(): void {
    this.#used.length = 0;
    this.#epoch = undefined;
    this.#home.ended(this);
  }

  get heavy(): boolean {
    return this.#waitingBytes >= SPILL_BYTES || this.#waiting.length >= SPILL_COUNT;
  }

  spill(): Promise<void> {
    return this.#spills.begin(() => (this.#waiting.length === 0 ? undefined : this.#write()));
  }

  async #write(): Promise<void> {
    const chunks = this.#waiting;
    this.#waiting = [];
    this.#waitingBytes = 0;
    try {
      const written = await this.#home.write(chunks);
      // Not before: a discard while they were written has put another list in the place of the old
      // one.
      this.#written.push(...written);
    } catch (error) {
      // They are still wanted: whoever goes on writes them with the rest.
      this.#waiting.unshift(...chunks);
      for (const { block } of chunks) this.#waitingBytes += block.length;
      if (this.#discarded) this.discard();
      throw error;
    }
    for (const { block } of chunks) this.#writtenBytes += block.length;
    if (this.#discarded) this.discard();
    const long = this.#writtenBytes >= CHECKPOINT_BYTES || this.#written.length >= CHECKPOINT_COUNT;
    if (long) await this.#checkpoint();
  }

  /** Puts the rows of what was written down, some at a time. */
  async #checkpoint(): Promise<void> {
    await this.#sync();
    while (this.#written.length > 0) {
      const rows = this.#written.slice(0, ROWS_AT_ONCE);
      await this.#home.engine.write((batch) => putRows(batch, rows), 'none');
      // A discard meanwhile has forgotten them all.
      if (this.#written[0] !== rows[0]) return;
      this.#written = this.#written.slice(rows.length);
      for (const { number } of rows) {
        this.#used.push(number);
        this.#home.landed(number);
      }
    }
    this.#writtenBytes = 0;
  }

  async prepare(): Promise<void> {
    await this.spill();
    await this.#spills.idle();
    if (this.#written.length > ROWS_AT_ONCE) await this.#checkpoint();
    else if (this.#written.length > 0) await this.#sync();
  }

  async #sync(): Promise<void> {
    await this.#home.volumes.sync(this.#written.flatMap(({ row }) => row.copies));
  }

  emit(batch: Batch): void {
    assert(this.#waiting.length === 0, 'chunks are on disk before their rows are put');
    putRows(batch, this.#written);
    this.#keepUsed(batch);
  }

  /** Sees that what the transaction refers to is there, and stays. REGALIA_CONFLICT. */
  #keepUsed(batch: Batch): void {
    if (this.#epoch === undefined || collections(batch).epoch === this.#epoch) return;
    for (const number of this.#used) {
      const bytes = batch.get('chunks', number);
      if (bytes === undefined) throw collected('a chunk');
      const row = decodeChunkRow(number, bytes);
      if (row.condemned !== true) continue;
      batch.put('chunks', number, encodeChunkRow(number, { ...row, condemned: false }));
    }
  }

  settle(): void {
    this.#forget();
    this.#end();
  }

  #forget(): void {
    for (const { number } of this.#written) this.#home.landed(number);
    this.#written = [];
    this.#writtenBytes = 0;
  }

  discard(): void {
    this.#discarded = true;
    for (const { number } of this.#waiting) this.#home.landed(number);
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#forget();
    this.#end();
  }
}

function putRows(batch: Batch, rows: readonly WrittenChunk[]): void {
  for (const { number, row } of rows) putChunk(batch, number, row);
}

/**
 * Copies of bytes side by side in larger buffers: many small ones are dear to make, and to collect.
 */
class Slabs {
  #slab = new Uint8Array(0);
  #used = 0;

  copy(bytes: Uint8Array): Uint8Array {
    if (this.#used + bytes.length > this.#slab.length) {
      this.#slab = new Uint8Array(Math.max(SLAB_BYTES, bytes.length));
      this.#used = 0;
    }
    const copy = this.#slab.subarray(this.#used, this.#used + bytes.length);
    copy.set(bytes);
    this.#used += bytes.length;
    return copy;
  }
}

/** The content bytes of a chunk's block, as a view. */
export function contentOf(block: Uint8Array): Uint8Array {
  return block.subarray(BLOCK_HEADER);
}
