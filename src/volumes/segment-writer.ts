/**
 * Appends records to one segment, a file that this process alone writes to.
 *
 *     open -- a write fails --> torn -- a flush fails --> lost
 *          ------------- a flush fails ---------------->
 *
 *     open    records are appended and flushed
 *     torn    nothing more is appended: what the disk has of the failed write is a torn end, which
 *             readers pass over; what was written before can still be brought to disk
 *     lost    nor is it flushed again: the system may have dropped what it could not write
 *
 * Invariants: writes do not overlap, and are in the order of the calls; a file begins with its
 * header, and its folder is flushed before the first record counts.
 */
import { type FileHandle, open } from 'node:fs/promises';
import path from 'node:path';
import { full, ioError } from '../ground/errors.js';
import { flush } from '../ground/fsync.js';
import {
  encodeRecordHead,
  encodeSegmentHeader,
  RECORD_HEADER,
  SEGMENT_HEADER,
  type SegmentIds,
} from './segment-format.js';
import type { SegmentRecord } from './segment-reader.js';
import { segmentFile } from './volume-folder.js';

const WRITEV_MAX = 512;

type State =
  | { readonly kind: 'open' }
  | { readonly kind: 'torn' | 'lost'; readonly failure: unknown };

export class SegmentWriter {
  readonly ids: SegmentIds;
  readonly file: string;
  readonly #handle: FileHandle;
  /** Where the next append begins: behind those under way. */
  #size = SEGMENT_HEADER;
  /** Where the last append that was written whole ends. */
  #written = SEGMENT_HEADER;
  #flushed = 0;
  #state: State = { kind: 'open' };
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(file: string, handle: FileHandle, ids: SegmentIds) {
    this.file = file;
    this.#handle = handle;
    this.ids = ids;
  }

  /** A new segment in a folder. REGALIA_EXISTS, REGALIA_FULL, REGALIA_PERMISSION, REGALIA_IO. */
  static async create(folder: string, ids: SegmentIds, nowMs: number): Promise<SegmentWriter> {
    const file = path.join(folder, segmentFile(ids.number));
    try {
      const handle = await open(file, 'wx', 0o600);
      try {
        const writer = new SegmentWriter(file, handle, ids);
        await writer.#write([encodeSegmentHeader(ids, nowMs)], 0);
        await flush(folder);
        return writer;
      } catch (error) {
        await handle.close();
        throw error;
      }
    } catch (error) {
      throw ioError(error, file, 'create');
    }
  }

  /** Bytes of the file, those under way included. */
  get size(): number {
    return this.#size;
  }

  /** Whether there is something that `sync` has not brought to disk. */
  get dirty(): boolean {
    return this.#flushed < this.#size;
  }

  get failed(): boolean {
    return this.#state.kind !== 'open';
  }

  /** Appends records, and resolves with where their headers begin. REGALIA_FULL, REGALIA_IO. */
  append(records: readonly SegmentRecord[]): Promise<number[]> {
    const start = this.#size;
    const offsets: number[] = [];
    const buffers: Uint8Array[] = [];
    let at = start;
    for (const { head, stored } of records) {
      offsets.push(at);
      buffers.push(encodeRecordHead(head, stored, this.ids, at), stored);
      at += RECORD_HEADER + stored.length;
    }
    this.#size = at;
    return this.#inTurn(async () => {
      if (this.#state.kind === 'open') {
        try {
          await this.#write(buffers, start);
          this.#written = at;
          return offsets;
        } catch (error) {
          this.#state = { kind: 'torn', failure: ioError(error, this.file, 'write') };
        }
      }
      this.#size = this.#written;
      throw this.#state.failure;
    });
  }

  /** Brings all that was appended so far to disk, but for what failed. REGALIA_IO, REGALIA_FULL. */
  sync(): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#state.kind === 'lost') throw this.#state.failure;
      const written = this.#written;
      if (this.#flushed >= written) return;
      try {
        await this.#handle.datasync();
        this.#flushed = written;
      } catch (error) {
        const failure = ioError(error, this.file, 'write');
        this.#state = { kind: 'lost', failure };
        throw failure;
      }
    });
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work);
    this.#turn = result.catch(() => undefined);
    return result;
  }

  async #write(buffers: readonly Uint8Array[], start: number): Promise<void> {
    let position = start;
    for (let at = 0; at < buffers.length; at += WRITEV_MAX) {
      const some = buffers.slice(at, at + WRITEV_MAX);
      let length = 0;
      for (const buffer of some) length += buffer.length;
      const { bytesWritten } = await this.#handle.writev(some, position);
      if (bytesWritten < length) await this.#rest(some, position, bytesWritten);
      position += length;
    }
  }

  /** A short write: the rest goes buffer by buffer, and what stopped it shows. */
  async #rest(buffers: readonly Uint8Array[], start: number, written: number): Promise<void> {
    let passed = 0;
    for (const buffer of buffers) {
      for (let from = Math.max(0, written - passed); from < buffer.length; ) {
        const length = buffer.length - from;
        const done = await this.#handle.write(buffer, from, length, start + passed + from);
        if (done.bytesWritten === 0) throw full(this.file);
        from += done.bytesWritten;
      }
      passed += buffer.length;
    }
  }

  async close(): Promise<void> {
    await this.#turn;
    await this.#handle.close();
  }
}
