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
 */
import { compareBytes, compareRange, equalBytes } from '../ground/bytes.js';
import { INLINE_MAP_BYTES_MAX } from '../ground/limits.js';
import { boundaryHash, NATURAL } from './boundary.js';
import { Chunker } from './chunker.js';
import { type Fresh, type FreshChild, Items } from './items.js';
import { LevelCursor, type Place } from './level-cursor.js';
import type { Node } from './node.js';
import type { InlineLeaf, NodeWriter } from './node-writer.js';

/** A sorted stream of edits by name: distinct, ascending. */
export interface EditSource {
  /** The name at hand; undefined once there is none. */
  readonly name:
    | { readonly bytes: Uint8Array; readonly start: number; readonly end: number }
    | undefined;
  /**
   * What becomes of the entry at hand, given where it stands now (in `node`, at `index`), if
   * anywhere. `KEEP` leaves it; undefined removes it.
   */
  apply(node: Node | undefined, index: number): Fresh | typeof KEEP | undefined;
  /** Goes on to the next edit. */
  advance(): void;
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
  const top = new Region(writer, root, root.level);
  const untouched = yield* top.run(source, true);
  if (untouched) return SAME;
  const inline = root.level === 0 ? top.inline() : undefined;
  if (inline !== undefined) return inline;
  return yield* stack(writer, top.close(), root.level);
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
  const inline = inlineOf(chunker);
  if (inline !== undefined) return inline;
  chunker.finish();
  return yield* stack(writer, chunker.out, 0);
}

function inlineOf(chunker: Chunker): MapResult | undefined {
  const { plainLength } = chunker.items;
  const leaf = chunker.inline(INLINE_MAP_BYTES_MAX);
  return leaf === undefined ? undefined : { form: 'inline', leaf, plainLength };
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
  const chunker = new Chunker(writer, 0, undefined);
  chunker.items.pushKept(node, 0, node.count);
  return inlineOf(chunker) ?? { form: 'node', top: found };
}

/** A leaf of more entries or bytes than this is over the limit for certain. */
function mayBeInline(top: FreshChild): boolean {
  return top.entries * 5 <= INLINE_MAP_BYTES_MAX;
}

/** Edits one level below the top; what changed goes to the level above. */
function* editLevel(
  writer: NodeWriter,
  root: Node,
  level: number,
  edits: EditSource,
): Generator<void, Change[]> {
  const changes: Change[] = [];
  while (edits.name !== undefined) {
    const region = new Region(writer, root, level);
    const untouched = yield* region.run(edits, false);
    if (!untouched) region.changes(changes);
  }
  return changes;
}

/** A replaced, added or removed child, as an edit of the level above. */
interface Change {
  readonly name: Uint8Array;
  readonly child: FreshChild | undefined;
}

class ChangeSource implements EditSource {
  readonly #changes: readonly Change[];
  #at = 0;

  constructor(changes: readonly Change[]) {
    this.#changes = changes;
  }

  get name(): EditSource['name'] {
    const change = this.#changes[this.#at];
    if (change === undefined) return undefined;
    return { bytes: change.name, start: 0, end: change.name.length };
  }

  apply(): FreshChild | undefined {
    return this.#changes[this.#at]?.child;
  }

  advance(): void {
    this.#at++;
  }
}

interface OldNode {
  readonly name: Uint8Array;
  /** Undefined for the top. */
  readonly address: Uint8Array | undefined;
}

/** A stretch of one level that is cut anew. */
class Region {
  readonly #writer: NodeWriter;
  readonly #level: number;
  readonly #cursor: LevelCursor;
  /** At the leftmost node that went in. */
  #left: LevelCursor;
  #chunker: Chunker;
  /** The nodes that went in, in order. */
  readonly #old: OldNode[] = [];
  #changed = false;
  /** Whether the last entry of the last node that went in is the chunker's last item. */
  #lastKept = false;

  constructor(writer: NodeWriter, root: Node, level: number) {
    this.#writer = writer;
    this.#level = level;
    this.#cursor = LevelCursor.at(writer.cache, root, level);
    this.#left = this.#cursor;
    this.#chunker = new Chunker(writer, level, undefined);
  }

