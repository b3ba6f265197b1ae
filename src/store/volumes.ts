/**
 * The volumes of a store: how it begins with one of its own, and how others are added, listed and set apart.
 *
 *     STORE/volumes/1/     the first volume, inside the store's folder
 */
import { constants, copyFile, mkdir } from 'node:fs/promises';
import path from 'node:path';
import type { Backend } from '../blocks/backend.js';
import { Lease } from '../blocks/lease.js';
import { equalBytes, hex } from '../bytes.js';
import { RegaliaError } from '../errors.js';
import { Pieces } from '../volumes/pieces.js';
import { Pool } from '../volumes/pool.js';
import {
  putVolume,
  unusedNumber,
  type VolumeEntry,
  volumeEntries,
  WEIGHT_MAX,
} from '../volumes/registry.js';
import {
  createVolume,
  readVolume,
  roomIn,
  segmentFile,
  segmentsIn,
  type VolumeIdentity,
  writeVolume,
} from '../volumes/volume-folder.js';
import { VolumeSet, type VolumeStatus } from '../volumes/volume-set.js';
import type { Identity } from './core.js';
import { syncFile } from './folder.js';
import { badOption, type Settings } from './options.js';

const FIRST_VOLUME = 'volumes/1';
const SEGMENT_NUMBERS = 2 ** 32;

