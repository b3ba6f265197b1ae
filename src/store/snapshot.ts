/**
 * Reading a tree: what snapshots and transactions have in common, and the entries they return. All
 * of it is synchronous, since metadata is local; only the bytes of contents are awaited.
 *
 * A snapshot is the readable state of a bucket at a commit. It holds no transaction and no lock,
 * costs nothing to take, and reads the same for ever, whatever is written meanwhile. An entry is a
 * view of a record; nothing of it is decoded before it is asked for.
 */
import { type Address, addressText } from '../blocks/address.js';
import type { ContentStore } from '../chunks/content-store.js';
import type { Core } from '../commit/core.js';
import type { ReadSet } from '../commit/read-set.js';
import type { Gate } from '../commit/underway.js';
import { compareBytes, concatBytes, hex } from '../ground/bytes.js';
import { badRange, closed, expired } from '../ground/errors.js';
import { NAME_BYTES_MAX } from '../ground/limits.js';
import { nameBytes } from '../ground/text.js';
import { checkStreamName, type Encoding } from '../streams/rule.js';
import { openStream, type Stream, type StreamData, type StreamHome } from '../streams/stream.js';
import { recordAddress } from '../tree/equal.js';
import { type Key, keyText, type Names, parseKey } from '../tree/key.js';
import { type FindOptions, keyAutomaton, namesAbove } from '../tree/key-pattern.js';
import { crossBorder, findInMap, isBucket, type Spot, type Tree } from '../tree/lookup.js';
import type { Node } from '../tree/node.js';
import type { NodeCache } from '../tree/node-cache.js';
import {
  CHILD_BUCKET,
  CHILD_NONE,
  findStream,
  INLINE,
  type RecordParts,
  readRecord,
  recordChild,
  type StreamPart,
} from '../tree/record.js';
import { MapScan, type NameRange } from '../tree/scan.js';
import { type Search, searchFor, walkMap } from '../tree/walk.js';
import { CALLS, type ChildRange } from './options.js';

/**
 * Streams of any names, with any data: what a store has whose streams were not given types. A store
 * with types may go wherever one without them may.
 */
// biome-ignore lint/suspicious/noExplicitAny: no other type goes both ways.
export type AnyStreams = any;

/** What each stream of a store is decoded to, by name: `{ title: string; acl: Uint8Array }`. */
export type StreamTypes<Streams> = { readonly [Name in keyof Streams]: StreamData };

/** The names of a store's streams: any text, where they were not given types. */
export type StreamName<Streams> = Extract<keyof Streams, string>;

/** What a stream is decoded to: anything that can be stored, where it was not given a type. */
export type DecodedData<Streams, Name extends keyof Streams> = 0 extends 1 & Streams
  ? StreamData
  : Streams[Name];

/** What can be read of a bucket: the state at a commit, or within a transaction. */
export interface View<Streams extends StreamTypes<Streams> = AnyStreams> {
  /** The commit that it is read at, or that the transaction began on. */
  readonly base: string;

  /** The entry of a key, or undefined where there is none. REGALIA_KEY. */
  entry(key: Key): Entry<Streams> | undefined;

  /** A stream of an entry, or undefined where there is none. REGALIA_KEY, REGALIA_STREAM. */
  get<Name extends StreamName<Streams>>(
    key: Key,
    stream: Name,
  ): Stream<DecodedData<Streams, Name>> | undefined;

  /**
   * The children of a key in bytewise order of their names. Empty where there is no such key.
   * REGALIA_KEY, REGALIA_RANGE.
   */
  children(key: Key, range?: ChildRange): Generator<Entry<Streams>, void, undefined>;

  /** Every entry at and below a key, each before what is below it, in key order. REGALIA_KEY. */
  walk(key?: Key): Generator<Entry<Streams>, void, undefined>;

  /**
   * Entries whose whole keys match a glob, in key order: `*` is any run of characters within a
   * name, `**` one across names, `?` a character, `[a-z]` one of a class, `{a,b}` one of some
   * patterns. A pattern without '/' is of the last name alone. Subtrees without a match are not
   * read. REGALIA_OPTION, REGALIA_RANGE.
   */
  find(pattern: string, options?: FindOptions): Generator<Entry<Streams>, void, undefined>;
}

/** Reads of some tree of a store. */
export abstract class Reading implements StreamHome {
  readonly core: Core;
  /** Where reads are noted, if anybody asks for them. */
  readonly reads: ReadSet | undefined;
  /** Where reads begin. */
  readonly gate: Gate;

