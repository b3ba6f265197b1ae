/**
 * What differs between two trees, as rows: one per stream of entries that both have, one for a
 * whole subtree that only one has.
 *
 *     '/a'    changed 'acl'         an entry in both: a row per stream
 *     '/a/b'  removed               only before: one row, whatever lies below
 *     '/a/b/c' removed 'acl'        the same when `deep`: a row per stream of each entry
 *
 * Rows come in key order, an entry's before those below it, streams by name; in reverse they are
 * exactly mirrored. Rows are made as they are asked for, and memory is the way down to the one
 * at hand. A bucket is the same entry only under the same id: another one at its key is a removal
 * and an addition.
 */

import { equalBytes } from '../ground/bytes.js';
import { malformed } from '../ground/errors.js';
import { KEY_NAMES_MAX } from '../ground/limits.js';
import { diffMaps, type MapDifference } from './diff-map.js';
import { sameChild, sameStream, streamNames, streamOf } from './equal.js';
import type { Names } from './key.js';
import { childMap, crossBorder, findInMap, type Spot, type Tree } from './lookup.js';
import type { Node } from './node.js';
import type { NodeCache } from './node-cache.js';
import {
  CHILD_BUCKET,
  type ChildPart,
  type RecordParts,
  readRecord,
  type StreamPart,
} from './record.js';

export type DifferenceKind = 'added' | 'removed' | 'changed';

export interface Difference {
  readonly names: Names;
  readonly kind: DifferenceKind;
  /** Absent where the row stands for an entry and all below it. */
  readonly stream?: string;
  readonly before?: StreamPart | undefined;
  readonly after?: StreamPart | undefined;
}

export interface DiffOptions {
  /** Only this entry and what lies below. */
  readonly key?: Names | undefined;
  /** Whether subtrees that only one side has are reported stream by stream. */
  readonly deep?: boolean | undefined;
  readonly reverse?: boolean | undefined;
}

/** One entry in two trees, records as they stand in their parents; undefined where it is absent. */
export interface EntryPair {
  /** The key that rows give it. */
  readonly names: Names;
  readonly before: Spot | undefined;
  readonly after: Spot | undefined;
}

/** The rows by which two trees differ, lazily. An absent tree is an empty one. */
export function* diffTrees(
  before: Tree | undefined,
  after: Tree | undefined,
  { key = [], deep = false, reverse = false }: DiffOptions = {},
): Generator<Difference, void> {
  const cache = (before ?? after)?.cache;
  if (cache === undefined) return;
  const walk = new Walk(cache, deep, reverse);
  const [a, b] = [startOf(before, key), startOf(after, key)];
  if (key.length === 0) walk.both(key, a && crossBorder(cache, a), b && crossBorder(cache, b));
  else walk.entry(key, a, b);
  yield* walk.rows();
}

/** The same of one entry, wherever it is in either tree. */
export function diffEntries(
  cache: NodeCache,
  { names, before, after }: EntryPair,
  { deep = false, reverse = false }: Omit<DiffOptions, 'key'>,
): Generator<Difference, void> {
  const walk = new Walk(cache, deep, reverse);
  walk.entry(names, before, after);
  return walk.rows();
}

/** The record of a key as it stands in its parent, so that a bucket shows its id. */
function startOf(tree: Tree | undefined, key: Names): Spot | undefined {
  const name = key[key.length - 1];
  if (name === undefined) return tree?.top;
  const map = tree?.mapOf(key.slice(0, -1));
  return tree && map && findInMap(tree.cache, map, name, 0, name.length);
}

/** Work still to do: rows to report, an entry to look at, or a pair of maps to walk. */
type Work =
  | { readonly rows: readonly Difference[] }
  | { readonly names: Names; readonly maps: Iterator<MapDifference, void> }
  | EntryPair;

class Walk {
  readonly #cache: NodeCache;
  readonly #deep: boolean;
  readonly #reverse: boolean;
  /** The next is the last. */
  readonly #stack: Work[] = [];

  constructor(cache: NodeCache, deep: boolean, reverse: boolean) {
    this.#cache = cache;
    this.#deep = deep;
    this.#reverse = reverse;
  }

