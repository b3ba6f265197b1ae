/**
 * The buckets nested in a tree, and those that a change touched.
 *
 * Where they are, and what a change did to them, is found where two trees differ: what contains no
 * bucket is not looked into, by the totals, and what is the same is not. A change lists the buckets
 * that it touched innermost first, since the commit of each names those of the buckets within it.
 */
import { sameAddress } from '../blocks/address.js';
import { algorithmName } from '../ground/block-header.js';
import { equalBytes, hex, unhex } from '../ground/bytes.js';
import { alreadyExists, badRule } from '../ground/errors.js';
import { countHeads, headOf } from '../log/heads.js';
import { bucketChanges, type PlacedBucket } from '../merge/buckets.js';
import { bytesOf, textOf } from '../merge/relation.js';
import type { TouchedBucket } from '../tree/apply.js';
import type { Names } from '../tree/key.js';
import type { Tree } from '../tree/lookup.js';
import type { NodeCache } from '../tree/node-cache.js';
import { type Root, type RootRef, totalsOf } from '../tree/root.js';
import type { Core } from './core.js';
import { headsRefOf, type Line, type LocalCommit } from './line.js';

/** Where a bucket is in a state of one around it. */
export interface BucketPlace {
  /** The one around it. */
  readonly owner: Uint8Array;
  /** The state. */
  readonly root: RootRef;
  /** Undefined where it is not within. */
  readonly names: Names | undefined;
}

/**
 * Where a bucket is in a tree, by a place in another state: what is the same in both is not looked
 * into. By no place, all subtrees with buckets are. Undefined where it is not within.
 */
export function placeIn(
  core: Core,
  tree: Tree,
  bucket: Uint8Array,
  known: BucketPlace | undefined,
): Names | undefined {
  const { names, root } = known ?? {};
  const there = names && tree.bucketAt(names)?.bucket;
  if (there !== undefined && equalBytes(there, bucket)) return names;
  const before = root && core.tree(root.id, root.address).top;
  const id = hex(bucket);
  let isGone = false;
  for (const change of bucketChanges(core.cache, before, tree.top)) {
    if (change.bucket !== id) continue;
    if (change.after !== undefined) return bytesOf(textOf(change.after));
    isGone = true;
  }
  return isGone ? undefined : names;
}

/** The same place, as a bucket that is around it as well has it; undefined where none is. */
export function placeWithin(
  core: Core,
  place: BucketPlace,
  owner: Uint8Array,
): BucketPlace | undefined {
  if (equalBytes(place.owner, owner)) return place;
  const { names = [], root } = place;
  const tree = core.tree(root.id, root.address);
  for (let depth = 1; depth < names.length; depth++) {
    const around = tree.bucketAt(names.slice(0, depth));
    if (around === undefined || !equalBytes(around.bucket, owner)) continue;
    const { rootBlock: id, root: address } = around;
    return { owner, root: { id, address }, names: names.slice(depth) };
  }
  return undefined;
}

/**
 * REGALIA_EXISTS where a bucket comes to a key of a tree and would stay at another one. Those that
 * come back are looked for by what differs between the states that they come from and the tree; of
 * others, which only a merge within a bucket brings, all subtrees with buckets are looked into,
 * unless all buckets are directly within.
 */
export function checkPlaces(
  line: Line,
  tip: LocalCommit,
  after: Tree,
  origins: readonly LocalCommit[],
): void {
  const { cache } = line.core;
  const before = line.treeOf(tip);
  const came = cameTo(cache, before, after);
  const check = (bucket: string, there: readonly string[]): void => {
    const key = came.get(bucket);
    if (key !== undefined) throw twice(bucket, textOf(there), key);
  };
  for (const origin of came.size === 0 ? [] : origins) {
    if (!equalBytes(origin.commit.bucket, tip.commit.bucket)) continue;
    const gone: string[] = [];
    for (const { bucket, after: there } of bucketChanges(
      cache,
      line.treeOf(origin).top,
      before.top,
    )) {
      if (there !== undefined) check(bucket, there);
      else gone.push(bucket);
    }
    for (const bucket of gone) came.delete(bucket);
  }
  if (came.size === 0 || areElsewhere(line, tip, before, came)) return;
  for (const { bucket, after: there } of bucketChanges(cache, undefined, before.top)) {
    if (there !== undefined) check(bucket, there);
  }
}

/** The buckets that come to a tree, by id, and where to. */
function cameTo(cache: NodeCache, before: Tree, after: Tree): Map<string, string> {
  const came = new Map<string, string>();
  const left = new Set<string>();
  for (const change of bucketChanges(cache, before.top, after.top)) {
    const { bucket, before: from, after: to } = change;
    if (to === undefined) left.add(bucket);
    if (to === undefined || from !== undefined) continue;
    const other = came.get(bucket);
    if (other !== undefined) throw twice(bucket, other, textOf(to));
    came.set(bucket, textOf(to));
  }
  for (const bucket of left) came.delete(bucket);
  return came;
}

