/**
 * Writes shards of groups, and restores them: those that are not sound are solved for from k
 * others, and written elsewhere. Each shard goes on a volume of its own as long as there are
 * enough, and never more on one than the group can lose with it.
 */
import type { Engine } from '../engine/engine.js';
import type { AlgorithmNumber } from '../ground/block-header.js';
import { equalBytes } from '../ground/bytes.js';
import { assert, attempt } from '../ground/errors.js';
import { sha256 } from '../kernels/hash.js';
import type { Place } from './chunk-row.js';
import type { ChunkStore } from './chunk-store.js';
import { encodeGroupRow, type GroupRow, type NumberedGroup, restoreGroup } from './group-format.js';
import { SCATTERED } from './placement.js';
import { checkPlaces } from './row-changes.js';
import { RecordKind } from './segment-format.js';
import type { SegmentRecord } from './segment-reader.js';
import type { VolumeSet } from './volume-set.js';

interface Restored {
  readonly written: number;
  /** Shards that are still not sound. */
  readonly missing: number;
  /** Shards that cannot be read now, and stay as they are. */
  readonly unreadable: number;
  /** Whether too few are left to give the others back. */
  readonly lost: boolean;
}

/**
 * Reads every shard of a group, and restores those that it can. Shards that had to share a volume,
 * for want of others, part where there is one by now: so the group can lose as many volumes again
 * as its rule says. REGALIA_FULL, REGALIA_IO, REGALIA_CONFLICT.
 */
export async function restoreShards(chunks: ChunkStore, group: NumberedGroup): Promise<Restored> {
  const { number, row } = group;
  const { groups } = chunks;
  const unread: number[] = [];
  const records = attempt(() => groups.records(row, unread));
  const unreadable = unread.length;
  if (records === undefined) {
    const lost = unreadable === 0;
    return { written: 0, missing: lost ? row.data + row.parity : 0, unreadable, lost };
  }
  const bad = [...records.keys()].filter((i) => records[i] === undefined && !unread.includes(i));
  const moving = [...bad, ...crowdedShards(chunks, row, [...bad, ...unread])];
  if (moving.length === 0) return { written: 0, missing: 0, unreadable, lost: false };
  // Those that are there may contradict each other.
  const restored = attempt(() => restoreGroup(row, records));
  if (restored === undefined) {
    return { written: 0, missing: bad.length, unreadable, lost: unreadable === 0 };
  }
  const written = await moveShards(chunks, group, moving, records);
  groups.forget(number);
  return { written, missing: written === 0 ? bad.length : 0, unreadable, lost: false };
}

/** Sound shards that share a volume, as many as have a free one, the bad ones served first. */
function crowdedShards({ volumes }: ChunkStore, row: GroupRow, bad: readonly number[]): number[] {
  const occupied = new Set<number>();
  const crowded: number[] = [];
  for (const [i, place] of row.shards.entries()) {
    if (place === undefined || bad.includes(i)) continue;
    if (occupied.has(place.volume)) crowded.push(i);
    occupied.add(place.volume);
  }
  const free = volumes.candidates(SCATTERED, addressOf(row)).filter((one) => !occupied.has(one));
  return crowded.slice(0, Math.max(0, free.length - bad.length));
}

function addressOf({ id }: GroupRow): Uint8Array {
  return Uint8Array.of(1, ...id, ...id);
}

/** Writes some shards to volumes that the rest of the group is not on. Returns how many. */
export async function moveShards(
  { engine, volumes }: ChunkStore,
  { number, row }: NumberedGroup,
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
  const shards = row.shards.map((place, i) =>
    moving.includes(i) ? places[moving.indexOf(i)] : place,
  );
  return (await changeGroup(engine, { number, row }, shards)) ? moving.length : 0;
}

/** Puts other places of shards in the row of a group, if it still is as it was. */
export function changeGroup(
  engine: Engine,
  { number, row }: NumberedGroup,
  shards: GroupRow['shards'],
): Promise<boolean> {
  return engine.write((batch) => {
    const current = batch.get('groups', number);
    if (current === undefined || !equalBytes(current, encodeGroupRow(number, row))) return false;
    checkPlaces(batch, shards, row.shards);
    batch.put('groups', number, encodeGroupRow(number, { ...row, shards }));
    return true;
  }, 'sync');
}

export type Coding = Pick<GroupRow, 'data' | 'parity'>;

/** A volume for each shard that has none; undefined where there are too few. */
export function volumesForShards(
  volumes: VolumeSet,
  { data, parity }: Coding,
  address: Uint8Array,
  occupied: readonly number[] = [],
  count = data + parity - occupied.length,
): number[] | undefined {
  const able = volumes.candidates(SCATTERED, address);
  const shards = new Map<number, number>(able.map((volume) => [volume, 0]));
  for (const volume of occupied) shards.set(volume, (shards.get(volume) ?? 0) + 1);
  const chosen: number[] = [];
  while (chosen.length < count) {
    // The one that has fewest; of these the most preferred.
    let best: number | undefined;
    for (const volume of able) {
      if (best === undefined || (shards.get(volume) ?? 0) < (shards.get(best) ?? 0)) best = volume;
    }
    if (best === undefined) return undefined;
    const count = shards.get(best) ?? 0;
    if (count >= parity) return undefined;
    shards.set(best, count + 1);
    chosen.push(best);
  }
  return chosen;
}

/** Appends records of shards, each to its volume. Errors as `VolumeSet.append`. */
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
