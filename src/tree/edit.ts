/**
 * Edits a map: a sorted stream of edits in, a new map out, which shares every node that the edits
 * did not touch.
 *
 * Level by level from the leaves: the edits of a level are merged with the nodes they fall into,
 * cut anew, and what was replaced becomes the edits of the level above, until one node is left. A
 * region of a level begins at a touched node (one further left if that one's end fell) and goes on
 * until an old end is an end again. So the nodes written are those that the boundary rule says must
 * change, and the result is the same as if the map were built at once.
 *
 * The same code builds a map from nothing: one region, no old nodes.
 *
 * Most edits replace entries by others as long, and above the leaves all do that leave a node's
 * last name. They can move no end: such a node is written by itself, and nothing in it is looked at
 * but what is replaced.
 */
import { equalBytes } from '../ground/bytes.js';
import { INLINE_MAP_BYTES_MAX } from '../ground/limits.js';
import { boundaryHash, NATURAL } from './boundary.js';
import { Chunker } from './chunker.js';
import { MapCursor } from './cursor.js';
import { type Fresh, type FreshChild, Items } from './items.js';
import type { Spot } from './lookup.js';
import type { Node } from './node.js';
import type { InlineLeaf, NodeWriter, StoredNode } from './node-writer.js';
import type { Totals } from './totals.js';

/** A sorted stream of edits by name: distinct, ascending. */
export interface EditSource {
  /** The name at hand; undefined once there is none. */
  readonly name: NameSlice | undefined;
  /**
   * What becomes of the entry at hand, given where it stands now (in `node`, at `index`), if
   * anywhere. `KEEP` leaves it; undefined removes it.
   */
  apply(node: Node | undefined, index: number): Fresh | typeof KEEP | undefined;
  advance(): void;
}

interface NameSlice {
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
}

export const KEEP = Symbol('keep');

/** A map: nothing, a leaf that stays inside its record, or a top node. */
export type MapResult =
  | { readonly form: 'empty' }
  | { readonly form: 'same' }
  | { readonly form: 'inline'; readonly leaf: InlineLeaf; readonly plainLength: number }
  | { readonly form: 'node'; readonly top: FreshChild };

/**
 * Applies `edits` to the map whose top node is `root`, or to the empty one, in steps of about a
 * node each, so that a caller can let others run, or write out what is staged.
 */
export function* editMapSteps(
  writer: NodeWriter,
  root: Node | undefined,
  edits: EditSource,
): Generator<void, MapResult> {
  if (root === undefined) return yield* buildMap(writer, edits);
  let source = edits;
  for (let level = 0; level < root.level; level++) {
    const changes = yield* editLevel(writer, root, level, source);
    if (changes.length === 0) return SAME;
    source = new ChangeSource(changes);
  }
  const cursor = new MapCursor(writer.cache, root);
  const replacement = replaceIn(writer, cursor, source);
  if (replacement.isDone) return replacement.child === undefined ? SAME : topOf(replacement.child);
  const top = new Region(writer, cursor, root.level, replacement.edits);
  yield* top.run();
  return top.changed ? yield* closeMap(writer, top.chunker, root.level) : SAME;
}

function topOf(top: FreshChild): MapResult {
  return { form: 'node', top };
}

const SAME: MapResult = { form: 'same' };

function* buildMap(writer: NodeWriter, edits: EditSource): Generator<void, MapResult> {
  const chunker = new Chunker(writer, 0, undefined);
  for (; edits.name !== undefined; edits.advance()) {
    const fresh = edits.apply(undefined, 0);
    if (fresh === undefined || fresh === KEEP) continue;
    chunker.items.pushFresh(fresh);
    const before = chunker.out.length;
    chunker.drain();
    if (chunker.out.length > before) yield;
  }
  return yield* closeMap(writer, chunker, 0);
}

