/**
 * The home of chunks: blocks of contents, kept in the segments of volumes, found by number through
 * the table `chunks`.
 *
 *     id -> row -> copy after copy, then its group -> checksum, codec, hash compared -> block
 *
 * Invariants: no block leaves here that was not hashed, and one that was is remembered in a bounded
 * cache; a row is written only once the bytes it names are on disk; where one copy fails the next
 * is read, and the failure is reported. A row is believed when someone asks whether a chunk is
 * here: that its bytes are sound shows when they are read. A chunk of which a read has failed is
 * not found again, so the next write of the same bytes heals it.
 */
import { type Address, addressText, sameAddress } from '../blocks/address.js';
import {
  CHUNK_IDS,
  CHUNK_NUMBERS,
  type ChunkHome,
  type ChunkRef,
  type ChunkStage,
  chunkNumber,
  type LongChunkRef,
} from '../blocks/chunk-home.js';
import { Lease } from '../blocks/lease.js';
import type { Engine } from '../engine/engine.js';
import { BLOCK_HEADER } from '../ground/block-header.js';
import { copyBytes, EMPTY, equalBytes } from '../ground/bytes.js';
import {
  attempt,
  isRegaliaError,
  isUnreadableNow,
  missing,
  type RegaliaError,
} from '../ground/errors.js';
import { ROOM } from './chunk-bytes.js';
import { ChunkCache } from './chunk-cache.js';
import { chunkOfCopy, chunkOfGroup, gatherContents, readPlace, readRuns } from './chunk-reads.js';
import {
  type ChunkRow,
  decodeChunkRow,
  encodeChunkRow,
  type NumberedChunk,
  type Place,
} from './chunk-row.js';
import { Stage, type StagedChunk, type StageHome } from './chunk-stage.js';
import { writeChunks } from './chunk-writer.js';
import { Groups } from './groups.js';
import type { Pool } from './pool.js';
import { type StorageRules, storedStorage } from './storage-rules.js';
import type { VolumeSet } from './volume-set.js';

/**
 * A fault that a read went around, with another copy or other shards. A copy or shard that is not
 * sound is reported each time it is met, a volume that is away once, until it is back.
 */
export interface ContentFault {
  readonly kind: 'copy' | 'shard' | 'volume';
  /** The folder of the volume. */
  readonly volume: string;
  /** Of the chunk whose copy it is. */
  readonly address: string | undefined;
  readonly error: RegaliaError;
}

/** A chunk that was read past all caches. */
export interface ChunkScrub {
  /** Of a sound copy, if any. */
  readonly block: Uint8Array | undefined;
  /** What is wrong with which copy. */
  readonly faults: readonly string[];
  /** Which copies cannot be read now, and why. */
  readonly unreadable: readonly string[];
}

interface Coming {
  readonly address: Address;
  readonly block: Uint8Array;
}

export class ChunkStore implements ChunkHome, StageHome {
  readonly engine: Engine;
  readonly volumes: VolumeSet;
  readonly groups: Groups;
  readonly numbers: Lease;
  readonly groupNumbers: Lease;
  /** Stages of transactions that go on. */
  readonly stages = new Set<Stage>();
  /** How new chunks are kept, by their stream. */
  rules: StorageRules;
  /** Called with each fault, after the read that met it, which does not see what it throws. */
  onFault: ((fault: ContentFault) => void) | undefined;
  /** Chunks that are in no segment yet, by number. */
  readonly #coming = new Map<number, Coming>();
  /** Chunks in segments that no row names yet. */
  readonly #written = new Map<number, ChunkRow>();
  readonly #lost = new Set<number>();
  readonly #cache: ChunkCache;
  readonly #pool: Pool;

  /** `cacheBytes`: how much memory chunks that were read may use. */
  constructor(engine: Engine, volumes: VolumeSet, pool: Pool, cacheBytes: number) {
    this.engine = engine;
    this.volumes = volumes;
    this.rules = storedStorage(engine);
    this.groups = new Groups(engine, volumes, (place, error) => {
      this.#reportAt('shard', place, undefined, error);
    });
    volumes.onAway = (volume) => {
      const error = missing('the volume at', volume);
      this.#report({ kind: 'volume', volume, address: undefined, error });
    };
    this.#pool = pool;
    this.numbers = new Lease(engine, 'chunks', CHUNK_NUMBERS, 'chunks');
    this.groupNumbers = new Lease(engine, 'groups', CHUNK_NUMBERS, 'groups');
    this.#cache = new ChunkCache(cacheBytes, ROOM);
  }

