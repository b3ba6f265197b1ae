/**
 * A data file, examined before LMDB maps it: LMDB follows its page numbers unasked, so a torn
 * header, a truncated tail or another format would be a SIGSEGV or SIGBUS, or a silent step back in
 * time, instead of an error. Pages are read as LMDB's development branch writes them (data version
 * 2). All integers are little-endian.
 *
 *   page   number 8 | transaction 8 | 2 | flags 2 | lower 2, upper 2 (or overflow pages 4)
 *          | node offsets 2 each ...
 *   node   low 2 | high 2 | flags 2 | key size 2 | key | contents
 *   tree   pad 4 | flags 2 | depth 2 | branch pages 8 | leaf pages 8 | overflow pages 8
 *          | entries 8 | root 8
 *   meta   magic 4 | version 4 | address 8 | map size 8 | free tree 48 | main tree 48
 *          | last page 8 | transaction 8
 *   list   count 8 | count slots of 8: 0, or a page, or minus a number of pages and the first of
 *          them; the free tree has one by transaction
 *
 * A branch node's low, high and flags make its child's page number; a leaf node's low and high make
 * the size of its contents. Node offsets count from the end of the page header. Pages 0 and 1 are
 * the metas: the greater transaction counts. Contents flagged "big" are the number of the first of
 * several overflow pages; flagged "sub", a tree.
 *
 * Checked: both meta pages (magic, version, byte order, page size, flags, bounds, that their
 * transactions are neighbours), the roots of the free list and of the table of tables, each table's
 * root, the file's length, and all lists of free pages: LMDB writes to any page that they name, be
 * it in use, or terabytes behind the end. That none is in use is checked as far as this needs few
 * reads: of all pages that up to some thousand branches of a tree name, and leaves where it has so
 * many and overflow pages. LMDB may leave free pages at the end unwritten, so a file that is
 * too short is walked to see that no page in use is missing. Pages further down have no checksum in
 * LMDB: their rows are verified by those who read them.
 *
 * A commit rewrites the root of the table of tables, so its page and its meta page name the same
 * transaction.
 *
 * A writer may be at work meanwhile: what fails is looked at again for as long as the meta pages
 * move. A file that never rests is one that a sound process has open.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { BitSet } from '../ground/bit-set.js';
import { corrupt, malformed, type RegaliaError, unknownVersion } from '../ground/errors.js';
import { readU64 } from '../ground/integers.js';
import { INTEGER_TABLES, TABLES } from './engine.js';

const PAGE_HEADER_BYTES = 24;
export const TREE_BYTES = 48;
const META_BYTES = 128;

const PAGE_BRANCH = 0x01;
const PAGE_LEAF = 0x02;
const PAGE_OVERFLOW = 0x04;
const PAGE_META = 0x08;
const NODE_BIG = 0x01;
const NODE_SUB = 0x02;
const NODE_HEADER_BYTES = 8;
const DEPTH_MAX = 32;
/** The root of an empty tree. */
const NO_ROOT = Number(0xffff_ffff_ffff_ffffn);
const PAGE_TREE = PAGE_BRANCH | PAGE_LEAF;
const MAGIC = 0xbeefc0de;
const MAGIC_SWAPPED = 0xdec0efbe;
const DATA_VERSION = 2;
const INTEGER_KEYS = 0x08;
/** Environment flags that a file may have: no subfolder, overlapping and safe modes, metrics. */
const KNOWN_FLAGS = 0x5c00 | INTEGER_KEYS;
const MAP_BYTES_MAX = 2 ** 47;
const ATTEMPTS = 20;
/** Branches of a tree, and leaves, that are read to know which pages it uses: 4 ms a thousand. */
const PAGES_READ_MAX = 4_096;

interface Tree {
  readonly flags: number;
  readonly depth: number;
  readonly branchPages: number;
  readonly leafPages: number;
  readonly overflowPages: number;
  readonly entries: number;
  /** `NO_ROOT` where the tree is empty. */
  readonly root: number;
}

