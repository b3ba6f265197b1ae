/**
 * Staging blocks: those of one transaction gather in extents, and count once something that is
 * durable refers to them.
 *
 *     put, put, … -> spill, when heavy: on disk, and garbage still
 *                 -> prepare -> emit, within the write that moves the head -> published
 *                                                                          -> failed
 *                 -> discard
 *
 * Extents that were announced are never lost: what was begun on them meanwhile may have patches on
 * their blocks.
 */

import type { Batch } from '../engine/engine.js';
import { BlockKind } from '../ground/block-header.js';
import { Runs } from '../ground/runs.js';
import type { Address } from './address.js';
import type { Blocks } from './blocks.js';
import type { BodyWriter, Chain } from './body.js';
import { type ChunkOrigin, type ChunkStage, isChunkId } from './chunk-home.js';
import { type ExtentBuilder, extentOf, NO_ID, putExtents } from './extent.js';
import { OneByOne } from './one-by-one.js';

/** The deepest chain that writers make; readers allow a little more. */
const PATCH_DEPTH = 9;
/** Staged bytes from which a writer spills. */
const SPILL_BYTES = 4 * 1_048_576;
/** Bytes from which their write is long. */
const LONG_BYTES = 262_144;

export class BlockWriter {
  readonly blocks: Blocks;
  readonly #chunks: ChunkStage | undefined;
  #open: ExtentBuilder | undefined;
  #closed: ExtentBuilder[] = [];
  #closedBytes = 0;
  /** Pending extents of others, which `emit` has put. */
  #others: readonly ExtentBuilder[] = [];
  readonly #spills = new OneByOne();
  /** Ids of the chunks, and numbers of the extents, that it has begun and not published. */
  readonly #own = { chunks: new Runs(), extents: new Runs() };
  /** Blocks and stored bytes staged so far, for figures. */
  blockCount = 0;
  storedBytes = 0;
  hasChunks = false;

  constructor(blocks: Blocks) {
    this.blocks = blocks;
    this.#chunks = blocks.chunks?.stage();
  }

