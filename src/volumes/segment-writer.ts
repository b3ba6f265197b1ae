/**
 * Appends records to one segment, a file that this process alone writes to.
 *
 * Invariants: writes do not overlap, and are in the order of the calls; a file begins with its
 * header, and its folder is synced before the first record counts; after a write that failed
 * nothing more is appended (what the disk has of it is a torn end, which readers pass over), while
 * what was written before can still be brought to disk; after a flush that failed none is tried
 * again, since the system may have let go of what it could not write.
 */
import { type FileHandle, open } from 'node:fs/promises';
import path from 'node:path';
import { fileError } from './file-error.js';
import {
  encodeRecordHead,
  encodeSegmentHeader,
  RECORD_HEADER,
  SEGMENT_HEADER,
  type SegmentIds,
} from './segment-format.js';
import type { SegmentRecord } from './segment-reader.js';
import { segmentFile, syncFolder } from './volume-folder.js';

/** Buffers in one system call. */
const WRITEV_MAX = 512;

export class SegmentWriter {
  readonly ids: SegmentIds;
  readonly file: string;
  readonly #handle: FileHandle;
  /** Where the next append begins. */
  #size: number;
  /** Where the last append that was written whole ends. */
  #written: number;
  #synced = 0;
  #writeFailure: unknown;
  #flushFailure: unknown;
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(file: string, handle: FileHandle, ids: SegmentIds) {
    this.file = file;
    this.#handle = handle;
    this.ids = ids;
    this.#size = SEGMENT_HEADER;
    this.#written = SEGMENT_HEADER;
  }

  /**
   * A new segment in a volume's folder. REGALIA_EXISTS, REGALIA_FULL, REGALIA_PERMISSION,
   * REGALIA_IO.
   */
  static async create(folder: string, ids: SegmentIds, nowMs: number): Promise<SegmentWriter> {
    const file = path.join(folder, segmentFile(ids.number));
    try {
      const handle = await open(file, 'wx', 0o600);
      try {
        const writer = new SegmentWriter(file, handle, ids);
        await writer.#write([encodeSegmentHeader(ids, nowMs)], 0);
        await syncFolder(folder);
        return writer;
      } catch (error) {
        await handle.close();
        throw error;
      }
    } catch (error) {
      throw fileError(error, file, 'create');
    }
  }

  /** Bytes of the file, those under way included. */
  get size(): number {
    return this.#size;
  }

  /** Whether there is something that `sync` has not brought to disk. */
  get dirty(): boolean {
    return this.#synced < this.#size;
  }

  get failed(): boolean {
    return (this.#writeFailure ?? this.#flushFailure) !== undefined;
  }

  /** Appends records, and resolves with where their headers begin. REGALIA_FULL, REGALIA_IO. */
  append(records: readonly SegmentRecord[]): Promise<number[]> {
    const start = this.#size;
    const offsets: number[] = [];
    const parts: Uint8Array[] = [];
    let at = start;
    for (const { head, stored } of records) {
      offsets.push(at);
      parts.push(encodeRecordHead(head, stored, this.ids, at), stored);
      at += RECORD_HEADER + stored.length;
    }
    this.#size = at;
    return this.#inTurn(async () => {
      try {
        if (this.failed) throw this.#writeFailure ?? this.#flushFailure;
        await this.#write(parts, start);
        this.#written = at;
        return offsets;
      } catch (error) {
        this.#writeFailure ??= fileError(error, this.file, 'write');
        this.#size = this.#written;
        throw this.#writeFailure;
      }
    });
  }

  /** Brings all that was appended so far to disk, but for what failed. REGALIA_IO, REGALIA_FULL. */
  sync(): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#flushFailure !== undefined) throw this.#flushFailure;
      const written = this.#written;
      if (this.#synced >= written) return;
      try {
        await this.#handle.datasync();
        this.#synced = written;
      } catch (error) {
        this.#flushFailure = fileError(error, this.file, 'write');
        throw this.#flushFailure;
      }
    });
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work);
    this.#turn = result.catch(() => undefined);
    return result;
  }

  async #write(parts: readonly Uint8Array[], start: number): Promise<void> {
    let position = start;
    for (let at = 0; at < parts.length; at += WRITEV_MAX) {
      const some = parts.slice(at, at + WRITEV_MAX);
      let length = 0;
      for (const part of some) length += part.length;
      const { bytesWritten } = await this.#handle.writev(some, position);
      if (bytesWritten < length) await this.#rest(some, position, bytesWritten);
      position += length;
    }
  }

  /** A short write: the rest goes part by part, and what stopped it shows. */
  async #rest(parts: readonly Uint8Array[], start: number, written: number): Promise<void> {
    let passed = 0;
    for (const part of parts) {
      for (let from = Math.max(0, written - passed); from < part.length; ) {
        const done = await this.#handle.write(
          part,
          from,
          part.length - from,
          start + passed + from,
        );
        if (done.bytesWritten === 0) throw Object.assign(new Error('no room'), { code: 'ENOSPC' });
        from += done.bytesWritten;
      }
      passed += part.length;
    }
  }

  async close(): Promise<void> {
    await this.#turn;
    await this.#handle.close();
  }
}
