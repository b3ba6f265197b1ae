/**
 * The volumes of a store: how it begins with one of its own, what they are now, how they are added,
 * set apart, drained and removed while it is used, and how they are copied.
 *
 *     STORE/volumes/1/     the first volume, inside the store's folder
 */

import { constants, copyFile, mkdir } from 'node:fs/promises';
import path from 'node:path';
import { type Identity, type Settings, timeOf } from '../commit/core.js';
import type { Engine } from '../engine/engine.js';
import { liveBytes } from '../gc/compact.js';
import { equalBytes, hex } from '../ground/bytes.js';
import { badVolume, errnoOf, notFound } from '../ground/errors.js';
import { flush } from '../ground/fsync.js';
import type { StoreParts } from '../reach/store-parts.js';
import { type DrainOptions, type DrainResult, drain, giveUp, isNamed } from '../repair/drain.js';
import { ChunkStore } from '../volumes/chunk-store.js';
import { Pool } from '../volumes/pool.js';
import {
  putVolume,
  removeVolume as removeEntry,
  unusedNumber,
  type VolumeEntry,
  type VolumeState,
  volumeEntries,
} from '../volumes/registry.js';
import { collected } from '../volumes/row-changes.js';
import {
  createVolume,
  readVolume,
  roomIn,
  segmentFile,
  segmentsIn,
  writeVolume,
} from '../volumes/volume-folder.js';
import { type ListedVolume, VolumeSet, type VolumeStatus } from '../volumes/volume-set.js';
import { loadZstd } from '../volumes/zstd.js';
import type { AddVolumeOptions, RemoveVolumeOptions, VolumeChange } from './options.js';

const FIRST_VOLUME = 'volumes/1';

/** A volume, as it is. */
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
export function firstVolume(
  folder: string,
  engine: Engine,
  { replica }: Pick<Identity, 'replica'>,
  settings: Settings,
): Promise<void> {
  return makeVolume(engine, folder, FIRST_VOLUME, replica, settings, 1);
}

/** Makes a volume at `to`, seen from the store's folder. */
async function makeVolume(
  engine: Engine,
  folder: string,
  to: string,
  replica: Uint8Array,
  settings: Settings,
  weight: number,
): Promise<void> {
  const id = settings.random(16);
  const createdMs = timeOf(settings);
  await createVolume(path.resolve(folder, to), { id, replica, sequence: 1, createdMs });
  await engine.write((batch) => {
    const number = unusedNumber(volumeEntries(batch));
    putVolume(batch, { number, id, path: to, weight, state: 'online', sequence: 1 });
  }, 'sync');
}

/** The home of a store's chunks. REGALIA_IO where the codec can't be loaded. */
export function openChunks(
  folder: string,
  engine: Engine,
  { replica }: Pick<Identity, 'replica'>,
  settings: Settings,
): ChunkStore {
  loadZstd();
  const volumes = new VolumeSet(engine, { replica, folder, now: settings.now });
  const pool = new Pool({ workers: settings.workers });
  const chunks = new ChunkStore(engine, volumes, pool, settings.contentCacheBytes);
  chunks.onFault = settings.onFault;
  return chunks;
}

/** Every volume of a store. */
export function listVolumes({ volumes }: ChunkStore): Promise<VolumeInfo[]> {
  volumes.refresh();
  const infos = volumes.list().map(async ({ entry, path: at, status: state, isHere }) => {
    const sizes = isHere ? [...(await segmentsIn(at)).values()] : undefined;
    const bytes = sizes?.reduce((sum, size) => sum + size, 0);
    const freeBytes = isHere ? await roomIn(at) : undefined;
    return { id: hex(entry.id), path: at, state, weight: entry.weight, bytes, freeBytes };
  });
  return Promise.all(infos);
}

/**
 * Copies all volumes into the folder of a copy of the store, whose tables were copied before: so
 * what they name is there, unless a collection has moved it since. The copy has all of them within
 * it. REGALIA_CONFLICT: try again.
 */
export async function copyVolumes(chunks: ChunkStore, folder: string, copy: Engine): Promise<void> {
  chunks.volumes.refresh();
  const copied = new Set<string>();
  for (const { entry, path: from, status, isHere } of chunks.volumes.list()) {
    if (!isHere) throw badVolume(hex(entry.id), from, status);
    const within = `volumes/${entry.number}`;
    const to = path.join(folder, within);
    await mkdir(to, { recursive: true, mode: 0o700 });
    const identity = readVolume(from);
    if (identity === undefined) throw badVolume(hex(entry.id), from, 'missing');
    for (const number of (await segmentsIn(from)).keys()) {
      const name = segmentFile(number);
      try {
        await copyFile(path.join(from, name), path.join(to, name), constants.COPYFILE_FICLONE);
      } catch (error) {
        if (errnoOf(error) === 'ENOENT') continue;
        throw error;
      }
      await flush(path.join(to, name));
      copied.add(`${entry.number} ${number}`);
    }
    writeVolume(to, identity);
    await copy.write((batch) => putVolume(batch, { ...entry, path: within }), 'sync');
  }
  // What the store itself still names and lacks is lost, here as there.
  const now = await liveBytes(chunks, undefined);
  for (const named of (await liveBytes({ engine: copy }, undefined)).keys()) {
    if (!copied.has(named) && !now.has(named)) throw collected('a segment');
  }
}

