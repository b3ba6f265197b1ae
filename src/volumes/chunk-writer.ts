/**
 * Writes a batch of chunks: compressed where that pays, then appended to the volumes that their
 * redundancy asks for.
 *
 *     blocks -> codec -> for each volume its records, in order -> places -> rows
 *
 * A volume that cannot take more is passed over: its share goes to those that come next in the
 * order of placement. Invariant: a row is made only for chunks that have all the copies that could
 * be had, and at least one.
 */

import type { Engine } from '../engine/engine.js';
import type { AlgorithmNumber } from '../ground/block-header.js';
import { isRegaliaError } from '../ground/errors.js';
import type { FoundChunk } from '../reach/subject.js';
import type { ChunkRow, Place } from './chunk-row.js';
import { contentOf, type StagedChunk, type WrittenChunk } from './chunk-stage.js';
import { Codec, type Stored } from './codec.js';
import { copiesOf } from './placement.js';
import type { Pool } from './pool.js';
import { changeRows } from './row-changes.js';
import { RecordKind } from './segment-format.js';
import type { SegmentRecord } from './segment-reader.js';
import type { VolumeSet } from './volume-set.js';

/** A chunk with its record, and where copies of it are so far. */
interface Sending {
  readonly chunk: StagedChunk;
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
  chunks: readonly StagedChunk[],
): Promise<WrittenChunk[]> {
  const stored = await storedForms(pool, chunks);
  volumes.lookAgain();
  const sending = chunks.map((chunk, i) => sendingOf(volumes, chunk, stored[i] as Stored));
  await distribute(volumes, sending);
  return sending.map(({ chunk, record, places }) => ({
    number: chunk.number,
    row: {
      address: chunk.address,
      plainLength: record.head.plainLength,
      codec: record.head.codec,
      storedLength: record.stored.length,
      copies: places,
    },
  }));
}

/** The stored forms of all, each compressed as it is cared for. */
async function storedForms(pool: Pool, chunks: readonly StagedChunk[]): Promise<Stored[]> {
  const forms: Stored[] = chunks.map(({ block }) => ({
    codec: Codec.plain,
    stored: contentOf(block),
  }));
  const levels = new Map<number, number[]>();
  for (const [i, { care }] of chunks.entries()) {
    if (care.level === 0) continue;
    const some = levels.get(care.level);
    if (some === undefined) levels.set(care.level, [i]);
    else some.push(i);
  }
  for (const [level, some] of levels) {
    const contents = some.map((i) => (forms[i] as Stored).stored);
    const made = await pool.compress(contents, level);
    for (const [at, i] of some.entries()) forms[i] = made[at] as Stored;
  }
  return forms;
}

function sendingOf(
  volumes: VolumeSet,
  { address, block, care, number }: StagedChunk,
  { codec, stored }: Stored,
): Sending {
  const head = {
    kind: RecordKind.chunk,
    codec,
    algorithm: address[0] as AlgorithmNumber,
    plainLength: contentOf(block).length,
    storedLength: stored.length,
    digest: address.subarray(1),
  };
  const candidates = volumes.candidates(care, address);
  const wanted = copiesOf(care.redundancy);
  const chunk = { address, block, care, number };
  return { chunk, record: { head, stored }, candidates, wanted, places: [] };
}

/** Appends every record to as many volumes as are wanted, round by round. */
async function distribute(volumes: VolumeSet, sending: readonly Sending[]): Promise<void> {
  const passed = new Map<number, unknown>();
  for (;;) {
    const rounds = nextRound(sending, passed);
    if (rounds.size === 0) break;
    await Promise.all(
      [...rounds].map(async ([volume, some]) => {
        try {
          const places = await volumes.append(
            volume,
            some.map(({ record }) => record),
          );
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
    for (const volume of open.slice(0, one.wanted - one.places.length)) {
      const some = round.get(volume);
      if (some === undefined) round.set(volume, [one]);
      else some.push(one);
    }
  }
  return round;
}

/**
 * Writes chunks that are here already to other places: appended in batches, their rows changed once
 * they are on disk.
 *
 *     chunk, sound stored bytes, volumes to go to, copies to give up -> records -> flushed -> rows
 */
/** Stored bytes that a batch may hold. */
const BATCH_BYTES = 8 * 1_048_576;

/** A chunk that gets other copies. */
export interface Move extends FoundChunk {
  readonly stored: Uint8Array;
  /** Volumes that get a copy. */
  readonly to: readonly number[];
  /** Copies that are given up. */
  readonly drop: readonly Place[];
}

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
      const records = going.map((i) => recordOf(batch[i] as Move));
      const found = await this.#volumes.append(volume, records);
      for (const [at, i] of going.entries()) (places[i] as Place[]).push(found[at] as Place);
      for (const { stored } of records) this.bytes += stored.length;
    }
    return places;
  }
}

function recordOf({ row, stored }: { row: ChunkRow; stored: Uint8Array }): SegmentRecord {
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
