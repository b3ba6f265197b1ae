/**
 * The volumes of an open store: which are here, what is read from them, and what is appended.
 *
 *     segment    current -- long, torn, or asked for by upkeep --> full -- on disk --> closed
 *
 * Invariants: a volume that is not here is reported as such, and looked for again when it is asked
 * for; one whose folder is an old copy, or belongs to others, is never written to; what was
 * appended counts once `sync` has brought it to disk; segments are this process's own, so that
 * processes never wait for each other.
 */
import { resolve } from 'node:path';
import type { Address } from '../blocks/address.js';
import { Lease } from '../blocks/lease.js';
import type { Batch, Engine } from '../engine/engine.js';
import { equalBytes, hex } from '../ground/bytes.js';
import {
  attempt,
  badVolume,
  isRegaliaError,
  missing,
  type RegaliaError,
} from '../ground/errors.js';
import type { Place } from './chunk-row.js';
import { inPreference, type Spread } from './placement.js';
import { putVolume, type VolumeEntry, type VolumeState, volumeEntries } from './registry.js';
import { isRetired } from './row-changes.js';
import { SegmentFiles, type SegmentRecord } from './segment-reader.js';
import { SegmentWriter } from './segment-writer.js';
import { readVolume, type VolumeIdentity, writeVolume } from './volume-folder.js';

const SEGMENT_BYTES = 64 * 1024 * 1024;

/** Numbers of segments are 1 to this, exclusive. */
const SEGMENT_NUMBERS = 2 ** 32;

interface VolumeOwner {
  readonly replica: Uint8Array;
  /** The store's folder, from which the volumes' paths lead. */
  readonly folder: string;
  readonly now: () => number;
}

/** How a volume was found. */
export type VolumeStatus = VolumeState | 'stale' | 'foreign';

/** A volume's entry, where it is, and how it was found. */
export interface ListedVolume {
  readonly entry: VolumeEntry;
  readonly path: string;
  readonly status: VolumeStatus;
  /** Whether its folder is there, and the volume's own. */
  readonly isHere: boolean;
}

interface Volume {
  entry: VolumeEntry;
  readonly path: string;
  readonly files: SegmentFiles;
  status: VolumeStatus;
  /** Whether its folder could not be read when it was looked at last: it may be, the next time. */
  isUnread: boolean;
  raised: Promise<void> | undefined;
  writer: Promise<SegmentWriter> | undefined;
}

export class VolumeSet {
  readonly #engine: Engine;
  readonly #owner: VolumeOwner;
  readonly #numbers: Lease;
  readonly #volumes = new Map<number, Volume>();
  /** Segments that are open for writing; to a full one nothing more goes. */
  readonly #segments = new Map<SegmentWriter, 'current' | 'full'>();
  readonly #beginning = new Set<Promise<SegmentWriter>>();
  readonly #begun = new Set<number>();
  /** Segments that could not be brought to disk, and why: for those who have not asked yet. */
  readonly #unflushed = new Map<number, unknown>();
  /** Volumes that were reported to be away, and have not been here since. */
  readonly #reportedAway = new Set<number>();
  /** Called with the folder of a volume that is asked for and away: once, until it is back. */
  onAway: ((path: string) => void) | undefined;

  constructor(engine: Engine, owner: VolumeOwner) {
    this.#engine = engine;
    this.#owner = owner;
    this.#numbers = new Lease(engine, 'segments', SEGMENT_NUMBERS, 'chunks');
    this.refresh();
  }

  /** Reads the registry and looks at every folder again. */
  refresh(): void {
    const entries = volumeEntries(this.#engine);
    for (const entry of entries) {
      const known = this.#volumes.get(entry.number);
      const path = this.#resolve(entry);
      if (known?.path === path && equalBytes(known.entry.id, entry.id)) {
        known.entry = entry;
        this.#examine(known);
      } else {
        if (known !== undefined) this.#leave(known);
        this.#open(entry);
      }
    }
    for (const [number, volume] of this.#volumes) {
      if (entries.some((entry) => entry.number === number)) continue;
      this.#leave(volume);
      this.#volumes.delete(number);
    }
  }

  #resolve(entry: VolumeEntry): string {
    return resolve(this.#owner.folder, entry.path);
  }

  #open(entry: VolumeEntry): Volume {
    const path = this.#resolve(entry);
    const ids = { volume: entry.id, replica: this.#owner.replica };
    const files = new SegmentFiles(path, ids, () => this.#examine(volume));
    const states = { status: 'missing', raised: undefined, writer: undefined } as const;
    const volume: Volume = { entry, path, files, isUnread: false, ...states };
    this.#volumes.set(entry.number, volume);
    this.#examine(volume);
    return volume;
  }

  /** Nothing more goes to its segment, which the next flush brings to disk and closes. */
  #leave({ files, writer }: Volume): void {
    files.close();
    const isFull = (one: SegmentWriter): void => {
      if (this.#segments.has(one)) this.#segments.set(one, 'full');
    };
    // One that could not be begun has no segment.
    writer?.then(isFull, () => undefined);
  }

  #examine(volume: Volume): void {
    const { entry, path } = volume;
    volume.isUnread = false;
    const status = attempt(
      () => this.#statusOf(entry, readVolume(path)),
      () => (volume.isUnread = true),
    );
    volume.status = status ?? 'failing';
  }

  #statusOf(entry: VolumeEntry, found: VolumeIdentity | undefined): VolumeStatus {
    if (found === undefined) return 'missing';
    const isOurs = equalBytes(found.replica, this.#owner.replica);
    if (!isOurs || !equalBytes(found.id, entry.id)) return 'foreign';
    return found.sequence < entry.sequence ? 'stale' : entry.state;
  }

  list(): ListedVolume[] {
    return [...this.#volumes.values()].map(({ entry, path, status }) => {
      return { entry, path, status, isHere: isThere(status) };
    });
  }

