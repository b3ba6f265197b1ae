/**
 * Restores the shards of a group: those that are not sound are solved for from k others, and
 * written elsewhere.
 */
import type { Engine } from '../engine/engine.js';
import type { AlgorithmNumber } from '../ground/block-header.js';
import { equalBytes } from '../ground/bytes.js';
import { assert, isRegaliaError } from '../ground/errors.js';
import { sha256 } from '../kernels/hash.js';
import type { FoundGroup } from '../reach/subject.js';
import type { Place } from './chunk-row.js';
import type { ChunkStore } from './chunk-store.js';
import { encodeGroupRow, type GroupRow, restoreGroup } from './group-format.js';
import { checkPlaces } from './row-changes.js';
import { RecordKind } from './segment-format.js';
import type { SegmentRecord } from './segment-reader.js';
import type { VolumeSet } from './volume-set.js';

export interface Restored {
  /** Shards that were written. */
  readonly written: number;
  /** Shards that are still not sound. */
  readonly missing: number;
  /** Whether too few are left to give the others back. */
  readonly lost: boolean;
}

/**
 * Reads every shard of a group, and restores those that it can. Shards that had to share a volume,
 * for want of others, part where there is one by now: so the group can lose as many volumes again
 * as its rule says. REGALIA_FULL, REGALIA_IO, REGALIA_CONFLICT.
 */
export async function restoreShards(
  engine: Engine,
  chunks: ChunkStore,
  { number, row }: FoundGroup,
): Promise<Restored> {
  const { groups } = chunks;
  const records = soundRecords(chunks, number, row);
  if (records === undefined) return { written: 0, missing: row.data + row.parity, lost: true };
  const bad = [...records.keys()].filter((i) => records[i] === undefined);
  const moving = [...bad, ...crowdedShards(chunks, row, bad)];
  if (moving.length === 0) return { written: 0, missing: 0, lost: false };
  if (!isRestored(row, records)) return { written: 0, missing: bad.length, lost: true };
  const written = await moveShards(engine, chunks, { number, row }, moving, records);
  groups.forget(number);
  return { written, missing: written === 0 ? bad.length : 0, lost: false };
}

/**
 * Sound shards that lie on a volume with another, no more than there are volumes for them and for
 * the bad ones.
 */
function crowdedShards({ volumes }: ChunkStore, row: GroupRow, bad: readonly number[]): number[] {
  const held = new Set<number>();
  const crowded: number[] = [];
  for (const [i, place] of row.shards.entries()) {
    if (place === undefined || bad.includes(i)) continue;
    if (held.has(place.volume)) crowded.push(i);
    held.add(place.volume);
  }
  const care = { redundancy: { kind: 'mirrored', copies: 1 }, content: 0, index: 0 } as const;
  const free = volumes.candidates(care, addressOf(row)).filter((one) => !held.has(one));
  return crowded.slice(0, Math.max(0, free.length - bad.length));
}

/** What spreads groups over volumes. */
function addressOf({ id }: GroupRow): Uint8Array {
  return Uint8Array.of(1, ...id, ...id);
}

/**
 * Writes some shards of a group to other volumes than those that the rest of it is on. Returns how
 * many.
 */
export async function moveShards(
  engine: Engine,
  { volumes }: ChunkStore,
  { number, row }: FoundGroup,
  moving: readonly number[],
  records: readonly (Uint8Array | undefined)[],
): Promise<number> {
  const staying = row.shards.flatMap((place, i) => {
    return place === undefined || moving.includes(i) ? [] : [place.volume];
  });
  const targets = volumesForShards(volumes, row, addressOf(row), staying, moving.length);
  if (targets === undefined) return 0;
  const some = moving.map((i) => records[i] as Uint8Array);
  const places = await appendShards(volumes, some, targets);
  await volumes.sync(places);
  const shards = row.shards.map((place, i): Place | undefined => {
    const at = moving.indexOf(i);
    return at < 0 ? place : places[at];
  });
  const made = await changeGroup(engine, number, row, { ...row, shards });
  return made ? moving.length : 0;
}

/** Puts the row of a group in the place of one that still is as it was. */
export function changeGroup(
  engine: Engine,
  number: number,
  before: GroupRow,
  after: GroupRow | undefined,
): Promise<boolean> {
  return engine.write((batch) => {
    const current = batch.get('groups', number);
    if (current === undefined || !equalBytes(current, encodeGroupRow(number, before))) return false;
    if (after === undefined) batch.del('groups', number);
    else {
      checkPlaces(batch, after.shards, before.shards);
      batch.put('groups', number, encodeGroupRow(number, after));
    }
    return true;
  }, 'sync');
}

/** Fills in what is missing; false where the shards that are there contradict each other. */
function isRestored(row: GroupRow, records: (Uint8Array | undefined)[]): boolean {
  try {
    restoreGroup(row, records);
    return true;
  } catch (error) {
    if (!isRegaliaError(error, 'REGALIA_CORRUPT')) throw error;
    return false;
  }
}

function soundRecords(
  { groups }: ChunkStore,
  number: number,
  row: GroupRow,
): (Uint8Array | undefined)[] | undefined {
  try {
    return groups.records(number, row);
  } catch (error) {
    if (!isRegaliaError(error)) throw error;
    return undefined;
  }
}

/**
 * On which volumes the shards of a group go: each on one of its own as long as there are enough,
 * and never more on one than the group can lose with it.
 */
/** How many shards of data, and of parity. */
export interface Coding {
  readonly data: number;
  readonly parity: number;
}

/**
 * A volume for each shard that is not on one yet; undefined where there are too few. `address`
 * spreads groups.
 */
export function volumesForShards(
  volumes: VolumeSet,
  { data, parity }: Coding,
  address: Uint8Array,
  taken: readonly number[] = [],
  count = data + parity - taken.length,
): number[] | undefined {
  const care = { redundancy: { kind: 'mirrored', copies: 1 }, content: 0, index: 0 } as const;
  const able = volumes.candidates(care, address);
  const held = new Map<number, number>(able.map((volume) => [volume, 0]));
  for (const volume of taken) held.set(volume, (held.get(volume) ?? 0) + 1);
  const chosen: number[] = [];
  while (chosen.length < count) {
    // The one that holds fewest; of these the most preferred.
    let best: number | undefined;
    for (const volume of able) {
      if (best === undefined || (held.get(volume) ?? 0) < (held.get(best) ?? 0)) best = volume;
    }
    const holds = best === undefined ? parity : (held.get(best) ?? 0);
    if (best === undefined || holds >= parity) return undefined;
    held.set(best, holds + 1);
    chosen.push(best);
  }
  return chosen;
}

/**
 * Appends records of shards, each to its volume, and resolves with where they are. Errors as
 * `VolumeSet.append`.
 */
export async function appendShards(
  volumes: VolumeSet,
  records: readonly Uint8Array[],
  targets: readonly number[],
): Promise<Place[]> {
  assert(records.length === targets.length, 'a volume for each shard');
  return Promise.all(
    records.map(async (stored, i) => {
      const [place] = await volumes.append(targets[i] as number, [shardRecord(stored)]);
      return place as Place;
    }),
  );
}

function shardRecord(stored: Uint8Array): SegmentRecord {
  const head = {
    kind: RecordKind.shard,
    codec: 0,
    algorithm: 1 as AlgorithmNumber,
    plainLength: stored.length,
    storedLength: stored.length,
    digest: sha256(stored),
  };
  return { head, stored };
}
