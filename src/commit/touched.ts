/**
 * The nested buckets that a transaction touched, over all its steps: each from its first state to
 * its last, the innermost first.
 */
import { hex } from '../ground/bytes.js';
import type { TouchedBucket } from '../tree/apply.js';

export class TouchedBuckets {
  readonly #buckets = new Map<string, TouchedBucket>();

  add(touched: readonly TouchedBucket[]): void {
    for (const one of touched) {
      const known = this.#buckets.get(hex(one.bucket));
      const before = known === undefined ? one.before : known.before;
      this.#buckets.set(hex(one.bucket), { ...one, before });
    }
  }

  /**
   * After moves and removals: buckets are within whom `outers` says, and those it does not know are
   * gone.
   */
  settle(outers: ReadonlyMap<string, Uint8Array | undefined>): void {
    for (const [id, one] of this.#buckets) {
      if (!outers.has(id)) this.#buckets.delete(id);
      else this.#buckets.set(id, { ...one, outer: outers.get(id) });
    }
  }

  /** Innermost first. */
  list(): TouchedBucket[] {
    const all = [...this.#buckets.values()];
    return all
      .map((one) => ({ one, depth: this.#depth(one) }))
      .sort((a, b) => b.depth - a.depth)
      .map(({ one }) => one);
  }

  #depth(bucket: TouchedBucket): number {
    let depth = 0;
    for (let at: TouchedBucket | undefined = bucket; at?.outer !== undefined; depth++) {
      at = this.#buckets.get(hex(at.outer));
    }
    return depth;
  }
}