  isHere(number: number): boolean {
    const volume = this.#find(number);
    if (volume === undefined) return false;
    if (isThere(volume.status)) {
      this.#reportedAway.delete(number);
      return true;
    }
    if (!this.#reportedAway.has(number)) this.onAway?.(volume.path);
    this.#reportedAway.add(number);
    return false;
  }

  /** The folder of a volume; '' where the registry knows none. */
  pathOf(number: number): string {
    return this.#volumes.get(number)?.path ?? '';
  }

  /** What users know a volume by. */
  nameOf(number: number): string {
    return `volume ${this.pathOf(number) || number}`;
  }

  #find(number: number): Volume | undefined {
    const known = this.#volumes.get(number);
    if (known === undefined) {
      // Another process may have added it.
      const entry = volumeEntries(this.#engine).find((one) => one.number === number);
      return entry === undefined ? undefined : this.#open(entry);
    }
    if (isUncertain(known)) this.#examine(known);
    return known;
  }

  /** The segments of a volume, to be read. REGALIA_MISSING. */
  segments(number: number): SegmentFiles {
    const volume = this.#find(number);
    if (volume !== undefined && this.isHere(number)) return volume.files;
    throw missing('volume', this.pathOf(number) || `${number}`, this.nameOf(number));
  }

  // Writing.

  /** Looks what others changed, and whether missing volumes are back, before chunks are placed. */
  lookAgain(): void {
    const entries = volumeEntries(this.#engine);
    const isNews = (entry: VolumeEntry): boolean => {
      const known = this.#volumes.get(entry.number)?.entry;
      return known === undefined || !sameEntry(known, entry);
    };
    if (entries.length !== this.#volumes.size || entries.some(isNews)) this.refresh();
    for (const volume of this.#volumes.values()) {
      if (isUncertain(volume)) this.#examine(volume);
    }
  }

  /** The volumes that accept chunks, most preferred first. REGALIA_VOLUME where none does. */
  candidates(spread: Spread, address: Address): number[] {
    const able = [...this.#volumes.values()]
      .filter(({ status, entry }) => status === 'online' && entry.weight > 0)
      .map(({ entry }) => entry);
    if (able.length === 0) throw this.#noneAble();
    return inPreference(able, spread, address);
  }

  #noneAble(): RegaliaError {
    const [first] = this.#volumes.values();
    const found = [...this.#volumes.values()].map(({ path, status }) => `${path} is ${status}`);
    const reason = `no volume accepts contents: ${found.join(', ') || 'there is none'}`;
    return badVolume(first === undefined ? '' : hex(first.entry.id), first?.path ?? '', reason);
  }

  /** Appends records, and resolves with their places. REGALIA_FULL, REGALIA_IO, REGALIA_VOLUME. */
  async append(number: number, records: readonly SegmentRecord[]): Promise<Place[]> {
    const volume = this.#volumes.get(number);
    if (volume === undefined) throw this.#noneAble();
    const writer = await this.#writer(volume);
    try {
      const offsets = await writer.append(records);
      return offsets.map((offset) => ({ volume: number, segment: writer.ids.number, offset }));
    } catch (error) {
      // Its end is torn: what comes goes to another segment.
      if (isRegaliaError(error, 'REGALIA_IO')) volume.status = 'failing';
      await this.#retire(volume, writer);
      throw error;
    }
  }

  async #writer(volume: Volume): Promise<SegmentWriter> {
    const current = await volume.writer;
    if (current !== undefined && !current.failed && current.size < SEGMENT_BYTES) {
      if (!isRetired(this.#engine, current.ids.number)) return current;
    }
    // Others may have begun one while this waited.
    if (current !== undefined) await this.#retire(volume, current);
    if (volume.writer === undefined) {
      const beginning = this.#begin(volume);
      volume.writer = beginning;
      this.#beginning.add(beginning);
      const done = (): boolean => this.#beginning.delete(beginning);
      beginning.then(done, done);
    }
    return volume.writer;
  }

  async #begin(volume: Volume): Promise<SegmentWriter> {
    try {
      volume.raised ??= this.#engine.write((batch) => this.#raise(batch, volume), 'sync');
      await volume.raised;
      return await this.#create(volume);
    } catch (error) {
      volume.writer = undefined;
      volume.raised = undefined;
      throw error;
    }
  }

  /**
   * Raises a volume's sequence, before this process first writes to it. Within the engine's write,
   * where processes take turns: else one could put a lower number over another's. The folder comes
   * first: should the write fail, it is ahead, and not taken for an old copy. REGALIA_VOLUME.
   */
  #raise(batch: Batch, { entry: { number } }: Volume): void {
    const entry = volumeEntries(batch).find((one) => one.number === number);
    if (entry === undefined) return;
    const path = this.#resolve(entry);
    const found = readVolume(path);
    const status = this.#statusOf(entry, found);
    if (found === undefined || status === 'foreign' || status === 'stale') {
      throw badVolume(hex(entry.id), path, status);
    }
    const sequence = found.sequence + 1;
    writeVolume(path, { ...found, sequence });
    putVolume(batch, { ...entry, sequence });
  }

  /** A new segment. After a power cut a number may come again: what has a file is passed over. */
  async #create({ path, entry }: Volume): Promise<SegmentWriter> {
    for (;;) {
      const number = await this.#numbers.next();
      const ids = { volume: entry.id, replica: this.#owner.replica, number };
      try {
        const writer = await SegmentWriter.create(path, ids, this.#owner.now());
        this.#begun.add(number);
        this.#segments.set(writer, 'current');
        return writer;
      } catch (error) {
        if (!isRegaliaError(error, 'REGALIA_EXISTS')) throw error;
      }
    }
  }

  /** The next record of each volume begins a segment: upkeep may have those before. */
  async roll(): Promise<void> {
    for (const volume of this.#volumes.values()) {
      const writer = await volume.writer;
      if (writer !== undefined) await this.#retire(volume, writer);
    }
    await this.sync();
  }

  /** Whether this process may still append to a segment, or bring it to disk. */
  async isWriting(segment: number): Promise<boolean> {
    await Promise.allSettled(this.#beginning);
    return [...this.#segments.keys()].some(({ ids }) => ids.number === segment);
  }

  hasBegun(segment: number): boolean {
    return this.#begun.has(segment);
  }

  forgetSegment(volume: number, segment: number): void {
    this.#volumes.get(volume)?.files.forget(segment);
    this.#begun.delete(segment);
  }

  /** Nothing more goes to this segment. */
  async #retire(volume: Volume, writer: SegmentWriter): Promise<void> {
    if (this.#segments.get(writer) !== 'current') return;
    this.#segments.set(writer, 'full');
    if ((await volume.writer) === writer) volume.writer = undefined;
  }

  /** Brings all that was appended to disk, these copies too. REGALIA_IO, REGALIA_FULL. */
  async sync(copies: readonly Place[] = []): Promise<void> {
    const isLost = ({ ids }: SegmentWriter): boolean => this.#unflushed.has(ids.number);
    const dirty = [...this.#segments.keys()].filter((one) => one.dirty && !isLost(one));
    const failures: unknown[] = [];
    const failed = (writer: SegmentWriter, error: unknown): void => {
      this.#unflushed.set(writer.ids.number, error);
      failures.push(error);
    };
    await Promise.all(dirty.map((one) => one.sync().catch((error) => failed(one, error))));
    for (const [writer, state] of [...this.#segments]) {
      if (state === 'current' || (writer.dirty && !isLost(writer))) continue;
      if (this.#segments.delete(writer)) await writer.close();
    }
    const lost = copies.find(({ segment }) => this.#unflushed.has(segment));
    if (lost !== undefined) failures.push(this.#unflushed.get(lost.segment));
    if (failures.length > 0) throw failures[0];
  }

  async close(): Promise<void> {
    for (const volume of this.#volumes.values()) this.#leave(volume);
    this.#volumes.clear();
    await Promise.allSettled(this.#beginning);
    const writers = [...this.#segments.keys()];
    this.#segments.clear();
    for (const writer of writers) await writer.close();
  }
}

/** Whether it is looked for again when it is asked for. */
function isUncertain({ status, isUnread }: Volume): boolean {
  return status === 'missing' || isUnread;
}

function isThere(status: VolumeStatus): boolean {
  return status !== 'missing' && status !== 'foreign';
}

/** Whether nothing changed that writers should know of. */
function sameEntry(a: VolumeEntry, b: VolumeEntry): boolean {
  const same = a.state === b.state && a.weight === b.weight && a.path === b.path;
  return same && equalBytes(a.id, b.id);
}
