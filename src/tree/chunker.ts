/**
 * Cuts a stream of items into nodes: the one place where the boundary rule is applied, for bulk
 * loads and edits alike.
 *
 * Items wait until they are decided: an entry ends a node if no hash within the window on its
 * left is smaller or equal and none on its right is smaller, which is known once a window's length
 * has followed it. Nearer to the map's own ends than a window there is no other end. What lies left
 * of the first item is remembered as one fence: the entry that ended the node before, natural, and
 * its hash.
 */
import { NODE_PLAIN_BYTES_MAX, RUN_BYTES_MAX } from '../ground/limits.js';
import { FORCED, NATURAL, splitRun, WINDOW } from './boundary.js';
import { type FreshChild, Items } from './items.js';
import type { NodeWriter } from './node-writer.js';

export class Chunker {
  readonly items: Items;
  readonly out: FreshChild[] = [];
  readonly #writer: NodeWriter;
  /**
   * The hash of the natural end before the first item; undefined where the map, or what follows a
   * wall, begins.
   */
  #fence: number | undefined;
  #undecided = 0;
  /** Whether a node was written since the chunker began: then its fence is its own, and certain. */
  #written = false;
  /** The first item not yet compared with the fence. */
  #unfenced = 0;

  constructor(writer: NodeWriter, level: number, fence: number | undefined) {
    this.#writer = writer;
    this.items = Items.at(level);
    this.#fence = fence;
  }

  /**
   * Whether an item near the fence is a node's end in its place: what lies left of it must
   * come in too.
   */
  get fenceFell(): boolean {
    if (this.#written || this.#fence === undefined) return false;
    const { hashes, ends, length } = this.items;
    for (; this.#unfenced < length; this.#unfenced++) {
      if (ends[this.#unfenced] > WINDOW) break;
      if (hashes[this.#unfenced] < this.#fence) return true;
    }
    return false;
  }

  /**
   * Whether the map, which ends with the last item, goes on too little behind the fence for it to
   * be an end.
   */
  get endsBehindFence(): boolean {
    return !this.#written && this.#fence !== undefined && this.items.plainLength <= WINDOW;
  }

  /** Puts the items of the node left of the fence in front; `fence` is what lies left of those. */
  extendLeft(front: Items, fence: number | undefined): void {
    this.items.prepend(front);
    front.release();
    this.#fence = fence;
    this.#undecided = 0;
    this.#unfenced = 0;
  }

  /** Writes the nodes that are certain. Not while `fenceFell`. */
  drain(): void {
    const { items } = this;
    this.#decide(items.length, false);
    if (items.plainLength < RUN_BYTES_MAX) return;
    // A run that long was mined: it ends here, and what follows begins as if the map did.
    this.#writeRun(items.length, FORCED);
    this.#fence = undefined;
  }

  /** Decides the last items of `count`, and writes what ends with them. */
  #decide(count: number, isEnd: boolean): void {
    let left = count;
    while (this.#undecided < left) {
      const index = this.#undecided;
      const ends = this.#winsLeft(index) && this.#winsRight(index);
      if (ends === undefined && !isEnd) return;
      this.#undecided = index + 1;
      if (ends !== true) continue;
      this.#writeRun(index + 1, NATURAL);
      left -= index + 1;
    }
  }

  /** Whether the last item, known to have been a natural end before the edit, still is one. */
  lastStillEnds(): boolean {
    const last = this.items.length - 1;
    return last >= 0 && this.#winsLeft(last);
  }

  /**
   * Writes everything: the last item ends the map, or is a natural end that `lastStillEnds`
   * confirmed. Nothing follows.
   */
  finish(): void {
    this.#decide(this.items.length - 1, true);
    if (this.items.length > 0) this.#writeRun(this.items.length, NATURAL);
    this.items.release();
  }

  #winsLeft(index: number): boolean {
    const { hashes, ends } = this.items;
    const hash = hashes[index];
    const end = ends[index];
    for (let i = index - 1; i >= 0; i--) {
      if (end - ends[i] > WINDOW) return true;
      if (hashes[i] <= hash) return false;
    }
    return end > WINDOW || (this.#fence !== undefined && this.#fence > hash);
  }

  /** Undefined while what decides has not come yet. */
  #winsRight(index: number): boolean | undefined {
    const { hashes, ends, length } = this.items;
    const hash = hashes[index];
    const end = ends[index];
    for (let i = index + 1; i < length; i++) {
      if (ends[i] - end > WINDOW) return true;
      if (hashes[i] < hash) return false;
    }
    return undefined;
  }

  /**
   * Writes the items before `until` as one node or, if they are too many, several, and forgets
   * them.
   */
  #writeRun(until: number, cut: number): void {
    const { items } = this;
    const fence = items.hashes[until - 1];
    if (items.ends[until - 1] <= NODE_PLAIN_BYTES_MAX || until === 1) {
      this.out.push(this.#writer.write(items, 0, until, cut));
    } else {
      let from = 0;
      const chunk = (end: number): void => {
        this.out.push(this.#writer.write(items, from, end, end === until ? cut : FORCED));
        from = end;
      };
      splitRun(0, until, items.ends, 0, (index) => items.secondHash(index), chunk);
    }
    items.drop(until);
    this.#undecided = Math.max(0, this.#undecided - until);
    this.#fence = fence;
    this.#written = true;
  }
}
