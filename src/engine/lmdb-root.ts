/**
 * lmdb-js as we use it: what is asked of it, and how an environment is opened.
 *
 * `overlappingSync` is off: one fdatasync and one written-through meta page a commit, and a power
 * cut loses nothing acknowledged (on, commits made in several ways lost some). `eventTurnBatching`
 * is off: it makes promises of its own, which reject unheard when a commit fails.
 * `maxFreeSpaceToRetain` is 0: no list of free pages outlives its transaction. lmdb-js would keep
 * the list in memory and save the parts of it that changed, and now and then would not find such a
 * part where it looks for it, which ends the process (ARCHITECTURE.md, Rejected designs). What
 * lmdb-js puts within a transaction is copied into LMDB's page at once.
 */
import { open } from 'lmdb';
import { malformed } from '../ground/errors.js';
import { BYTE_TABLES, INTEGER_TABLES, type Table } from './engine.js';
import { MAX_READERS } from './lmdb-files.js';
import { checkMachine, mapBytesFor } from './lmdb-machine.js';

/** lmdb.h: MDB_NOMETASYNC; lmdb-js's: abortable, committed before it returns. */
export const NO_META_SYNC = 0x4_0000;
export const ON_THIS_THREAD = 3;

export interface LmdbTable {
  /** The whole read buffer under a false length, spoilt by the next read: wrap it at once. */
  getBinaryFast(key: number | Uint8Array): Uint8Array | undefined;
  getKeys(range: object): Iterable<number | Uint8Array>;
  put(key: number | Uint8Array, bytes: Uint8Array): unknown;
  remove(key: number | Uint8Array): unknown;
  ensureReadTxn(): void;
  resetReadTxn(): void;
  /** A transaction of reads is about to begin, at the next read. */
  addListener(event: 'begin-transaction', heard: () => void): unknown;
  readonly db: { stat(): TablePages };
}

export interface TablePages {
  readonly entryCount: number;
  readonly treeBranchPageCount: number;
  readonly treeLeafPageCount: number;
  readonly overflowPages: number;
}

interface RootStats {
  /** Bytes of the map. */
  readonly mapSize: number;
  readonly pageSize: number;
  readonly lastPageNumber: number;
  readonly lastTxnId: number;
  readonly root: TablePages;
  readonly free: TablePages;
}

export interface LmdbRoot {
  openDB(name: string, options: object): LmdbTable | undefined;
  /** The body returns nothing: a thenable defers the commit. */
  transactionSync(body: () => void, flags: number): void;
  /** The body never throws: what it had put would be committed. */
  transaction(body: () => void): Promise<void>;
  getWriteTxnId(): number;
  sync(done: (error?: unknown) => void): void;
  backup(path: string, compact: boolean): Promise<void>;
  readerCheck(): number;
  getStats(): RootStats;
  close(): Promise<void>;
}

/** lmdb-js rejects a commit with an error that leads to the true one. */
export async function commitErrorOf(error: unknown): Promise<unknown> {
  const behind = (error as { commitError?: Promise<unknown> } | null)?.commitError;
  if (behind === undefined) return error;
  const silence = new Promise((resolve) => setTimeout(resolve, 1_000, error).unref());
  return Promise.race([behind, silence]).then(
    () => error,
    (cause: unknown) => cause,
  );
}

/** Opens, and creates where there is none, the environment in a folder. As `checkMachine`. */
export function openRoot(path: string, readOnly: boolean): LmdbRoot {
  checkMachine(path, readOnly);
  const settings = {
    path,
    noSubdir: false,
    readOnly,
    overlappingSync: false,
    eventTurnBatching: false,
    mapSize: mapBytesFor(path),
    maxReaders: MAX_READERS,
    maxDbs: 16,
    encoding: 'binary' as const,
    keyEncoding: 'binary' as const,
    permissionsMode: 0o600,
    maxFreeSpaceToRetain: 0,
  };
  return open(settings) as unknown as LmdbRoot;
}

export function openTables(root: LmdbRoot, path: string): Record<Table, LmdbTable> {
  const tables = {} as Record<Table, LmdbTable>;
  for (const name of INTEGER_TABLES) tables[name] = openTable(root, path, name, 'uint32');
  for (const name of BYTE_TABLES) tables[name] = openTable(root, path, name, 'binary');
  return tables;
}

/** The table with the row of the write-ahead log; undefined in a file of a reader without it. */
export function openWalTable(root: LmdbRoot): LmdbTable | undefined {
  return root.openDB('wal', { encoding: 'binary', keyEncoding: 'binary' });
}

function openTable(root: LmdbRoot, path: string, name: Table, keyEncoding: string): LmdbTable {
  const table = root.openDB(name, { encoding: 'binary', keyEncoding });
  if (table !== undefined) return table;
  throw malformed(path, 0, `a table ${name}`, 'none');
}