/** Ends a map of which a whole level is in the chunker. */
function* closeMap(
  writer: NodeWriter,
  chunker: Chunker,
  level: number,
): Generator<void, MapResult> {
  const isWhole = level === 0 && chunker.out.length === 0;
  const inline = isWhole ? inlineMap(writer, chunker.items) : undefined;
  if (inline !== undefined) return inline;
  chunker.finish();
  return yield* stack(writer, chunker.out, level);
}

/** The map of these items as a leaf inside a record, if it is that small. */
export function inlineMap(
  writer: NodeWriter,
  items: Items,
): (MapResult & { form: 'inline' }) | undefined {
  const { length, plainLength } = items;
  if (length === 0 || plainLength > INLINE_MAP_BYTES_MAX) return undefined;
  return { form: 'inline', leaf: writer.writeInline(items, 0, length), plainLength };
}

/** Builds the levels above `children` until one node is left. */
function* stack(
  writer: NodeWriter,
  children: readonly FreshChild[],
  level: number,
): Generator<void, MapResult> {
  let nodes = children;
  for (let above = level + 1; nodes.length > 1; above++) {
    const chunker = new Chunker(writer, above, undefined);
    for (const child of nodes) {
      chunker.items.pushFresh(child);
      chunker.drain();
      if (chunker.items.length === 0) yield;
    }
    chunker.finish();
    nodes = chunker.out;
    if (nodes.length === 1) return collapse(writer, nodes[0], above);
  }
  const top = nodes[0];
  return top === undefined ? { form: 'empty' } : collapse(writer, top, level);
}

/**
 * A top node of one child is no top: the child is. A top leaf that became small goes inside its
 * record.
 */
function collapse(writer: NodeWriter, top: FreshChild, level: number): MapResult {
  const { cache } = writer;
  let found = top;
  let node = level === 0 && !mayBeInline(top) ? undefined : cache.load(top.id, top.address, level);
  while (node !== undefined && node.level > 0 && node.count === 1) {
    found = { ...found, address: node.childAddress(0), id: node.childId(0) };
    node = cache.child(node, 0);
  }
  if (node === undefined || node.level > 0) return { form: 'node', top: found };
  return inlineMap(writer, Items.of(node)) ?? { form: 'node', top: found };
}

/** A leaf of more entries or bytes than this is over the limit for certain. */
export function mayBeInline(map: Readonly<Totals>): boolean {
  return map.entries * 5 <= INLINE_MAP_BYTES_MAX;
}

/** Edits one level below the top; what changed goes to the level above. */
function* editLevel(
  writer: NodeWriter,
  root: Node,
  level: number,
  edits: EditSource,
): Generator<void, Change[]> {
  const changes: Change[] = [];
  const cursor = new MapCursor(writer.cache, root);
  let source = edits;
  for (let { name } = source; name !== undefined; { name } = source) {
    cursor.rewind();
    cursor.descendTo(level, 1, name.bytes, name.start, name.end);
    const replacement = replaceIn(writer, cursor, source);
    if (replacement.isDone) {
      const { child } = replacement;
      if (child !== undefined) changes.push(changeTo(child, child.bytes));
      yield;
      continue;
    }
    source = replacement.edits;
    const region = new Region(writer, cursor, level, source);
    yield* region.run();
    if (region.changed) region.changes(changes);
  }
  return changes;
}

/** What became of the edits at a node: it was written anew, if need be; or they are to be done. */
type Replacement =
  | { readonly isDone: true; readonly child: FreshChild | undefined }
  | { readonly isDone: false; readonly edits: EditSource };

/**
 * Writes the node at hand anew if all that the edits do to it is to replace entries by others that
 * fit, and no region will reach into it from its right: its end is natural, and the next edit is
 * not in the node beside it.
 */
