/**
 * Reads stored bytes of chunks out of groups of shards.
 *
 *     a span of a group -> for each data shard in it a range of its record -> bytes
 *                          where one is not here: the same range of k others, solved for it
 *
 * Nothing here is verified but by `restored`, which reads whole records with their checksums and
 * compares the group's id: who reads ranges hashes what they are part of, and asks for `restored`
 * where the hash is wrong.
 */
import type { Engine } from '../engine/engine.js';
import { BoundedMap } from '../ground/bounded-map.js';
import { hex } from '../ground/bytes.js';
import {
  corrupt,
  isRegaliaError,
  malformed,
  missing,
  type RegaliaError,
} from '../ground/errors.js';
import { reconstruct } from '../kernels/reed-solomon.js';
import type { ChunkRow, CodedPlace, Place } from './chunk-row.js';
import {
  decodeGroupRow,
  decodeShard,
  type GroupRow,
  restoreGroup,
  SHARD_HEADER,
  shardLength,
} from './group-format.js';
import { RECORD_HEADER } from './segment-format.js';
import type { VolumeSet } from './volume-set.js';

/** Groups whose data is kept for the next chunk, once they had to be restored. */
const RESTORED_MAX = 2;

/** A part of a span: within one data shard. */
interface Part {
  readonly shard: number;
  /** Within the shard. */
  readonly from: number;
  readonly length: number;
}

/** What reading a shard past all caches found. */
interface ShardScrub {
  /** What is wrong with it, if anything is. */
  readonly what: string | undefined;
  /** Whether enough others are sound; sure with the last one that is at fault. */
  readonly isRepairable: boolean;
  /** Bytes that were read. */
  readonly cost: number;
}

export class Groups {
  readonly #engine: Engine;
  readonly #volumes: VolumeSet;
  readonly #onFault: (place: Place, error: RegaliaError) => void;
  readonly #restored = new BoundedMap<number, Uint8Array>(RESTORED_MAX);

  /** `onFault` is called with each shard that could not be read, or not be believed. */
  constructor(
    engine: Engine,
    volumes: VolumeSet,
    onFault: (place: Place, error: RegaliaError) => void,
  ) {
    this.#engine = engine;
    this.#volumes = volumes;
    this.#onFault = onFault;
  }

  /** The row of a group. REGALIA_MISSING, REGALIA_CORRUPT, REGALIA_FORMAT. */
  row(number: number): GroupRow {
    const bytes = this.#engine.view('groups', number);
    if (bytes !== undefined) return decodeGroupRow(number, bytes);
    throw missing('group', `${number}`);
  }

  /** Whether enough shards lie on volumes that are here. Nothing is read. */
  has(number: number): boolean {
    try {
      const { shards, data } = this.row(number);
      return shards.filter((place) => this.#isHere(place)).length >= data;
    } catch (error) {
      if (!isRegaliaError(error)) throw error;
      return false;
    }
  }

  #isHere(place: Place | undefined): place is Place {
    return place !== undefined && this.#volumes.isHere(place.volume);
  }

  /** Bytes of a group's data, unverified. REGALIA_MISSING where too few shards are here. */
  readSync({ group, start }: CodedPlace, length: number): Uint8Array {
    const row = this.row(group);
    const bytes = new Uint8Array(length);
    let at = 0;
    for (const part of partsOf(row, start, length)) {
      bytes.set(this.#partSync(row, part), at);
      at += part.length;
    }
    return bytes;
  }

  #partSync(row: GroupRow, part: Part): Uint8Array {
    const direct = this.#rangeSync(row, part.shard, part);
    if (direct !== undefined) return direct;
    const shards: (Uint8Array | undefined)[] = row.shards.map(() => undefined);
    let found = 0;
    for (let i = 0; i < shards.length && found < row.data; i++) {
      if (i === part.shard) continue;
      shards[i] = this.#rangeSync(row, i, part);
      if (shards[i] !== undefined) found++;
    }
    if (found < row.data) throw tooFew(row, found);
    reconstruct(shards, row.data, row.parity, [part.shard]);
    return shards[part.shard] as Uint8Array;
  }

  #rangeSync(row: GroupRow, shard: number, part: Part): Uint8Array | undefined {
    const place = row.shards[shard];
    if (!this.#isHere(place)) return undefined;
    try {
      return this.#volumes.readRangeSync(place, dataStart(part), part.length);
    } catch (error) {
      return this.#failed(place, error);
    }
  }

