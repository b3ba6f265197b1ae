/**
 * Where chunks of contents are kept, if not among other blocks in extents, and which of both an id
 * leads to. The block store asks a home for no more than this; who reads or writes a block need not
 * know which of both has it.
 *
 *     id   below 2^44: extent number × 4,096 + slot        from 2^44 on: 2^44 + chunk number
 *
 * Invariants: no block leaves a home unverified; a row that names bytes is written only once these
 * are on disk.
 */

import type { Batch } from '../engine/engine.js';
import type { Address } from './address.js';
import type { Lease } from './lease.js';

/**
 * Local ids from here on are those of chunks that have a home of their own. Persisted: never
 * change.
 */
export const CHUNK_IDS = 2 ** 44;
/** Numbers of chunks are 1 to this, exclusive. */
export const CHUNK_NUMBERS = 2 ** 32;

/** Whether an id, which may be unknown, is a chunk's. */
export function isChunkId(id: number | undefined): id is number {
  return id !== undefined && id >= CHUNK_IDS;
}

export function chunkNumber(id: number): number {
  return id - CHUNK_IDS;
}

export interface ChunkRef {
  readonly id: number;
  readonly address: Address;
}

/** A chunk, and how many content bytes it has. */
export interface LongChunkRef extends ChunkRef {
  readonly length: number;
}

export interface ChunkHome {
  /**
   * The whole block, verified, for reading alone: a view that the next read spoils. REGALIA_MISSING
   * where it is not here or its volume is not, REGALIA_CORRUPT where no copy hashes to its address.
   */
  read(id: number, address: Address, what: string): Uint8Array;
  /** The same of several, in their order, as copies; the event loop goes on meanwhile. */
  fetch(chunks: readonly ChunkRef[], what: string): Promise<Uint8Array[]>;
  /**
   * The content bytes of chunks, one behind the other and verified, in buffers of the caller's own,
   * each of whole chunks: for long reads, past the cache. Undefined where some cannot be had so,
   * for whatever reason: `fetch` them then, which says why.
   */
  gather(chunks: readonly LongChunkRef[]): Promise<Uint8Array[] | undefined>;
  /**
   * Whether the chunk of that id has this address, and is not known to be damaged or away. Nothing
   * is read.
   */
  has(id: number, address: Address): boolean;
  stage(): ChunkStage;
  /** The numbers of chunks: as many can be staged without waiting as were reserved. */
  readonly numbers: Lease;
}

/**
 * Which chunk it is: a home may keep chunks by the rules of their stream, and beside each other.
 */
export interface ChunkOrigin {
  readonly stream: string;
  /** Tells contents apart. */
  readonly content: number;
  readonly index: number;
}

/**
 * The chunks of one transaction.
 *
 *     put, put, … -> spill, when heavy -> prepare -> emit -> published
 *                                                 -> discard, anywhere
 */
export interface ChunkStage {
  /** Stages a block, whose bytes are copied, and returns its id. */
  put(block: Uint8Array, address: Address, origin?: ChunkOrigin): number;
  /** The transaction refers to a chunk that is here already: it stays, or the transaction fails. */
  uses(id: number): void;
  /** Whether enough is staged that `spill` pays. */
  readonly heavy: boolean;
  /** Begins to write what is staged, once what came before is written. */
  spill(): Promise<void>;
  /** Whether `prepare` has nothing to wait for. */
  readonly isReady: boolean;
  /** Resolves when all that is staged is on disk. What failed to be stays staged, and rejects. */
  prepare(): Promise<void>;
  /** Puts the rows of all that is staged, which `prepare` has brought to disk. REGALIA_CONFLICT. */
  emit(batch: Batch): void;
  /** What `emit` put is in the engine now. */
  published(): void;
  discard(): void;
}
