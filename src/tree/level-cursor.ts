/**
 * A cursor over the nodes of one level of a map, from left to right, by way of their parents.
 */
import type { Node } from './node.js';
import type { NodeCache } from './node-cache.js';

/** An entry of a parent. */
export interface Place {
  readonly node: Node;
  readonly index: number;
  /** Whether it stands for the last node of its level. */
  readonly last: boolean;
}

export class LevelCursor {
  readonly #cache: NodeCache;
  readonly #level: number;
  /**
   * Nodes from the root down to the one at the cursor, and the index in each but the last.
   */
  readonly #path: Node[];
  readonly #indexes: number[] = [];

  private constructor(cache: NodeCache, path: Node[], level: number) {
    this.#cache = cache;
    this.#level = level;
    this.#path = path;
  }

  /** A cursor at the first node of a level. */
  static at(cache: NodeCache, root: Node, level: number): LevelCursor {
    const cursor = new LevelCursor(cache, [root], level);
    cursor.#descend(() => 0);
    return cursor;
  }

  #descend(choose: (node: Node) => number): void {
    let node = this.#path[this.#path.length - 1];
    while (node.level > this.#level) {
      const index = choose(node);
      this.#indexes.push(index);
      node = this.#cache.child(node, index);
      this.#path.push(node);
    }
  }

  get node(): Node {
    return this.#path[this.#path.length - 1];
  }

  /** Goes to the node under which this name belongs. */
  seek(name: Uint8Array, start: number, end: number): void {
    this.#path.length = 1;
    this.#indexes.length = 0;
    this.#descend((node) => node.childFor(name, start, end));
  }

  get isLast(): boolean {
    return this.#indexes.every((index, i) => index === this.#path[i].count - 1);
  }

  /** Moves to the next node of the level; false at the last. */
  next(): boolean {
    return this.#step(1);
  }

  previous(): boolean {
    return this.#step(-1);
  }

  #step(by: 1 | -1): boolean {
    const depth = this.#turn(by);
    if (depth < 0) return false;
    const index = this.#indexes[depth] + by;
    this.#indexes.length = depth;
    this.#path.length = depth + 1;
    const parent = this.#path[depth];
    this.#indexes.push(index);
    this.#path.push(this.#cache.child(parent, index));
    this.#descend((node) => (by > 0 ? 0 : node.count - 1));
    return true;
  }

  /** The depth at which the way to the neighbour leaves this path, or -1. */
  #turn(by: 1 | -1): number {
    let depth = this.#indexes.length - 1;
    while (depth >= 0) {
      const index = this.#indexes[depth] + by;
      if (index >= 0 && index < this.#path[depth].count) return depth;
      depth--;
    }
    return -1;
  }

  /**
   * Where the node beside this one stands in its parent, without loading it; undefined at the
   * level's end.
   */
  neighbour(by: 1 | -1): Place | undefined {
    const turn = this.#turn(by);
    if (turn < 0) return undefined;
    let node = this.#path[turn];
    let index = this.#indexes[turn] + by;
    let last = index === node.count - 1;
    for (let depth = 0; depth < turn; depth++) {
      last &&= this.#indexes[depth] === this.#path[depth].count - 1;
    }
    while (node.level > this.#level + 1) {
      node = this.#cache.child(node, index);
      index = by > 0 ? 0 : node.count - 1;
      last &&= index === node.count - 1;
    }
    return { node, index, last };
  }

  clone(): LevelCursor {
    const copy = new LevelCursor(this.#cache, this.#path.slice(), this.#level);
    copy.#indexes.push(...this.#indexes);
    return copy;
  }

  /** Its place in the parent; undefined for the root. */
  get place(): Place | undefined {
    const depth = this.#indexes.length - 1;
    if (depth < 0) return undefined;
    const node = this.#path[depth];
    return { node, index: this.#indexes[depth], last: this.isLast };
  }

  /** The name that stands for this node in its parent: the last in it. */
  lastName(): Uint8Array {
    const { node } = this;
    return node.name(node.count - 1);
  }
}
