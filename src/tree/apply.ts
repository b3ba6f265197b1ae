/**
 * Applies edits of entries to a whole tree: maps within records within maps, and through the
 * borders of buckets.
 *
 *     edits of a directory, sorted by name -> its children's maps -> its own map -> up to the root
 *
 * Everything is done in steps of about a node, bottom up, with memory for one directory's list of
 * edits at a time per level. What the edits do to nested buckets is reported: each bucket touched,
 * from the innermost outward.
 */
import type { Address } from '../blocks/address.js';
import type { AlgorithmNumber } from '../ground/block-header.js';
import { assert } from '../ground/errors.js';
import { type EditSource, editMapSteps, KEEP, type MapResult } from './edit.js';
import { Items } from './items.js';
import type { Names } from './key.js';
import { childMap, findInMap, type Spot } from './lookup.js';
import type { Node } from './node.js';
import type { NodeCache } from './node-cache.js';
import type { NodeWriter } from './node-writer.js';
import { childOf, isFull, placeRecord } from './placement.js';
import {
  type BucketPart,
  CHILD_BUCKET,
  CHILD_MAP,
  CHILD_NONE,
  type ChildPart,
  encodeRecord,
  type FreshRecord,
  inlineLeaf,
  measure,
  NO_CHILD,
  type RecordParts,
  readRecord,
  type StreamPart,
} from './record.js';
import {
  bucketPart,
  type CountedRoot,
  loadRoot,
  NO_NAME,
  type Root,
  type RootRef,
  writeRoot,
} from './root.js';
import { NO_STREAMS, type Shapes } from './shape.js';
import { call, type DeepSteps, finishSteps, flatten } from './steps.js';

/** A stream put (a part) or removed (undefined). */
export interface StreamEdit {
  readonly stream: string;
  readonly part: StreamPart | undefined;
}

/** What happens to one entry. Its name is `bytes[start..end]`. */
export interface EntryEdit {
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
  /** The record to place where there is none yet: the short way for a single stream. */
  readonly fresh?: FreshRecord | undefined;
  /** Whether everything at the key and below it goes first. */
  readonly clear: boolean;
  /** What stands there instead, before streams and children are edited. */
  readonly parts?: RecordParts | undefined;
  /**
   * `clear` and `parts` are about the contents of the bucket that the entry is, which stays a
   * bucket.
   */
  readonly inside?: boolean | undefined;
  /** The entry becomes a bucket, with what is there as its contents. */
  readonly bucket?: { readonly id: Uint8Array; readonly rules: Uint8Array } | undefined;
  readonly streams: readonly StreamEdit[];
  /** The edits below, sorted by name. */
  readonly below?: (() => readonly EntryEdit[]) | undefined;
}

/** A bucket that edits reached: made (no `before`) or changed. */
export interface TouchedBucket {
  readonly bucket: Uint8Array;
  /** The id of the bucket around it; undefined directly within the edited root. */
  readonly outer: Uint8Array | undefined;
  readonly before: Address | undefined;
  readonly after: RootRef;
}

/** A part of the tree that went, or came, whole, and has buckets in it. */
export interface MovedPart {
  readonly outer: Uint8Array | undefined;
  readonly child: ChildPart;
  readonly algorithm: AlgorithmNumber;
}

/** What editing a tree needs, and what it reports. */
export class TreeEdit {
  readonly cache: NodeCache;
  readonly #writerFor: (algorithm: AlgorithmNumber) => NodeWriter;
  /** Innermost first. */
  readonly touched: TouchedBucket[] = [];
  readonly removed: MovedPart[] = [];
  readonly added: MovedPart[] = [];

  constructor(cache: NodeCache, writerFor: (algorithm: AlgorithmNumber) => NodeWriter) {
    this.cache = cache;
    this.#writerFor = writerFor;
  }

