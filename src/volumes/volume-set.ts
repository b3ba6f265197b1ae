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
import type { Address } from '../blocks/address.js';
import { equalBytes, hex } from '../ground/bytes.js';
import { badVolume, isRegaliaError, missing, type RegaliaError } from '../ground/errors.js';
import type { Place } from './chunk-row.js';
import { inPreference, type Spread } from './placement.js';
import type { VolumeEntry, VolumeState } from './registry.js';
import { type ScannedRecord, SegmentFiles, type SegmentRecord } from './segment-reader.js';
import { SegmentWriter } from './segment-writer.js';
import { readVolume, type VolumeIdentity } from './volume-folder.js';

/** From this size on a segment is closed, and a new one begun. */
const SEGMENT_BYTES = 64 * 1024 * 1024;

/** What a set of volumes needs of its store. */
interface VolumeHost {
  readonly replica: Uint8Array;
  readonly readOnly: boolean;
  readonly now: () => number;
  /** The registry as it is now. */
  entries(): VolumeEntry[];
  /** The path of a volume, from the store's folder. */
  resolve(path: string): string;
  /** A segment number that nobody has. */
  nextSegment(): Promise<number>;
  /** Whether a segment is being emptied: then nothing more goes there. */
  isRetired(segment: number): boolean;
  /**
   * Raises a volume's sequence in its folder and the registry, before this process first writes to
   * it. REGALIA_VOLUME where the folder is not there by now, or is an old copy.
   */
  raise(entry: VolumeEntry): Promise<void>;
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
  raised: Promise<void> | undefined;
  writer: Promise<SegmentWriter> | undefined;
}

export class VolumeSet {
  readonly #host: VolumeHost;
  readonly #volumes = new Map<number, Volume>();
  /** Segments that are open for writing; to a full one nothing more goes. */
  readonly #segments = new Map<SegmentWriter, 'current' | 'full'>();
  /** Segments that are being made. */
  readonly #beginning = new Set<Promise<SegmentWriter>>();
  /** Numbers of segments that were begun here. */
  readonly #begun = new Set<number>();
  /**
   * Segments that could not be brought to disk, and why: for those who appended there and have not
   * asked yet.
   */
  readonly #unflushed = new Map<number, unknown>();
  /** Volumes that were reported to be away, and have not been here since. */
  readonly #reportedAway = new Set<number>();
  /** Called with the folder of a volume that is asked for and away: once, until it is back. */
  onAway: ((path: string) => void) | undefined;

  constructor(host: VolumeHost) {
    this.#host = host;
    this.refresh();
  }

  /** Reads the registry and looks at every folder again. */
  refresh(): void {
    const entries = this.#host.entries();
    for (const entry of entries) {
      const known = this.#volumes.get(entry.number);
      if (known !== undefined && equalBytes(known.entry.id, entry.id)) {
        const path = this.#host.resolve(entry.path);
        if (path === known.path) {
          known.entry = entry;
          this.#examine(known);
          continue;
        }
        this.#leave(known);
      }
      this.#open(entry);
    }
    for (const number of this.#volumes.keys()) {
      if (!entries.some((entry) => entry.number === number)) this.#forget(number);
    }
  }

  #open(entry: VolumeEntry): Volume {
    const path = this.#host.resolve(entry.path);
    const ids = { volume: entry.id, replica: this.#host.replica };
    const files = new SegmentFiles(path, ids, () => this.#examine(volume));
    const states = { status: 'missing', raised: undefined, writer: undefined } as const;
    const volume: Volume = { entry, path, files, ...states };
    this.#volumes.set(entry.number, volume);
    this.#examine(volume);
    return volume;
  }

  #forget(number: number): void {
    const volume = this.#volumes.get(number);
    if (volume !== undefined) this.#leave(volume);
    this.#volumes.delete(number);
  }

