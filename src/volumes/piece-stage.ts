/**
 * The pieces of one transaction, on their way into segments.
 *
 *     put -> [waiting] -> compressed -> appended to volumes -> [written] -> flushed -> rows
 *
 * Invariants: what waits and what is being written is bounded, if the caller spills when told so; rows name only what
 * was flushed; a batch that could not be written waits again. Long transactions put their rows down on the way, as
 * garbage that nothing refers to, so that memory does not grow with them.
 */
import type { Address } from '../blocks/address.js';
import { BLOCK_HEADER } from '../blocks/address.js';
import { putAddress } from '../blocks/address-index.js';
import type { Backend, Batch } from '../blocks/backend.js';
import { addressPrefix } from '../blocks/extent.js';
import { PIECE_IDS, type PieceCare, type PieceStage } from '../blocks/piece-home.js';
import { assert } from '../errors.js';
import { LEVEL_DEFAULT } from './codec.js';
import { encodePieceRow, type PieceRow } from './piece-row.js';

/** Waiting bytes, and pieces, from which a stage is heavy. */
const SPILL_BYTES = 8 * 1024 * 1024;
const SPILL_COUNT = 2_048;
/** Bytes after which the rows of what was written are put down. */
const CHECKPOINT_BYTES = 256 * 1024 * 1024;
const CHECKPOINT_COUNT = 16_384;

/** What a stage needs of the home of pieces. */
export interface StageHome {
  readonly backend: Pick<Backend, 'write'>;
  readonly volumes: { sync(): Promise<void> };
  /** A number for a block that is on its way: until `landed` it can be read. */
  take(address: Address, block: Uint8Array): number;
  /** Writes pieces to volumes; they are on disk once these are synced. */
  write(pieces: readonly StagedPiece[]): Promise<WrittenPiece[]>;
  /** The piece's row is in the engine, or will never be. */
  landed(number: number): void;
}

/** Kept like this unless told otherwise. */
export const PLAIN_CARE: PieceCare = {
  level: LEVEL_DEFAULT,
  redundancy: { kind: 'none' },
  content: 0,
  index: 0,
};

/** A piece that waits. */
export interface StagedPiece {
  readonly number: number;
  readonly address: Address;
  /** The whole block. */
  readonly block: Uint8Array;
  readonly care: PieceCare;
}

/** A piece whose stored bytes lie in segments. */
export interface WrittenPiece {
  readonly number: number;
  readonly row: PieceRow;
}

export class Stage implements PieceStage {
  readonly #home: StageHome;
  #waiting: StagedPiece[] = [];
  #waitingBytes = 0;
  #written: WrittenPiece[] = [];
  #writtenBytes = 0;
  #writing: Promise<void> | undefined;
  #discarded = false;

  constructor(home: StageHome) {
    this.#home = home;
  }

  put(block: Uint8Array, address: Address, care: PieceCare = PLAIN_CARE): number {
    this.#discarded = false;
    const copy = block.slice();
    const number = this.#home.take(address, copy);
    this.#waiting.push({ number, address, block: copy, care });
    this.#waitingBytes += copy.length;
    return PIECE_IDS + number;
  }

  get heavy(): boolean {
    return this.#waitingBytes >= SPILL_BYTES || this.#waiting.length >= SPILL_COUNT;
  }

  async spill(): Promise<void> {
    await this.#drain();
    if (this.#waiting.length === 0) return;
    this.#writing = this.#write();
    // A failure shows at the next spill, or when it is asked for.
    this.#writing.catch(() => {});
  }

  async #drain(): Promise<void> {
    const writing = this.#writing;
    this.#writing = undefined;
    await writing;
  }

  async #write(): Promise<void> {
    const pieces = this.#waiting;
    this.#waiting = [];
    this.#waitingBytes = 0;
    try {
      this.#written.push(...(await this.#home.write(pieces)));
    } catch (error) {
      // They are still wanted: whoever goes on writes them with the rest.
      this.#waiting.unshift(...pieces);
      for (const { block } of pieces) this.#waitingBytes += block.length;
      throw error;
    }
    if (this.#discarded) this.discard();
    for (const { block } of pieces) this.#writtenBytes += block.length;
    const long = this.#writtenBytes >= CHECKPOINT_BYTES || this.#written.length >= CHECKPOINT_COUNT;
    if (long) await this.#checkpoint();
  }

  /** Puts the rows of what was written down. */
  async #checkpoint(): Promise<void> {
    await this.#home.volumes.sync();
    await this.#home.backend.write((batch) => this.#put(batch), 'none');
    this.settle();
  }

  async prepare(): Promise<void> {
    await this.#drain();
    if (this.#waiting.length > 0) await this.#write();
    if (this.#written.length > 0) await this.#home.volumes.sync();
  }

  emit(batch: Batch): void {
    assert(this.#waiting.length === 0, 'pieces are on disk before their rows are put');
    this.#put(batch);
  }

  #put(batch: Batch): void {
    for (const { number, row } of this.#written) {
      batch.put('pieces', number, encodePieceRow(number, row));
      putAddress(batch, addressPrefix(row.address), PIECE_IDS + number);
    }
  }

  settle(): void {
    for (const { number } of this.#written) this.#home.landed(number);
    this.#written = [];
    this.#writtenBytes = 0;
  }

  discard(): void {
    this.#discarded = true;
    for (const { number } of [...this.#waiting, ...this.#written]) this.#home.landed(number);
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#written = [];
    this.#writtenBytes = 0;
  }
}

/** The content bytes of a piece's block, as a view. */
export function contentOf(block: Uint8Array): Uint8Array {
  return block.subarray(BLOCK_HEADER);
}
