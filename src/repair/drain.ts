/**
 * Draining: all that lies on a volume goes to others, while the store is used. Nothing new goes
 * there meanwhile; what transactions had begun to write before is met by a later pass, and the
 * drain ends when a pass moves nothing.
 *
 *     chunk on the volume -> a copy elsewhere, sound -> row without the one here
 *     shard on the volume -> its bytes, or solved for -> row with its new place
 */
import type { Reads } from '../engine/engine.js';
import { isRegaliaError } from '../ground/errors.js';
import { Pace } from '../ground/pause.js';
import type { StoreParts } from '../reach/store-parts.js';
import { chunkSlices, type FoundChunk, type FoundGroup, groupSlices } from '../reach/table-walk.js';
import { soundChunk } from '../volumes/chunk-reads.js';
import { decodeChunkRow } from '../volumes/chunk-row.js';
import { Rehousing } from '../volumes/chunk-writer.js';
import { decodeGroupRow, restoreGroup } from '../volumes/group-format.js';
import { changeGroup, moveShards } from '../volumes/group-repair.js';
import { changeRows } from '../volumes/row-changes.js';

/** How a volume is drained. */
export interface DrainOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: DrainResult) => void) | undefined;
}

/** What draining did. */
export interface DrainResult {
  /** Chunks and shards that went elsewhere, and stored bytes that were written for the chunks. */
  chunks: number;
  shards: number;
  bytes: number;
  /** What could not go: no sound source is left, or there are too few other volumes. */
  stuck: number;
}

const PASSES_MAX = 8;

/**
 * REGALIA_ABORTED, REGALIA_FULL, REGALIA_IO, REGALIA_VOLUME where no other volume accepts contents.
 */
export async function drain(
  parts: StoreParts,
  volume: number,
  options: DrainOptions = {},
): Promise<DrainResult> {
  const result: DrainResult = { chunks: 0, shards: 0, bytes: 0, stuck: 0 };
  for (let pass = 0; pass < PASSES_MAX; pass++) {
    const before = result.chunks + result.shards;
    result.stuck = 0;
    await drainChunks(parts, volume, options, result);
    await drainGroups(parts, volume, options, result);
    options.onProgress?.(result);
    if (result.chunks + result.shards === before) break;
  }
  return result;
}

async function drainChunks(
  { engine, chunks }: StoreParts,
  volume: number,
  { signal, onProgress }: DrainOptions,
  result: DrainResult,
): Promise<void> {
  const rehousing = new Rehousing(engine, chunks.volumes);
  const pace = new Pace('drain', { signal });
  const { chunks: movedBefore, bytes: bytesBefore } = result;
  const count = (): void => {
    result.chunks = movedBefore + rehousing.moved;
    result.bytes = bytesBefore + rehousing.bytes;
  };
  for await (const slice of chunkSlices(engine, 'drain', signal)) {
    for (const { number } of slice) {
      // As it is by now: another may have moved it since the slice was read.
      const row = chunks.row(number);
      if (row === undefined || !row.copies.some((copy) => copy.volume === volume)) continue;
      if (!(await drainChunk({ number, row }, volume, chunks, rehousing))) result.stuck++;
      if (pace.due()) await pace.rest();
    }
    count();
    onProgress?.(result);
  }
  await rehousing.flush();
  count();
}

async function drainChunk(
  { number, row }: FoundChunk,
  volume: number,
  chunks: StoreParts['chunks'],
  rehousing: Rehousing,
): Promise<boolean> {
  const sound = soundChunk(chunks, row);
  if (sound === undefined) return false;
  const leaving = row.copies.filter((copy) => copy.volume === volume);
  const others = row.copies.filter((copy) => copy.volume !== volume);
  const staying = others.filter((copy) =>
    soundChunk(chunks, { ...row, copies: [copy], coded: undefined }),
  );
  const copies = row.copies.length;
  const care = { redundancy: { kind: 'mirrored', copies }, content: 0, index: 0 } as const;
  const keeping = new Set(staying.map((copy) => copy.volume));
  const able = chunks.volumes.candidates(care, row.address).filter((one) => !keeping.has(one));
  // Where all other volumes have a sound copy there is one less from now on.
  if (able.length === 0 && staying.length === 0) return false;
  const to = able.slice(0, leaving.length);
  const replaced = others.filter((copy) => !staying.includes(copy) && to.includes(copy.volume));
  const drop = [...leaving, ...replaced];
  await rehousing.add({ number, row, stored: sound.stored, to, drop });
  return true;
}

async function drainGroups(
  parts: StoreParts,
  volume: number,
  { signal }: DrainOptions,
  result: DrainResult,
): Promise<void> {
  const pace = new Pace('drain', { signal });
  for await (const slice of groupSlices(parts.engine, 'drain', signal)) {
    for (const found of slice) {
      const moving = [...found.row.shards.keys()].filter((i) => {
        return found.row.shards[i]?.volume === volume;
      });
      if (moving.length === 0) continue;
      const written = await drainGroup(parts, found, moving);
      result.shards += written;
      if (written < moving.length) result.stuck++;
      if (pace.due()) await pace.rest();
    }
  }
}

async function drainGroup(
  { engine, chunks }: StoreParts,
  found: FoundGroup,
  moving: readonly number[],
): Promise<number> {
  try {
    const records = chunks.groups.records(found.row);
    if (moving.some((i) => records[i] === undefined)) restoreGroup(found.row, records);
    return await moveShards(engine, chunks, found, moving, records);
  } catch (error) {
    // Too few sound shards: it stays, and is reported as stuck.
    const isLost =
      isRegaliaError(error, 'REGALIA_MISSING') || isRegaliaError(error, 'REGALIA_CORRUPT');
    if (!isLost) throw error;
    return 0;
  }
}

/** Whether any row names the volume. */
export function isNamed(reads: Reads, volume: number): boolean {
  for (const { key, bytes } of reads.range('chunks')) {
    if (decodeChunkRow(key, bytes).copies.some((copy) => copy.volume === volume)) return true;
  }
  for (const { key, bytes } of reads.range('groups')) {
    if (decodeGroupRow(key, bytes).shards.some((place) => place?.volume === volume)) return true;
  }
  return false;
}

/**
 * Gives up all that lies on a volume. Returns how many chunks are left without any copy or shard to
 * read them from.
 */
export async function giveUp(
  { engine, chunks }: StoreParts,
  volume: number,
  signal: AbortSignal | undefined,
): Promise<number> {
  let lost = 0;
  for await (const slice of chunkSlices(engine, 'remove', signal)) {
    const changes = [];
    for (const { number, row } of slice) {
      const copies = row.copies.filter((copy) => copy.volume !== volume);
      if (copies.length === row.copies.length) continue;
      if (copies.length === 0 && row.coded === undefined) lost++;
      changes.push({ number, before: row, after: { ...row, copies } });
    }
    if (changes.length > 0) await changeRows(engine, changes);
  }
  for await (const slice of groupSlices(engine, 'remove', signal)) {
    for (const { number, row } of slice) {
      const shards = row.shards.map((place) => (place?.volume === volume ? undefined : place));
      if (shards.some((place, i) => place !== row.shards[i])) {
        await changeGroup(engine, number, row, { ...row, shards });
        chunks.groups.forget(number);
      }
    }
  }
  return lost;
}
