/**
 * The chunks of one transaction, on their way into segments.
 *
 *     put -> [waiting] -> compressed -> appended to volumes -> [written] -> flushed -> rows
 *
 * Invariants: what waits and what is being written is bounded, if the caller spills when the stage
 * is heavy; rows name only what was flushed; a batch that could not be written waits again. Long
 * transactions put their rows down on the way, as garbage that nothing refers to, so that memory
 * does not grow with them. A collection may remove such rows, and those of others' chunks that were
 * found: where one was under way since, each is looked at again when the transaction is published.
 */
import type { Address } from '../blocks/address.js';
import { CHUNK_IDS, type ChunkOrigin, type ChunkStage, chunkNumber } from '../blocks/chunk-home.js';
import { OneByOne } from '../blocks/one-by-one.js';
import type { Batch, Engine, Reads } from '../engine/engine.js';
import { assert } from '../ground/errors.js';
import { Slab } from '../ground/slab.js';
import { decodeChunkRow, encodeChunkRow, type NumberedChunk, type Place } from './chunk-row.js';
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

export interface StageHome {
  readonly engine: Reads & Pick<Engine, 'write'>;
  readonly volumes: { sync(copies: readonly Place[]): Promise<void> };
  /** A number for a block that is on its way: until `resolved` it can be read. */
  begin(address: Address, block: Uint8Array): number;
  /** Writes chunks to segments; they are on disk once the volumes are synced. */
  write(chunks: readonly StagedChunk[]): Promise<NumberedChunk[]>;
  /** The chunk's row is in the engine, or will never be. */
  resolved(number: number): void;
  /** Those that count on chunks. */
  readonly stages: Set<Stage>;
}

export interface StagedChunk {
  readonly number: number;
  readonly address: Address;
  readonly block: Uint8Array;
  /** Undefined where nobody knows which one of its content it is. */
  readonly origin: ChunkOrigin | undefined;
}

export class Stage implements ChunkStage {
  readonly #home: StageHome;
  readonly #slab = new Slab(SLAB_BYTES);
  #waiting: StagedChunk[] = [];
  #waitingBytes = 0;
  #written: NumberedChunk[] = [];
  #writtenBytes = 0;
  /** Whether all that was written is on disk. */
  #isSynced = true;
  readonly #spills = new OneByOne();
  /** How often it was discarded: what was being written meanwhile is forgotten as well. */
  #discards = 0;
  /** Chunks that have rows by now, and that the transaction refers to. */
  readonly #used: number[] = [];
  /** How far collections had come when the first of them was used. */
  #epoch: number | undefined;

  constructor(home: StageHome) {
    this.#home = home;
  }

  put(block: Uint8Array, address: Address, origin?: ChunkOrigin): number {
    this.#begin();
    const copy = this.#slab.copy(block);
    const number = this.#home.begin(address, copy);
    this.#waiting.push({ number, address, block: copy, origin });
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
    this.#home.stages.add(this);
  }

  #end(): void {
    this.#used.length = 0;
    this.#epoch = undefined;
    this.#home.stages.delete(this);
  }

  get heavy(): boolean {
    return this.#waitingBytes >= SPILL_BYTES || this.#waiting.length >= SPILL_COUNT;
  }

  spill(): Promise<void> {
    return this.#spills.begin(() => (this.#waiting.length === 0 ? undefined : this.#write()));
  }

  async #write(): Promise<void> {
    const chunks = this.#waiting;
    const discards = this.#discards;
    this.#waiting = [];
    this.#waitingBytes = 0;
    let written: NumberedChunk[];
    try {
      written = await this.#home.write(chunks);
    } catch (error) {
      if (discards !== this.#discards) this.#resolve(chunks);
      else {
        // They are still wanted: the next spill writes them with the rest.
        this.#waiting.unshift(...chunks);
        for (const { block } of chunks) this.#waitingBytes += block.length;
      }
      throw error;
    }
    if (discards !== this.#discards) {
      this.#resolve(chunks);
      return;
    }
    this.#written.push(...written);
    this.#isSynced = false;
    for (const { block } of chunks) this.#writtenBytes += block.length;
    const long = this.#writtenBytes >= CHECKPOINT_BYTES || this.#written.length >= CHECKPOINT_COUNT;
    if (long) await this.#checkpoint();
  }

  /** Puts the rows of what was written down, some at a time. */
  async #checkpoint(): Promise<void> {
    const discards = this.#discards;
    await this.#sync();
    while (this.#written.length > 0) {
      const rows = this.#written.slice(0, ROWS_AT_ONCE);
      await this.#home.engine.write((batch) => putRows(batch, rows), 'none');
      if (discards !== this.#discards) return;
      this.#written = this.#written.slice(rows.length);
      for (const { number } of rows) this.#used.push(number);
      this.#resolve(rows);
    }
    this.#writtenBytes = 0;
  }

  get isReady(): boolean {
    return this.#waiting.length === 0 && this.#spills.isIdle && this.#isSynced;
  }

  async prepare(): Promise<void> {
    await this.spill();
    await this.#spills.idle();
    if (this.#written.length > ROWS_AT_ONCE) await this.#checkpoint();
    else if (!this.#isSynced) await this.#sync();
  }

  async #sync(): Promise<void> {
    const { length } = this.#written;
    await this.#home.volumes.sync(this.#written.flatMap(({ row }) => row.copies));
    if (this.#written.length === length) this.#isSynced = true;
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

  published(): void {
    this.#forgetWritten();
    this.#end();
  }

  discard(): void {
    this.#discards++;
    this.#resolve(this.#waiting);
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#forgetWritten();
    this.#end();
  }

  #forgetWritten(): void {
    this.#resolve(this.#written);
    this.#isSynced = true;
    this.#written = [];
    this.#writtenBytes = 0;
  }

  #resolve(chunks: readonly { readonly number: number }[]): void {
    for (const { number } of chunks) this.#home.resolved(number);
  }
}

function putRows(batch: Batch, rows: readonly NumberedChunk[]): void {
  for (const { number, row } of rows) putChunk(batch, number, row);
}
