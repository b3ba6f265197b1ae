/**
 * Nodes: one block of a child map, searched in place. Leaves list records by name, inner nodes
 * children by the last name in each.
 *
 *     node    kind u8 = 1 | version u8 | algorithm u8 | level u8 | u16 count | …
 *     leaf    … u16 table length | u8 prefix length | shape table | prefix
 *             | u8 suffix length × n | u16 record length × n | suffixes | records
 *     inner   … u8 prefix length | prefix | u8 suffix length × n | suffixes
 *             | digest 32 × n | u8 cut × n | totals × n
 *     totals  varint entries | varint buckets | varint inline bytes | varint referenced bytes
 *     links   (beside, never hashed) leaf: nothing, or u16 first link × n | u48 id × links
 *             inner: u48 id × n
 *
 * The prefix is what all names of the node share. Names lie together, apart from the records, so
 * that a search touches few cache lines. Lengths are stored, not offsets, so that an edit changes
 * bytes where it happens and nowhere else; offsets are summed up once, when the node is loaded. An
 * inline child map is a leaf without its first four bytes.
 */
import { ADDRESS_LENGTH, type Address } from '../blocks/address.js';
import type { Chain } from '../blocks/body.js';
import { knownId, NO_ID } from '../blocks/extent.js';
import {
  type AlgorithmNumber,
  BLOCK_HEADER,
  BlockKind,
  readBlockHeader,
} from '../ground/block-header.js';
import { EMPTY } from '../ground/bytes.js';
import { malformed, type RegaliaError } from '../ground/errors.js';
import { readU16, readU48 } from '../ground/integers.js';
import { NODE_BYTES_MAX, NODE_LEVEL_MAX } from '../ground/limits.js';
import { ByteReader } from '../ground/reader.js';
import { isAscii, nameText } from '../ground/text.js';
import { DIGEST_LENGTH } from '../kernels/hash.js';
import type { Shape, Shapes } from './shape.js';
import { readTotals, type Totals } from './totals.js';

export class Node {
  // What a search needs comes first: it lies in the object's first cache lines.

  readonly count: number;
  readonly prefixLength: number;
  readonly prefixStart: number;
  /**
   * The first four bytes of each suffix as a number, zeros behind: from `headsAt`. Most searches
   * read no more.
   */
  readonly heads: Uint32Array;
  readonly headsAt: number;
  /** The children that were visited and are cached. */
  kids: (Node | undefined)[] | undefined = undefined;
  /** What it lies in: memory with other nodes in it as well, which is never written to again. */
  readonly bytes: Uint8Array;
  /** Where the block begins. An inline child map begins four bytes before its first. */
  readonly start: number;
  /**
   * Offsets from `start`: suffixes from `at`, then records (leaf) or totals (inner); n + 1 each.
   */
  readonly offsets: Uint16Array;
  readonly at: number;
  readonly level: number;
  readonly shapes: readonly Shape[];
  /** The shapes of the store, for what lies inline. */
  readonly interned: Shapes;
  /** The cache's share that it lies in, which notes each use. */
  use: { touched: boolean } = UNCACHED;
  /** Where its plain bytes end and its links begin. */
  readonly plainEnd: number;
  readonly end: number;
  readonly algorithm: AlgorithmNumber;
  /** Its local id; undefined for an inline child map, and where it is unknown. */
  readonly id: number | undefined;
  /** What its stored form stands on. */
  readonly chain: Chain;
  /** What its bytes hash to; empty for an inline child map. */
  readonly address: Address;
  /** Where the arrays of suffix lengths, record lengths, digests, cuts and totals begin. */
  readonly suffixLengths: number;
  readonly recordLengths: number;
  readonly digests: number;
  readonly cuts: number;
  /** The sums of its entries, where they are known. */
  totals: Readonly<Totals> | undefined;
  /** Whether its records are known to have no links. */
  readonly linkless: boolean;
  /** The nodes whose `kids` name this one. */
  holders: Node[] | undefined = undefined;
  /** Whether the cache evicted it: a reader may go on with it, but should not keep it. */
  evicted = false;
  /** An inline child map's links: for each record the index of its first, counted from `ids`. */
  inlineLinks: Uint16Array | undefined = undefined;
  /** Where the ids of the links begin and end. */
  ids: number;
  linksEnd: number;
  /**
   * The prefix and all suffixes as text, made by the first scan, where they are ASCII; '' where
   * they are not.
   */
  #prefixText: string | undefined = undefined;
  #suffixText = '';

