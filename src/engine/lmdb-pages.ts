/**
 * The pages of a data file as LMDB's development branch writes them (data version 2), read without
 * LMDB: it maps a file and follows its page numbers unasked, so a damaged file kills the process.
 * All integers are little-endian.
 *
 *   page   number 8 | transaction 8 | 2 | flags 2 | lower 2, upper 2 (or overflow pages 4) | node offsets 2 each ...
 *   node   low 2 | high 2 | flags 2 | key size 2 | key | contents
 *   tree   pad 4 | flags 2 | depth 2 | branch pages 8 | leaf pages 8 | overflow pages 8 | entries 8 | root 8
 *   meta   magic 4 | version 4 | address 8 | map size 8 | free tree 48 | main tree 48 | last page 8 | transaction 8
 *
 * A branch node's low, high and flags make its child's page number; a leaf node's low and high make
 * the size of its contents. Node offsets count from the end of the page header. Pages 0 and 1 are
 * the metas: the greater transaction holds. Contents flagged "big" are the number of the first of
 * several overflow pages; flagged "sub", a tree.
 */
import { readSync } from 'node:fs';
import { RegaliaError } from '../ground/errors.js';
import { readU64 } from '../ground/integers.js';

export const PAGE_HEADER_BYTES = 24;
export const TREE_BYTES = 48;
export const META_BYTES = 128;

export const PAGE_BRANCH = 0x01;
export const PAGE_LEAF = 0x02;
export const PAGE_OVERFLOW = 0x04;
export const PAGE_META = 0x08;
const NODE_BIG = 0x01;
const NODE_SUB = 0x02;
const NODE_HEADER_BYTES = 8;
const DEPTH_MAX = 32;

export interface Tree {
  readonly flags: number;
  readonly depth: number;
  readonly branchPages: number;
  readonly leafPages: number;
  readonly overflowPages: number;
  readonly entries: number;
  /** `NO_ROOT` where the tree is empty. */
  readonly root: number;
}

export const NO_ROOT = Number(0xffff_ffff_ffff_ffffn);

/** The pages of one open file, as far as a meta page vouches for them. */
export interface PageFile {
  readonly path: string;
  readonly descriptor: number;
  readonly pageBytes: number;
  /** Pages that the file holds in full. */
  readonly filePages: number;
  readonly lastPage: number;
  readonly transaction: number;
}

export function corrupt(
  path: string,
  what: string,
  expected: string,
  actual: string,
): RegaliaError {
  const message = `${path} is damaged: ${what} should be ${expected}, but is ${actual}`;
  return new RegaliaError('REGALIA_CORRUPT', message, { what, expected, actual });
}

