/**
 * Which heads a commit may have: those of the buckets directly within its tree, each with the root
 * that the tree names; and no bucket is at two keys of it, or within itself.
 *
 *     tree    /a -> bucket 1, root r1      /b/c -> bucket 2, root r2
 *     heads   1 -> a commit of root r1     2 -> a commit of root r2
 *
 * Only what differs from the commit's first parent is looked at, whose heads were right: what
 * differs between the trees and what differs between the heads must be the same. The cost is that
 * of the change, whatever else there is.
 */
import { type Address, addressText, sameAddress } from '../blocks/address.js';
import { BoundedMap } from '../ground/bounded-map.js';
import { hex, unhex } from '../ground/bytes.js';
import { changedHeads, type HeadsRef, headOf } from '../log/heads.js';
import { bucketChanges } from '../merge/buckets.js';
import type { Spot } from '../tree/lookup.js';
import type { NodeCache } from '../tree/node-cache.js';
import type { Steps } from '../tree/steps.js';

interface HeadReads {
  readonly cache: NodeCache;
  /** The root of a commit; undefined where it is not here. */
  readonly rootOf: (commit: Address) => Address | undefined;
}

/** The buckets within that two states have not in common, by 32 hexadecimal digits. */
interface MovedBuckets {
  /** Those directly within that differ, with their roots now; undefined for those that left. */
  readonly direct: ReadonlyMap<string, Address | undefined>;
  /** Those that came to a key, at any depth, and those that left one. */
  readonly came: readonly string[];
  readonly left: ReadonlySet<string>;
}

export function* bucketsMoved(
  cache: NodeCache,
  before: Spot | undefined,
  after: Spot,
): Steps<MovedBuckets> {
  const direct = new Map<string, Address | undefined>();
  const came: string[] = [];
  const left = new Set<string>();
  for (const { bucket, before: from, after: to, was, is } of bucketChanges(cache, before, after)) {
    yield;
    if (to === undefined) left.add(bucket);
    else if (from === undefined) came.push(bucket);
    if (is !== undefined && is.outer === undefined) direct.set(bucket, is.part.root.slice());
    else if (was !== undefined && was.outer === undefined && !direct.has(bucket)) {
      direct.set(bucket, undefined);
    }
  }
  return { direct, came, left };
}

/** What is wrong with heads that follow others, if anything is; `moved` is between their trees. */
export function* headsFault(
  { cache, rootOf }: HeadReads,
  { direct }: MovedBuckets,
  before: HeadsRef | undefined,
  after: HeadsRef | undefined,
): Steps<string | undefined> {
  const rest = new Map(direct);
  for (const change of changedHeads(cache, before, after)) {
    yield;
    const bucket = hex(change.bucket);
    // One that the tree has as it was has another commit of the same root.
    const isAsBefore = !rest.has(bucket) && change.before !== undefined;
    const root = isAsBefore ? rootOf(change.before) : rest.get(bucket);
    rest.delete(bucket);
    if (isAsBefore && root === undefined && change.after !== undefined) continue;
    if (isAsBefore && change.after === undefined) return noHead(bucket);
    const fault = headFault(bucket, root, change.after, rootOf);
    if (fault !== undefined) return fault;
  }
  for (const [bucket, root] of rest) {
    yield;
    const head = headOf(cache, after, unhex(bucket) as Uint8Array);
    const fault = headFault(bucket, root, head, rootOf);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

/** `root` is what the tree has of the bucket. */
function headFault(
  bucket: string,
  root: Address | undefined,
  head: Address | undefined,
  rootOf: HeadReads['rootOf'],
): string | undefined {
  if (root === undefined && head === undefined) return undefined;
  if (root === undefined) return `a head of bucket ${bucket}, which is not directly within`;
  if (head === undefined) return noHead(bucket);
  const actual = rootOf(head);
  if (actual === undefined || sameAddress(actual, root)) return undefined;
  return `a head of bucket ${bucket} with root ${addressText(actual)}, not ${addressText(root)}`;
}

function noHead(bucket: string): string {
  return `no head of bucket ${bucket}, which is directly within`;
}

/** Trees of which all buckets are known: one for each bucket around them. */
const INDEXES_MAX = 16;

/**
 * Finds buckets that come to a tree and are there already. Where none came nothing is looked for;
 * else all buckets of the tree before are known, moved along from tree to tree by what differs.
 */
export class TwinCheck {
  readonly #cache: NodeCache;
  readonly #indexes = new BoundedMap<string, BucketIndex>(INDEXES_MAX);

  constructor(cache: NodeCache) {
    this.#cache = cache;
  }

  /** What is wrong with where the buckets within one are, after they moved from another state. */
  *fault(
    owner: Uint8Array,
    { came, left }: MovedBuckets,
    before: Spot | undefined,
  ): Steps<string | undefined> {
    const own = hex(owner);
    const seen = new Set<string>();
    for (const bucket of came) {
      if (bucket === own) return `bucket ${bucket} within itself`;
      if (seen.has(bucket)) return `bucket ${bucket} at two keys`;
      seen.add(bucket);
    }
    const fresh = came.filter((bucket) => !left.has(bucket));
    if (fresh.length === 0 || before === undefined) return undefined;
    const index = this.#indexes.get(own) ?? new BucketIndex();
    this.#indexes.set(own, index);
    yield* index.move(this.#cache, before);
    const twin = fresh.find((bucket) => index.has(bucket));
    return twin === undefined ? undefined : `bucket ${twin} at two keys`;
  }
}

/** The buckets within one tree, at any depth. */
class BucketIndex {
  readonly #buckets = new Set<string>();
  #top: Spot | undefined;

  has(bucket: string): boolean {
    return this.#buckets.has(bucket);
  }

  *move(cache: NodeCache, top: Spot): Steps<void> {
    const { came, left } = yield* bucketsMoved(cache, this.#top, top);
    for (const bucket of left) this.#buckets.delete(bucket);
    for (const bucket of came) this.#buckets.add(bucket);
    this.#top = top;
  }
}