  /** Nothing more goes to its segment, which the next flush brings to disk and closes. */
  #leave({ files, writer }: Volume): void {
    files.close();
    const isFull = (one: SegmentWriter | undefined): void => {
      if (one !== undefined && this.#segments.get(one) === 'current') {
        this.#segments.set(one, 'full');
      }
    };
    // One that could not be begun has no segment.
    writer?.then(isFull, () => undefined);
  }

  #examine(volume: Volume): void {
    const { entry } = volume;
    let found: VolumeIdentity | undefined;
    try {
      found = readVolume(volume.path);
    } catch (error) {
      if (!isRegaliaError(error)) throw error;
      volume.status = 'failing';
      return;
    }
    if (found === undefined) volume.status = 'missing';
    else if (!equalBytes(found.id, entry.id) || !equalBytes(found.replica, this.#host.replica)) {
      volume.status = 'foreign';
    } else if (found.sequence < entry.sequence) volume.status = 'stale';
    else volume.status = entry.state;
  }

  list(): ListedVolume[] {
    return [...this.#volumes.values()].map(({ entry, path, status }) => {
      return { entry, path, status, isHere: isThere(status) };
    });
  }

  /** Whether a volume can be read from. */
  isHere(number: number): boolean {
    const volume = this.#find(number);
    if (volume === undefined) return false;
    const isHere = isThere(volume.status);
    if (isHere) this.#reportedAway.delete(number);
    else if (!this.#reportedAway.has(number)) {
      this.#reportedAway.add(number);
      this.onAway?.(volume.path);
    }
    return isHere;
  }

  /** The folder of a volume; '' where the registry knows none. */
  pathOf(number: number): string {
    return this.#volumes.get(number)?.path ?? '';
  }

  /** What users know a volume by. */
  nameOf(number: number): string {
    const volume = this.#volumes.get(number);
    return volume === undefined ? `volume ${number}` : `volume ${volume.path}`;
  }

  #find(number: number): Volume | undefined {
    const known = this.#volumes.get(number);
    if (known === undefined) {
      // Another process may have added it.
      const entry = this.#host.entries().find((one) => one.number === number);
      return entry === undefined ? undefined : this.#open(entry);
    }
    if (known.status === 'missing') this.#examine(known);
    return known;
  }

  // Reading.

  /** The record at a place. REGALIA_MISSING, REGALIA_CORRUPT, REGALIA_FORMAT, REGALIA_IO. */
  readSync({ volume, segment, offset }: Place, storedLength: number): SegmentRecord {
    return this.#files(volume).readRecordSync({ segment, offset, storedLength });
  }

  /** Records of one segment that follow each other directly, by one read. */
  async readRun(
    volume: number,
    places: readonly { segment: number; offset: number; storedLength: number }[],
  ): Promise<SegmentRecord[]> {
    return this.#files(volume).readRun(places);
  }

  /**
   * A range of a record from its first byte on, as it is: check what you read. Errors as
   * `readSync`.
   */
  readRangeSync({ volume, segment, offset }: Place, from: number, length: number): Uint8Array {
    return this.#files(volume).readRangeSync(segment, offset + from, length);
  }

  /** The same without holding up the event loop. */
  async readRange(
    { volume, segment, offset }: Place,
    from: number,
    length: number,
  ): Promise<Uint8Array> {
    return this.#files(volume).readRange(segment, offset + from, length);
  }

  /** The records of a segment of `size` bytes, in order. Errors as `readSync`. */
  recordsIn(volume: number, segment: number, size: number): Generator<ScannedRecord, void> {
    return this.#files(volume).records(segment, size);
  }

  /** The segments of a volume, to be read in one's own way. REGALIA_MISSING. */
  segments(number: number): SegmentFiles {
    return this.#files(number);
  }

  #files(number: number): SegmentFiles {
    const volume = this.#find(number);
    if (volume !== undefined && this.isHere(number)) return volume.files;
    throw missing('volume', this.pathOf(number) || `${number}`, this.nameOf(number));
  }

  // Writing.

  /**
   * Looks what others have changed, and whether volumes that were missing are here: before new
   * chunks are placed.
   */
  lookAgain(): void {
    const entries = this.#host.entries();
    const isNews = (entry: VolumeEntry): boolean => {
      const known = this.#volumes.get(entry.number)?.entry;
      return known === undefined || !sameEntry(known, entry);
    };
    if (entries.length !== this.#volumes.size || entries.some(isNews)) this.refresh();
    for (const volume of this.#volumes.values()) {
      if (volume.status === 'missing') this.#examine(volume);
    }
  }

  /**
   * The volumes that accept new chunks, most preferred first. REGALIA_VOLUME where there is none.
   */
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

  /**
   * Appends records to a volume, and resolves with where they are. REGALIA_FULL, REGALIA_IO,
   * REGALIA_VOLUME.
   */
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
      if (!this.#host.isRetired(current.ids.number)) return current;
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
      volume.raised ??= this.#host.raise(volume.entry);
      await volume.raised;
      return await this.#create(volume);
    } catch (error) {
      volume.writer = undefined;
      volume.raised = undefined;
      throw error;
    }
  }

  /**
   * A new segment. After a power cut numbers may be given out again that there are files of: these
   * are passed over.
   */
  async #create({ path, entry }: Volume): Promise<SegmentWriter> {
    for (;;) {
      const number = await this.#host.nextSegment();
      const ids = { volume: entry.id, replica: this.#host.replica, number };
      try {
        const writer = await SegmentWriter.create(path, ids, this.#host.now());
        this.#begun.add(number);
        this.#segments.set(writer, 'current');
        return writer;
      } catch (error) {
        if (!isRegaliaError(error, 'REGALIA_EXISTS')) throw error;
      }
    }
  }

  /**
   * Begins a new segment with the next record on each volume, so that upkeep may have those before.
   */
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

  /** Whether a segment was begun by this process. */
  hasBegun(segment: number): boolean {
    return this.#begun.has(segment);
  }

  /** A segment's file was removed. */
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

  /**
   * Brings all that was appended to disk, and sees that these copies are. REGALIA_IO, REGALIA_FULL.
   */
  async sync(copies: readonly Place[] = []): Promise<void> {
    const isLost = ({ ids }: SegmentWriter): boolean => this.#unflushed.has(ids.number);
    const dirty = [...this.#segments.keys()].filter((one) => one.dirty && !isLost(one));
    const flushed = await Promise.allSettled(dirty.map((writer) => writer.sync()));
    for (const [i, result] of flushed.entries()) {
      const { ids } = dirty[i] as SegmentWriter;
      if (result.status === 'rejected') this.#unflushed.set(ids.number, result.reason);
    }
    for (const [writer, state] of [...this.#segments]) {
      if (state === 'current' || (writer.dirty && !isLost(writer))) continue;
      if (this.#segments.delete(writer)) await writer.close();
    }
    for (const result of flushed) if (result.status === 'rejected') throw result.reason;
    if (this.#unflushed.size === 0) return;
    const lost = copies.find(({ segment }) => this.#unflushed.has(segment));
    if (lost !== undefined) throw this.#unflushed.get(lost.segment);
  }

  async close(): Promise<void> {
    for (const number of [...this.#volumes.keys()]) this.#forget(number);
    await Promise.allSettled(this.#beginning);
    const writers = [...this.#segments.keys()];
    this.#segments.clear();
    for (const writer of writers) await writer.close();
  }
}

function isThere(status: VolumeStatus): boolean {
  return status !== 'missing' && status !== 'foreign';
}

/** Whether nothing changed that writers should know of. */
function sameEntry(a: VolumeEntry, b: VolumeEntry): boolean {
  const same = a.state === b.state && a.weight === b.weight && a.path === b.path;
  return same && equalBytes(a.id, b.id);
}
