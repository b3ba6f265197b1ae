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
import { isRegaliaError, missing, type RegaliaError } from '../ground/errors.js';
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
import { Groups, readSpans } from './groups.js';
import type { Pool } from './pool.js';
import { type StorageRules, storedStorage } from './storage-rules.js';
import type { VolumeSet } from './volume-set.js';

interface ChunksOptions {
  /** How much memory chunks that were read may use, in bytes. */
  readonly cacheBytes: number;
}

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

/** A chunk that is asked for, and where it is read first. */
interface Wanted {
  readonly index: number;
  readonly number: number;
  readonly row: ChunkRow;
  readonly place: Place | undefined;
}

/** A chunk that is on its way into a segment. */
interface Coming {
  readonly address: Address;
  readonly block: Uint8Array;
}

/** What a row that can't be believed throws. */
const UNREADABLE = ['REGALIA_CORRUPT', 'REGALIA_FORMAT', 'REGALIA_VERSION'] as const;

export class ChunkStore implements ChunkHome, StageHome {
  readonly engine: Engine;
  readonly volumes: VolumeSet;
  readonly groups: Groups;
  readonly numbers: Lease;
  /** How new chunks are kept, by their stream. */
  rules: StorageRules;
  /**
   * Called with each fault, after the read that met it: what a listener throws is not the read's.
   */
  onFault: ((fault: ContentFault) => void) | undefined;
  /** Chunks that are in no segment yet, by number. */
  readonly #coming = new Map<number, Coming>();
  /** Chunks in segments that no row names yet. */
  readonly #written = new Map<number, ChunkRow>();
  /** Stages of transactions that go on. */
  readonly #stages = new Set<Stage>();
  /** Chunks of which a read has failed. */
  readonly #lost = new Set<number>();
  readonly #cache: ChunkCache;
  readonly #groupNumbers: Lease;
  readonly #pool: Pool;

  constructor(engine: Engine, volumes: VolumeSet, pool: Pool, options: ChunksOptions) {
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
    this.numbers = new Lease(engine, 'chunks', CHUNK_NUMBERS);
    this.#groupNumbers = new Lease(engine, 'groups', CHUNK_NUMBERS);
    this.#cache = new ChunkCache(options.cacheBytes, ROOM);
  }

  // Reading.

  read(id: number, address: Address, what: string): Uint8Array {
    const number = chunkNumber(id);
    const known = this.#known(number, address);
    if (known !== undefined) return known;
    for (let row = this.#expect(number, address, what); ; ) {
      const failures: RegaliaError[] = [];
      const block = this.#attempt(number, row, what, failures);
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

  /** The block of the first source that gives it. */
  #attempt(
    number: number,
    row: ChunkRow,
    what: string,
    failures: RegaliaError[],
  ): Uint8Array | undefined {
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
      const { block } = chunkOfGroup(this.groups, row, row.coded, what);
      return this.#remember(number, row.address, block);
    } catch (error) {
      if (!isRegaliaError(error)) throw error;
      failures.push(error);
      return undefined;
    }
  }

  async fetch(refs: readonly ChunkRef[], what: string): Promise<Uint8Array[]> {
    const blocks: (Uint8Array | undefined)[] = [];
    const wanted: Wanted[] = [];
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
    const stored = await readRuns(this.volumes, wanted);
    await readSpans(this.groups, wanted, stored);
    const decoded = await this.#pool.decode(
      wanted.map(({ row: { address, codec, plainLength } }, i) => {
        return { address, codec, plainLength, stored: stored[i] ?? EMPTY };
      }),
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
      const row = this.row(chunkNumber(id));
      const place = row === undefined ? undefined : this.#firstHere(row);
      if (row === undefined || place === undefined) return undefined;
      if (row.plainLength !== length || !sameAddress(row.address, address)) return undefined;
      wanted.push({ row, place });
    }
    return gatherContents(this.volumes, this.#pool, wanted);
  }

