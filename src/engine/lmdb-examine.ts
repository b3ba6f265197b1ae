/**
 * What is looked at before LMDB maps a file: a torn header, a truncated tail, a full disk or
 * another format would otherwise be a SIGSEGV or SIGBUS, or a silent step back in time, instead of
 * an error.
 *
 * Checked: both meta pages (magic, version, byte order, page size, flags, bounds, that their
 * transactions are neighbours), the roots of the free list and of the table of tables, each table's
 * root, and the file's length. LMDB may leave free pages at the end unwritten, so a file that is
 * too short is walked to see that no page in use is missing. Pages further down have no checksum in
 * LMDB: what they hold is verified by those who read it.
 *
 * A commit rewrites the root of the table of tables, so its page and its meta page name the same
 * transaction.
 *
 * A writer may be at work meanwhile: what fails is looked at again for as long as the meta pages
 * move. A file that never rests is one that a sound process has open.
 */
import {
  closeSync,
  existsSync,
  fstatSync,
  fsyncSync,
  linkSync,
  openSync,
  readSync,
  rmSync,
  statfsSync,
  statSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { RegaliaError } from '../ground/errors.js';
import { readU64 } from '../ground/integers.js';
import { BYTE_TABLES, INTEGER_TABLES } from './engine.js';
import { fullError } from './lmdb-errors.js';
import type { PageFile, Tree } from './lmdb-pages.js';
import {
  checkTree,
  corrupt,
  META_BYTES,
  NO_ROOT,
  namedTree,
  nodeCount,
  nodeKey,
  PAGE_BRANCH,
  PAGE_HEADER_BYTES,
  PAGE_LEAF,
  PAGE_META,
  readPage,
  readTree,
  TREE_BYTES,
  walkTree,
} from './lmdb-pages.js';

const PAGE_TREE = PAGE_BRANCH | PAGE_LEAF;
const MAGIC = 0xbeefc0de;
const MAGIC_SWAPPED = 0xdec0efbe;
const DATA_VERSION = 2;
const INTEGER_KEYS = 0x08;
/**
 * Environment flags that may be found in a file: no subfolder, overlapping and safe modes, metrics.
 */
const KNOWN_FLAGS = 0x5c00 | INTEGER_KEYS;
const MAP_BYTES_MAX = 2 ** 47;
const ATTEMPTS = 20;
/** Below this LMDB's lock file, which is mapped, could have no room to be written. */
export const ROOM_BYTES_MIN = 1 << 20;
/**
 * lmdb.h: a reader's slot is a cache line, and the header of the lock file takes less than a page.
 */
const READER_BYTES = 64;
const LOCK_HEADER_BYTES = 4_096;

interface Meta {
  readonly pageBytes: number;
  readonly free: Tree;
  readonly main: Tree;
  readonly lastPage: number;
  readonly transaction: number;
}

/**
 * Throws what keeps the folder's files from being opened. Call it only while this process has them
 * closed.
 */
export function preflight(path: string, options: { readOnly: boolean; maxReaders: number }): void {
  examineFile(join(path, 'data.mdb'));
  if (!options.readOnly) makeLockFile(path, options.maxReaders);
  checkRoom(path, options.readOnly);
}

/** Examines a data file: see the header. */
export function examineFile(path: string): void {
  const descriptor = openSync(path, 'r');
  try {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const before = metaBytes(descriptor);
      try {
        examine(path, descriptor);
        return;
      } catch (error) {
        if (metaBytes(descriptor) === before) throw error;
      }
    }
  } finally {
    closeSync(descriptor);
  }
}

function examine(path: string, descriptor: number): void {
  const size = fstatSync(descriptor).size;
  const [newer, older] = readMetas(path, descriptor, size);
  const file = fileOf(path, descriptor, size, newer);
  checkTree(newer.free, file, "the meta page's free list");
  checkTree(newer.main, file, "the meta page's table of tables");
  checkTransaction(file, newer);
  checkOlder(fileOf(path, descriptor, size, older, newer.transaction), older);
  const tables = readDirectory(file, newer.main);
  for (const [name, tree] of tables) checkRoot(file, tree, `table ${name}`);
  checkRoot(file, newer.free, 'the free list');
  checkFreeList(file, newer.free);
  if (file.filePages > newer.lastPage) return;
  for (const tree of [newer.free, newer.main, ...tables.values()])
    walkTree(file, tree, () => undefined);
}

function fileOf(
  path: string,
  descriptor: number,
  size: number,
  { pageBytes, lastPage, transaction: own }: Meta,
  transaction = own,
): PageFile {
  return {
    path,
    descriptor,
    pageBytes,
    filePages: Math.floor(size / pageBytes),
    lastPage,
    transaction,
  };
}

/**
 * A root of another transaction means that the meta page's own number, or its root, has changed.
 * Every transaction rewrites the root of the tables, and frees the page that it was in: so it
 * rewrites that of the free list, too.
 */
