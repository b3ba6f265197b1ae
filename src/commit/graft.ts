/**
 * What bringing back an earlier state does to the buckets in it. A bucket that is still there but
 * was changed since gets a commit of its own, on top of the ones it has; one that was gone comes
 * back with the head it had then.
 */
import type { Address } from '../blocks/address.js';
import { equalBytes, hex } from '../ground/bytes.js';
import { RegaliaError } from '../ground/errors.js';
import type { TouchedBucket } from '../tree/apply.js';
import { keyText, type Names } from '../tree/key.js';
import type { Tree } from '../tree/lookup.js';
import type { Root } from '../tree/root.js';
import { allBuckets, directBuckets, type NestedBucket } from './buckets.js';
import type { Core } from './core.js';

/**
 * The buckets that a graft changed, innermost first. REGALIA_EXISTS where it brings one back twice.
 */
export function graftedBuckets(core: Core, before: Tree, after: Tree): TouchedBucket[] {
  const open = (found: NestedBucket): Tree => core.tree(found.rootBlock, found.root);
  const seen = new Map<string, Names>();
  for (const { names, bucket } of allBuckets(after, open)) {
    const twin = seen.get(hex(bucket));
    if (twin !== undefined) throw twice(twin, names);
    seen.set(hex(bucket), names);
  }
  if (seen.size === 0) return [];
  const known = new Map<string, Address>();
  for (const { bucket, root } of allBuckets(before, open)) known.set(hex(bucket), root);
  const touched: TouchedBucket[] = [];
  addTouched(core, after, undefined, known, touched);
  return touched;
}

/** REGALIA_RULE unless what lies under one root may come to lie under the other. */
export function checkAlgorithm({ algorithm: here }: Root, { algorithm: there }: Root): void {
  if (here === there) return;
  throw new RegaliaError('REGALIA_RULE', 'the state has another hash algorithm', {
    rule: 'hash',
    expected: `${here}`,
    actual: `${there}`,
  });
}

function addTouched(
  core: Core,
  tree: Tree,
  outer: Uint8Array | undefined,
  known: ReadonlyMap<string, Address>,
  touched: TouchedBucket[],
): void {
  for (const { bucket, root, rootBlock } of directBuckets(tree)) {
    const before = known.get(hex(bucket));
    if (before === undefined || equalBytes(before, root)) continue;
    addTouched(core, core.tree(rootBlock, root), bucket, known, touched);
    touched.push({ bucket, outer, before, after: { id: rootBlock, address: root } });
  }
}

function twice(there: Names, here: Names): RegaliaError {
  const text = `the bucket at ${keyText(here)} is now at ${keyText(there)}`;
  return new RegaliaError('REGALIA_EXISTS', text, { what: 'bucket', name: keyText(there) });
}
