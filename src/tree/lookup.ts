/**
 * Finding things in a tree: from a root and a key to the record, the stream, the child map.
 *
 * A tree is what a root reaches, across the borders of nested buckets: the entry of a bucket is the
 * one within its root. The way to a directory is remembered as text, since most reads come to
 * directories that were read before; the last name is searched in place.
 */
import type { Address } from '../blocks/address.js';
import { equalBytes } from '../ground/bytes.js';
import { nameBytes } from '../ground/text.js';
import { type Key, type Names, parseKey } from './key.js';
import type { Node } from './node.js';
import type { NodeCache } from './node-cache.js';
import {
  type BlockPart,
  type BucketPart,
  CHILD_BUCKET,
  CHILD_INLINE,
  CHILD_NONE,
  type ChildPart,
  findStream,
  inlineChild,
  type PlacedPart,
  recordChild,
} from './record.js';
import { loadRoot, type Root } from './root.js';

/** Where a record stands: in a leaf, at an index. */
export interface Spot {
  readonly node: Node;
  readonly index: number;
}

/** Directories whose way is remembered in each of two generations. */
const WAYS_MAX = 16_384;
const SLASH = 0x2f;

/**
 * The top node of a record's child map; through the root, if it is a bucket. Undefined where there
 * is none.
 */
export function childMap(cache: NodeCache, spot: Spot, child: ChildPart): Node | undefined {
  if (child.form === CHILD_NONE) return undefined;
  if (child.form === CHILD_INLINE) return inlineChild(spot.node, spot.index, child);
  if (child.form === CHILD_BUCKET) return childMapAt(cache, ownEntry(cache, child));
  return cache.load(child.id, child.address);
}

export function childMapAt(cache: NodeCache, spot: Spot): Node | undefined {
  return childMap(cache, spot, recordChild(spot.node, spot.index));
}

function ownEntry(cache: NodeCache, { id, root }: BucketPart): Spot {
  return { node: loadRoot(cache, id, root).node, index: 0 };
}

export function findInMap(
  cache: NodeCache,
  top: Node,
  name: Uint8Array,
  start = 0,
  end = name.length,
): Spot | undefined {
  let node = top;
  while (node.level > 0) node = cache.child(node, node.childFor(name, start, end));
  const index = node.find(name, start, end);
  return index < 0 ? undefined : { node, index };
}

/** Whether a record is a bucket's: the form of its child map stands in its first byte. */
export function isBucket(node: Node, index: number): boolean {
  return (node.bytes[node.recordStart(index)] & 3) === CHILD_BUCKET;
}

/** The same, by way of the border: a bucket's entry is the one in its root. */
export function crossBorder(cache: NodeCache, spot: Spot): Spot {
  const child = recordChild(spot.node, spot.index);
  return child.form === CHILD_BUCKET ? ownEntry(cache, child) : spot;
}

export class Tree {
  readonly cache: NodeCache;
  readonly root: Root;
  /**
   * From a directory's text to the top node of its child map: those used lately, and those before
   * them.
   */
  #ways = new Map<string, Node>();
  #oldWays = new Map<string, Node>();
  /** The latest way to a child map, name by name, with the map below each. */
  readonly #path: { readonly names: Uint8Array[]; readonly maps: Node[] } = { names: [], maps: [] };

  constructor(cache: NodeCache, root: Root) {
    this.cache = cache;
    this.root = root;
  }

  static load(cache: NodeCache, id: number | undefined, address: Address): Tree {
    return new Tree(cache, loadRoot(cache, id, address));
  }

  get top(): Spot {
    return { node: this.root.node, index: 0 };
  }

  /** The record of a key, as it stands in its bucket; undefined where there is none. */
  find(names: Names): Spot | undefined {
    const spot = names.length === 0 ? this.top : this.outer(names);
    return spot && crossBorder(this.cache, spot);
  }

