/**
 * The volumes of a store: how it begins with one of its own, what they are now, and how they are
 * copied.
 *
 *     STORE/volumes/1/     the first volume, inside the store's folder
 */
import { constants, copyFile, mkdir } from 'node:fs/promises';
import path from 'node:path';
import { Lease } from '../blocks/lease.js';
import type { Identity, Settings } from '../commit/core.js';
import type { Batch, Engine } from '../engine/engine.js';
import { liveBytes } from '../gc/compact.js';
import { equalBytes, hex } from '../ground/bytes.js';
import { badVolume, errnoOf, type RegaliaError } from '../ground/errors.js';
import { ChunkStore } from '../volumes/chunk-store.js';
import { Pool } from '../volumes/pool.js';
import { putVolume, type VolumeEntry, volumeEntries } from '../volumes/registry.js';
import { collected, isRetired } from '../volumes/row-changes.js';
import {
  createVolume,
  readVolume,
  roomIn,
  segmentFile,
  segmentsIn,
  type VolumeIdentity,
  writeVolume,
  writeVolumeNow,
} from '../volumes/volume-folder.js';
import { VolumeSet, type VolumeStatus } from '../volumes/volume-set.js';
import { syncFile } from './folder.js';

const FIRST_VOLUME = 'volumes/1';
const SEGMENT_NUMBERS = 2 ** 32;

/** A volume, as told to users. */
export interface VolumeInfo {
  /** 32 hexadecimal digits. */
  readonly id: string;
  readonly path: string;
  /**
   * online: read and written. read-only, draining: read. missing: its folder is not there. stale:
   * an old copy of it is. foreign: another volume is there. failing: it can't be relied on.
   */
  readonly state: VolumeStatus;
  /** How much of new contents it is given, beside the others. */
  readonly weight: number;
  /** Bytes of its segments, and free bytes where it is; undefined where it is not here. */
  readonly bytes: number | undefined;
  readonly freeBytes: number | undefined;
}

/** Makes the first volume of a new store. */
export async function firstVolume(
  folder: string,
  engine: Engine,
  { replica }: Pick<Identity, 'replica'>,
  settings: Settings,
): Promise<void> {
  const entry = entryOf(1, FIRST_VOLUME, settings.random(16), 1);
  await createVolume(path.join(folder, FIRST_VOLUME), identityOf(entry, replica, settings));
  await engine.write((batch) => putVolume(batch, entry), 'sync');
}

/** The home of a store's chunks. */
export function openChunks(
  folder: string,
  engine: Engine,
  { replica }: Pick<Identity, 'replica'>,
  settings: Settings,
): ChunkStore {
  const segments = new Lease(engine, 'segments', SEGMENT_NUMBERS);
  const resolve = (to: string): string => path.resolve(folder, to);
  const volumes = new VolumeSet({
    replica,
    readOnly: settings.readOnly,
    now: settings.now,
    entries: () => volumeEntries(engine),
    resolve,
    nextSegment: async () => {
      await segments.reserve(1);
      return segments.take();
    },
    isRetired: (segment) => isRetired(engine, segment),
    raise: async ({ number }) => {
      await engine.write((batch) => raise(batch, number, resolve), 'sync');
    },
  });
  const pool = new Pool({ workers: settings.workers });
  const chunks = new ChunkStore(engine, volumes, pool, { cacheBytes: settings.contentCacheBytes });
  chunks.onFault = settings.onFault;
  return chunks;
}

/**
 * Raises a volume's sequence. Within the engine's write, where processes take turns: else one could
 * put a lower number over another's. The folder comes first: should the write fail, it is ahead,
 * and not taken for an old copy.
 */
function raise(batch: Batch, number: number, resolve: (to: string) => string): void {
  const entry = volumeEntries(batch).find((one) => one.number === number);
  if (entry === undefined) return;
  const to = resolve(entry.path);
  const found = readVolume(to);
  if (found === undefined) throw volumeError(entry.id, to, 'missing');
  if (!equalBytes(found.id, entry.id)) throw volumeError(entry.id, to, 'foreign');
  if (found.sequence < entry.sequence) throw volumeError(entry.id, to, 'stale');
  const sequence = found.sequence + 1;
  writeVolumeNow(to, { ...found, sequence });
  putVolume(batch, { ...entry, sequence });
}

export function entryOf(number: number, to: string, id: Uint8Array, weight: number): VolumeEntry {
  return { number, id, path: to, weight, state: 'online', sequence: 1 };
}

export function identityOf(
  { id, sequence }: VolumeEntry,
  replica: Uint8Array,
  settings: Settings,
): VolumeIdentity {
  return { id, replica, sequence, createdMs: Math.max(0, Math.floor(settings.now())) };
}

/** Whether the folder of a volume is there, and the volume's own. */
export function isHere(status: VolumeStatus): boolean {
  return status !== 'missing' && status !== 'foreign';
}

/** Every volume of a store. */
export async function listVolumes(chunks: ChunkStore): Promise<VolumeInfo[]> {
  chunks.volumes.refresh();
  const infos: VolumeInfo[] = [];
  for (const { entry, path: at, status } of chunks.volumes.list()) {
    const here = isHere(status);
    let bytes: number | undefined;
    if (here) {
      bytes = 0;
      for (const size of (await segmentsIn(at)).values()) bytes += size;
    }
    const freeBytes = here ? await roomIn(at) : undefined;
    const { id, weight } = entry;
    infos.push({ id: hex(id), path: at, state: status, weight, bytes, freeBytes });
  }
  return infos;
}

/**
 * Copies all volumes into the folder of a copy of the store, whose tables were copied before: so
 * what they name is there, unless a collection has moved it since. The copy has all of them within
 * it. REGALIA_CONFLICT: try again.
 */
export async function copyVolumes(chunks: ChunkStore, folder: string, copy: Engine): Promise<void> {
  chunks.volumes.refresh();
  const copied = new Set<string>();
  for (const { entry, path: from, status } of chunks.volumes.list()) {
    if (!isHere(status)) throw volumeError(entry.id, from, status);
    const within = `volumes/${entry.number}`;
    const to = path.join(folder, within);
    await mkdir(to, { recursive: true, mode: 0o700 });
    const identity = readVolume(from);
    if (identity === undefined) throw volumeError(entry.id, from, 'missing');
    for (const number of (await segmentsIn(from)).keys()) {
      const name = segmentFile(number);
      try {
        await copyFile(path.join(from, name), path.join(to, name), constants.COPYFILE_FICLONE);
      } catch (error) {
        if (errnoOf(error) === 'ENOENT') continue;
        throw error;
      }
      await syncFile(path.join(to, name));
      copied.add(`${entry.number} ${number}`);
    }
    await writeVolume(to, identity);
    await copy.write((batch) => putVolume(batch, { ...entry, path: within }), 'sync');
  }
  // What the store itself still names and lacks is lost, here as there.
  const now = await liveBytes(chunks, undefined);
  for (const named of (await liveBytes({ engine: copy }, undefined)).keys()) {
    if (!copied.has(named) && !now.has(named)) throw collected('a segment');
  }
}

/** REGALIA_VOLUME. */
export function volumeError(id: Uint8Array, to: string, reason: string): RegaliaError {
  return badVolume(hex(id), to, reason);
}