export function readTree(bytes: Buffer, at: number): Tree {
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
export function checkTree(
  tree: Tree,
  file: Pick<PageFile, 'path' | 'lastPage'>,
  what: string,
): void {
  const { depth, root, entries, branchPages, leafPages, overflowPages } = tree;
  const empty = root === NO_ROOT;
  if (empty !== (depth === 0) || empty !== (entries === 0) || empty !== (leafPages === 0)) {
    throw corrupt(
      file.path,
      what,
      'empty in all its fields or in none',
      `root ${root}, depth ${depth}`,
    );
  }
  if (depth > DEPTH_MAX)
    throw corrupt(file.path, `${what}'s depth`, `at most ${DEPTH_MAX}`, `${depth}`);
  if (depth > 1 !== branchPages > 0) {
    throw corrupt(
      file.path,
      `${what}'s branch pages`,
      `as its depth of ${depth}`,
      `${branchPages}`,
    );
  }
  if (!empty && (root < 2 || root > file.lastPage)) {
    throw corrupt(file.path, `${what}'s root`, `page 2 to ${file.lastPage}`, `${root}`);
  }
  if (branchPages + leafPages + overflowPages > file.lastPage - 1) {
    throw corrupt(file.path, `${what}'s pages`, `at most ${file.lastPage - 1}`, 'more');
  }
}

/** Reads a branch or leaf page and checks its header and its node offsets. */
export function readPage(file: PageFile, number: number, leaf: boolean): Buffer {
  const name = `page ${number}`;
  if (!(number >= 2 && number <= file.lastPage)) {
    throw corrupt(file.path, 'a page number', `2 to ${file.lastPage}`, `${number}`);
  }
  if (number >= file.filePages) {
    throw corrupt(file.path, name, 'within the file', `beyond its end at page ${file.filePages}`);
  }
  const page = Buffer.alloc(file.pageBytes);
  const count = readSync(file.descriptor, page, 0, file.pageBytes, number * file.pageBytes);
  if (count !== file.pageBytes)
    throw corrupt(file.path, name, `${file.pageBytes} bytes`, `${count}`);
  if (readU64(page, 0) !== number)
    throw corrupt(file.path, name, `numbered ${number}`, `${readU64(page, 0)}`);
  const flags = page.readUInt16LE(18);
  const kind = leaf ? PAGE_LEAF : PAGE_BRANCH;
  if ((flags & 0x2f) !== kind) {
    throw corrupt(file.path, name, leaf ? 'a leaf' : 'a branch', `flags ${flags}`);
  }
  if (readU64(page, 8) > file.transaction) {
    throw corrupt(
      file.path,
      name,
      `of transaction ${file.transaction} or before`,
      `${readU64(page, 8)}`,
    );
  }
  checkOffsets(file, page, name, leaf);
  return page;
}

/** The number of nodes on a page. */
export function nodeCount(page: Buffer): number {
  return page.readUInt16LE(20) >>> 1;
}

/** Where the node begins in the page. */
export function nodeAt(page: Buffer, index: number): number {
  return page.readUInt16LE(PAGE_HEADER_BYTES + index * 2) + PAGE_HEADER_BYTES;
}

/** A node's key. */
export function nodeKey(page: Buffer, index: number): Buffer {
  const start = nodeAt(page, index) + NODE_HEADER_BYTES;
  return page.subarray(start, start + page.readUInt16LE(start - 2));
}

function checkOffsets(file: PageFile, page: Buffer, name: string, leaf: boolean): void {
  const lower = page.readUInt16LE(20);
  const upper = page.readUInt16LE(22);
  const count = nodeCount(page);
  if (
    lower % 2 !== 0 ||
    lower > upper ||
    upper > file.pageBytes - PAGE_HEADER_BYTES ||
    count < (leaf ? 1 : 2)
  ) {
    throw corrupt(file.path, `${name}'s bounds`, 'nodes within the page', `${lower}, ${upper}`);
  }
  for (let i = 0; i < count; i++) {
    const at = nodeAt(page, i);
    const fits =
      at >= upper + PAGE_HEADER_BYTES &&
      at + NODE_HEADER_BYTES <= page.length &&
      nodeEnd(page, at, leaf) <= page.length;
    if (!fits) throw corrupt(file.path, `node ${i} of ${name}`, 'within the page', `at ${at}`);
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
export function namedTree(page: Buffer, index: number): { name: string; tree: Tree | undefined } {
  const at = nodeAt(page, index);
  const keyBytes = page.readUInt16LE(at + 6);
  const contents = at + NODE_HEADER_BYTES + keyBytes;
  // lmdb-js ends a table's name with a NUL.
  const name = page.toString('latin1', at + NODE_HEADER_BYTES, contents).replace(/\0$/, '');
  const isTree =
    (page.readUInt16LE(at + 4) & NODE_SUB) !== 0 && page.readUInt32LE(at) === TREE_BYTES;
  return { name, tree: isTree ? readTree(page, contents) : undefined };
}

/** The number of a branch node's child. */
export function childOf(page: Buffer, index: number): number {
  const at = nodeAt(page, index);
  return page.readUInt32LE(at) + page.readUInt16LE(at + 4) * 0x1_0000_0000;
}

/** Visits the leaves of a tree in key order, checking every page and overflow run on the way. */
export function walkTree(file: PageFile, tree: Tree, visit: (leaf: Buffer) => void): void {
  if (tree.root === NO_ROOT) return;
  let pagesLeft = tree.branchPages + tree.leafPages;
  const descend = (number: number, depth: number): void => {
    if (pagesLeft-- <= 0)
      throw corrupt(file.path, 'a tree', 'of as many pages as it counts', 'larger');
    const leaf = depth === 1;
    const page = readPage(file, number, leaf);
    if (leaf) {
      for (let i = 0; i < nodeCount(page); i++) checkOverflow(file, page, i);
      visit(page);
    } else {
      for (let i = 0; i < nodeCount(page); i++) descend(childOf(page, i), depth - 1);
    }
  };
  descend(tree.root, tree.depth);
}

function checkOverflow(file: PageFile, page: Buffer, index: number): void {
  const at = nodeAt(page, index);
  if (!isBig(page, at)) return;
  const first = readU64(page, at + NODE_HEADER_BYTES + page.readUInt16LE(at + 6));
  const pages = Math.floor((PAGE_HEADER_BYTES - 1 + page.readUInt32LE(at)) / file.pageBytes) + 1;
  if (first < 2 || first + pages > file.filePages) {
    throw corrupt(
      file.path,
      `overflow page ${first}`,
      'within the file',
      `of ${file.filePages} pages`,
    );
  }
}