/** The pages of one open file, as far as a meta page vouches for them. */
interface PageFile extends Pick<Meta, 'pageBytes' | 'lastPage' | 'transaction'> {
  readonly path: string;
  readonly descriptor: number;
  /** Pages that are in the file in full. */
  readonly filePages: number;
}

interface Meta {
  readonly pageBytes: number;
  readonly free: Tree;
  readonly main: Tree;
  readonly lastPage: number;
  readonly transaction: number;
}

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
  const filePages = Math.floor(size / newer.pageBytes);
  const file: PageFile = { ...newer, path, descriptor, filePages };
  checkTree(newer.free, file, "the meta page's free list");
  checkTree(newer.main, file, "the meta page's table of tables");
  checkTransaction(file, newer);
  checkOlder(file, older);
  const tables = readDirectory(file, newer.main);
  for (const [name, tree] of tables) checkRoot(file, tree, `table ${name}`);
  checkRoot(file, newer.free, 'the free list');
  checkFreeList(file, [newer.free, newer.main, ...tables.values()]);
  if (file.filePages > newer.lastPage) return;
  for (const tree of [newer.free, newer.main, ...tables.values()]) {
    walkTree(file, tree);
  }
}

/**
 * A root of another transaction means that the meta page's own number, or its root, has changed.
 * Every transaction rewrites the root of the tables, and frees the page that it was in: so it
 * rewrites that of the free list, too.
 */