function replaceIn(writer: NodeWriter, cursor: MapCursor, edits: EditSource): Replacement {
  const { node, place } = cursor;
  const results: Result[] = [];
  const indexes: number[] = [];
  const fresh: Fresh[] = [];
  const isStored = node.id !== undefined && node.algorithm === writer.algorithm;
  let fits = isStored && (place === undefined || !isForced(place));
  while (fits) {
    const { name } = edits;
    if (name === undefined) break;
    const index = node.lowerBound(name.bytes, name.start, name.end);
    if (index === node.count) {
      fits = !cursor.isLast && !cursor.fallsRight(name.bytes, name.start, name.end);
      break;
    }
    if (!node.nameIs(index, name.bytes, name.start, name.end)) return undone(results, edits);
    const result = edits.apply(node, index);
    results.push({ name, result });
    edits.advance();
    if (result === KEEP) continue;
    fits = result !== undefined && writer.fits(node, index, result);
    if (!fits) break;
    indexes.push(index);
    fresh.push(result as Fresh);
  }
  if (!fits) return undone(results, edits);
  if (indexes.length === 0) return { isDone: true, child: undefined };
  const cut = place === undefined ? NATURAL : place.node.cut(place.index);
  const child = writer.replace(node as StoredNode, indexes, fresh, cut);
  const isSame = equalBytes(child.address, node.address);
  return { isDone: true, child: isSame ? undefined : child };
}

function undone(results: readonly Result[], edits: EditSource): Replacement {
  return { isDone: false, edits: results.length === 0 ? edits : new Applied(results, edits) };
}

/** What an edit made of its entry. */
interface Result {
  readonly name: NameSlice;
  readonly result: Fresh | typeof KEEP | undefined;
}

/** Edits of which the first were applied already. */
class Applied implements EditSource {
  readonly #results: readonly Result[];
  readonly #rest: EditSource;
  #at = 0;

  constructor(results: readonly Result[], rest: EditSource) {
    this.#results = results;
    this.#rest = rest;
  }

  get name(): NameSlice | undefined {
    return this.#at < this.#results.length ? this.#results[this.#at].name : this.#rest.name;
  }

