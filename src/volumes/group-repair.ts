/**
 * Restores the shards of a group: those that are not sound are solved for from k others, and
 * written elsewhere.
 */
import type { Engine } from '../engine/engine.js';
import { equalBytes } from '../ground/bytes.js';
import { isRegaliaError } from '../ground/errors.js';
import type { FoundGroup } from '../reach/table-walk.js';
import type { Place } from './chunk-row.js';
import type { ChunkStore } from './chunk-store.js';
import { encodeGroupRow, type GroupRow } from './group-row.js';
import { checkPlaces } from './row-changes.js';
import { restoreGroup } from './shard-format.js';
import { appendShards, volumesForShards } from './shard-places.js';

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
