/**
 * The buckets nested in a tree, and those that a change touched.
 *
 * They are found by the totals: what contains no bucket is not looked into. A change lists the
 * buckets that it touched innermost first, since the commit of each names those of the buckets
 * within it.
 */
import { type Address, sameAddress } from '../blocks/address.js';
import { algorithmName } from '../ground/block-header.js';
import { equalBytes, hex } from '../ground/bytes.js';
import { alreadyExists, badRule } from '../ground/errors.js';
import { bucketChanges } from '../merge/buckets.js';
import { textOf } from '../merge/relation.js';
import type { TouchedBucket } from '../tree/apply.js';
import { keyText, type Names } from '../tree/key.js';
import { childMap, type Tree } from '../tree/lookup.js';
import { CHILD_BUCKET, CHILD_NONE, readRecord } from '../tree/record.js';
import { type Root, totalsOf } from '../tree/root.js';
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
export function* directBuckets(tree: Tree): Generator<NestedBucket> {
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
    const { child } = readRecord(node, index);
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

/** A bucket at any depth. */
interface InnerBucket extends NestedBucket {
  /** The id of the bucket around it; undefined directly within the tree. */
  readonly outer: Uint8Array | undefined;
}

/** Every bucket of a tree, each before those within it, names from the top. */
function* allBuckets(
  core: Core,
  tree: Tree,
  around: { readonly names: Names; readonly outer: Uint8Array | undefined } = AT_TOP,
): Generator<InnerBucket> {
  for (const { bucket, names: within, root, rootBlock } of directBuckets(tree)) {
    const names = [...around.names, ...within];
    yield { bucket, names, root, rootBlock, outer: around.outer };
    yield* allBuckets(core, core.tree(rootBlock, root), { names, outer: bucket });
  }
}

const AT_TOP = { names: [], outer: undefined };

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

  /** After moves and removals: forgets buckets that are gone, and learns where the others are. */
  placeWithin(core: Core, tree: Tree): void {
    const outers = new Map<string, Uint8Array | undefined>();
    for (const { bucket, outer } of allBuckets(core, tree)) outers.set(hex(bucket), outer);
    for (const [id, { bucket, before, after }] of this.#buckets) {
      if (!outers.has(id)) this.#buckets.delete(id);
      else this.#buckets.set(id, { bucket, outer: outers.get(id), before, after });
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
  const old = rootsOf(core, before);
  const touched: TouchedBucket[] = [];
  for (const { bucket, outer, root, rootBlock } of allBuckets(core, after)) {
    const known = old.get(hex(bucket));
    if (known !== undefined && sameAddress(known, root)) continue;
    touched.push({ bucket, outer, before: known, after: { id: rootBlock, address: root } });
  }
  return touched.reverse();
}

/**
 * The buckets that bringing back an earlier state touched. One that is still there but was changed
 * since gets a commit of its own, on top of those it has; one that was gone comes back with the
 * head that it had then.
 */
export function graftedBuckets(core: Core, before: Tree, after: Tree): TouchedBucket[] {
  const touched: TouchedBucket[] = [];
  if (totalsOf(after.root).buckets > 0) {
    addGrafted(core, after, undefined, rootsOf(core, before), touched);
  }
  return touched;
}

function addGrafted(
  core: Core,
  tree: Tree,
  outer: Uint8Array | undefined,
  old: ReadonlyMap<string, Address>,
  touched: TouchedBucket[],
): void {
  for (const { bucket, root, rootBlock } of directBuckets(tree)) {
    const before = old.get(hex(bucket));
    if (before === undefined || sameAddress(before, root)) continue;
    addGrafted(core, core.tree(rootBlock, root), bucket, old, touched);
    touched.push({ bucket, outer, before, after: { id: rootBlock, address: root } });
  }
}

/** The root of each bucket of a tree. */
function rootsOf(core: Core, tree: Tree): Map<string, Address> {
  const roots = new Map<string, Address>();
  for (const { bucket, root } of allBuckets(core, tree)) roots.set(hex(bucket), root);
  return roots;
}

/** REGALIA_RULE unless what lies under one root may come to lie under the other. */
export function checkAlgorithm({ algorithm: here }: Root, { algorithm: there }: Root): void {
  if (here === there) return;
  throw badRule('hash', `${algorithmName(here)}`, `${algorithmName(there)}`);
}
