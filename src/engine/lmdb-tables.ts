/**
 * LMDB's tables with the write-ahead log over them: reads of both as of one state, and transactions
 * that put rows into either.
 *
 * Invariants:
 * - a transaction follows the latest, and has all records of the log, before anything runs in it;
 * - what is read outside of one is the state after some record: with each transaction of reads the
 *   log is followed anew;
 * - rows go into the tables only behind all that the log has of them.
 */
import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { copyBytes } from '../ground/bytes.js';
import { corrupt, errnoOf, mapFull, type RegaliaError } from '../ground/errors.js';
import { utf8Bytes } from '../ground/text.js';
import { type Durability, type EngineStats, type RowKey, TABLES, type Table } from './engine.js';
import { type KeptRange, keepKey, keyOf } from './kept-keys.js';
import { hasStumbled } from './lmdb-errors.js';
import { LatestTransaction } from './lmdb-latest.js';
import { MAP_BYTES } from './lmdb-machine.js';
import { DataFile } from './lmdb-place.js';
import {
  type LmdbRoot,
  type LmdbTable,
  ON_THIS_THREAD,
  openRoot,
  openTables,
  openWalTable,
  type TablePages,
} from './lmdb-root.js';
import { applyChanges, type Changes, type Overlay, type Target } from './overlay.js';
import type { Listed, Span, Version } from './recent-rows.js';
import {
  encodeWalRow,
  type Flushed,
  hasLogs,
  removeEndedLogs,
  unfoldedIn,
  type WalRow,
  WriteAheadLog,
} from './wal.js';
import { createWal, WAL_ID_LENGTH, walPath } from './wal-file.js';

/** The key of the one row of the table of the write-ahead log. */
const WAL_KEY = utf8Bytes('wal');
/** Transactions that put rows after which a process begins a log. */
const PUTS_BEFORE_LOG = 4;
/** What is put together and has more bytes, or a larger row, goes into the tables at once. */
const RECORD_BYTES_MAX = 256 << 10;
const ROW_BYTES_MAX = 32 << 10;
/** Rows that go from the log into the tables by one transaction. */
const FOLD_SLICE_ROWS = 512;
/** How often the log is looked for beside tables that others change, and the time in between. */
const FOLLOW_TRIES = 30;
const FOLLOW_PAUSE_MS = 1;
/** What a row changes at most beside itself: a page of each level. */
const PATH_BYTES = 16_384;
/** The end of the map, which only the log and what deletes may use. */
const KEPT_BYTES = 64 << 20;
/** How often a transaction is tried again over which LMDB stumbles. */
const STUMBLES_MAX = 8;
/** No records. */
const NONE: Span = { above: 0, until: 0 };

export class LmdbTables {
  readonly path: string;
  readonly byName: Readonly<Record<Table, LmdbTable>>;
  readonly root: LmdbRoot;
  readonly latest: LatestTransaction;
  readonly log: WriteAheadLog;
  readonly #logTable: LmdbTable | undefined;
  /** Whether the transaction has put rows into the tables. */
  hasPut = false;
  /** Whether something may have been appended to the log by a write that failed. */
  isUnsure = false;
  readonly #file: DataFile;
  /** Whether the transaction is on disk when others see it. */
  #isFlushed = false;
  /** Whether the transaction puts rows into the tables, and not into the log. */
  #isDirect = false;
  /** Bytes of the map. */
  readonly #mapBytes: number;
  /** Bytes that the file may grow by with the transaction. */
  #growth = 0;
  /** Bytes that the transaction puts into the log. */
  #stagedBytes = 0;
  /** Whether bodies run. */
  #isWriting = false;
  /** Whether the log must be followed before the next read, and reads begin anew for that. */
  #stale: 'no' | 'yes' | 'renew' = 'renew';
  /** Transactions that put rows since there was a log. */
  #puts = 0;

