/**
 * What moved within the buckets of a commit, as its own moves: so that one relation leads across
 * the borders of buckets.
 *
 *     map of /m    /x -> /y          keys of the bucket
 *     as moves     /m/x -> /m/y      keys of what holds it
 *
 * Only the outermost buckets are asked; their relations have what moved in those within them.
 */
import { type Address, sameAddress } from '../blocks/address.js';
import { unhex } from '../ground/bytes.js';
import { type Commit, nearestMapped, sameOptional } from '../log/commit.js';
import { headOf } from '../log/heads.js';
import type { MapRow } from '../log/maps.js';
import { bucketChanges, markAt } from '../merge/buckets.js';
import type { Relations } from '../merge/relate.js';
import type { Relation } from '../merge/relation.js';
import { relationRows } from '../merge/rows.js';
import type { Steps } from '../tree/steps.js';
import { headsRefOf, type Line } from './line.js';

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
  const { cache } = line.core;
  const [was, is] = [line.commitAt(before), line.commitAt(after)];
  if (is.commit.heads === undefined) return [];
  const [wasTree, isTree] = [line.treeOf(was), line.treeOf(is)];
  const found = new Map<string, Keys>();
  for (const change of bucketChanges(cache, wasTree.top, isTree.top, false)) {
    const keys = found.get(change.bucket) ?? {};
    found.set(change.bucket, keys);
    if (change.before !== undefined) keys.before = textOf(change.before);
    if (change.after !== undefined) keys.after = textOf(change.after);
  }
  const rows: MapRow[] = [];
  for (const [bucket, { before: from, after: to }] of found) {
    yield;
    if (to === undefined) continue;
    const id = unhex(bucket) as Uint8Array;
    const [old, head] = [was, is].map((commit) => headOf(cache, headsRefOf(commit), id));
    if (head === undefined) continue;
    if (isLater && from === undefined && markAt(wasTree, to) === '') {
      // It was made of what was there.
      rows.push(...rowsBelow(yield* relations.since(undefined, head), to, to));
    } else if (from !== undefined && old !== undefined && mayDiffer(line, old, head)) {
      rows.push(...rowsBelow(yield* relations.across(old, head), from, to));
    }
  }
  return rows;
}

function mayDiffer({ core: { history } }: Line, before: Address, after: Address): boolean {
  if (sameAddress(before, after)) return false;
  return !areUnmoved(before, history.commit(before), after, history.commit(after));
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

function textOf(names: readonly string[]): string {
  return names.map((name) => `/${name}`).join('');
}
