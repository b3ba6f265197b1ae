/**
 * What differs between two maps: the names whose records differ, in order.
 *
 *     before   ·  ·  [ a b c ]  [ d e f ]  ·       equal addresses are skipped whole, at any level;
 *     after    ·  ·  [ a b ]  [ c' d e f ]  ·      where ends shifted, both go down until they meet
 *
 * Two cursors walk both maps. Each stands at an entry of a node: a record, or a child that is not
 * read yet. All that lies before both was compared, so equal children can be skipped wherever they
 * stand, in nodes of whatever sizes and maps of whatever heights. Unequal ones are read. So the
 * cost follows the nodes that differ, not the maps.
 */
import { type Direction, MapCursor } from './cursor.js';
import type { Spot } from './lookup.js';
import type { Node } from './node.js';
import type { NodeCache } from './node-cache.js';
import { sameRecord } from './record.js';
import { MapScan } from './scan.js';

interface DiffOrder {
  /** From the last name to the first: the exact mirror. */
  readonly reverse?: boolean | undefined;
}

export interface MapDifference {
  readonly name: Uint8Array;
  readonly before: Spot | undefined;
  readonly after: Spot | undefined;
}

/** The names whose records differ between two maps, lazily; undefined is the empty map. */
export function* diffMaps(
  cache: NodeCache,
  before: Node | undefined,
  after: Node | undefined,
  { reverse = false }: DiffOrder = {},
): Generator<MapDifference, void> {
  if (before === undefined || after === undefined) {
    const map = before ?? after;
    if (map !== undefined) yield* oneSided(new MapScan(cache, map, { reverse }), map === before);
    return;
  }
  const by = reverse ? -1 : 1;
  const a = new MapCursor(cache, before, by);
  const b = new MapCursor(cache, after, by);
  for (;;) {
    meet(a, b, by);
    if (!a.within && !b.within) return;
    const turn = turnOf(a, b, by);
    const left = turn <= 0 ? spotOf(a) : undefined;
    const right = turn >= 0 ? spotOf(b) : undefined;
    const { node, index } = left ?? (right as Spot);
    yield { name: node.name(index), before: left, after: right };
    if (left !== undefined) a.step(by);
    if (right !== undefined) b.step(by);
  }
}

function* oneSided(scan: MapScan, isBefore: boolean): Generator<MapDifference, void> {
  while (scan.next()) {
    const spot = spotOf(scan);
    const name = spot.node.name(spot.index);
    yield { name, before: isBefore ? spot : undefined, after: isBefore ? undefined : spot };
  }
}

function spotOf({ node, index }: MapCursor): Spot {
  return { node, index };
}

/**
 * Whose turn it is: the left's (negative), the right's (positive) or both. A map that ended waits.
 */
function turnOf(a: MapCursor, b: MapCursor, by: Direction): number {
  if (!a.within) return 1;
  if (!b.within) return -1;
  return compareNames(a.node, a.index, b.node, b.index) * by;
}

/** Goes on until the cursors stand at records that differ, or at the end. */
function meet(a: MapCursor, b: MapCursor, by: Direction): void {
  for (;;) {
    const above = levelOf(a) - levelOf(b);
    if (above === 0) {
      if (!a.within || !b.within) return;
      const isLeaf = a.node.level === 0;
      if (pass(a, b, by, isLeaf ? sameNamed : sameChild)) continue;
      if (isLeaf) return;
    }
    if (above >= 0) a.descend(by);
    if (above <= 0) b.descend(by);
  }
}

/** A map that ended waits until the other one is at its records. */
function levelOf(cursor: MapCursor): number {
  return cursor.within ? cursor.node.level : 0;
}

/** Skips entries that are the same in both; false if there was none. */
function pass(a: MapCursor, b: MapCursor, by: Direction, same: typeof sameNamed): boolean {
  const { node: x, index: from } = a;
  const { node: y } = b;
  while (a.within && b.within && same(x, a.index, y, b.index)) {
    a.index += by;
    b.index += by;
  }
  if (a.index === from) return false;
  a.climb(by);
  b.climb(by);
  return true;
}

function sameChild(x: Node, i: number, y: Node, j: number): boolean {
  if (x.algorithm !== y.algorithm) return false;
  const { bytes: p } = x;
  const { bytes: q } = y;
  const from = x.digests + 32 * i;
  const shift = y.digests + 32 * j - from;
  for (let at = from; at < from + 32; at++) if (p[at] !== q[at + shift]) return false;
  return true;
}

function sameNamed(x: Node, i: number, y: Node, j: number): boolean {
  return compareNames(x, i, y, j) === 0 && sameRecord(x, i, y, j);
}

/** Bytewise order of two names in place. */
function compareNames(x: Node, i: number, y: Node, j: number): number {
  const { bytes: p, prefixStart: pPrefix, prefixLength: pLength } = x;
  const { bytes: q, prefixStart: qPrefix, prefixLength: qLength } = y;
  const pSuffix = x.suffixStart(i) - pLength;
  const qSuffix = y.suffixStart(j) - qLength;
  const length = x.nameLength(i);
  const other = y.nameLength(j);
  const both = Math.min(length, other);
  for (let at = 0; at < both; at++) {
    const left = p[at < pLength ? pPrefix + at : pSuffix + at];
    const right = q[at < qLength ? qPrefix + at : qSuffix + at];
    if (left !== right) return left - right;
  }
  return length - other;
}