function checkTransaction(file: PageFile, { main, free, transaction }: Meta): void {
  for (const tree of [main, free]) {
    if (tree.root === NO_ROOT) continue;
    const found = readU64(readPage(file, tree.root, tree.depth === 1), 8);
    if (found !== transaction) throw otherTransaction(file, transaction, found);
  }
}

/**
 * The same for the older meta page, of which less can be said. After a failed write of a meta page
 * LMDB writes it again with the old number and last page, but the new roots. And where the root's
 * page is of a later transaction, or no such page any more, a power cut took that transaction and
 * the meta page before it, and left the page it had used again.
 */
function checkOlder(file: PageFile, { main, transaction }: Meta): void {
  if (main.root === NO_ROOT || main.root >= file.filePages) return;
  const page = Buffer.alloc(PAGE_HEADER_BYTES);
  readSync(file.descriptor, page, 0, page.length, main.root * file.pageBytes);
  const found = readU64(page, 8);
  const tree = readU64(page, 0) === main.root && (page.readUInt16LE(18) & PAGE_TREE) !== 0;
  if (!tree || found === transaction || found > file.transaction) return;
  throw otherTransaction(file, transaction, found);
}

function otherTransaction(file: PageFile, expected: number, found: number): RegaliaError {
  return corrupt(file.path, 'a root', `of transaction ${expected}`, `${found}`);
}

/** The two meta pages, newer first, after both were checked. */
function readMetas(path: string, descriptor: number, size: number): [Meta, Meta] {
  if (size === 0) throw corrupt(path, 'the file', 'at least two pages', 'empty');
  const first = readMeta(path, descriptor, 0, 0);
  const second = readMeta(path, descriptor, 1, first.pageBytes);
  if (second.pageBytes !== first.pageBytes) {
    throw corrupt(path, 'the second page size', `${first.pageBytes}`, `${second.pageBytes}`);
  }
  const apart = Math.abs(first.transaction - second.transaction);
  if (apart !== 1 && first.transaction + second.transaction !== 0) {
    const actual = `${first.transaction} and ${second.transaction}`;
    throw corrupt(path, 'the meta pages', 'of neighbouring transactions', actual);
  }
  return first.transaction > second.transaction ? [first, second] : [second, first];
}

function readMeta(path: string, descriptor: number, index: number, at: number): Meta {
  const name = `meta page ${index}`;
  const bytes = Buffer.alloc(PAGE_HEADER_BYTES + META_BYTES + 16);
  const count = readSync(descriptor, bytes, 0, bytes.length, at);
  if (count !== bytes.length) throw corrupt(path, name, 'complete', `${count} bytes long`);
  checkFormat(path, bytes, index);
  if (readU64(bytes, 0) !== index || bytes.readUInt16LE(18) !== PAGE_META) {
    throw corrupt(
      path,
      name,
      `numbered ${index}`,
      `${readU64(bytes, 0)}, flags ${bytes.readUInt16LE(18)}`,
    );
  }
  const base = PAGE_HEADER_BYTES + 24;
  const pageBytes = bytes.readUInt32LE(base);
  if (pageBytes < 512 || pageBytes > 65_536 || (pageBytes & (pageBytes - 1)) !== 0) {
    throw corrupt(path, `${name}'s page size`, 'a power of two', `${pageBytes}`);
  }
  const meta: Meta = {
    pageBytes,
    free: readTree(bytes, base),
    main: readTree(bytes, base + TREE_BYTES),
    lastPage: readU64(bytes, base + 2 * TREE_BYTES),
    transaction: readU64(bytes, base + 2 * TREE_BYTES + 8),
  };
  checkMeta(path, name, meta, index, readU64(bytes, PAGE_HEADER_BYTES + 16));
  return meta;
}

function checkFormat(path: string, bytes: Buffer, index: number): void {
  const magic = bytes.readUInt32LE(PAGE_HEADER_BYTES);
  const version = bytes.readUInt32LE(PAGE_HEADER_BYTES + 4);
  if (magic === MAGIC && version === DATA_VERSION) return;
  const what = 'data file';
  if (magic === MAGIC_SWAPPED || (magic === MAGIC && index === 0)) {
    const actual = magic === MAGIC ? `version ${version}` : 'the other byte order';
    const data = { what, expected: `version ${DATA_VERSION}, little-endian`, actual };
    throw new RegaliaError('REGALIA_VERSION', `${path} has ${actual}`, data);
  }
  // A file that begins with zeros, or whose first meta page is sound, was one of ours.
  if (index > 0 || bytes.every((byte) => byte === 0)) {
    throw corrupt(path, `meta page ${index}`, "begun by LMDB's magic", magic.toString(16));
  }
  const data = {
    what,
    at: PAGE_HEADER_BYTES,
    expected: MAGIC.toString(16),
    actual: magic.toString(16),
  };
  throw new RegaliaError('REGALIA_FORMAT', `${path} is not a data file`, data);
}

