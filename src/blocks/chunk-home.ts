/**
 * Where chunks (the chunks of contents) are kept, if not among other blocks in extents: what the
 * block store asks of such a home. Who reads or writes a block need not know which of both it is.
 *
 *     id   below 2^44: extent number × 4,096 + slot        from 2^44 on: 2^44 + chunk number
 *
 * Invariants: no block leaves a home unverified; a row that names bytes is written only once these
 * are on disk.
 */

import type { Batch } from '../engine/engine.js';
import type { Address } from './address.js';

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

/** A chunk as others refer to it. */
export interface ChunkRef {
  readonly id: number;
  readonly address: Address;
}

/** A shard that was read. */
export interface ShardScrub {
  /** What is wrong with it, if anything is. */
  readonly what: string | undefined;
  /** Whether enough others are sound; told with the last one at fault. */
  readonly isRepairable: boolean;
  /** Bytes that were read. */
  readonly cost: number;
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
  /** The same of several, in their order, as copies, without holding up the event loop. */
  fetch(chunks: readonly ChunkRef[], what: string): Promise<Uint8Array[]>;
  /**
   * The content bytes of chunks, one behind the other and verified, in buffers of the caller's own,
   * each of whole chunks: for long reads, past the cache. Undefined where some are not to be had
   * so, for whatever reason: `fetch` them then, which tells it.
   */
  gather(chunks: readonly LongChunkRef[]): Promise<Uint8Array[] | undefined>;
  /**
   * Whether the chunk of that id has this address, and is not known to be damaged or away. Nothing
   * is read.
   */
  holds(id: number, address: Address): boolean;
  /**
   * Reads every copy of a chunk past all caches: a sound block, if there is one, and what is wrong
   * with which copy.
   */
  scrub(id: number, address: Address): { block: Uint8Array | undefined; faults: string[] };
  /** Reads every shard of a group past all caches, one for each step. */
  scrubGroup(group: number): Iterable<ShardScrub>;
  /** A stage for the chunks of one transaction. */
  stage(): ChunkStage;
  /** As for extents: numbers that can be taken without waiting. */
  reserve(count: number): Promise<void>;
  readonly available: number;
  replenish(): void;
  /** Gives back what was reserved. */
  release(): Promise<void>;
  close(): Promise<void>;
}

/**
 * On how many volumes, and how. `coded`: contents of at least `from` bytes, once they have rested,
 * as so many shards of data and so many of parity; shorter ones, and those that have not rested, in
 * one copy more than parity has shards.
 */
export type Redundancy =
  | { readonly kind: 'none' }
  | { readonly kind: 'mirrored'; readonly copies: number }
  | { readonly kind: 'striped' }
  | {
      readonly kind: 'coded';
      readonly data: number;
      readonly parity: number;
      readonly from: number;
    };

/** How a chunk is to be kept: a matter of this store alone, never hashed. */
export interface ChunkCare {
  /** The level of compression; 0 for none. */
  readonly level: number;
  readonly redundancy: Redundancy;
  /** Tells contents apart: chunks of one content that are kept once are kept together. */
  readonly content: number;
  /** Which chunk of its content it is. */
  readonly index: number;
}

/** The chunks of one transaction. */
export interface ChunkStage {
  /** Stages a block, whose bytes are copied, and returns its id. */
  put(block: Uint8Array, address: Address, care?: ChunkCare): number;
  /** A chunk that is here already is referred to: it stays, or the transaction fails. */
  uses(id: number): void;
  /** Whether enough is staged that `spill` pays. */
  readonly heavy: boolean;
  /** Begins to write what is staged, once what came before is written. */
  spill(): Promise<void>;
  /** Resolves when all that is staged is on disk. What failed to be stays staged, and rejects. */
  prepare(): Promise<void>;
  /** Puts the rows of all that is staged, which `prepare` has brought to disk. REGALIA_CONFLICT. */
  emit(batch: Batch): void;
  /** What `emit` put has landed. */
  settle(): void;
  /** Forgets what is staged. */
  discard(): void;
}