  /**
   * Reads every copy of a chunk past all caches: a sound block, if there is one, and what is wrong
   * with which copy.
   */
  scrub(id: number, address: Address): { block: Uint8Array | undefined; faults: string[] } {
    const number = chunkNumber(id);
    const row = this.row(number);
    if (row === undefined || !sameAddress(row.address, address)) {
      return { block: undefined, faults: [`chunk ${number} is not here`] };
    }
    let block: Uint8Array | undefined;
    const faults: string[] = [];
    const attempt = (where: string, read: () => Uint8Array): void => {
      try {
        block = read();
      } catch (error) {
        if (!isRegaliaError(error)) throw error;
        faults.push(`${where}: ${error.message}`);
      }
    };
    const { copies, coded } = row;
    for (const place of copies) {
      const where = `on ${this.volumes.nameOf(place.volume)}`;
      attempt(where, () => chunkOfCopy(this.volumes, row, place, 'chunk').block);
    }
    if (coded !== undefined) {
      const where = `in group ${coded.group}`;
      attempt(where, () => chunkOfGroup(this.groups, row, coded, 'chunk').block);
    }
    return { block, faults };
  }

  /** Reads every shard of a group past all caches, one for each step. */
  scrubGroup(group: number): ReturnType<Groups['scrub']> {
    return this.groups.scrub(group);
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
    const row = this.row(number);
    if (row === undefined || row.condemned === true || !sameAddress(row.address, address)) {
      return false;
    }
    if (this.#firstHere(row) !== undefined) return true;
    return row.coded !== undefined && this.groups.has(row.coded.group);
  }

  /**
   * The row of a chunk, undefined where there is none. A damaged row counts as none: its chunk is
   * stored anew.
   */
  row(number: number): ChunkRow | undefined {
    if (!(number > 0 && number < CHUNK_NUMBERS)) return undefined;
    const written = this.#written.get(number);
    if (written !== undefined) return written;
    const bytes = this.engine.view('chunks', number);
    if (bytes === undefined) return undefined;
    try {
      return decodeChunkRow(number, bytes);
    } catch (error) {
      if (UNREADABLE.some((code) => isRegaliaError(error, code))) return undefined;
      throw error;
    }
  }

  #expect(number: number, address: Address, what: string): ChunkRow {
    const row = this.row(number);
    if (row !== undefined && sameAddress(row.address, address)) return row;
    throw missing(what, addressText(address));
  }

  /** Remembers a block that was verified. */
  #remember(number: number, address: Address, block: Uint8Array): Uint8Array {
    this.#cache.add(number, address, block);
    this.#lost.delete(number);
    return block;
  }

  /** No source gave the chunk: the error that says most. */
  #unreadable(
    number: number,
    { address, copies }: ChunkRow,
    failures: readonly RegaliaError[],
    what: string,
  ): RegaliaError {
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

  begun(stage: Stage): void {
    this.#stages.add(stage);
  }

  ended(stage: Stage): void {
    this.#stages.delete(stage);
  }

  /** Chunks that transactions of this process count on, and segments that they have written to. */
  inUse(): { numbers: Set<number>; segments: Set<number> } {
    const numbers = new Set<number>([...this.#coming.keys(), ...this.#written.keys()]);
    for (const stage of this.#stages) for (const number of stage.used) numbers.add(number);
    const segments = new Set<number>();
    for (const { copies } of this.#written.values()) {
      for (const { segment } of copies) segments.add(segment);
    }
    return { numbers, segments };
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

  /** A number that no chunk has. */
  async chunkNumber(): Promise<number> {
    await this.numbers.reserve(1);
    return this.numbers.take();
  }

  /** A number that no group has. */
  async groupNumber(): Promise<number> {
    await this.#groupNumbers.reserve(1);
    return this.#groupNumbers.take();
  }

  async close(): Promise<void> {
    try {
      await this.#pool.close();
    } finally {
      await this.volumes.close();
    }
  }
}