/**
 * Makes a volume of an empty or absent folder, or takes back one of this store's whose folder was
 * moved. REGALIA_EXISTS where anything else is there, REGALIA_VOLUME for a volume of another store
 * or a second copy.
 */
export async function addVolume(
  chunks: ChunkStore,
  folder: string,
  replica: Uint8Array,
  settings: Settings,
  { weight }: AddVolumeOptions,
): Promise<void> {
  const to = path.resolve(folder);
  const { engine, volumes } = chunks;
  // Where its volumes are may have changed since it was looked at.
  volumes.refresh();
  const found = readVolume(to);
  if (found === undefined) {
    await makeVolume(engine, to, to, replica, settings, weight ?? 1);
    volumes.refresh();
    return;
  }
  const known = volumes.list().find(({ entry }) => equalBytes(entry.id, found.id));
  if (known === undefined || !equalBytes(found.replica, replica)) {
    throw badVolume(hex(found.id), to, 'foreign: it belongs to another store');
  }
  if (known.path !== to && volumes.isHere(known.entry.number)) {
    throw badVolume(hex(found.id), to, `duplicate: it is at ${known.path} too`);
  }
  await changeEntry(chunks, known.entry, { path: to, weight });
}

/** Changes what is given to a volume. REGALIA_NOT_FOUND, REGALIA_OPTION. */
export async function setVolume(
  chunks: ChunkStore,
  which: string,
  change: VolumeChange,
): Promise<void> {
  await changeEntry(chunks, findVolume(chunks, which).entry, change);
}

/** A volume by its id or folder. REGALIA_NOT_FOUND. */
function findVolume({ volumes }: ChunkStore, which: string): ListedVolume {
  volumes.refresh();
  const found = volumes.list().find(({ entry, path: at }) => {
    return hex(entry.id) === which || at === path.resolve(which);
  });
  if (found === undefined) throw notFound('volume', which);
  return found;
}

async function changeEntry(
  { engine, volumes }: ChunkStore,
  { number }: VolumeEntry,
  change: { path?: string; weight?: number | undefined; state?: VolumeState | undefined },
): Promise<void> {
  await engine.write((batch) => {
    const now = volumeEntries(batch).find((entry) => entry.number === number);
    if (now === undefined) return;
    const { path = now.path, weight = now.weight, state = now.state } = change;
    putVolume(batch, { ...now, path, weight, state });
  }, 'sync');
  volumes.refresh();
}

/**
 * Sets a volume to draining, and moves all that lies on it to others. Errors as `drain`, and
 * REGALIA_NOT_FOUND.
 */
export async function drainVolume(
  subject: StoreParts,
  which: string,
  options: DrainOptions,
): Promise<DrainResult> {
  const { chunks } = subject;
  const { entry, path: at } = findVolume(chunks, which);
  const others = chunks.volumes.list().filter((one) => one.entry.number !== entry.number);
  if (!others.some(({ status, entry: { weight } }) => status === 'online' && weight > 0)) {
    throw badVolume(hex(entry.id), at, 'there is no other volume to move its contents to');
  }
  await changeEntry(chunks, entry, { state: 'draining' });
  await chunks.volumes.roll();
  return drain(subject, entry.number, options);
}

/** What removing a volume did. */
export interface RemoveVolumeResult {
  /** Chunks that are nowhere else: their contents can't be read until they are written again. */
  readonly lost: number;
}

/**
 * Removes a volume from the store; its folder stays as it is. REGALIA_VOLUME where contents still
 * lie on it and it is not given up, or where it is the only one. REGALIA_NOT_FOUND.
 */
export async function removeVolume(
  subject: StoreParts,
  which: string,
  { lost = false, signal }: RemoveVolumeOptions,
): Promise<RemoveVolumeResult> {
  const { chunks } = subject;
  const { engine, volumes } = chunks;
  const { entry, path: at } = findVolume(chunks, which);
  const { number, state } = entry;
  if (volumes.list().length === 1) throw badVolume(hex(entry.id), at, 'it is the only one');
  // Nothing new goes there meanwhile; where it is refused it is as it was.
  await changeEntry(chunks, entry, { state: 'draining' });
  try {
    await volumes.roll();
    const result = { lost: lost ? await giveUp(subject, number, signal) : 0 };
    await engine.write((batch) => {
      if (isNamed(batch, number)) {
        const reason = 'it has contents: drain it first, or give it up as lost';
        throw badVolume(hex(entry.id), at, reason);
      }
      removeEntry(batch, number);
    }, 'sync');
    volumes.refresh();
    return result;
  } catch (error) {
    await changeEntry(chunks, entry, { state });
    throw error;
  }
}