  /** Applies the edit of the top entry to a root. Its name is not used. */
  rootSteps(root: Root, edit: EntryEdit, outer?: Uint8Array): Generator<void, CountedRoot> {
    return flatten(this.#rootSteps(root, edit, outer));
  }

  *#rootSteps(root: Root, edit: EntryEdit, outer?: Uint8Array): DeepSteps<CountedRoot> {
    const writer = this.#writerFor(root.algorithm);
    const spot = { node: root.node, index: 0 };
    const old = readRecord(root.node, 0);
    const wasFull = isFull(plainLengthOf(spot));
    if (edit.clear) this.#report(this.removed, old.child, outer, root.algorithm);
    if (edit.parts !== undefined) this.#report(this.added, edit.parts.child, outer, root.algorithm);
    const parts = edit.parts ?? (edit.clear ? EMPTY_PARTS : old);
    const kept = parts === old ? spot : undefined;
    const child = yield* call(this.#childSteps(writer, edit, kept, parts, outer));
    const streams = editStreams(this.cache.shapes, parts, edit.streams, child);
    return writeRoot(writer, root.rules, placeRecord(writer, NO_NAME, streams, wasFull));
  }

  /** The child map of an entry after the edits below it. */
  *#childSteps(
    writer: NodeWriter,
    edit: EntryEdit,
    spot: Spot | undefined,
    parts: RecordParts,
    outer: Uint8Array | undefined,
  ): DeepSteps<ChildPart> {
    const list = edit.below?.() ?? [];
    if (list.length === 0) return parts.child;
    const map = this.#mapOf(writer, spot, parts);
    const result = yield* call(this.#mapSteps(writer, map, list, outer));
    return result.form === 'same' ? parts.child : childOf(result);
  }

  #mapOf(writer: NodeWriter, spot: Spot | undefined, parts: RecordParts): Node | undefined {
    const { child } = parts;
    if (child.form === CHILD_NONE) return undefined;
    if (spot !== undefined) return childMap(this.cache, spot, child);
    const node = standIn(writer, parts);
    return childMap(this.cache, { node, index: 0 }, readRecord(node, 0).child);
  }