/** Whether all buckets are directly within a tree, and its heads have none of these. */
function areElsewhere(
  { core: { cache } }: Line,
  tip: LocalCommit,
  tree: Tree,
  buckets: ReadonlyMap<string, string>,
): boolean {
  const heads = headsRefOf(tip);
  const { buckets: count } = totalsOf(tree.root);
  if (count !== countHeads(cache, heads)) return false;
  return [...buckets.keys()].every((id) => {
    return headOf(cache, heads, unhex(id) as Uint8Array) === undefined;
  });
}

function twice(bucket: string, there: string, key: string): Error {
  return alreadyExists('bucket', bucket, `it is at ${there}, and cannot come to ${key} as well`);
}

/** A bucket of which two trees have not the same: what either has of it. */
export interface ChangedBucket {
  readonly before: PlacedBucket | undefined;
  readonly after: PlacedBucket | undefined;
}

/** By id, 32 hexadecimal digits. Those around one that changed have changed as well. */
export type ChangedBuckets = ReadonlyMap<string, ChangedBucket>;

/** The buckets that differ between two trees: in place, or in what they hold. */
export function changedBuckets(core: Core, before: Tree, after: Tree): ChangedBuckets {
  const changed = new Map<string, ChangedBucket>();
  for (const { bucket, was, is } of bucketChanges(core.cache, before.top, after.top)) {
    const known = changed.get(bucket);
    changed.set(bucket, { before: known?.before ?? was, after: known?.after ?? is });
  }
  return changed;
}

/** The buckets around one that changed, from the outside in, at either end. */
export function wayTo(
  changed: ChangedBuckets,
  end: keyof ChangedBucket,
  bucket: string,
): Uint8Array[] {
  const way: Uint8Array[] = [];
  const outer = (id: string): string | undefined => changed.get(id)?.[end]?.outer;
  for (let at = outer(bucket); at !== undefined; at = outer(at)) {
    way.unshift(unhex(at) as Uint8Array);
  }
  return way;
}

/** The buckets that a transaction touched: each from its first state to its last. */
export class TouchedBuckets {
  readonly #buckets = new Map<string, TouchedBucket>();

  add(touched: readonly TouchedBucket[]): void {
    for (const { bucket, outer, before, after } of touched) {
      const known = this.#buckets.get(hex(bucket));
      const first = known === undefined ? before : known.before;
      this.#buckets.set(hex(bucket), { bucket, outer, before: first, after });
    }
  }

  has(bucket: Uint8Array): boolean {
    return this.#buckets.has(hex(bucket));
  }

  /**
   * After moves and removals: forgets buckets that are gone, or as they were, and learns where the
   * others are.
   */
  placeWithin(core: Core, before: Tree, after: Tree): void {
    const changed = changedBuckets(core, before, after);
    for (const [id, touched] of this.#buckets) {
      const is = changed.get(id)?.after;
      if (is === undefined) this.#buckets.delete(id);
      else this.#buckets.set(id, { ...touched, outer: outerId(is) });
    }
  }

  /** Innermost first. */
  list(): TouchedBucket[] {
    return [...this.#buckets.values()]
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

/** The buckets that differ between two states of a tree, where they changed in bulk. */
export function touchedBetween(core: Core, before: Tree, after: Tree): TouchedBucket[] {
  const touched = new TouchedBuckets();
  for (const { before: was, after: is } of changedBuckets(core, before, after).values()) {
    if (is === undefined) continue;
    const { bucket, root, id } = is.part;
    if (was !== undefined && sameAddress(was.part.root, root)) continue;
    const roots = { before: was?.part.root, after: { id, address: root } };
    touched.add([{ bucket: bucket.slice(), outer: outerId(is), ...roots }]);
  }
  return touched.list();
}

/**
 * The buckets that bringing back an earlier state touched. One that is still there but was changed
 * since gets a commit of its own, on top of those it has; one that was gone comes back with the
 * head that it had then.
 */
export function graftedBuckets(core: Core, before: Tree, after: Tree): TouchedBucket[] {
  const grafted = new TouchedBuckets();
  for (const touched of touchedBetween(core, before, after).reverse()) {
    const { before: was, outer } = touched;
    // What is within one that comes back comes with it.
    if (was !== undefined && (outer === undefined || grafted.has(outer))) grafted.add([touched]);
  }
  return grafted.list();
}

function outerId({ outer }: PlacedBucket): Uint8Array | undefined {
  return outer === undefined ? undefined : unhex(outer);
}

/** REGALIA_RULE unless what lies under one root may come to lie under the other. */
export function checkAlgorithm({ algorithm: here }: Root, { algorithm: there }: Root): void {
  if (here === there) return;
  throw badRule('hash', `${algorithmName(here)}`, `${algorithmName(there)}`);
}