  /**
   * Parses `bytes[start..plainEnd]`; `offsets[at..]` has room for `offsetsNeeded`, and
   * `heads[headsAt..]` for one each. Bounds are checked, order is not.
   */
  constructor(
    source: NodeSource,
    offsets: Uint16Array = new Uint16Array(offsetsNeeded(source.bytes, source.start)),
    at = 0,
    heads?: Uint32Array,
    headsAt = 0,
  ) {
    const { bytes, start, plainEnd } = source;
    this.bytes = bytes;
    this.start = start;
    this.plainEnd = plainEnd;
    this.end = source.end;
    this.level = source.level;
    this.algorithm = source.algorithm;
    this.id = source.id;
    this.chain = source.chain ?? NOTHING;
    this.address = source.address ?? EMPTY;
    this.totals = source.totals;
    this.linkless = source.linkless === true;
    this.offsets = offsets;
    this.at = at;
    const head = start + NODE_HEADER;
    const leaf = this.level === 0;
    if (head + (leaf ? 5 : 3) > plainEnd || plainEnd - start > NODE_BYTES_MAX)
      throw misfit(this, 'length');
    const count = readU16(bytes, head);
    const table = leaf ? readU16(bytes, head + 2) : 0;
    const prefixAt = leaf ? head + 4 : head + 2;
    this.count = count;
    this.prefixLength = bytes[prefixAt];
    this.prefixStart = prefixAt + 1 + table;
    this.suffixLengths = this.prefixStart + this.prefixLength;
    this.recordLengths = this.suffixLengths + count;
    const suffixes = this.recordLengths + (leaf ? 2 * count : 0);
    if (count === 0 || suffixes > plainEnd) throw misfit(this, 'count');
    this.shapes = leaf
      ? source.interned.readTable(bytes, prefixAt + 1, this.prefixStart)
      : NO_SHAPES;
    this.interned = source.interned;
    this.heads = heads ?? new Uint32Array(count);
    this.headsAt = headsAt;
    const suffixEnd = this.#sumSuffixes(suffixes);
    this.digests = suffixEnd;
    this.cuts = suffixEnd + 32 * count;
    if (leaf) this.#sumRecords(suffixEnd);
    else this.#sumTotals(this.cuts + count);
    this.ids = leaf ? plainEnd + 2 * count : plainEnd;
    this.linksEnd = this.end;
  }

