/**
 * The write-ahead log, as one process sees it: writes are appended to a file and flushed there, and
 * go into LMDB's tables by the thousand, when nobody waits.
 *
 *     write -> record -> flushed -> shown to all -> in the tables -> written over
 *
 * An append and its flush take a third of what a transaction of LMDB takes, which writes a dozen
 * pages and flushes twice. Until its rows are in the tables they are kept in memory, laid over the
 * tables (recent-rows.ts); another process reads them from the file.
 *
 *     table wal   'wal' -> u32 checksum | id 8 | u48 folded | u48 safe
 *
 * `folded` is the position up to which the tables have the records, `safe` the one up to which they
 * had them on disk when the row was seen.
 *
 * There is a log while there is that row. It begins with the writes of a process that makes
 * several, and ends when any process opens or closes the store for writing: then all is in the
 * tables, the row and the file go, and a process that goes on writing begins another one.
 *
 * Invariants:
 * - who appends, puts records into the tables, or ends the log, is in a transaction of LMDB: one at
 *   a time, of all processes; the position in the row changes with the tables, in one transaction;
 * - who reads the tables has all records from the position on that these tables name: so what
 *   is read is the state after some record, never a mixture;
 * - a record is written over only when the tables that have it are on disk, and none is appended
 *   while the tables may have what is not;
 * - what goes into the tables at once takes a position of its own: a record of that position, which
 *   somebody was appending when he died, does not come back over it;
 * - who may not see the last records (`shown`) sees the rows as they were before them.
 */
import fs from 'node:fs';
import { join } from 'node:path';
import { copyBytes, equalBytes, hex } from '../ground/bytes.js';
import { crc32 } from '../ground/checksum.js';
import { corrupt, errnoOf } from '../ground/errors.js';
import { putU32 } from '../ground/integers.js';
import { ByteReader } from '../ground/reader.js';
import { ByteWriter } from '../ground/writer.js';
import type { Durability } from './engine.js';
import type { Changes } from './overlay.js';
import { RecentRows, type Slice } from './recent-rows.js';
import {
  encodeRecord,
  RECORDS_AT,
  WAL_ID_LENGTH,
  WalFile,
  type WalPlace,
  type WalRecord,
  walIdIn,
  walPath,
} from './wal-file.js';

/** Rows in the log from which they go into the tables. */
const FOLD_ROWS = 8_192;
/** Bytes in the log from which they do. */
const FOLD_BYTES = 1 << 20;
/** From here on they do before anything else is written. */
const OVERDUE_BYTES = 2 << 20;

/** What the row of a log says. */
export interface WalRow {
  readonly id: Uint8Array;
  /** The tables have all records up to this position. */
  readonly folded: number;
  /** These they have on disk, wherever the row is seen by one who may write. */
  readonly safe: number;
}

export function encodeWalRow({ id, folded, safe }: WalRow): Uint8Array {
  const bytes = new ByteWriter(32).u32(0).bytes(id).u48(folded).u48(safe).finish();
  putU32(bytes, 0, crc32(bytes.subarray(4)));
  return bytes;
}

/** REGALIA_CORRUPT, REGALIA_FORMAT. */
function decodeWalRow(row: Uint8Array): WalRow {
  const reader = new ByteReader(row, 'row of the write-ahead log');
  const sum = reader.u32();
  const id = reader.bytes(WAL_ID_LENGTH).slice();
  const folded = reader.u48();
  const safe = reader.u48();
  reader.end();
  if (sum === crc32(row.subarray(4))) return { id, folded, safe };
  throw corrupt('row of the write-ahead log', `${crc32(row.subarray(4))}`, `${sum}`);
}

/** What no place is. */
const NOWHERE: WalPlace = { last: 0, end: RECORDS_AT, first: 0, shown: 0, durable: 0 };

/** Of which log all up to a position was flushed. */
export interface Flushed {
  readonly id: Uint8Array;
  readonly position: number;
}

