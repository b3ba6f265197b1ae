/**
 * The home of chunks: blocks of contents, kept in the segments of volumes, found by number through
 * the table `chunks`.
 *
 *     id -> row -> copy after copy, then its group of shards -> checksum, codec, hash compared -> block
 *
 * Invariants: no block leaves here that was not hashed, and one that was is remembered in a bounded
 * cache; a row is written only once the bytes it names are on disk; where one copy fails the next
 * is read, and the failure is noted for whoever repairs. A row is believed by those who look
 * whether a chunk is here: that its bytes are sound shows when they are read. One that was read in
 * vain is not found again, so the next write of the same bytes heals it.
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
  type ShardScrub,
} from '../blocks/chunk-home.js';
import { Lease } from '../blocks/lease.js';
import type { Engine } from '../engine/engine.js';
import { BLOCK_HEADER } from '../ground/block-header.js';
import { copyBytes, EMPTY, equalBytes } from '../ground/bytes.js';
import { isRegaliaError, RegaliaError } from '../ground/errors.js';
import { ROOM } from './chunk-bytes.js';
import { ChunkCache } from './chunk-cache.js';
import {
  chunkOfCopy,
  chunkOfGroup,
  type Gathered,
  gatherContents,
  readPlace,
  readRuns,
} from './chunk-reads.js';
import { type ChunkRow, decodeChunkRow, encodeChunkRow, type Place } from './chunk-row.js';
import { Stage, type StagedChunk, type StageHome, type WrittenChunk } from './chunk-stage.js';
import { writeChunks } from './chunk-writer.js';
import { Groups, readSpans } from './groups.js';
import type { Pool } from './pool.js';
import type { VolumeSet } from './volume-set.js';

/** Below this many numbers more are reserved in time. */
const REPLENISH_BELOW = 32_768;

export interface ChunksOptions {
  /** How much memory chunks that were read may take, in bytes. */
  readonly cacheBytes: number;
}

/** A copy that could not be read, or not be believed. */
export interface ChunkFault {
  readonly number: number;
  readonly address: Address;
  readonly place: Place;
  readonly error: unknown;
}

/** A chunk that is asked for, and where it is read first. */
interface Wanted {
  readonly index: number;
  readonly number: number;
  readonly row: ChunkRow;
  readonly place: Place | undefined;
}

/** A chunk that is on its way. */
interface Held {
  readonly address: Address;
  readonly block: Uint8Array;
}

export class ChunkStore implements ChunkHome, StageHome {
  readonly engine: Engine;
  readonly volumes: VolumeSet;
  readonly groups: Groups;
  /** Told of each copy that failed. */
  onFault: ((fault: ChunkFault) => void) | undefined;
  /** Chunks that are in no segment yet, by number. */
  readonly #staged = new Map<number, Held>();
  /** Chunks in segments that no row names yet. */
  readonly #written = new Map<number, ChunkRow>();
  /** Stages of transactions that go on. */
  readonly #stages = new Set<Stage>();
  /** Chunks that were read in vain. */
  readonly #lost = new Set<number>();
  readonly #cache: ChunkCache;
  readonly #numbers: Lease;
  readonly #groupNumbers: Lease;
  readonly #pool: Pool;

  constructor(engine: Engine, volumes: VolumeSet, pool: Pool, options: ChunksOptions) {
    this.engine = engine;
    this.volumes = volumes;
    this.groups = new Groups(engine, volumes);
    this.#pool = pool;
    this.#numbers = new Lease(engine, 'chunks', CHUNK_NUMBERS);
    this.#groupNumbers = new Lease(engine, 'groups', CHUNK_NUMBERS);
    this.#cache = new ChunkCache(options.cacheBytes, ROOM);
  }

  read(id: number, address: Address, what: string): Uint8Array {
    const number = chunkNumber(id);
    const known = this.#known(number, address);
    if (known !== undefined) return known;
    for (let row = this.#expect(number, address, what); ; ) {
      const failures: unknown[] = [];
      const block = this.#attempt(number, row, what, failures);
      if (block !== undefined) return block;
      // Upkeep, here or in another process, may have moved it after its row was read.
      this.engine.refresh();
      const now = this.#expect(number, address, what);
      if (equalBytes(encodeChunkRow(number, now), encodeChunkRow(number, row))) {
        throw this.#inVain(number, row, failures, what);
      }
      row = now;
    }
  }

