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
import type { Spot } from './lookup.js';
import type { Node } from './node.js';
import type { NodeCache } from './node-cache.js';
import { sameRecord } from './record.js';

interface DiffOrder {
  /** From the last name to the first: the exact mirror. */
  readonly reverse?: boolean | undefined;
}

/** A name whose records differ. */
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
  const a = new EntryCursor(cache, before, reverse);
  const b = new EntryCursor(cache, after, reverse);
  for (;;) {
    meet(a, b);
    const { node: x, index: i } = a;
    const { node: y, index: j } = b;
    if (x === undefined && y === undefined) return;
    const turn = turnOf(x, i, y, j, reverse);
    const left = turn <= 0 ? { node: x as Node, index: i } : undefined;
    const right = turn >= 0 ? { node: y as Node, index: j } : undefined;
    const { node, index } = left ?? (right as Spot);
    yield { name: node.name(index), before: left, after: right };
    if (left !== undefined) a.advance();
    if (right !== undefined) b.advance();
  }
}

/**
 * Whose turn it is: the left's (negative), the right's (positive) or both. A map that ended waits.
 */
function turnOf(
  x: Node | undefined,
  i: number,
  y: Node | undefined,
  j: number,
  reverse: boolean,
): number {
  if (x === undefined) return 1;
  if (y === undefined) return -1;
  const order = compareNames(x, i, y, j);
  return reverse ? -order : order;
}

/**
 * Walks the entries of a map, of whatever level: whether to read what lies under one is the
 * walker's choice.
 */
class EntryCursor {
  /** The node at hand; undefined once the map has ended. */
  node: Node | undefined;
  index = 0;
  readonly step: 1 | -1;
  readonly #cache: NodeCache;
  /** The nodes above, and the index in each. */
  readonly #above: Node[] = [];
  readonly #indexes: number[] = [];

  constructor(cache: NodeCache, top: Node | undefined, reverse: boolean) {
    this.#cache = cache;
    this.step = reverse ? -1 : 1;
    this.#enter(top);
  }

  #enter(node: Node | undefined): void {
    this.node = node;
    this.index = this.step > 0 || node === undefined ? 0 : node.count - 1;
  }

  /** Whether the index is one of the node's. */
  get within(): boolean {
    return this.index >= 0 && this.index < (this.node as Node).count;
  }

  /** Reads the child at hand, and goes to its first entry. */
  descend(): void {
    const node = this.node as Node;
    this.#above.push(node);
    this.#indexes.push(this.index);
    this.#enter(this.#cache.child(node, this.index));
  }

  advance(): void {
    this.index += this.step;
    this.climb();
  }

  /** Where the node's entries are all passed: goes up, as far as needed, to the next entry. */
  climb(): void {
    while (this.node !== undefined && !this.within) {
      this.node = this.#above.pop();
      this.index = (this.#indexes.pop() ?? 0) + this.step;
    }
  }
}

/** Goes on until the cursors stand at records that differ, or at the end. */
function meet(a: EntryCursor, b: EntryCursor): void {
  for (;;) {
    const { node: x } = a;
    const { node: y } = b;
    const above = (x?.level ?? 0) - (y?.level ?? 0);
    if (above !== 0) {
      if (above > 0) a.descend();
      else b.descend();
      continue;
    }
    if (x === undefined || y === undefined) return;
    const leaf = x.level === 0;
    if (leaf ? passRecords(a, x, b, y) : passChildren(a, x, b, y)) continue;
    if (leaf) return;
    a.descend();
    b.descend();
  }
}

/** Skips children with equal addresses; false if there was none. */
function passChildren(a: EntryCursor, x: Node, b: EntryCursor, y: Node): boolean {
  const { step } = a;
  const from = a.index;
  const same = x.algorithm === y.algorithm;
  while (same && a.within && b.within && sameDigest(x, a.index, y, b.index)) {
    a.index += step;
    b.index += step;
  }
  if (a.index === from) return false;
  a.climb();
  b.climb();
  return true;
}

/** Skips equal records under equal names; false if there was none. */
function passRecords(a: EntryCursor, x: Node, b: EntryCursor, y: Node): boolean {
  const { step } = a;
  const from = a.index;
  while (a.within && b.within && sameNamed(x, a.index, y, b.index)) {
    a.index += step;
    b.index += step;
  }
  if (a.index === from) return false;
  a.climb();
  b.climb();
  return true;
}

function sameDigest(x: Node, i: number, y: Node, j: number): boolean {
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