  #sumSuffixes(from: number): number {
    const { bytes, offsets, at, heads, headsAt, count, suffixLengths, plainEnd, start } = this;
    let offset = from - start;
    for (let i = 0; i < count; i++) {
      const length = bytes[suffixLengths + i];
      offsets[at + i] = offset;
      heads[headsAt + i] = headOf(bytes, start + offset, length);
      offset += length;
    }
    if (offset > plainEnd - start) throw misfit(this, 'suffixes');
    offsets[at + count] = offset;
    return offset + start;
  }

  #sumRecords(from: number): void {
    const { bytes, offsets, at, count, recordLengths, plainEnd, start } = this;
    let offset = from - start;
    const records = at + count + 1;
    for (let i = 0, p = recordLengths; i < count; i++, p += 2) {
      offsets[records + i] = offset;
      const length = readU16(bytes, p);
      offset += length;
      if (length === 0 || offset > plainEnd - start) throw misfit(this, 'records');
    }
    if (offset !== plainEnd - start) throw misfit(this, 'records');
    offsets[records + count] = offset;
  }

  #sumTotals(from: number): void {
    const { bytes, offsets, at, count, plainEnd, start } = this;
    let p = from;
    const totals = at + count + 1;
    for (let i = 0; i < count; i++) {
      offsets[totals + i] = p - start;
      for (let field = 0; field < 4; field++) {
        while (p < plainEnd && bytes[p] >= 0x80) p++;
        p++;
      }
    }
    if (p !== plainEnd) throw misfit(this, 'totals');
    offsets[totals + count] = p - start;
  }

  keepKid(index: number, kid: Node): void {
    this.kids ??= new Array(this.count);
    this.kids[index] = kid;
    if (kid.holders === undefined) kid.holders = [this];
    else kid.holders.push(this);
  }

  /** Unlinks it from parents and children, so that its memory can be reclaimed. */
  evict(): void {
    this.evicted = true;
    for (const holder of this.holders ?? []) {
      const at = holder.kids?.indexOf(this) ?? -1;
      if (at >= 0 && holder.kids !== undefined) holder.kids[at] = undefined;
    }
    for (const kid of this.kids ?? []) {
      if (kid?.holders !== undefined) kid.holders = kid.holders.filter((holder) => holder !== this);
    }
    this.holders = undefined;
    this.kids = undefined;
  }

  nameLength(index: number): number {
    return this.prefixLength + this.bytes[this.suffixLengths + index];
  }

  name(index: number): Uint8Array {
    const name = new Uint8Array(this.nameLength(index));
    this.copyName(index, name);
    return name;
  }

  /** Copies a name to the beginning of `out`. */
  copyName(index: number, out: Uint8Array): void {
    const { bytes, prefixStart, prefixLength } = this;
    for (let i = 0; i < prefixLength; i++) out[i] = bytes[prefixStart + i];
    const shift = this.suffixStart(index) - prefixLength;
    const length = this.nameLength(index);
    for (let i = prefixLength; i < length; i++) out[i] = bytes[shift + i];
  }

  nameText(index: number): string {
    const prefix = this.#prefixText ?? this.#readTexts();
    if (this.#suffixText === '') return nameText(this.name(index));
    const { offsets, at } = this;
    const first = offsets[at];
    const start = offsets[at + index] - first;
    return prefix + this.#suffixText.slice(start, offsets[at + index + 1] - first);
  }

  #readTexts(): string {
    const { bytes, prefixStart, prefixLength, count } = this;
    const [start, end] = [this.suffixStart(0), this.suffixEnd(count - 1)];
    this.#prefixText = '';
    if (!isAscii(bytes, prefixStart, prefixStart + prefixLength) || !isAscii(bytes, start, end)) {
      return '';
    }
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#prefixText = buffer.toString('latin1', prefixStart, prefixStart + prefixLength);
    this.#suffixText = buffer.toString('latin1', start, end);
    return this.#prefixText;
  }

  suffixStart(index: number): number {
    return this.start + this.offsets[this.at + index];
  }

  suffixEnd(index: number): number {
    return this.start + this.offsets[this.at + index + 1];
  }

  /** Where a record begins (leaf), or a child's totals (inner). */
  recordStart(index: number): number {
    return this.start + this.offsets[this.at + this.count + 1 + index];
  }

  recordEnd(index: number): number {
    return this.start + this.offsets[this.at + this.count + 2 + index];
  }

  /** The first index whose name is not below `name[from..to]`: 0 to count. */
  lowerBound(name: Uint8Array, from: number, to: number): number {
    const { bytes, prefixStart, prefixLength } = this;
    for (let i = 0; i < prefixLength; i++) {
      if (from + i === to) return 0;
      const difference = name[from + i] - bytes[prefixStart + i];
      if (difference !== 0) return difference < 0 ? 0 : this.count;
    }
    const rest = from + prefixLength;
    const { heads, headsAt } = this;
    const head = headOf(name, rest, to - rest);
    let low = 0;
    let high = this.count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const found = heads[headsAt + middle];
      const below = found === head ? this.#suffixBelow(middle, name, rest, to) : found < head;
      if (below) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #suffixBelow(index: number, name: Uint8Array, from: number, to: number): boolean {
    const { bytes, start, offsets, at } = this;
    let p = start + offsets[at + index];
    const end = start + offsets[at + index + 1];
    let q = from;
    while (p < end && q < to) {
      const a = bytes[p++];
      const b = name[q++];
      if (a !== b) return a < b;
    }
    return p === end && q < to;
  }

  /** Whether the name at `index` is `name[from..to]`, given that `lowerBound` led there. */
  nameIs(index: number, name: Uint8Array, from: number, to: number): boolean {
    const { bytes, prefixStart, prefixLength } = this;
    const start = this.suffixStart(index);
    const end = this.suffixEnd(index);
    if (to - from !== prefixLength + end - start) return false;
    let q = from;
    for (let i = 0; i < prefixLength; i++) if (name[q++] !== bytes[prefixStart + i]) return false;
    for (let p = start; p < end; p++) if (name[q++] !== bytes[p]) return false;
    return true;
  }

  /** The index of exactly this name, or -1. */
  find(name: Uint8Array, from: number, to: number): number {
    const index = this.lowerBound(name, from, to);
    return index < this.count && this.nameIs(index, name, from, to) ? index : -1;
  }

  /** The child of an inner node under which `name` belongs: the last one if it is above all. */
  childFor(name: Uint8Array, from: number, to: number): number {
    return Math.min(this.lowerBound(name, from, to), this.count - 1);
  }

  /** The address of a block that the node names by the digest at `start`, as a private copy. */
  addressAt(start: number): Address {
    const { bytes } = this;
    const address = new Uint8Array(ADDRESS_LENGTH);
    address[0] = this.algorithm;
    for (let i = 0; i < DIGEST_LENGTH; i++) address[i + 1] = bytes[start + i];
    return address;
  }

  /** A child's address, as a private copy. */
  childAddress(index: number): Address {
    return this.addressAt(this.digests + DIGEST_LENGTH * index);
  }

  /** Whether that is a child's address. */
  childIs(index: number, address: Address): boolean {
    const { bytes } = this;
    if (address[0] !== this.algorithm) return false;
    const at = this.digests + DIGEST_LENGTH * index - 1;
    for (let i = 1; i <= DIGEST_LENGTH; i++) if (bytes[at + i] !== address[i]) return false;
    return true;
  }

  childId(index: number): number | undefined {
    return this.link(index);
  }

  cut(index: number): number {
    return this.bytes[this.cuts + index];
  }

  childTotals(index: number): Totals {
    const [start, end] = [this.recordStart(index), this.recordEnd(index)];
    return readTotals(new ByteReader(this.bytes, 'node', start, end));
  }

  /** The index of a record's first link. */
  firstLink(index: number): number {
    if (this.inlineLinks !== undefined) return this.inlineLinks[index];
    const at = this.plainEnd + 2 * index;
    return at + 2 > this.end ? 0 : readU16(this.bytes, at);
  }

  /** The index behind a record's last link. */
  linkEnd(index: number): number {
    if (!this.hasLinks) return this.firstLink(index);
    if (index + 1 < this.count) return this.firstLink(index + 1);
    return Math.floor((this.linksEnd - this.ids) / 6);
  }

  /**
   * A link: the local id of a child, or of a block that a leaf's records refer to; undefined where
   * it is unknown.
   */
  link(index: number): number | undefined {
    const at = this.ids + 6 * index;
    const id = at + 6 <= this.linksEnd ? readU48(this.bytes, at) : NO_ID;
    return knownId(id);
  }

  get hasLinks(): boolean {
    return this.ids < this.linksEnd;
  }
}

