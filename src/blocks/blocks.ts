/**
 * The block store: immutable blocks, read by local id and verified by address, written through a `BlockWriter` whose
 * blocks count only once something that is durable refers to them.
 *
 *     reference (id, address) -> extent row -> stored form -> patches applied -> hash compared -> body
 *
 * Invariants: no body leaves here unverified; a wrong id (rows have no digest of their own) is found by the address
 * and mended through the index; ids are leased in ranges, so that writers never wait for each other, and never reused.
 */
import { copyBytes, equalBytes } from '../bytes.js';
import { RegaliaError } from '../errors.js';
import { absentBlock, isIntegrityError } from './absent.js';
import { type Address, BlockKind, verifyBlock } from './address.js';
import { AddressIndex } from './address-index.js';
import type { Backend, Batch } from './backend.js';
import {
  applyPatch,
  type BodyWriter,
  chainTooLong,
  PATCH_DEPTH_MAX,
  readStored,
  type Stored,
} from './body.js';
import { ExtentBuilder, extentOf, putExtents, slotOf, slotRange } from './extent.js';
import { Lease } from './lease.js';
import {
  isPieceId,
  type LongPieceRef,
  type PieceCare,
  type PieceHome,
  type PieceStage,
} from './piece-home.js';

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

/** A block as others refer to it. An id of 0 is unknown: the address leads to it. */
export interface BlockRef {
  readonly id: number;
  readonly address: Address;
}
/** The deepest chain that writers make; readers allow a little more. */
const PATCH_DEPTH = 8;
const EXTENT_NUMBER_MAX = 0xffff_ffff;
/** Below this many extents more are reserved in time. */
const REPLENISH_BELOW = 32_768;
/** Staged bytes from which a writer spills. */
const SPILL_BYTES = 4 * 1_048_576;

export class Blocks {
  readonly backend: Backend;
  readonly index: AddressIndex;
  /** The home of pieces; without one they lie in extents. */
  readonly pieces: PieceHome | undefined;
  /** Extents that are not, or not surely, in the backend yet. */
  readonly #staged = new Map<number, ExtentBuilder>();
  /** Extent 0 is never used, so that an id of 0 can mean: unknown. */
  readonly #numbers: Lease;

  constructor(backend: Backend, pieces?: PieceHome) {
    this.backend = backend;
    this.pieces = pieces;
    this.index = new AddressIndex(backend);
    this.#numbers = new Lease(backend, 'extents', EXTENT_NUMBER_MAX);
  }