function checkTransaction(file: PageFile, { main, free, transaction }: Meta): void {
  for (const tree of [main, free]) {
    if (tree.root === NO_ROOT) continue;
    checkOwn(file, transaction, readU64(readPage(file, tree.root, tree.depth === 1), 8));
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
  if (tree && found <= file.transaction) checkOwn(file, transaction, found);
}

function checkOwn({ path }: PageFile, expected: number, found: number): void {
  sound(found === expected, path, 'a root', `of transaction ${expected}`, found);
}

/** The two meta pages, newer first, after both were checked. */
function readMetas(path: string, descriptor: number, size: number): [Meta, Meta] {
  sound(size > 0, path, 'the file', 'at least two pages', 'empty');
  const first = readMeta(path, descriptor, 0, 0);
  const second = readMeta(path, descriptor, 1, first.pageBytes);
  const same = second.pageBytes === first.pageBytes;
  sound(same, path, 'the second page size', `${first.pageBytes}`, second.pageBytes);
  const [one, other] = [first.transaction, second.transaction];
  const neighbours = Math.abs(one - other) === 1 || one + other === 0;
  sound(neighbours, path, 'the meta pages', 'of neighbouring transactions', `${one} and ${other}`);
  return first.transaction > second.transaction ? [first, second] : [second, first];
}

function readMeta(path: string, descriptor: number, index: number, at: number): Meta {
  const name = `meta page ${index}`;
  const bytes = Buffer.alloc(PAGE_HEADER_BYTES + META_BYTES + 16);
  const count = readSync(descriptor, bytes, 0, bytes.length, at);
  sound(count === bytes.length, path, name, 'complete', `${count} bytes long`);
  checkFormat(path, bytes, index);
  const [number, flags] = [readU64(bytes, 0), bytes.readUInt16LE(18)];
  const isMeta = number === index && flags === PAGE_META;
  sound(isMeta, path, name, `numbered ${index}`, `${number}, flags ${flags}`);
  const base = PAGE_HEADER_BYTES + 24;
  const pageBytes = bytes.readUInt32LE(base);
  const isSize = pageBytes >= 512 && pageBytes <= 65_536 && (pageBytes & (pageBytes - 1)) === 0;
  sound(isSize, path, `${name}'s page size`, 'a power of two', pageBytes);
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
  if (magic === MAGIC_SWAPPED || (magic === MAGIC && index === 0)) {
    const actual = magic === MAGIC ? version : 'the other byte order';
    throw unknownVersion(path, `${DATA_VERSION}, little-endian`, actual);
  }
  // A file that begins with zeros, or whose first meta page is sound, was one of ours.
  const foreign = index === 0 && bytes.some((byte) => byte !== 0);
  sound(foreign, path, `meta page ${index}`, "begun by LMDB's magic", magic.toString(16));
  throw malformed(path, PAGE_HEADER_BYTES, MAGIC.toString(16), magic.toString(16));
}

function checkMeta(path: string, name: string, meta: Meta, index: number, mapBytes: number): void {
  const { lastPage, transaction, pageBytes, free, main } = meta;
  const isTurn = transaction === 0 || transaction % 2 === index;
  sound(isTurn, path, `${name}'s transaction`, index === 0 ? 'even' : 'odd', transaction);
  const fits = lastPage >= 1 && (lastPage + 1) * pageBytes <= mapBytes;
  const inMap = fits && mapBytes <= MAP_BYTES_MAX;
  sound(inMap, path, `${name}'s last page`, `within a map of ${mapBytes} bytes`, lastPage);
  const byNumber = (free.flags & INTEGER_KEYS) !== 0;
  const known = byNumber && (free.flags & ~KNOWN_FLAGS) === 0 && main.flags === 0;
  sound(known, path, `${name}'s flags`, 'known ones', `${free.flags}, ${main.flags}`);
}

/** The tables that the file's main tree names: all of ours, with keys of their kind. */
function readDirectory(file: PageFile, main: Tree): Map<string, Tree> {
  const tables = new Map<string, Tree>();
  const { path } = file;
  sound(main.depth <= 4, path, 'the table of tables', 'small', `${main.depth} levels deep`);
  walkTree(file, main, (leaf) => {
    for (let i = 0; i < nodeCount(leaf); i++) {
      const { name, tree } = namedTree(leaf, i);
      if (tree !== undefined) tables.set(name, tree);
    }
  });
  for (const name of TABLES) {
    const tree = tables.get(name);
    if (tree === undefined) throw malformed(path, 0, `a table ${name}`, 'none');
    const flags = (INTEGER_TABLES as readonly string[]).includes(name) ? INTEGER_KEYS : 0;
    sound(tree.flags === flags, path, `table ${name}'s flags`, `${flags}`, tree.flags);
  }
  return tables;
}

function checkRoot(file: PageFile, tree: Tree, what: string): void {
  checkTree(tree, file, what);
  if (tree.root === NO_ROOT) return;
  const page = readPage(file, tree.root, tree.depth === 1);
  // Another leaf than its own has other rows, and most times another number of them.
  const isOwn = tree.depth !== 1 || nodeCount(page) === tree.entries;
  sound(isOwn, file.path, what, `of ${tree.entries} rows`, nodeCount(page));
}

// The free list.

/** Nobody's pages are in it twice, in use, or beyond the last one. */
function checkFreeList(file: PageFile, [free, ...tables]: readonly [Tree, ...Tree[]]): void {
  const pages = new PageSet(file);
  let last = 0;
  walkTree(file, free, (leaf) => {
    for (let i = 0; i < nodeCount(leaf); i++) {
      last = freedBy(file, leaf, i, last);
      addFreePages(pages, file, listOf(file, leaf, i));
    }
  });
  if (pages.count === 0) return;
  const used = [free, ...tables].map((tree) => {
    return tree.branchPages + tree.leafPages + tree.overflowPages;
  });
  const count = used.reduce((sum, some) => sum + some, 2 + pages.count);
  const { path, lastPage } = file;
  sound(count <= lastPage + 1, path, 'the free list', `within ${lastPage + 1} pages`, count);
  for (const tree of [free, ...tables]) addUsedPages(pages, file, tree);
}

/** Which transaction freed the pages of a node: they ascend, which a leaf of another tree's not. */
function freedBy({ path, transaction }: PageFile, leaf: Buffer, index: number, last: number) {
  const key = nodeKey(leaf, index);
  const by = key.length === 8 ? readU64(key, 0) : 0;
  const expected = `of transactions from ${last + 1} to ${transaction}`;
  const isSound = by > last && by <= transaction;
  sound(isSound, path, 'the free list', expected, key.toString('hex', 0, 16));
  return by;
}

/** The contents of a node of the free tree. */
function listOf(file: PageFile, leaf: Buffer, index: number): Buffer {
  const { path, descriptor, pageBytes, transaction } = file;
  const at = nodeAt(leaf, index);
  const start = at + NODE_HEADER_BYTES + nodeKey(leaf, index).length;
  const length = leaf.readUInt32LE(at);
  if (!isBig(leaf, at)) return leaf.subarray(start, start + length);
  const { first, count: pages } = overflowOf(file, leaf, index);
  const bytes = Buffer.alloc(PAGE_HEADER_BYTES + length);
  const count = readSync(descriptor, bytes, 0, bytes.length, first * pageBytes);
  const isOwn = readU64(bytes, 0) === first && readU64(bytes, 8) <= transaction;
  const isList = (bytes.readUInt16LE(18) & PAGE_OVERFLOW) !== 0 && bytes.readUInt32LE(20) === pages;
  const isWhole = count === bytes.length && isOwn && isList;
  sound(isWhole, path, `page ${first}`, `a list of ${length} bytes`, 'another');
  return bytes.subarray(PAGE_HEADER_BYTES);
}

function addFreePages(pages: PageSet, { path }: PageFile, list: Buffer): void {
  const slots = list.length >>> 3;
  const count = slots === 0 ? -1 : Number(list.readBigInt64LE(0));
  const fits = count >= 0 && count < slots;
  sound(fits, path, 'a list of free pages', `of less than ${slots}`, count);
  for (let i = 1; i <= count; i++) {
    const slot = Number(list.readBigInt64LE(i * 8));
    if (slot === 0) continue;
    const isRun = slot < 0;
    const first = isRun && i < count ? Number(list.readBigInt64LE(++i * 8)) : slot;
    pages.add(first, isRun ? -slot : 1, 'a free page');
  }
}

/** The pages of a tree, and of the overflow of its leaves, as far as these are few. */
function addUsedPages(pages: PageSet, file: PageFile, tree: Tree): void {
  const { root, depth, branchPages, leafPages, overflowPages } = tree;
  if (root === NO_ROOT || branchPages > PAGES_READ_MAX) return;
  const readsLeaves = overflowPages > 0 && leafPages <= PAGES_READ_MAX;
  const descend = (number: number, level: number): void => {
    pages.add(number, 1, 'a page in use');
    const isLeaf = level === 1;
    if (isLeaf && !readsLeaves) return;
    const page = readPage(file, number, isLeaf);
    for (let i = 0; i < nodeCount(page); i++) {
      if (!isLeaf) descend(childOf(page, i), level - 1);
      else if (isBig(page, nodeAt(page, i))) {
        const { first, count } = overflowOf(file, page, i);
        pages.add(first, count, 'a page in use');
      }
    }
  };
  descend(root, depth);
}

/** Pages from 2 to the last, each once. */
class PageSet {
  count = 0;
  readonly #file: PageFile;
  readonly #bits = new BitSet();

  constructor(file: PageFile) {
    this.#file = file;
  }

  add(first: number, count: number, what: string): void {
    const { path, lastPage } = this.#file;
    const fits = first >= 2 && first + count - 1 <= lastPage;
    sound(fits, path, what, `one of 2 to ${lastPage}`, `${count} from ${first} on`);
    for (let page = first; page < first + count; page++) {
      sound(this.#bits.add(page), path, what, 'free once, or in use', page);
    }
    this.count += count;
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

// Pages and trees.

/** The file is damaged: `what` in it should be `expected`. */
export function damaged(
  path: string,
  what: string,
  expected: string,
  actual: string,
): RegaliaError<'REGALIA_CORRUPT'> {
  return corrupt(`${what} of ${path}`, expected, actual);
}

/** @throws REGALIA_CORRUPT unless it is. */
function sound(is: boolean, path: string, what: string, expected: string, actual: unknown): void {
  if (!is) throw damaged(path, what, expected, `${actual}`);
}

function readTree(bytes: Buffer, at: number): Tree {
  return {
    flags: bytes.readUInt16LE(at + 4),
    depth: bytes.readUInt16LE(at + 6),
    branchPages: readU64(bytes, at + 8),
    leafPages: readU64(bytes, at + 16),
    overflowPages: readU64(bytes, at + 24),
    entries: readU64(bytes, at + 32),
    root: readU64(bytes, at + 40),
  };
}

/** What can be said of a tree without reading its pages. */
function checkTree(tree: Tree, file: Pick<PageFile, 'path' | 'lastPage'>, what: string): void {
  const { depth, root, entries, branchPages, leafPages, overflowPages } = tree;
  const { path, lastPage } = file;
  const empty = root === NO_ROOT;
  const agree = [depth, entries, leafPages].every((field) => empty === (field === 0));
  const all = 'empty in all its fields or in none';
  sound(agree, path, what, all, `root ${root}, depth ${depth}`);
  sound(depth <= DEPTH_MAX, path, `${what}'s depth`, `at most ${DEPTH_MAX}`, depth);
  const branched = depth > 1 === branchPages > 0;
  sound(branched, path, `${what}'s branch pages`, `as its depth of ${depth}`, branchPages);
  const rooted = empty || (root >= 2 && root <= lastPage);
  sound(rooted, path, `${what}'s root`, `page 2 to ${lastPage}`, root);
  const fits = branchPages + leafPages + overflowPages < lastPage;
  sound(fits, path, `${what}'s pages`, `at most ${lastPage - 1}`, 'more');
}

/** Reads a branch or leaf page and checks its header and its node offsets. */
function readPage(file: PageFile, number: number, leaf: boolean): Buffer {
  const { path, pageBytes, filePages, lastPage, transaction } = file;
  const name = `page ${number}`;
  sound(number >= 2 && number <= lastPage, path, 'a page number', `2 to ${lastPage}`, number);
  const end = `beyond its end at page ${filePages}`;
  sound(number < filePages, path, name, 'within the file', end);
  const page = Buffer.alloc(pageBytes);
  const count = readSync(file.descriptor, page, 0, pageBytes, number * pageBytes);
  sound(count === pageBytes, path, name, `${pageBytes} bytes`, count);
  const [own, written] = [readU64(page, 0), readU64(page, 8)];
  sound(own === number, path, name, `numbered ${number}`, own);
  const flags = page.readUInt16LE(18);
  const isKind = (flags & 0x2f) === (leaf ? PAGE_LEAF : PAGE_BRANCH);
  sound(isKind, path, name, leaf ? 'a leaf' : 'a branch', `flags ${flags}`);
  const before = `of transaction ${transaction} or before`;
  sound(written <= transaction, path, name, before, written);
  checkOffsets(file, page, name, leaf);
  return page;
}

function nodeCount(page: Buffer): number {
  return page.readUInt16LE(20) >>> 1;
}

function nodeAt(page: Buffer, index: number): number {
  return page.readUInt16LE(PAGE_HEADER_BYTES + index * 2) + PAGE_HEADER_BYTES;
}

function nodeKey(page: Buffer, index: number): Buffer {
  const start = nodeAt(page, index) + NODE_HEADER_BYTES;
  return page.subarray(start, start + page.readUInt16LE(start - 2));
}

function checkOffsets(file: PageFile, page: Buffer, name: string, leaf: boolean): void {
  const lower = page.readUInt16LE(20);
  const upper = page.readUInt16LE(22);
  const count = nodeCount(page);
  const ordered = lower % 2 === 0 && lower <= upper;
  const bounded = ordered && upper <= file.pageBytes - PAGE_HEADER_BYTES && count >= (leaf ? 1 : 2);
  sound(bounded, file.path, `${name}'s bounds`, 'nodes within the page', `${lower}, ${upper}`);
  for (let i = 0; i < count; i++) {
    const at = nodeAt(page, i);
    const fits =
      at >= upper + PAGE_HEADER_BYTES &&
      at + NODE_HEADER_BYTES <= page.length &&
      nodeEnd(page, at, leaf) <= page.length;
    if (!fits) throw damaged(file.path, `node ${i} of ${name}`, 'within the page', `at ${at}`);
  }
}

function nodeEnd(page: Buffer, at: number, leaf: boolean): number {
  const end = at + NODE_HEADER_BYTES + page.readUInt16LE(at + 6);
  if (!leaf) return end;
  return end + (isBig(page, at) ? 8 : page.readUInt32LE(at));
}

function isBig(page: Buffer, at: number): boolean {
  return (page.readUInt16LE(at + 4) & NODE_BIG) !== 0;
}

/** A leaf node's key, and its tree where it names one. */
function namedTree(page: Buffer, index: number): { name: string; tree: Tree | undefined } {
  const at = nodeAt(page, index);
  const key = nodeKey(page, index);
  // lmdb-js ends a table's name with a NUL.
  const name = key.toString('latin1').replace(/\0$/, '');
  const isSub = (page.readUInt16LE(at + 4) & NODE_SUB) !== 0;
  const isTree = isSub && page.readUInt32LE(at) === TREE_BYTES;
  return { name, tree: isTree ? readTree(page, at + NODE_HEADER_BYTES + key.length) : undefined };
}

/** The number of a branch node's child. */
function childOf(page: Buffer, index: number): number {
  const at = nodeAt(page, index);
  return page.readUInt32LE(at) + page.readUInt16LE(at + 4) * 0x1_0000_0000;
}

/** Visits the leaves of a tree in key order, checking every page and overflow run on the way. */
function walkTree(file: PageFile, tree: Tree, visit?: (leaf: Buffer) => void): void {
  if (tree.root === NO_ROOT) return;
  let pagesLeft = tree.branchPages + tree.leafPages;
  const descend = (number: number, depth: number): void => {
    sound(pagesLeft-- > 0, file.path, 'a tree', 'of as many pages as it counts', 'larger');
    const leaf = depth === 1;
    const page = readPage(file, number, leaf);
    if (leaf) {
      for (let i = 0; i < nodeCount(page); i++) checkOverflow(file, page, i);
      visit?.(page);
    } else {
      for (let i = 0; i < nodeCount(page); i++) descend(childOf(page, i), depth - 1);
    }
  };
  descend(tree.root, tree.depth);
}

function checkOverflow(file: PageFile, page: Buffer, index: number): void {
  if (!isBig(page, nodeAt(page, index))) return;
  const { first, count } = overflowOf(file, page, index);
  const within = first >= 2 && first + count <= file.filePages;
  const size = `of ${file.filePages} pages`;
  sound(within, file.path, `overflow page ${first}`, 'within the file', size);
}

/** The overflow pages of a big leaf node. */
function overflowOf(
  { pageBytes }: PageFile,
  page: Buffer,
  index: number,
): { first: number; count: number } {
  const at = nodeAt(page, index);
  const first = readU64(page, at + NODE_HEADER_BYTES + page.readUInt16LE(at + 6));
  const count = Math.floor((PAGE_HEADER_BYTES - 1 + page.readUInt32LE(at)) / pageBytes) + 1;
  return { first, count };
}
