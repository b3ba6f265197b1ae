/**
 * Reads records of a volume's segments where an index says they are, and finds them where there is
 * none.
 *
 * Invariants: a record is given only if its header is that of its place and its stored bytes have
 * its checksum; no length is believed before it is compared with what may be; few files are open at
 * once.
 */
import fs from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { BoundedMap } from '../ground/bounded-map.js';
import {
  attempt,
  corrupt,
  ioError,
  isRegaliaError,
  missing,
  type RegaliaError,
} from '../ground/errors.js';
import {
  checkStored,
  decodeRecordHead,
  decodeSegmentHeader,
  RECORD_HEADER,
  RECORD_MAGIC,
  type RecordHead,
  SEGMENT_HEADER,
  type SegmentIds,
} from './segment-format.js';
import { segmentFile } from './volume-folder.js';

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

/** A record that was met in order; without a head where it is damaged. */
export interface ScannedRecord {
  readonly offset: number;
  readonly end: number;
  readonly head: RecordHead | undefined;
}

/** A segment that is open: what its records are read from, and bound to. */
export interface OpenSegment {
  readonly descriptor: number;
  readonly ids: SegmentIds;
}

const OPEN_MAX = 64;
/** Bytes looked through at once for a record behind a damaged one. */
const SCAN_BYTES = 65_536;

export class SegmentFiles {
  readonly folder: string;
  readonly #volume: Uint8Array;
  readonly #replica: Uint8Array;
  readonly #onMissing: () => void;
  /** Descriptors by segment; the one used longest ago is closed first. */
  readonly #open: BoundedMap<number, number>;
  /** Reads under way by descriptor, so that none is closed while they go on. */
  readonly #busy = new Map<number, number>();
  readonly #closing = new Set<number>();

  /** `onMissing` is called for each file that is not there: its volume may be gone. */
  constructor(folder: string, ids: Omit<SegmentIds, 'number'>, onMissing = (): void => {}) {
    this.folder = folder;
    this.#onMissing = onMissing;
    this.#volume = ids.volume;
    this.#replica = ids.replica;
    this.#open = new BoundedMap(OPEN_MAX, (descriptor) => this.#close(descriptor));
  }

  /** REGALIA_MISSING, REGALIA_CORRUPT, REGALIA_FORMAT, REGALIA_IO. */
  readRecordSync(place: RecordPlace): SegmentRecord {
    const bytes = this.readSync(place.segment, place.offset, RECORD_HEADER + place.storedLength);
    return this.#record(bytes, place);
  }

  /** Records of one segment that follow each other directly, by one read. */
  async readRun(places: readonly RecordPlace[]): Promise<SegmentRecord[]> {
    const [first, last] = [places[0] as RecordPlace, places[places.length - 1] as RecordPlace];
    const length = last.offset + RECORD_HEADER + last.storedLength - first.offset;
    const bytes = await this.read(first.segment, first.offset, length);
    return places.map((place) => {
      const from = place.offset - first.offset;
      return this.#record(bytes.subarray(from, from + RECORD_HEADER + place.storedLength), place);
    });
  }

  /**
   * The records of a segment of `size` bytes, in order; a damaged head is passed over, up to the
   * next that is sound. Stored bytes are not read. REGALIA_MISSING, REGALIA_FORMAT, REGALIA_IO.
   */
  *records(segment: number, size: number): Generator<ScannedRecord, void> {
    const ids = this.#ids(segment);
    let at = SEGMENT_HEADER;
    while (at + RECORD_HEADER <= size) {
      const bytes = this.readSync(segment, at, RECORD_HEADER);
      const head = attempt(() => decodeRecordHead(bytes, ids, at));
      if (head !== undefined && at + RECORD_HEADER + head.storedLength <= size) {
        const end = at + RECORD_HEADER + head.storedLength;
        yield { offset: at, end, head };
        at = end;
        continue;
      }
      const next = this.#nextRecord(ids, at + 1, size);
      if (next === undefined) return;
      yield { offset: at, end: next, head: undefined };
      at = next;
    }
  }

