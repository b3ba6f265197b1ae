/**
 * Scrubs where buckets are: each is at one key of a commit's tree, at whatever depth; and the
 * commit's heads are those of the buckets directly within, with their roots.
 *
 * Only what changed since the commit's first parent is looked at: a bucket that came to a key must
 * be new altogether, or have left another key, or not have been in the parent's tree. Where the
 * heads and the number of buckets are the parent's, none came.
 */
import { type Address, sameAddress } from '../blocks/address.js';
import { bucketsMoved, headsFault } from '../canonical/heads.js';
import { isRegaliaError } from '../ground/errors.js';
import type { HeadsRef } from '../log/heads.js';
import { bucketChanges } from '../merge/buckets.js';
import { keyText, parseKey } from '../tree/key.js';
import type { Spot } from '../tree/lookup.js';
import { CHILD_NONE, recordChild } from '../tree/record.js';
import { blockFault, ROW_COST, type Step, stepsFor } from './fault.js';
import type { State, Trees } from './trees.js';

/** The names of a key, as texts. */
type Texts = readonly string[];

export class BucketScrub {
  readonly #trees: Trees;
  /** The ids of the buckets of all commits so far, 32 hexadecimal digits. */
  readonly #known = new Set<string>();

  constructor(trees: Trees) {
    this.#trees = trees;
  }

  /**
   * What is wrong with a commit that has buckets, or heads. What cannot be read is reported by
   * others. `rootOf` gives the root of a commit that is here.
   */
  *faults(
    state: State,
    parent: State | undefined,
    rootOf: (commit: Address) => Address | undefined,
  ): Generator<Step, void> {
    const { address } = state;
    try {
      const before = parent && this.#trees.of(parent).top;
      const after = this.#trees.of(state).top;
      const mayHaveTwins = !sameHeads(state, parent) || bucketsOf(before) !== bucketsOf(after);
      let twins = 0;
      for (const [bucket, keys] of mayHaveTwins ? this.#twins(before, after) : []) {
        twins++;
        const [one, other] = keys.map((key) => parseKey(key));
        const what = `bucket ${bucket} is at ${keyText(one ?? [])} as well`;
        yield blockFault('bucket', what, { address, names: other, commit: address }, false);
      }
      if (twins > 0) return;
      const { cache } = this.#trees;
      const moved = yield* stepsFor(ROW_COST, bucketsMoved(cache, before, after));
      const heads = headsFault({ cache, rootOf }, moved, headsOf(parent), headsOf(state));
      const fault = yield* stepsFor(ROW_COST, heads);
      if (fault === undefined) return;
      yield blockFault('bucket', `it has ${fault}`, { address, commit: address }, false);
    } catch (error) {
      if (!isRegaliaError(error)) throw error;
    }
  }

  /** Buckets that are at two keys, with both. */
  *#twins(before: Spot | undefined, after: Spot): Generator<[string, [Texts, Texts]], void> {
    const left = new Set<string>();
    const came = new Map<string, Texts[]>();
    for (const change of bucketChanges(this.#trees.cache, before, after)) {
      const { bucket } = change;
      if (change.after === undefined) left.add(bucket);
      if (change.before !== undefined || change.after === undefined) continue;
      came.set(bucket, [...(came.get(bucket) ?? []), change.after]);
    }
    let stayed: ReadonlyMap<string, Texts> | undefined;
    for (const [bucket, [first = [], second]] of came) {
      const isNew = !this.#known.has(bucket);
      this.#known.add(bucket);
      if (second !== undefined) yield [bucket, [first, second]];
      if (isNew || left.has(bucket)) continue;
      stayed ??= this.#keysIn(before);
      const key = stayed.get(bucket);
      if (key !== undefined) yield [bucket, [key, first]];
    }
  }

  #keysIn(spot: Spot | undefined): ReadonlyMap<string, Texts> {
    const keys = new Map<string, Texts>();
    for (const { bucket, after = [] } of bucketChanges(this.#trees.cache, undefined, spot)) {
      keys.set(bucket, after);
    }
    return keys;
  }
}

function headsOf(state: State | undefined): HeadsRef | undefined {
  return state?.heads && { address: state.heads, id: undefined };
}

function sameHeads({ heads }: State, parent: State | undefined): boolean {
  if (heads === undefined || parent?.heads === undefined) return false;
  return sameAddress(heads, parent.heads);
}

function bucketsOf(spot: Spot | undefined): number {
  const child = spot && recordChild(spot.node, spot.index);
  return child === undefined || child.form === CHILD_NONE ? 0 : child.totals.buckets;
}