/** A volume, as told to users. */
export interface VolumeInfo {
  /** 32 hexadecimal digits. */
  readonly id: string;
  readonly path: string;
  /**
   * online: read and written. read-only, draining: read. missing: its folder is not there. stale: an old copy of it is.
   * foreign: another volume is there. failing: it can't be relied on.
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
  backend: Backend,
  { replica }: Pick<Identity, 'replica'>,
  settings: Settings,
): Promise<void> {
  const entry = entryOf(1, FIRST_VOLUME, settings.random(16), 1);
  await createVolume(path.join(folder, FIRST_VOLUME), identityOf(entry, replica, settings));
  await backend.write((batch) => putVolume(batch, entry), 'sync');
}

/** The home of a store's pieces. */
export function openPieces(
  folder: string,
  backend: Backend,
  { replica }: Pick<Identity, 'replica'>,
  settings: Settings,
): Pieces {
  const segments = new Lease(backend, 'segments', SEGMENT_NUMBERS);
  const resolve = (to: string): string => path.resolve(folder, to);
  const volumes = new VolumeSet({
    replica,
    readOnly: settings.readOnly,
    now: settings.now,
    entries: () => volumeEntries(backend),
    resolve,
    nextSegment: async () => {
      await segments.reserve(1);
      return segments.take();
    },
    raise: async (entry, found) => {
      const sequence = Math.max(entry.sequence, found.sequence) + 1;
      await writeVolume(resolve(entry.path), { ...found, sequence });
      await backend.write((batch) => {
        const current = volumeEntries(batch).find(({ number }) => number === entry.number);
        if (current !== undefined) putVolume(batch, { ...current, sequence });
      }, 'sync');
    },
  });
  const pool = new Pool({ workers: settings.workers });
  return new Pieces(backend, volumes, pool, { cacheBytes: settings.contentCacheBytes });
}

function entryOf(number: number, to: string, id: Uint8Array, weight: number): VolumeEntry {
  return { number, id, path: to, weight, state: 'online', sequence: 1 };
}

function identityOf(
  { id, sequence }: VolumeEntry,
  replica: Uint8Array,
  settings: Settings,
): VolumeIdentity {
  return { id, replica, sequence, createdMs: Math.max(0, Math.floor(settings.now())) };
}

/** Every volume of a store. */
export async function listVolumes(pieces: Pieces): Promise<VolumeInfo[]> {
  pieces.volumes.refresh();
  const infos: VolumeInfo[] = [];
  for (const { entry, path: at, status } of pieces.volumes.list()) {
    const here = status !== 'missing' && status !== 'foreign';
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

export interface AddVolumeOptions {
  /** How much of new contents it is given, beside the others: a whole number, 1 unless told. */
  readonly weight?: number;
}

/**
 * Makes a volume of an empty or absent folder, or takes back one of this store's whose folder was moved.
 * REGALIA_EXISTS where anything else is there, REGALIA_VOLUME for a volume of another store or a second copy.
 */
export async function addVolume(
  pieces: Pieces,
  folder: string,
  replica: Uint8Array,
  settings: Settings,
  options: AddVolumeOptions,
): Promise<void> {
  const { weight = 1 } = options;
  checkWeight(weight);
  const to = path.resolve(folder);
  const { backend, volumes } = pieces;
  const found = readVolume(to);
  if (found === undefined) {
    const entry = entryOf(1, to, settings.random(16), weight);
    await createVolume(to, identityOf(entry, replica, settings));
    await backend.write((batch) => {
      putVolume(batch, { ...entry, number: unusedNumber(volumeEntries(batch)) });
    }, 'sync');
  } else {
    const known = volumeEntries(backend).find(({ id }) => equalBytes(id, found.id));
    if (known === undefined || !equalBytes(found.replica, replica)) {
      throw volumeError(found.id, to, 'foreign: it belongs to another store');
    }
    const status = volumes.list().find(({ entry }) => entry.number === known.number);
    if (status !== undefined && status.path !== to && volumes.isHere(known.number)) {
      throw volumeError(found.id, to, `duplicate: it is at ${status.path} too`);
    }
    await backend.write((batch) => putVolume(batch, { ...known, path: to, weight }), 'sync');
  }
  volumes.refresh();
}

function checkWeight(weight: number): void {
  if (Number.isInteger(weight) && weight >= 0 && weight <= WEIGHT_MAX) return;
  throw badOption('weight', `a whole number up to ${WEIGHT_MAX}`, String(weight));
}

function volumeError(id: Uint8Array, to: string, reason: string): RegaliaError {
  const data = { volume: hex(id), path: to, reason };
  return new RegaliaError('REGALIA_VOLUME', `the volume at ${to} is refused: ${reason}`, data);
}

export interface VolumeChange {
  /** How much of new contents it is given, beside the others: a whole number, 0 for nothing. */
  readonly weight?: number;
  /** Whether anything is written to it. */
  readonly state?: 'online' | 'read-only';
}

/** Changes what is given to a volume. REGALIA_NOT_FOUND, REGALIA_OPTION. */
export async function setVolume(
  pieces: Pieces,
  which: string,
  change: VolumeChange,
): Promise<void> {
  const { backend, volumes } = pieces;
  const { weight, state } = change;
  if (weight !== undefined) checkWeight(weight);
  if (state !== undefined && state !== 'online' && state !== 'read-only') {
    throw badOption('state', 'online or read-only', String(state));
  }
  const known = volumes.list().find(({ entry, path: at }) => {
    return hex(entry.id) === which || at === path.resolve(which);
  });
  if (known === undefined) {
    const data = { what: 'volume', name: which };
    throw new RegaliaError('REGALIA_NOT_FOUND', `there is no volume ${which}`, data);
  }
  await backend.write((batch) => {
    const current = volumeEntries(batch).find(({ number }) => number === known.entry.number);
    if (current !== undefined) {
      putVolume(batch, {
        ...current,
        weight: weight ?? current.weight,
        state: state ?? current.state,
      });
    }
  }, 'sync');
  volumes.refresh();
}

/**
 * Copies all volumes into the folder of a copy of the store, whose tables were copied before: so what they name is
 * there. The copy has all of them within it.
 */
export async function copyVolumes(pieces: Pieces, folder: string, copy: Backend): Promise<void> {
  for (const { entry, path: from, status } of pieces.volumes.list()) {
    if (status === 'missing' || status === 'foreign') throw volumeError(entry.id, from, status);
    const within = `volumes/${entry.number}`;
    const to = path.join(folder, within);
    await mkdir(to, { recursive: true, mode: 0o700 });
    const identity = readVolume(from);
    if (identity === undefined) throw volumeError(entry.id, from, 'missing');
    for (const number of (await segmentsIn(from)).keys()) {
      const name = segmentFile(number);
      await copyFile(path.join(from, name), path.join(to, name), constants.COPYFILE_FICLONE);
      await syncFile(path.join(to, name));
    }
    await writeVolume(to, identity);
    await copy.write((batch) => putVolume(batch, { ...entry, path: within }), 'sync');
  }
}
