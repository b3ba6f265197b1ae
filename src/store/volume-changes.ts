/**
 * Changes of a store's volumes, while it is used: added, set apart, drained, removed.
 */
import path from 'node:path';
import type { Settings } from '../commit/core.js';
import { equalBytes, hex } from '../ground/bytes.js';
import { RegaliaError } from '../ground/errors.js';
import { VOLUME_WEIGHT_MAX } from '../ground/limits.js';
import type { StoreParts } from '../reach/store-parts.js';
import { type DrainOptions, type DrainResult, drain, giveUp, isNamed } from '../repair/drain.js';
import type { ChunkStore } from '../volumes/chunk-store.js';
import {
  putVolume,
  removeVolume as removeEntry,
  unusedNumber,
  type VolumeEntry,
  volumeEntries,
} from '../volumes/registry.js';
import { createVolume, readVolume } from '../volumes/volume-folder.js';
import { badOption } from './options.js';
import { entryOf, identityOf, volumeError } from './volumes.js';

export interface AddVolumeOptions {
  /** How much of new contents it is given, beside the others: a whole number, 1 unless told. */
  readonly weight?: number;
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
  options: AddVolumeOptions,
): Promise<void> {
  const { weight } = options;
  if (weight !== undefined) checkWeight(weight);
  const to = path.resolve(folder);
  const { engine, volumes } = chunks;
  // Where its volumes are may have changed since it was looked at.
  volumes.refresh();
  const found = readVolume(to);
  if (found === undefined) {
    const entry = entryOf(1, to, settings.random(16), weight ?? 1);
    await createVolume(to, identityOf(entry, replica, settings));
    await engine.write((batch) => {
      putVolume(batch, { ...entry, number: unusedNumber(volumeEntries(batch)) });
    }, 'sync');
  } else {
    const known = volumeEntries(engine).find(({ id }) => equalBytes(id, found.id));
    if (known === undefined || !equalBytes(found.replica, replica)) {
      throw volumeError(found.id, to, 'foreign: it belongs to another store');
    }
    const status = volumes.list().find(({ entry }) => entry.number === known.number);
    if (status !== undefined && status.path !== to && volumes.isHere(known.number)) {
      throw volumeError(found.id, to, `duplicate: it is at ${status.path} too`);
    }
    const moved = { ...known, path: to, weight: weight ?? known.weight };
    await engine.write((batch) => putVolume(batch, moved), 'sync');
  }
  volumes.refresh();
}

function checkWeight(weight: number): void {
  if (Number.isInteger(weight) && weight >= 0 && weight <= VOLUME_WEIGHT_MAX) return;
  throw badOption('weight', `a whole number up to ${VOLUME_WEIGHT_MAX}`, String(weight));
}

export interface VolumeChange {
  /** How much of new contents it is given, beside the others: a whole number, 0 for nothing. */
  readonly weight?: number;
  /** Whether anything is written to it. */
  readonly state?: 'online' | 'read-only';
}

/** Changes what is given to a volume. REGALIA_NOT_FOUND, REGALIA_OPTION. */
export async function setVolume(
  chunks: ChunkStore,
  which: string,
  change: VolumeChange,
): Promise<void> {
  const { weight, state } = change;
  if (weight !== undefined) checkWeight(weight);
  if (state !== undefined && state !== 'online' && state !== 'read-only') {
    throw badOption('state', 'online or read-only', String(state));
  }
  const entry = findVolume(chunks, which);
  await changeEntry(chunks, entry, (current) => ({
    ...current,
    weight: weight ?? current.weight,
    state: state ?? current.state,
  }));
}

/** A volume by its id or folder. REGALIA_NOT_FOUND. */
function findVolume({ volumes }: ChunkStore, which: string): VolumeEntry {
  volumes.refresh();
  const found = volumes.list().find(({ entry, path: at }) => {
    return hex(entry.id) === which || at === path.resolve(which);
  });
  if (found !== undefined) return found.entry;
  const data = { what: 'volume', name: which };
  throw new RegaliaError('REGALIA_NOT_FOUND', `there is no volume ${which}`, data);
}

async function changeEntry(
  { engine, volumes }: ChunkStore,
  { number }: VolumeEntry,
  change: (current: VolumeEntry) => VolumeEntry,
): Promise<void> {
  await engine.write((batch) => {
    const current = volumeEntries(batch).find((entry) => entry.number === number);
    if (current !== undefined) putVolume(batch, change(current));
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
  const entry = findVolume(chunks, which);
  const { path: at } = placeOf(chunks, entry);
  const others = chunks.volumes.list().filter((one) => one.entry.number !== entry.number);
  if (!others.some(({ status, entry: { weight } }) => status === 'online' && weight > 0)) {
    throw volumeError(entry.id, at, 'there is no other volume to move its contents to');
  }
  await changeEntry(chunks, entry, (current) => ({ ...current, state: 'draining' }));
  await chunks.volumes.roll();
  return drain(subject, entry.number, options);
}

export interface RemoveVolumeOptions {
  /** Give up what lies on it: it is lost, or will be. */
  readonly lost?: boolean;
  readonly signal?: AbortSignal;
}

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
  const entry = findVolume(chunks, which);
  const { path: at } = placeOf(chunks, entry);
  if (volumes.list().length === 1) throw volumeError(entry.id, at, 'it is the only one');
  // Nothing new goes there meanwhile; where it is refused it is as it was.
  await changeEntry(chunks, entry, (current) => ({ ...current, state: 'draining' }));
  try {
    await volumes.roll();
    const result = { lost: lost ? await giveUp(subject, entry.number, signal) : 0 };
    await engine.write((batch) => {
      if (isNamed(batch, entry.number)) {
        throw volumeError(entry.id, at, 'it has contents: drain it first, or give it up as lost');
      }
      removeEntry(batch, entry.number);
    }, 'sync');
    volumes.refresh();
    return result;
  } catch (error) {
    await changeEntry(chunks, entry, (current) => ({ ...current, state: entry.state }));
    throw error;
  }
}

function placeOf({ volumes }: ChunkStore, { number }: VolumeEntry): { path: string } {
  return { path: volumes.list().find(({ entry }) => entry.number === number)?.path ?? '' };
}
