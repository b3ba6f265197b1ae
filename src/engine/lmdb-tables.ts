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
import { copyBytes } from '../ground/bytes.js';
import { corrupt, errnoOf } from '../ground/errors.js';
import { utf8Bytes } from '../ground/text.js';
import { type Durability, type EngineStats, type RowKey, TABLES, type Table } from './engine.js';
import { LatestTransaction } from './lmdb-latest.js';
import {
  type LmdbRoot,
  type LmdbTable,
  ON_THIS_THREAD,
  openRoot,
  openTables,
  openWalTable,
  type TablePages,
} from './lmdb-root.js';
import {
  applyChanges,
  type KeptRange,
  keepKey,
  keyOf,
  type Overlay,
  type Target,
} from './overlay.js';
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
import { createWal, WAL_ID_LENGTH } from './wal-file.js';

/** The key of the one row of the table of the write-ahead log. */
const WAL_KEY = utf8Bytes('wal');
/** Transactions that put rows after which a process begins a log. */
const PUTS_BEFORE_LOG = 4;
/** What is put together and has more bytes, or a larger row, goes into the tables at once. */
const RECORD_BYTES_MAX = 256 << 10;
const ROW_BYTES_MAX = 32 << 10;
/** Rows that go from the log into the tables by one transaction. */
const FOLD_SLICE_ROWS = 512;
/** How often the log is looked for beside tables that others change. */
const FOLLOW_TRIES = 1_000;
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
  /** Whether the transaction is on disk when others see it. */
  #isFlushed = false;
  /** Whether the transaction puts rows into the tables, and not into the log. */
  #isDirect = false;
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
      latest = new LatestTransaction(path, this.root.getStats().pageSize, readOnly);
      latest.correct();
      this.latest = latest;
      this.byName = openTables(this.root, path);
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
    this.byName.meta.ensureReadTxn();
    if (this.#stale !== 'no') this.#follow();
  }

  #follow(): void {
    for (let tries = 0; tries < FOLLOW_TRIES; tries++) {
      if (this.#stale === 'renew' || tries > 0) this.resetReads();
      this.byName.meta.ensureReadTxn();
      // It is read first: the log has what is later than the tables that name it.
      const row = this.#storedRow();
      if (this.latest.lags() || !this.log.follow(row, false)) continue;
      this.#stale = 'no';
      return;
    }
    throw corrupt(this.path, 'the write-ahead log that the tables name', 'none');
  }

  /** The log's row. */
  #storedRow(): Uint8Array | undefined {
    const row = this.#logTable?.getBinaryFast(WAL_KEY);
    return row && copyBytes(new Uint8Array(row.buffer, row.byteOffset, row.length));
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
    const { pageSize, lastPageNumber, root, free } = this.root.getStats();
    const rows = {} as Record<Table, number>;
    let used = 2 + pagesOf(root) + pagesOf(free);
    for (const table of TABLES) {
      used += pagesOf(this.#pages(table));
      rows[table] = this.count(table);
    }
    const all = lastPageNumber + 1;
    return { bytes: all * pageSize, freeBytes: Math.max(0, all - used) * pageSize, rows };
  }

  // In a transaction.

  /** Does something while nobody else writes, in a transaction that follows the latest. */
  transaction(work: (number: number) => void, flags = ON_THIS_THREAD): void {
    let begun = false;
    // One that did not follow the latest ends empty.
    while (!begun) {
      this.root.transactionSync(() => {
        const number = this.root.getWriteTxnId();
        begun = this.latest.isNext(number);
        if (begun) work(number);
      }, flags);
    }
    this.refresh();
  }

  /** Begins to put rows; `isFlushed` says whether they are on disk when others see them. */
  beginPuts(isFlushed: boolean): void {
    this.hasPut = false;
    this.#stagedBytes = 0;
    this.#isFlushed = isFlushed;
    this.#followHere();
    this.#isDirect = !this.log.isOpen;
    if (this.#isDirect && this.#puts >= PUTS_BEFORE_LOG) this.#beginLog();
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
    const all = this.log.slice(Number.POSITIVE_INFINITY);
    if (all !== undefined) applyChanges(all.changes, this.#target);
    this.log.unstage();
    this.#putRow(this.log.row(this.#isFlushed));
    this.#isDirect = true;
  }

  /** Appends to the log what was put there; with 'group', `log.flush` and `show` follow. */
  endPuts(durability: Durability): void {
    if (this.#isDirect && this.hasPut) this.#puts++;
    if (this.#isDirect || this.#stagedBytes === 0) return;
    try {
      if (!this.log.append(durability)) this.#goDirect();
    } catch (error) {
      this.log.unstage();
      throw error;
    }
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
      const errno = errnoOf(error);
      removeEndedLogs(this.path, undefined);
      // It goes without one.
      if (errno !== 'ENOSPC' && errno !== 'EDQUOT') throw error;
      return;
    }
    this.#putRow({ id, folded: 0, safe: 0 });
  }

  /** Puts the oldest records into the tables, by a transaction that is flushed. */
  fold(): void {
    this.hasPut = false;
    this.#followHere();
    const slice = this.log.slice(FOLD_SLICE_ROWS);
    if (slice === undefined) return;
    applyChanges(slice.changes, this.#target);
    this.#putRow(this.log.row(true, slice.position));
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

function pagesOf(pages: TablePages): number {
  return pages.treeBranchPageCount + pages.treeLeafPageCount + pages.overflowPages;
}

/** Removes the log's row from a copy of the tables that nobody else has. */
export async function removeLogRow(folder: string): Promise<void> {
  const root = openRoot(folder, false);
  try {
    const table = openWalTable(root);
    if (table?.getBinaryFast(WAL_KEY) === undefined) return;
    root.transactionSync(() => {
      table.remove(WAL_KEY);
    }, ON_THIS_THREAD);
  } finally {
    await root.close();
  }
}
