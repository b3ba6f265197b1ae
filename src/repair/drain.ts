/**
 * Draining: all that lies on a volume goes to others, while the store is used. Nothing new goes
 * there meanwhile; what transactions had begun to write before is met by a later pass, and the
 * drain ends when a pass moves nothing.
 *
 *     chunk on the volume -> a copy elsewhere, sound -> row without the one here
 *     shard on the volume -> its bytes, or solved for -> row with its new place
 */
import type { Reads } from '../engine/engine.js';
import { attempt } from '../ground/errors.js';
import { Pace } from '../ground/pause.js';
import type { StoreParts } from '../reach/store-parts.js';
import { chunkSlices, groupSlices } from '../reach/table-walk.js';
import { readCopies, soundChunk } from '../volumes/chunk-reads.js';
import { decodeChunkRow, type NumberedChunk } from '../volumes/chunk-row.js';
import { Rehousing } from '../volumes/chunk-writer.js';
import { decodeGroupRow, restoreGroup } from '../volumes/group-format.js';
import { changeGroup, moveShards } from '../volumes/group-repair.js';
import { SCATTERED } from '../volumes/placement.js';
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

/** REGALIA_ABORTED, REGALIA_FULL, REGALIA_IO; REGALIA_VOLUME without another volume. */
export async function drain(
  parts: StoreParts,
  volume: number,
  options: DrainOptions,
): Promise<DrainResult> {
  const result: DrainResult = { chunks: 0, shards: 0, bytes: 0, stuck: 0 };
  const draining = { parts, volume, options, result };
  for (let pass = 0; pass < PASSES_MAX; pass++) {
    const before = result.chunks + result.shards;
    result.stuck = 0;
    await drainChunks(draining);
    await drainGroups(draining);
    options.onProgress?.(result);
    if (result.chunks + result.shards === before) break;
  }
  return result;
}

interface Draining {
  readonly parts: StoreParts;
  readonly volume: number;
  readonly options: DrainOptions;
  readonly result: DrainResult;
}

async function drainChunks({ parts, volume, options, result }: Draining): Promise<void> {
  const { engine, chunks } = parts;
  const { signal, onProgress } = options;
  const rehousing = new Rehousing(chunks);
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
  { number, row }: NumberedChunk,
  volume: number,
  chunks: StoreParts['chunks'],
  rehousing: Rehousing,
): Promise<boolean> {
  const sound = soundChunk(chunks, row);
  if (sound === undefined || sound === 'unreadable') return false;
  const { volumes } = chunks;
  const leaving = row.copies.filter((copy) => copy.volume === volume);
  const others = row.copies.filter((copy) => copy.volume !== volume);
  const found = readCopies(volumes, row, others);
  // One that cannot be read now stays, but is none to rely on.
  const staying = [...found.sound, ...found.unreadable];
  const keeping = new Set(staying.map((copy) => copy.volume));
  const able = volumes.candidates(SCATTERED, row.address).filter((one) => !keeping.has(one));
  // Where all other volumes have a sound copy there is one less from now on.
  if (able.length === 0 && found.sound.length === 0) return false;
  const to = able.slice(0, leaving.length);
  const replaced = others.filter((copy) => !staying.includes(copy) && to.includes(copy.volume));
  const drop = [...leaving, ...replaced];
  await rehousing.add({ number, row, stored: sound.stored, to, drop });
  return true;
}

async function drainGroups({ parts, volume, options, result }: Draining): Promise<void> {
  const { engine, chunks } = parts;
  const { signal } = options;
  const pace = new Pace('drain', { signal });
  for await (const slice of groupSlices(engine, 'drain', signal)) {
    for (const { number, row } of slice) {
      const moving = [...row.shards.keys()].filter((i) => row.shards[i]?.volume === volume);
      if (moving.length === 0) continue;
      // Undefined where too few are sound: it stays, and is reported as stuck.
      const records = attempt(() => {
        const found = chunks.groups.records(row);
        if (moving.some((i) => found[i] === undefined)) restoreGroup(row, found);
        return found;
      });
      const written = records && (await moveShards(chunks, { number, row }, moving, records));
      result.shards += written ?? 0;
      if (written !== moving.length) result.stuck++;
      if (pace.due()) await pace.rest();
    }
  }
}

export function isNamed(reads: Reads, volume: number): boolean {
  for (const { key, bytes } of reads.range('chunks')) {
    if (decodeChunkRow(key, bytes).copies.some((copy) => copy.volume === volume)) return true;
  }
  for (const { key, bytes } of reads.range('groups')) {
    if (decodeGroupRow(key, bytes).shards.some((place) => place?.volume === volume)) return true;
  }
  return false;
}

/** Gives up all that lies on a volume. Returns how many chunks have no source left. */
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
      if (shards.every((place, i) => place === row.shards[i])) continue;
      await changeGroup(engine, { number, row }, shards);
      chunks.groups.forget(number);
    }
  }
  return lost;
}
