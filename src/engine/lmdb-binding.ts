/**
 * lmdb-js as we use it: how an environment and its tables are opened, and the shapes of what its
 * declarations leave out or get wrong.
 *
 * `overlappingSync` is off: one fdatasync and one written-through meta page a commit, and a power
 * cut loses nothing acknowledged (on, commits made in several ways lost some). `eventTurnBatching`
 * is off: it makes promises of its own, which reject unheard when a commit fails. What lmdb-js puts
 * within a transaction is copied into LMDB's page at once.
 *
 * `maxFreeSpaceToRetain` is 0: no list of free pages outlives its transaction. lmdb-js would keep
 * the list in memory and save the parts of it that changed, and now and then would not find such a
 * part where it looks for it, which ends the process (ARCHITECTURE.md, Rejected designs).
 */
import { open } from 'lmdb';
import { malformed } from '../ground/errors.js';
import type { Table } from './engine.js';
import { BYTE_TABLES, INTEGER_TABLES } from './engine.js';

/** The most processes and threads that may read at once. All processes should agree. */
export const MAX_READERS = 1_024;
/** The most bytes the file may ever grow to: address space, not memory. */
const MAP_BYTES = 2 ** 40;

export interface LmdbTable {
  /**
   * The whole of lmdb-js's read buffer under a false length, spoilt by the next read: wrap it,
   * never pass it on.
   */
  getBinaryFast(key: number | Uint8Array): Uint8Array | undefined;
  getKeys(range: object): Iterable<number | Uint8Array>;
  put(key: number | Uint8Array, bytes: Uint8Array): unknown;
  remove(key: number | Uint8Array): unknown;
  ensureReadTxn(): void;
  resetReadTxn(): void;
  readonly db: { stat(): TablePages };
}

export interface TablePages {
  readonly entryCount: number;
  readonly treeBranchPageCount: number;
  readonly treeLeafPageCount: number;
  readonly overflowPages: number;
}

interface RootStats {
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

/** Opens, and creates where there is none, the environment in a folder. */
export function openRoot(path: string, readOnly: boolean): LmdbRoot {
  const settings = {
    path,
    noSubdir: false,
    readOnly,
    overlappingSync: false,
    eventTurnBatching: false,
    mapSize: MAP_BYTES,
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

function openTable(root: LmdbRoot, path: string, name: Table, keyEncoding: string): LmdbTable {
  const table = root.openDB(name, { encoding: 'binary', keyEncoding });
  if (table !== undefined) return table;
  throw malformed(path, 0, `a table ${name}`, 'none');
}
