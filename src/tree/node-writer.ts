/**
 * Writes a node from a range of items. Runs of entries that come from one node are copied as bytes,
 * section by section, and the body writer notes the copies, so that the node can be stored as
 * a patch on the one it was made from. The bytes are a function of the entries alone, wherever they
 * came from.
 */

import { type Address, addressOf } from '../blocks/address.js';
import type { BlockWriter } from '../blocks/block-writer.js';
import { BodyWriter } from '../blocks/body.js';
import { NO_ID } from '../blocks/extent.js';
import { type AlgorithmNumber, BlockKind, writeBlockHeader } from '../ground/block-header.js';
import { equalBytes } from '../ground/bytes.js';
import { badRange } from '../ground/errors.js';
import { varintLength } from '../ground/integers.js';
import { NAME_BYTES_MAX } from '../ground/limits.js';
import { ItemRuns, totalsAt, totalsOf } from './item-runs.js';
import type { Fresh, FreshChild, Items } from './items.js';
import { NODE_HEADER, type Node } from './node.js';
import type { NodeCache } from './node-cache.js';
import { type FreshRecord, type Link, measure } from './record.js';
import { compareShapes, type Shape, sameShape } from './shape.js';
import { addTotals, areCountable, NO_TOTALS, subtractTotals, type Totals } from './totals.js';

/** A node that is a block here, and so can be patched. */
export type StoredNode = Node & { readonly id: number };

/** A leaf that stays inside its parent's record. */
export interface InlineLeaf {
  readonly body: Uint8Array;
  readonly links: readonly Link[];
  readonly totals: Totals;
}

/**
 * Above this many nodes in one transaction new nodes are not cached: a bulk load would only flush
 * the cache.
 */
const CACHED_NODES = 4_096;

/** Each node is built at one go: all writers share the room for it, and what is known of it. */
const body = new BodyWriter();
let base: StoredNode | undefined;
let prefixLength = 0;
const first = new Uint8Array(NAME_BYTES_MAX);
const last = new Uint8Array(NAME_BYTES_MAX);

export class NodeWriter {
  readonly cache: NodeCache;
  readonly blocks: BlockWriter;
  readonly algorithm: AlgorithmNumber;
  readonly #links: Link[] = [];
  readonly #firstLinks: number[] = [];
  readonly #runs = new ItemRuns();
  #linkless = false;
  #totals: Totals = { ...NO_TOTALS };

  constructor(cache: NodeCache, blocks: BlockWriter, algorithm: AlgorithmNumber) {
    this.cache = cache;
    this.blocks = blocks;
    this.algorithm = algorithm;
  }

  /** Writes the items `[from, until)` as one node and returns it as its parent will name it. */
  write(items: Items, from: number, until: number, cut: number): FreshChild {
    const plainLength = this.#build(items, from, until);
    return this.#child(plainLength, items.name(until - 1), cut);
  }

  /**
   * Whether an entry of a node may be replaced by another of that name without anything else in the
   * node being written anew: it is as long, and of the same shape and links.
   */
  fits(node: Node, index: number, fresh: Fresh): boolean {
    if (!('plainLength' in fresh)) return node.linksEnd - node.ids === 6 * node.count;
    const { plainLength, links, head } = measure(node, index);
    const isAlike = plainLength === fresh.plainLength && links === fresh.links.length;
    if (!isAlike || (links > 0 && !node.hasLinks)) return false;
    return sameShape(node.shapes[head >>> 2], fresh.shape);
  }

  /** Writes a node of which some entries, ascending, are replaced by others that fit. */
  replace(
    node: StoredNode,
    indexes: readonly number[],
    fresh: readonly Fresh[],
    cut: number,
  ): FreshChild {
    base = node;
    prefixLength = node.prefixLength;
    body.reset(node.bytes, node.start);
    this.#replaceTotals(node, indexes, fresh);
    this.#linkless = node.linkless;
    const replaced = (section: Section): void => {
      let from = 0;
      for (const [i, index] of indexes.entries()) {
        if (from < index) this.#writeKept(node, from, index, section);
        section.fresh(fresh[i] as FreshRecord & FreshChild);
        from = index + 1;
      }
      if (from < node.count) this.#writeKept(node, from, node.count, section);
    };
    const plainLength =
      node.level === 0
        ? this.#replaceLeaf(node, indexes, fresh, replaced)
        : this.#replaceInner(node, replaced);
    this.#checkTotals();
    return this.#child(plainLength, node.name(node.count - 1), cut);
  }