  // Reading.

  read(id: number, address: Address, what: string): Uint8Array {
    const number = chunkNumber(id);
    const known = this.#known(number, address);
    if (known !== undefined) return known;
    for (let row = this.#expect(number, address, what); ; ) {
      const failures: RegaliaError[] = [];
      const block = this.#attempt(number, row, failures);
      if (block !== undefined) return block;
      // Upkeep, here or in another process, may have moved it after its row was read.
      this.engine.refresh();
      const now = this.#expect(number, address, what);
      if (equalBytes(encodeChunkRow(number, now), encodeChunkRow(number, row))) {
        throw this.#unreadable(number, row, failures, what);
      }
      row = now;
    }
  }

  #attempt(number: number, row: ChunkRow, failures: RegaliaError[]): Uint8Array | undefined {
    for (const place of row.copies) {
      try {
        const room = this.#cache.room(BLOCK_HEADER + row.plainLength);
        const block = readPlace(this.volumes, row, place, room);
        this.#cache.keep(number, row.address, block);
        this.#lost.delete(number);
        return block;
      } catch (error) {
        if (!isRegaliaError(error)) throw error;
        this.#reportAt('copy', place, row.address, error);
        failures.push(error);
      }
    }
    if (row.coded === undefined) return undefined;
    try {
      const { block } = chunkOfGroup(this.groups, row, row.coded);
      return this.#remember(number, row.address, block);
    } catch (error) {
      if (!isRegaliaError(error)) throw error;
      failures.push(error);
      return undefined;
    }
  }

  async fetch(refs: readonly ChunkRef[], what: string): Promise<Uint8Array[]> {
    const blocks: (Uint8Array | undefined)[] = [];
    const wanted: { index: number; number: number; row: ChunkRow; place: Place | undefined }[] = [];
    for (const [index, { id, address }] of refs.entries()) {
      const number = chunkNumber(id);
      const known = this.#known(number, address);
      if (known !== undefined) {
        blocks[index] = copyBytes(known);
        continue;
      }
      const row = this.#expect(number, address, what);
      wanted.push({ index, number, row, place: this.#firstHere(row) });
    }
    const stored = await readRuns(this, wanted);
    const decoded = await this.#pool.decode(
      wanted.map((one) => ({ ...one.row, stored: stored.get(one) ?? EMPTY })),
    );
    for (const [i, { index, number, row }] of wanted.entries()) {
      const block = decoded[i];
      // What was not read, or is not right, is read again the slow way: copy after copy, each
      // failure reported.
      blocks[index] =
        block === undefined
          ? copyBytes(this.read(CHUNK_IDS + number, row.address, what))
          : this.#remember(number, row.address, block);
    }
    return blocks as Uint8Array[];
  }

  async gather(refs: readonly LongChunkRef[]): Promise<Uint8Array[] | undefined> {
    const wanted: { row: ChunkRow; place: Place }[] = [];
    for (const { id, address, length } of refs) {
      const row = this.rowOf(chunkNumber(id), address);
      const place = row && this.#firstHere(row);
      if (row?.plainLength !== length || place === undefined) return undefined;
      wanted.push({ row, place });
    }
    return gatherContents(this.volumes, this.#pool, wanted);
  }

  /** Reads every copy past all caches. */
  scrub(id: number, address: Address): ChunkScrub {
    const number = chunkNumber(id);
    const row = this.rowOf(number, address);
    const faults: string[] = [];
    const unreadable: string[] = [];
    let block: Uint8Array | undefined;
    if (row === undefined) return { block, faults: [`chunk ${number} is not here`], unreadable };
    const tryOne = (where: string, read: () => { readonly block: Uint8Array }): void => {
      try {
        block = read().block;
      } catch (error) {
        if (!isRegaliaError(error)) throw error;
        (isUnreadableNow(error) ? unreadable : faults).push(`${where}: ${error.message}`);
      }
    };
    const { copies, coded } = row;
    for (const place of copies) {
      const where = `on ${this.volumes.nameOf(place.volume)}`;
      tryOne(where, () => chunkOfCopy(this.volumes, row, place));
    }
    if (coded !== undefined) {
      tryOne(`in group ${coded.group}`, () => chunkOfGroup(this.groups, row, coded));
    }
    return { block, faults, unreadable };
  }

  #firstHere({ copies }: ChunkRow): Place | undefined {
    return copies.find(({ volume }) => this.volumes.isHere(volume));
  }

  /** A chunk that is on its way, or was read lately. */
  #known(number: number, address: Address): Uint8Array | undefined {
    const coming = this.#coming.get(number);
    if (coming === undefined) return this.#cache.get(number, address);
    return sameAddress(coming.address, address) ? coming.block : undefined;
  }

  has(id: number, address: Address): boolean {
    const number = chunkNumber(id);
    const coming = this.#coming.get(number);
    if (coming !== undefined) return sameAddress(coming.address, address);
    if (this.#lost.has(number)) return false;
    const row = this.rowOf(number, address);
    if (row === undefined || row.condemned === true) return false;
    if (this.#firstHere(row) !== undefined) return true;
    return row.coded !== undefined && this.groups.has(row.coded.group);
  }

  /** The row of a chunk. A damaged one counts as none: its chunk is stored anew. */
  row(number: number): ChunkRow | undefined {
    if (!(number > 0 && number < CHUNK_NUMBERS)) return undefined;
    const written = this.#written.get(number);
    if (written !== undefined) return written;
    const bytes = this.engine.view('chunks', number);
    return bytes && attempt(() => decodeChunkRow(number, bytes));
  }

  /** The same, if it is of this address. */
  rowOf(number: number, address: Address): ChunkRow | undefined {
    const row = this.row(number);
    return row !== undefined && sameAddress(row.address, address) ? row : undefined;
  }

  #expect(number: number, address: Address, what: string): ChunkRow {
    const row = this.rowOf(number, address);
    if (row !== undefined) return row;
    throw missing(what, addressText(address));
  }

  #remember(number: number, address: Address, block: Uint8Array): Uint8Array {
    this.#cache.add(number, address, block);
    this.#lost.delete(number);
    return block;
  }

  /** No source gave the chunk: the error that says most. One that cannot be read now may. */
  #unreadable(
    number: number,
    { address, copies }: ChunkRow,
    failures: readonly RegaliaError[],
    what: string,
  ): RegaliaError {
    const now = failures.find(isUnreadableNow);
    if (now !== undefined) return now;
    this.#lost.add(number);
    const corrupt = failures.find((error) => isRegaliaError(error, 'REGALIA_CORRUPT'));
    if (corrupt !== undefined) return corrupt;
    const away = copies.find(({ volume }) => !this.volumes.isHere(volume));
    const source = away === undefined ? undefined : this.volumes.nameOf(away.volume);
    return missing(what, addressText(address), source, { cause: failures[0] });
  }

  #reportAt(
    kind: 'copy' | 'shard',
    { volume }: Place,
    address: Address | undefined,
    error: RegaliaError,
  ): void {
    // That a volume is away was reported of the volume.
    if (this.onFault === undefined || !this.volumes.isHere(volume)) return;
    const text = address === undefined ? undefined : addressText(address);
    this.#report({ kind, volume: this.volumes.pathOf(volume), address: text, error });
  }

  #report(fault: ContentFault): void {
    const { onFault } = this;
    if (onFault !== undefined) queueMicrotask(() => onFault(fault));
  }

  // Writing.

  stage(): ChunkStage {
    return new Stage(this);
  }

  /** Chunks that transactions of this process count on, and segments that they have written to. */
  inUse(): { numbers: Set<number>; segments: Set<number> } {
    const numbers = new Set<number>([...this.#coming.keys(), ...this.#written.keys()]);
    for (const stage of this.stages) for (const number of stage.used) numbers.add(number);
    const places = [...this.#written.values()].flatMap(({ copies }) => copies);
    return { numbers, segments: new Set(places.map(({ segment }) => segment)) };
  }

  begin(address: Address, block: Uint8Array): number {
    const number = this.numbers.take();
    this.#coming.set(number, { address, block });
    return number;
  }

  /** Errors as `writeChunks`. */
  async write(chunks: readonly StagedChunk[]): Promise<NumberedChunk[]> {
    const written = await writeChunks(this.volumes, this.#pool, this.rules, chunks);
    for (const { number, row } of written) {
      this.#written.set(number, row);
      this.#coming.delete(number);
    }
    return written;
  }

  resolved(number: number): void {
    this.#coming.delete(number);
    this.#written.delete(number);
  }

  async close(): Promise<void> {
    try {
      await this.#pool.close();
    } finally {
      await this.volumes.close();
    }
  }
}
