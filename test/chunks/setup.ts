/**
 * What the tests of contents share: a store in memory, seeded bytes, and a count of the blocks that
 * are read.
 */

import { type Address, sameAddress } from '../../src/blocks/address.js';
import { BlockWriter } from '../../src/blocks/block-writer.js';
import { Blocks } from '../../src/blocks/blocks.js';
import { chunkBytes } from '../../src/chunks/chunk.js';
import type { ContentRef } from '../../src/chunks/content.js';
import { type ContentBlocks, ContentStore, stagedBlocks } from '../../src/chunks/content-store.js';
import { decodeManifest } from '../../src/chunks/manifest.js';
import type { Source } from '../../src/chunks/source.js';
import { ContentWriter, extentsFor, type WriteOptions } from '../../src/chunks/writer.js';
import { openMemory } from '../../src/engine/memory.js';
import { type AlgorithmNumber, BlockKind, SHA256 } from '../../src/ground/block-header.js';
import { malformed } from '../../src/ground/errors.js';

export class Store {
  readonly blocks = new Blocks(openMemory());
  readonly contents = new ContentStore(this.blocks);
  readonly writer: BlockWriter = new BlockWriter(this.blocks);
  staged = stagedBlocks();

  content(chunkBytes: number, algorithm: AlgorithmNumber = SHA256): ContentWriter {
    const chunking = { kind: 'fixed', bytes: chunkBytes } as const;
    return new ContentWriter(this.contents, this.writer, algorithm, chunking, this.staged);
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

/** A content from a source, however short. */
export async function written(
  writer: ContentWriter,
  source: Source,
  options: WriteOptions = {},
): Promise<ContentRef> {
  const found = await writer.writeOrInline(source, 0, options);
  if (found instanceof Uint8Array) throw new Error('an empty stream is inline');
  return found;
}

/**
 * Block reads, counted; each spoils what the one before it returned, as an engine may, and returns
 * a Buffer.
 */
export class CountedReads implements ContentBlocks {
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

  find(...args: Parameters<Blocks['find']>): ReturnType<Blocks['find']> {
    return this.#blocks.find(...args);
  }

  reserve(count: number): Promise<void> {
    return this.#blocks.reserve(count);
  }

  get available(): number {
    return this.#blocks.available;
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

/** What a content's block refers to. */
interface ContentChild {
  readonly address: Address;
  readonly length: number;
  readonly kind: typeof BlockKind.chunk | typeof BlockKind.manifest;
}

/**
 * The references of a chunk (none) or a manifest (holes are none), from its plain bytes alone,
 * which may be anybody's. Errors: REGALIA_FORMAT, also for a block of another kind;
 * REGALIA_VERSION.
 */
export function contentChildren(block: Uint8Array): ContentChild[] {
  if (block[0] === BlockKind.chunk) {
    chunkBytes(block);
    return [];
  }
  if (block[0] !== BlockKind.manifest) {
    throw malformed('content', 0, 'a chunk or a manifest', `kind ${block[0]}`);
  }
  const manifest = decodeManifest(block);
  const kind = manifest.level === 1 ? BlockKind.chunk : BlockKind.manifest;
  const children: ContentChild[] = [];
  for (let i = 0; i < manifest.count; i++) {
    if (manifest.isHole(i)) continue;
    children.push({ address: manifest.address(i), length: manifest.lengthOf(i), kind });
  }
  return children;
}

/**
 * Whether two references are surely to equal bytes: nothing is read. Under one algorithm and one
 * way of cutting, `false` means that the bytes differ; otherwise it means nothing.
 */
export function sameContent(a: ContentRef, b: ContentRef): boolean {
  return a.length === b.length && sameAddress(a.address, b.address);
}
