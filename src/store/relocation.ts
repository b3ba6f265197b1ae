/**
 * Moving and copying within a tree, and making buckets: what may go where, and what replicas
 * learn of it.
 */

import { equalBytes } from '../ground/bytes.js';
import { alreadyExists, badMove, badRule } from '../ground/errors.js';
import { decodeRules, sameLayout } from '../streams/rule.js';
import { keyText, type Names } from '../tree/key.js';
import type { Tree } from '../tree/lookup.js';
import { CHILD_BUCKET, type RecordParts, readRecord } from '../tree/record.js';
import { NO_NAME } from '../tree/root.js';

/** The record to place at `target`. REGALIA_MOVE, REGALIA_EXISTS, REGALIA_RULE. */
export function partsToMove(tree: Tree, source: Names, target: Names): RecordParts {
  const found = tree.outer(source);
  if (found === undefined) throw moveError(source, target, 'there is nothing to move');
  const isBelow = source.every((name, i) => equalBytes(name, target[i] ?? NO_NAME));
  if (isBelow) throw moveError(source, target, 'the target is the source, or below it');
  if (tree.find(target) !== undefined) throw alreadyExists('entry', keyText(target));
  const parts = readRecord(found.node, found.index);
  if (parts.child.form !== CHILD_BUCKET) checkRules(tree, source, target);
  return parts;
}

/**
 * Records may pass between buckets of equal layout and algorithm alone: others would have cut them
 * otherwise.
 */
function checkRules(tree: Tree, source: Names, target: Names): void {
  const here = tree.rootAround(source.slice(0, -1));
  const there = tree.rootAround(target.slice(0, -1));
  if (here.algorithm === there.algorithm && sameRules(here.rules, there.rules)) return;
  throw badRule('bucket', 'the same in both buckets', 'another: write the contents anew');
}

function sameRules(a: Uint8Array, b: Uint8Array): boolean {
  return equalBytes(a, b) || sameLayout(decodeRules(a), decodeRules(b));
}

/**
 * Throws unless what lies below a top of that depth may become a bucket. REGALIA_EXISTS,
 * REGALIA_RULE.
 */
export function checkNewBucket(tree: Tree, names: Names, topDepth: number, ruled: boolean): void {
  const name = keyText(names);
  if (names.length === topDepth || tree.bucketAt(names) !== undefined) {
    throw alreadyExists('bucket', name);
  }
  if (!ruled || tree.find(names) === undefined) return;
  throw badRule('bucket', 'given where the bucket is empty at first', `given at ${name}`);
}

/** Whether a record is a bucket's, or has buckets below it. */
export function hasBuckets({ child }: RecordParts): boolean {
  return child.form === CHILD_BUCKET || ('totals' in child && child.totals.buckets > 0);
}

export function moveError(from: Names, to: Names, reason: string): Error {
  return badMove(keyText(from), keyText(to), reason);
}
