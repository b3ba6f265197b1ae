/**
 * Ranges of a map, both ways: a cursor that stands at one record at a time and allocates per leaf,
 * not per record.
 */
import { type Direction, MapCursor } from './cursor.js';
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

export class MapScan extends MapCursor {
  readonly #by: Direction;
  readonly #stop: Uint8Array | undefined;
  readonly #stopIncluded: boolean;
  #left: number;
  /** The last index of the leaf that is within the bounds, and whether no other leaf is. */
  #end = 0;
  #isLastLeaf = false;
  #started = false;

  constructor(cache: NodeCache, top: Node, range: NameRange) {
    const { gt, gte, lt, lte, reverse = false, limit = Number.POSITIVE_INFINITY } = range;
    const by = reverse ? -1 : 1;
    super(cache, top, by);
    this.#by = by;
    this.#left = limit;
    this.#stop = reverse ? (gt ?? gte) : (lt ?? lte);
    this.#stopIncluded = (reverse ? gt : lt) === undefined;
    const from = reverse ? (lt ?? lte) : (gt ?? gte);
    this.descendTo(0, by, from);
    const included = (reverse ? lt : gt) === undefined;
    if (from !== undefined) this.index = bound(this.node, from, reverse, included);
    this.#findEnd();
  }

  /** Goes to the next record; false where there is none within the bounds. */
  next(): boolean {
    if (this.#left === 0) return false;
    if (this.#started) this.index += this.#by;
    this.#started = true;
    while (this.#by < 0 ? this.index < this.#end : this.index > this.#end) {
      if (this.#isLastLeaf || !this.climb(this.#by)) {
        this.#left = 0;
        return false;
      }
      this.descendTo(0, this.#by);
      this.#findEnd();
    }
    this.#left--;
    return true;
  }

  #findEnd(): void {
    const { node } = this;
    const reverse = this.#by < 0;
    this.#end = reverse ? 0 : node.count - 1;
    if (this.#stop === undefined) return;
    const last = bound(node, this.#stop, !reverse, this.#stopIncluded);
    this.#isLastLeaf = last !== this.#end;
    this.#end = last;
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
