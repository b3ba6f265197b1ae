/**
 * Where a content's blocks go: to the transaction's writer, unless they are here already.
 *
 * `BlockSink` is the seam between cutting and keeping. What lies behind it may compress blocks, or
 * put them elsewhere than beside the metadata; addresses cover plain bytes, so nothing above can
 * tell.
 *
 * Staged blocks are not in the store's index yet. A `ChunkIndex` remembers the latest of them, so
 * that a transaction stores no chunk twice; it is bounded, since older ones have been spilled by
 * then, and are found through the store. What it forgets too early is stored again: that costs
 * room, and alters no address.
 */
import { type Address, addressKey, addressOf } from '../blocks/address.js';
import type { BlockWriter } from '../blocks/block-writer.js';
import type { Blocks } from '../blocks/blocks.js';
import type { BodyWriter } from '../blocks/body.js';
import type { ChunkCare } from '../blocks/chunk-home.js';
import { type AlgorithmNumber, BlockKind } from '../ground/block-header.js';
import { readU48 } from '../ground/integers.js';

/** A staged block. */
export interface Staged {
  readonly address: Address;
  readonly id: number;
}

export interface BlockSink {
  /**
   * Keeps the block in `body`, whose first `plainLength` bytes are hashed. The body may be reused
   * at once.
   */
  keep(body: BodyWriter, plainLength: number, algorithm: AlgorithmNumber): Staged;
  /** Whether enough is staged that `spill` pays. */
  readonly heavy: boolean;
  spill(): Promise<void>;
  /** Runs `body`, which keeps at most `count` blocks, once there is room for them. */
  stage<T>(count: number, body: () => T): Promise<T>;
}

/** Entries above the number of blocks of 500 bytes that a writer stages before it spills. */
const REMEMBERED_MAX = 16_384;

/** The blocks that one transaction has staged, by address. It ends with the transaction. */
export class ChunkIndex {
  readonly #ids = new Map<string, number>();

  get size(): number {
    return this.#ids.size;
  }

  find(address: Address): number | undefined {
    return this.#ids.get(addressKey(address));
  }

  add(address: Address, id: number): void {
    if (this.#ids.size >= REMEMBERED_MAX) {
      for (const oldest of this.#ids.keys()) {
        this.#ids.delete(oldest);
        break;
      }
    }
    this.#ids.set(addressKey(address), id);
  }
}

/** Extents beyond one's own need, for commits that take theirs between `reserve` and its caller. */
const RESERVE_SPARE = 64;

/**
 * The last in line to stage, by store: what one reserves, another must not take before it is
 * resumed.
 */
const lines = new WeakMap<Blocks, Promise<unknown>>();

/** How the chunks of a content are to be kept. */
export type Keeping = Pick<ChunkCare, 'level' | 'redundancy'>;

/** Keeps blocks in the store's own extents, and chunks in their home. */
export class StoreSink implements BlockSink {
  readonly #blocks: Blocks;
  readonly #writer: BlockWriter;
  readonly #chunks: ChunkIndex;

  readonly #keeping: Keeping | undefined;
  /** Of the first chunk that was new: it tells the content from others. */
  #content = 0;
  #index = 0;

  constructor(blocks: Blocks, writer: BlockWriter, chunks: ChunkIndex, keeping?: Keeping) {
    this.#blocks = blocks;
    this.#writer = writer;
    this.#chunks = chunks;
    this.#keeping = keeping;
  }

  keep(body: BodyWriter, plainLength: number, algorithm: AlgorithmNumber): Staged {
    const address = addressOf(algorithm, body.buffer.subarray(0, plainLength));
    const staged = this.#chunks.find(address);
    if (staged !== undefined) return { address, id: staged };
    // A manifest whose chunks were forgotten since has links that lead nowhere: it is stored with
    // those of now.
    const links = body.buffer.subarray(plainLength, body.length);
    const there = this.#blocks.find(address, links);
    if (there !== undefined) {
      this.#writer.uses(there);
      return { address, id: there };
    }
    const isChunk = body.buffer[0] === BlockKind.chunk;
    const id = isChunk
      ? this.#writer.putChunk(body, plainLength, address, this.#care(address))
      : this.#writer.put(body, plainLength, address);
    this.#chunks.add(address, id);
    return { address, id };
  }

  #care(address: Address): ChunkCare | undefined {
    if (this.#keeping === undefined) return undefined;
    const index = this.#index++;
    if (index === 0) this.#content = readU48(address, 1) % 2 ** 31;
    const { level, redundancy } = this.#keeping;
    return { level, redundancy, content: this.#content, index };
  }

  get heavy(): boolean {
    return this.#writer.heavy;
  }

  spill(): Promise<void> {
    return this.#writer.spill();
  }

  stage<T>(count: number, body: () => T): Promise<T> {
    const before = lines.get(this.#blocks) ?? Promise.resolve();
    const staged = before.then(async () => {
      await this.#blocks.reserve(count + RESERVE_SPARE);
      return body();
    });
    lines.set(
      this.#blocks,
      staged.catch(() => undefined),
    );
    return staged;
  }
}
