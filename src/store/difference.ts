/**
 * Differences as users see them: rows by key, with told moves recognized.
 */

import type { Line, LocalCommit } from '../commit/line.js';
import { isAncestor } from '../log/ancestry.js';
import { type Move, movesBetween } from '../log/moves.js';
import { composeMoves } from '../merge/moves.js';
import { type Difference, diffTrees } from '../tree/diff.js';
import { type Key, keyText, parseKey } from '../tree/key.js';

export interface DiffOptions {
  /** Only what lies at or beneath this key. */
  readonly key?: Key;
  /** A row per stream beneath added and removed entries, instead of one for the whole. */
  readonly deep?: boolean;
  readonly reverse?: boolean;
}

export interface DiffRow {
  readonly key: string;
  /** Undefined for an entry that was added, removed or moved with all beneath it. */
  readonly stream?: string;
  readonly kind: 'added' | 'removed' | 'changed' | 'moved';
  /** Where a moved entry was before. */
  readonly from?: string;
}

export function* diffRows(
  line: Line,
  before: LocalCommit,
  after: LocalCommit,
  options: DiffOptions,
): Generator<DiffRow> {
  const key = options.key === undefined ? [] : parseKey(options.key);
  const a = line.treeOf(before);
  const b = line.treeOf(after);
  const moves = toldMoves(line, before, after);
  const { deep = false, reverse = false } = options;
  const scope = { key, deep, reverse };
  for (const difference of diffTrees(a, b, scope)) {
    const text = keyText(difference.names);
    const target = moves.to.get(text);
    if (difference.stream === undefined && difference.kind === 'added' && target !== undefined) {
      yield { key: text, kind: 'moved', from: target };
      yield* movedRows(line, before, after, target, text);
    } else if (
      difference.stream !== undefined ||
      difference.kind !== 'removed' ||
      !moves.from.has(text)
    ) {
      yield rowOf(difference);
    }
  }
}

function rowOf({ names, stream, kind }: Difference): DiffRow {
  const key = keyText(names);
  return stream === undefined ? { key, kind } : { key, stream, kind };
}

/** What changed beneath a moved entry, under its new key. */
function* movedRows(
  line: Line,
  before: LocalCommit,
  after: LocalCommit,
  from: string,
  to: string,
): Generator<DiffRow> {
  const a = line.treeOf(before);
  const b = line.treeOf(after);
  const scope = { key: parseKey(to), beforeKey: parseKey(from), deep: false, reverse: false };
  for (const difference of diffTrees(a, b, scope)) yield rowOf(difference);
}

interface ToldMoves {
  /** From a present key to where it was. */
  readonly to: ReadonlyMap<string, string>;
  /** The keys that were left. */
  readonly from: ReadonlySet<string>;
}

/** The moves that lie between two states, composed, where one comes before the other. */
function toldMoves(line: Line, before: LocalCommit, after: LocalCommit): ToldMoves {
  const to = new Map<string, string>();
  const from = new Set<string>();
  const tell = (was: string, is: string): void => {
    to.set(is, was);
    from.add(was);
  };
  const forward = movesSince(line, before, after);
  for (const [was, is] of composeMoves(forward ?? [])) if (is !== undefined) tell(was, is);
  if (forward !== undefined) return { to, from };
  const backward = movesSince(line, after, before) ?? [];
  for (const [is, was] of composeMoves(backward)) if (was !== undefined) tell(was, is);
  return { to, from };
}

/**
 * Told moves of the commits that lead from one state to a later one, in order; undefined where it
 * is not later.
 */
function movesSince(line: Line, before: LocalCommit, after: LocalCommit): Move[] | undefined {
  const { history, blocks } = line.core;
  if (!isAncestor(history, before.address, after.address)) return undefined;
  return [...movesBetween(history, blocks, [before.address], after.address)];
}
