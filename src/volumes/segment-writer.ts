/**
 * Appends records to one segment, a file that this process alone writes to.
 *
 * Invariants: writes do not overlap, and are in the order of the calls; a file begins with its header, and its folder
 * is synced before the first record counts; after a write that failed nothing more is appended (what the disk has of it
 * is a torn end, which readers pass over), while what was synced before stays.
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
  #size: number;
  #synced = 0;
  #failure: unknown;
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(file: string, handle: FileHandle, ids: SegmentIds) {
    this.file = file;
    this.#handle = handle;
    this.ids = ids;
    this.#size = SEGMENT_HEADER;
  }

  /** A new segment in a volume's folder. REGALIA_EXISTS, REGALIA_FULL, REGALIA_PERMISSION, REGALIA_IO. */
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
    return this.#failure !== undefined;
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
      await this.#write(parts, start);
      return offsets;
    });
  }

  /** Brings all that was appended so far to disk. REGALIA_IO, REGALIA_FULL. */
  sync(): Promise<void> {
    const size = this.#size;
    return this.#inTurn(async () => {
      if (this.#synced >= size) return;
      await this.#handle.datasync();
      this.#synced = size;
    });
  }

  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const before = this.#turn;
    const result = before.then(async () => {
      if (this.#failure !== undefined) throw this.#failure;
      try {
        return await work();
      } catch (error) {
        this.#failure ??= fileError(error, this.file, 'write');
        throw this.#failure;
      }
    });
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
