/**
 * The maps of a commit that has one parent and was not merged: from what a transaction moved to the
 * rows of each bucket that holds both places of something.
 */
import { hex } from '../ground/bytes.js';
import type { MapRow } from '../log/maps.js';
import { parseKey } from '../tree/key.js';
import { childMap, findInMap, type Tree } from '../tree/lookup.js';
import { CHILD_BUCKET, readRecord } from '../tree/record.js';
import type { Relation } from './relation.js';
import { type Pair, rowsOf } from './rows.js';

/** A bucket on the way to a key. */
interface Border {
  /** 32 hexadecimal digits. */
  readonly bucket: string;
  /** Its own key. */
  readonly key: string;
}

/** An entry found: the buckets around it, the outermost first, and its own id if it is one. */
interface Found {
  readonly borders: readonly Border[];
  readonly bucket: string | undefined;
}

/** The rows from one tree to another, by bucket, 32 hexadecimal digits; '' is the whole. */
export function movedRows(before: Tree, after: Tree, relation: Relation): Map<string, MapRow[]> {
  const pairs = new Map<string, Pair[]>();
  for (const from of relation.bases()) {
    const was = find(before, from);
    if (was === undefined) continue;
    for (const to of relation.imagesOf(from)) {
      const is = find(after, to);
      if (is === undefined || is.bucket !== was.bucket) continue;
      const around = innermost(was.borders, is.borders);
      const bucket = around?.before.bucket ?? '';
      const list = pairs.get(bucket) ?? [];
      pairs.set(bucket, list);
      const [a, b] = [around?.before.key.length ?? 0, around?.after.key.length ?? 0];
      list.push({ from: from.slice(a), to: to.slice(b), returned: false });
    }
  }
  return new Map([...pairs].map(([bucket, list]) => [bucket, rowsOf(list)]));
}

/** The innermost bucket around both. */
function innermost(
  before: readonly Border[],
  after: readonly Border[],
): { before: Border; after: Border } | undefined {
  for (const was of [...before].reverse()) {
    const is = after.find(({ bucket }) => bucket === was.bucket);
    if (is !== undefined) return { before: was, after: is };
  }
  return undefined;
}

function find(tree: Tree, key: string): Found | undefined {
  const { cache } = tree;
  const borders: Border[] = [];
  let bucket: string | undefined;
  let spot = tree.top;
  let at = 0;
  for (const name of parseKey(key)) {
    if (bucket !== undefined) borders.push({ bucket, key: key.slice(0, at) });
    const map = childMap(cache, spot, readRecord(spot.node, spot.index).child);
    const found = map && findInMap(cache, map, name, 0, name.length);
    if (found === undefined) return undefined;
    spot = found;
    at = key.indexOf('/', at + 1);
    if (at < 0) at = key.length;
    const { child } = readRecord(found.node, found.index);
    bucket = child.form === CHILD_BUCKET ? hex(child.bucket) : undefined;
  }
  return { borders, bucket };
}
