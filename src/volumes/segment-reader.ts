/**
 * Reads records of a volume's segments where an index says they are, and finds them where there is none.
 *
 * Invariants: a record is given only if its header is that of its place and its stored bytes have its checksum; no
 * length is believed before it is compared with what may be; few files are open at once.
 */
import fs from 'node:fs';
import path from 'node:path';
import { LRUCache } from 'lru-cache';
import { isRegaliaError, RegaliaError } from '../errors.js';
import { fileError } from './file-error.js';
import {
  checkStored,
  decodeRecordHead,
  decodeSegmentHeader,
  RECORD_HEADER,
  type RecordHead,
  SEGMENT_HEADER,
  type SegmentIds,
} from './segment-format.js';
import { segmentFile } from './volume-folder.js';

/** A record's header, and its stored bytes. */
export interface SegmentRecord {
  readonly head: RecordHead;
  readonly stored: Uint8Array;
}

/** Where a record lies within a volume, and how many stored bytes it has. */
export interface RecordPlace {
  readonly segment: number;
  readonly offset: number;
  readonly storedLength: number;
}

const OPEN_MAX = 64;

/** The segments of one volume, open for reading. */
export class SegmentFiles {
  readonly folder: string;
  readonly #volume: Uint8Array;
  readonly #replica: Uint8Array;
  readonly #open: LRUCache<number, number>;
  /** Reads under way by descriptor, so that none is closed beneath them. */
  readonly #busy = new Map<number, number>();
  readonly #closing = new Set<number>();

  constructor(folder: string, ids: Omit<SegmentIds, 'number'>) {
    this.folder = folder;
    this.#volume = ids.volume;
    this.#replica = ids.replica;
    this.#open = new LRUCache({ max: OPEN_MAX, dispose: (descriptor) => this.#let(descriptor) });
  }

  readRecordSync(place: RecordPlace): SegmentRecord {
    const bytes = this.#readSync(place.segment, place.offset, RECORD_HEADER + place.storedLength);
    return this.#record(bytes, place);
  }

  async readRecord(place: RecordPlace): Promise<SegmentRecord> {
    const [record] = await this.readRun([place]);
    return record as SegmentRecord;
  }

  /** Records of one segment that follow each other, by one read. */
  async readRun(places: readonly RecordPlace[]): Promise<SegmentRecord[]> {
    const [first, last] = [places[0] as RecordPlace, places[places.length - 1] as RecordPlace];
    const length = last.offset + RECORD_HEADER + last.storedLength - first.offset;
    const bytes = await this.#read(first.segment, first.offset, length);
    return places.map((place) => {
      const from = place.offset - first.offset;
      return this.#record(bytes.subarray(from, from + RECORD_HEADER + place.storedLength), place);
    });
  }

  /** A range of the file as it is, for parts of a record: check what you read. */
  readRangeSync(segment: number, offset: number, length: number): Uint8Array {
    return this.#readSync(segment, offset, length);
  }

  readRange(segment: number, offset: number, length: number): Promise<Uint8Array> {
    return this.#read(segment, offset, length);
  }

  #record(bytes: Uint8Array, place: RecordPlace): SegmentRecord {
    const ids = { volume: this.#volume, replica: this.#replica, number: place.segment };
    const head = decodeRecordHead(bytes, ids, place.offset);
    if (head.storedLength !== place.storedLength) {
      const expected = `${place.storedLength} stored bytes`;
      const message = `record ${place.offset} of ${segmentFile(place.segment)} is another`;
      const data = { what: 'record', expected, actual: `${head.storedLength}` };
      throw new RegaliaError('REGALIA_CORRUPT', message, data);
    }
    const stored = bytes.subarray(RECORD_HEADER);
    checkStored(head, stored, place.offset);
    return { head, stored };
  }

  #readSync(segment: number, offset: number, length: number): Uint8Array {
    try {
      const descriptor = this.#descriptor(segment);
      const bytes = new Uint8Array(length);
      let at = 0;
      while (at < length) {
        const count = fs.readSync(descriptor, bytes, at, length - at, offset + at);
        if (count === 0) throw this.#short(segment, offset, length, at);
        at += count;
      }
      return bytes;
    } catch (error) {
      throw this.#failed(error, segment);
    }
  }

  async #read(segment: number, offset: number, length: number): Promise<Uint8Array> {
    let descriptor: number | undefined;
    try {
      descriptor = this.#descriptor(segment);
      this.#busy.set(descriptor, (this.#busy.get(descriptor) ?? 0) + 1);
      const bytes = new Uint8Array(length);
      let at = 0;
      while (at < length) {
        const count = await readAt(descriptor, bytes, at, offset + at);
        if (count === 0) throw this.#short(segment, offset, length, at);
        at += count;
      }
      return bytes;
    } catch (error) {
      throw this.#failed(error, segment);
    } finally {
      if (descriptor !== undefined) this.#idle(descriptor);
    }
  }

  #descriptor(segment: number): number {
    const known = this.#open.get(segment);
    if (known !== undefined) return known;
    const file = path.join(this.folder, segmentFile(segment));
    const descriptor = fs.openSync(file, 'r');
    try {
      this.#checkOwner(descriptor, segment);
    } catch (error) {
      fs.closeSync(descriptor);
      throw error;
    }
    this.#open.set(segment, descriptor);
    return descriptor;
  }

  #checkOwner(descriptor: number, segment: number): void {
    const header = new Uint8Array(SEGMENT_HEADER);
    const count = fs.readSync(descriptor, header, 0, SEGMENT_HEADER, 0);
    if (count < SEGMENT_HEADER) throw this.#short(segment, 0, SEGMENT_HEADER, count);
    // Records are bound to the ids that they are read with, so what is wrong here shows there too.
    decodeSegmentHeader(header);
  }

  #short(segment: number, offset: number, length: number, found: number): RegaliaError {
    const what = `${length} bytes at ${offset} of ${path.join(this.folder, segmentFile(segment))}`;
    const message = `there are only ${found} of ${what}`;
    return new RegaliaError('REGALIA_MISSING', message, { address: what, source: this.folder });
  }

  #failed(error: unknown, segment: number): unknown {
    if (isRegaliaError(error)) return error;
    const file = path.join(this.folder, segmentFile(segment));
    const told = fileError(error, file, 'read');
    if (!isRegaliaError(told, 'REGALIA_NOT_FOUND')) return told;
    const data = { address: file, source: this.folder };
    return new RegaliaError('REGALIA_MISSING', `${file} is not there`, data, { cause: error });
  }

  #idle(descriptor: number): void {
    const left = (this.#busy.get(descriptor) ?? 1) - 1;
    if (left > 0) this.#busy.set(descriptor, left);
    else {
      this.#busy.delete(descriptor);
      if (this.#closing.delete(descriptor)) fs.closeSync(descriptor);
    }
  }

  #let(descriptor: number): void {
    if (this.#busy.has(descriptor)) this.#closing.add(descriptor);
    else fs.closeSync(descriptor);
  }

  /** The segment is gone, or another: what is open of it is let go. */
  forget(segment: number): void {
    this.#open.delete(segment);
  }

  close(): void {
    this.#open.clear();
  }
}

function readAt(
  descriptor: number,
  bytes: Uint8Array,
  at: number,
  position: number,
): Promise<number> {
  return new Promise((resolve, reject) => {
    fs.read(descriptor, bytes, at, bytes.length - at, position, (error, count) => {
      if (error === null) resolve(count);
      else reject(error);
    });
  });
}
