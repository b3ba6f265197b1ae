/**
 * The one vocabulary of merges, commits and reverts as the tests of this room read it: what is
 * reported where two changed the same, what answers it, and how a policy is given. Calls go through
 * here, so that all casts to these types are in one place.
 */
import {
  type Bucket,
  type CommitInfo,
  type CommitResult,
  isRegaliaError,
  type OpenOptions,
  Regalia,
  type RuleOptions,
  type Transaction,
} from '../../src/index.js';

/** What an answer may take. */
export type Take = 'ours' | 'theirs' | 'base' | 'both';

/** What one side has: its place, and of a stream its size and what is in metadata. */
export interface SideState {
  readonly key?: string;
  readonly size?: number;
  readonly inline?: Uint8Array;
}

export interface Conflict {
  readonly kind:
    | 'both-changed'
    | 'both-added'
    | 'removed/changed'
    | 'changed/removed'
    | 'moved'
    | 'read/changed';
  readonly why?: 'two-places' | 'one-name' | 'cycle' | 'tangled';
  readonly key: string;
  readonly stream?: string;
  readonly base?: SideState;
  readonly ours?: SideState;
  readonly theirs?: SideState;
  /** What an answer may take. */
  readonly answers: readonly Take[];
}

export type Answer =
  | { readonly key: string; readonly stream?: string; readonly take: Take }
  | { readonly key: string; readonly stream: string; readonly contents: unknown };

export type Policy =
  | 'ours'
  | 'theirs'
  | 'newest'
  | 'conflict'
  | {
      readonly streams?: 'ours' | 'theirs' | 'newest' | 'conflict';
      readonly entries?: 'conflict' | 'keep' | 'remove' | 'newest';
      readonly places?: 'conflict' | 'newest';
    };

export interface Judgement {
  readonly policy?: Policy;
  readonly answers?: readonly Answer[];
}

export interface Outcome {
  readonly merged: boolean;
  readonly fastForward: boolean;
  readonly commit: CommitInfo;
  readonly conflicts: readonly Conflict[];
  /** Answers for conflicts that there are not. */
  readonly unused: readonly Answer[];
}

/** What a bucket's rules say, of streams, entries and places. */
export interface RuledBy extends RuleOptions {
  readonly entries?: 'conflict' | 'keep' | 'remove' | 'newest';
  readonly places?: 'conflict' | 'newest';
}

export async function merge(bucket: Bucket, from: string, how: Judgement = {}): Promise<Outcome> {
  return (await bucket.merge(from, how as object)) as unknown as Outcome;
}

/** Undoes a commit; `parent` is the side of a merge that stays. */
export function revert(
  bucket: Bucket,
  commit: string,
  how: Judgement & { readonly parent?: string } = {},
): Promise<CommitResult & { readonly unused: readonly Answer[] }> {
  return bucket.revert(commit, how as object) as ReturnType<typeof revert>;
}

export function restore(
  bucket: Bucket,
  commit: string,
  key = '/',
  how: { readonly policy?: Policy } = {},
): Promise<CommitResult> {
  return bucket.restore(commit, key, how as object);
}

export function memory(options: OpenOptions & RuledBy = {}): Promise<Regalia> {
  return Regalia.memory(options);
}

export function createBucket(tx: Transaction, key: string, rules: RuledBy): string {
  return tx.createBucket(key, rules);
}

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
