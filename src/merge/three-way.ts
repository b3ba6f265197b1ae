/**
 * Merges two trees that have a base in common, name by name: what theirs changed since the base, as
 * edits of ours.
 *
 *     base -> theirs   the names that differ, found by skipping what is equal
 *     ours             looked up at those names alone
 *
 *     ours is the base     copied from theirs by its record, nothing below it is read
 *     ours is theirs       nothing to do
 *     both differ          stream by stream, and on below; a bucket is merged as a whole, by its id
 *
 * What only ours changed is never looked at. Only the edits are kept in memory.
 */
import type { EntryEdit, StreamEdit } from '../tree/apply.js';
import { checkDepth } from '../tree/diff.js';
import { diffMaps, type MapDifference } from '../tree/diff-map.js';
import { sameChild, sameEntry, sameStream, streamNames, streamOf } from '../tree/equal.js';
import { keyText, type Names } from '../tree/key.js';
import { childMap, findInMap, type Spot } from '../tree/lookup.js';
import type { Node } from '../tree/node.js';
import type { NodeCache } from '../tree/node-cache.js';
import {
  type BucketPart,
  CHILD_NONE,
  NO_CHILD,
  type RecordParts,
  readRecord,
  type StreamPart,
} from '../tree/record.js';
import { bucketPart, type CountedRoot, NO_NAME } from '../tree/root.js';
import { NO_STREAMS, type Shapes } from '../tree/shape.js';
import type { Steps } from '../tree/steps.js';
import { type BucketRoot, bucketAt, bucketChanges, bucketRoot, sameBucketId } from './buckets.js';
import type { Conflict, ConflictKind, ConflictSide } from './conflict.js';
import type { EntryVerdict, Judging } from './policy.js';

/** A bucket that both sides changed. Its own bases and stamps are its history's to find. */
export interface BucketMerge {
  readonly names: Names;
  readonly bucket: Uint8Array;
  /** Undefined where the bases do not agree on one. */
  readonly base: BucketRoot | undefined;
  readonly ours: BucketRoot;
  readonly theirs: BucketRoot;
}

/**
 * The merged bucket's root, or what stands against it. Without any conflict the bucket itself is
 * one.
 */
export type BucketResult =
  | { readonly root: CountedRoot }
  | { readonly conflicts: readonly Conflict[] };

export interface ThreeWayOptions {
  readonly cache: NodeCache;
  readonly judge: Judging;
  /**
   * Merges a bucket, in steps; undefined where that can't be done here: it is judged as a conflict.
   */
  readonly mergeBucket?: ((merge: BucketMerge) => Steps<BucketResult>) | undefined;
}

const NOTHING: RecordParts = { shape: NO_STREAMS, streams: [], child: NO_CHILD };

/** An entry whose children are being merged. */
interface Descent {
  readonly names: Names;
  readonly name: Uint8Array;
  readonly streams: readonly StreamEdit[];
  readonly ours: Node | undefined;
  readonly differences: Iterator<MapDifference, void>;
  readonly edits: EntryEdit[];
}

export class ThreeWay {
  readonly #options: ThreeWayOptions;
  readonly #cache: NodeCache;
  /** Entries whose records were copied, removed or edited. */
  changed = 0;

  constructor(options: ThreeWayOptions) {
    this.#options = options;
    this.#cache = options.cache;
  }

