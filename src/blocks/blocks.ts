/**
 * The block store: immutable blocks, read by local id and verified by address, written through a
 * `BlockWriter` whose blocks count only once something that is durable refers to them.
 *
 *     reference (id, address) -> extent row -> stored form -> patches applied -> hash compared
 *                             -> body
 *
 * Invariants: no body leaves here unverified; a wrong id (rows have no digest of their own) is
 * found by the address and mended through the index; ids are leased in ranges, so that writers
 * never wait for each other, and never reused.
 */

import type { Engine } from '../engine/engine.js';
import { copyBytes, equalBytes } from '../ground/bytes.js';
import { corrupt, isRegaliaError, missing } from '../ground/errors.js';
import { ROW_NUMBER_MAX } from '../ground/limits.js';
import { type Address, addressText, verifyBlock } from './address.js';
import { AddressIndex } from './address-index.js';
import type { Body } from './body.js';
import { type ChunkHome, type ChunkRef, isChunkId } from './chunk-home.js';
import { ExtentBuilder, readBody } from './extent.js';
import { Lease } from './lease.js';

/** A block as others refer to it. Where the id is unknown, the address leads to it. */
export interface BlockRef {
  readonly id: number | undefined;
  readonly address: Address;
}

/** A block of contents, and how many content bytes it has. */
interface LongBlockRef extends BlockRef {
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
  /** Extents whose write failed: see `addPending`. */
  #pending: readonly ExtentBuilder[] = [];
  /** Extent 0 is never used, so that links can encode an unknown id as 0. */
  readonly #numbers: Lease;
  readonly #leases: readonly Lease[];

  constructor(engine: Engine, chunks?: ChunkHome) {
    this.engine = engine;
    this.chunks = chunks;
    this.index = new AddressIndex(engine);
    this.#numbers = new Lease(engine, 'extents', ROW_NUMBER_MAX, 'extents');
    this.#leases = chunks === undefined ? [this.#numbers] : [this.#numbers, chunks.numbers];
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
    for (const candidate of this.index.candidates(address)) {
      try {
        return this.#readAt(candidate, address, what);
      } catch (error) {
        if (!isIntegrityError(error)) throw error;
      }
    }
    throw absentBlock(address, what, failure);
  }

  /**
   * The whole blocks of chunks, in their order, for reading alone. The event loop goes on
   * meanwhile.
   */
  async fetch(refs: readonly BlockRef[], what: string): Promise<Uint8Array[]> {
    const { chunks } = this;
    if (chunks !== undefined && areChunks(refs)) {
      try {
        return await chunks.fetch(refs, what);
      } catch (error) {
        if (!isIntegrityError(error)) throw error;
        // One by one: each is looked for by its address, and the error names the one at fault.
      }
    }
    return refs.map(({ id, address }) => copyBytes(plain(this.read(id, address, what))));
  }

  /** As `ChunkHome.gather`; undefined also where some of the chunks are not at home. */
  async gather(refs: readonly LongBlockRef[]): Promise<Uint8Array[] | undefined> {
    return areChunks(refs) ? this.chunks?.gather(refs) : undefined;
  }

  #readAt(id: number, address: Address, what: string): Body {
    if (isChunkId(id)) {
      if (this.chunks === undefined) throw missing('chunk', `${id}`);
      const bytes = this.chunks.read(id, address, what);
      const { length } = bytes;
      return { bytes, start: 0, end: length, plainLength: length, chain: { depth: 0, whole: id } };
    }
    const body = readBody(this.engine, id, this.#staged);
    verifyBlock(address, plain(body), what);
    return body;
  }

  /**
   * The id of the block, if it is here and sound, and has these links where they are given. A chunk
   * at home is believed to be sound until a read of it has failed.
   */
  find(address: Address, links?: Uint8Array): number | undefined {
    for (const id of this.index.candidates(address)) {
      try {
        if (isChunkId(id)) {
          if (this.keeps(id, address)) return id;
          continue;
        }
        const body = this.#readAt(id, address, 'block');
        if (links === undefined || equalBytes(linksOf(body), links)) return id;
      } catch (error) {
        if (!isIntegrityError(error)) throw error;
      }
    }
    return undefined;
  }

