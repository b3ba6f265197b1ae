/**
 * A list of a level's entries on their way into nodes: each is either an entry of a node that
 * exists, named by node and index, or a fresh one. Parallel arrays, since a commit passes thousands
 * of entries and changes few.
 */
import type { Address } from '../blocks/address.js';
import {
  boundaryHash,
  hashContinue,
  hashFinish,
  hashSeed,
  INNER_ENTRY_LENGTH,
  LEAF_ENTRY_OVERHEAD,
} from './boundary.js';
import type { Node } from './node.js';
import { type FreshRecord, type Link, plainLengthAt } from './record.js';
import type { Totals } from './totals.js';

/**
 * A child that was just written, or one from elsewhere; the last name in it lies in `bytes`.
 */
export interface FreshChild extends Totals {
  readonly bytes: Uint8Array;
  readonly nameStart: number;
  readonly nameEnd: number;
  readonly address: Address;
  readonly id: Link;
  readonly cut: number;
}

export type Fresh = FreshRecord | FreshChild;

/** Items that a new list has room for. */
const COLUMN_LENGTH = 64;
/** Lists that are kept for the next, and the items up to which one is worth keeping. */
const KEPT_LISTS = 8;
const KEPT_ITEMS_MAX = 4_096;
const kept: Items[] = [];

export class Items {
  /** The columns may be longer: they are used again. */
  length = 0;
  level: number;
  readonly nodes: (Node | undefined)[] = [];
  readonly indexes: number[] = [];
  readonly fresh: (Fresh | undefined)[] = [];
  hashes = new Uint32Array(COLUMN_LENGTH);
  /** The plain length up to and with each item, counted from the first. */
  ends = new Float64Array(COLUMN_LENGTH);

  private constructor(level: number) {
    this.level = level;
  }

  /** An empty list. */
  static at(level: number): Items {
    const items = kept.pop() ?? new Items(level);
    items.level = level;
    return items;
  }

  /** All entries of a node. */
  static of(node: Node): Items {
    const items = Items.at(node.level);
    items.pushKept(node, 0, node.count);
    return items;
  }

  /** Nobody needs it any more: the next may be made of it. */
  release(): void {
    this.length = 0;
    if (kept.length < KEPT_LISTS && this.nodes.length <= KEPT_ITEMS_MAX) kept.push(this);
  }

  get plainLength(): number {
    return this.length === 0 ? 0 : this.ends[this.length - 1];
  }

  #grow(length: number): void {
    const { hashes, ends } = this;
    const longer = Math.max(length, hashes.length * 2);
    this.hashes = new Uint32Array(longer);
    this.hashes.set(hashes);
    this.ends = new Float64Array(longer);
    this.ends.set(ends);
  }

  pushFresh(fresh: Fresh): void {
    const { bytes, nameStart, nameEnd } = fresh;
    const own =
      'plainLength' in fresh ? LEAF_ENTRY_OVERHEAD + fresh.plainLength : INNER_ENTRY_LENGTH;
    const hash = hashFinish(hashContinue(hashSeed(this.level, 0), bytes, nameStart, nameEnd));
    const end = this.plainLength + own + nameEnd - nameStart;
    const at = this.length++;
    if (at === this.hashes.length) this.#grow(at + 1);
    this.nodes[at] = undefined;
    this.indexes[at] = 0;
    this.fresh[at] = fresh;
    this.hashes[at] = hash;
    this.ends[at] = end;
  }

  /** Appends the entries `[from, until)` of a node. */
  pushKept(node: Node, from: number, until: number): void {
    const { bytes, prefixStart, prefixLength } = node;
    const isLeaf = node.level === 0;
    const prefixEnd = prefixStart + prefixLength;
    const prefix = hashContinue(hashSeed(this.level, 0), bytes, prefixStart, prefixEnd);
    let end = this.plainLength;
    let at = this.length;
    this.length = at + until - from;
    if (this.length > this.hashes.length) this.#grow(this.length);
    const { nodes, indexes, fresh, hashes, ends } = this;
    for (let i = from; i < until; i++, at++) {
      end += node.nameLength(i);
      end += isLeaf ? LEAF_ENTRY_OVERHEAD + plainLengthAt(node, i) : INNER_ENTRY_LENGTH;
      const hash = hashContinue(prefix, bytes, node.suffixStart(i), node.suffixEnd(i));
      nodes[at] = node;
      indexes[at] = i;
      fresh[at] = undefined;
      hashes[at] = hashFinish(hash);
      ends[at] = end;
    }
  }

  name(index: number): Uint8Array {
    const fresh = this.fresh[index];
    if (fresh !== undefined) return fresh.bytes.slice(fresh.nameStart, fresh.nameEnd);
    return (this.nodes[index] as Node).name(this.indexes[index]);
  }

  /** Copies a name to the beginning of `out`, and returns its length. */
  copyName(index: number, out: Uint8Array): number {
    const fresh = this.fresh[index];
    if (fresh === undefined) {
      const node = this.nodes[index] as Node;
      node.copyName(this.indexes[index], out);
      return node.nameLength(this.indexes[index]);
    }
    const { bytes, nameStart, nameEnd } = fresh;
    for (let from = nameStart, at = 0; from < nameEnd; from++, at++) out[at] = bytes[from];
    return nameEnd - nameStart;
  }

  /** The hash by which a forced cut is chosen. */
  secondHash(index: number): number {
    return boundaryHash(this.name(index), this.level, 1);
  }

  /** Puts the items of another list in front. */
  prepend(front: Items): void {
    const shift = front.plainLength;
    const count = front.length;
    if (this.length + count > this.hashes.length) this.#grow(this.length + count);
    for (let i = this.length - 1; i >= 0; i--) this.#move(i, i + count, shift);
    for (let i = 0; i < count; i++) {
      this.nodes[i] = front.nodes[i];
      this.indexes[i] = front.indexes[i];
      this.fresh[i] = front.fresh[i];
      this.hashes[i] = front.hashes[i];
      this.ends[i] = front.ends[i];
    }
    this.length += count;
  }

  /** Forgets the first items. */
  drop(count: number): void {
    const gone = count === 0 ? 0 : this.ends[count - 1];
    for (let i = count; i < this.length; i++) this.#move(i, i - count, -gone);
    this.length -= count;
  }

  #move(from: number, to: number, shift: number): void {
    this.nodes[to] = this.nodes[from];
    this.indexes[to] = this.indexes[from];
    this.fresh[to] = this.fresh[from];
    this.hashes[to] = this.hashes[from];
    this.ends[to] = this.ends[from] + shift;
  }
}