  /** The edit of the top entry. The top is never removed, nor replaced whole. */
  *top(base: Spot | undefined, ours: Spot, theirs: Spot): Steps<EntryEdit> {
    const [b, o, t] = [base && partsAt(base), partsAt(ours), partsAt(theirs)];
    const streams = this.#streams([], b, o, t);
    if (b !== undefined && sameChild(b.child, t.child)) return editOf(NO_NAME, streams, []);
    const maps = [this.#mapOf(base, b), this.#mapOf(ours, o), this.#mapOf(theirs, t)] as const;
    return yield* this.#run(this.#descent([], NO_NAME, streams, ...maps));
  }

  #mapOf(spot: Spot | undefined, parts: RecordParts | undefined): Node | undefined {
    return spot && parts && childMap(this.#cache, spot, parts.child);
  }

  #descent(
    names: Names,
    name: Uint8Array,
    streams: readonly StreamEdit[],
    base: Node | undefined,
    ours: Node | undefined,
    theirs: Node | undefined,
  ): Descent {
    checkDepth(names);
    const differences = diffMaps(this.#cache, base, theirs);
    return { names, name, streams, ours, differences, edits: [] };
  }

  /** Goes down and up again, without recursion: keys may have two thousand names. */
  *#run(top: Descent): Steps<EntryEdit> {
    const stack = [top];
    let names = 0;
    for (let at = top; ; at = stack[stack.length - 1] as Descent) {
      if (++names % STEP_NAMES === 0) yield;
      const { value } = at.differences.next();
      if (value !== undefined) {
        const { name, before, after } = value;
        const found = at.ours && findInMap(this.#cache, at.ours, name, 0, name.length);
        const result = yield* this.#entry(at.names, name, before, found, after);
        if (result !== undefined && 'differences' in result) stack.push(result);
        else if (result !== undefined) this.#keep(at, result);
        continue;
      }
      const done = editOf(at.name, at.streams, at.edits);
      stack.pop();
      const above = stack[stack.length - 1];
      if (above === undefined) return done;
      if (at.streams.length > 0 || at.edits.length > 0) this.#keep(above, done);
    }
  }

  #keep(at: Descent, edit: EntryEdit): void {
    at.edits.push(edit);
    if (edit.clear || edit.parts !== undefined || edit.streams.length > 0) this.changed++;
  }

