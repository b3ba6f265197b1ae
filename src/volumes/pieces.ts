/**
 * The home of pieces: blocks of contents, kept in the segments of volumes, found by number through the table `pieces`.
 *
 *     id -> row -> copy after copy, then its group of shards -> checksum, codec, hash compared -> block
 *
 * Invariants: no block leaves here that was not hashed, and one that was is remembered in a bounded cache; a row is
 * written only once the bytes it names are on disk; where one copy fails the next is read, and the failure is noted for
 * whoever repairs. A row is believed by those who look whether a piece is here: that its bytes are sound shows when
 * they are read. One that was read in vain is not found again, so the next write of the same bytes heals it.
 */
import { LRUCache } from 'lru-cache';
import {
  type Address,
  addressText,
  BLOCK_HEADER,
  BLOCK_VERSION,
  BlockKind,
  sameAddress,
  verifyBlock,
} from '../blocks/address.js';
import type { Backend } from '../blocks/backend.js';
import { Lease } from '../blocks/lease.js';
import {
  PIECE_IDS,
  PIECE_NUMBERS,
  type PieceHome,
  type PieceRef,
  type PieceStage,
  pieceNumber,
} from '../blocks/piece-home.js';
import { EMPTY, equalBytes, hex } from '../bytes.js';
import { isRegaliaError, RegaliaError } from '../errors.js';
import { decompressInto } from './codec.js';
import { readRuns } from './piece-reads.js';
import { decodePieceRow, type PieceRow, type Place } from './piece-row.js';
import { Stage, type StagedPiece, type StageHome, type WrittenPiece } from './piece-stage.js';
import { writePieces } from './piece-writer.js';
import type { Pool } from './pool.js';
import type { RecordHead } from './segment-format.js';
import type { VolumeSet } from './volume-set.js';

/** Below this many numbers more are reserved in time. */
const REPLENISH_BELOW = 32_768;
/** What remembering a piece takes beside its bytes. */
const HELD_BYTES = 256;

export interface PiecesOptions {
  /** How much memory pieces that were read may take, in bytes. */
  readonly cacheBytes: number;
}

/** A copy that could not be read, or not be believed. */
export interface PieceFault {
  readonly number: number;
  readonly address: Address;
  readonly place: Place;
  readonly error: unknown;
}

/** A piece that is asked for, and where it is read first. */
interface Wanted {
  readonly index: number;
  readonly number: number;
  readonly row: PieceRow;
  readonly place: Place | undefined;
}

/** A piece that was verified. */
interface Held {
  readonly address: Address;
  readonly block: Uint8Array;
}

export class Pieces implements PieceHome, StageHome {
  readonly backend: Backend;
  readonly volumes: VolumeSet;
  /** Told of each copy that failed. */
  onFault: ((fault: PieceFault) => void) | undefined;
  /** Pieces that are in no segment yet, by number. */
  readonly #staged = new Map<number, Held>();
  /** Pieces in segments that no row names yet. */
  readonly #written = new Map<number, PieceRow>();
  /** Pieces that were read in vain. */
  readonly #lost = new Set<number>();
  readonly #cache: LRUCache<number, Held>;
  readonly #numbers: Lease;
  readonly #pool: Pool;

