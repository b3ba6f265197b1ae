/**
 * Differences as users see them: rows by key, with recorded moves recognized.
 */

import type { Line, LocalCommit } from '../commit/line.js';
import { isAncestor } from '../log/ancestry.js';
import { type Move, movesBetween } from '../log/moves.js';
import { composeMoves } from '../merge/moves.js';
import { type Difference, diffTrees } from '../tree/diff.js';
import { keyText, type Names, parseKey } from '../tree/key.js';
import type { DiffOptions } from './options.js';

/** One difference between two states. */
export interface DiffRow {
  readonly key: string;
  /** Undefined for an entry that was added, removed or moved with all below it. */
  readonly stream?: string;
  readonly kind: 'added' | 'removed' | 'changed' | 'moved';
  /** Where a moved entry was before. */
  readonly from?: string;
}

/** The rows from one state to another, at or below a key. */
export function diffRows(
  line: Line,
  before: LocalCommit,
  after: LocalCommit,
  key: Names,
  { deep = false, reverse = false, limit }: Omit<DiffOptions, 'key'>,
): Generator<DiffRow, void, undefined> {
  const rows = allRows(line, before, after, { key, deep, reverse });
  return limit === undefined ? rows : firstOf(rows, limit);
}

function* firstOf<T>(rows: Generator<T, void, undefined>, limit: number): Generator<T, void> {
  for (let left = limit; left > 0; left--) {
    const { done, value } = rows.next();
    if (done === true) return;
    yield value;
  }
}

function* allRows(
  line: Line,
  before: LocalCommit,
  after: LocalCommit,
  scope: { readonly key: Names; readonly deep: boolean; readonly reverse: boolean },
): Generator<DiffRow, void, undefined> {
  const moves = knownMoves(line, before, after);
  const [a, b] = [line.treeOf(before), line.treeOf(after)];
  for (const difference of diffTrees(a, b, scope)) {
    const text = keyText(difference.names);
    const isWhole = difference.stream === undefined;
    const from = isWhole && difference.kind === 'added' ? moves.to.get(text) : undefined;
    if (from !== undefined) {
      yield { key: text, kind: 'moved', from };
      // What changed below it, under its new key.
      const inner = {
        key: difference.names,
        beforeKey: parseKey(from),
        deep: false,
        reverse: false,
      };
      for (const changed of diffTrees(a, b, inner)) yield rowOf(changed);
    } else if (!(isWhole && difference.kind === 'removed' && moves.from.has(text))) {
      yield rowOf(difference);
    }
  }
}

function rowOf({ names, stream, kind }: Difference): DiffRow {
  const key = keyText(names);
  return stream === undefined ? { key, kind } : { key, stream, kind };
}

/**
 * The moves that lie between two states, composed, where one comes before the other: `to` leads
 * from a present key to where it was, `from` are the keys that were left.
 */
function knownMoves(line: Line, before: LocalCommit, after: LocalCommit) {
  const to = new Map<string, string>();
  const forward = movesSince(line, before, after);
  for (const [was, is] of composeMoves(forward ?? [])) if (is !== undefined) to.set(is, was);
  const backward = forward === undefined ? movesSince(line, after, before) : undefined;
  for (const [is, was] of composeMoves(backward ?? [])) if (was !== undefined) to.set(is, was);
  return { to, from: new Set(to.values()) };
}

/**
 * The recorded moves of the commits that lead from one state to a later one, in order; undefined
 * where it is not later.
 */
function movesSince(line: Line, before: LocalCommit, after: LocalCommit): Move[] | undefined {
  const { history, blocks } = line.core;
  if (!isAncestor(history, before.address, after.address)) return undefined;
  return [...movesBetween(history, blocks, [before.address], after.address)];
}
