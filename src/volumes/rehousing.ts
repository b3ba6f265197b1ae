/**
 * Writes chunks that are here already to other places: appended in batches, their rows changed once
 * they are on disk.
 *
 *     chunk, sound stored bytes, volumes to go to, copies to give up -> records -> flushed -> rows
 */
import type {} from '../blocks/address.js';
import type { Engine } from '../engine/engine.js';
import type { AlgorithmNumber } from '../ground/block-header.js';
import type { FoundChunk } from '../reach/table-walk.js';
import type { ChunkRow, Place } from './chunk-row.js';
import { changeRows } from './row-changes.js';
import { RecordKind } from './segment-format.js';
import type { SegmentRecord } from './segment-reader.js';
import type { VolumeSet } from './volume-set.js';

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
