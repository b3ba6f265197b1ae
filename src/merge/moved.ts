/**
 * The maps of a commit that has one parent and was not merged: from what a transaction moved to the
 * rows of each bucket that holds both places of something.
 */
import { hex } from '../ground/bytes.js';
import { isReplaced, type MapRow } from '../log/maps.js';
import { parseKey } from '../tree/key.js';
import { childMap, findInMap, type Tree } from '../tree/lookup.js';
import { CHILD_BUCKET, recordChild } from '../tree/record.js';
import { bytesOf, type Relation } from './relation.js';
import { type Pair, rowsOf } from './rows.js';

/** A bucket on the way to a key. */
interface Border {
  /** 32 hexadecimal digits. */
  readonly bucket: string;
  /** Its own key. */
  readonly key: string;
}

/** What is at a key: the buckets around it, the outermost first, and its own id if it is one. */
interface Found {
  readonly borders: readonly Border[];
  readonly isThere: boolean;
  readonly bucket: string | undefined;
}

/** What becomes rows of one bucket. */
interface Parts {
  readonly pairs: Pair[];
  readonly gone: string[];
  /** Keys in the second tree to which something came from outside of the bucket. */
  readonly came: string[];
  /** Where the bucket is in the second tree. */
  readonly home: string;
}

/** The rows from one tree to another, by bucket, 32 hexadecimal digits; '' is the whole. */
export function movedRows(before: Tree, after: Tree, relation: Relation): Map<string, MapRow[]> {
  const parts = new Map<string, Parts>();
  const partsOf = (was: Border | undefined, is: string): Parts => {
    const known = parts.get(was?.bucket ?? '') ?? { pairs: [], gone: [], came: [], home: is };
    parts.set(was?.bucket ?? '', known);
    return known;
  };
  for (const from of relation.bases()) {
    const was = find(before, from);
    const images = was.isThere ? relation.imagesOf(from) : relation.returnsOf(from);
    if (was.isThere && images.length === 0) {
      const around = was.borders.at(-1);
      const [home = ''] = relation.imagesOf(around?.key ?? '');
      partsOf(around, home).gone.push(from.slice(around?.key.length ?? 0));
    }
    for (const to of images) {
      const is = find(after, to);
      const isUnmade = was.bucket !== undefined && is.bucket === undefined;
      const returned = isUnmade ? relation.returnsOf(from).includes(to) : !was.isThere;
      if (!is.isThere || !(returned || mayBecome(was.bucket, is.bucket))) continue;
      const around = innermost(was.borders, is.borders);
      const [a, b] = [around?.before.key ?? '', around?.after.key ?? ''];
      const pair = { from: from.slice(a.length), to: to.slice(b.length), returned };
      partsOf(around?.before, b).pairs.push(pair);
      const left = was.isThere ? was.borders.slice(depthOf(was.borders, around?.before)) : [];
      for (const border of left) {
        const [home = ''] = relation.imagesOf(border.key);
        partsOf(border, home).gone.push(from.slice(border.key.length));
      }
      for (const border of is.borders.slice(depthOf(is.borders, around?.after))) {
        partsOf(border, border.key).came.push(to.slice(border.key.length));
      }
    }
  }
  const rows = [...parts].map(([bucket, { pairs, gone, came, home }]) => {
    const isTaken = (key: string): boolean => find(after, home + key).isThere;
    return [bucket, rowsOf(pairs, gone, isTaken, came)] as const;
  });
  return new Map(rows);
}

/** Whether an entry may have become another: a plain one may be made a bucket. */
function mayBecome(was: string | undefined, is: string | undefined): boolean {
  return was === undefined || was === is;
}

/** How many borders there are up to one, itself too. */
function depthOf(borders: readonly Border[], last: Border | undefined): number {
  return last === undefined ? 0 : borders.indexOf(last) + 1;
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

/** What is at a key; without anything there, the buckets on the way as far as it leads. */
function find(tree: Tree, key: string): Found {
  const { cache } = tree;
  const borders: Border[] = [];
  let bucket: string | undefined;
  let spot = tree.top;
  let at = 0;
  for (const name of isReplaced(key) ? bytesOf(key) : parseKey(key === '' ? '/' : key)) {
    if (bucket !== undefined) borders.push({ bucket, key: key.slice(0, at) });
    const map = childMap(cache, spot, recordChild(spot.node, spot.index));
    const found = map && findInMap(cache, map, name, 0, name.length);
    if (found === undefined) return { borders, isThere: false, bucket: undefined };
    spot = found;
    at = key.indexOf('/', at + 1);
    if (at < 0) at = key.length;
    const child = recordChild(found.node, found.index);
    bucket = child.form === CHILD_BUCKET ? hex(child.bucket) : undefined;
  }
  return { borders, isThere: true, bucket };
}
