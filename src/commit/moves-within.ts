/**
 * What moved within the buckets of a commit, as its own moves: so that one relation leads across the
 * borders of buckets.
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
import { bucketChanges } from '../merge/buckets.js';
import type { Relations } from '../merge/relate.js';
import { relationRows } from '../merge/rows.js';
import { totalsOf } from '../tree/root.js';
import { headsRefOf, type Line } from './line.js';

/** Where a bucket is in two commits. */
interface Keys {
  before?: string;
  after?: string;
}

export function movesWithin(
  line: Line,
  relations: Relations,
  before: Address,
  after: Address,
): MapRow[] {
  const { cache } = line.core;
  const [was, is] = [line.commitAt(before), line.commitAt(after)];
  if (was.commit.heads === undefined || is.commit.heads === undefined) return [];
  const [wasTree, isTree] = [line.treeOf(was), line.treeOf(is)];
  if (totalsOf(wasTree.root).buckets === 0 || totalsOf(isTree.root).buckets === 0) return [];
  const found = new Map<string, Keys>();
  for (const change of bucketChanges(cache, wasTree.top, isTree.top, false)) {
    const keys = found.get(change.bucket) ?? {};
    found.set(change.bucket, keys);
    if (change.before !== undefined) keys.before = textOf(change.before);
    if (change.after !== undefined) keys.after = textOf(change.after);
  }
  return [...found].flatMap(([bucket, keys]) => {
    if (keys.before === undefined || keys.after === undefined) return [];
    const id = unhex(bucket) as Uint8Array;
    const [from, to] = [was, is].map((commit) => headOf(cache, headsRefOf(commit), id));
    if (from === undefined || to === undefined || sameAddress(from, to)) return [];
    const { history } = line.core;
    if (areUnmoved(from, history.commit(from), to, history.commit(to))) return [];
    const rows = relationRows(relations.across(from, to));
    return rows.map((row) => movedOut(row, keys.before as string, keys.after as string));
  });
}

/** Whether nothing can have moved between two commits, nor within buckets that both have. */
export function areUnmoved(from: Address, before: Commit, to: Address, after: Commit): boolean {
  if (before.heads !== undefined && after.heads !== undefined) return false;
  return sameOptional(nearestMapped(from, before), nearestMapped(to, after));
}

function movedOut({ from, to, returned }: MapRow, before: string, after: string): MapRow {
  return { from: before + from, to: to === undefined ? undefined : after + to, returned };
}

function textOf(names: readonly string[]): string {
  return names.map((name) => `/${name}`).join('');
}