  constructor(core: Core, reads?: ReadSet, gate = core.underway.outer) {
    this.core = core;
    this.reads = reads;
    this.gate = gate;
  }

  get cache(): NodeCache {
    return this.core.cache;
  }

  get contents(): ContentStore {
    return this.core.contents;
  }

  /** Streams outlive the view that they were read through, but not the store. */
  checkOpen(): void {
    this.gate.check();
  }

  checkKept(_part: StreamPart): void {}

  during<T>(read: () => Promise<T>): Promise<T> {
    return this.gate.during(read);
  }

  /** Throws once it may no longer be read. */
  abstract check(): void;

  /** The tree to read, with everything done so far in it. */
  abstract tree(): Tree;

  /** The key of the whole tree that these names are, where they are of a bucket in it. */
  full(names: Names): Names {
    return names;
  }

  entry(key: Key): Entry | undefined {
    this.check();
    const names = parseKey(key);
    this.reads?.entry(this.full(names));
    return this.#entryIn(this.tree(), names);
  }

  #entryIn(tree: Tree, names: Names): Entry | undefined {
    const last = names[names.length - 1];
    if (last === undefined) return makeEntry(this, tree.top, '');
    const parent = names.slice(0, -1);
    const map = tree.mapOf(parent);
    if (map === undefined) return undefined;
    const spot = findInMap(this.cache, map, last, 0, last.length);
    return spot === undefined ? undefined : makeEntry(this, spot, prefixOf(parent));
  }

  get(key: Key, stream: string): Stream | undefined {
    this.check();
    if (typeof stream !== 'string') checkStreamName(stream);
    // The tree finds what it has found before by text alone.
    if (typeof key === 'string' && !key.startsWith('/')) parseKey(key);
    const tree = this.tree();
    const part = tree.stream(key, stream);
    if (part === undefined) return undefined;
    const { algorithm } = part.form === INLINE ? part.node : tree.root;
    return openStream({ home: this, part, algorithm, key, name: stream });
  }

  children(key: Key, range?: ChildRange): Generator<Entry, void, undefined> {
    this.check();
    const names = parseKey(key);
    const bounds = nameRange(CALLS.children.check(range));
    this.reads?.children(this.full(names));
    return this.#children(names, bounds);
  }

  *#children(names: Names, bounds: NameRange): Generator<Entry, void, undefined> {
    this.check();
    const map = this.tree().mapOf(names);
    if (map === undefined) return;
    const scan = new MapScan(this.cache, map, bounds);
    const parent = prefixOf(names);
    while (scan.next()) {
      yield makeEntry(this, { node: scan.node, index: scan.index }, parent);
      this.check();
    }
  }

  walk(key: Key = '/'): Generator<Entry, void, undefined> {
    this.check();
    const names = parseKey(key);
    this.reads?.subtree(this.full(names));
    return this.#walk(names);
  }

  *#walk(names: Names): Generator<Entry, void, undefined> {
    this.check();
    const top = this.#entryIn(this.tree(), names);
    if (top === undefined) return;
    yield top;
    this.check();
    const map = this.tree().mapOf(names);
    if (map === undefined) return;
    yield* this.#entriesIn(map, prefixOf(names));
  }

  find(pattern: string, options?: FindOptions): Generator<Entry, void, undefined> {
    this.check();
    const given = CALLS.find.check(options);
    const automaton = keyAutomaton(pattern, given);
    this.reads?.subtree(this.full(namesAbove(automaton)));
    return this.#find(searchFor(automaton), given.limit ?? Number.POSITIVE_INFINITY);
  }

  *#find(search: Search | undefined, limit: number): Generator<Entry, void, undefined> {
    this.check();
    const map = this.tree().mapOf([]);
    if (map === undefined || search === undefined || limit === 0) return;
    let left = limit;
    for (const entry of this.#entriesIn(map, '', search)) {
      yield entry;
      if (--left === 0) return;
    }
  }

  *#entriesIn(map: Node, parent: string, search?: Search): Generator<Entry, void, undefined> {
    const inner = (key: string, { node, index }: Spot): string => `${key}/${node.nameText(index)}`;
    for (const { spot, parent: above } of walkMap(this.cache, map, parent, inner, search)) {
      yield makeEntry(this, spot, above);
      this.check();
    }
  }

  encodingOf(key: Key, stream: string): Encoding {
    const root = this.tree().rootAround(parseKey(key));
    return this.core.rules(root.rules).ruleOf(stream).encoding;
  }
}

