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
import { type FreshRecord, type Link, measure } from './record.js';
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

export class Items {
  readonly level: number;
  nodes: (Node | undefined)[] = [];
  indexes: number[] = [];
  fresh: (Fresh | undefined)[] = [];
  hashes: number[] = [];
  /** The plain length up to and with each item, counted from the first. */
  ends: number[] = [];

  constructor(level: number) {
    this.level = level;
  }

  /** All entries of a node. */
  static of(node: Node): Items {
    const items = new Items(node.level);
    items.pushKept(node, 0, node.count);
    return items;
  }

  get length(): number {
    return this.hashes.length;
  }

  get plainLength(): number {
    return this.ends.length === 0 ? 0 : this.ends[this.ends.length - 1];
  }

  pushFresh(fresh: Fresh): void {
    const { bytes, nameStart, nameEnd } = fresh;
    const own =
      'plainLength' in fresh ? LEAF_ENTRY_OVERHEAD + fresh.plainLength : INNER_ENTRY_LENGTH;
    this.nodes.push(undefined);
    this.indexes.push(0);
    this.fresh.push(fresh);
    this.hashes.push(hashFinish(hashContinue(hashSeed(this.level, 0), bytes, nameStart, nameEnd)));
    this.ends.push(this.plainLength + own + nameEnd - nameStart);
  }

  /** Appends the entries `[from, until)` of a node. */
  pushKept(node: Node, from: number, until: number): void {
    const { bytes, prefixStart, prefixLength } = node;
    const isLeaf = node.level === 0;
    const prefix = hashContinue(
      hashSeed(this.level, 0),
      bytes,
      prefixStart,
      prefixStart + prefixLength,
    );
    let end = this.plainLength;
    for (let i = from; i < until; i++) {
      end += node.nameLength(i);
      end += isLeaf ? LEAF_ENTRY_OVERHEAD + measure(node, i).plainLength : INNER_ENTRY_LENGTH;
      this.nodes.push(node);
      this.indexes.push(i);
      this.fresh.push(undefined);
      const hash = hashContinue(prefix, bytes, node.suffixStart(i), node.suffixEnd(i));
      this.hashes.push(hashFinish(hash));
      this.ends.push(end);
    }
  }

  name(index: number): Uint8Array {
    const fresh = this.fresh[index];
    if (fresh !== undefined) return fresh.bytes.slice(fresh.nameStart, fresh.nameEnd);
    return (this.nodes[index] as Node).name(this.indexes[index]);
  }

  /** The hash by which a forced cut is chosen. */
  secondHash(index: number): number {
    return boundaryHash(this.name(index), this.level, 1);
  }

  prepend(front: Items): void {
    const shift = front.plainLength;
    this.nodes = front.nodes.concat(this.nodes);
    this.indexes = front.indexes.concat(this.indexes);
    this.fresh = front.fresh.concat(this.fresh);
    this.hashes = front.hashes.concat(this.hashes);
    this.ends = front.ends.concat(this.ends.map((end) => end + shift));
  }

  drop(count: number): void {
    const gone = count === 0 ? 0 : this.ends[count - 1];
    this.nodes.splice(0, count);
    this.indexes.splice(0, count);
    this.fresh.splice(0, count);
    this.hashes.splice(0, count);
    this.ends.splice(0, count);
    for (let i = 0; i < this.ends.length; i++) this.ends[i] = this.ends[i] - gone;
  }
}