  constructor(backend: Backend, volumes: VolumeSet, pool: Pool, options: PiecesOptions) {
    this.backend = backend;
    this.volumes = volumes;
    this.#pool = pool;
    this.#numbers = new Lease(backend, 'pieces', PIECE_NUMBERS);
    this.#cache = new LRUCache({
      maxSize: options.cacheBytes,
      sizeCalculation: ({ block }) => block.length + HELD_BYTES,
    });
  }

  read(id: number, address: Address, what: string): Uint8Array {
    const number = pieceNumber(id);
    const known = this.#known(number, address);
    if (known !== undefined) return known;
    const row = this.#expect(number, address, what);
    const failures: unknown[] = [];
    for (const place of row.copies) {
      try {
        const { head, stored } = this.volumes.readSync(place, row.storedLength);
        checkDigest(row, head, what);
        return this.#hold(number, address, decoded(row, stored, what));
      } catch (error) {
        failures.push(this.#noted(number, row, place, error));
      }
    }
    throw this.#inVain(number, row, failures, what);
  }

  async fetch(refs: readonly PieceRef[], what: string): Promise<Uint8Array[]> {
    const blocks: (Uint8Array | undefined)[] = [];
    const wanted: Wanted[] = [];
    for (const [index, { id, address }] of refs.entries()) {
      const number = pieceNumber(id);
      blocks[index] = this.#known(number, address);
      if (blocks[index] !== undefined) continue;
      const row = this.#expect(number, address, what);
      wanted.push({ index, number, row, place: this.#firstHere(row) });
    }
    const records = await readRuns(this.volumes, wanted);
    const some = await this.#pool.decode(
      wanted.map(({ row }, i) => ({ ...row, stored: records[i] ?? EMPTY })),
    );
    for (const [i, { index, number, row }] of wanted.entries()) {
      const block = some[i] as Uint8Array | RegaliaError;
      // What was not read, or not right, is read again the slow way: copy after copy, each failure noted.
      blocks[index] =
        records[i] === undefined || block instanceof RegaliaError
          ? this.read(PIECE_IDS + number, row.address, what)
          : this.#hold(number, row.address, block);
    }
    return blocks as Uint8Array[];
  }

  scrub(id: number, address: Address): { block: Uint8Array | undefined; faults: string[] } {
    const number = pieceNumber(id);
    const row = this.row(number);
    if (row === undefined || !sameAddress(row.address, address)) {
      return { block: undefined, faults: [`piece ${number} is not here`] };
    }
    let block: Uint8Array | undefined;
    const faults: string[] = [];
    for (const place of row.copies) {
      try {
        const { head, stored } = this.volumes.readSync(place, row.storedLength);
        checkDigest(row, head, 'piece');
        block = decoded(row, stored, 'piece');
      } catch (error) {
        if (!isRegaliaError(error)) throw error;
        faults.push(`on ${this.volumes.nameOf(place.volume)}: ${error.message}`);
      }
    }
    return { block, faults };
  }

  #firstHere({ copies }: PieceRow): Place | undefined {
    return copies.find(({ volume }) => this.volumes.isHere(volume));
  }

  /** A piece that is staged, or was read lately. */
  #known(number: number, address: Address): Uint8Array | undefined {
    const held = this.#staged.get(number) ?? this.#cache.get(number);
    return held !== undefined && sameAddress(held.address, address) ? held.block : undefined;
  }

  holds(id: number, address: Address): boolean {
    const number = pieceNumber(id);
    const staged = this.#staged.get(number);
    if (staged !== undefined) return sameAddress(staged.address, address);
    if (this.#lost.has(number)) return false;
    const row = this.row(number);
    if (row === undefined || row.condemned === true || !sameAddress(row.address, address)) {
      return false;
    }
    return this.#firstHere(row) !== undefined;
  }

  /** The row of a piece, undefined where there is none. A damaged row counts as none: its piece is stored anew. */
  row(number: number): PieceRow | undefined {
    if (!(number > 0 && number < PIECE_NUMBERS)) return undefined;
    const written = this.#written.get(number);
    if (written !== undefined) return written;
    const bytes = this.backend.view('pieces', number);
    if (bytes === undefined) return undefined;
    try {
      return decodePieceRow(number, bytes);
    } catch (error) {
      if (isRegaliaError(error, 'REGALIA_CORRUPT') || isRegaliaError(error, 'REGALIA_FORMAT')) {
        return undefined;
      }
      throw error;
    }
  }

  #expect(number: number, address: Address, what: string): PieceRow {
    const row = this.row(number);
    if (row !== undefined && sameAddress(row.address, address)) return row;
    const text = addressText(address);
    const data = { address: text };
    throw new RegaliaError('REGALIA_MISSING', `${what} ${text} is not here`, data);
  }

  /** Remembers a block that was verified. */
  #hold(number: number, address: Address, block: Uint8Array): Uint8Array {
    this.#cache.set(number, { address, block });
    this.#lost.delete(number);
    return block;
  }

  #noted(number: number, { address }: PieceRow, place: Place, error: unknown): unknown {
    if (!isRegaliaError(error)) throw error;
    this.onFault?.({ number, address, place, error });
    return error;
  }

  /** No copy would do: the error that says most. */
  #inVain(number: number, row: PieceRow, failures: readonly unknown[], what: string): unknown {
    this.#lost.add(number);
    const corrupt = failures.find((error) => isRegaliaError(error, 'REGALIA_CORRUPT'));
    if (corrupt !== undefined) return corrupt;
    const away = row.copies.find(({ volume }) => !this.volumes.isHere(volume));
    const text = addressText(row.address);
    const source = away === undefined ? undefined : this.volumes.nameOf(away.volume);
    const message = `${what} ${text} is ${source === undefined ? 'lost' : `on ${source}, which is not here`}`;
    const data = source === undefined ? { address: text } : { address: text, source };
    return new RegaliaError('REGALIA_MISSING', message, data, { cause: failures[0] });
  }

  // Writing.

  stage(): PieceStage {
    return new Stage(this);
  }

  take(address: Address, block: Uint8Array): number {
    const number = this.#numbers.take();
    this.#staged.set(number, { address, block });
    return number;
  }

  /** Errors as `writePieces`. */
  async write(pieces: readonly StagedPiece[]): Promise<WrittenPiece[]> {
    const written = await writePieces(this.volumes, this.#pool, pieces);
    for (const { number, row } of written) {
      this.#written.set(number, row);
      this.#staged.delete(number);
    }
    return written;
  }

  landed(number: number): void {
    this.#staged.delete(number);
    this.#written.delete(number);
  }

  reserve(count: number): Promise<void> {
    return this.#numbers.reserve(count);
  }

  get available(): number {
    return this.#numbers.available;
  }

  replenish(): void {
    this.#numbers.replenish(REPLENISH_BELOW);
  }

  release(): Promise<void> {
    return this.#numbers.release();
  }

  async close(): Promise<void> {
    try {
      await this.#pool.close();
    } finally {
      await this.volumes.close();
    }
  }
}

/** The verified block of stored bytes. */
function decoded(row: PieceRow, stored: Uint8Array, what: string): Uint8Array {
  const { address, plainLength } = row;
  const block = new Uint8Array(BLOCK_HEADER + plainLength);
  block[0] = BlockKind.piece;
  block[1] = BLOCK_VERSION;
  block[2] = address[0] as number;
  decompressInto(row.codec, stored, block, BLOCK_HEADER);
  verifyBlock(address, block, what);
  return block;
}

function checkDigest({ address }: PieceRow, head: RecordHead, what: string): void {
  if (equalBytes(head.digest, address.subarray(1))) return;
  const expected = addressText(address);
  const actual = `a record of ${hex(head.digest)}`;
  const message = `${what} ${expected} is damaged: in its place is ${actual}`;
  throw new RegaliaError('REGALIA_CORRUPT', message, { what, expected, actual });
}
