/**
 * The buckets nested in a tree, and those that a change touched.
 *
 * They are found by the totals: what contains no bucket is not looked into. What a change did to
 * them is found where the trees before and after it differ, and others are not visited. It lists
 * the buckets that it touched innermost first, since the commit of each names those of the buckets
 * within it.
 */
import { type Address, sameAddress } from '../blocks/address.js';
import { algorithmName } from '../ground/block-header.js';
import { equalBytes, hex, unhex } from '../ground/bytes.js';
import { alreadyExists, badRule } from '../ground/errors.js';
import { bucketChanges, type PlacedBucket } from '../merge/buckets.js';
import { textOf } from '../merge/relation.js';
import type { TouchedBucket } from '../tree/apply.js';
import { keyText, type Names } from '../tree/key.js';
import { childMap, type Tree } from '../tree/lookup.js';
import { CHILD_BUCKET, CHILD_NONE, recordChild } from '../tree/record.js';
import type { Root } from '../tree/root.js';
import { MapScan } from '../tree/scan.js';
import type { Core } from './core.js';

export interface NestedBucket {
  /** 16 bytes. */
  readonly bucket: Uint8Array;
  readonly names: Names;
  readonly root: Address;
  readonly rootBlock: number | undefined;
}

/** The buckets directly within a tree, not those within them, in key order. */
function* directBuckets(tree: Tree): Generator<NestedBucket> {
  const { cache } = tree;
  const top = tree.mapOf([]);
  if (top === undefined) return;
  const stack = [{ scan: new MapScan(cache, top, {}), names: [] as Names }];
  for (let level = stack[0]; level !== undefined; level = stack[stack.length - 1]) {
    const { scan, names } = level;
    if (!scan.next()) {
      stack.pop();
      continue;
    }
    const { node, index } = scan;
    const child = recordChild(node, index);
    if (child.form === CHILD_NONE) continue;
    const here = [...names, node.name(index)];
    if (child.form === CHILD_BUCKET) {
      const { bucket, root, id } = child;
      yield { bucket: bucket.slice(), names: here, root, rootBlock: id };
    } else if (child.totals.buckets > 0) {
      const map = childMap(cache, { node, index }, child);
      if (map !== undefined) stack.push({ scan: new MapScan(cache, map, {}), names: here });
    }
  }
}

/** Every bucket of a tree, each before those within it, names from the top. */
function* allBuckets(core: Core, tree: Tree, around: Names = []): Generator<NestedBucket> {
  for (const { bucket, names: within, root, rootBlock } of directBuckets(tree)) {
    const names = [...around, ...within];
    yield { bucket, names, root, rootBlock };
    yield* allBuckets(core, core.tree(rootBlock, root), names);
  }
}

/** Where a bucket is in a tree, at whatever depth; undefined where it is not. */
export function findBucket(core: Core, tree: Tree, bucket: Uint8Array): Names | undefined {
  for (const found of allBuckets(core, tree)) {
    if (equalBytes(found.bucket, bucket)) return found.names;
  }
  return undefined;
}

/** REGALIA_EXISTS where a bucket comes to a key of a tree and would stay at another one. */
export function checkPlaces(core: Core, before: Tree, after: Tree): void {
  const came = new Map<string, string>();
  const left = new Set<string>();
  for (const { bucket, before: from, after: to } of bucketChanges(
    core.cache,
    before.top,
    after.top,
  )) {
    if (to === undefined) left.add(bucket);
    if (to === undefined || from !== undefined) continue;
    const other = came.get(bucket);
    if (other !== undefined) throw twice(bucket, other, textOf(to));
    came.set(bucket, textOf(to));
  }
  for (const bucket of left) came.delete(bucket);
  if (came.size === 0) return;
  for (const { bucket, names } of allBuckets(core, before)) {
    const key = came.get(hex(bucket));
    if (key !== undefined) throw twice(hex(bucket), keyText(names), key);
  }
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