  /** An entry whose record theirs changed, added or removed. */
  *#entry(
    parent: Names,
    name: Uint8Array,
    base: Spot | undefined,
    ours: Spot | undefined,
    theirs: Spot | undefined,
  ): Steps<EntryEdit | Descent | undefined> {
    if (sameEntry(this.#cache, ours, theirs)) return undefined;
    if (sameEntry(this.#cache, base, ours)) return copied(name, theirs);
    const names = [...parent, name];
    if (ours === undefined || theirs === undefined) {
      return this.#removed(names, name, base, ours, theirs);
    }
    const [o, t] = [bucketAt(ours), bucketAt(theirs)];
    if (o === undefined && t === undefined) {
      const plain = bucketAt(base) === undefined ? base : undefined;
      return this.#plain(names, name, plain, ours, theirs);
    }
    if (o !== undefined && t !== undefined && sameBucketId(o, t)) {
      return yield* this.#bucket(names, name, bucketAt(base), o, t);
    }
    return this.#otherBucket(names, name, base, ours, theirs);
  }

  /** Removed on one side, changed on the other: one conflict for all that lies below. */
  #removed(
    names: Names,
    name: Uint8Array,
    base: Spot | undefined,
    ours: Spot | undefined,
    theirs: Spot | undefined,
  ): EntryEdit | undefined {
    const { judge } = this.#options;
    const kept = ours ?? theirs;
    const isBucket = bucketAt(kept) !== undefined;
    const plain = ours === undefined ? 'removed/changed' : 'changed/removed';
    const conflict = conflictAt(names, isBucket ? 'bucket' : plain, {
      base: sideAt(base),
      ours: sideAt(ours),
      theirs: sideAt(theirs),
    });
    const guarded = isBucket || this.#bucketsChanged(names, base, kept);
    const verdict = judge.entry(conflict, ours === undefined ? 'theirs' : 'ours', guarded);
    return chosen(name, verdict, base, theirs);
  }

  #bucketsChanged(names: Names, base: Spot | undefined, kept: Spot | undefined): boolean {
    for (const { after } of bucketChanges(this.#cache, names, base, kept)) if (after) return true;
    return false;
  }

  /** Two buckets, or a bucket and none, at one key. */
  #otherBucket(
    names: Names,
    name: Uint8Array,
    base: Spot | undefined,
    ours: Spot,
    theirs: Spot,
  ): EntryEdit | undefined {
    const sides = { base: sideAt(base), ours: sideAt(ours), theirs: sideAt(theirs) };
    const conflict = conflictAt(names, 'bucket', sides);
    const keeps = bucketAt(ours) === undefined ? 'theirs' : 'ours';
    return chosen(name, this.#options.judge.strict(conflict, keeps), base, theirs);
  }

  *#bucket(
    names: Names,
    name: Uint8Array,
    base: BucketPart | undefined,
    ours: BucketPart,
    theirs: BucketPart,
  ): Steps<EntryEdit | undefined> {
    const known = base !== undefined && sameBucketId(base, ours) ? base : undefined;
    const merge = {
      names,
      bucket: ours.bucket.slice(),
      base: known && bucketRoot(known),
      ours: bucketRoot(ours),
      theirs: bucketRoot(theirs),
    };
    const { mergeBucket } = this.#options;
    const result = mergeBucket && (yield* mergeBucket(merge));
    if (result !== undefined && 'root' in result) {
      return whole(name, { ...NOTHING, child: bucketPart(ours.bucket, result.root) });
    }
    if (result === undefined || result.conflicts.length === 0) {
      return this.#unmerged(names, name, known, ours, theirs);
    }
    for (const conflict of result.conflicts) this.#options.judge.report(conflict);
    return undefined;
  }

  /** A bucket that both sides changed, and nobody here can merge. */
  #unmerged(
    names: Names,
    name: Uint8Array,
    base: BucketPart | undefined,
    ours: BucketPart,
    theirs: BucketPart,
  ): EntryEdit | undefined {
    const sides = { base: bucketSide(base), ours: bucketSide(ours), theirs: bucketSide(theirs) };
    const verdict = this.#options.judge.strict(conflictAt(names, 'bucket', sides), 'ours');
    if (verdict === 'ours') return undefined;
    if (verdict === 'absent') return removal(name);
    const child = verdict === 'base' ? base : theirs;
    return child === undefined ? removal(name) : whole(name, { ...NOTHING, child });
  }

  #plain(
    names: Names,
    name: Uint8Array,
    base: Spot | undefined,
    ours: Spot,
    theirs: Spot,
  ): EntryEdit | Descent | undefined {
    const [b, o, t] = [base && partsAt(base), partsAt(ours), partsAt(theirs)];
    const old = b?.child ?? NO_CHILD;
    const streams = this.#streams(names, b, o, t);
    if (sameChild(old, t.child) || sameChild(o.child, t.child)) {
      return streams.length === 0 ? undefined : editOf(name, streams, []);
    }
    if (sameChild(old, o.child))
      return whole(name, withStreams(this.#cache.shapes, o, streams, t.child));
    const maps = [this.#mapOf(base, b), this.#mapOf(ours, o), this.#mapOf(theirs, t)] as const;
    return this.#descent(names, name, streams, ...maps);
  }

  /** What becomes of the streams of an entry that both sides have. */
  #streams(
    names: Names,
    base: RecordParts | undefined,
    ours: RecordParts,
    theirs: RecordParts,
  ): StreamEdit[] {
    const edits: StreamEdit[] = [];
    const same = (a: StreamPart | undefined, b: StreamPart | undefined): boolean =>
      sameStream(this.#cache, a, b);
    for (const stream of streamNames(base, ours, theirs)) {
      const b = streamOf(base, stream);
      const o = streamOf(ours, stream);
      const t = streamOf(theirs, stream);
      if (same(b, t) || same(o, t)) continue;
      const part = same(b, o) ? t : this.#judged(names, stream, b, o, t);
      if (!same(part, o)) edits.push({ stream, part });
    }
    return edits;
  }

  #judged(
    names: Names,
    stream: string,
    b: StreamPart | undefined,
    o: StreamPart | undefined,
    t: StreamPart | undefined,
  ): StreamPart | undefined {
    const kind = streamConflict(b, o, t);
    const sides = { base: partSide(b), ours: partSide(o), theirs: partSide(t) };
    const verdict = this.#options.judge.stream({ ...conflictAt(names, kind, sides), stream });
    if (typeof verdict !== 'string') return verdict.part;
    return verdict === 'ours' ? o : verdict === 'theirs' ? t : b;
  }
}

/** Names of a step: about half a millisecond where their nodes are cold. */
const STEP_NAMES = 8;

function streamConflict(
  base: StreamPart | undefined,
  ours: StreamPart | undefined,
  theirs: StreamPart | undefined,
): ConflictKind {
  if (base === undefined) return 'both-added';
  if (ours === undefined) return 'removed/changed';
  return theirs === undefined ? 'changed/removed' : 'both-changed';
}

function partsAt(spot: Spot): RecordParts {
  return readRecord(spot.node, spot.index);
}

function editOf(
  name: Uint8Array,
  streams: readonly StreamEdit[],
  list: readonly EntryEdit[],
): EntryEdit {
  const below = list.length === 0 ? undefined : (): readonly EntryEdit[] => list;
  return { bytes: name, start: 0, end: name.length, clear: false, streams, below };
}

function removal(name: Uint8Array): EntryEdit {
  return { bytes: name, start: 0, end: name.length, clear: true, streams: [] };
}

/** The entry becomes this, whatever it was. */
function whole(name: Uint8Array, parts: RecordParts): EntryEdit {
  if (parts.streams.length === 0 && parts.child.form === CHILD_NONE) return removal(name);
  return { bytes: name, start: 0, end: name.length, clear: false, parts, streams: [] };
}

function copied(name: Uint8Array, spot: Spot | undefined): EntryEdit {
  return spot === undefined ? removal(name) : whole(name, partsAt(spot));
}

function chosen(
  name: Uint8Array,
  verdict: EntryVerdict,
  base: Spot | undefined,
  theirs: Spot | undefined,
): EntryEdit | undefined {
  if (verdict === 'ours') return undefined;
  if (verdict === 'absent') return removal(name);
  return copied(name, verdict === 'base' ? base : theirs);
}

function withStreams(
  shapes: Shapes,
  parts: RecordParts,
  edits: readonly StreamEdit[],
  child: RecordParts['child'],
): RecordParts {
  if (edits.length === 0) return { ...parts, child };
  const streams = new Map(parts.shape.names.map((name, i) => [name, parts.streams[i]]));
  for (const { stream, part } of edits) {
    if (part === undefined) streams.delete(stream);
    else streams.set(stream, part);
  }
  const shape = shapes.of([...streams.keys()]);
  return { shape, streams: shape.names.map((name) => streams.get(name) as StreamPart), child };
}

type Sides = Record<'base' | 'ours' | 'theirs', ConflictSide | undefined>;

/** A conflict without a stream, or to be completed by one. */
export function conflictAt(names: Names, kind: ConflictKind, sides: Sides): Conflict {
  const { base, ours, theirs } = sides;
  return {
    key: keyText(names),
    names,
    kind,
    ...(base === undefined ? {} : { base }),
    ...(ours === undefined ? {} : { ours }),
    ...(theirs === undefined ? {} : { theirs }),
  };
}

function partSide(part: StreamPart | undefined): ConflictSide | undefined {
  return part && { part };
}

function bucketSide(part: BucketPart | undefined): ConflictSide | undefined {
  return part && { bucket: part.bucket.slice() };
}

function sideAt(spot: Spot | undefined): ConflictSide | undefined {
  return spot && (bucketSide(bucketAt(spot)) ?? {});
}
