/**
 * What of a store its upkeep works on (statistics, repair, collection), and the way from a chunk's
 * address to its rows: at the id beside a reference, or where the index leads once ids are others.
 */
import type { Address } from '../blocks/address.js';
import type { Blocks } from '../blocks/blocks.js';
import { chunkNumber, isChunkId } from '../blocks/chunk-home.js';
import type { Engine } from '../engine/engine.js';
import type { History } from '../log/history.js';
import type { NodeCache } from '../tree/node-cache.js';
import type { NumberedChunk } from '../volumes/chunk-row.js';
import type { ChunkStore } from '../volumes/chunk-store.js';
import type { StorageRules } from '../volumes/storage-rules.js';

export interface StoreParts {
  readonly engine: Engine;
  readonly blocks: Blocks;
  readonly cache: NodeCache;
  readonly history: History;
  readonly chunks: ChunkStore;
  /** The id of the root bucket. */
  readonly store: Uint8Array;
  readonly storage: StorageRules;
  readonly now: () => number;
}

/** The rows of a chunk: that at `id` first, then those that the index leads to. */
export function* rowsOfChunk(
  { blocks, chunks }: Pick<StoreParts, 'blocks' | 'chunks'>,
  address: Address,
  id?: number | undefined,
): Generator<NumberedChunk, void> {
  const at = (one: number | undefined): NumberedChunk | undefined => {
    if (!isChunkId(one)) return undefined;
    const number = chunkNumber(one);
    const row = chunks.rowOf(number, address);
    return row && { number, row };
  };
  const first = at(id);
  if (first !== undefined) yield first;
  for (const other of blocks.index.candidates(address)) {
    const found = other === id ? undefined : at(other);
    if (found !== undefined) yield found;
  }
}

/** The first of them. */
export function rowOfChunk(
  parts: Pick<StoreParts, 'blocks' | 'chunks'>,
  address: Address,
  id?: number | undefined,
): NumberedChunk | undefined {
  for (const found of rowsOfChunk(parts, address, id)) return found;
  return undefined;
}
