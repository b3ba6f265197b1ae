/**
 * Ranges of a map, both ways: a cursor over its leaves that stands at one record at a time and
 * allocates per leaf, not per record.
 */
import { badRange } from '../ground/errors.js';
import type { Node } from './node.js';
import type { NodeCache } from './node-cache.js';

/** Bounds on names; `limit` counts records. */
export interface NameRange {
  readonly gt?: Uint8Array | undefined;
  readonly gte?: Uint8Array | undefined;
  readonly lt?: Uint8Array | undefined;
  readonly lte?: Uint8Array | undefined;
  readonly reverse?: boolean | undefined;
  readonly limit?: number | undefined;
}

export class MapScan {
  readonly #cache: NodeCache;
  readonly #reverse: boolean;
  readonly #stop: Uint8Array | undefined;
  readonly #stopIncluded: boolean;
  /** Inner nodes from the top down, with the index in each. */
  readonly #nodes: Node[] = [];
  readonly #indexes: number[] = [];
  #left: number;
  /** The leaf at hand, and the record in it. */
  node: Node;
  index = 0;
  /** The last index of the leaf that is within the bounds, in the direction of the scan. */
  #end = -1;
  #started = false;
  #done = false;

  constructor(cache: NodeCache, top: Node, range: NameRange) {
    this.#cache = cache;
    this.#reverse = range.reverse ?? false;
    this.#left = checkLimit(range.limit);
    this.#stop = this.#reverse ? (range.gt ?? range.gte) : (range.lt ?? range.lte);
    this.#stopIncluded = (this.#reverse ? range.gt : range.lt) === undefined;
    this.node = top;
    this.#descend(top, range);
  }

  /** Goes to the next record; false where there is none within the bounds. */
  next(): boolean {
    if (this.#done || this.#left === 0) return false;
    if (!this.#started) this.#started = true;
    else this.index += this.#reverse ? -1 : 1;
    while (this.#reverse ? this.index < this.#end : this.index > this.#end) {
      if (!this.#nextLeaf()) {
        this.#done = true;
        return false;
      }
    }
    this.#left--;
    return true;
  }

  #descend(top: Node, range: NameRange): void {
    const from = this.#reverse ? (range.lt ?? range.lte) : (range.gt ?? range.gte);
    let node = top;
    while (node.level > 0) {
      const index = this.#childFor(node, from);
      this.#nodes.push(node);
      this.#indexes.push(index);
      node = this.#cache.child(node, index);
    }
    const included = (this.#reverse ? range.lt : range.gt) === undefined;
    const start = from === undefined ? undefined : bound(node, from, this.#reverse, included);
    this.#enter(node, start);
  }

  #childFor(node: Node, name: Uint8Array | undefined): number {
    if (name === undefined) return this.#reverse ? node.count - 1 : 0;
    return node.childFor(name, 0, name.length);
  }

  /** Makes a leaf the one at hand, from `start`, and finds how far it is within the bounds. */
  #enter(node: Node, start: number | undefined): void {
    this.node = node;
    this.index = start ?? (this.#reverse ? node.count - 1 : 0);
    this.#end = this.#reverse ? 0 : node.count - 1;
    const stop = this.#stop;
    if (stop === undefined) return;
    const last = bound(node, stop, !this.#reverse, this.#stopIncluded);
    this.#end = this.#reverse ? Math.max(0, last) : Math.min(node.count - 1, last);
    // A bound inside this leaf ends the scan with it.
    if (this.#reverse ? last > 0 : last < node.count - 1) this.#nodes.length = 0;
  }

  #nextLeaf(): boolean {
    const by = this.#reverse ? -1 : 1;
    let depth = this.#nodes.length - 1;
    for (; depth >= 0; depth--) {
      const index = this.#indexes[depth] + by;
      if (index >= 0 && index < this.#nodes[depth].count) break;
    }
    if (depth < 0) return false;
    this.#indexes[depth] = this.#indexes[depth] + by;
    this.#nodes.length = depth + 1;
    this.#indexes.length = depth + 1;
    let node = this.#cache.child(this.#nodes[depth], this.#indexes[depth]);
    while (node.level > 0) {
      const index = this.#reverse ? node.count - 1 : 0;
      this.#nodes.push(node);
      this.#indexes.push(index);
      node = this.#cache.child(node, index);
    }
    this.#enter(node, undefined);
    return true;
  }
}

/**
 * The first index at or above `name` (`last` false), or the last at or below it (`last` true);
 * strictly, where it is not included. May be `count` or -1.
 */
function bound(node: Node, name: Uint8Array, last: boolean, included: boolean): number {
  const at = node.lowerBound(name, 0, name.length);
  const equal = at < node.count && node.nameIs(at, name, 0, name.length);
  if (last) return equal && included ? at : at - 1;
  return equal && !included ? at + 1 : at;
}

function checkLimit(limit: number | undefined): number {
  if (limit === undefined) return Number.POSITIVE_INFINITY;
  if (Number.isInteger(limit) && limit >= 0) return limit;
  throw badRange('the limit', 'a whole number, at least 0', `${limit}`);
}
