/**
 * Writes chunks to volumes: new ones, compressed where that pays, and those that move.
 *
 *     new       blocks -> codec -> for each volume its records, in order -> places -> rows
 *     moving    sound stored bytes -> records -> flushed -> rows changed
 *
 * A volume that accepts no more is passed over: its share goes to those that come next in the order
 * of placement. Invariant: a row is made only for chunks that have all the copies that could be
 * had, and at least one.
 */
import type { Engine } from '../engine/engine.js';
import type { AlgorithmNumber } from '../ground/block-header.js';
import { BLOCK_HEADER } from '../ground/block-header.js';
import { isRegaliaError } from '../ground/errors.js';
import type { ChunkRow, NumberedChunk, Place } from './chunk-row.js';
import type { StagedChunk } from './chunk-stage.js';
import { Codec, type Stored } from './codec.js';
import { copiesOf } from './placement.js';
import type { Pool } from './pool.js';
import { changeRows } from './row-changes.js';
import { RecordKind } from './segment-format.js';
import type { SegmentRecord } from './segment-reader.js';
import {
  DEFAULT_STORAGE,
  type StorageRule,
  type StorageRules,
  storageRuleOf,
} from './storage-rules.js';
import type { VolumeSet } from './volume-set.js';

/** A chunk with its record, and where copies of it are so far. */
interface Sending {
  readonly number: number;
  readonly row: ChunkRow;
  readonly record: SegmentRecord;
  /** Volumes in order of preference. */
  readonly candidates: readonly number[];
  readonly wanted: number;
  readonly places: Place[];
}

/**
 * Writes the chunks. They are on disk once the volumes are synced. REGALIA_FULL, REGALIA_VOLUME,
 * REGALIA_IO.
 */
export async function writeChunks(
  volumes: VolumeSet,
  pool: Pool,
  rules: StorageRules,
  chunks: readonly StagedChunk[],
): Promise<NumberedChunk[]> {
  const applied = chunks.map(({ origin }) =>
    origin === undefined ? DEFAULT_STORAGE : storageRuleOf(rules, origin.stream),
  );
  const stored = await storedForms(pool, chunks, applied);
  volumes.lookAgain();
  const sending = chunks.map((chunk, i) =>
    sendingOf(volumes, chunk, applied[i] as StorageRule, stored[i] as Stored),
  );
  await distribute(volumes, sending);
  return sending.map(({ number, row }) => ({ number, row }));
}

/** The stored forms of all, each compressed by its rule. */
async function storedForms(
  pool: Pool,
  chunks: readonly StagedChunk[],
  rules: readonly StorageRule[],
): Promise<Stored[]> {
  const forms: Stored[] = chunks.map(({ block }) => ({
    codec: Codec.plain,
    stored: contentOf(block),
  }));
  const levels = new Map<number, number[]>();
  for (const [i, { compression }] of rules.entries()) {
    if (compression !== 'none') addTo(levels, compression, i);
  }
  for (const [level, some] of levels) {
    const contents = some.map((i) => (forms[i] as Stored).stored);
    const made = await pool.compress(contents, level);
    for (const [at, i] of some.entries()) forms[i] = made[at] as Stored;
  }
  return forms;
}

/** The content bytes of a chunk's block, as a view. */
function contentOf(block: Uint8Array): Uint8Array {
  return block.subarray(BLOCK_HEADER);
}

function addTo<Key, One>(lists: Map<Key, One[]>, key: Key, one: One): void {
  const some = lists.get(key);
  if (some === undefined) lists.set(key, [one]);
  else some.push(one);
}

function sendingOf(
  volumes: VolumeSet,
  { number, address, block, origin }: StagedChunk,
  { redundancy }: StorageRule,
  { codec, stored }: Stored,
): Sending {
  const places: Place[] = [];
  const plainLength = block.length - BLOCK_HEADER;
  const row = { address, plainLength, codec, storedLength: stored.length, copies: places };
  const spread = { redundancy, content: origin?.content ?? 0, index: origin?.index ?? 0 };
  const candidates = volumes.candidates(spread, address);
  const record = chunkRecord(row, stored);
  return { number, row, record, candidates, wanted: copiesOf(redundancy), places };
}

