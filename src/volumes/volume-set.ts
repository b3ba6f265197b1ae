/**
 * The volumes of an open store: which are here, what is read from them, and what is appended.
 *
 * Invariants: a volume that is not here is told as such, and looked for again when it is asked for; one whose folder is
 * an old copy, or belongs to others, is never written to; what was appended counts once `sync` has brought it to disk;
 * segments are this process's own, so that processes never wait for each other.
 */
import type { Address } from '../blocks/address.js';
import type { PieceCare } from '../blocks/piece-home.js';
import { equalBytes, hex } from '../bytes.js';
import { isRegaliaError, RegaliaError } from '../errors.js';
import type { Place } from './piece-row.js';
import { inPreference } from './placement.js';
import type { VolumeEntry, VolumeState } from './registry.js';
import { SegmentFiles, type SegmentRecord } from './segment-reader.js';
import { SegmentWriter } from './segment-writer.js';
import { readVolume, type VolumeIdentity } from './volume-folder.js';

/** From this size on a segment is closed, and a new one begun. */
const SEGMENT_BYTES = 64 * 1024 * 1024;

/** What a set of volumes needs of its store. */
export interface VolumeHost {
  readonly replica: Uint8Array;
  readonly readOnly: boolean;
  readonly now: () => number;
  /** The registry as it is now. */
  entries(): VolumeEntry[];
  /** The path of a volume, from the store's folder. */
  resolve(path: string): string;
  /** A segment number that nobody has. */
  nextSegment(): Promise<number>;
  /** Raises a volume's sequence in its folder and the registry, before this process first writes to it. */
  raise(entry: VolumeEntry, found: VolumeIdentity): Promise<void>;
}

/** How a volume was found. */
export type VolumeStatus = VolumeState | 'stale' | 'foreign';

interface Volume {
  entry: VolumeEntry;
  readonly path: string;
  readonly files: SegmentFiles;
  status: VolumeStatus;
  found: VolumeIdentity | undefined;
  raised: Promise<void> | undefined;
  writer: Promise<SegmentWriter> | undefined;
}

