/**
 * Reading a tree: what snapshots and transactions have in common. All of it is synchronous, since
 * metadata is local; only the bytes of contents are awaited.
 */

import type { ContentStore } from '../chunks/content-store.js';
import type { Core } from '../commit/core.js';
import { RegaliaError } from '../ground/errors.js';
import { nameBytes } from '../ground/text.js';
import type { Encoding } from '../streams/rule.js';
import { Stream, type StreamHome } from '../streams/stream.js';
import { type Key, keyText, type Names, parseKey } from '../tree/key.js';
import { type FindOptions, keyAutomaton, namesAbove } from '../tree/key-pattern.js';
import { findInMap, type Spot, type Tree } from '../tree/lookup.js';
import type { Node } from '../tree/node.js';
import type { NodeCache } from '../tree/node-cache.js';
import { MapScan, type NameRange } from '../tree/scan.js';
import { type Search, searchFor, walkMap } from '../tree/walk.js';
import { Entry } from './entry.js';

/** A range of names. Bounds are names as strings or bytes. */
export interface ChildRange {
  readonly gt?: string | Uint8Array;
  readonly gte?: string | Uint8Array;
  readonly lt?: string | Uint8Array;
  readonly lte?: string | Uint8Array;
  readonly reverse?: boolean;
  readonly limit?: number;
}

export abstract class View implements StreamHome {
  protected readonly core: Core;

  constructor(core: Core) {
    this.core = core;
  }

  get cache(): NodeCache {
    return this.core.cache;
  }

  get contents(): ContentStore {
    return this.core.contents;
  }

  /** Streams outlive the view that they were read through, but not the store. */
  checkOpen(): void {
    this.core.check();
  }

  /** Throws once it may no longer be read. */
  abstract check(): void;

  /** The tree to read, with everything done so far in it. */
  protected abstract tree(): Tree;

  /** The entry of a key, or undefined where there is none. REGALIA_KEY. */
  entry(key: Key): Entry | undefined {
    this.check();
    return this.entryIn(this.tree(), parseKey(key));
  }

  protected entryIn(tree: Tree, names: Names): Entry | undefined {
    const last = names[names.length - 1];
    if (last === undefined) return new Entry(this, tree.top, '');
    const parent = names.slice(0, -1);
    const map = tree.mapOf(parent);
    if (map === undefined) return undefined;
    const spot = findInMap(this.cache, map, last, 0, last.length);
    return spot === undefined ? undefined : new Entry(this, spot, prefixOf(parent));
  }

  /** A stream of an entry, or undefined where there is none. */
  get(key: Key, stream: string): Stream | undefined {
    this.check();
    const part = this.tree().stream(key, stream);
    return part && new Stream(this, part, key, stream);
  }

  /** The children of a key in bytewise order of their names. Empty where there is no such key. */
  *children(key: Key, range: ChildRange = {}): Generator<Entry, void, undefined> {
    this.check();
    const names = parseKey(key);
    const bounds = nameRange(range);
    const map = this.tree().mapOf(names);
    if (map === undefined) return;
    const scan = new MapScan(this.cache, map, bounds);
    const parent = prefixOf(names);
    while (scan.next()) {
      yield new Entry(this, { node: scan.node, index: scan.index }, parent);
      this.check();
    }
  }

  /** Every entry at and beneath a key, each before what lies beneath it, in key order. */
  *walk(key: Key = '/'): Generator<Entry, void, undefined> {
    this.check();
    const names = parseKey(key);
    const top = this.entryIn(this.tree(), names);
    if (top === undefined) return;
    yield top;
    const map = this.tree().mapOf(names);
    if (map === undefined) return;
    yield* this.#entriesIn(map, prefixOf(names));
  }

  /**
   * Entries whose whole keys match a glob, in key order: `*` is any run of characters within a
   * name, `**` one across names, `?` a character, `[a-z]` one of a class, `{a,b}` one of some
   * patterns. A pattern without '/' is of the last name alone. Subtrees without a match are not
   * read. REGALIA_OPTION, REGALIA_RANGE.
   */
  *find(pattern: string, options: FindOptions = {}): Generator<Entry, void, undefined> {
    this.check();
    const automaton = keyAutomaton(pattern, options);
    this.reading(namesAbove(automaton));
    let left = options.limit ?? Number.POSITIVE_INFINITY;
    const map = this.tree().mapOf([]);
    const search = searchFor(automaton);
    if (map === undefined || search === undefined || left === 0) return;
    for (const entry of this.#entriesIn(map, '', search)) {
      yield entry;
      if (--left === 0) return;
    }
  }

  *#entriesIn(map: Node, parent: string, search?: Search): Generator<Entry, void, undefined> {
    const inner = (key: string, { node, index }: Spot): string => `${key}/${node.nameText(index)}`;
    for (const { spot, parent: above } of walkMap(this.cache, map, parent, inner, search)) {
      yield new Entry(this, spot, above);
      this.check();
    }
  }

  /** Called before all beneath a key is searched. */
  protected reading(_names: Names): void {}

  encodingOf(key: Key, stream: string): Encoding {
    const root = this.tree().rootAround(parseKey(key));
    return this.core.rules(root.rules).ruleOf(stream).encoding;
  }
}

function prefixOf(names: Names): string {
  return names.length === 0 ? '' : keyText(names);
}

function nameRange(range: ChildRange): NameRange {
  if (typeof range !== 'object' || range === null) throw badRange('a range', String(range));
  const { reverse, limit } = range;
  return {
    gt: boundBytes(range.gt),
    gte: boundBytes(range.gte),
    lt: boundBytes(range.lt),
    lte: boundBytes(range.lte),
    reverse,
    limit,
  };
}

/** A bound need not be a name that could exist, but it must be text or bytes. */
function boundBytes(bound: string | Uint8Array | undefined): Uint8Array | undefined {
  if (bound === undefined || bound instanceof Uint8Array) return bound;
  if (typeof bound !== 'string') throw badRange('a name as bound', typeof bound);
  const bytes = nameBytes(bound);
  if (bytes === undefined) throw badRange('a name as bound', 'a lone surrogate');
  return bytes;
}

function badRange(expected: string, actual: string): RegaliaError {
  return new RegaliaError('REGALIA_RANGE', `expected ${expected}, found ${actual}`, {
    expected,
    actual,
  });
}
