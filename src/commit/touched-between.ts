/**
 * The nested buckets that differ between two states of a tree, where they changed in bulk: found by
 * comparing roots, at every depth, the innermost first.
 */
import { sameAddress } from '../blocks/address.js';
import { hex } from '../ground/bytes.js';
import type { TouchedBucket } from '../tree/apply.js';
import type { Tree } from '../tree/lookup.js';
import { directBuckets, type NestedBucket } from './buckets.js';
import type { Core } from './core.js';
import { rootRefOf } from './merge-commits.js';

export function touchedBetween(core: Core, before: Tree, after: Tree): TouchedBucket[] {
  const old = new Map<string, NestedBucket>();
  collect(core, before, (found) => old.set(hex(found.bucket), found));
  const touched: TouchedBucket[] = [];
  collect(core, after, (found, outer) => {
    const known = old.get(hex(found.bucket));
    if (known !== undefined && sameAddress(known.root, found.root)) return;
    const tree = core.tree(found.rootBlock, found.root);
    touched.push({ bucket: found.bucket, outer, before: known?.root, after: tree.root });
  });
  return touched.reverse();
}

/** Visits the buckets of a tree, each before those within it. */
function collect(
  core: Core,
  tree: Tree,
  visit: (found: NestedBucket, outer: Uint8Array | undefined) => void,
): void {
  const queue: { tree: Tree; outer: Uint8Array | undefined }[] = [{ tree, outer: undefined }];
  for (let at = queue.shift(); at !== undefined; at = queue.shift()) {
    for (const found of directBuckets(at.tree)) {
      visit(found, at.outer);
      queue.push({ tree: core.tree(found.rootBlock, found.root), outer: found.bucket });
    }
  }
}
