/**
 * Compaction: segments of which little is alive are emptied into others of the same volume, and
 * removed.
 *
 *     count live bytes by segment -> retire those that are mostly dead -> which rows name them?
 *     -> records appended elsewhere, flushed -> rows -> the file goes
 *
 * Invariants: a segment is retired before it is looked up who names it, and no row begins to name a
 * retired one; a file goes only once no row names it. Segments that this process writes to, and
 * those that others may, are left alone. A reader that comes too late for a file reads the row
 * again. What is not sound, or cannot be read now, stays where it is, with its segment.
 */
import { stat, unlink } from 'node:fs/promises';
import path from 'node:path';
import { attempt, isRegaliaError } from '../ground/errors.js';
import { flush } from '../ground/fsync.js';
import { Pace } from '../ground/pause.js';
import type { StoreParts } from '../reach/store-parts.js';
import { chunkSlices, groupSlices } from '../reach/table-walk.js';
import { readCopies } from '../volumes/chunk-reads.js';
import type { Place } from '../volumes/chunk-row.js';
import { Rehousing } from '../volumes/chunk-writer.js';
import { shardRecordLength } from '../volumes/group-format.js';
import { appendShards, changeGroup } from '../volumes/group-repair.js';
import { isRetired, retire } from '../volumes/row-changes.js';
import { RECORD_HEADER, SEGMENT_HEADER } from '../volumes/segment-format.js';
import { absent, segmentFile, segmentsIn } from '../volumes/volume-folder.js';

/** What compaction did. */
export interface Compacted {
  /** Segments that were removed, and their bytes. */
  segments: number;
  freedBytes: number;
  /** Stored bytes that were written anew for it. */
  movedBytes: number;
  /** Segments that had to stay, because something in them is not sound, or not readable now. */
  stuck: number;
}

interface Segment {
  readonly volume: number;
  readonly number: number;
  readonly size: number;
  readonly file: string;
}

/** Segments that are emptied together: rows are looked through once for all of them. */
const ROUND = 16;

/** REGALIA_ABORTED, REGALIA_FULL, REGALIA_IO. */
export async function compact(
  parts: StoreParts,
  deadShare: number,
  quietMs: number,
  compacted: Compacted,
  signal: AbortSignal | undefined,
): Promise<void> {
  const chosen = await mostlyDead(parts, deadShare, quietMs, signal);
  for (let at = 0; at < chosen.length; at += ROUND) {
    const some = chosen.slice(at, at + ROUND);
    const numbers = new Set(some.map(({ number }) => number));
    try {
      await empty(some, { parts, numbers, stuck: new Set(), compacted, signal });
    } catch (error) {
      // A volume was removed meanwhile: what is left of the round is for the next collection.
      if (!isRegaliaError(error, 'REGALIA_VOLUME')) throw error;
      compacted.stuck += some.length;
    }
  }
}

/** The segments that are to go, those that were retired before included. */
async function mostlyDead(
  parts: StoreParts,
  deadShare: number,
  quietMs: number,
  signal: AbortSignal | undefined,
): Promise<Segment[]> {
  const { engine, chunks, now } = parts;
  // Listed before rows are read: what is begun from now on is younger than all of them.
  const segments = await listSegments(parts);
  const live = await liveBytes(parts, signal);
  const chosen: Segment[] = [];
  for (const segment of segments) {
    const { volume, number, size, file } = segment;
    if (chunks.inUse().segments.has(number) || (await chunks.volumes.isWriting(number))) continue;
    const alive = SEGMENT_HEADER + (live.get(`${volume} ${number}`) ?? 0);
    const isDead = size - alive >= size * deadShare || alive === SEGMENT_HEADER;
    if (!isDead && !isRetired(engine, number)) continue;
    const found = await stat(file).catch(absent);
    if (found === undefined) continue;
    const isOurs = chunks.volumes.hasBegun(number);
    if (isOurs || now() - found.mtimeMs >= quietMs) chosen.push(segment);
  }
  return chosen;
}