  /**
   * Applies edits until the level is in step with its old nodes again. Returns whether nothing
   * changed.
   */
  *run(edits: EditSource, whole: boolean): Generator<void, boolean> {
    const cursor = this.#cursor;
    const { name } = edits;
    if (name !== undefined) cursor.seek(name.bytes, name.start, name.end);
    this.#begin();
    for (;;) {
      this.#merge(edits);
      while (this.#chunker.fenceFell) this.#extendLeft();
      if (cursor.isLast) {
        while (this.#chunker.endsBehindFence || this.#chunker.fenceFell) this.#extendLeft();
        break;
      }
      if (!this.#changed && !this.#nextTouched(edits)) return true;
      if (this.#inStep() && !this.#nextTouched(edits)) break;
      this.#chunker.drain();
      yield;
      cursor.next();
    }
    if (!this.#changed) return true;
    if (!whole) this.#chunker.finish();
    return false;
  }

  /** Sets the fence that lies left of the first node; what ended by force there is cut anew too. */
  #begin(): void {
    this.#left = this.#cursor.clone();
    const left = this.#left.neighbour(-1);
    this.#chunker = new Chunker(this.#writer, this.#level, this.#fenceOf(left));
    if (left !== undefined && left.node.cut(left.index) !== NATURAL) this.#extendLeft();
  }

  #fenceOf(left: Place | undefined): number | undefined {
    if (left === undefined) return undefined;
    return boundaryHash(left.node.name(left.index), this.#level, 0);
  }

  /** Cuts the nodes on the left anew as well, up to a natural end. */
  #extendLeft(): void {
    let left: Place | undefined;
    do {
      this.#left.previous();
      const { node } = this.#left;
      const front = new Items(this.#level);
      front.pushKept(node, 0, node.count);
      this.#old.unshift(oldNode(this.#left));
      left = this.#left.neighbour(-1);
      this.#chunker.extendLeft(front, this.#fenceOf(left));
    } while (left !== undefined && left.node.cut(left.index) !== NATURAL);
  }

  /** Whether the edit at hand falls into the node right of the cursor. */
  #nextTouched(edits: EditSource): boolean {
    const { name } = edits;
    if (name === undefined) return false;
    const right = this.#cursor.neighbour(1);
    if (right === undefined || right.last) return right !== undefined;
    return compareRange(name.bytes, name.start, name.end, right.node.name(right.index)) <= 0;
  }

  /** Whether the node's old end is a natural end still. */
  #inStep(): boolean {
    const { place } = this.#cursor;
    if (place === undefined || place.node.cut(place.index) !== NATURAL) return false;
    return this.#lastKept && this.#chunker.lastStillEnds();
  }

  /** Merges the node at the cursor with the edits that fall into it. */
  #merge(edits: EditSource): void {
    const cursor = this.#cursor;
    const { node } = cursor;
    const { items } = this.#chunker;
    this.#old.push(oldNode(cursor));
    const open = cursor.isLast;
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
      this.#changed = true;
      items.pushKept(node, from, index);
      from = found ? index + 1 : index;
      if (result !== undefined) items.pushFresh(result);
      else if (index === node.count - 1) lastRemoved = true;
    }
    items.pushKept(node, from, node.count);
    this.#lastKept = !lastRemoved;
  }

  /** The whole level as an inline leaf, if it is that small. */
  inline(): MapResult | undefined {
    return inlineOf(this.#chunker);
  }

  /** The nodes of a region that is the whole level. */
  close(): readonly FreshChild[] {
    this.#chunker.finish();
    return this.#chunker.out;
  }

  /** What the region changes for the level above: removed names and new children, in order. */
  changes(out: Change[]): void {
    const fresh = this.#chunker.out;
    let at = 0;
    for (const old of this.#old) {
      while (at < fresh.length && compareBytes(fresh[at].bytes, old.name) < 0) {
        out.push(changeTo(fresh[at++]));
      }
      const next = fresh[at];
      if (next === undefined || !equalBytes(next.bytes, old.name)) {
        out.push({ name: old.name, child: undefined });
        continue;
      }
      at++;
      const same = old.address !== undefined && equalBytes(next.address, old.address);
      if (!same) out.push(changeTo(next));
    }
    while (at < fresh.length) out.push(changeTo(fresh[at++]));
  }
}

function oldNode(cursor: LevelCursor): OldNode {
  const { place } = cursor;
  return { name: cursor.lastName(), address: place?.node.childAddress(place.index) };
}

function changeTo(child: FreshChild): Change {
  return { name: child.bytes, child };
}
