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
import { type BucketPart, CHILD_BUCKET, CHILD_NONE, recordChild } from '../tree/record.js';
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

/** A bucket that differs: where it is, and what is there, before and after. */
interface BucketChange {
  readonly bucket: string;
  readonly before: readonly string[] | undefined;
  readonly after: readonly string[] | undefined;
  readonly was: PlacedBucket | undefined;
  readonly is: PlacedBucket | undefined;
}

/** What a tree has of a bucket. */
export interface PlacedBucket {
  readonly part: BucketPart;
  /** The id of the bucket around it, 32 hexadecimal digits; undefined directly within the tree. */
  readonly outer: string | undefined;
}

/** Two entries at one key, and the buckets around them. */
interface Pair {
  readonly names: Names;
  readonly before: Spot | undefined;
  readonly after: Spot | undefined;
  readonly outers: readonly [string | undefined, string | undefined];
}

/**
 * Where the buckets that differ between two trees are; if not deep, those that are within no other
 * in that tree.
 */
export function* bucketChanges(
  cache: NodeCache,
  before: Spot | undefined,
  after: Spot | undefined,
  deep = true,
): Generator<BucketChange, void> {
  const stack: Pair[] = [{ names: [], before, after, outers: [undefined, undefined] }];
  for (let pair = stack.pop(); pair !== undefined; pair = stack.pop()) {
    checkDepth(pair.names);
    const [was, is] = [pair.before, pair.after].map((spot, i) => placed(spot, pair.outers[i]));
    const [wasId, isId] = [was, is].map((one) => one && hex(one.part.bucket));
    const key = pair.names.map((name) => nameText(name));
    const stays = wasId !== undefined && wasId === isId;
    if (wasId !== undefined) {
      const still = stays ? { after: key, is } : { after: undefined, is: undefined };
      yield { bucket: wasId, before: key, was, ...still };
    }
    if (isId !== undefined && !stays) {
      yield { bucket: isId, before: undefined, was: undefined, after: key, is };
    }
    // A side that is a bucket has others only within it.
    const open = [pair.before, pair.after].map((spot) => {
      return deep || bucketAt(spot) === undefined ? spot : undefined;
    });
    if (!open.some(holdsBelow)) continue;
    const outers = [wasId ?? pair.outers[0], isId ?? pair.outers[1]] as const;
    const [left, right] = open.map((spot) => {
      const inner = spot && crossBorder(cache, spot);
      return inner && childMap(cache, inner, recordChild(inner.node, inner.index));
    });
    // What is in one bucket is not where what is in another is, whatever it is called.
    const isOne = stays || (was === undefined && is === undefined);
    const pairs = isOne ? [[left, right]] : [[left], [undefined, right]];
    for (const [one, other] of pairs) {
      for (const { name, before: a, after: b } of diffMaps(cache, one, other)) {
        if (!holdsBuckets(a) && !holdsBuckets(b)) continue;
        stack.push({ names: [...pair.names, name], before: a, after: b, outers });
      }
    }
  }
}

function placed(spot: Spot | undefined, outer: string | undefined): PlacedBucket | undefined {
  const part = bucketAt(spot);
  return part && { part, outer };
}

/** The bucket that a record is. */
export function bucketAt(spot: Spot | undefined): BucketPart | undefined {
  if (spot === undefined) return undefined;
  const child = recordChild(spot.node, spot.index);
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
  const child = recordChild(spot.node, spot.index);
  return child.form !== CHILD_NONE && child.totals.buckets > 0;
}
