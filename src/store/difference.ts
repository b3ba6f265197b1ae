/**
 * Differences as users see them: rows of one simultaneous change, with moves recognized.
 *
 *     removed, moved   take out what is at a key of the first state
 *     added, moved     put in what is at a key of the second
 *     changed          then change streams
 */
import type { Line, LocalCommit } from '../commit/line.js';
import { isAncestor, mergeBases } from '../log/ancestry.js';
import { Relations } from '../merge/relate.js';
import { Relation } from '../merge/relation.js';
import { type Difference, diffTrees } from '../tree/diff.js';
import { keyText, type Names, parseKey } from '../tree/key.js';
import type { DiffOptions } from './options.js';

void isAncestor;
void mergeBases;
void Relations;
void Relation;
void parseKey;

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
  for (const difference of diffTrees(line.treeOf(before), line.treeOf(after), scope)) {
    yield rowOf(difference);
  }
}

function rowOf({ names, stream, kind }: Difference): DiffRow {
  const key = keyText(names);
  return stream === undefined ? { key, kind } : { key, stream, kind };
}
