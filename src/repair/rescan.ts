/**
 * Rescan: the index of chunks from the segments alone, where rows were lost, or a volume brings
 * what the store lacks.
 *
 *     tables                 see mend-tables.ts
 *     segments               every record of every one is checked
 *       a copy               that no row names is added to the chunk's row, or to a new one
 *       shards of a group    that no row names give the group, and its chunks, rows again
 *
 * Invariant: only what reads soundly is added, and nothing that can be read is removed. Where
 * rows were lost numbers are new, so that links into the table are wrong: chunks are found by their
 * addresses then.
 */
import type { Address } from '../blocks/address.js';
import type { Engine } from '../engine/engine.js';
import { concatBytes, equalBytes, hex } from '../ground/bytes.js';
import { attempt, isRegaliaError } from '../ground/errors.js';
import { Pace } from '../ground/pause.js';
import { rowOfChunk, type StoreParts } from '../reach/store-parts.js';
import { chunkSlices, type FoundChunk, groupSlices } from '../reach/table-walk.js';
import { chunkOfCopy } from '../volumes/chunk-reads.js';
import type { ChunkRow, Place } from '../volumes/chunk-row.js';
import {
  decodeDirectory,
  decodeShard,
  encodeGroupRow,
  type GroupRow,
  type GroupShape,
  restoreGroup,
} from '../volumes/group-format.js';
import { changeGroup } from '../volumes/group-repair.js';
import {
  changeRow,
  changeRows,
  checkPlaces,
  collections,
  isRetired,
  nextEpoch,
  putChunk,
} from '../volumes/row-changes.js';
import { type RecordHead, RecordKind } from '../volumes/segment-format.js';
import { segmentsIn } from '../volumes/volume-folder.js';
import { mendTables } from './mend-tables.js';

/** How volumes are scanned again. */
export interface RescanOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: RescanResult) => void) | undefined;
}

/** What a scan found. */
export interface RescanResult {
  segments: number;
  records: number;
  /** Chunks that got a row, copies and shards that were added to one, groups that got one. */
  chunks: number;
  copies: number;
  groups: number;
  shards: number;
  /** Records that are not sound, and segments that end before their file does. */
  damaged: number;
}

/** A group whose shards were met, and by index where. */
interface MetGroup {
  readonly shape: GroupShape;
  readonly shards: (Place | undefined)[];
}

type GroupMember = ReturnType<typeof decodeDirectory>[number];

/** Records of copies that are looked at together. */
const BATCH = 256;

/** REGALIA_ABORTED, REGALIA_IO. */
export async function rescan(
  parts: StoreParts,
  options: RescanOptions = {},
): Promise<RescanResult> {
  return new Rescan(parts, options).run();
}

