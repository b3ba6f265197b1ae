/**
 * Nested buckets, as an outer merge sees them: an id and a root at some key.
 *
 * A merge does not look into them. What it needs to know is which buckets came, went or changed
 * between two trees, and that is found by walking down what differs, past every subtree that has
 * no bucket at all.
 */
import type { Address } from '../blocks/address.js';
import { hex } from '../ground/bytes.js';
import { checkDepth } from '../tree/diff.js';
import { diffMaps } from '../tree/diff-map.js';
import type { Names } from '../tree/key.js';
import { childMap, type Spot } from '../tree/lookup.js';
import type { NodeCache } from '../tree/node-cache.js';
import { type BucketPart, CHILD_BUCKET, CHILD_NONE, readRecord } from '../tree/record.js';

/** A bucket's root, as an entry refers to it. */
export interface BucketRoot {
  readonly address: Address;
  readonly id: number | undefined;
}

/** A bucket that only one of two trees has at this key, or that both have with different roots. */
export interface BucketChange {
  readonly names: Names;
  readonly before: BucketPart | undefined;
  readonly after: BucketPart | undefined;
}

/** The bucket that a record is. */
export function bucketAt(spot: Spot | undefined): BucketPart | undefined {
  if (spot === undefined) return undefined;
  const { child } = readRecord(spot.node, spot.index);
  return child.form === CHILD_BUCKET ? child : undefined;
}

export function bucketRoot(part: BucketPart): BucketRoot {
  return { address: part.root, id: part.id };
}

export function sameBucketId(a: BucketPart, b: BucketPart): boolean {
  return hex(a.bucket) === hex(b.bucket);
}

/** Whether a record is a bucket, or has any below. */
function holdsBuckets(spot: Spot | undefined): boolean {
  if (spot === undefined) return false;
  const { child } = readRecord(spot.node, spot.index);
  return child.form === CHILD_BUCKET || (child.form !== CHILD_NONE && child.totals.buckets > 0);
}

/** The buckets that differ between two records that differ. */
export function* bucketChanges(
  cache: NodeCache,
  names: Names,
  before: Spot | undefined,
  after: Spot | undefined,
): Generator<BucketChange, void> {
  const stack = [{ names, before, after }];
  for (let pair = stack.pop(); pair !== undefined; pair = stack.pop()) {
    checkDepth(pair.names);
    const [old, now] = [pair.before, pair.after].map((s) => (holdsBuckets(s) ? s : undefined));
    const [was, is] = [bucketAt(old), bucketAt(now)];
    if (was !== undefined || is !== undefined) yield { names: pair.names, before: was, after: is };
    const [left, right] = [was ? undefined : old, is ? undefined : now].map((spot) => {
      return spot && childMap(cache, spot, readRecord(spot.node, spot.index).child);
    });
    for (const { name, before: a, after: b } of diffMaps(cache, left, right)) {
      if (!holdsBuckets(a) && !holdsBuckets(b)) continue;
      stack.push({ names: [...pair.names, name], before: a, after: b });
    }
  }
}