  /**
   * The top node of the child map of a key. A walk through a tree comes by ways that begin
   * alike.
   */
  mapOf(names: Names): Node | undefined {
    const { names: known, maps } = this.#path;
    let depth = 0;
    while (depth < names.length && this.#isOnPath(depth, names[depth])) depth++;
    let map = depth === 0 ? childMapAt(this.cache, this.top) : maps[depth - 1];
    for (; depth < names.length && map !== undefined; depth++) {
      const found = findInMap(this.cache, map, names[depth]);
      map = found && childMapAt(this.cache, crossBorder(this.cache, found));
      known.length = depth;
      maps.length = depth;
      if (map === undefined) break;
      known.push(names[depth]);
      maps.push(map);
    }
    return map;
  }

  #isOnPath(depth: number, name: Uint8Array): boolean {
    const known = this.#path.names[depth];
    if (known === undefined || !equalBytes(known, name)) return false;
    return this.#path.maps[depth]?.evicted === false;
  }

  /** The record of a key as it stands in its parent: for a bucket, the one that names it. */
  outer(names: Names): Spot | undefined {
    const last = names[names.length - 1];
    const map = last === undefined ? undefined : this.mapOf(names.slice(0, -1));
    return map && last && findInMap(this.cache, map, last);
  }

  bucketAt(
    names: Names,
  ): { bucket: Uint8Array; root: Address; rootBlock: number | undefined } | undefined {
    const spot = this.outer(names);
    if (spot === undefined || !isBucket(spot.node, spot.index)) return undefined;
    const child = recordChild(spot.node, spot.index) as BucketPart;
    return { bucket: child.bucket.slice(), root: child.root, rootBlock: child.id };
  }

  /** The root of the innermost bucket that rules a key's streams: a bucket's own are its own. */
  rootAround(names: Names): Root {
    for (let depth = names.length; depth > 0; depth--) {
      const found = this.bucketAt(names.slice(0, depth));
      if (found !== undefined) return loadRoot(this.cache, found.rootBlock, found.root);
    }
    return this.root;
  }

  /** The record of a key as users give it: the way of a hot read. */
  locate(key: Key): Spot | undefined {
    if (typeof key !== 'string') return this.find(parseKey(key));
    const slash = key.lastIndexOf('/');
    const map = this.#way(slash <= 0 ? '/' : key.slice(0, slash), key);
    if (map === undefined || key === '/') return this.find(parseKey(key));
    const end = encodeName(key, slash + 1);
    if (end < 0) return this.find(parseKey(key));
    const spot = findInMap(this.cache, map, scratch, 0, end);
    if (spot === undefined || !isBucket(spot.node, spot.index)) return spot;
    return crossBorder(this.cache, spot);
  }

  stream(key: Key, stream: string): PlacedPart | BlockPart | undefined {
    const spot = this.locate(key);
    return spot === undefined ? undefined : findStream(spot.node, spot.index, stream);
  }

  #way(directory: string, key: string): Node | undefined {
    const known = this.#ways.get(directory);
    if (known !== undefined && !known.evicted) return known;
    const older = this.#oldWays.get(directory);
    const map = older === undefined || older.evicted ? this.#find(directory, key) : older;
    if (map === undefined) return undefined;
    if (this.#ways.size >= WAYS_MAX) {
      this.#oldWays = this.#ways;
      this.#ways = new Map();
    }
    this.#ways.set(directory, map);
    return map;
  }

  #find(directory: string, key: string): Node | undefined {
    const names = parseKey(directory);
    parseKey(key);
    return this.mapOf(names);
  }
}

/** A name being looked up. Valid until the next look-up. */
const scratch = new Uint8Array(1024);

/**
 * Encodes the name `key[from..]` to `scratch` and returns its end, or -1 where only `parseKey` can
 * judge it.
 */
function encodeName(key: string, from: number): number {
  const length = key.length - from;
  if (length === 0 || length > 255) return -1;
  for (let i = 0; i < length; i++) {
    const code = key.charCodeAt(from + i);
    if (code >= 0x80 || code === 0 || code === SLASH) return encodeWide(key.slice(from));
    scratch[i] = code;
  }
  return scratch[0] === 0x2e && length <= 2 ? -1 : length;
}

function encodeWide(name: string): number {
  const bytes = nameBytes(name);
  if (bytes === undefined || bytes.length > 255 || bytes.includes(0)) return -1;
  scratch.set(bytes);
  return bytes.length;
}