function prefixOf(names: Names): string {
  return names.length === 0 ? '' : keyText(names);
}

// Ranges.

function nameRange(range: ChildRange): NameRange {
  const { gt, gte, lt, lte, prefix, reverse } = range;
  if (gt !== undefined && gte !== undefined) throw badRange('a range', 'gt or gte', 'both');
  if (lt !== undefined && lte !== undefined) throw badRange('a range', 'lt or lte', 'both');
  const bounds = {
    gt: boundBytes('gt', gt),
    gte: boundBytes('gte', gte),
    lt: boundBytes('lt', lt),
    lte: boundBytes('lte', lte),
    reverse,
    limit: range.limit === Number.POSITIVE_INFINITY ? undefined : range.limit,
  };
  const begin = boundBytes('prefix', prefix);
  return begin === undefined ? bounds : within(bounds, begin);
}

/** Behind all that names which begin alike go on with. */
const BEHIND = new Uint8Array(NAME_BYTES_MAX + 1).fill(0xff);

/** The same bounds, or those of the names with this prefix where they are closer. */
function within(bounds: NameRange, prefix: Uint8Array): NameRange {
  const low = bounds.gt ?? bounds.gte;
  const high = bounds.lt ?? bounds.lte;
  const end = concatBytes([prefix, BEHIND]);
  const isLow = low !== undefined && compareBytes(low, prefix) >= 0;
  const isHigh = high !== undefined && compareBytes(high, end) < 0;
  return {
    ...bounds,
    ...(isLow ? {} : { gt: undefined, gte: prefix }),
    ...(isHigh ? {} : { lt: end, lte: undefined }),
  };
}

/** A bound need not be a name that could exist, but its text must stand for bytes. */
function boundBytes(bound: string, name: string | Uint8Array | undefined): Uint8Array | undefined {
  if (typeof name !== 'string') return name;
  const bytes = nameBytes(name);
  if (bytes === undefined) throw badRange(bound, 'text that stands for bytes', 'a lone surrogate');
  return bytes;
}

// Snapshots.

/** Reads of the tree of a commit. */
class SnapshotReading extends Reading {
  readonly commit: Address;
  readonly #tree: Tree;
  readonly #madeMs: number;
  isDisposed = false;

  constructor(core: Core, tree: Tree, commit: Address) {
    super(core);
    this.commit = commit;
    this.#tree = tree;
    this.#madeMs = core.settings.now();
  }

  override tree(): Tree {
    return this.#tree;
  }

  override check(): void {
    this.gate.check();
    if (this.isDisposed) throw closed('snapshot');
    const { now, snapshotMaxAgeMs } = this.core.settings;
    if (snapshotMaxAgeMs === Number.POSITIVE_INFINITY) return;
    const ageMs = now() - this.#madeMs;
    if (ageMs > snapshotMaxAgeMs) throw expired('snapshot', ageMs);
  }
}

/** The state of a tree at a commit. */
export let openSnapshot: <Streams extends StreamTypes<Streams>>(
  core: Core,
  tree: Tree,
  commit: Address,
  isExact: boolean,
) => Snapshot<Streams>;

/**
 * The state of a bucket at a commit. It stays readable while writers go on, and needs no disposal.
 *
 * ```ts
 * const snapshot = store.snapshot();
 * snapshot.get('/photos/cat.jpg', 'acl')?.inline;
 * ```
 */
export class Snapshot<Streams extends StreamTypes<Streams> = AnyStreams> implements View<Streams> {
  readonly #reading: SnapshotReading;
  readonly #isExact: boolean;

  private constructor(reading: SnapshotReading, isExact: boolean) {
    this.#reading = reading;
    this.#isExact = isExact;
  }

  static {
    openSnapshot = (core, tree, commit, isExact) => {
      return new Snapshot(new SnapshotReading(core, tree, commit), isExact);
    };
  }