function checkMeta(path: string, name: string, meta: Meta, index: number, mapBytes: number): void {
  const { lastPage, transaction, pageBytes, free, main } = meta;
  if (transaction !== 0 && transaction % 2 !== index) {
    throw corrupt(path, `${name}'s transaction`, index === 0 ? 'even' : 'odd', `${transaction}`);
  }
  if (lastPage < 1 || mapBytes > MAP_BYTES_MAX || (lastPage + 1) * pageBytes > mapBytes) {
    throw corrupt(path, `${name}'s last page`, `within a map of ${mapBytes} bytes`, `${lastPage}`);
  }
  if ((free.flags & INTEGER_KEYS) === 0 || (free.flags & ~KNOWN_FLAGS) !== 0 || main.flags !== 0) {
    throw corrupt(path, `${name}'s flags`, 'known ones', `${free.flags}, ${main.flags}`);
  }
}

/** The tables that the file's main tree names: all of ours, with keys of their kind. */
function readDirectory(file: PageFile, main: Tree): Map<string, Tree> {
  const tables = new Map<string, Tree>();
  if (main.depth > 4)
    throw corrupt(file.path, 'the table of tables', 'small', `${main.depth} levels deep`);
  walkTree(file, main, (leaf) => {
    for (let i = 0; i < nodeCount(leaf); i++) {
      const { name, tree } = namedTree(leaf, i);
      if (tree !== undefined) tables.set(name, tree);
    }
  });
  for (const name of [...INTEGER_TABLES, ...BYTE_TABLES]) checkTable(file, name, tables.get(name));
  return tables;
}

function checkTable(file: PageFile, name: string, tree: Tree | undefined): void {
  if (tree === undefined) {
    const data = { what: 'data file', at: 0, expected: `a table ${name}`, actual: 'none' };
    throw new RegaliaError('REGALIA_FORMAT', `${file.path} has no table ${name}`, data);
  }
  const flags = (INTEGER_TABLES as readonly string[]).includes(name) ? INTEGER_KEYS : 0;
  if (tree.flags !== flags)
    throw corrupt(file.path, `table ${name}'s flags`, `${flags}`, `${tree.flags}`);
}

function checkRoot(file: PageFile, tree: Tree, what: string): void {
  checkTree(tree, file, what);
  if (tree.root === NO_ROOT) return;
  const page = readPage(file, tree.root, tree.depth === 1);
  // Another leaf than its own has other rows, and most times another number of them.
  if (tree.depth !== 1 || nodeCount(page) === tree.entries) return;
  throw corrupt(file.path, what, `of ${tree.entries} rows`, `${nodeCount(page)}`);
}

/**
 * The free list is by transaction: a leaf of another tree, which LMDB would take numbers of pages
 * from, is not.
 */
function checkFreeList(file: PageFile, free: Tree): void {
  if (free.root === NO_ROOT || free.depth !== 1) return;
  const page = readPage(file, free.root, true);
  for (let i = 0; i < nodeCount(page); i++) {
    const key = nodeKey(page, i);
    const transaction = key.length === 8 ? readU64(key, 0) : 0;
    if (transaction >= 1 && transaction <= file.transaction) continue;
    const actual = key.toString('hex', 0, 16);
    throw corrupt(file.path, 'the free list', `of transactions up to ${file.transaction}`, actual);
  }
}

/** To notice that a writer was at work. */
function metaBytes(descriptor: number): string {
  const first = Buffer.alloc(META_BYTES + PAGE_HEADER_BYTES);
  const second = Buffer.alloc(first.length);
  readSync(descriptor, first, 0, first.length, 0);
  readSync(descriptor, second, 0, second.length, first.readUInt32LE(PAGE_HEADER_BYTES + 24));
  return first.toString('latin1') + second.toString('latin1');
}

/**
 * Makes the lock file if there is none, with all its bytes written: LMDB would make it sparse and
 * map it, and a full disk would then be a SIGBUS. It is linked into place whole, so that no other
 * process sees it half made.
 */
export function makeLockFile(path: string, maxReaders: number): void {
  const lock = join(path, 'lock.mdb');
  if (existsSync(lock)) return;
  const made = join(path, `lock.${process.pid}.new`);
  const descriptor = openSync(made, 'w', 0o600);
  try {
    writeSync(descriptor, Buffer.alloc(LOCK_HEADER_BYTES + maxReaders * READER_BYTES));
    fsyncSync(descriptor);
    linkSync(made, lock);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // Another process was first, or the file system has no links: LMDB makes it then.
    if (code !== 'EEXIST' && code !== 'EPERM' && code !== 'ENOTSUP') throw error;
  } finally {
    closeSync(descriptor);
    rmSync(made, { force: true });
  }
}

/** A lock file with holes can't be mapped safely on a full disk. */
function checkRoom(path: string, readOnly: boolean): void {
  const lock = join(path, 'lock.mdb');
  if (!existsSync(lock) && readOnly && !hasRoom(path)) throw fullError(path);
  if (!existsSync(lock)) return;
  const { blocks, size } = statSync(lock);
  if (blocks * 512 < size && !hasRoom(path)) throw fullError(path);
}

/** Whether there is room on the device for more than a trifle. */
export function hasRoom(path: string): boolean {
  const { bavail, bsize } = statfsSync(path);
  return bavail * bsize >= ROOM_BYTES_MIN;
}
