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

export class NodeWriter {
  readonly cache: NodeCache;
  readonly blocks: BlockWriter;
  readonly algorithm: AlgorithmNumber;
  readonly #links: Link[] = [];
  readonly #firstLinks: number[] = [];
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
    const depth = this.blocks.patched && base !== undefined ? base.depth + 1 : 0;
    this.cache.adopt(body, { address, plainLength, id, depth, totals: this.#totals });
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
    this.#totals = { ...NO_TOTALS };
    this.#links.length = 0;
    this.#firstLinks.length = 0;
    writeBlockHeader(body, BlockKind.node, this.algorithm);
    body.u8(items.level).u16(until - from);
    const build = items.level === 0 ? this.#buildLeaf : this.#buildInner;
    const plainLength = build.call(this, items, from, until);
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
    const table = this.#collectShapes(items, from, until);
    let tableLength = 0;
    const count = varintLength(table.length);
    for (const shape of table) tableLength += shape.encoded.length;
    body.u16(tableLength + count);
    this.#writePrefix(items, from, until, () => {
      body.varint(table.length);
      for (const shape of table) body.bytes(shape.encoded);
    });
    this.#writeRuns(items, from, until, SUFFIX_LENGTHS);
    this.#writeRuns(items, from, until, RECORD_LENGTHS);
    this.#writeRuns(items, from, until, SUFFIXES);
    this.#writeRuns(items, from, until, RECORDS);
    const plainLength = body.length;
    this.#collectLinks(items, from, until);
    this.#writeLinks();
    return plainLength;
  }

  #buildInner(items: Items, from: number, until: number): number {
    this.#writePrefix(items, from, until, () => {});
    this.#writeRuns(items, from, until, SUFFIX_LENGTHS);
    this.#writeRuns(items, from, until, SUFFIXES);
    this.#writeRuns(items, from, until, DIGESTS);
    this.#writeRuns(items, from, until, CUTS);
    this.#writeRuns(items, from, until, TOTALS);
    const plainLength = body.length;
    this.#writeRuns(items, from, until, IDS);
    this.#sumTotals(items, from, until);
    return plainLength;
  }

  /** The sorted shapes in use, each with its index in `slot`. */
  #collectShapes(items: Items, from: number, until: number): readonly Shape[] {
    const mark = ++marks;
    const table: Shape[] = [];
    for (let i = from; i < until; i++) {
      const fresh = items.fresh[i] as FreshRecord | undefined;
      const shape = fresh?.shape ?? keptShape(items.nodes[i] as Node, items.indexes[i]);
      if (shape.mark === mark) continue;
      shape.mark = mark;
      table.push(shape);
    }
    if (table.length > 1) table.sort(compareShapes);
    return numbered(table);
  }

  #writePrefix(items: Items, from: number, until: number, between: () => void): void {
    const first = items.name(from);
    const last = items.name(until - 1);
    let length = 0;
    const most = Math.min(first.length, last.length);
    while (length < most && first[length] === last[length]) length++;
    prefixLength = length;
    body.u8(length);
    between();
    body.range(first, 0, length);
  }

  /** Writes one section of every item, taking runs of neighbours from one node together. */
  #writeRuns(items: Items, from: number, until: number, section: Section): void {
    const { nodes, indexes, fresh } = items;
    let i = from;
    while (i < until) {
      const node = nodes[i];
      if (node === undefined) {
        section.fresh(fresh[i] as FreshRecord & FreshChild);
        i++;
        continue;
      }
      const index = indexes[i];
      let j = i + 1;
      while (j < until && nodes[j] === node && indexes[j] === index + j - i) j++;
      this.#writeKept(node, index, index + j - i, section);
      i = j;
    }
  }

  #writeKept(node: Node, from: number, until: number, section: Section): void {
    if (!section.same(node)) {
      for (let i = from; i < until; i++) section.entry(node, i);
      return;
    }
    const [start, end] = section.range(node, from, until);
    if (node === base) body.keep(start - node.start, end - node.start);
    else body.range(node.bytes, start, end);
  }

  #collectLinks(items: Items, from: number, until: number): void {
    const links = this.#links;
    for (let i = from; i < until; i++) {
      this.#firstLinks.push(links.length);
      const fresh = items.fresh[i] as FreshRecord | undefined;
      if (fresh !== undefined) {
        for (const link of fresh.links) links.push(link);
        addTotals(this.#totals, fresh);
        continue;
      }
      const node = items.nodes[i] as Node;
      const index = items.indexes[i];
      const measured = measure(node, index);
      addTotals(this.#totals, measured);
      if (measured.links === 0) continue;
      const first = node.hasLinks ? node.firstLink(index) : -1;
      for (let l = 0; l < measured.links; l++)
        links.push(first < 0 ? undefined : node.link(first + l));
    }
  }

  #writeLinks(): void {
    if (this.#links.length === 0) return;
    for (const first of this.#firstLinks) body.u16(first);
    for (const link of this.#links) body.u48(link ?? NO_ID);
  }

  #sumTotals(items: Items, from: number, until: number): void {
    for (let i = from; i < until; i++) {
      const fresh = items.fresh[i];
      addTotals(this.#totals, fresh ?? (items.nodes[i] as Node).childTotals(items.indexes[i]));
    }
  }
}

function totalsAt(node: Node, index: number): Readonly<Totals> {
  return node.level === 0 ? measure(node, index) : node.childTotals(index);
}

/** The sums of a node's entries. */
function totalsOf(node: Node): Readonly<Totals> {
  if (node.totals === undefined) {
    const totals = { ...NO_TOTALS };
    for (let i = 0; i < node.count; i++) addTotals(totals, totalsAt(node, i));
    node.totals = totals;
  }
  return node.totals;
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
  range(node: Node, from: number, until: number): readonly [number, number];
  entry(node: Node, index: number): void;
  fresh(item: FreshRecord & FreshChild): void;
}

const always = (): boolean => true;
const never = (): void => {};
const samePrefix = (node: Node): boolean => node.prefixLength === prefixLength;

const SUFFIX_LENGTHS: Section = {
  same: samePrefix,
  range: (node, from, until) => [node.suffixLengths + from, node.suffixLengths + until],
  entry: (node, index) => body.u8(node.nameLength(index) - prefixLength),
  fresh: (item) => body.u8(item.nameEnd - item.nameStart - prefixLength),
};

const SUFFIXES: Section = {
  same: samePrefix,
  range: (node, from, until) => [node.suffixStart(from), node.suffixEnd(until - 1)],
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
  range: (node, from, until) => [node.recordLengths + 2 * from, node.recordLengths + 2 * until],
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
  range: (node, from, until) => [node.recordStart(from), node.recordEnd(until - 1)],
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
  range: (node, from, until) => [node.digests + 32 * from, node.digests + 32 * until],
  entry: never,
  fresh: (item) => body.range(item.address, 1, 33),
};

const CUTS: Section = {
  same: always,
  range: (node, from, until) => [node.cuts + from, node.cuts + until],
  entry: never,
  fresh: (item) => body.u8(item.cut),
};

const TOTALS: Section = {
  same: always,
  range: (node, from, until) => [node.recordStart(from), node.recordEnd(until - 1)],
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
  range: (node, from, until) => [node.ids + 6 * from, node.ids + 6 * until],
  entry: (node, index) => body.u48(node.link(index) ?? NO_ID),
  fresh: (item) => body.u48(item.id ?? NO_ID),
};
