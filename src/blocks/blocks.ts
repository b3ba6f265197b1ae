/**
 * The block store: immutable blocks, read by local id and verified by address, written through a
 * `BlockWriter` whose blocks count only once something that is durable refers to them.
 *
 *     reference (id, address) -> extent row -> stored form -> patches applied -> hash compared -> body
 *
 * Invariants: no body leaves here unverified; a wrong id (rows have no digest of their own) is
 * found by the address and mended through the index; ids are leased in ranges, so that writers
 * never wait for each other, and never reused.
 */

import type { Engine } from '../engine/engine.js';
import { copyBytes, equalBytes } from '../ground/bytes.js';
import { RegaliaError } from '../ground/errors.js';
import { PATCH_DEPTH_MAX, ROW_NUMBER_MAX } from '../ground/limits.js';
import { absentBlock, isIntegrityError } from './absent.js';
import { type Address, verifyBlock } from './address.js';
import { AddressIndex } from './address-index.js';
import { applyPatch, chainTooLong, readStored, type Stored } from './body.js';
import { type ChunkHome, type ChunkRef, isChunkId, type LongChunkRef } from './chunk-home.js';
import { ExtentBuilder, extentOf, slotOf, slotRange } from './extent.js';
import { Lease } from './lease.js';

/** A verified body: plain bytes in `[start, start + plainLength)`, links from there to `end`. */
export interface Body {
  /** A view that the next read spoils. */
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
  readonly plainLength: number;
  /** How many patches lie under it. */
  readonly depth: number;
}

/** A block as others refer to it. Where the id is unknown, the address leads to it. */
export interface BlockRef {
  readonly id: number | undefined;
  readonly address: Address;
}

/** A block of contents, and how many content bytes it has. */
export interface LongBlockRef extends BlockRef {
  readonly length: number;
}

/** Below this many extents more are reserved in time. */
const REPLENISH_BELOW = 32_768;

export class Blocks {
  readonly engine: Engine;
  readonly index: AddressIndex;
  /** The home of chunks; without one they lie in extents. */
  readonly chunks: ChunkHome | undefined;
  /** Extents that are not, or not surely, in the engine yet. */
  readonly #staged = new Map<number, ExtentBuilder>();
  /**
   * Extents whose landing failed: whoever lands next takes them along, since it may build on them.
   */
  #owed: readonly ExtentBuilder[] = [];
  /** Extent 0 is never used, so that links can encode an unknown id as 0. */
  readonly #numbers: Lease;

  constructor(engine: Engine, chunks?: ChunkHome) {
    this.engine = engine;
    this.chunks = chunks;
    this.index = new AddressIndex(engine);
    this.#numbers = new Lease(engine, 'extents', ROW_NUMBER_MAX);
  }

  /**
   * The verified body of a block. Errors: REGALIA_MISSING where it is not here, REGALIA_CORRUPT
   * where its bytes do not hash to its address.
   */
  read(id: number | undefined, address: Address, what: string): Body {
    let failure: unknown;
    if (id !== undefined) {
      try {
        return this.#readAt(id, address, what);
      } catch (error) {
        if (!isIntegrityError(error)) throw error;
        failure = error;
      }
    }
    const body = this.#readByAddress(address, what);
    if (body !== undefined) return body;
    throw absentBlock(address, what, failure);
  }

  /**
   * The whole blocks of chunks, in their order, without holding up the event loop. For reading
   * alone.
   */
  async fetch(refs: readonly BlockRef[], what: string): Promise<Uint8Array[]> {
    const { chunks } = this;
    if (chunks !== undefined && refs.every(isChunkRef)) {
      try {
        return await chunks.fetch(refs, what);
      } catch (error) {
        if (!isIntegrityError(error)) throw error;
        // One by one, so that each is looked for by its address, and the one at fault is told.
      }
    }
    return refs.map(({ id, address }) => copyBytes(plain(this.read(id, address, what))));
  }

  /** As `ChunkHome.gather`; undefined also where some of the chunks are not at home. */
  async gather(refs: readonly LongBlockRef[]): Promise<Uint8Array[] | undefined> {
    return refs.every(isLongChunkRef) ? this.chunks?.gather(refs) : undefined;
  }

  #readAt(id: number, address: Address, what: string): Body {
    if (isChunkId(id)) return chunkBody(this.#home(id).read(id, address, what));
    const body = this.#readUnverified(id, 0);
    verifyBlock(address, plain(body), what);
    return body;
  }

