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
import { type AlgorithmNumber, BLOCK_HEADER } from '../ground/block-header.js';
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

/** A record on its way, and where copies of it are so far. */
interface Going {
  readonly record: SegmentRecord;
  readonly places: Place[];
}

interface Sending extends NumberedChunk, Going {
  readonly candidates: readonly number[];
  readonly wanted: number;
}

/** Writes chunks: on disk once the volumes are synced. REGALIA_FULL, REGALIA_VOLUME, REGALIA_IO. */
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
  const forms = chunks.map(({ block }): Stored => {
    return { codec: Codec.plain, stored: block.subarray(BLOCK_HEADER) };
  });
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
  const [algorithm, digest] = [address[0] as AlgorithmNumber, address.subarray(1)];
  const kind = RecordKind.chunk;
  return { head: { kind, codec, algorithm, plainLength, storedLength, digest }, stored };
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
          await append(volumes, volume, some);
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

async function append(volumes: VolumeSet, to: number, going: readonly Going[]): Promise<void> {
  const records = going.map(({ record }) => record);
  for (const [i, place] of (await volumes.append(to, records)).entries()) {
    (going[i] as Going).places.push(place);
  }
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

const BATCH_BYTES = 8 * 1_048_576;

/** A chunk that gets other copies. */
interface Move extends NumberedChunk {
  readonly stored: Uint8Array;
  readonly to: readonly number[];
  /** Copies that are given up. */
  readonly drop: readonly Place[];
}

interface RehousingHome {
  readonly engine: Engine;
  readonly volumes: VolumeSet;
}

/** Gives chunks that are here already other places. */
export class Rehousing {
  /** Chunks whose rows were changed. */
  moved = 0;
  /** Stored bytes that were written, all copies counted. */
  bytes = 0;
  readonly #home: RehousingHome;
  #batch: (Move & Going)[] = [];
  #batchBytes = 0;

  constructor(home: RehousingHome) {
    this.#home = home;
  }

  /** Errors as `flush`. */
  async add(move: Move): Promise<void> {
    const record = chunkRecord(move.row, move.stored.slice());
    this.#batch.push({ ...move, record, places: [] });
    this.#batchBytes += move.stored.length;
    if (this.#batchBytes >= BATCH_BYTES) await this.flush();
  }

  /** Writes what was added. REGALIA_FULL, REGALIA_IO, REGALIA_VOLUME, REGALIA_CONFLICT. */
  async flush(): Promise<void> {
    const { engine, volumes } = this.#home;
    const batch = this.#batch;
    this.#batch = [];
    this.#batchBytes = 0;
    if (batch.length === 0) return;
    const going = new Map<number, Going[]>();
    for (const move of batch) for (const volume of new Set(move.to)) addTo(going, volume, move);
    for (const [volume, some] of going) {
      await append(volumes, volume, some);
      for (const { record } of some) this.bytes += record.stored.length;
    }
    await volumes.sync(batch.flatMap(({ places }) => places));
    const changes = batch.map(({ number, row, drop, places }) => {
      const copies = [...row.copies.filter((copy) => !drop.includes(copy)), ...places];
      return { number, before: row, after: { ...row, copies } };
    });
    this.moved += (await changeRows(engine, changes)).length;
  }
}
