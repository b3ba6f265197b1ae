/**
 * Nested buckets in the trees of a merge: where each is, by its id.
 *
 * Found by walking down what differs, past every subtree that has no bucket at all, and through the
 * borders of buckets. One that neither side changed nor moved is not listed.
 */
import { hex } from '../ground/bytes.js';
import { nameText } from '../ground/text.js';
import { checkDepth } from '../tree/diff.js';
import { diffMaps } from '../tree/diff-map.js';
import type { Names } from '../tree/key.js';
import { childMap, crossBorder, type Spot, type Tree } from '../tree/lookup.js';
import type { NodeCache } from '../tree/node-cache.js';
import { type BucketPart, CHILD_BUCKET, CHILD_NONE, readRecord } from '../tree/record.js';
import { bytesOf } from './relation.js';

/** Where a bucket is in the three trees, names from the top; undefined where it is not. */
export interface BucketKeys {
  base: readonly string[] | undefined;
  ours: readonly string[] | undefined;
  theirs: readonly string[] | undefined;
}

/** The buckets that differ between a base and its sides, by id: in place, or in what they hold. */
export function bucketKeys(
  cache: NodeCache,
  base: Spot | undefined,
  ours: Spot | undefined,
  theirs: Spot | undefined,
): Map<string, BucketKeys> {
  const found = new Map<string, BucketKeys>();
  const keysOf = (bucket: string): BucketKeys => {
    const known = found.get(bucket) ?? { base: undefined, ours: undefined, theirs: undefined };
    found.set(bucket, known);
    return known;
  };
  const seen = { ours: new Set<string>(), theirs: new Set<string>() };
  for (const [side, spot] of [
    ['ours', ours],
    ['theirs', theirs],
  ] as const) {
    for (const { bucket, before, after } of bucketChanges(cache, base, spot)) {
      seen[side].add(bucket);
      const keys = keysOf(bucket);
      if (before !== undefined) keys.base ??= before;
      if (after !== undefined) keys[side] ??= after;
    }
  }
  for (const [bucket, keys] of found) {
    for (const side of ['ours', 'theirs'] as const) {
      if (!seen[side].has(bucket)) keys[side] = keys.base;
    }
  }
  return found;
}

interface BucketChange {
  readonly bucket: string;
  readonly before: readonly string[] | undefined;
  readonly after: readonly string[] | undefined;
}

/** Where the buckets that differ between two trees are; if not deep, those within no other. */
export function* bucketChanges(
  cache: NodeCache,
  before: Spot | undefined,
  after: Spot | undefined,
  deep = true,
): Generator<BucketChange, void> {
  const top: Names = [];
  const stack = [{ names: top, before, after }];
  for (let pair = stack.pop(); pair !== undefined; pair = stack.pop()) {
    checkDepth(pair.names);
    const [was, is] = [bucketAt(pair.before), bucketAt(pair.after)];
    const key = pair.names.map((name) => nameText(name));
    const stays = was !== undefined && is !== undefined && hex(is.bucket) === hex(was.bucket);
    if (was !== undefined) {
      yield { bucket: hex(was.bucket), before: key, after: stays ? key : undefined };
    }
    if (is !== undefined && !stays) yield { bucket: hex(is.bucket), before: undefined, after: key };
    if (!deep && (was !== undefined || is !== undefined)) continue;
    if (!holdsBelow(pair.before) && !holdsBelow(pair.after)) continue;
    const [left, right] = [pair.before, pair.after].map((spot) => {
      const inner = spot && crossBorder(cache, spot);
      return inner && childMap(cache, inner, readRecord(inner.node, inner.index).child);
    });
    // What is in one bucket is not where what is in another is, whatever it is called.
    const isOne = stays || (was === undefined && is === undefined);
    const pairs = isOne ? [[left, right]] : [[left], [undefined, right]];
    for (const [one, other] of pairs) {
      for (const { name, before: a, after: b } of diffMaps(cache, one, other)) {
        if (!holdsBuckets(a) && !holdsBuckets(b)) continue;
        stack.push({ names: [...pair.names, name], before: a, after: b });
      }
    }
  }
}

/** The bucket that a record is. */
export function bucketAt(spot: Spot | undefined): BucketPart | undefined {
  if (spot === undefined) return undefined;
  const { child } = readRecord(spot.node, spot.index);
  return child.form === CHILD_BUCKET ? child : undefined;
}

/** The bucket at a key, 32 hexadecimal digits, '' for a plain entry; undefined where nothing is. */
export function markAt(tree: Tree, key: string): string | undefined {
  const spot = key === '' ? tree.top : tree.outer(bytesOf(key));
  if (spot === undefined) return undefined;
  const found = bucketAt(spot);
  return found === undefined ? '' : hex(found.bucket);
}

/** Whether a record is a bucket, or has any below. */
export function holdsBuckets(spot: Spot | undefined): boolean {
  return bucketAt(spot) !== undefined || holdsBelow(spot);
}

function holdsBelow(spot: Spot | undefined): boolean {
  if (spot === undefined) return false;
  const { child } = readRecord(spot.node, spot.index);
  return child.form !== CHILD_NONE && child.totals.buckets > 0;
}