export class VolumeSet {
  readonly #host: VolumeHost;
  readonly #volumes = new Map<number, Volume>();
  /** Writers with something that is not on disk yet. */
  readonly #dirty = new Set<SegmentWriter>();
  /** Full segments, to be closed once they are on disk. */
  readonly #done = new Set<SegmentWriter>();

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
        known.files.close();
      }
      this.#open(entry);
    }
    for (const number of this.#volumes.keys()) {
      if (!entries.some((entry) => entry.number === number)) this.#forget(number);
    }
  }

  #open(entry: VolumeEntry): Volume {
    const path = this.#host.resolve(entry.path);
    const files = new SegmentFiles(path, { volume: entry.id, replica: this.#host.replica });
    const volume: Volume = {
      entry,
      path,
      files,
      status: 'missing',
      found: undefined,
      raised: undefined,
      writer: undefined,
    };
    this.#volumes.set(entry.number, volume);
    this.#examine(volume);
    return volume;
  }

  #forget(number: number): void {
    this.#volumes.get(number)?.files.close();
    this.#volumes.delete(number);
  }

  #examine(volume: Volume): void {
    const { entry } = volume;
    try {
      volume.found = readVolume(volume.path);
    } catch (error) {
      if (!isRegaliaError(error)) throw error;
      volume.found = undefined;
      volume.status = 'failing';
      return;
    }
    const { found } = volume;
    if (found === undefined) volume.status = 'missing';
    else if (!equalBytes(found.id, entry.id) || !equalBytes(found.replica, this.#host.replica)) {
      volume.status = 'foreign';
    } else if (found.sequence < entry.sequence) volume.status = 'stale';
    else volume.status = entry.state;
  }

  /** Each volume's entry, where it is, and how it was found. */
  list(): { entry: VolumeEntry; path: string; status: VolumeStatus }[] {
    return [...this.#volumes.values()].map(({ entry, path, status }) => ({ entry, path, status }));
  }

  /** Whether a volume can be read from. */
  isHere(number: number): boolean {
    const status = this.#find(number)?.status;
    return status !== undefined && status !== 'missing' && status !== 'foreign';
  }

  /** A volume as told to users. */
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

  /** The same without holding up the event loop. */
  async read({ volume, segment, offset }: Place, storedLength: number): Promise<SegmentRecord> {
    return this.#files(volume).readRecord({ segment, offset, storedLength });
  }

  /** Records of one segment that follow each other directly, by one read. */
  async readRun(
    volume: number,
    places: readonly { segment: number; offset: number; storedLength: number }[],
  ): Promise<SegmentRecord[]> {
    return this.#files(volume).readRun(places);
  }

  #files(number: number): SegmentFiles {
    const volume = this.#find(number);
    if (volume !== undefined && this.isHere(number)) return volume.files;
    const source = this.nameOf(number);
    const data = { address: source, source };
    throw new RegaliaError('REGALIA_MISSING', `${source} is not here`, data);
  }

  // Writing.

  /** The volumes that take new pieces, most preferred first. REGALIA_VOLUME where there is none. */
  candidates(care: PieceCare, address: Address): number[] {
    const able = [...this.#volumes.values()]
      .filter(({ status, entry }) => status === 'online' && entry.weight > 0)
      .map(({ entry }) => entry);
    if (able.length === 0) throw this.#noneAble();
    return inPreference(able, care, address);
  }

  #noneAble(): RegaliaError {
    const [first] = this.#volumes.values();
    const told = [...this.#volumes.values()].map(({ path, status }) => `${path} is ${status}`);
    const reason = told.length === 0 ? 'there is none' : told.join(', ');
    return new RegaliaError('REGALIA_VOLUME', `no volume takes contents: ${reason}`, {
      volume: first === undefined ? '' : hex(first.entry.id),
      path: first?.path ?? '',
      reason,
    });
  }

  /** Appends records to a volume, and resolves with where they are. REGALIA_FULL, REGALIA_IO, REGALIA_VOLUME. */
  async append(number: number, records: readonly SegmentRecord[]): Promise<Place[]> {
    const volume = this.#volumes.get(number);
    if (volume === undefined) throw this.#noneAble();
    const writer = await this.#writer(volume);
    this.#dirty.add(writer);
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
    if (current !== undefined && !current.failed && current.size < SEGMENT_BYTES) return current;
    // Others may have begun one while this waited.
    if (current !== undefined) await this.#retire(volume, current);
    volume.writer ??= this.#begin(volume);
    return volume.writer;
  }

  async #begin(volume: Volume): Promise<SegmentWriter> {
    try {
      const { found, entry } = volume;
      if (found !== undefined) volume.raised ??= this.#host.raise(entry, found);
      await volume.raised;
      return await this.#create(volume);
    } catch (error) {
      volume.writer = undefined;
      volume.raised = undefined;
      throw error;
    }
  }

  /** A new segment. After a power cut numbers may be given out again that there are files of: these are passed over. */
  async #create({ path, entry }: Volume): Promise<SegmentWriter> {
    for (;;) {
      const number = await this.#host.nextSegment();
      const ids = { volume: entry.id, replica: this.#host.replica, number };
      try {
        return await SegmentWriter.create(path, ids, this.#host.now());
      } catch (error) {
        if (!isRegaliaError(error, 'REGALIA_EXISTS')) throw error;
      }
    }
  }

  /** No more goes to this segment. */
  async #retire(volume: Volume, writer: SegmentWriter): Promise<void> {
    if (this.#done.has(writer)) return;
    this.#done.add(writer);
    if ((await volume.writer) === writer) volume.writer = undefined;
  }

  /** Brings all that was appended to disk. REGALIA_IO, REGALIA_FULL. */
  async sync(): Promise<void> {
    const dirty = [...this.#dirty];
    const synced = await Promise.allSettled(dirty.map((writer) => writer.sync()));
    for (const [i, result] of synced.entries()) {
      const writer = dirty[i] as SegmentWriter;
      if (result.status === 'rejected' || !writer.dirty) this.#dirty.delete(writer);
      if (this.#done.has(writer) && !this.#dirty.has(writer)) {
        this.#done.delete(writer);
        await writer.close();
      }
    }
    for (const result of synced) if (result.status === 'rejected') throw result.reason;
  }

  async close(): Promise<void> {
    const writers = new Set(this.#done);
    for (const volume of this.#volumes.values()) {
      const writer = await volume.writer?.catch(() => undefined);
      if (writer !== undefined) writers.add(writer);
      volume.files.close();
    }
    this.#volumes.clear();
    for (const writer of writers) await writer.close();
  }
}