class Rescan {
  readonly #parts: StoreParts;
  readonly #options: RescanOptions;
  readonly #pace: Pace;
  readonly #met = new Map<string, MetGroup>();
  readonly #result: RescanResult = {
    segments: 0,
    records: 0,
    chunks: 0,
    copies: 0,
    groups: 0,
    shards: 0,
    damaged: 0,
  };

  constructor(parts: StoreParts, options: RescanOptions) {
    this.#parts = parts;
    this.#options = options;
    this.#pace = new Pace('rescan', { signal: options.signal });
  }

  async run(): Promise<RescanResult> {
    const { engine, chunks } = this.#parts;
    chunks.volumes.refresh();
    await mendTables(engine, this.#options.signal);
    for (const { entry, path, isHere } of chunks.volumes.list()) {
      if (!isHere) continue;
      for (const [segment, size] of await segmentsIn(path)) {
        if (isRetired(engine, segment)) continue;
        try {
          await this.#segment(entry.number, segment, size);
        } catch (error) {
          // Its own head is damaged: nobody knows where its records begin.
          const isDamage =
            isRegaliaError(error, 'REGALIA_FORMAT') || isRegaliaError(error, 'REGALIA_CORRUPT');
          if (!isDamage) throw error;
          this.#result.damaged++;
        }
      }
    }
    await this.#groups();
    this.#options.onProgress?.(this.#result);
    return this.#result;
  }

  async #segment(volume: number, segment: number, size: number): Promise<void> {
    const { volumes } = this.#parts.chunks;
    this.#result.segments++;
    let batch: { place: Place; head: RecordHead }[] = [];
    let end = 0;
    for (const found of volumes.recordsIn(volume, segment, size)) {
      end = found.end;
      if (found.head === undefined) {
        this.#result.damaged++;
        continue;
      }
      this.#result.records++;
      const place = { volume, segment, offset: found.offset };
      if (found.head.kind === RecordKind.shard) this.#shard(place, found.head);
      else batch.push({ place, head: found.head });
      if (batch.length < BATCH) continue;
      await this.#addCopies(batch);
      batch = [];
    }
    await this.#addCopies(batch);
    if (end < size) this.#result.damaged++;
  }

  /** Adds copies that no row names. */
  async #addCopies(batch: readonly { place: Place; head: RecordHead }[]): Promise<void> {
    const { engine, chunks } = this.#parts;
    for (const { place, head } of batch) {
      const address = addressOfRecord(head);
      const fresh = rowOfRecord(head, address, place);
      const known = rowOfChunk(this.#parts, address);
      if (known?.row.copies.some((copy) => samePlace(copy, place)) === true) continue;
      // Of one that has no place left, any form will do.
      const isBare = known !== undefined && this.#isBare(known.row);
      if (known?.row.coded !== undefined && !isBare) continue;
      if (known !== undefined && !isBare && !sameForm(known.row, fresh)) continue;
      if (!this.#isSound(fresh, place)) continue;
      if (known !== undefined) {
        const { number, row } = known;
        if (row.copies.some(({ volume }) => volume === place.volume)) continue;
        const after = { ...fresh, copies: [...row.copies, place], condemned: false };
        const made = await changeRows(engine, [{ number, before: row, after }]);
        this.#result.copies += made.length;
        continue;
      }
      const number = await chunks.chunkNumber();
      await engine.write((writing) => putChunk(writing, number, fresh), 'none');
      this.#result.chunks++;
    }
    this.#options.onProgress?.(this.#result);
    await this.#pace.rest();
  }

  /** Whether nothing is left that a chunk could be read from. */
  #isBare({ copies, coded }: ChunkRow): boolean {
    if (copies.length > 0) return false;
    return coded === undefined || this.#parts.engine.view('groups', coded.group) === undefined;
  }

  #isSound(row: ChunkRow, place: Place): boolean {
    if (attempt(() => chunkOfCopy(this.#parts.chunks.volumes, row, place, 'chunk'))) return true;
    this.#result.damaged++;
    return false;
  }

  #shard(place: Place, head: RecordHead): void {
    const found = attempt(() => {
      return decodeShard(this.#parts.chunks.volumes.readSync(place, head.storedLength).stored);
    });
    if (found === undefined) {
      this.#result.damaged++;
      return;
    }
    const { shape, index } = found;
    const key = keyOfGroup(shape);
    let met = this.#met.get(key);
    if (met === undefined) {
      const shards = Array.from({ length: shape.data + shape.parity }, () => undefined);
      this.#met.set(key, (met = { shape, shards }));
    }
    met.shards[index] ??= place;
  }

  /** Shards that groups lack, and groups that have no row. */
  async #groups(): Promise<void> {
    const { engine, chunks } = this.#parts;
    const { signal } = this.#options;
    const known = await bytesByGroup(engine, signal);
    for await (const slice of groupSlices(engine, 'rescan', signal)) {
      for (const { number, row } of slice) {
        const key = keyOfGroup(row);
        const met = this.#met.get(key);
        this.#met.delete(key);
        const shards = row.shards.map((place, i) => place ?? met?.shards[i]);
        const added = shards.filter((place, i) => place !== row.shards[i]).length;
        const after = { ...row, shards };
        const made = added > 0 && (await changeGroup(engine, number, row, after));
        if (made) this.#result.shards += added;
        chunks.groups.forget(number);
        if ((known.get(number) ?? 0) < row.chunksLength)
          await this.#members(made ? after : row, number);
      }
    }
    for (const { shape, shards } of this.#met.values()) await this.#members({ ...shape, shards });
  }

  /**
   * The rows of chunks that a group has and that lack one; of a group without a number, its own
   * row, too.
   */
  async #members(row: GroupRow, known?: number): Promise<void> {
    const { engine, chunks } = this.#parts;
    const number = known ?? (await chunks.groupNumber());
    const members = this.#directory(row);
    const lacking: { chunk: GroupMember; known: FoundChunk | undefined; number: number }[] = [];
    for (const chunk of members) {
      const found = rowOfChunk(this.#parts, chunk.address);
      if (found !== undefined && !this.#isBare(found.row)) continue;
      const own = found?.number ?? (await chunks.chunkNumber());
      lacking.push({ chunk, known: found, number: own });
    }
    if (lacking.length === 0) return;
    const made = await engine.write((batch) => {
      const encoded = encodeGroupRow(number, row);
      const there = batch.get('groups', number);
      // A collection may have forgotten it, and must not do so now.
      if (known !== undefined && (there === undefined || !equalBytes(there, encoded))) return 0;
      checkPlaces(batch, row.shards, known === undefined ? [] : row.shards);
      nextEpoch(batch, collections(batch).condemnedMs);
      batch.put('groups', number, encoded);
      let count = 0;
      for (const { chunk, known: found, number: own } of lacking) {
        const { start, ...shape } = chunk;
        const after = { ...shape, copies: [], coded: { group: number, start } };
        if (found === undefined) putChunk(batch, own, after);
        else if (!changeRow(batch, { number: own, before: found.row, after })) continue;
        count++;
      }
      return count;
    }, 'none');
    if (made > 0 && known === undefined) this.#result.groups++;
    this.#result.chunks += made;
  }

  /** The chunks of a group; none where its shards do not give it back. */
  #directory(row: GroupRow): GroupMember[] {
    const members = attempt(() => {
      return decodeDirectory(row, restoreGroup(row, this.#parts.chunks.groups.records(row)));
    });
    return members ?? [];
  }
}

/** What shards of one group share, and those of others do not. */
function keyOfGroup({ id, data, parity }: GroupShape): string {
  return `${hex(id)} ${data} ${parity}`;
}

/** Stored bytes of the chunks that are in each group, by its number. */
async function bytesByGroup(
  engine: Engine,
  signal: AbortSignal | undefined,
): Promise<Map<number, number>> {
  const bytes = new Map<number, number>();
  for await (const slice of chunkSlices(engine, 'rescan', signal)) {
    for (const { row } of slice) {
      if (row.coded === undefined) continue;
      const { group } = row.coded;
      bytes.set(group, (bytes.get(group) ?? 0) + row.storedLength);
    }
  }
  return bytes;
}

function addressOfRecord({ algorithm, digest }: RecordHead): Address {
  return concatBytes([Uint8Array.of(algorithm), digest]);
}

function rowOfRecord(head: RecordHead, address: Address, place: Place): ChunkRow {
  const { plainLength, codec, storedLength } = head;
  return { address, plainLength, codec, storedLength, copies: [place] };
}

function samePlace(a: Place, b: Place): boolean {
  return a.volume === b.volume && a.segment === b.segment && a.offset === b.offset;
}

/** Whether both have the same stored bytes, as all copies of a chunk do. */
function sameForm(a: ChunkRow, b: ChunkRow): boolean {
  return (
    a.codec === b.codec && a.storedLength === b.storedLength && a.plainLength === b.plainLength
  );
}