  apply(node: Node | undefined, index: number): Fresh | typeof KEEP | undefined {
    if (this.#at < this.#results.length) return this.#results[this.#at].result;
    return this.#rest.apply(node, index);
  }

  advance(): void {
    if (this.#at < this.#results.length) this.#at++;
    else this.#rest.advance();
  }
}

/** A replaced, added or removed child, as an edit of the level above. */
interface Change extends NameSlice {
  readonly child: FreshChild | undefined;
}

function changeTo(child: FreshChild | undefined, name: Uint8Array): Change {
  return { bytes: name, start: 0, end: name.length, child };
}

class ChangeSource implements EditSource {
  readonly #changes: readonly Change[];
  #at = 0;

  constructor(changes: readonly Change[]) {
    this.#changes = changes;
  }

  get name(): Change | undefined {
    return this.#changes[this.#at];
  }

  apply(): FreshChild | undefined {
    return this.name?.child;
  }

  advance(): void {
    this.#at++;
  }
}

/** A node that went into a region, and where it stands; undefined for the top. */
interface OldNode {
  readonly node: Node;
  readonly above: Node | undefined;
  readonly index: number;
}

/** A stretch of one level that is cut anew. */
class Region {
  readonly #level: number;
  readonly #edits: EditSource;
  readonly #cursor: MapCursor;
  /** At the leftmost node that went in. */
  readonly #left: MapCursor;
  readonly chunker: Chunker;
  readonly #old: OldNode[] = [];
  changed = false;
  /** Whether the last entry of the last node that went in is the chunker's last item. */
  #lastKept = false;

  /** Begins at the node that the edit at hand falls into; what ended by force left of it, too. */
  constructor(writer: NodeWriter, cursor: MapCursor, level: number, edits: EditSource) {
    this.#level = level;
    this.#edits = edits;
    this.#cursor = cursor;
    this.#left = this.#cursor.clone();
    const left = this.#left.neighbour(-1);
    this.chunker = new Chunker(writer, level, this.#fenceOf(left));
    if (isForced(left)) this.#extendLeft();
  }

  /** Applies edits until the level is in step with its old nodes again. */
  *run(): Generator<void, void> {
    for (;;) {
      this.#merge();
      while (this.chunker.fenceFell) this.#extendLeft();
      if (this.#cursor.isLast) break;
      if ((!this.changed || this.#inStep()) && !this.#nextTouched()) return;
      this.chunker.drain();
      yield;
      this.#cursor.turn(1);
    }
    while (this.chunker.endsBehindFence || this.chunker.fenceFell) this.#extendLeft();
  }

  #fenceOf(left: MapCursor | undefined): number | undefined {
    return left && boundaryHash(left.node.name(left.index), this.#level, 0);
  }

  /** Cuts the nodes on the left anew as well, up to a natural end. */
  #extendLeft(): void {
    let left: MapCursor | undefined;
    do {
      this.#left.turn(-1);
      const front = Items.of(this.#left.node);
      this.#old.unshift(oldNode(this.#left));
      left = this.#left.neighbour(-1);
      this.chunker.extendLeft(front, this.#fenceOf(left));
    } while (isForced(left));
  }

  /** Whether the edit at hand falls into the node right of the cursor. */
  #nextTouched(): boolean {
    const { name } = this.#edits;
    return name !== undefined && this.#cursor.fallsRight(name.bytes, name.start, name.end);
  }

  /** Whether the node's old end is a natural end still. */
  #inStep(): boolean {
    const { place } = this.#cursor;
    return (
      place !== undefined && !isForced(place) && this.#lastKept && this.chunker.lastStillEnds()
    );
  }

  #merge(): void {
    const { node, isLast: open } = this.#cursor;
    const { items } = this.chunker;
    const edits = this.#edits;
    this.#old.push(oldNode(this.#cursor));
    let from = 0;
    let lastRemoved = false;
    for (let { name } = edits; name !== undefined; { name } = edits) {
      const { bytes, start, end } = name;
      const index = node.lowerBound(bytes, start, end);
      if (index === node.count && !open) break;
      const found = index < node.count && node.nameIs(index, bytes, start, end);
      const result = edits.apply(found ? node : undefined, index);
      edits.advance();
      if (result === KEEP || (result === undefined && !found)) continue;
      this.changed = true;
      items.pushKept(node, from, index);
      from = found ? index + 1 : index;
      if (result !== undefined) items.pushFresh(result);
      else if (index === node.count - 1) lastRemoved = true;
    }
    items.pushKept(node, from, node.count);
    this.#lastKept = !lastRemoved;
  }

  /** Ends it; what it changes for the level above: removed names and new children, in order. */
  changes(out: Change[]): void {
    this.chunker.finish();
    const fresh = this.chunker.out;
    let at = 0;
    for (const { node, above, index } of this.#old) {
      const last = node.count - 1;
      for (; at < fresh.length && isBefore(fresh[at], node, last); at++) {
        out.push(changeTo(fresh[at], fresh[at].bytes));
      }
      const next = fresh[at];
      if (next === undefined || !node.nameIs(last, next.bytes, 0, next.bytes.length)) {
        out.push(changeTo(undefined, node.name(last)));
        continue;
      }
      at++;
      // What comes behind an end may make a natural one of it, and leave the node as it is.
      const isSame = above?.childIs(index, next.address) === true && above.cut(index) === next.cut;
      if (!isSame) out.push(changeTo(next, next.bytes));
    }
    for (; at < fresh.length; at++) out.push(changeTo(fresh[at], fresh[at].bytes));
  }
}

function isForced(end: Spot | undefined): boolean {
  return end !== undefined && end.node.cut(end.index) !== NATURAL;
}

function oldNode(cursor: MapCursor): OldNode {
  const { node, place } = cursor;
  return { node, above: place?.node, index: place?.index ?? 0 };
}

/** Whether a child's last name is before one of a node. */
function isBefore({ bytes }: FreshChild, node: Node, index: number): boolean {
  const { length } = bytes;
  return node.lowerBound(bytes, 0, length) <= index && !node.nameIs(index, bytes, 0, length);
}