  /**
   * Stages a chunk, whose first `plainLength` bytes in `body` hash to `address`, and returns its
   * id. `origin` says which one of its content it is, where that is known.
   */
  putChunk(body: BodyWriter, plainLength: number, address: Address, origin?: ChunkOrigin): number {
    if (this.#chunks === undefined) return this.put(body, plainLength, address);
    this.blockCount++;
    this.hasChunks = true;
    const id = this.#chunks.put(body.buffer.subarray(0, plainLength), address, origin);
    this.#own.chunks.add(id);
    return id;
  }

  /** Whether it has staged the block of that id, and not published it. */
  isOwn(id: number): boolean {
    const { chunks, extents } = this.#own;
    return isChunkId(id) ? chunks.has(id) : extents.has(extentOf(id));
  }

  /** A block that is here already is referred to by what is staged. */
  uses(id: number): void {
    if (isChunkId(id)) this.#chunks?.uses(id);
  }

  /**
   * Stages the body in `body`, whose first `plainLength` bytes hash to `address`, and returns its
   * id. Where `base` is given, `body` was built on that block's body, and is stored as a patch on
   * it if that pays.
   */
  put(
    body: BodyWriter,
    plainLength: number,
    address: Address,
    base?: { readonly id: number; readonly chain: Chain },
  ): number {
    if (this.#chunks !== undefined && body.buffer[0] === BlockKind.chunk) {
      return this.putChunk(body, plainLength, address);
    }
    if (this.#open === undefined) {
      this.#open = this.blocks.beginExtent(this.blockCount === 0);
      this.#own.extents.add(this.#open.number);
    }
    const { stored } = this.#open;
    const before = stored.length;
    const under = base && this.#baseOf(body, base);
    if (under === undefined) body.writeWhole(stored, plainLength);
    else body.writePatch(stored, under.id, plainLength);
    this.blockCount++;
    this.storedBytes += stored.length - before;
    const id = this.#open.close(address);
    this.chain =
      under === undefined
        ? { depth: 0, whole: id }
        : { depth: under.chain.depth + 1, whole: under.chain.whole };
    if (this.#open.full) this.#closeExtent();
    return id;
  }

  /** What the block stands on that was put last. */
  chain: Chain = { depth: 0, whole: NO_ID };

  /** The block on which a body is stored as a patch; undefined where that does not pay. */
  #baseOf(
    body: BodyWriter,
    base: { readonly id: number; readonly chain: Chain },
  ): { readonly id: number; readonly chain: Chain } | undefined {
    if (body.keptLength * 2 <= body.length) return undefined;
    if (base.chain.depth < PATCH_DEPTH) return base;
    const { whole } = base.chain;
    const bottom = this.blocks.whole(whole);
    if (bottom === undefined) return undefined;
    body.rebase(bottom.bytes, bottom.start, bottom.end);
    return body.keptLength * 2 > body.length ? { id: whole, chain: bottom.chain } : undefined;
  }

  #closeExtent(): void {
    if (this.#open === undefined) return;
    this.#closed.push(this.#open);
    this.#closedBytes += this.#open.stored.length;
    this.#open = undefined;
  }

  /** Whether enough is staged that `spill` pays. */
  get heavy(): boolean {
    return this.#closedBytes >= SPILL_BYTES || this.#chunks?.heavy === true;
  }

  /**
   * Begins to write the extents that are complete, once those before them are written. They stay
   * garbage until a commit refers to them. `drain` waits for the last.
   */
  async spill(): Promise<void> {
    await this.#chunks?.spill();
    await this.#spills.begin(() => {
      const extents = this.#takeClosed();
      return extents.length === 0 ? undefined : this.#write(extents);
    });
  }

  /** The extents that are complete; they are nobody's then. */
  #takeClosed(): ExtentBuilder[] {
    const extents = this.#closed;
    this.#closed = [];
    this.#closedBytes = 0;
    return extents;
  }

  async #write(extents: ExtentBuilder[]): Promise<void> {
    try {
      // Where it is much, on a thread of the engine's own: a few fit its log.
      const isLong = extents.reduce((sum, { stored }) => sum + stored.length, 0) > LONG_BYTES;
      await this.blocks.engine.write((batch) => putExtents(batch, extents), 'group', { isLong });
    } catch (error) {
      // They are still wanted, and are written with the rest.
      this.#closed.unshift(...extents);
      throw error;
    }
    this.blocks.written(extents);
  }

  /**
   * Resolves when nothing is being written. What failed to be is staged again, and rejects once.
   */
  drain(): Promise<void> {
    return this.#spills.idle();
  }

  /** Whether `prepare` has nothing to wait for. */
  get isReady(): boolean {
    return this.#spills.isIdle && this.#chunks?.isReady !== false;
  }

  /** Resolves when nothing is being written, and all chunks are on disk: what `emit` asks for. */
  async prepare(): Promise<void> {
    await this.drain();
    await this.#chunks?.prepare();
  }

  /**
   * Puts all that is still staged into the transaction that moves the head; `published` follows
   * once that has succeeded, `failed` where it has not.
   */
  emit(batch: Batch): void {
    this.#closeExtent();
    this.#others = this.blocks.pending;
    putExtents(batch, [...this.#others, ...this.#closed]);
    this.#chunks?.emit(batch);
  }

  /** What `emit` put is in the engine now. */
  published(): void {
    this.blocks.written([...this.#others, ...this.#takeClosed()]);
    this.#others = [];
    this.#chunks?.published();
    this.#own.chunks.clear();
    this.#own.extents.clear();
  }

  /**
   * What is staged was announced, and could not be written: others may have begun on it, and have
   * stored patches on its blocks, so these go with what is written next. Chunks stay staged.
   */
  failed(): void {
    this.#closeExtent();
    this.blocks.addPending(this.#takeClosed());
    this.#others = [];
  }

  discard(): void {
    this.#closeExtent();
    for (const extent of this.#takeClosed()) this.blocks.dropped(extent);
    this.#chunks?.discard();
  }
}
