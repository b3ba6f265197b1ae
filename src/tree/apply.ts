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
import { childMap, childMapAt, findInMap, type Spot } from './lookup.js';
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
  NO_CHILD,
  type RecordParts,
  readRecord,
  recordChild,
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
  /** Other rules for the bucket that the entry is. */
  readonly rules?: Uint8Array | undefined;
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

/** The bucket around what is edited; its id is undefined directly within the edited root. */
interface Around {
  readonly writer: NodeWriter;
  readonly outer: Uint8Array | undefined;
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
  rootSteps(root: Root, edit: EntryEdit): Generator<void, CountedRoot> {
    return flatten(this.#rootSteps(root, edit, undefined));
  }

  *#rootSteps(root: Root, edit: EntryEdit, outer: Uint8Array | undefined): DeepSteps<CountedRoot> {
    const around = { writer: this.#writerFor(root.algorithm), outer };
    const spot = { node: root.node, index: 0 };
    const old = readRecord(root.node, 0);
    const wasFull = isFull(spot);
    this.replaced(around, edit.clear ? old : undefined, edit.parts);
    const parts = edit.parts ?? (edit.clear ? EMPTY_PARTS : old);
    const kept = parts === old ? spot : undefined;
    const child = yield* call(this.#childSteps(around, edit, kept, parts));
    const own = editStreams(this.cache.shapes, parts, edit.streams, child);
    return writeRoot(around.writer, root.rules, placeRecord(around.writer, NO_NAME, own, wasFull));
  }

  /** The child map of an entry after the edits below it. */
  *#childSteps(
    around: Around,
    edit: EntryEdit,
    spot: Spot | undefined,
    parts: RecordParts,
  ): DeepSteps<ChildPart> {
    const list = edit.below?.() ?? [];
    if (list.length === 0) return parts.child;
    const map = this.#mapOf(around, spot, parts);
    const result = yield* call(this.#mapSteps(around, map, list));
    return result.form === 'same' ? parts.child : childOf(result);
  }

  #mapOf({ writer }: Around, spot: Spot | undefined, parts: RecordParts): Node | undefined {
    if (parts.child.form === CHILD_NONE) return undefined;
    if (spot !== undefined) return childMap(this.cache, spot, parts.child);
    return childMapAt(this.cache, { node: standIn(writer, parts), index: 0 });
  }

  *#mapSteps(
    around: Around,
    map: Node | undefined,
    list: readonly EntryEdit[],
  ): DeepSteps<MapResult> {
    const prepared = new Map<EntryEdit, ChildPart>();
    for (const edit of list) {
      const { below, bucket, inside, rules } = edit;
      const isDeep = [below, bucket, rules].some((one) => one !== undefined) || inside === true;
      if (isDeep) prepared.set(edit, yield* call(this.#prepareSteps(around, map, edit)));
    }
    const source = new EntrySource(this, around, list, prepared);
    return yield* editMapSteps(around.writer, map, source);
  }

  /** Edits what lies below an entry, before its own map is edited. */
  *#prepareSteps(around: Around, map: Node | undefined, edit: EntryEdit): DeepSteps<ChildPart> {
    const found = map && findInMap(this.cache, map, edit.bytes, edit.start, edit.end);
    if (edit.inside === true && found !== undefined) {
      const child = recordChild(found.node, found.index);
      assert(child.form === CHILD_BUCKET, 'the inside is of a bucket');
      return yield* call(this.bucketSteps(around, child, edit));
    }
    const kept = edit.clear ? undefined : found;
    const parts = edit.parts ?? (kept ? readRecord(kept.node, kept.index) : EMPTY_PARTS);
    const spot = edit.parts === undefined ? kept : undefined;
    if (parts.child.form === CHILD_BUCKET) {
      return yield* call(this.bucketSteps(around, parts.child, edit));
    }
    if (edit.bucket === undefined) return yield* call(this.#childSteps(around, edit, spot, parts));
    const { writer, outer } = around;
    const { id, rules } = edit.bucket;
    const child = yield* call(this.#childSteps({ writer, outer: id }, edit, spot, parts));
    const own = editStreams(this.cache.shapes, parts, edit.streams, child);
    const after = writeRoot(writer, rules, placeRecord(writer, NO_NAME, own, true));
    this.touched.push({ bucket: id, outer, before: undefined, after });
    return bucketPart(id, after);
  }

  *bucketSteps({ outer }: Around, child: BucketPart, edit: EntryEdit): DeepSteps<ChildPart> {
    const bucket = child.bucket.slice();
    const old = loadRoot(this.cache, child.id, child.root);
    const root = { ...old, rules: edit.rules ?? old.rules };
    // An edit may be of a class whose fields are getters.
    const { bytes, start, end, streams, below } = edit;
    // What cleared or placed the bucket was done outside.
    const inside = edit.inside === true;
    const change = { clear: inside && edit.clear, parts: inside ? edit.parts : undefined };
    const within = { bytes, start, end, ...change, streams, below };
    const after = yield* call(this.#rootSteps(root, within, bucket));
    this.touched.push({ bucket, outer, before: root.address, after });
    return bucketPart(bucket, after);
  }

  /** Reports buckets that an entry loses or gains whole. */
  replaced(around: Around, old: RecordParts | undefined, parts: RecordParts | undefined): void {
    for (const [list, child] of [
      [this.removed, old?.child],
      [this.added, parts?.child],
    ] as const) {
      if (child === undefined || child.form === CHILD_NONE) continue;
      if (child.form !== CHILD_BUCKET && child.totals.buckets === 0) continue;
      list.push({ outer: around.outer, child, algorithm: around.writer.algorithm });
    }
  }
}

const EMPTY_PARTS: RecordParts = { shape: NO_STREAMS, streams: [], child: NO_CHILD };

/** The list of edits of one map, as the source of the map's editor. */
class EntrySource implements EditSource {
  readonly #edit: TreeEdit;
  readonly #around: Around;
  readonly #list: readonly EntryEdit[];
  readonly #prepared: ReadonlyMap<EntryEdit, ChildPart>;
  #at = 0;

  constructor(
    edit: TreeEdit,
    around: Around,
    list: readonly EntryEdit[],
    prepared: ReadonlyMap<EntryEdit, ChildPart>,
  ) {
    this.#edit = edit;
    this.#around = around;
    this.#list = list;
    this.#prepared = prepared;
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
    let before = found;
    if (edit.inside !== true && (edit.clear || edit.parts !== undefined)) {
      this.#edit.replaced(this.#around, found, edit.parts);
      before = edit.parts;
    }
    const parts = before ?? EMPTY_PARTS;
    if (parts.child.form === CHILD_BUCKET || edit.bucket !== undefined) {
      return this.#placeBucket(edit, parts);
    }
    const child = this.#prepared.get(edit) ?? parts.child;
    if (child === parts.child && edit.streams.length === 0 && before === found) {
      return found === undefined ? undefined : KEEP;
    }
    const after = editStreams(this.#edit.cache.shapes, parts, edit.streams, child);
    if (after.streams.length === 0 && child.form === CHILD_NONE) return undefined;
    const keptMap = child === parts.child && child.form === CHILD_MAP;
    const from = edit.parts === undefined ? node : undefined;
    const wasFull = keptMap && (from === undefined || isFull({ node: from, index }));
    return placeRecord(this.#around.writer, nameOf(edit), after, wasFull);
  }

  /** A bucket's record has its id and root alone; streams are those of its own entry. */
  #placeBucket(edit: EntryEdit, parts: RecordParts): FreshRecord | typeof KEEP {
    let child = this.#prepared.get(edit);
    if (child === undefined && edit.streams.length > 0) {
      assert(parts.child.form === CHILD_BUCKET, 'new buckets are prepared');
      child = finishSteps(flatten(this.#edit.bucketSteps(this.#around, parts.child, edit)));
    }
    if (child === undefined && edit.parts === undefined) return KEEP;
    const record = { shape: NO_STREAMS, streams: [], child: child ?? parts.child };
    return placeRecord(this.#around.writer, nameOf(edit), record, false);
  }
}

function nameOf(edit: EntryEdit): Uint8Array {
  return edit.bytes.subarray(edit.start, edit.end);
}

function editStreams(
  shapes: Shapes,
  parts: RecordParts,
  edits: readonly StreamEdit[],
  child: ChildPart,
): RecordParts {
  if (edits.length === 0) return child === parts.child ? parts : { ...parts, child };
  const streams = new Map<string, StreamPart>();
  for (const [i, name] of parts.shape.names.entries()) streams.set(name, parts.streams[i]);
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
  const items = Items.at(0);
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
    const bytes = names[i];
    const list = [{ ...inner, bytes, start: 0, end: bytes.length }];
    const below = (): readonly EntryEdit[] => list;
    inner = { bytes: NO_NAME, start: 0, end: 0, clear: false, streams: [], below };
  }
  return inner;
}
