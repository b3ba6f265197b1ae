/**
 * Policies as users give them: who decides where two changed the same. They are checked when they
 * are given, and so is each answer of one that is a function: what comes later, a promise, is
 * refused.
 */

import type { MergeJudgement as InnerJudgement } from '../commit/merge-commits.js';
import { type MergeConflict, publicConflict } from '../commit/merge-into.js';
import type { CommitConflict, CommitPolicy } from '../commit/rebase.js';
import { badOption } from '../ground/errors.js';
import {
  callback,
  either,
  fieldsOf,
  Kind,
  listOf,
  namesOf,
  Options,
  oneOf,
  text,
} from '../ground/options.js';
import type { Answer, Choice } from '../merge/conflict.js';
import type { StreamPolicy as InnerStreamPolicy } from '../merge/policy.js';

/**
 * Decides one conflict of a merge: for a side, the base, or a stream's new contents. Undefined
 * leaves it a conflict.
 */
export type StreamJudge = (conflict: MergeConflict) => Choice | Uint8Array | undefined;

/**
 * What becomes of a stream that both sides changed. `newest` compares causality, then the time of
 * the commits, then their addresses.
 */
export type StreamPolicy = 'conflict' | 'ours' | 'theirs' | 'newest' | StreamJudge;

/** Decides about one entry that one side removed and the other changed. */
export type EntryJudge = (conflict: MergeConflict) => Choice | undefined;

/** The same for all such entries: `keep` and `remove` name the outcome. */
export type EntryPolicy =
  | 'conflict'
  | 'ours'
  | 'theirs'
  | 'newest'
  | 'keep'
  | 'remove'
  | EntryJudge;

/** Who decides the conflicts of a merge. */
export interface MergeJudgement {
  /** For all streams, or by name; default the streams' own rules. */
  readonly policy?: StreamPolicy | Readonly<Record<string, StreamPolicy>> | undefined;
  /** For entries that one side removed and the other changed; default a conflict. */
  readonly entryPolicy?: EntryPolicy | undefined;
  /** For conflicts that a merge before returned. */
  readonly answers?: readonly Answer[] | undefined;
}

const SIDES = ['ours', 'theirs'] as const;
const CHOICES = [...SIDES, 'base'] as const;
const POLICIES = [...SIDES, 'newest', 'conflict'] as const;

const nothing = new Kind<undefined>('undefined', (datum) => datum === undefined);
const contents = new Kind<Uint8Array>('a Uint8Array', (datum) => datum instanceof Uint8Array);

const SIDE = either(oneOf(...SIDES), nothing);
const CHOICE = either(oneOf(...CHOICES), nothing);
const TAKE = either(oneOf(...CHOICES), contents);
const VERDICT = either(TAKE, nothing);

export const commitPolicy = either(oneOf(...POLICIES), callback<CommitPolicy>());

const streamPolicy = either(oneOf(...POLICIES), callback<StreamPolicy>());

export const mergePolicy = either(streamPolicy, namesOf(streamPolicy));

export const entryPolicy = either(
  oneOf(...POLICIES, 'keep', 'remove'),
  callback<EntryPolicy>(),
) as Kind<EntryPolicy>;

// Keys have an error of their own.
const key = new Kind<string>('a key', () => true);
const answer = fieldsOf(new Options<Answer>('an answer', { key, stream: text(), take: TAKE }));

export const answers = listOf(
  new Kind<Answer>(answer.expected, answer.accepts, {
    closer: (name, datum) => {
      answer.check(name, datum);
      TAKE.check(`${name}.take`, (datum as Answer).take);
    },
  }),
);

/** The policy of a commit, with its answers checked. */
export function checkedCommitPolicy(policy: CommitPolicy): CommitPolicy {
  if (typeof policy !== 'function') return policy;
  return (conflict: CommitConflict) => checkedAnswer(SIDE, policy(conflict));
}

/** A judgement as merging needs it, with the answers of its functions checked. */
export function checkedJudgement(given: MergeJudgement): InnerJudgement {
  const { policy, entryPolicy, answers } = given;
  const checked = (one: StreamPolicy): InnerStreamPolicy => {
    if (typeof one !== 'function') return one;
    return (conflict) => checkedAnswer(VERDICT, one(publicConflict(conflict)));
  };
  const named = (all: Readonly<Record<string, StreamPolicy>>) => {
    return Object.fromEntries(Object.entries(all).map(([name, one]) => [name, checked(one)]));
  };
  return {
    policy: typeof policy === 'object' ? named(policy) : policy && checked(policy),
    entryPolicy:
      typeof entryPolicy !== 'function'
        ? entryPolicy
        : (conflict) => checkedAnswer(CHOICE, entryPolicy(publicConflict(conflict))),
    answers,
  };
}

function checkedAnswer<T>(kind: Kind<T>, given: unknown): T {
  // Nobody waits for a promise: what becomes of it is not heard of.
  if (given instanceof Promise) {
    given.catch(() => undefined);
    throw badOption('what policy returns', kind.expected, 'a promise: decide at once');
  }
  return kind.check('what policy returns', given);
}