  constructor(path: string, readOnly: boolean) {
    this.path = path;
    this.root = openRoot(path, readOnly);
    let latest: LatestTransaction | undefined;
    try {
      const { pageSize, mapSize } = this.root.getStats();
      this.#mapBytes = mapSize;
      latest = new LatestTransaction(path, pageSize, readOnly);
      latest.correct();
      this.latest = latest;
      this.byName = openTables(this.root, path);
      this.#file = new DataFile(path);
      this.#logTable = openWalTable(this.root);
      this.log = new WriteAheadLog(path, readOnly);
      for (const table of [...Object.values(this.byName), this.#logTable]) {
        table?.addListener('begin-transaction', () => {
          if (this.#stale === 'no') this.#stale = 'yes';
        });
      }
      if (!readOnly) this.endLog();
    } catch (error) {
      void this.root.close();
      latest?.close();
      throw error;
    }
  }

  // Reading.

  /** Before a read: reads and the log beside them are of one state. */
  begin(): void {
    if (this.#isWriting) return;
    this.checkMap();
    this.byName.meta.ensureReadTxn();
    if (this.#stale !== 'no') this.#follow();
  }

  #follow(): void {
    let failure: unknown;
    for (let tries = 0; tries < FOLLOW_TRIES; tries++) {
      if (tries > 0) pause();
      if (this.#stale === 'renew' || tries > 0) this.resetReads();
      this.byName.meta.ensureReadTxn();
      // It is read first: the log has what is later than the tables that name it.
      const row = this.#storedRow();
      try {
        if (this.latest.lags() || !this.log.follow(row, false)) continue;
        this.#stale = 'no';
        return;
      } catch (error) {
        // Somebody may be writing over what is read: what is damaged stays so.
        failure = error;
      }
    }
    throw failure ?? corrupt(this.path, 'the write-ahead log that the tables name', 'none');
  }

  /** The log's row, a view that the next read of a table spoils. */
  #storedRow(): Uint8Array | undefined {
    const row = this.#logTable?.getBinaryFast(WAL_KEY);
    return row && viewOf(row);
  }

  /** The row as the log has it, if it changed it. */
  recent<T extends Table>(table: T, key: RowKey<T>): Version | undefined {
    const { recent } = this.log;
    return recent.has(table) ? recent.find(table, keepKey(table, key), this.#span) : undefined;
  }

  /** The first `count` rows of a range that the log changed. */
  recentRows(table: Table, range: KeptRange, count: number): Listed {
    return this.log.recent.list(table, range, count, this.#span);
  }

  /** The records that are seen. */
  get #span(): Span {
    if (!this.#isWriting) return this.log.seen;
    return this.#isDirect ? NONE : this.log.unfolded;
  }

  resetReads(): void {
    this.byName.meta.resetReadTxn();
  }

  /** The next read sees what others have written. */
  refresh(): void {
    this.#stale = 'renew';
  }

  /** The number of a table's rows. */
  count(table: Table): number {
    this.begin();
    let { entryCount } = this.#pages(table);
    for (const [key, bytes] of this.log.recent.all(table, this.#span)) {
      const isThere = this.byName[table].getBinaryFast(keyOf(key)) !== undefined;
      entryCount += (bytes !== undefined ? 1 : 0) - (isThere ? 1 : 0);
    }
    return entryCount;
  }

  #pages(table: Table): TablePages {
    const opened = this.byName[table];
    opened.ensureReadTxn();
    return opened.db.stat();
  }

  /** What is in no tree and no meta page is free; LMDB counts the entries of its free list. */
  stats(): EngineStats {
    const { pageSize, lastPageNumber } = this.root.getStats();
    const rows = {} as Record<Table, number>;
    for (const table of TABLES) rows[table] = this.count(table);
    const bytes = (lastPageNumber + 1) * pageSize;
    return { bytes, freeBytes: this.#freeBytes(), rows };
  }

  // In a transaction.

  /**
   * Before a transaction, of reads too: where the map is small for want of address space, LMDB had
   * better not map what others have made of the file. REGALIA_FULL.
   */
  checkMap(): void {
    if (this.#mapBytes >= MAP_BYTES) return;
    this.latest.look();
    if (this.latest.fileBytes > this.#mapBytes) throw mapFull(this.path, this.#mapBytes);
  }

  /**
   * Does something while nobody else writes, in a transaction that follows the latest: again, where
   * LMDB stumbled.
   */
  transaction(work: (number: number) => void, flags = ON_THIS_THREAD): void {
    for (let stumbles = 0; ; stumbles++) {
      try {
        this.#transact(work, flags);
        return;
      } catch (error) {
        if (!hasStumbled(error) || this.isUnsure || stumbles === STUMBLES_MAX) throw error;
      }
      this.#reshape();
    }
  }

  #transact(work: (number: number) => void, flags: number): void {
    let begun = false;
    this.checkMap();
    // One that did not follow the latest ends empty.
    while (!begun) {
      try {
        this.root.transactionSync(() => {
          begun = this.begins(work);
        }, flags);
      } finally {
        this.ended();
      }
    }
  }

  /**
   * Gives the list of free pages another shape, in which the same transaction does not stumble
   * again: puts a row as it is.
   */
  #reshape(): void {
    const { meta } = this.byName;
    this.resetReads();
    const [key] = meta.getKeys({ limit: 1 });
    const put = (): void => {
      const row = key === undefined ? undefined : meta.getBinaryFast(key);
      if (row !== undefined) meta.put(key as Uint8Array, copyBytes(viewOf(row)));
    };
    try {
      this.#transact(put, ON_THIS_THREAD);
    } catch (error) {
      if (!hasStumbled(error)) throw error;
    }
  }

  /** Works in a transaction that has begun, if it follows the latest. `ended` follows. */
  begins(work: (number: number) => void): boolean {
    const number = this.root.getWriteTxnId();
    this.refresh();
    if (!this.latest.isNext(number)) return false;
    work(number);
    return true;
  }

  /** A transaction has ended: no read may begin on a state before it. */
  ended(): void {
    this.latest.look();
    this.refresh();
  }

  /** Begins to put rows; `isFlushed` says whether they are on disk when others see them. */
  beginPuts(isFlushed: boolean): void {
    this.hasPut = false;
    this.#stagedBytes = 0;
    this.#growth = 0;
    this.#isFlushed = isFlushed;
    // A transaction that failed may have left something.
    this.log.unstage();
    this.#followHere();
    this.#isDirect = !this.log.isOpen;
    if (this.#isDirect && isFlushed && this.beginsLog && this.#isInPlace()) this.#beginLog();
  }

  /** Whether a log begins with the next transaction that is flushed. */
  get beginsLog(): boolean {
    return !this.log.isOpen && this.#puts >= PUTS_BEFORE_LOG;
  }

  /** Whether the file is where it was opened: else what is beside it is another's. */
  #isInPlace(): boolean {
    return this.#file.refusal('commit') === undefined;
  }

  #followHere(): void {
    if (this.log.follow(this.#storedRow(), true)) return;
    throw corrupt(this.path, 'the write-ahead log that the tables name', 'none');
  }

  /** Runs what reads the state as the transaction has it. */
  reading<T>(body: () => T): T {
    this.#isWriting = true;
    try {
      return body();
    } finally {
      this.#isWriting = false;
    }
  }

  /**
   * Why what a body has put may not be: the file could outgrow the map, and LMDB would map it anew
   * in the middle of the transaction. A part is left for the log, and for those who delete.
   */
  refusal({ changes, bytes, longest }: Overlay): RegaliaError | undefined {
    if (longest === 0) return undefined;
    const { fileBytes } = this.latest;
    this.#growth += 2 * bytes + Math.min(changes.size * PATH_BYTES, fileBytes);
    const kept = Math.min(KEPT_BYTES, this.#mapBytes / 4);
    if (fileBytes + this.#growth + kept <= this.#mapBytes) return undefined;
    // What was deleted leaves pages within the file.
    return this.#freeBytes() >= this.#growth ? undefined : mapFull(this.path, this.#mapBytes);
  }

  #freeBytes(): number {
    const { pageSize, lastPageNumber, root, free } = this.root.getStats();
    const tables = TABLES.map((table) => pagesOf(this.#pages(table)));
    const used = tables.reduce((sum, pages) => sum + pages, 2 + pagesOf(root) + pagesOf(free));
    return Math.max(0, lastPageNumber + 1 - used) * pageSize;
  }

  /** Puts what a body has put and deleted. */
  put(overlay: Overlay): void {
    const { changes, bytes, longest } = overlay;
    if (changes.size === 0) return;
    const isLarge = longest > ROW_BYTES_MAX || this.#stagedBytes + bytes > RECORD_BYTES_MAX;
    if (!this.#isDirect && isLarge) this.#goDirect();
    if (this.#isDirect) applyChanges(changes, this.#target);
    else {
      this.log.stage(changes);
      this.#stagedBytes += Math.max(1, bytes);
    }
  }

  /** All that the log has goes into the tables with the rest of the transaction. */
  #goDirect(): void {
    applyChanges(this.log.all(), this.#target);
    this.log.unstage();
    this.#putRow(this.log.row(this.#isFlushed));
    this.#isDirect = true;
  }

  /** Appends to the log what was put there; with 'group', `log.flush` and `show` follow. */
  endPuts(durability: Durability): void {
    if (this.#isDirect && this.hasPut) this.#puts++;
    if (this.#isDirect || this.#stagedBytes === 0) return;
    let isAppended: boolean;
    try {
      isAppended = this.log.append(durability);
    } catch (error) {
      this.log.unstage();
      this.isUnsure = true;
      throw error;
    }
    if (!isAppended) this.#goDirect();
  }

  readonly #target: Target = {
    put: <T extends Table>(table: T, key: RowKey<T>, bytes: Uint8Array) => {
      this.byName[table].put(key as number | Uint8Array, bytes);
      this.hasPut = true;
    },
    del: <T extends Table>(table: T, key: RowKey<T>) => {
      this.byName[table].remove(key as number | Uint8Array);
    },
  };

  #putRow(row: WalRow | undefined): void {
    if (row === undefined) return;
    this.#logTable?.put(WAL_KEY, encodeWalRow(row));
    this.hasPut = true;
  }

  /** Closes the file. */
  async close(): Promise<void> {
    this.log.leave();
    await this.root.close();
    this.latest.close();
  }

  // The log.

  /** Begins a log with this transaction, whose rows go into the tables. */
  #beginLog(): void {
    this.#puts = 0;
    const id = randomBytes(WAL_ID_LENGTH);
    try {
      createWal(this.path, id);
    } catch (error) {
      rmSync(walPath(this.path, id), { force: true });
      // It goes without one.
      if (errnoOf(error) === undefined || errnoOf(error) === 'EIO') throw error;
      return;
    }
    this.#putRow({ id, folded: 0, safe: 0 });
  }

  /** Puts the oldest records, if any, into the tables, by a transaction that is flushed. */
  fold(): boolean {
    this.hasPut = false;
    this.log.unstage();
    this.#followHere();
    const slice = this.log.slice(FOLD_SLICE_ROWS);
    if (slice === undefined) return false;
    applyChanges(slice.changes, this.#target);
    this.#putRow(this.log.row(true, slice.position));
    return true;
  }

  /** Shows to all what the log has flushed. */
  show(flushed: Flushed): void {
    this.transaction(() => {
      this.#followHere();
      this.log.show(flushed);
    });
  }

  /** Puts all that a log has into the tables, and ends it. */
  endLog(): void {
    // What is beside a file that was moved away is another's.
    if (!this.#isInPlace()) return;
    this.resetReads();
    if (this.#storedRow() === undefined && !hasLogs(this.path)) return;
    this.transaction(() => {
      const row = this.#storedRow();
      if (row === undefined) return;
      // All is read before anything is put.
      for (const changes of [...unfoldedIn(this.path, row)]) applyChanges(changes, this.#target);
      this.#logTable?.remove(WAL_KEY);
    });
    this.log.leave();
    // One that has just begun stays.
    this.transaction(() => removeEndedLogs(this.path, this.#storedRow()));
  }
}

/** The bytes of what `getBinaryFast` returns. */
function viewOf(row: Uint8Array): Uint8Array {
  return new Uint8Array(row.buffer, row.byteOffset, row.length);
}

const waiting = new Int32Array(new SharedArrayBuffer(4));

function pause(): void {
  Atomics.wait(waiting, 0, 0, FOLLOW_PAUSE_MS);
}

function pagesOf(pages: TablePages): number {
  return pages.treeBranchPageCount + pages.treeLeafPageCount + pages.overflowPages;
}

/**
 * Makes a copy of the tables, which nobody else has, whole without a log: `missing` is what it
 * lacks where this is the log's row. False where nobody knows.
 */
export async function finishCopy(
  folder: string,
  missing: (row: Uint8Array) => Changes | undefined,
): Promise<boolean> {
  const root = openRoot(folder, false);
  try {
    const table = openWalTable(root);
    const row = table?.getBinaryFast(WAL_KEY);
    if (table === undefined || row === undefined) return true;
    const changes = missing(copyBytes(viewOf(row)));
    if (changes === undefined) return false;
    const tables = openTables(root, folder);
    root.transactionSync(() => {
      applyChanges(changes, {
        put: (name, key, bytes) => void tables[name].put(key as number | Uint8Array, bytes),
        del: (name, key) => void tables[name].remove(key as number | Uint8Array),
      });
      table.remove(WAL_KEY);
    }, ON_THIS_THREAD);
    return true;
  } finally {
    await root.close();
  }
}