  /**
   * The body of a block that is stored whole, which nobody has verified; undefined where it is not.
   */
  whole(id: number): Body | undefined {
    try {
      const body = readBody(this.engine, id, this.#staged);
      return body.chain.depth === 0 ? body : undefined;
    } catch (error) {
      if (isIntegrityError(error)) return undefined;
      throw error;
    }
  }

  /** Whether new references may lead there: a chunk that is condemned goes. */
  keeps(id: number, address: Address): boolean {
    return !isChunkId(id) || this.chunks?.has(id, address) === true;
  }

  /** Makes sure that `count` extents can be begun, and as many chunks staged, without waiting. */
  async reserve(count: number): Promise<void> {
    for (const lease of this.#leases) await lease.reserve(count);
  }

  /** How many extents can be begun, and chunks staged, without waiting. */
  get available(): number {
    return Math.min(...this.#leases.map((lease) => lease.available));
  }

  /** Begins to reserve more where few are left, without waiting for it. */
  replenish(): void {
    for (const lease of this.#leases) lease.replenish(REPLENISH_BELOW);
  }

  async release(): Promise<void> {
    for (const lease of this.#leases) await lease.release();
  }

  /** `isFirst` says whether a transaction begins with it. */
  beginExtent(isFirst = true): ExtentBuilder {
    const extent = new ExtentBuilder(this.#numbers.take(), isFirst);
    this.#staged.set(extent.number, extent);
    return extent;
  }

  dropped(extent: ExtentBuilder): void {
    this.#staged.delete(extent.number);
  }

  /**
   * Extents that were announced, but whose write failed: others may have stored patches on their
   * blocks meanwhile, so the next write that succeeds puts them, too.
   */
  addPending(extents: readonly ExtentBuilder[]): void {
    this.#pending = [...this.#pending, ...extents];
  }

  get pending(): readonly ExtentBuilder[] {
    return this.#pending;
  }

  get pendingBytes(): number {
    return this.#pending.reduce((sum, { stored }) => sum + stored.length, 0);
  }

  written(extents: readonly ExtentBuilder[]): void {
    for (const extent of extents) {
      this.#staged.delete(extent.number);
      this.index.add(extent.number, extent.addresses);
    }
    if (this.#pending.length === 0) return;
    this.#pending = this.#pending.filter((one) => !extents.includes(one));
  }
}

/** Whether the block may be sound in another place: this one lacks it, or has other bytes. */
export function isIntegrityError(error: unknown): boolean {
  return (
    isRegaliaError(error, 'REGALIA_CORRUPT') ||
    isRegaliaError(error, 'REGALIA_FORMAT') ||
    isRegaliaError(error, 'REGALIA_MISSING')
  );
}

/** What to throw for a block that is nowhere, after `failure` where it should be. */
function absentBlock(address: Address, what: string, failure: unknown): unknown {
  if (isRegaliaError(failure, 'REGALIA_CORRUPT')) return failure;
  const text = addressText(address);
  const facts = { cause: failure };
  if (isRegaliaError(failure, 'REGALIA_FORMAT')) {
    return corrupt(what, text, 'nothing readable', facts);
  }
  const source = isRegaliaError(failure, 'REGALIA_MISSING') ? failure.data.source : undefined;
  return missing(what, text, source, facts);
}

function areChunks<R extends BlockRef>(refs: readonly R[]): refs is readonly (R & ChunkRef)[] {
  return refs.every(({ id }) => isChunkId(id));
}

function linksOf({ bytes, start, plainLength, end }: Body): Uint8Array {
  return bytes.subarray(start + plainLength, end);
}

function plain(body: Body): Uint8Array {
  return body.bytes.subarray(body.start, body.start + body.plainLength);
}