/** A log whose file is open. */
interface Opened {
  readonly id: Uint8Array;
  readonly file: WalFile;
  /** What the place was, when it was last looked at or set. */
  place: WalPlace;
  /** The position up to which records are among the recent rows, or in the tables. */
  applied: number;
  /** Where the next record begins. */
  end: number;
  /** Of a reader that found more records than the place says: that place, and what was folded. */
  guess: { readonly at: WalPlace; readonly folded: number } | undefined;
}

export class WriteAheadLog {
  readonly recent = new RecentRows();
  readonly #folder: string;
  readonly #readOnly: boolean;
  #opened: Opened | undefined;
  /** The records that are seen beside the tables. */
  readonly seen = { above: 0, until: 0 };
  /** All that the tables do not have, what is staged too. */
  readonly unfolded = { above: 0, until: Number.POSITIVE_INFINITY };
  /** The position up to which the tables have records on disk. */
  #safe = 0;
  /** The row that was read last. */
  #row: { readonly bytes: Uint8Array; readonly says: WalRow } | undefined;

  constructor(folder: string, readOnly: boolean) {
    this.#folder = folder;
    this.#readOnly = readOnly;
  }

  get isOpen(): boolean {
    return this.#opened !== undefined;
  }

  /** The position up to which the tables have records, as far as is known. */
  get folded(): number {
    return this.#opened === undefined ? Number.POSITIVE_INFINITY : this.seen.above;
  }

  /** Whether records should go into the tables; 'overdue' where nothing else comes before. */
  get foldDue(): boolean | 'overdue' {
    if (this.#opened === undefined) return false;
    const { end } = this.#opened;
    const { rows } = this.recent;
    // With few rows it pays only where there would be no room.
    if (rows < FOLD_ROWS / 4) return false;
    if (end >= OVERDUE_BYTES) return 'overdue';
    return end >= FOLD_BYTES || rows >= FOLD_ROWS;
  }

  // Following it.

  /**
   * Takes in what the log has beside tables in which its row is this one. False where those tables
   * are too old for that. `isLocked` says that nobody else can append.
   */
  follow(row: Uint8Array | undefined, isLocked: boolean): boolean {
    if (row === undefined) {
      this.leave();
      return true;
    }
    const { id, folded, safe } = this.#decoded(row);
    const opened = this.#open(id, folded);
    if (opened === undefined) return false;
    this.#setFolded(folded, safe);
    const place = this.#placeOf(opened);
    if (opened.guess !== undefined) {
      const { at, folded: before } = opened.guess;
      if (samePlace(at, place) && before === folded) return true;
      this.#forget(opened);
    }
    if (folded >= place.last) {
      // Nothing is needed of the file, which somebody may be writing over.
      opened.applied = folded;
      opened.end = place.end;
    } else {
      if (place.first !== opened.place.first) {
        // What was there before was in tables when it was written over: maybe not in these.
        if (place.first > Math.max(folded, opened.applied) + 1) return false;
        opened.applied = place.first - 1;
        opened.end = RECORDS_AT;
      }
      if (!this.#read(opened, place, folded)) {
        if (isLocked) throw opened.file.damaged(`record ${opened.applied + 1}`, 'other bytes');
        return false;
      }
    }
    opened.place = place;
    this.seen.until = Math.max(this.seen.until, place.shown);
    // A transaction that writes has newer tables than those who read beside it.
    if (!isLocked) this.recent.drop(folded);
    return true;
  }

  /** What a row says: most often it is the one that was read before. */
  #decoded(row: Uint8Array): WalRow {
    if (this.#row === undefined || !equalBytes(this.#row.bytes, row)) {
      this.#row = { bytes: copyBytes(row), says: decodeWalRow(row) };
    }
    return this.#row.says;
  }