  /** Applies a sorted list of edits to a map. */
  *#mapSteps(
    writer: NodeWriter,
    map: Node | undefined,
    list: readonly EntryEdit[],
    outer: Uint8Array | undefined,
  ): DeepSteps<MapResult> {
    const prepared = new Map<EntryEdit, ChildPart>();
    for (const edit of list) {
      const { below, bucket, inside } = edit;
      const deep = below !== undefined || bucket !== undefined || inside === true;
      if (!deep) continue;
      prepared.set(edit, yield* call(this.#prepareSteps(writer, map, edit, outer)));
    }
    const source = new EntrySource(this, writer, list, prepared, outer);
    return yield* editMapSteps(writer, map, source);
  }

  /** Edits what lies below an entry, before its own map is edited. */
  *#prepareSteps(
    writer: NodeWriter,
    map: Node | undefined,
    edit: EntryEdit,
    outer: Uint8Array | undefined,
  ): DeepSteps<ChildPart> {
    const found =
      map === undefined ? undefined : findInMap(this.cache, map, edit.bytes, edit.start, edit.end);
    if (edit.inside === true && found !== undefined) {
      const { child } = readRecord(found.node, found.index);
      assert(child.form === CHILD_BUCKET, 'the inside is of a bucket');
      return yield* call(this.#bucketSteps(child, edit, outer));
    }
    const kept = edit.clear ? undefined : found;
    const parts =
      edit.parts ?? (kept === undefined ? EMPTY_PARTS : readRecord(kept.node, kept.index));
    const spot = edit.parts === undefined ? kept : undefined;
    if (parts.child.form === CHILD_BUCKET)
      return yield* call(this.#bucketSteps(parts.child, edit, outer));
    if (edit.bucket === undefined)
      return yield* call(this.#childSteps(writer, edit, spot, parts, outer));
    const { id, rules } = edit.bucket;
    const child = yield* call(this.#childSteps(writer, edit, spot, parts, id));
    const inner = editStreams(this.cache.shapes, parts, edit.streams, child);
    const after = writeRoot(writer, rules, placeRecord(writer, NO_NAME, inner, true));
    this.touched.push({ bucket: id, outer, before: undefined, after });
    return bucketPart(id, after);
  }

  /** Edits the bucket that an entry is. */
  bucketSteps(
    child: BucketPart,
    edit: EntryEdit,
    outer: Uint8Array | undefined,
  ): Generator<void, ChildPart> {
    return flatten(this.#bucketSteps(child, edit, outer));
  }

  *#bucketSteps(
    child: BucketPart,
    edit: EntryEdit,
    outer: Uint8Array | undefined,
  ): DeepSteps<ChildPart> {
    const bucket = child.bucket.slice();
    const root = loadRoot(this.cache, child.id, child.root);
    // What cleared or placed the bucket was done outside; an edit may be of a class whose fields
    // are getters.
    const { bytes, start, end, streams, below } = edit;
    const inside = edit.inside === true;
    const clear = inside && edit.clear;
    const within = {
      bytes,
      start,
      end,
      clear,
      parts: inside ? edit.parts : undefined,
      streams,
      below,
    };
    const after = yield* call(this.#rootSteps(root, within, bucket));
    this.touched.push({ bucket, outer, before: root.address, after });
    return bucketPart(bucket, after);
  }

  #report(
    list: MovedPart[],
    child: ChildPart,
    outer: Uint8Array | undefined,
    algorithm: AlgorithmNumber,
  ): void {
    const hasBuckets =
      child.form === CHILD_BUCKET || (child.form !== CHILD_NONE && child.totals.buckets > 0);
    if (hasBuckets) list.push({ outer, child, algorithm });
  }

  /** Reports buckets that an entry loses or gains whole. */
  replaced(
    old: RecordParts | undefined,
    parts: RecordParts | undefined,
    outer: Uint8Array | undefined,
    algorithm: AlgorithmNumber,
  ): void {
    if (old !== undefined) this.#report(this.removed, old.child, outer, algorithm);
    if (parts !== undefined) this.#report(this.added, parts.child, outer, algorithm);
  }
}

const EMPTY_PARTS: RecordParts = { shape: NO_STREAMS, streams: [], child: NO_CHILD };

/** The list of edits of one map, as the source of the map's editor. */
class EntrySource implements EditSource {
  readonly #edit: TreeEdit;
  readonly #writer: NodeWriter;
  readonly #list: readonly EntryEdit[];
  readonly #prepared: ReadonlyMap<EntryEdit, ChildPart>;
  readonly #outer: Uint8Array | undefined;
  #at = 0;

  constructor(
    edit: TreeEdit,
    writer: NodeWriter,
    list: readonly EntryEdit[],
    prepared: ReadonlyMap<EntryEdit, ChildPart>,
    outer: Uint8Array | undefined,
  ) {
    this.#edit = edit;
    this.#writer = writer;
    this.#list = list;
    this.#prepared = prepared;
    this.#outer = outer;
  }

  get name(): EditSource['name'] {
    return this.#list[this.#at];
  }

  advance(): void {
    this.#at++;
  }

  apply(node: Node | undefined, index: number): FreshRecord | typeof KEEP | undefined {
    const edit = this.#list[this.#at];
    const fresh = node === undefined ? edit.fresh : undefined;
    if (fresh !== undefined) return fresh;
    const found = node === undefined ? undefined : readRecord(node, index);
    const whole = edit.inside !== true;
    if (whole && (edit.clear || edit.parts !== undefined)) {
      this.#edit.replaced(found, edit.parts, this.#outer, this.#writer.algorithm);
    }
    const before = whole ? (edit.parts ?? (edit.clear ? undefined : found)) : found;
    if (before?.child.form === CHILD_BUCKET || edit.bucket !== undefined) {
      return this.#placeBucket(edit, before ?? EMPTY_PARTS);
    }
    const parts = before ?? EMPTY_PARTS;
    const child = this.#prepared.get(edit) ?? parts.child;
    if (child === parts.child && edit.streams.length === 0 && before === found) {
      return found === undefined ? undefined : KEEP;
    }
    const after = editStreams(this.#edit.cache.shapes, parts, edit.streams, child);
    if (after.streams.length === 0 && child.form === CHILD_NONE) return undefined;
    const keptMap = child === parts.child && child.form === CHILD_MAP;
    const from = edit.parts === undefined ? node : undefined;
    const wasFull = keptMap && (from === undefined || isFull(plainLengthOf({ node: from, index })));
    return placeRecord(this.#writer, nameOf(edit), after, wasFull);
  }

  /** A bucket's record has its id and root alone; streams are those of its own entry. */
  #placeBucket(edit: EntryEdit, parts: RecordParts): FreshRecord | typeof KEEP {
    let child = this.#prepared.get(edit);
    if (child === undefined && edit.streams.length > 0) {
      assert(parts.child.form === CHILD_BUCKET, 'new buckets are prepared');
      child = finishSteps(this.#edit.bucketSteps(parts.child, edit, this.#outer));
    }
    if (child === undefined && edit.parts === undefined) return KEEP;
    const record = { shape: NO_STREAMS, streams: [], child: child ?? parts.child };
    return placeRecord(this.#writer, nameOf(edit), record, false);
  }
}

function nameOf(edit: EntryEdit): Uint8Array {
  return edit.bytes.subarray(edit.start, edit.end);
}

function plainLengthOf(spot: Spot): number {
  return measure(spot.node, spot.index).plainLength;
}

/** The streams of a record after edits, under their new shape. */
function editStreams(
  shapes: Shapes,
  parts: RecordParts,
  edits: readonly StreamEdit[],
  child: ChildPart,
): RecordParts {
  if (edits.length === 0) {
    if (child === parts.child) return parts;
    return { shape: parts.shape, streams: parts.streams, child };
  }
  const streams = new Map<string, StreamPart>();
  for (const [i, name] of parts.shape.names.entries()) {
    streams.set(name, parts.streams[i]);
  }
  for (const { stream, part } of edits) {
    if (part === undefined) streams.delete(stream);
    else streams.set(stream, part);
  }
  const shape = shapes.of([...streams.keys()]);
  return { shape, streams: shape.names.map((name) => streams.get(name) as StreamPart), child };
}

/**
 * A leaf of one record made of parts that stand nowhere yet, so that their child map can be read in
 * place.
 */
function standIn(writer: NodeWriter, parts: RecordParts): Node {
  const items = new Items(0);
  items.pushFresh(encodeRecord(NO_NAME, parts));
  const { body, links } = writer.writeInline(items, 0, 1);
  return inlineLeaf(writer.cache.shapes, writer.algorithm, body, links);
}

/** The edit of the top entry that edits the entry of one key. */
export function editAt(
  names: Names,
  edit: Omit<EntryEdit, 'bytes' | 'start' | 'end' | 'below' | 'fresh'>,
): EntryEdit {
  return editWithin(names, { bytes: NO_NAME, start: 0, end: 0, ...edit });
}

/** The edit of the top entry that does to a key's entry what `edit` does to a top. */
export function editWithin(names: Names, edit: EntryEdit): EntryEdit {
  let inner = edit;
  for (let i = names.length - 1; i >= 0; i--) {
    const bytes = names[i] as Uint8Array;
    const list = [{ ...inner, bytes, start: 0, end: bytes.length }];
    const below = (): readonly EntryEdit[] => list;
    inner = { bytes: NO_NAME, start: 0, end: 0, clear: false, streams: [], below };
  }
  return inner;
}