  #replaceLeaf(
    node: StoredNode,
    indexes: readonly number[],
    fresh: readonly Fresh[],
    replaced: (section: Section) => void,
  ): number {
    const keep = (from: number, until: number): void =>
      body.keep(from - node.start, until - node.start);
    for (const [slot, shape] of node.shapes.entries()) shape.slot = slot;
    for (const [i, index] of indexes.entries()) {
      (fresh[i] as FreshRecord).shape.slot = keptShape(node, index).slot;
    }
    keep(node.start, node.recordLengths);
    replaced(RECORD_LENGTHS);
    keep(node.suffixStart(0), node.suffixEnd(node.count - 1));
    replaced(RECORDS);
    const plainLength = body.length;
    if (!node.hasLinks) return plainLength;
    keep(node.plainEnd, node.ids);
    let from = node.ids;
    for (const [i, index] of indexes.entries()) {
      const { links } = fresh[i] as FreshRecord;
      const start = node.ids + 6 * node.firstLink(index);
      keep(from, start);
      for (const link of links) body.u48(link ?? NO_ID);
      from = start + 6 * links.length;
    }
    keep(from, node.linksEnd);
    return plainLength;
  }

  #replaceInner(node: StoredNode, replaced: (section: Section) => void): number {
    body.keep(0, node.digests - node.start);
    replaced(DIGESTS);
    replaced(CUTS);
    replaced(TOTALS);
    const plainLength = body.length;
    replaced(IDS);
    return plainLength;
  }

  #replaceTotals(node: Node, indexes: readonly number[], fresh: readonly Fresh[]): void {
    const totals = { ...totalsOf(node) };
    for (const [i, index] of indexes.entries()) {
      subtractTotals(totals, totalsAt(node, index));
      addTotals(totals, fresh[i] as Fresh);
    }
    this.#totals = totals;
  }

  /** What was just built, as its parent will name it. */
  #child(plainLength: number, name: Uint8Array, cut: number): FreshChild {
    const address = addressOf(this.algorithm, body.buffer.subarray(0, plainLength));
    const isBase = base !== undefined && equalBytes(base.address, address);
    const id = isBase ? (base as StoredNode).id : this.#put(plainLength, address);
    const { entries, buckets, inlineBytes, referencedBytes } = this.#totals;
    return {
      bytes: name,
      nameStart: 0,
      nameEnd: name.length,
      address,
      id,
      cut,
      entries,
      buckets,
      inlineBytes,
      referencedBytes,
    };
  }

  #put(plainLength: number, address: Address): number {
    const id = this.blocks.put(body, plainLength, address, base);
    if (this.blocks.blockCount > CACHED_NODES) return id;
    const facts = {
      address,
      plainLength,
      id,
      chain: this.blocks.chain,
      totals: this.#totals,
      linkless: this.#linkless,
    };
    this.cache.adopt(body, facts);
    return id;
  }

  writeInline(items: Items, from: number, until: number): InlineLeaf {
    const plainLength = this.#build(items, from, until);
    return {
      body: body.buffer.slice(NODE_HEADER, plainLength),
      links: this.#links.slice(),
      totals: this.#totals,
    };
  }

  #build(items: Items, from: number, until: number): number {
    base = mainSource(items, from, until);
    body.reset(base?.bytes, base?.start);
    this.#links.length = 0;
    this.#firstLinks.length = 0;
    this.#runs.read(items, from, until);
    writeBlockHeader(body, BlockKind.node, this.algorithm);
    body.u8(items.level).u16(until - from);
    const plainLength =
      items.level === 0
        ? this.#buildLeaf(items, from, until)
        : this.#buildInner(items, from, until);
    this.#totals = this.#runs.totals();
    this.#runs.release();
    this.#checkTotals();
    return plainLength;
  }

  /** Contents may be long and need no room: a sum is refused before it is no integer any more. */
  #checkTotals(): void {
    if (areCountable(this.#totals)) return;
    const expected = 'less than 2^53 bytes in all streams together';
    throw badRange('the sum of contents', expected, `${this.#totals.referencedBytes}`);
  }

  #buildLeaf(items: Items, from: number, until: number): number {
    const table = this.#collectShapes();
    let tableLength = 0;
    const count = varintLength(table.length);
    for (const shape of table) tableLength += shape.encoded.length;
    body.u16(tableLength + count);
    this.#writePrefix(items, from, until, () => {
      body.varint(table.length);
      for (const shape of table) body.bytes(shape.encoded);
    });
    this.#writeRuns(SUFFIX_LENGTHS);
    this.#writeRuns(RECORD_LENGTHS);
    this.#writeRuns(SUFFIXES);
    this.#writeRuns(RECORDS);
    const plainLength = body.length;
    this.#collectLinks();
    this.#writeLinks();
    return plainLength;
  }

  #buildInner(items: Items, from: number, until: number): number {
    this.#writePrefix(items, from, until, () => {});
    this.#writeRuns(SUFFIX_LENGTHS);
    this.#writeRuns(SUFFIXES);
    this.#writeRuns(DIGESTS);
    this.#writeRuns(CUTS);
    this.#writeRuns(TOTALS);
    const plainLength = body.length;
    this.#writeRuns(IDS);
    return plainLength;
  }

  /** The sorted shapes in use, each with its index in `slot`. */
  #collectShapes(): readonly Shape[] {
    const mark = ++marks;
    const table: Shape[] = [];
    for (let r = 0; r < this.#runs.length; r++) {
      const { node, fresh, from, until } = this.#runs.at(r);
      const isOne = node === undefined || node.shapes.length === 1;
      for (let i = isOne ? until - 1 : from; i < until; i++) {
        const shape = node === undefined ? (fresh as FreshRecord).shape : keptShape(node, i);
        if (shape.mark === mark) continue;
        shape.mark = mark;
        table.push(shape);
      }
    }
    if (table.length > 1) table.sort(compareShapes);
    return numbered(table);
  }

  #writePrefix(items: Items, from: number, until: number, between: () => void): void {
    const most = Math.min(items.copyName(from, first), items.copyName(until - 1, last));
    let length = 0;
    while (length < most && first[length] === last[length]) length++;
    prefixLength = length;
    body.u8(length);
    between();
    body.range(first, 0, length);
  }

  /** Writes one section of every item, of each run at once. */
  #writeRuns(section: Section): void {
    for (let r = 0; r < this.#runs.length; r++) {
      const { node, fresh, from, until } = this.#runs.at(r);
      if (node === undefined) section.fresh(fresh as FreshRecord & FreshChild);
      else this.#writeKept(node, from, until, section);
    }
  }

  #writeKept(node: Node, from: number, until: number, section: Section): void {
    if (!section.same(node)) {
      for (let i = from; i < until; i++) section.entry(node, i);
      return;
    }
    const start = section.start(node, from);
    const end = section.end(node, until - 1);
    if (node === base) body.keep(start - node.start, end - node.start);
    else body.range(node.bytes, start, end);
  }

  /** The links of all records; their numbers are those of the records, as the hash covers them. */
  #collectLinks(): void {
    this.#linkless = this.#runs.linkless;
    if (this.#linkless) return;
    const links = this.#links;
    const firsts = this.#firstLinks;
    for (let r = 0; r < this.#runs.length; r++) {
      const { node, fresh, from, until } = this.#runs.at(r);
      if (node === undefined) {
        firsts.push(links.length);
        for (const link of (fresh as FreshRecord).links) links.push(link);
        continue;
      }
      for (let i = from; i < until; i++) {
        firsts.push(links.length);
        const count = node.linkless ? 0 : measure(node, i).links;
        if (count === 0) continue;
        const first = node.hasLinks ? node.firstLink(i) : -1;
        for (let l = 0; l < count; l++) links.push(first < 0 ? undefined : node.link(first + l));
      }
    }
    this.#linkless = links.length === 0;
  }

  #writeLinks(): void {
    if (this.#links.length === 0) return;
    for (const first of this.#firstLinks) body.u16(first);
    for (const link of this.#links) body.u48(link ?? NO_ID);
  }
}

/** A stored node that items come from, likely most of them. */
function mainSource(items: Items, from: number, until: number): StoredNode | undefined {
  const { nodes } = items;
  const source = nodes[(from + until) >>> 1] ?? nodes[from] ?? nodes[until - 1];
  return source?.id === undefined ? undefined : (source as StoredNode);
}

/** Gives the shapes of a sorted table their numbers; equal ones, made twice, are one. */
function numbered(table: Shape[]): readonly Shape[] {
  let count = 0;
  for (const shape of table) {
    const last = table[count - 1];
    if (last === undefined || !sameShape(last, shape)) table[count++] = shape;
    shape.slot = count - 1;
  }
  table.length = count;
  return table;
}

let marks = 0;

function keptShape(node: Node, index: number): Shape {
  const byte = node.bytes[node.recordStart(index)];
  if (byte < 0x80) return node.shapes[byte >>> 2];
  return node.shapes[measure(node, index).head >>> 2];
}

/**
 * One section of a node: how to copy it from a node whole, entry by entry, and from a fresh item.
 */
interface Section {
  /** Whether the node's section can be copied as bytes. */
  same(node: Node): boolean;
  /** Where what it has of an entry begins and ends there. */
  start(node: Node, index: number): number;
  end(node: Node, index: number): number;
  entry(node: Node, index: number): void;
  fresh(item: FreshRecord & FreshChild): void;
}

const always = (): boolean => true;
const never = (): void => {};
const samePrefix = (node: Node): boolean => node.prefixLength === prefixLength;

const SUFFIX_LENGTHS: Section = {
  same: samePrefix,
  start: (node, index) => node.suffixLengths + index,
  end: (node, index) => node.suffixLengths + index + 1,
  entry: (node, index) => body.u8(node.nameLength(index) - prefixLength),
  fresh: (item) => body.u8(item.nameEnd - item.nameStart - prefixLength),
};

const SUFFIXES: Section = {
  same: samePrefix,
  start: (node, index) => node.suffixStart(index),
  end: (node, index) => node.suffixEnd(index),
  entry: (node, index) => {
    const start = node.suffixStart(index);
    const more = node.prefixLength - prefixLength;
    if (more > 0)
      body.range(node.bytes, node.prefixStart + prefixLength, node.prefixStart + node.prefixLength);
    body.range(node.bytes, more > 0 ? start : start - more, node.suffixEnd(index));
  },
  fresh: (item) => body.range(item.bytes, item.nameStart + prefixLength, item.nameEnd),
};

/** Whether the node's shapes have the numbers in the new table that they have in its own. */
function sameShapes(node: Node): boolean {
  const { shapes } = node;
  for (let i = 0; i < shapes.length; i++) if (shapes[i].slot !== i) return false;
  return true;
}

const RECORD_LENGTHS: Section = {
  same: sameShapes,
  start: (node, index) => node.recordLengths + 2 * index,
  end: (node, index) => node.recordLengths + 2 * (index + 1),
  entry: (node, index) => {
    const { head } = measure(node, index);
    const length = node.recordEnd(index) - node.recordStart(index);
    body.u16(length - headLength(head) + headLength(newHead(node, head)));
  },
  fresh: (item) => {
    body.u16(item.end - item.start + headLength(item.shape.slot * 4 + item.child));
  },
};

const RECORDS: Section = {
  same: sameShapes,
  start: (node, index) => node.recordStart(index),
  end: (node, index) => node.recordEnd(index),
  entry: (node, index) => {
    const { head } = measure(node, index);
    body.varint(newHead(node, head));
    body.range(node.bytes, node.recordStart(index) + headLength(head), node.recordEnd(index));
  },
  fresh: (item) => {
    body.varint(item.shape.slot * 4 + item.child);
    body.range(item.bytes, item.start, item.end);
  },
};

function newHead(node: Node, head: number): number {
  return node.shapes[head >>> 2].slot * 4 + (head & 3);
}

function headLength(head: number): number {
  return head < 0x80 ? 1 : 2;
}

const DIGESTS: Section = {
  same: always,
  start: (node, index) => node.digests + 32 * index,
  end: (node, index) => node.digests + 32 * (index + 1),
  entry: never,
  fresh: (item) => body.range(item.address, 1, 33),
};

const CUTS: Section = {
  same: always,
  start: (node, index) => node.cuts + index,
  end: (node, index) => node.cuts + index + 1,
  entry: never,
  fresh: (item) => body.u8(item.cut),
};

const TOTALS: Section = {
  same: always,
  start: (node, index) => node.recordStart(index),
  end: (node, index) => node.recordEnd(index),
  entry: never,
  fresh: (item) => {
    body.varint(item.entries);
    body.varint(item.buckets);
    body.varint(item.inlineBytes);
    body.varint(item.referencedBytes);
  },
};

const IDS: Section = {
  same: (node) => node.linksEnd - node.ids === 6 * node.count,
  start: (node, index) => node.ids + 6 * index,
  end: (node, index) => node.ids + 6 * (index + 1),
  entry: (node, index) => body.u48(node.link(index) ?? NO_ID),
  fresh: (item) => body.u48(item.id ?? NO_ID),
};
