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
import { concatBytes, hex } from '../ground/bytes.js';
import {
  attempt,
  corrupt,
  isRegaliaError,
  isUnreadableNow,
  malformed,
  missing,
  type RegaliaError,
} from '../ground/errors.js';
import { reconstruct } from '../kernels/reed-solomon.js';
import type { CodedPlace, Place } from './chunk-row.js';
import {
  decodeGroupRow,
  decodeShard,
  type GroupRow,
  restoreGroup,
  SHARD_HEADER,
  shardLength,
  shardRecordLength,
} from './group-format.js';
import { RECORD_HEADER } from './segment-format.js';
import type { VolumeSet } from './volume-set.js';

/** Groups whose data is kept for the next chunk, once they had to be restored. */
const RESTORED_MAX = 2;

/** A part of a span: within one data shard. */
interface Part {
  readonly shard: number;
  readonly from: number;
  readonly length: number;
}

/** What reading a shard past all caches found. */
interface ShardScrub {
  /** What is wrong with it, if anything is. */
  readonly what: string | undefined;
  /** Whether it only cannot be read now. */
  readonly isUnreadable: boolean;
  /** Whether enough others are sound; sure with the last one that is at fault. */
  readonly isRepairable: boolean;
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
    const row = attempt(() => this.row(number));
    return (
      row !== undefined && row.shards.filter((place) => this.#isHere(place)).length >= row.data
    );
  }