  #nextRecord(ids: SegmentIds, from: number, size: number): number | undefined {
    for (let at = from; at + RECORD_HEADER <= size; at += SCAN_BYTES) {
      const length = Math.min(SCAN_BYTES + RECORD_HEADER, size - at);
      const bytes = this.readSync(ids.number, at, length);
      const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
      let found = view.indexOf(RECORD_MAGIC);
      while (found >= 0 && found < SCAN_BYTES && found + RECORD_HEADER <= length) {
        const [head, offset] = [bytes.subarray(found), at + found];
        if (attempt(() => decodeRecordHead(head, ids, offset)) !== undefined) return offset;
        found = view.indexOf(RECORD_MAGIC, found + 1);
      }
    }
    return undefined;
  }

  /** What `act` makes of the open segment, at once; its errors are reported as this file's. */
  use<T>(segment: number, act: (open: OpenSegment) => T): T {
    try {
      return act({ descriptor: this.#descriptor(segment), ids: this.#ids(segment) });
    } catch (error) {
      throw this.#failed(error, segment);
    }
  }

  /** The open segment, which stays open until `release`. */
  keepOpen(segment: number): OpenSegment {
    return this.use(segment, (open) => {
      this.#busy.set(open.descriptor, (this.#busy.get(open.descriptor) ?? 0) + 1);
      return open;
    });
  }

  release({ descriptor }: OpenSegment): void {
    const left = (this.#busy.get(descriptor) ?? 1) - 1;
    if (left > 0) this.#busy.set(descriptor, left);
    else {
      this.#busy.delete(descriptor);
      if (this.#closing.delete(descriptor)) fs.closeSync(descriptor);
    }
  }

  #ids(number: number): SegmentIds {
    return { volume: this.#volume, replica: this.#replica, number };
  }

  #record(bytes: Uint8Array, place: RecordPlace): SegmentRecord {
    const head = decodeRecordHead(bytes, this.#ids(place.segment), place.offset);
    if (head.storedLength !== place.storedLength) {
      const what = `record ${place.offset} of ${segmentFile(place.segment)}`;
      throw corrupt(what, `${place.storedLength} stored bytes`, `${head.storedLength}`);
    }
    const stored = bytes.subarray(RECORD_HEADER);
    checkStored(head, stored, place.offset);
    return { head, stored };
  }

  /** A range of the file as it is: check what you read. Errors as `readRecordSync`. */
  readSync(segment: number, offset: number, length: number): Uint8Array {
    return this.use(segment, ({ descriptor }) => {
      const bytes = new Uint8Array(length);
      const count = readFully(descriptor, bytes, offset);
      if (count < length) throw this.#short(segment, offset, length, count);
      return bytes;
    });
  }

  /** The same without holding up the event loop. */
  async read(segment: number, offset: number, length: number): Promise<Uint8Array> {
    const open = this.keepOpen(segment);
    try {
      const bytes = new Uint8Array(length);
      for (let at = 0; at < length; ) {
        const { bytesRead } = await readAsync(open.descriptor, bytes, at, length - at, offset + at);
        if (bytesRead === 0) throw this.#short(segment, offset, length, at);
        at += bytesRead;
      }
      return bytes;
    } catch (error) {
      throw this.#failed(error, segment);
    } finally {
      this.release(open);
    }
  }

  #descriptor(segment: number): number {
    const known = this.#open.use(segment);
    if (known !== undefined) return known;
    const descriptor = fs.openSync(this.#fileOf(segment), 'r');
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
    const count = readFully(descriptor, header, 0);
    if (count < SEGMENT_HEADER) throw this.#short(segment, 0, SEGMENT_HEADER, count);
    // Records are bound to the ids that they are read with, so what is wrong here shows there too.
    decodeSegmentHeader(header);
  }

  #short(segment: number, offset: number, length: number, found: number): RegaliaError {
    const what = `the end of ${length} bytes at ${offset}, of which ${found} are here, of`;
    return missing(what, this.#fileOf(segment));
  }

  #failed(error: unknown, segment: number): unknown {
    if (isRegaliaError(error)) return error;
    const file = this.#fileOf(segment);
    const known = ioError(error, file, 'read');
    if (!isRegaliaError(known, 'REGALIA_NOT_FOUND')) return known;
    this.#onMissing();
    return missing('segment', file, undefined, { cause: error });
  }

  #fileOf(segment: number): string {
    return path.join(this.folder, segmentFile(segment));
  }

  #close(descriptor: number): void {
    if (this.#busy.has(descriptor)) this.#closing.add(descriptor);
    else fs.closeSync(descriptor);
  }

  /** The segment is gone, or another: it is opened anew when it is read next. */
  forget(segment: number): void {
    this.#open.delete(segment);
  }

  close(): void {
    this.#open.clear();
  }
}

const readAsync = promisify(fs.read);

/** Fills `out` from a place in a file, as far as that goes. Returns how many bytes it has now. */
export function readFully(descriptor: number, out: Uint8Array, position: number): number {
  let at = 0;
  while (at < out.length) {
    const count = fs.readSync(descriptor, out, at, out.length - at, position + at);
    if (count === 0) break;
    at += count;
  }
  return at;
}