function chunkRecord(row: ChunkRow, stored: Uint8Array): SegmentRecord {
  const { address, codec, plainLength, storedLength } = row;
  const head = {
    kind: RecordKind.chunk,
    codec,
    algorithm: address[0] as AlgorithmNumber,
    plainLength,
    storedLength,
    digest: address.subarray(1),
  };
  return { head, stored };
}

/** Appends every record to as many volumes as are wanted, round by round. */
async function distribute(volumes: VolumeSet, sending: readonly Sending[]): Promise<void> {
  const passed = new Map<number, unknown>();
  for (;;) {
    const round = nextRound(sending, passed);
    if (round.size === 0) break;
    await Promise.all(
      [...round].map(async ([volume, some]) => {
        try {
          const records = some.map(({ record }) => record);
          const places = await volumes.append(volume, records);
          for (const [i, place] of places.entries()) (some[i] as Sending).places.push(place);
        } catch (error) {
          if (!isRegaliaError(error)) throw error;
          passed.set(volume, error);
        }
      }),
    );
  }
  // What is on no volume at all is not kept: the last reason says why.
  if (sending.some(({ places }) => places.length === 0)) throw [...passed.values()].at(-1);
}

/** For each volume the records that go there next. */
function nextRound(
  sending: readonly Sending[],
  passed: ReadonlyMap<number, unknown>,
): Map<number, Sending[]> {
  const round = new Map<number, Sending[]>();
  for (const one of sending) {
    if (one.places.length >= one.wanted) continue;
    const open = one.candidates.filter(
      (volume) => !passed.has(volume) && one.places.every((place) => place.volume !== volume),
    );
    for (const volume of open.slice(0, one.wanted - one.places.length)) addTo(round, volume, one);
  }
  return round;
}

/** Stored bytes of moving chunks that a batch may have. */
const BATCH_BYTES = 8 * 1_048_576;

/** A chunk that gets other copies. */
interface Move extends NumberedChunk {
  readonly stored: Uint8Array;
  /** Volumes that get a copy. */
  readonly to: readonly number[];
  /** Copies that are given up. */
  readonly drop: readonly Place[];
}

/** Gives chunks that are here already other places. */
export class Rehousing {
  /** Chunks whose rows were changed. */
  moved = 0;
  /** Stored bytes that were written, all copies counted. */
  bytes = 0;
  readonly #engine: Engine;
  readonly #volumes: VolumeSet;
  #batch: Move[] = [];
  #batchBytes = 0;

  constructor(engine: Engine, volumes: VolumeSet) {
    this.#engine = engine;
    this.#volumes = volumes;
  }

  /** Errors as `flush`. */
  async add(move: Move): Promise<void> {
    this.#batch.push({ ...move, stored: move.stored.slice() });
    this.#batchBytes += move.stored.length;
    if (this.#batchBytes >= BATCH_BYTES) await this.flush();
  }

  /** Writes what was added. REGALIA_FULL, REGALIA_IO, REGALIA_VOLUME, REGALIA_CONFLICT. */
  async flush(): Promise<void> {
    const batch = this.#batch;
    this.#batch = [];
    this.#batchBytes = 0;
    if (batch.length === 0) return;
    const places = await this.#append(batch);
    await this.#volumes.sync(places.flat());
    const changes = batch.map((move, i) => {
      const kept = move.row.copies.filter((copy) => !move.drop.includes(copy));
      const copies = [...kept, ...(places[i] as Place[])];
      return { number: move.number, before: move.row, after: { ...move.row, copies } };
    });
    this.moved += (await changeRows(this.#engine, changes)).length;
  }

  async #append(batch: readonly Move[]): Promise<Place[][]> {
    const places: Place[][] = batch.map(() => []);
    for (const volume of new Set(batch.flatMap(({ to }) => to))) {
      const going = [...batch.keys()].filter((i) => batch[i]?.to.includes(volume));
      const records = going.map((i) => {
        const { row, stored } = batch[i] as Move;
        return chunkRecord(row, stored);
      });
      const found = await this.#volumes.append(volume, records);
      for (const [at, i] of going.entries()) (places[i] as Place[]).push(found[at] as Place);
      for (const { stored } of records) this.bytes += stored.length;
    }
    return places;
  }
}
