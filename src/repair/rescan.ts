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
import type { Engine } from '../engine/engine.js';
import { concatBytes, equalBytes, hex } from '../ground/bytes.js';
import { attempt, isRegaliaError, thrown } from '../ground/errors.js';
import { Pace } from '../ground/pause.js';
import { rowOfChunk, type StoreParts } from '../reach/store-parts.js';
import { chunkSlices, groupSlices } from '../reach/table-walk.js';
import { chunkOfCopy } from '../volumes/chunk-reads.js';
import {
  type ChunkForm,
  type ChunkRow,
  type NumberedChunk,
  type Place,
  samePlace,
} from '../volumes/chunk-row.js';
import {
  decodeDirectory,
  decodeShard,
  encodeGroupRow,
  type GroupMember,
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

/** REGALIA_ABORTED, REGALIA_IO. */
export async function rescan(parts: StoreParts, options: RescanOptions): Promise<RescanResult> {
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
    let end = 0;
    for (const { head, offset, end: next } of volumes.segments(volume).records(segment, size)) {
      end = next;
      const place = { volume, segment, offset };
      if (head === undefined) this.#result.damaged++;
      else if (head.kind === RecordKind.shard) this.#shard(place, head);
      else await this.#copy(place, head);
      if (head !== undefined) this.#result.records++;
      if (this.#pace.due()) await this.#rest();
    }
    if (end < size) this.#result.damaged++;
    await this.#rest();
  }

  async #rest(): Promise<void> {
    this.#options.onProgress?.(this.#result);
    await this.#pace.rest();
  }

  /** Adds a copy that no row names. */
  async #copy(place: Place, head: RecordHead): Promise<void> {
    const { engine, chunks } = this.#parts;
    const { algorithm, digest, plainLength, codec, storedLength } = head;
    const address = concatBytes([Uint8Array.of(algorithm), digest]);
    const fresh = { address, plainLength, codec, storedLength, copies: [place] };
    const known = rowOfChunk(this.#parts, address);
    if (known?.row.copies.some((copy) => samePlace(copy, place)) === true) return;
    // Of one that has no place left, any form will do.
    if (known !== undefined && !this.#isBare(known.row)) {
      if (known.row.coded !== undefined || !sameForm(known.row, fresh)) return;
    }
    if (attempt(() => chunkOfCopy(chunks.volumes, fresh, place), thrown) === undefined) {
      this.#result.damaged++;
    } else if (known === undefined) {
      const number = await chunks.numbers.next();
      await engine.write((batch) => putChunk(batch, number, fresh), 'none');
      this.#result.chunks++;
    } else {
      const { number, row } = known;
      if (row.copies.some(({ volume }) => volume === place.volume)) return;
      const after = { ...fresh, copies: [...row.copies, place], condemned: false };
      const made = await changeRows(engine, [{ number, before: row, after }]);
      this.#result.copies += made.length;
    }
  }

  /** Whether nothing is left that a chunk could be read from. */
  #isBare({ copies, coded }: ChunkRow): boolean {
    if (copies.length > 0) return false;
    return coded === undefined || this.#parts.engine.view('groups', coded.group) === undefined;
  }

  #shard(place: Place, head: RecordHead): void {
    const files = this.#parts.chunks.volumes.segments(place.volume);
    const read = (): Uint8Array => files.readRecordSync({ ...place, ...head }).stored;
    const found = attempt(() => decodeShard(read()), thrown);
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
        const made = added > 0 && (await changeGroup(engine, { number, row }, shards));
        if (made) this.#result.shards += added;
        chunks.groups.forget(number);
        if ((known.get(number) ?? 0) >= row.chunksLength) continue;
        await this.#members(made ? { ...row, shards } : row, number);
      }
    }
    for (const { shape, shards } of this.#met.values()) await this.#members({ ...shape, shards });
  }

  /** Rows for a group's chunks that lack one; for a group without a number its own, too. */
  async #members(row: GroupRow, known?: number): Promise<void> {
    const { engine, chunks } = this.#parts;
    const number = known ?? (await chunks.groupNumbers.next());
    // None where its shards do not give it back.
    const members = attempt(() => {
      return decodeDirectory(row, restoreGroup(row, chunks.groups.records(row)));
    }, thrown);
    const lacking: { chunk: GroupMember; known: NumberedChunk | undefined; number: number }[] = [];
    for (const chunk of members ?? []) {
      const found = rowOfChunk(this.#parts, chunk.address);
      if (found !== undefined && !this.#isBare(found.row)) continue;
      const own = found?.number ?? (await chunks.numbers.next());
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

/** Whether both have the same stored bytes, as all copies of a chunk do. */
function sameForm(a: ChunkForm, b: ChunkForm): boolean {
  const sameLengths = a.storedLength === b.storedLength && a.plainLength === b.plainLength;
  return sameLengths && a.codec === b.codec;
}