  #isHere(place: Place | undefined): place is Place {
    return place !== undefined && this.#volumes.isHere(place.volume);
  }

  /** Bytes of a group's data, unverified. REGALIA_MISSING where too few shards are here. */
  readSync({ group, start }: CodedPlace, length: number): Uint8Array {
    const row = this.row(group);
    return concatBytes(partsOf(row, start, length).map((part) => this.#partSync(row, part)));
  }

  /** The same without holding up the event loop: all shards of the span at once. */
  async read({ group, start }: CodedPlace, length: number): Promise<Uint8Array> {
    const row = this.row(group);
    const parts = partsOf(row, start, length);
    const ranges = await Promise.all(parts.map((part) => this.#range(row, part)));
    return concatBytes(parts.map((part, i) => ranges[i] ?? this.#partSync(row, part)));
  }

  #partSync(row: GroupRow, part: Part): Uint8Array {
    const failures: RegaliaError[] = [];
    const direct = this.#rangeSync(row, part.shard, part, failures);
    if (direct !== undefined) return direct;
    const shards: (Uint8Array | undefined)[] = row.shards.map(() => undefined);
    let found = 0;
    for (let i = 0; i < shards.length && found < row.data; i++) {
      if (i === part.shard) continue;
      shards[i] = this.#rangeSync(row, i, part, failures);
      if (shards[i] !== undefined) found++;
    }
    if (found < row.data) throw tooFew(row, found, failures);
    reconstruct(shards, row.data, row.parity, [part.shard]);
    return shards[part.shard] as Uint8Array;
  }

  #rangeSync(
    row: GroupRow,
    shard: number,
    part: Part,
    failures: RegaliaError[],
  ): Uint8Array | undefined {
    const read = (place: Place): Uint8Array => {
      const files = this.#volumes.segments(place.volume);
      return files.readSync(place.segment, startOf(part, place), part.length);
    };
    return this.#ofShard(row.shards[shard], read, (error) => failures.push(error));
  }

  async #range({ shards }: GroupRow, part: Part): Promise<Uint8Array | undefined> {
    const place = shards[part.shard];
    if (!this.#isHere(place)) return undefined;
    try {
      const files = this.#volumes.segments(place.volume);
      return await files.read(place.segment, startOf(part, place), part.length);
    } catch (error) {
      this.#failed(place, error);
      return undefined;
    }
  }

  /** What is read of a shard; undefined where it is not here, or fails, which is reported. */
  #ofShard<T>(
    place: Place | undefined,
    read: (place: Place) => T,
    onFailure: (error: RegaliaError) => void,
  ): T | undefined {
    if (!this.#isHere(place)) return undefined;
    try {
      return read(place);
    } catch (error) {
      onFailure(this.#failed(place, error));
      return undefined;
    }
  }

  #failed(place: Place, error: unknown): RegaliaError {
    if (!isRegaliaError(error)) throw error;
    this.#onFault(place, error);
    return error;
  }

  /** All data of a group, proven by its id. REGALIA_MISSING, REGALIA_CORRUPT. */
  restored(group: number): Uint8Array {
    const known = this.#restored.use(group);
    if (known !== undefined) return known;
    const row = this.row(group);
    const data = restoreGroup(row, this.records(row));
    this.#restored.set(group, data);
    return data;
  }

  /**
   * All shards' records, undefined for one that is not sound, or cannot be read now; those are
   * added to `unreadable`. REGALIA_MISSING for too few, REGALIA_IO and _PERMISSION where there may
   * be enough later.
   */
  records(row: GroupRow, unreadable: number[] = []): (Uint8Array | undefined)[] {
    const failures: RegaliaError[] = [];
    const records = row.shards.map((place, shard) => {
      const read = (at: Place): Uint8Array => this.checkedRecord(row, shard, at);
      return this.#ofShard(place, read, (error) => {
        failures.push(error);
        if (isUnreadableNow(error)) unreadable.push(shard);
      });
    });
    const found = records.filter((record) => record !== undefined).length;
    if (found < row.data) throw tooFew(row, found, failures);
    return records;
  }

  /** The bytes of a shard's record, if it is sound and the one that is meant. REGALIA_CORRUPT. */
  checkedRecord(row: GroupRow, shard: number, place: Place): Uint8Array {
    const storedLength = SHARD_HEADER + shardLength(row);
    const { stored } = this.#volumes
      .segments(place.volume)
      .readRecordSync({ ...place, storedLength });
    const { shape, index } = decodeShard(stored);
    if (hex(shape.id) === hex(row.id) && index === shard) return stored;
    const actual = `shard ${index} of group ${hex(shape.id)}`;
    throw corrupt('shard', `shard ${shard} of group ${hex(row.id)}`, actual);
  }

  /** Reads every shard past all caches, one for each step, and says what is wrong with it. */
  *scrub(group: number): Generator<ShardScrub, void> {
    const row = this.row(group);
    const cost = shardRecordLength(row);
    let bad = 0;
    for (const [shard, place] of row.shards.entries()) {
      const { what, isUnreadable } = this.#wrong(row, shard, place);
      if (what !== undefined) bad++;
      yield { what, isUnreadable, isRepairable: bad <= row.parity, cost };
    }
  }

  #wrong(
    row: GroupRow,
    shard: number,
    place: Place | undefined,
  ): Pick<ShardScrub, 'what' | 'isUnreadable'> {
    if (place === undefined) return { what: `shard ${shard} is lost`, isUnreadable: false };
    try {
      this.checkedRecord(row, shard, place);
      return { what: undefined, isUnreadable: false };
    } catch (error) {
      if (!isRegaliaError(error)) throw error;
      const what = `shard ${shard} on ${this.#volumes.nameOf(place.volume)}: ${error.message}`;
      return { what, isUnreadable: isUnreadableNow(error) };
    }
  }

  /** What is remembered of a group is no more so. */
  forget(group: number): void {
    this.#restored.delete(group);
  }
}

function startOf({ from }: Part, { offset }: Place): number {
  return offset + RECORD_HEADER + SHARD_HEADER + from;
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

/** Where some cannot be read now, that is why. */
function tooFew(
  { id, data }: GroupRow,
  found: number,
  failures: readonly RegaliaError[],
): RegaliaError {
  const now = failures.find(isUnreadableNow);
  if (now !== undefined) return now;
  return missing(`a set of ${data} sound shards (${found} are here) of group`, hex(id));
}
