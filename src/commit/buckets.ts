/**
 * Finding nested buckets in a tree, guided by the totals: what holds no bucket is not looked into.
 */

import type { Address } from '../blocks/address.js';
import { equalBytes } from '../ground/bytes.js';
import type { Names } from '../tree/key.js';
import { childMap, type Tree } from '../tree/lookup.js';
import { CHILD_BUCKET, CHILD_NONE, readRecord } from '../tree/record.js';
import { MapScan } from '../tree/scan.js';

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
export interface InnerBucket extends NestedBucket {
  /** The id of the bucket around it; undefined directly within the tree. */
  readonly outer: Uint8Array | undefined;
}

/** Every bucket of a tree, each before those within it, names from the top. */
export function* allBuckets(
  tree: Tree,
  open: (found: NestedBucket) => Tree,
  around: { readonly names: Names; readonly outer: Uint8Array | undefined } = AT_TOP,
): Generator<InnerBucket> {
  for (const found of directBuckets(tree)) {
    const names = [...around.names, ...found.names];
    yield { ...found, names, outer: around.outer };
    yield* allBuckets(open(found), open, { names, outer: found.bucket });
  }
}

const AT_TOP = { names: [], outer: undefined };

/** Where a bucket is in a tree, at whatever depth; undefined where it is not. */
export function findBucket(
  tree: Tree,
  bucket: Uint8Array,
  open: (found: NestedBucket) => Tree,
): Names | undefined {
  const queue: { tree: Tree; names: Names }[] = [{ tree, names: [] }];
  for (let at = queue.shift(); at !== undefined; at = queue.shift()) {
    for (const found of directBuckets(at.tree)) {
      const names = [...at.names, ...found.names];
      if (equalBytes(found.bucket, bucket)) return names;
      queue.push({ tree: open(found), names });
    }
  }
  return undefined;
}