  /** The same without holding up the event loop: all shards of the span at once. */
  async read({ group, start }: CodedPlace, length: number): Promise<Uint8Array> {
    const row = this.row(group);
    const parts = partsOf(row, start, length);
    const ranges = await Promise.all(
      parts.map(async (part) => {
        const place = row.shards[part.shard];
        if (!this.#isHere(place)) return undefined;
        try {
          return await this.#volumes.readRange(place, dataStart(part), part.length);
        } catch (error) {
          return this.#failed(place, error);
        }
      }),
    );
    const bytes = new Uint8Array(length);
    let at = 0;
    for (const [i, part] of parts.entries()) {
      bytes.set(ranges[i] ?? this.#partSync(row, part), at);
      at += part.length;
    }
    return bytes;
  }

  #failed(place: Place, error: unknown): undefined {
    if (!isRegaliaError(error)) throw error;
    this.#onFault(place, error);
    return undefined;
  }

  /**
   * All data of a group, proven by its id, from any k sound shards. REGALIA_MISSING,
   * REGALIA_CORRUPT.
   */
  restored(group: number): Uint8Array {
    const known = this.#restored.use(group);
    if (known !== undefined) return known;
    const row = this.row(group);
    const data = restoreGroup(row, this.records(row));
    this.#restored.set(group, data);
    return data;
  }

  /**
   * The bytes of all shards' records, undefined where one is not sound. REGALIA_MISSING where fewer
   * than k are.
   */
  records(row: GroupRow): (Uint8Array | undefined)[] {
    const records = row.shards.map((_, shard) => this.#record(row, shard));
    const found = records.filter((record) => record !== undefined).length;
    if (found < row.data) throw tooFew(row, found);
    return records;
  }

  #record(row: GroupRow, shard: number): Uint8Array | undefined {
    const place = row.shards[shard];
    if (!this.#isHere(place)) return undefined;
    try {
      return this.checkedRecord(row, shard, place);
    } catch (error) {
      return this.#failed(place, error);
    }
  }

  /**
   * The bytes of a shard's record, if it is sound and the one that is meant. As
   * `VolumeSet.readSync`.
   */
  checkedRecord(row: GroupRow, shard: number, place: Place): Uint8Array {
    const { stored } = this.#volumes.readSync(place, SHARD_HEADER + shardLength(row));
    const { shape, index } = decodeShard(stored);
    if (hex(shape.id) === hex(row.id) && index === shard) return stored;
    const actual = `shard ${index} of group ${hex(shape.id)}`;
    throw corrupt('shard', `shard ${shard} of group ${hex(row.id)}`, actual);
  }

  /** Reads every shard past all caches, one for each step, and says what is wrong with it. */
  *scrub(group: number): Generator<ShardScrub, void> {
    const row = this.row(group);
    const cost = RECORD_HEADER + SHARD_HEADER + shardLength(row);
    let bad = 0;
    for (const [shard, place] of row.shards.entries()) {
      const what = this.#wrong(row, shard, place);
      if (what !== undefined) bad++;
      yield { what, isRepairable: bad <= row.parity, cost };
    }
  }

  #wrong(row: GroupRow, shard: number, place: Place | undefined): string | undefined {
    if (place === undefined) return `shard ${shard} is lost`;
    try {
      this.checkedRecord(row, shard, place);
      return undefined;
    } catch (error) {
      if (!isRegaliaError(error)) throw error;
      return `shard ${shard} on ${this.#volumes.nameOf(place.volume)}: ${error.message}`;
    }
  }

  /** What is remembered of a group is no more so. */
  forget(group: number): void {
    this.#restored.delete(group);
  }
}

function dataStart(part: Part): number {
  return RECORD_HEADER + SHARD_HEADER + part.from;
}

function partsOf(row: GroupRow, start: number, length: number): Part[] {
  const size = shardLength(row);
  if (start + length > row.chunksLength) {
    throw malformed('coded chunk', start, `an end up to ${row.chunksLength}`, `${start + length}`);
  }
  const parts: Part[] = [];
  for (let at = start; at < start + length; ) {
    const shard = Math.floor(at / size);
    const from = at - shard * size;
    const some = Math.min(size - from, start + length - at);
    parts.push({ shard, from, length: some });
    at += some;
  }
  return parts;
}

function tooFew({ id, data }: GroupRow, found: number): RegaliaError {
  return missing(`a set of ${data} sound shards (${found} are here) of group`, hex(id));
}

// Several chunks: those that follow each other in a group are read by one span, the spans at the
// same time, from all volumes that have their shards.

/** The most bytes of one span. */
const SPAN_BYTES = 2 * 1024 * 1024;

interface Item {
  readonly row: ChunkRow;
  /** A copy of it that is read instead. */
  readonly place: Place | undefined;
}

interface Span extends CodedPlace {
  length: number;
  readonly indexes: number[];
}

/**
 * Fills in the bytes of chunks that are coded and have no copy; what could not be read stays
 * undefined. Unverified.
 */
export async function readSpans(
  groups: Groups,
  items: readonly Item[],
  stored: (Uint8Array | undefined)[],
): Promise<void> {
  await Promise.all(spansOf(items).map((span) => readSpan(groups, items, span, stored)));
}

function spansOf(items: readonly Item[]): Span[] {
  const spans: Span[] = [];
  let span: Span | undefined;
  for (const [index, { row, place }] of items.entries()) {
    const { coded, storedLength } = row;
    if (place !== undefined || coded === undefined) continue;
    const follows =
      span !== undefined &&
      span.group === coded.group &&
      span.start + span.length === coded.start &&
      span.length + storedLength <= SPAN_BYTES;
    if (!follows) spans.push((span = { ...coded, length: 0, indexes: [] }));
    (span as Span).indexes.push(index);
    (span as Span).length += storedLength;
  }
  return spans;
}

async function readSpan(
  groups: Groups,
  items: readonly Item[],
  span: Span,
  stored: (Uint8Array | undefined)[],
): Promise<void> {
  try {
    const bytes = await groups.read(span, span.length);
    let at = 0;
    for (const index of span.indexes) {
      const { storedLength } = (items[index] as Item).row;
      stored[index] = bytes.subarray(at, at + storedLength);
      at += storedLength;
    }
  } catch (error) {
    if (!isRegaliaError(error)) throw error;
  }
}