export interface NodeSource {
  readonly interned: Shapes;
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly plainEnd: number;
  readonly end: number;
  readonly level: number;
  readonly algorithm: AlgorithmNumber;
  /** Of a cached node. */
  readonly id?: number | undefined;
  readonly chain?: Chain;
  readonly address?: Address;
  readonly totals?: Readonly<Totals> | undefined;
  readonly linkless?: boolean | undefined;
}

const UNCACHED = { touched: false };
const NOTHING: Chain = { depth: 0, whole: NO_ID };
const NO_SHAPES: readonly Shape[] = [];

/** How many 16-bit offsets the node in `bytes[start..]` needs. */
export function offsetsNeeded(bytes: Uint8Array, start: number): number {
  return 2 * readU16(bytes, start + NODE_HEADER) + 2;
}

/** How many shapes the table of the leaf in `bytes[start..]` says it has. */
export function shapesIn(bytes: Uint8Array, start: number): number {
  const at = start + NODE_HEADER + 5;
  const first = bytes[at];
  return first < 0x80 ? first : (first & 0x7f) + bytes[at + 1] * 128;
}

function misfit(node: Node, part: string): RegaliaError {
  const length = node.plainEnd - node.start;
  return malformed('node', 0, `${part} within ${length} bytes`, 'another length');
}

/** Kind, version, algorithm and level: what an inline child map leaves out. */
export const NODE_HEADER = 4;

/**
 * The level and algorithm that a node block names. REGALIA_FORMAT, REGALIA_VERSION where it is
 * none.
 */
export function readNodeHeader(
  bytes: Uint8Array,
  start: number,
  plainEnd: number,
): { level: number; algorithm: AlgorithmNumber } {
  const { algorithm } = readBlockHeader(bytes, 'node', BlockKind.node, start, plainEnd);
  const level = start + BLOCK_HEADER < plainEnd ? bytes[start + BLOCK_HEADER] : NaN;
  if (!(level <= NODE_LEVEL_MAX)) {
    throw malformed('node', BLOCK_HEADER, `a level of at most ${NODE_LEVEL_MAX}`, `${level}`);
  }
  return { level, algorithm };
}

/** The first four of `length` bytes at `start` as a number, the first the highest, zeros behind. */
function headOf(bytes: Uint8Array, start: number, length: number): number {
  if (length >= 4) {
    return (
      ((bytes[start] << 24) |
        (bytes[start + 1] << 16) |
        (bytes[start + 2] << 8) |
        bytes[start + 3]) >>>
      0
    );
  }
  let head = 0;
  for (let i = 0; i < length; i++) head |= bytes[start + i] << (24 - 8 * i);
  return head >>> 0;
}