  /**
   * The verified body of a block. Errors: REGALIA_MISSING where it is not here, REGALIA_CORRUPT where its bytes do
   * not hash to its address.
   */
  read(id: number, address: Address, what: string): Body {
    let failure: unknown;
    if (id !== 0) {
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

  /** The whole blocks of pieces, in their order, without holding up the event loop. For reading alone. */
  async fetch(refs: readonly BlockRef[], what: string): Promise<Uint8Array[]> {
    const { pieces } = this;
    const atHome = refs.every(({ id }) => isPieceId(id));
    if (pieces !== undefined && atHome) {
      try {
        return await pieces.fetch(refs, what);
      } catch (error) {
        if (!isIntegrityError(error)) throw error;
        // One by one, so that each is looked for by its address, and the one at fault is told.
      }
    }
    return refs.map(({ id, address }) => copyBytes(plain(this.read(id, address, what))));
  }

  /** As `PieceHome.gather`; undefined also where some of the pieces are not at home. */
  async gather(refs: readonly LongPieceRef[]): Promise<Uint8Array[] | undefined> {
    return refs.every(({ id }) => isPieceId(id)) ? this.pieces?.gather(refs) : undefined;
  }

  #readAt(id: number, address: Address, what: string): Body {
    if (isPieceId(id)) return pieceBody(this.#home(id).read(id, address, what));
    const body = this.#readUnverified(id, 0);
    verifyBlock(address, plain(body), what);
    return body;
  }

  #home(id: number): PieceHome {
    if (this.pieces !== undefined) return this.pieces;
    const address = `piece ${id}`;
    throw new RegaliaError('REGALIA_MISSING', 'this store has no home for pieces', { address });
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
   * The id of the block, if it is here and sound, and has these links where they are told. A piece at home is believed
   * to be sound, until it was read in vain.
   */
  find(address: Address, links?: Uint8Array): number | undefined {
    for (const id of this.index.candidates(address)) {
      try {
        if (isPieceId(id)) {
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

  /** Whether new references may lead there: a piece that is condemned goes. */
  keeps(id: number, address: Address): boolean {
    return !isPieceId(id) || this.pieces?.holds(id, address) === true;
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
    const row = extent > EXTENT_NUMBER_MAX ? undefined : this.backend.view('extents', extent);
    if (row === undefined) {
      throw new RegaliaError('REGALIA_MISSING', `extent ${extentOf(id)} is not here`, {
        address: `extent ${extentOf(id)}`,
      });
    }
    const [start, end] = slotRange(row, slotOf(id));
    return { form: readStored(row, start, end), bytes: row, end };
  }

  /** Makes sure that `count` extents can be begun, and as many pieces staged, without waiting. */
  async reserve(count: number): Promise<void> {
    await this.#numbers.reserve(count);
    await this.pieces?.reserve(count);
  }

  /** How many extents can be begun, and pieces staged, without waiting. */
  get available(): number {
    return Math.min(this.#numbers.available, this.pieces?.available ?? Number.POSITIVE_INFINITY);
  }

  /** Begins to reserve more where few are left, without waiting for it. */
  replenish(): void {
    this.#numbers.replenish(REPLENISH_BELOW);
    this.pieces?.replenish();
  }

  /** Gives back numbers that were reserved and not used. */
  async release(): Promise<void> {
    await this.#numbers.release();
    await this.pieces?.release();
  }

  /** An unused extent number; `reserve` came first. */
  takeExtent(): ExtentBuilder {
    const extent = new ExtentBuilder(this.#numbers.take());
    this.#staged.set(extent.number, extent);
    return extent;
  }

  /** The extent is in the backend now. */
  settled(extent: ExtentBuilder): void {
    this.#staged.delete(extent.number);
    this.index.add(extent.number, extent.addresses);
  }

  /** The extent will never be written. */
  dropped(extent: ExtentBuilder): void {
    this.#staged.delete(extent.number);
  }

  writer(): BlockWriter {
    return new BlockWriter(this);
  }
}

/** Stages the blocks of one transaction. */
export class BlockWriter {
  readonly blocks: Blocks;
  readonly #pieces: PieceStage | undefined;
  #open: ExtentBuilder | undefined;
  #closed: ExtentBuilder[] = [];
  #closedBytes = 0;
  #spilling: Promise<void> | undefined;
  /** Blocks and stored bytes staged so far, for figures. */
  blockCount = 0;
  storedBytes = 0;
  /** Whether pieces were staged that were not to be had. */
  hasPieces = false;

  constructor(blocks: Blocks) {
    this.blocks = blocks;
    this.#pieces = blocks.pieces?.stage();
  }

  /** Stages a piece, whose first `plainLength` bytes in `body` hash to `address`, and returns its id. */
  putPiece(body: BodyWriter, plainLength: number, address: Address, care?: PieceCare): number {
    if (this.#pieces === undefined) return this.put(body, plainLength, address);
    this.blockCount++;
    this.hasPieces = true;
    return this.#pieces.put(body.bytes.subarray(0, plainLength), address, care);
  }

  /** A block that is here already is referred to by what is staged. */
  uses(id: number): void {
    if (isPieceId(id)) this.#pieces?.uses(id);
  }

  /**
   * Stages the body in `body`, whose first `plainLength` bytes hash to `address`, and returns its id. Where `base` is
   * given, `body` was built on that block's body, and is stored as a patch on it if that pays.
   */
  put(
    body: BodyWriter,
    plainLength: number,
    address: Address,
    base?: { readonly id: number; readonly depth: number },
  ): number {
    if (this.#pieces !== undefined && body.bytes[0] === BlockKind.piece) {
      return this.putPiece(body, plainLength, address);
    }
    this.#open ??= this.blocks.takeExtent();
    const { stored } = this.#open;
    const before = stored.length;
    const pays =
      base !== undefined && base.depth < PATCH_DEPTH && body.keptLength * 2 > body.length;
    if (pays) body.writePatch(stored, base.id, plainLength);
    else body.writeWhole(stored, plainLength);
    this.patched = pays;
    this.blockCount++;
    this.storedBytes += stored.length - before;
    const id = this.#open.close(address);
    if (this.#open.full) this.#closeExtent();
    return id;
  }

  /** Whether the last `put` stored a patch. */
  patched = false;

  #closeExtent(): void {
    if (this.#open === undefined) return;
    this.#closed.push(this.#open);
    this.#closedBytes += this.#open.stored.length;
    this.#open = undefined;
  }

  /** Whether enough is staged that `spill` pays. */
  get heavy(): boolean {
    return this.#closedBytes >= SPILL_BYTES || this.#pieces?.heavy === true;
  }

  /**
   * Begins to write the extents that are complete, once those before them are written. They stay garbage until a
   * commit refers to them. `drain` waits for the last.
   */
  async spill(): Promise<void> {
    await this.drain();
    await this.#pieces?.spill();
    const extents = this.#closed;
    this.#closed = [];
    this.#closedBytes = 0;
    if (extents.length === 0) return;
    this.#spilling = this.#write(extents);
    // A failure shows at the next spill or drain.
    this.#spilling.catch(() => {});
  }

  async #write(extents: ExtentBuilder[]): Promise<void> {
    try {
      // 'group': the engine writes on a thread of its own.
      await this.blocks.backend.write((batch) => putExtents(batch, extents), 'group');
    } catch (error) {
      // They are still wanted: whoever goes on writes them with the rest.
      this.#closed.unshift(...extents);
      throw error;
    }
    for (const extent of extents) this.blocks.settled(extent);
  }

  /** Resolves when nothing is being written. What failed to be is staged again, and rejects once. */
  async drain(): Promise<void> {
    const spilling = this.#spilling;
    this.#spilling = undefined;
    await spilling;
  }

  /** Resolves when nothing is being written, and all pieces are on disk: what `emit` asks for. */
  async prepare(): Promise<void> {
    await this.drain();
    await this.#pieces?.prepare();
  }

  /** Puts all that is still staged into the transaction that moves the head; `settle` follows once it has landed. */
  emit(batch: Batch): void {
    this.#closeExtent();
    putExtents(batch, this.#closed);
    this.#pieces?.emit(batch);
  }

  /** What `emit` put has landed. */
  settle(): void {
    for (const extent of this.#closed) this.blocks.settled(extent);
    this.#closed = [];
    this.#closedBytes = 0;
    this.#pieces?.settle();
  }

  /** Forgets what is staged. */
  discard(): void {
    this.#closeExtent();
    for (const extent of this.#closed) this.blocks.dropped(extent);
    this.#closed = [];
    this.#closedBytes = 0;
    this.#pieces?.discard();
  }
}

function storedIn(
  extent: ExtentBuilder,
  id: number,
): { form: Stored; bytes: Uint8Array; end: number } {
  const [start, end] = extent.range(slotOf(id));
  const { bytes } = extent.stored;
  return { form: readStored(bytes, start, end), bytes, end };
}

function pieceBody(bytes: Uint8Array): Body {
  return { bytes, start: 0, end: bytes.length, plainLength: bytes.length, depth: 0 };
}

function linksOf({ bytes, start, plainLength, end }: Body): Uint8Array {
  return bytes.subarray(start + plainLength, end);
}

function plain(body: Body): Uint8Array {
  return body.bytes.subarray(body.start, body.start + body.plainLength);
}
