/**
 * The file of the write-ahead log: what was written and is not in the tables yet, a record for each
 * write.
 *
 *     wal-ID    ID: 8 random bytes in hexadecimal digits; all checksums begin with them
 *       0       u32 magic | u8 version | u32 checksum of both
 *       64      u32 checksum | u48 last | u48 end | u48 first | u48 shown | u48 durable: the place
 *       4,096   records, each at a multiple of 8, as far as `end`
 *     record    u32 checksum of the rest | u32 length | u48 position | u48 durable | changes
 *     change    u8 table | key | varint 0 where the row is deleted, or 1 + length | bytes
 *     key       u32 in a table of integers, else varint length | bytes
 *
 * Positions count up, over the life of a file. When all records are in the tables, the next one is
 * written over the first: the file does not grow, and a flush need not change its size.
 *
 * The place is of the processes that have the file open: `last` and `first` are positions, `shown`
 * the last that all may see. It is written without a flush, so after a power cut the records
 * themselves say where they end. What ends them may be a write that the cut tore, or damage: where
 * the place or any record says, by its `durable`, that a position was on disk, it must be there.
 */
import fs from 'node:fs';
import { join } from 'node:path';
import { hex } from '../ground/bytes.js';
import { crc32 } from '../ground/checksum.js';
import { corrupt, errnoOf, type RegaliaError, unknownVersion } from '../ground/errors.js';
import { flushNow } from '../ground/fsync.js';
import { putU32, readU32, readU48 } from '../ground/integers.js';
import { ROW_KEY_BYTES_MAX } from '../ground/limits.js';
import { ByteReader } from '../ground/reader.js';
import { openRegular } from '../ground/regular-file.js';
import { ByteWriter } from '../ground/writer.js';
import { TABLES, type Table } from './engine.js';
import { integerTables, keepKey } from './kept-keys.js';
import type { Changes } from './overlay.js';

export const WAL_ID_LENGTH = 8;
/** The most bytes that the file grows to. */
const FILE_BYTES_MAX = 4 << 20;
const FILE_BYTES_MIN = 64 << 10;
export const RECORDS_AT = 4_096;

const MAGIC = 0x4c_41_57_52;
const VERSION = 1;
const HEAD_LENGTH = 9;
const PLACE_AT = 64;
const PLACE_LENGTH = 4 + 5 * 6;
/** How often a place is read that another process is just writing. */
const PLACE_TRIES = 1_000;

/** Bytes that are hashed in search of records behind the last. */
const HASHED_BYTES_MAX = 1 << 28;

const RECORD_HEAD = 20;
const ALIGNMENT = 8;
/** The tables by number. Persisted: never renumber. */
const NUMBERED: readonly Table[] = TABLES;

/** How far the log goes, as the processes tell each other. */
export interface WalPlace {
  /** The position of the last record. */
  readonly last: number;
  /** Where the next record begins. */
  readonly end: number;
  /** The position of the first record. */
  readonly first: number;
  /** The last position that may be seen: on disk, if that was asked. */
  readonly shown: number;
  /** The last position that is known to be on disk. */
  readonly durable: number;
}

export interface WalRecord {
  readonly position: number;
  readonly durable: number;
  /** Views of what was read. */
  readonly changes: Changes;
  /** Where the next one begins. */
  readonly next: number;
}

/** Whether a file of this name in a generation is one of ours, and which. */
export function walIdIn(name: string): string | undefined {
  return /^wal-([0-9a-f]{16})$/.exec(name)?.[1];
}

export function walPath(folder: string, id: Uint8Array): string {
  return join(folder, `wal-${hex(id)}`);
}

/** Makes the file of an empty log. It is on disk when this returns. */
export function createWal(folder: string, id: Uint8Array): void {
  const path = walPath(folder, id);
  const descriptor = fs.openSync(path, 'wx', 0o600);
  try {
    const bytes = new Uint8Array(FILE_BYTES_MIN);
    bytes.set(encodeHead(id));
    bytes.set(
      encodePlace(id, { last: 0, end: RECORDS_AT, first: 1, shown: 0, durable: 0 }),
      PLACE_AT,
    );
    writeAll(descriptor, bytes, 0);
    fs.fdatasyncSync(descriptor);
  } finally {
    fs.closeSync(descriptor);
  }
  flushNow(folder);
}

export class WalFile {
  readonly path: string;
  readonly #id: Uint8Array;
  readonly #descriptor: number;
  readonly #placeBytes = new Uint8Array(PLACE_LENGTH);
  #size: number;
  #isClosed = false;
  /** Flushes under way: the file is not closed meanwhile. */
  #flushes = 0;