  /** The commit that it is the state of. */
  get base(): string {
    return addressText(this.#reading.commit);
  }

  /**
   * False where a date was asked for that lies before all that is known of the branch: then it is
   * the newest state before it by the commits' own times.
   */
  get exact(): boolean {
    return this.#isExact;
  }

  /** The contents root. */
  get root(): string {
    return addressText(this.#reading.tree().root.address);
  }

  entry(key: Key): Entry<Streams> | undefined {
    return this.#reading.entry(key);
  }

  get<Name extends StreamName<Streams>>(
    key: Key,
    stream: Name,
  ): Stream<DecodedData<Streams, Name>> | undefined {
    return this.#reading.get(key, stream) as Stream<DecodedData<Streams, Name>> | undefined;
  }

  children(key: Key, range?: ChildRange): Generator<Entry<Streams>, void, undefined> {
    return this.#reading.children(key, range);
  }

  walk(key?: Key): Generator<Entry<Streams>, void, undefined> {
    return this.#reading.walk(key);
  }

  find(pattern: string, options?: FindOptions): Generator<Entry<Streams>, void, undefined> {
    return this.#reading.find(pattern, options);
  }

  /** After this every method throws REGALIA_CLOSED. */
  [Symbol.dispose](): void {
    this.#reading.isDisposed = true;
  }
}

// Entries.

/** What is below an entry. */
export interface EntryTotals {
  /** Entries, without this one. */
  readonly entries: number;
  readonly buckets: number;
  /** Logical bytes of streams, this entry's included. */
  readonly bytes: number;
}

let makeEntry: (home: StreamHome, spot: Spot, parent: string) => Entry;

/** What a key names: its streams, and what is below it. It stays as it was when it was read. */
export class Entry<Streams extends StreamTypes<Streams> = AnyStreams> {
  readonly #home: StreamHome;
  readonly #outer: Spot;
  #spot: Spot | undefined;
  #parts: RecordParts | undefined;
  /** The text of the key that it lies in; '' for the top itself and for entries of the top. */
  readonly #parent: string;

  private constructor(home: StreamHome, spot: Spot, parent: string) {
    this.#home = home;
    this.#outer = spot;
    this.#parent = parent;
  }

  static {
    makeEntry = (home, spot, parent) => new Entry(home, spot, parent);
  }

  /** Its name; bytes that are not UTF-8 are lone surrogates U+DC80 to U+DCFF. Empty for the top. */
  get name(): string {
    return this.#outer.node.nameText(this.#outer.index);
  }

  /** Its name as it is stored. */
  get nameBytes(): Uint8Array {
    return this.#outer.node.name(this.#outer.index);
  }

  /** Its key as text. */
  get key(): string {
    return `${this.#parent}/${this.name}`;
  }

  get #record(): RecordParts {
    this.#parts ??= readRecord(this.#place.node, this.#place.index);
    return this.#parts;
  }

  /** Where its streams and children are: for a bucket, within its root. */
  get #place(): Spot {
    if (this.#spot === undefined) {
      const { node, index } = this.#outer;
      this.#spot = isBucket(node, index) ? crossBorder(this.#home.cache, this.#outer) : this.#outer;
    }
    return this.#spot;
  }

  /** The names of its streams, in bytewise order. */
  get streams(): readonly StreamName<Streams>[] {
    return this.#record.shape.names as readonly StreamName<Streams>[];
  }

  /** A stream, or undefined where it has none of that name. REGALIA_STREAM. */
  get<Name extends StreamName<Streams>>(
    stream: Name,
  ): Stream<DecodedData<Streams, Name>> | undefined {
    if (typeof stream !== 'string') checkStreamName(stream);
    const { node, index } = this.#place;
    const part = findStream(node, index, stream);
    const { algorithm } = node;
    return part && openStream({ home: this.#home, part, algorithm, key: this.key, name: stream });
  }

  /**
   * What names its streams and all that is below it, as `sha256:` or `blake3:` and 64 hexadecimal
   * digits: equal entries under equal rules have the same, whatever their names are. It serves as
   * an ETag, or as a cache's key.
   *
   * ```ts
   * const isSame = before.entry('/photos')?.address === after.entry('/photos')?.address;
   * ```
   */
  get address(): string {
    return addressText(recordAddress(this.#place.node.algorithm, this.#record));
  }

  /** Whether anything is below it. */
  get hasChildren(): boolean {
    return this.#record.child.form !== CHILD_NONE;
  }

  /** The id of the bucket that it is, as 32 hexadecimal digits; undefined where it is none. */
  get bucket(): string | undefined {
    const child = recordChild(this.#outer.node, this.#outer.index);
    return child.form === CHILD_BUCKET ? hex(child.bucket) : undefined;
  }

  /** What is below it, known without reading it. */
  get totals(): EntryTotals {
    const { child, streams } = this.#record;
    let bytes = 0;
    for (const { length } of streams) bytes += length;
    if (child.form === CHILD_NONE) return { entries: 0, buckets: 0, bytes };
    const { entries, buckets, inlineBytes, referencedBytes } = child.totals;
    return { entries, buckets, bytes: bytes + inlineBytes + referencedBytes };
  }
}
