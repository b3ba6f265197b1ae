/**
 * What the tests of contents share: a store in memory, seeded bytes, and a count of the blocks that
 * are read.
 */
import { BlockWriter } from '../../src/blocks/block-writer.js';
import { Blocks } from '../../src/blocks/blocks.js';
import type { ContentRef } from '../../src/chunks/content.js';
import type { ContentReads } from '../../src/chunks/reader.js';
import { ChunkIndex } from '../../src/chunks/staging.js';
import { ContentWriter, extentsFor } from '../../src/chunks/writer.js';
import { openMemory } from '../../src/engine/memory.js';
import { type AlgorithmNumber, SHA256 } from '../../src/ground/block-header.js';

export class Store {
  readonly blocks = new Blocks(openMemory());
  readonly writer: BlockWriter = new BlockWriter(this.blocks);
  chunks = new ChunkIndex();

  content(chunkBytes: number, algorithm: AlgorithmNumber = SHA256): ContentWriter {
    const chunking = { kind: 'fixed', bytes: chunkBytes } as const;
    return new ContentWriter(this.blocks, this.writer, algorithm, chunking, this.chunks);
  }

  async put(
    bytes: Uint8Array,
    chunkBytes: number,
    algorithm: AlgorithmNumber = SHA256,
  ): Promise<ContentRef> {
    await this.blocks.reserve(extentsFor(bytes.length, { kind: 'fixed', bytes: chunkBytes }));
    return this.content(chunkBytes, algorithm).put(bytes);
  }

  /** Lands what is staged, as a commit does. */
  async land(): Promise<void> {
    await this.blocks.engine.write((batch) => this.writer.emit(batch), 'none');
    this.writer.published();
  }
}

/**
 * Block reads, counted; each spoils what the one before it returned, as an engine may, and returns
 * a Buffer.
 */
export class CountedReads implements ContentReads {
  readonly #blocks: Blocks;
  #last = Buffer.alloc(0);
  count = 0;

  constructor(blocks: Blocks) {
    this.#blocks = blocks;
  }

  read(...[id, address, what]: Parameters<Blocks['read']>): ReturnType<Blocks['read']> {
    this.count++;
    const body = this.#blocks.read(id, address, what);
    this.#last.fill(0xdb);
    this.#last = Buffer.from(body.bytes);
    return { ...body, bytes: this.#last };
  }

  fetch(...[refs, what]: Parameters<Blocks['fetch']>): ReturnType<Blocks['fetch']> {
    this.count += refs.length;
    return this.#blocks.fetch(refs, what);
  }

  gather(...[refs]: Parameters<Blocks['gather']>): ReturnType<Blocks['gather']> {
    return this.#blocks.gather(refs);
  }
}

/** Seeded bytes (xorshift32): the same for the same seed. */
export function noise(length: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let state = (seed | 0) === 0 ? 1 : seed | 0;
  for (let i = 0; i < length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes[i] = state;
  }
  return bytes;
}