  /** Opens the file of a log that is there. What the system throws, and REGALIA_CORRUPT. */
  constructor(folder: string, id: Uint8Array, readOnly: boolean) {
    this.path = walPath(folder, id);
    this.#id = id;
    this.#descriptor = openRegular(
      this.path,
      readOnly ? fs.constants.O_RDONLY : fs.constants.O_RDWR,
    );
    try {
      this.#size = fs.fstatSync(this.#descriptor).size;
      this.#checkHead();
    } catch (error) {
      fs.closeSync(this.#descriptor);
      throw error;
    }
  }

  #checkHead(): void {
    const head = this.read(0, HEAD_LENGTH);
    const version = head[4];
    const isSound = this.#size >= FILE_BYTES_MIN && readU32(head, 0) === MAGIC;
    if (!isSound || readU32(head, 5) !== checksum(this.#id, head.subarray(0, 5))) {
      throw this.damaged('the head of a write-ahead log', 'other bytes');
    }
    if (version !== VERSION) throw unknownVersion(this.path, VERSION, version);
  }

  damaged(expected: string, actual: string): RegaliaError<'REGALIA_CORRUPT'> {
    return corrupt(this.path, expected, actual);
  }

  /** The place; undefined where its bytes are damaged. */
  place(): WalPlace | undefined {
    const bytes = this.#placeBytes;
    for (let tries = 0; tries < PLACE_TRIES; tries++) {
      const count = fs.readSync(this.#descriptor, bytes, 0, PLACE_LENGTH, PLACE_AT);
      if (count < PLACE_LENGTH) return undefined;
      if (readU32(bytes, 0) === checksum(this.#id, bytes.subarray(4))) return decodePlace(bytes);
    }
    return undefined;
  }

  setPlace(place: WalPlace): void {
    writeAll(this.#descriptor, encodePlace(this.#id, place), PLACE_AT);
  }

  /**
   * Whether there is room for a record that ends there, and for as much as the file holds in the
   * tables, which is asked when the log is filled from the start. Makes room where it can.
   */
  hasRoom(end: number, isFirst: boolean): boolean {
    if (isFirst && freeBytes(this.path) < 2 * this.#size) return false;
    if (end <= this.#size) return true;
    // Another process may have made some.
    this.#size = fs.fstatSync(this.#descriptor).size;
    if (end <= this.#size) return true;
    const size = Math.min(FILE_BYTES_MAX, Math.max(end, this.#size * 2));
    if (end > size || freeBytes(this.path) < 2 * size) return false;
    try {
      writeAll(this.#descriptor, new Uint8Array(size - this.#size), this.#size);
    } catch (error) {
      const errno = errnoOf(error);
      if (errno !== 'ENOSPC' && errno !== 'EDQUOT' && errno !== 'EFBIG') throw error;
      // The tables need what room there is.
      fs.ftruncateSync(this.#descriptor, this.#size);
      return false;
    }
    this.#size = size;
    return true;
  }

  append(record: Uint8Array, at: number): void {
    writeAll(this.#descriptor, record, at);
  }

  flushNow(): void {
    fs.fdatasyncSync(this.#descriptor);
  }

  /** The same on another thread. */
  async flush(): Promise<void> {
    this.#flushes++;
    try {
      await new Promise<void>((resolve, reject) => {
        fs.fdatasync(this.#descriptor, (error) => (error === null ? resolve() : reject(error)));
      });
    } finally {
      this.#flushes--;
      if (this.#isClosed) this.#closeNow();
    }
  }

  /** The records from `at` on, the first of which has that position, up to `until`. */
  *records(at: number, position: number, until = this.#bytes()): Generator<WalRecord> {
    const bytes = this.read(at, until);
    let expected = position;
    for (let from = 0; ; ) {
      const record = decodeRecord(this.#id, bytes, from);
      if (record?.position !== expected) return;
      yield { ...record, next: at + record.next };
      expected++;
      from = record.next;
    }
  }

  /** The position of the first record; undefined where there is none. */
  firstPosition(): number | undefined {
    return decodeRecord(this.#id, this.read(RECORDS_AT, this.#bytes()), 0)?.position;
  }

  /** The greatest position above another that any record says was on disk; else that other. */
  greatestDurable(above: number): number {
    const bytes = this.read(RECORDS_AT, this.#bytes());
    const last = above + bytes.length / RECORD_HEAD;
    let greatest = above;
    let hashed = 0;
    for (let at = 0; at + RECORD_HEAD <= bytes.length; at += ALIGNMENT) {
      // Most places hold no record: a look at the numbers tells.
      const position = readU48(bytes, at + 8);
      const durable = readU48(bytes, at + 14);
      if (durable <= greatest || durable >= position || position > last) continue;
      const length = readU32(bytes, at + 4);
      if (length < RECORD_HEAD || at + length > bytes.length) continue;
      // Rows may be such that much looks like a record. Then less damage is found, in bounded time.
      hashed += length;
      if (hashed > HASHED_BYTES_MAX) break;
      if (isRecord(this.#id, bytes, at, length)) greatest = durable;
    }
    return greatest;
  }

  #bytes(): number {
    return fs.fstatSync(this.#descriptor).size;
  }

  read(from: number, until: number): Uint8Array {
    const bytes = new Uint8Array(Math.max(0, until - from));
    for (let at = 0; at < bytes.length; ) {
      const count = fs.readSync(this.#descriptor, bytes, at, bytes.length - at, from + at);
      if (count === 0) return bytes.subarray(0, at);
      at += count;
    }
    return bytes;
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (this.#flushes === 0) this.#closeNow();
  }

  #closeNow(): void {
    if (this.#flushes === 0) fs.closeSync(this.#descriptor);
  }
}

/** None where the file was moved away: what can't be asked is not counted on. */
function freeBytes(path: string): number {
  try {
    const { bavail, bsize } = fs.statfsSync(path);
    return bavail * bsize;
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
    return 0;
  }
}

function writeAll(descriptor: number, bytes: Uint8Array, position: number): void {
  for (let at = 0; at < bytes.length; ) {
    at += fs.writeSync(descriptor, bytes, at, bytes.length - at, position + at);
  }
}

function checksum(id: Uint8Array, bytes: Uint8Array): number {
  return crc32(bytes, crc32(id));
}

function encodeHead(id: Uint8Array): Uint8Array {
  const head = new ByteWriter(16).u32(MAGIC).u8(VERSION);
  return head.u32(checksum(id, head.view())).finish();
}

function encodePlace(id: Uint8Array, place: WalPlace): Uint8Array {
  const { last, end, first, shown, durable } = place;
  const writer = new ByteWriter(64).u32(0).u48(last).u48(end).u48(first).u48(shown).u48(durable);
  const bytes = writer.view();
  putU32(bytes, 0, checksum(id, bytes.subarray(4)));
  return bytes;
}

function decodePlace(bytes: Uint8Array): WalPlace {
  const reader = new ByteReader(bytes, 'place of a write-ahead log', 4);
  const [last, end, first] = [reader.u48(), reader.u48(), reader.u48()];
  return { last, end, first, shown: reader.u48(), durable: reader.u48() };
}

const scratch = new ByteWriter(16_384);

/** A record as it is stored, with what fills it up: a view that the next call spoils. */
export function encodeRecord(
  id: Uint8Array,
  position: number,
  durable: number,
  changes: Changes,
): Uint8Array {
  const writer = scratch;
  writer.reset();
  writer.u32(0).u32(0).u48(position).u48(durable);
  for (const [table, rows] of changes) {
    const number = NUMBERED.indexOf(table);
    for (const [key, bytes] of rows) {
      writer.u8(number);
      if (typeof key === 'number') writer.u32(key);
      else writer.varint(key.length).latin1(key);
      if (bytes === undefined) writer.varint(0);
      else writer.varint(1 + bytes.length).bytes(bytes);
    }
  }
  const { length } = writer;
  putU32(writer.buffer, 4, length);
  putU32(writer.buffer, 0, checksum(id, writer.buffer.subarray(4, length)));
  while (writer.length % ALIGNMENT !== 0) writer.u8(0);
  return writer.view();
}

function isRecord(id: Uint8Array, bytes: Uint8Array, at: number, length: number): boolean {
  return checksum(id, bytes.subarray(at + 4, at + length)) === readU32(bytes, at);
}

/** The record at a place, if there is a whole one. */
function decodeRecord(id: Uint8Array, bytes: Uint8Array, at: number): WalRecord | undefined {
  if (at + RECORD_HEAD > bytes.length) return undefined;
  const length = readU32(bytes, at + 4);
  if (length < RECORD_HEAD || at + length > bytes.length) return undefined;
  if (!isRecord(id, bytes, at, length)) return undefined;
  const reader = new ByteReader(bytes, 'record of a write-ahead log', at + 8, at + length);
  const position = reader.u48();
  const durable = reader.u48();
  const changes: Changes = new Map();
  while (reader.remaining > 0) decodeChange(reader, changes);
  const next = at + Math.ceil(length / ALIGNMENT) * ALIGNMENT;
  return { position, durable, changes, next };
}

function decodeChange(reader: ByteReader, changes: Changes): void {
  const number = reader.u8();
  const table = NUMBERED[number] ?? reader.fail(`a table below ${NUMBERED.length}`, `${number}`);
  const key = integerTables.has(table) ? reader.u32() : reader.lengthed(ROW_KEY_BYTES_MAX);
  if (key instanceof Uint8Array && key.length === 0) reader.fail('a key', 'an empty one');
  const length = reader.varint();
  const bytes = length === 0 ? undefined : reader.bytes(length - 1);
  let rows = changes.get(table);
  if (rows === undefined) changes.set(table, (rows = new Map()));
  rows.set(keepKey(table, key), bytes);
}