  *rows(): Generator<Difference, void> {
    for (let work = this.#stack.at(-1); work !== undefined; work = this.#stack.at(-1)) {
      if ('maps' in work) {
        const { value, done } = work.maps.next();
        if (done === true || value === undefined) this.#stack.pop();
        else this.entry([...work.names, value.name], value.before, value.after);
        continue;
      }
      this.#stack.pop();
      if ('rows' in work) yield* work.rows;
      else this.#side(work.names, work.before, work.after);
    }
  }

  /** Puts work on the stack, given in the order of rows forward. */
  #plan(...works: Work[]): void {
    this.#stack.push(...(this.#reverse ? works : works.reverse()));
  }

  /** An entry whose records differ, as they stand in their parents. */
  entry(names: Names, before: Spot | undefined, after: Spot | undefined): void {
    checkDepth(names);
    if (before === undefined || after === undefined) {
      this.#side(names, before, after);
      return;
    }
    if (sameBucket(readRecord(before.node, before.index), readRecord(after.node, after.index))) {
      this.both(names, crossBorder(this.#cache, before), crossBorder(this.#cache, after));
      return;
    }
    this.#plan({ names, before, after: undefined }, { names, before: undefined, after });
  }

  /** A subtree that only one side has. */
  #side(names: Names, before: Spot | undefined, after: Spot | undefined): void {
    if (before === undefined && after === undefined) return;
    if (this.#deep) {
      const spot = crossBorder(this.#cache, before ?? (after as Spot));
      this.both(names, before && spot, after && spot);
      return;
    }
    this.#plan({ rows: [{ names, kind: after === undefined ? 'removed' : 'added' }] });
  }

  /** Streams and children of an entry, within its bucket if it is one. */
  both(names: Names, before: Spot | undefined, after: Spot | undefined): void {
    const a = before && readRecord(before.node, before.index);
    const b = after && readRecord(after.node, after.index);
    const rows = diffStreams(this.#cache, names, a, b);
    if (this.#reverse) rows.reverse();
    const maps = this.#maps(before, a?.child, after, b?.child);
    if (maps === undefined) this.#plan({ rows });
    else this.#plan({ rows }, { names, maps });
  }

  #maps(
    before: Spot | undefined,
    a: ChildPart | undefined,
    after: Spot | undefined,
    b: ChildPart | undefined,
  ): Iterator<MapDifference, void> | undefined {
    const oneAlgorithm = before?.node.algorithm === after?.node.algorithm;
    if (a !== undefined && b !== undefined && oneAlgorithm && sameChild(a, b)) return undefined;
    const left = this.#top(before, a);
    const right = this.#top(after, b);
    return diffMaps(this.#cache, left, right, { reverse: this.#reverse });
  }

  #top(spot: Spot | undefined, child: ChildPart | undefined): Node | undefined {
    if (spot === undefined || child === undefined) return undefined;
    return childMap(this.#cache, spot, child);
  }
}

/** A row per stream that differs, by name. */
export function diffStreams(
  cache: NodeCache,
  names: Names,
  old: RecordParts | undefined,
  now: RecordParts | undefined,
): Difference[] {
  const rows: Difference[] = [];
  for (const stream of streamNames(old, now)) {
    const a = streamOf(old, stream);
    const b = streamOf(now, stream);
    if (sameStream(cache, a, b)) continue;
    const kind = a === undefined ? 'added' : b === undefined ? 'removed' : 'changed';
    rows.push({ names, kind, stream, before: a, after: b });
  }
  return rows;
}

/** REGALIA_FORMAT where a tree, which may be an enemy's, goes deeper than any key. */
export function checkDepth(names: Names): void {
  if (names.length <= KEY_NAMES_MAX) return;
  throw malformed('tree', 0, `at most ${KEY_NAMES_MAX} names in a key`, `${names.length}`);
}

/** Whether both entries are plain, or one bucket. */
export function sameBucket(a: RecordParts, b: RecordParts): boolean {
  const left = a.child.form === CHILD_BUCKET ? a.child.bucket : undefined;
  const right = b.child.form === CHILD_BUCKET ? b.child.bucket : undefined;
  if (left === undefined || right === undefined) return left === right;
  return equalBytes(left, right);
}