  #placeOf({ file, guess }: Opened): WalPlace {
    const place = file.place() ?? guess?.at;
    if (place === undefined) throw file.damaged('the place of a write-ahead log', 'other bytes');
    return place;
  }

  /** The file of a log; undefined where it has gone. */
  #open(id: Uint8Array, folded: number): Opened | undefined {
    if (this.#opened !== undefined && equalBytes(this.#opened.id, id)) return this.#opened;
    this.leave();
    let file: WalFile;
    try {
      file = new WalFile(this.#folder, id, this.#readOnly);
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return undefined;
      throw error;
    }
    const [place, end] = [NOWHERE, RECORDS_AT];
    this.#opened = { id, file, place, applied: 0, end, guess: undefined };
    try {
      if (this.#readOnly) this.#guess(this.#opened, folded);
    } catch (error) {
      // Others may be writing it over: the caller tries again.
      this.leave();
      throw error;
    }
    return this.#opened;
  }

  /** A reader can't tell whether anybody has the log open, so it takes all that there is. */
  #guess(opened: Opened, folded: number): void {
    const { file } = opened;
    const at = file.place() ?? NOWHERE;
    for (const record of survivors(file, folded)) {
      this.recent.add(record.position, record.changes);
      opened.applied = record.position;
    }
    opened.applied = Math.max(opened.applied, folded);
    this.seen.until = opened.applied;
    opened.guess = { at, folded };
  }

  /** Somebody goes on with the log: it is as he says. */
  #forget(opened: Opened): void {
    opened.guess = undefined;
    opened.place = NOWHERE;
    opened.applied = 0;
    this.recent.clear();
    this.seen.until = 0;
  }

  /** Whether all records up to the place's last were there. */
  #read(opened: Opened, place: WalPlace, folded: number): boolean {
    if (opened.applied >= place.last) return true;
    const { file, applied, end } = opened;
    for (const { position, changes, next } of file.records(end, applied + 1, place.end)) {
      if (position > folded) this.recent.add(position, changes);
      opened.applied = position;
      opened.end = next;
    }
    return opened.applied >= place.last;
  }

  /** There is no log, or another one: all of this one is in the tables. */
  leave(): void {
    this.#opened?.file.close();
    this.#opened = undefined;
    this.recent.clear();
    this.seen.until = 0;
    this.#setFolded(0, 0);
  }

  #setFolded(folded: number, safe: number): void {
    this.seen.above = folded;
    this.unfolded.above = folded;
    this.#safe = safe;
  }

  // Writing: in a transaction of LMDB, after `follow`.

  /** Adds what the next record changes. */
  stage(changes: Changes): void {
    this.recent.add(this.#next, changes);
  }

  get #next(): number {
    return (this.#opened?.applied ?? 0) + 1;
  }

  /**
   * Appends what is staged, and flushes it where that is 'sync'; where it is 'group', `flush`
   * follows. False where there is no room, or the tables have what is not on disk: it is staged
   * still. What the system throws leaves nobody knows what.
   */
  append(durability: Durability): boolean {
    const opened = this.#opened;
    if (opened === undefined || this.#safe < this.seen.above) return false;
    const position = this.#next;
    const { id, file, place } = opened;
    const record = encodeRecord(id, position, place.durable, this.recent.changesOf(position));
    const isEmpty = this.#safe === opened.applied;
    const at = isEmpty ? RECORDS_AT : opened.end;
    const end = at + record.length;
    if (!file.hasRoom(end, isEmpty)) return false;
    file.append(record, at);
    // What others have not flushed yet is not shown before it is.
    const flushes = durability === 'sync' || (durability === 'none' && place.shown < place.last);
    if (flushes) file.flushNow();
    this.#set(opened, {
      last: position,
      end,
      first: isEmpty ? position : place.first,
      shown: durability === 'group' ? place.shown : position,
      durable: flushes ? position : place.durable,
    });
    opened.applied = position;
    opened.end = end;
    return true;
  }

  #set(opened: Opened, place: WalPlace): void {
    opened.file.setPlace(place);
    opened.place = place;
    this.seen.until = Math.max(this.seen.until, place.shown);
  }

  /** What was staged is not written, or is in the tables. */
  unstage(): void {
    this.recent.undo(this.#next);
  }

  /** Flushes what was appended, on another thread. `show` follows with what it returns. */
  async flush(): Promise<Flushed | undefined> {
    const opened = this.#opened;
    if (opened === undefined || opened.place.durable >= opened.applied) return undefined;
    const { id, applied } = opened;
    await opened.file.flush();
    return { id, position: applied };
  }

  /** Records up to this position are on disk: all may see them. */
  show({ id, position }: Flushed): void {
    const opened = this.#opened;
    if (opened === undefined || !equalBytes(opened.id, id)) return;
    const { place } = opened;
    if (place.durable >= position) return;
    const shown = Math.max(place.shown, position);
    this.#set(opened, { ...place, shown, durable: position });
  }

  // Putting it into the tables.

  /** The oldest rows that the tables do not have, about so many. */
  slice(rows: number): Slice | undefined {
    const until = this.#opened?.applied ?? 0;
    return this.recent.oldest({ above: this.seen.above, until }, rows);
  }

  /** All that the tables do not have, what is staged too. */
  all(): Changes {
    return this.recent.oldest(this.unfolded, Number.POSITIVE_INFINITY)?.changes ?? new Map();
  }

  /**
   * The row for tables that have the records up to a position, or what was staged instead of the
   * next one; on disk, if they are.
   */
  row(isFlushed: boolean, position = this.#next): WalRow | undefined {
    if (this.#opened === undefined) return undefined;
    const { id } = this.#opened;
    return {
      id,
      folded: position,
      safe: isFlushed ? position : Math.min(this.#safe, position - 1),
    };
  }

  /**
   * What a copy of the tables lacks in which the log's row is this one, as far as it is seen;
   * undefined where that log has ended.
   */
  missingIn(row: Uint8Array): Changes | undefined {
    const { id, folded } = decodeWalRow(row);
    if (this.#opened === undefined || !equalBytes(this.#opened.id, id)) return undefined;
    const span = { above: folded, until: this.seen.until };
    return this.recent.oldest(span, Number.POSITIVE_INFINITY)?.changes ?? new Map();
  }

  /** The log that is open, to be compared. */
  get current(): object | undefined {
    return this.#opened;
  }
}

function samePlace(a: WalPlace, b: WalPlace): boolean {
  return a.last === b.last && a.first === b.first && a.shown === b.shown;
}

/**
 * The records that the tables lack, of a log that nobody goes on with. REGALIA_CORRUPT where one is
 * damaged that was on disk.
 */
function* survivors(file: WalFile, folded: number): Generator<WalRecord> {
  const durable = Math.max(file.place()?.durable ?? 0, file.greatestDurable(folded));
  const first = file.firstPosition() ?? folded + 1;
  if (first > folded + 1) throw file.damaged(`record ${folded + 1}`, `record ${first}`);
  let last = folded;
  for (const record of file.records(RECORDS_AT, first)) {
    if (record.position <= folded) continue;
    last = record.position;
    yield record;
  }
  if (last < durable) throw file.damaged(`record ${last + 1}`, 'other bytes');
}

/** What the tables lack of a log that ends, in order. REGALIA_CORRUPT where it is damaged. */
export function* unfoldedIn(folder: string, row: Uint8Array): Generator<Changes> {
  const { id, folded } = decodeWalRow(row);
  let file: WalFile;
  try {
    file = new WalFile(folder, id, false);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
    throw corrupt(walPath(folder, id), 'the write-ahead log', 'no file');
  }
  try {
    for (const { changes } of survivors(file, folded)) yield changes;
  } finally {
    file.close();
  }
}

/** Whether there are files of logs. */
export function hasLogs(folder: string): boolean {
  return fs.readdirSync(folder).some((name) => walIdIn(name) !== undefined);
}

/** Removes the files of logs but the one that this row names. Nobody may be beginning one. */
export function removeEndedLogs(folder: string, row: Uint8Array | undefined): void {
  const current = row && hex(decodeWalRow(row).id);
  for (const name of fs.readdirSync(folder)) {
    const id = walIdIn(name);
    if (id !== undefined && id !== current) fs.rmSync(join(folder, name), { force: true });
  }
}
