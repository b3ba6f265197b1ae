/**
 * How the tests of this room spell conflicts, and see them from the other side of a merge.
 */
import { type Conflict, isRegaliaError, type MergeOptions } from '../../src/index.js';

export type Policy = NonNullable<MergeOptions['policy']>;

/** The conflicts that a commit ended with; none where it did not. */
export async function conflictsOf(work: Promise<unknown>): Promise<readonly Conflict[]> {
  try {
    await work;
    return [];
  } catch (error) {
    if (!isRegaliaError(error, 'REGALIA_CONFLICT')) throw error;
    return error.data.conflicts as Conflict[];
  }
}

/** A conflict as one line: its kind, why, its key, and its stream. */
export function lineOf({ kind, why, key, stream }: Conflict): string {
  return [kind, why, key, stream].filter((part) => part !== undefined).join(' ');
}

export function linesOf(conflicts: readonly Conflict[]): string[] {
  return conflicts.map(lineOf).sort();
}

const MIRRORED: Readonly<Record<string, string>> = {
  ours: 'theirs',
  theirs: 'ours',
  'removed/changed': 'changed/removed',
  'changed/removed': 'removed/changed',
};

/** What stands on the other side of a merge for a take, or a line, of this one. */
export function mirrored<Text extends string>(text: Text): Text {
  const [first = '', ...rest] = text.split(' ');
  return [MIRRORED[first] ?? first, ...rest].join(' ') as Text;
}
