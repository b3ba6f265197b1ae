/**
 * Putting a small transaction's edits on a head that has moved since it began: each stream it
 * changed must be as it was, or a policy says whose change stands. Ours is the transaction, theirs
 * the head. Equal changes conflict as well, and so do two removals: neither saw the other.
 */
import { equalBytes } from '../ground/bytes.js';
import { conflicting, type RegaliaError } from '../ground/errors.js';
import { bucketAt, holdsBuckets } from '../merge/buckets.js';
import { publicConflict, type Take, type TreeConflict, type TreeSide } from '../merge/conflict.js';
import type { Judge } from '../merge/resolve.js';
import type { EntryEdit, StreamEdit } from '../tree/apply.js';
import { sameStreamAt, sameSubtree } from '../tree/equal.js';
import { keyText, type Names } from '../tree/key.js';
import type { Tree } from '../tree/lookup.js';
import { findStream, type StreamPart } from '../tree/record.js';

const SIDES: readonly Take[] = ['ours', 'theirs'];

export class Rebase {
  readonly #before: Tree;
  readonly #head: Tree;
  readonly #judge: Judge;

  constructor(before: Tree, head: Tree, judge: Judge) {
    this.#before = before;
    this.#head = head;
    this.#judge = judge;
  }

  /** The edit as it goes onto the head. What is left of it where theirs stands may be nothing. */
  edit(edit: EntryEdit, names: Names): EntryEdit {
    const { bytes, start, end, parts, bucket } = edit;
    if (!edit.clear && this.#isRemoved(names)) return this.#onRemoved(edit, names);
    const clear = edit.clear && this.#mayClear(names);
    const streams = edit.streams.filter((one) => edit.clear || this.#mayChange(names, one));
    const { below } = edit;
    if (below === undefined) {
      const fresh = streams.length === edit.streams.length ? edit.fresh : undefined;
      return { bytes, start, end, fresh, clear, parts, bucket, streams };
    }
    const list = below().map((inner) => this.edit(inner, namesBelow(names, inner)));
    return { bytes, start, end, clear, parts, bucket, streams, below: () => list };
  }

  /** An edit of what the head has removed: that is one conflict, whatever lies below. */
  #onRemoved(edit: EntryEdit, names: Names): EntryEdit {
    const { bytes, start, end, fresh, clear, parts, bucket } = edit;
    const adds = addsTo(edit);
    if (adds && this.#mayAddTo(names)) {
      return {
        bytes,
        start,
        end,
        fresh,
        clear,
        parts,
        bucket,
        streams: edit.streams,
        below: edit.below,
      };
    }
    if (!adds && this.#removesFrom(edit, names)) this.#alsoRemoved(names);
    return { bytes, start, end, clear, parts, bucket, streams: [] };
  }

  /** Two that remove one entry have not seen each other. */
  #alsoRemoved(names: Names): void {
    const key = keyText(names);
    const conflict = conflictOf(key, 'removed/changed', [{ key }, undefined, undefined]);
    this.#judge.entry(conflict, 'theirs');
  }

  /** Whether an edit removes anything that was at a key or below it. */
  #removesFrom({ clear, streams, below }: EntryEdit, names: Names): boolean {
    if (clear && this.#before.find(names) !== undefined) return true;
    if (streams.some(({ stream }) => this.#hadStream(names, stream))) return true;
    return (below?.() ?? []).some((inner) => this.#removesFrom(inner, namesBelow(names, inner)));
  }

  #hadStream(names: Names, stream: string): boolean {
    const spot = this.#before.find(names);
    return spot !== undefined && findStream(spot.node, spot.index, stream) !== undefined;
  }

  #mayClear(names: Names): boolean {
    const [before, head] = [this.#before.find(names), this.#head.find(names)];
    if (before === undefined && head === undefined) return true;
    if (head !== undefined && this.#isAsBefore(names)) return true;
    const key = keyText(names);
    const side = (spot: unknown): TreeSide | undefined => (spot ? { key } : undefined);
    const conflict = conflictOf(key, 'removed/changed', [side(before), undefined, side(head)]);
    return this.#judge.entry(conflict, 'theirs') !== 'theirs';
  }

  /** Whether the head has an entry as it was, and no bucket was made of it. */
  #isAsBefore(names: Names): boolean {
    const [was, is] = [this.#before.bucketAt(names), this.#head.bucketAt(names)];
    if ((was === undefined) !== (is === undefined)) return false;
    return sameSubtree(this.#before, this.#head, names);
  }

  #mayChange(names: Names, { stream, part }: StreamEdit): boolean {
    if (sameStreamAt(this.#before, this.#head, names, stream)) return true;
    // Removing what was not there is no change.
    if (part === undefined && !this.#hadStream(names, stream)) return false;
    const key = keyText(names);
    const [before, head] = [this.#before, this.#head].map((tree) => {
      const spot = tree.find(names);
      return spot && findStream(spot.node, spot.index, stream);
    });
    const kind =
      before === undefined
        ? 'both-added'
        : part === undefined
          ? 'removed/changed'
          : head === undefined
            ? 'changed/removed'
            : 'both-changed';
    const side = (one: StreamPart | undefined): TreeSide | undefined =>
      one === undefined ? undefined : { key, part: one };
    const conflict = conflictOf(key, kind, [side(before), side(part), side(head)]);
    return this.#judge.stream({ ...conflict, stream }) !== 'theirs';
  }

  #isRemoved(names: Names): boolean {
    return this.#before.find(names) !== undefined && this.#head.find(names) === undefined;
  }

  /** Something is changed below an entry that the head has removed. */
  #mayAddTo(names: Names): boolean {
    const key = keyText(names);
    const conflict = conflictOf(key, 'changed/removed', [{ key }, { key }, undefined]);
    return this.#judge.entry(conflict, 'ours') === 'ours';
  }
}

/** Whether an edit leads into a bucket that came or went since: its key may mean something else. */
export function crossesNewBorder(edit: EntryEdit, names: Names, before: Tree, head: Tree): boolean {
  const [was, is] = [before, head].map((tree) =>
    names.length === 0 ? tree.top : tree.outer(names),
  );
  if (!holdsBuckets(was) && !holdsBuckets(is)) return false;
  const [a, b] = [was, is].map(bucketAt);
  if (a !== undefined || b !== undefined) {
    if (a === undefined || b === undefined || !equalBytes(a.bucket, b.bucket)) return true;
  }
  return (edit.below?.() ?? []).some((inner) => {
    return crossesNewBorder(inner, namesBelow(names, inner), before, head);
  });
}

function namesBelow(names: Names, { bytes, start, end }: EntryEdit): Names {
  return [...names, bytes.slice(start, end)];
}

/** Whether an edit brings anything to an entry or below it. */
function addsTo({ parts, bucket, streams, below }: EntryEdit): boolean {
  if (parts !== undefined || bucket !== undefined) return true;
  return streams.some(({ part }) => part !== undefined) || (below?.().some(addsTo) ?? false);
}

type Sides = readonly [TreeSide | undefined, TreeSide | undefined, TreeSide | undefined];

export function conflictOf(
  key: string,
  kind: TreeConflict['kind'],
  [base, ours, theirs]: Sides,
  stream?: string,
): TreeConflict {
  return { key, stream, kind, why: undefined, base, ours, theirs, answers: SIDES };
}

/** REGALIA_CONFLICT: nothing was committed; begin again, or give a policy. */
export function conflictError(
  conflicts: readonly TreeConflict[],
): RegaliaError<'REGALIA_CONFLICT'> {
  const [first] = conflicts;
  const where = first?.stream === undefined ? first?.key : `${first.key} ${first.stream}`;
  const message = `others have changed the same since the transaction began: ${where}`;
  return conflicting(`${message} (${first?.kind})`, conflicts.map(publicConflict));
}