  /** The block of the first source that gives it. */
  #attempt(
    number: number,
    row: ChunkRow,
    what: string,
    failures: unknown[],
  ): Uint8Array | undefined {
    for (const place of row.copies) {
      try {
        const room = this.#cache.room(BLOCK_HEADER + row.plainLength);
        const block = readPlace(this.volumes, row, place, room);
        this.#cache.keep(number, row.address, block);
        this.#lost.delete(number);
        return block;
      } catch (error) {
        failures.push(this.#noted(number, row, place, error));
      }
    }
    if (row.coded === undefined) return undefined;
    try {
      const { block } = chunkOfGroup(this.groups, row, row.coded, what);
      return this.#hold(number, row.address, block);
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
    const records = await readRuns(this.volumes, wanted);
    await readSpans(this.groups, wanted, records);
    const some = await this.#pool.decode(
      wanted.map(({ row }, i) => ({ ...row, stored: records[i] ?? EMPTY })),
    );
    for (const [i, { index, number, row }] of wanted.entries()) {
      const block = some[i] as Uint8Array | RegaliaError;
      // What was not read, or not right, is read again the slow way: copy after copy, each failure
      // noted.
      blocks[index] =
        records[i] === undefined || isRegaliaError(block)
          ? copyBytes(this.read(CHUNK_IDS + number, row.address, what))
          : this.#hold(number, row.address, block);
    }
    return blocks as Uint8Array[];
  }

  async gather(refs: readonly LongChunkRef[]): Promise<Uint8Array[] | undefined> {
    const wanted: Gathered[] = [];
    for (const { id, address, length } of refs) {
      const row = this.row(chunkNumber(id));
      const place = row === undefined ? undefined : this.#firstHere(row);
      if (row === undefined || place === undefined) return undefined;
      if (row.plainLength !== length || !sameAddress(row.address, address)) return undefined;
      wanted.push({ row, place });
    }
    return gatherContents(this.volumes, this.#pool, wanted);
  }

  scrub(id: number, address: Address): { block: Uint8Array | undefined; faults: string[] } {
    const number = chunkNumber(id);
    const row = this.row(number);
    if (row === undefined || !sameAddress(row.address, address)) {
      return { block: undefined, faults: [`chunk ${number} is not here`] };
    }
    let block: Uint8Array | undefined;
    const faults: string[] = [];
    for (const place of row.copies) {
      try {
        block = chunkOfCopy(this.volumes, row, place, 'chunk').block;
      } catch (error) {
        if (!isRegaliaError(error)) throw error;
        faults.push(`on ${this.volumes.nameOf(place.volume)}: ${error.message}`);
      }
    }
    if (row.coded === undefined) return { block, faults };
    try {
      block = chunkOfGroup(this.groups, row, row.coded, 'chunk').block;
    } catch (error) {
      if (!isRegaliaError(error)) throw error;
      faults.push(`in group ${row.coded.group}: ${error.message}`);
    }
    return { block, faults };
  }

  scrubGroup(group: number): Iterable<ShardScrub> {
    return this.groups.scrub(group);
  }

  #firstHere({ copies }: ChunkRow): Place | undefined {
    return copies.find(({ volume }) => this.volumes.isHere(volume));
  }

  /** A chunk that is staged, or was read lately. */
  #known(number: number, address: Address): Uint8Array | undefined {
    const staged = this.#staged.get(number);
    if (staged === undefined) return this.#cache.get(number, address);
    return sameAddress(staged.address, address) ? staged.block : undefined;
  }

  holds(id: number, address: Address): boolean {
    const number = chunkNumber(id);
    const staged = this.#staged.get(number);
    if (staged !== undefined) return sameAddress(staged.address, address);
    if (this.#lost.has(number)) return false;
    const row = this.row(number);
    if (row === undefined || row.condemned === true || !sameAddress(row.address, address)) {
      return false;
    }
    return this.#firstHere(row) !== undefined || this.#groupHolds(row);
  }

  #groupHolds({ coded }: ChunkRow): boolean {
    return coded !== undefined && this.groups.holds(coded.group);
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
      if (isRegaliaError(error, 'REGALIA_CORRUPT') || isRegaliaError(error, 'REGALIA_FORMAT')) {
        return undefined;
      }
      throw error;
    }
  }

  #expect(number: number, address: Address, what: string): ChunkRow {
    const row = this.row(number);
    if (row !== undefined && sameAddress(row.address, address)) return row;
    const text = addressText(address);
    const data = { address: text };
    throw new RegaliaError('REGALIA_MISSING', `${what} ${text} is not here`, data);
  }

  /** Remembers a block that was verified. */
  #hold(number: number, address: Address, block: Uint8Array): Uint8Array {
    this.#cache.add(number, address, block);
    this.#lost.delete(number);
    return block;
  }

  #noted(number: number, { address }: ChunkRow, place: Place, error: unknown): unknown {
    if (!isRegaliaError(error)) throw error;
    this.onFault?.({ number, address, place, error });
    return error;
  }

  /** No copy would do: the error that says most. */
  #inVain(number: number, row: ChunkRow, failures: readonly unknown[], what: string): unknown {
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

  stage(): ChunkStage {
    return new Stage(this);
  }

  /** Remembers a stage for as long as it counts on chunks that no commit may name. */
  begun(stage: Stage): void {
    this.#stages.add(stage);
  }

  ended(stage: Stage): void {
    this.#stages.delete(stage);
  }

  /** Chunks that transactions of this process count on, and segments that they have written to. */
  inUse(): { numbers: Set<number>; segments: Set<number> } {
    const numbers = new Set<number>([...this.#staged.keys(), ...this.#written.keys()]);
    for (const stage of this.#stages) for (const number of stage.used) numbers.add(number);
    const segments = new Set<number>();
    for (const { copies } of this.#written.values()) {
      for (const { segment } of copies) segments.add(segment);
    }
    return { numbers, segments };
  }

  take(address: Address, block: Uint8Array): number {
    const number = this.#numbers.take();
    this.#staged.set(number, { address, block });
    return number;
  }

  /** Errors as `writeChunks`. */
  async write(chunks: readonly StagedChunk[]): Promise<WrittenChunk[]> {
    const written = await writeChunks(this.volumes, this.#pool, chunks);
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

  /** A number that no chunk has. */
  async chunkNumber(): Promise<number> {
    await this.#numbers.reserve(1);
    return this.#numbers.take();
  }

  /** A number that no group has. */
  async groupNumber(): Promise<number> {
    await this.#groupNumbers.reserve(1);
    return this.#groupNumbers.take();
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

/**
 * Faults that reads went around: told to who wants to know, while the read goes on with another
 * copy or other shards.
 *
 *     a copy, or a shard, that is not sound -> each time it is met
 *     a volume that is away                 -> once, until it is back
 */
export interface ContentFault {
  readonly kind: 'copy' | 'shard' | 'volume';
  /** The folder of the volume. */
  readonly volume: string;
  /** Of the chunk whose copy it is. */
  readonly address: string | undefined;
  readonly error: RegaliaError;
}

/**
 * Tells faults from now on, behind the read that met them: what a listener throws is not the
 * read's.
 */
export function reportFaults(chunks: ChunkStore, listener: (fault: ContentFault) => void): void {
  const { volumes, groups } = chunks;
  const tell = (fault: ContentFault): void => queueMicrotask(() => listener(fault));
  const tellAt = (
    kind: 'copy' | 'shard',
    place: Place | undefined,
    address: string | undefined,
    error: unknown,
  ): void => {
    // That a volume is away was told of the volume.
    if (place === undefined || !volumes.isHere(place.volume) || !isRegaliaError(error)) return;
    tell({ kind, volume: volumes.pathOf(place.volume), address, error });
  };
  chunks.onFault = ({ address, place, error }) => {
    tellAt('copy', place, addressText(address), error);
  };
  groups.onFault = ({ place, error }) => tellAt('shard', place, undefined, error);
  volumes.onAway = (volume) => {
    const data = { address: volume, source: volume };
    const error = new RegaliaError('REGALIA_MISSING', `the volume at ${volume} is not here`, data);
    tell({ kind: 'volume', volume, address: undefined, error });
  };
}