  #home(id: number): ChunkHome {
    if (this.chunks !== undefined) return this.chunks;
    const address = `chunk ${id}`;
    throw new RegaliaError('REGALIA_MISSING', 'this store has no home for chunks', { address });
  }

  #readByAddress(address: Address, what: string): Body | undefined {
    for (const id of this.index.candidates(address)) {
      try {
        return this.#readAt(id, address, what);
      } catch (error) {
        if (!isIntegrityError(error)) throw error;
      }
    }
    return undefined;
  }

  /**
   * The id of the block, if it is here and sound, and has these links where they are told. A chunk
   * at home is believed to be sound, until it was read in vain.
   */
  find(address: Address, links?: Uint8Array): number | undefined {
    for (const id of this.index.candidates(address)) {
      try {
        if (isChunkId(id)) {
          if (this.keeps(id, address)) return id;
          continue;
        }
        const body = this.#readUnverified(id, 0);
        verifyBlock(address, plain(body), 'block');
        if (links === undefined || equalBytes(linksOf(body), links)) return id;
      } catch (error) {
        if (!isIntegrityError(error)) throw error;
      }
    }
    return undefined;
  }

  /** Whether new references may lead there: a chunk that is condemned goes. */
  keeps(id: number, address: Address): boolean {
    return !isChunkId(id) || this.chunks?.holds(id, address) === true;
  }

  #readUnverified(id: number, above: number): Body {
    if (above > PATCH_DEPTH_MAX) throw chainTooLong(id);
    const staged = this.#staged.get(extentOf(id));
    const stored = staged === undefined ? this.#stored(id) : storedIn(staged, id);
    if (stored.form.base === undefined) {
      const { start, plainLength } = stored.form;
      return { bytes: stored.bytes, start, end: stored.end, plainLength, depth: 0 };
    }
    const base = this.#readUnverified(stored.form.base, above + 1);
    const bytes = applyPatch(stored.form, base.bytes, base.start, base.end);
    const { plainLength } = stored.form;
    return { bytes, start: 0, end: bytes.length, plainLength, depth: base.depth + 1 };
  }

  #stored(id: number): { form: Stored; bytes: Uint8Array; end: number } {
    // Links are not hashed: a flipped one may name an extent that no engine would take for a key.
    const extent = extentOf(id);
    const row = extent > ROW_NUMBER_MAX ? undefined : this.engine.view('extents', extent);
    if (row === undefined) {
      throw new RegaliaError('REGALIA_MISSING', `extent ${extentOf(id)} is not here`, {
        address: `extent ${extentOf(id)}`,
      });
    }
    const [start, end] = slotRange(row, slotOf(id));
    return { form: readStored(row, start, end), bytes: row, end };
  }

  /** Makes sure that `count` extents can be begun, and as many chunks staged, without waiting. */
  async reserve(count: number): Promise<void> {
    await this.#numbers.reserve(count);
    await this.chunks?.reserve(count);
  }

  /** How many extents can be begun, and chunks staged, without waiting. */
  get available(): number {
    return Math.min(this.#numbers.available, this.chunks?.available ?? Number.POSITIVE_INFINITY);
  }

  /** Begins to reserve more where few are left, without waiting for it. */
  replenish(): void {
    this.#numbers.replenish(REPLENISH_BELOW);
    this.chunks?.replenish();
  }

  /** Gives back numbers that were reserved and not used. */
  async release(): Promise<void> {
    await this.#numbers.release();
    await this.chunks?.release();
  }

  /** An unused extent number; `reserve` came first. */
  takeExtent(): ExtentBuilder {
    const extent = new ExtentBuilder(this.#numbers.take());
    this.#staged.set(extent.number, extent);
    return extent;
  }

  /** The extent is in the engine now. */
  settled(extent: ExtentBuilder): void {
    this.#staged.delete(extent.number);
    this.index.add(extent.number, extent.addresses);
  }

  /** The extent will never be written. */
  dropped(extent: ExtentBuilder): void {
    this.#staged.delete(extent.number);
  }

  get owed(): readonly ExtentBuilder[] {
    return this.#owed;
  }

  get owedBytes(): number {
    return this.#owed.reduce((sum, { stored }) => sum + stored.length, 0);
  }

  owe(extents: readonly ExtentBuilder[]): void {
    this.#owed = [...this.#owed, ...extents];
  }

  /** Owed extents are in the engine now. */
  paid(extents: readonly ExtentBuilder[]): void {
    this.#owed = this.#owed.filter((one) => !extents.includes(one));
    for (const extent of extents) this.settled(extent);
  }
}

function storedIn(
  extent: ExtentBuilder,
  id: number,
): { form: Stored; bytes: Uint8Array; end: number } {
  const [start, end] = extent.range(slotOf(id));
  const bytes = extent.stored.buffer;
  return { form: readStored(bytes, start, end), bytes, end };
}

function isChunkRef(ref: BlockRef): ref is ChunkRef {
  return isChunkId(ref.id);
}

function isLongChunkRef(ref: LongBlockRef): ref is LongChunkRef {
  return isChunkId(ref.id);
}

function chunkBody(bytes: Uint8Array): Body {
  return { bytes, start: 0, end: bytes.length, plainLength: bytes.length, depth: 0 };
}

function linksOf({ bytes, start, plainLength, end }: Body): Uint8Array {
  return bytes.subarray(start + plainLength, end);
}

function plain(body: Body): Uint8Array {
  return body.bytes.subarray(body.start, body.start + body.plainLength);
}
