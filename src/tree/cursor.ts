/**
 * The cursor over a map: at one entry of one node, of any level. Scans, differences and edits all
 * walk by it.
 *
 *     inner    [ a   b   c ]              descend   b → d        step      d → e → c
 *     leaves      [ d e ] [ f g ]         turn      d → f        advance   d → e → f
 *
 * Forward a node is entered at its first entry, backward at its last.
 */
import type { Spot } from './lookup.js';
import type { Node } from './node.js';
import type { NodeCache } from './node-cache.js';

export type Direction = 1 | -1;

export class MapCursor {
  readonly #cache: NodeCache;
  node: Node;
  index = 0;
  /** The nodes above from the root down, and the index in each. */
  #above: Node[] = [];
  #indexes: number[] = [];

  constructor(cache: NodeCache, root: Node, by: Direction = 1) {
    this.#cache = cache;
    this.node = root;
    if (by < 0) this.index = root.count - 1;
  }

  clone(): MapCursor {
    const copy = new MapCursor(this.#cache, this.node);
    copy.index = this.index;
    copy.#above = this.#above.slice();
    copy.#indexes = this.#indexes.slice();
    return copy;
  }

  /** Goes to the root again. */
  rewind(): void {
    this.node = this.#above[0] ?? this.node;
    this.#above.length = 0;
    this.#indexes.length = 0;
    this.index = 0;
  }

  /** False where all entries of the node are passed; after `climb`, those of the map. */
  get within(): boolean {
    return this.index >= 0 && this.index < this.node.count;
  }

  /** Reads the child at hand, and goes to its first entry. */
  descend(by: Direction): void {
    this.#above.push(this.node);
    this.#indexes.push(this.index);
    this.node = this.#cache.child(this.node, this.index);
    this.index = by > 0 ? 0 : this.node.count - 1;
  }

  /** Goes down to a level: to the node under which `name[from..to]` belongs, or to the first. */
  descendTo(level: number, by: Direction, name?: Uint8Array, from = 0, to = name?.length): void {
    while (this.node.level > level) {
      if (name !== undefined) this.index = this.node.childFor(name, from, to as number);
      this.descend(by);
    }
  }

  #ascend(): boolean {
    const above = this.#above.pop();
    if (above === undefined) return false;
    this.node = above;
    this.index = this.#indexes.pop() as number;
    return true;
  }

  /** Where the node's entries are all passed: goes up, as far as needed, to the next entry. */
  climb(by: Direction): boolean {
    while (!this.within && this.#ascend()) this.index += by;
    return this.within;
  }

  /** Passes the entry at hand; false where it was the last of the map. */
  step(by: Direction): boolean {
    this.index += by;
    return this.climb(by);
  }

  /** Goes to the next entry of the level; false at its end. */
  advance(by: Direction): boolean {
    const { level } = this.node;
    if (!this.step(by)) return false;
    this.descendTo(level, by);
    return true;
  }

  /** Where the node stands in the one above; undefined for the root. */
  get place(): Spot | undefined {
    const depth = this.#above.length - 1;
    return depth < 0 ? undefined : { node: this.#above[depth], index: this.#indexes[depth] };
  }

  /** Where the node beside this one stands, which is not read; undefined at the level's end. */
  neighbour(by: Direction): MapCursor | undefined {
    const place = this.clone();
    return place.#ascend() && place.advance(by) ? place : undefined;
  }

  /** Whether a name, which is behind those of this node, falls into the node on its right. */
  fallsRight(name: Uint8Array, from: number, to: number): boolean {
    const depth = this.#above.length - 1;
    if (depth < 0) return false;
    const above = this.#above[depth];
    const right = this.#indexes[depth] + 1;
    if (right < above.count) {
      if (above.lowerBound(name, from, to) === right) return true;
      return right === above.count - 1 && this.#isLastBelow(depth);
    }
    const place = this.neighbour(1);
    if (place === undefined) return false;
    const { node, index } = place;
    return node.lowerBound(name, from, to) <= index || (index === node.count - 1 && place.isLast);
  }

  /** Goes to the node beside this one, which there is. */
  turn(by: Direction): void {
    this.#ascend();
    this.advance(by);
    this.descend(by);
  }

  /** Whether the node is the last of its level. */
  get isLast(): boolean {
    return this.#isLastBelow(this.#above.length);
  }

  #isLastBelow(depth: number): boolean {
    for (let i = 0; i < depth; i++) if (this.#indexes[i] !== this.#above[i].count - 1) return false;
    return true;
  }
}
