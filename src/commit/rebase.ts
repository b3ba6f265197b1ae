/**
 * Putting a small transaction's edits on a head that has moved since it began: each stream it
 * changed must be as it was, or a policy says whose change stands. Equal changes conflict as well:
 * two that counted up from the same number have counted once.
 */
import { conflicting, type RegaliaError } from '../ground/errors.js';
import type { Side } from '../merge/conflict.js';
import type { EntryEdit, StreamEdit } from '../tree/apply.js';
import { sameStreamAt, sameSubtree } from '../tree/equal.js';
import { keyText, type Names } from '../tree/key.js';
import type { Tree } from '../tree/lookup.js';
import { findStream } from '../tree/record.js';

/** A change that no policy resolved. */
export interface CommitConflict {
  readonly key: string;
  readonly stream?: string;
  /** What happened here, then what happened on the head. */
  readonly kind: 'changed/changed' | 'removed/changed' | 'changed/removed' | 'read/changed';
}

/** Who wins where others changed the same: for all, or decided for one conflict at a time. */
export type CommitPolicy =
  | Side
  | 'newest'
  | 'conflict'
  | ((conflict: CommitConflict) => Side | undefined);

export class Rebase {
  readonly conflicts: CommitConflict[] = [];
  readonly #before: Tree;
  readonly #head: Tree;
  readonly #policyOf: (names: Names, stream: string | undefined) => CommitPolicy;

  constructor(
    before: Tree,
    head: Tree,
    policyOf: (names: Names, stream: string | undefined) => CommitPolicy,
  ) {
    this.#before = before;
    this.#head = head;
    this.#policyOf = policyOf;
  }

  /** The edit as it goes onto the head. What is left of it where theirs stands may be nothing. */
  edit(edit: EntryEdit, names: Names): EntryEdit {
    const { bytes, start, end, parts, bucket } = edit;
    const clear = edit.clear && this.#mayClear(names);
    const streams = edit.streams.filter((one) => edit.clear || this.#mayChange(names, one));
    const { below } = edit;
    if (below === undefined) {
      const fresh = streams.length === edit.streams.length ? edit.fresh : undefined;
      return { bytes, start, end, fresh, clear, parts, bucket, streams };
    }
    if (!edit.clear && !this.#mayAddTo(names)) {
      return { bytes, start, end, clear, parts, bucket, streams };
    }
    const list = below().map((inner) => {
      return this.edit(inner, [...names, inner.bytes.slice(inner.start, inner.end)]);
    });
    return { bytes, start, end, clear, parts, bucket, streams, below: () => list };
  }

  #mayClear(names: Names): boolean {
    if (sameSubtree(this.#before, this.#head, names)) return true;
    if (this.#head.find(names) === undefined) return true;
    return this.#resolve({ key: keyText(names), kind: 'removed/changed' }, names, undefined);
  }

  #mayChange(names: Names, { stream }: StreamEdit): boolean {
    if (sameStreamAt(this.#before, this.#head, names, stream)) return true;
    const spot = this.#head.find(names);
    const theirs = spot && findStream(spot.node, spot.index, stream);
    const kind = theirs === undefined ? 'changed/removed' : 'changed/changed';
    return this.#resolve({ key: keyText(names), stream, kind }, names, stream);
  }

  /** Something is changed below an entry that the head has removed. */
  #mayAddTo(names: Names): boolean {
    const removed = this.#before.find(names) !== undefined && this.#head.find(names) === undefined;
    if (!removed) return true;
    return this.#resolve({ key: keyText(names), kind: 'changed/removed' }, names, undefined);
  }

  /** Whether ours stands. An unresolved conflict is noted. */
  #resolve(conflict: CommitConflict, names: Names, stream: string | undefined): boolean {
    const policy = this.#policyOf(names, stream);
    const side = typeof policy === 'function' ? policy(conflict) : policy;
    if (side === 'theirs') return false;
    // The transaction commits last: by causality and by time its change is the newest.
    if (side === 'ours' || side === 'newest') return true;
    this.conflicts.push(conflict);
    return true;
  }
}

/** REGALIA_CONFLICT: nothing was committed; begin again, or give a policy. */
export function conflictError(
  conflicts: readonly unknown[],
  first: string,
): RegaliaError<'REGALIA_CONFLICT'> {
  const message = `others have changed the same since the transaction began: ${first}`;
  return conflicting(message, conflicts);
}