async function listSegments({ chunks }: StoreParts): Promise<Segment[]> {
  const segments: Segment[] = [];
  for (const { entry, path: folder, status } of chunks.volumes.list()) {
    if (status !== 'online') continue;
    for (const [number, size] of await segmentsIn(folder)) {
      const file = path.join(folder, segmentFile(number));
      segments.push({ volume: entry.number, number, size, file });
    }
  }
  return segments;
}

/** Bytes of records that rows name, by volume and segment. */
export async function liveBytes(
  { engine }: Pick<StoreParts, 'engine'>,
  signal: AbortSignal | undefined,
): Promise<Map<string, number>> {
  const live = new Map<string, number>();
  const add = (place: Place | undefined, bytes: number): void => {
    if (place === undefined) return;
    const key = `${place.volume} ${place.segment}`;
    live.set(key, (live.get(key) ?? 0) + bytes);
  };
  for await (const slice of chunkSlices(engine, 'collect', signal)) {
    for (const { row } of slice) {
      for (const copy of row.copies) add(copy, RECORD_HEADER + row.storedLength);
    }
  }
  for await (const slice of groupSlices(engine, 'collect', signal)) {
    for (const { row } of slice) for (const place of row.shards) add(place, shardRecordLength(row));
  }
  return live;
}

interface Round {
  readonly parts: StoreParts;
  readonly numbers: ReadonlySet<number>;
  /** Segments with something that is not sound, or that a row began to name meanwhile. */
  readonly stuck: Set<number>;
  readonly compacted: Compacted;
  readonly signal: AbortSignal | undefined;
}

async function empty(segments: readonly Segment[], round: Round): Promise<void> {
  const { parts, numbers, stuck, compacted, signal } = round;
  const { engine, chunks } = parts;
  await engine.write((batch) => {
    for (const number of numbers) retire(batch, number);
  }, 'sync');
  await moveChunks(round);
  await moveGroups(round);
  for (const key of (await liveBytes(parts, signal)).keys()) stuck.add(Number(key.split(' ')[1]));
  for (const { volume, number, size, file } of segments) {
    if (stuck.has(number)) {
      compacted.stuck++;
      continue;
    }
    // Another process may have been at it, too, or have removed the volume.
    const removing = unlink(file).then(() => flush(path.dirname(file)));
    const removed = await removing.then(() => true, absent);
    chunks.volumes.forgetSegment(volume, number);
    if (removed !== true) continue;
    compacted.segments++;
    compacted.freedBytes += size;
  }
}

async function moveChunks({ parts, numbers, stuck, compacted, signal }: Round): Promise<void> {
  const { engine, chunks } = parts;
  const rehousing = new Rehousing(chunks);
  const pace = new Pace('collect', { signal });
  for await (const slice of chunkSlices(engine, 'collect', signal)) {
    for (const { number, row } of slice) {
      const leaving = row.copies.filter(({ segment }) => numbers.has(segment));
      if (leaving.length === 0) continue;
      const { sound: drop, stored } = readCopies(chunks.volumes, row, leaving);
      for (const copy of leaving) if (!drop.includes(copy)) stuck.add(copy.segment);
      const to = drop.map(({ volume }) => volume);
      if (stored !== undefined) await rehousing.add({ number, row, stored, to, drop });
      if (pace.due()) await pace.rest();
    }
  }
  await rehousing.flush();
  compacted.movedBytes += rehousing.bytes;
}

async function moveGroups({ parts, numbers, stuck, compacted, signal }: Round): Promise<void> {
  const { engine, chunks } = parts;
  const { groups, volumes } = chunks;
  for await (const slice of groupSlices(engine, 'collect', signal)) {
    for (const { number, row } of slice) {
      const shards = [...row.shards];
      for (const [i, place] of row.shards.entries()) {
        if (place === undefined || !numbers.has(place.segment)) continue;
        const record = attempt(() => groups.checkedRecord(row, i, place));
        if (record === undefined) stuck.add(place.segment);
        else {
          [shards[i]] = await appendShards(volumes, [record], [place.volume]);
          compacted.movedBytes += record.length;
        }
      }
      if (shards.every((place, i) => place === row.shards[i])) continue;
      await volumes.sync(shards.filter((place) => place !== undefined));
      await changeGroup(engine, { number, row }, shards);
    }
  }
}
