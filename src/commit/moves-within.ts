/**
 * What moved within the buckets of a commit, as its own moves: so that one relation leads across
 * the borders of buckets.
 *
 *     map of /m    /x -> /y          keys of the bucket
 *     as moves     /m/x -> /m/y      keys of what holds it
 *
 * Only the outermost buckets are asked; their relations have what moved in those within them.
 */
import type { Address } from '../blocks/address.js';
import { hex } from '../ground/bytes.js';
import { type Commit, nearestMapped, sameOptional } from '../log/commit.js';
import { changedHeads } from '../log/heads.js';
import type { MapRow } from '../log/maps.js';
import { bucketChanges, markAt } from '../merge/buckets.js';
import type { Relations } from '../merge/relate.js';
import { type Relation, textOf } from '../merge/relation.js';
import { relationRows } from '../merge/rows.js';
import type { Tree } from '../tree/lookup.js';
import type { Steps } from '../tree/steps.js';
import { headsRefOf, type Line, type LocalCommit } from './line.js';

/** Where a bucket is in two commits. */
interface Keys {
  before?: string;
  after?: string;
}

export function* movesWithin(
  line: Line,
  relations: Relations,
  before: Address,
  after: Address,
  isLater: boolean,
): Steps<MapRow[]> {
  const [was, is] = [line.commitAt(before), line.commitAt(after)];
  const heads = yield* headsThatMoved(line, was, is);
  if (heads.size === 0) return [];
  const [wasTree, isTree] = [line.treeOf(was), line.treeOf(is)];
  const parts: MapRow[][] = [];
  for (const [bucket, { before: from, after: to }] of keysOf(line, wasTree, isTree)) {
    const head = heads.get(bucket);
    if (head === undefined || to === undefined) continue;
    yield;
    if (head.before !== undefined && from !== undefined) {
      parts.push(rowsBelow(yield* relations.across(head.before, head.after), from, to));
    } else if (isLater && from === undefined && markAt(wasTree, to) === '') {
      // It was made of what was there.
      parts.push(rowsBelow(yield* relations.since(undefined, head.after), to, to));
    }
  }
  return parts.flat();
}

interface Heads {
  readonly before: Address | undefined;
  readonly after: Address;
}

/** The heads of buckets, 32 hexadecimal digits, in which anything may have moved. */
function* headsThatMoved(line: Line, was: LocalCommit, is: LocalCommit): Steps<Map<string, Heads>> {
  const { cache, history } = line.core;
  const found = new Map<string, Heads>();
  if (is.commit.heads === undefined) return found;
  for (const change of changedHeads(cache, headsRefOf(was), headsRefOf(is))) {
    yield;
    const { before, after } = change;
    if (after === undefined) continue;
    const commit = history.commit(after);
    const isStill =
      before === undefined
        ? commit.heads === undefined && nearestMapped(after, commit) === undefined
        : areUnmoved(before, history.commit(before), after, commit);
    if (!isStill) found.set(hex(change.bucket), { before, after });
  }
  return found;
}

/** Where the outermost buckets that differ between two trees are. */
function keysOf({ core: { cache } }: Line, before: Tree, after: Tree): Map<string, Keys> {
  const found = new Map<string, Keys>();
  for (const change of bucketChanges(cache, before.top, after.top, false)) {
    const keys = found.get(change.bucket) ?? {};
    found.set(change.bucket, keys);
    if (change.before !== undefined) keys.before = textOf(change.before);
    if (change.after !== undefined) keys.after = textOf(change.after);
  }
  return found;
}

/** Whether nothing can have moved between two commits, nor within buckets that both have. */
export function areUnmoved(from: Address, before: Commit, to: Address, after: Commit): boolean {
  if (after.heads !== undefined) return false;
  return sameOptional(nearestMapped(from, before), nearestMapped(to, after));
}

function rowsBelow(relation: Relation, before: string, after: string): MapRow[] {
  return relationRows(relation).map(({ from, to, returned }) => {
    return { from: before + from, to: to === undefined ? undefined : after + to, returned };
  });
}
