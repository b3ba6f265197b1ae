/**
 * Policies as users give them: who decides where two changed the same. They are checked when they
 * are given, and so is each answer of one that is a function: what comes later, a promise, is
 * refused.
 */

import type { CommitPolicy } from '../commit/committer.js';
import type { MergeJudgement as InnerJudgement } from '../commit/judge.js';
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
import { type Conflict, publicConflict, type Side } from '../merge/conflict.js';
import type { Answer, StreamPolicy as InnerStreamPolicy, PlacePolicy } from '../merge/resolve.js';

/**
 * Decides one conflict of a merge: for a side, the base, or a stream's new contents. Undefined
 * leaves it a conflict.
 */
export type StreamJudge = (conflict: Conflict) => Side | 'base' | Uint8Array | undefined;

/**
 * What becomes of a stream that both sides changed. `newest` compares causality, then the time of
 * the commits, then their addresses.
 */
export type StreamPolicy = 'conflict' | 'ours' | 'theirs' | 'newest' | StreamJudge;

/** Decides about one entry that one side removed and the other changed. */
export type EntryJudge = (conflict: Conflict) => Side | undefined;

/** The same for all such entries: `keep` and `remove` name the outcome. */
export type EntryPolicy =
  | 'conflict'
  | 'ours'
  | 'theirs'
  | 'newest'
  | 'keep'
  | 'remove'
  | EntryJudge;

/** Who decides what a merge finds, apart for streams, entries and places. */
export interface Policies {
  /** For all streams, or by name; default the streams' own rules. */
  readonly streams?: StreamPolicy | Readonly<Record<string, StreamPolicy>> | undefined;
  /** For entries that one side removed and the other changed; default the bucket's rules. */
  readonly entries?: EntryPolicy | undefined;
  /** For places that contradict each other; default the bucket's rules. */
  readonly places?: PlacePolicy | undefined;
}

/** Who decides the conflicts of a merge. */
export interface MergeJudgement {
  /** One for everything, or apart; a function decides about streams. */
  readonly policy?: StreamPolicy | Policies | undefined;
  /** For conflicts that a merge before returned. */
  readonly answers?: readonly Answer[] | undefined;
}

const SIDES = ['ours', 'theirs'] as const;
const POLICIES = [...SIDES, 'newest', 'conflict'] as const;

const nothing = new Kind<undefined>('undefined', (datum) => datum === undefined);
const bytes = new Kind<Uint8Array>('a Uint8Array', (datum) => datum instanceof Uint8Array);

const SIDE = either(oneOf(...SIDES), nothing);
const TAKE = oneOf(...SIDES, 'base', 'both');
// What a stream takes, its rule says.
const CONTENTS = new Kind<unknown>('contents', (datum) => datum !== undefined);
const VERDICT = either(either(oneOf(...SIDES, 'base'), bytes), nothing);

export const commitPolicy = either(oneOf(...POLICIES), callback<CommitPolicy>());

const streamPolicy = either(oneOf(...POLICIES), callback<StreamPolicy>());

const entryPolicy = either(
  oneOf(...POLICIES, 'keep', 'remove'),
  callback<EntryPolicy>(),
) as Kind<EntryPolicy>;

const policies = fieldsOf(
  new Options<Policies>('policy', {
    streams: either(streamPolicy, namesOf(streamPolicy)),
    entries: entryPolicy,
    places: oneOf(...POLICIES),
  }),
);

export const mergePolicy = either(streamPolicy, policies);

interface GivenAnswer {
  readonly key: Answer['key'];
  readonly stream?: string | undefined;
  readonly take?: unknown;
  readonly contents?: unknown;
}

const answer = fieldsOf(
  new Options<GivenAnswer>('an answer', {
    // Keys have an error of their own.
    key: new Kind<Answer['key']>('a key', () => true),
    stream: text(),
    take: TAKE,
    contents: CONTENTS,
  }),
);

/** Answers, each with one of `take` and `contents`, and a stream beside contents. */
export const answers = listOf(
  new Kind<Answer>(answer.expected, answer.accepts, {
    closer: (name, datum) => {
      const { stream, take, contents } = answer.check(name, datum);
      if (contents === undefined) TAKE.check(`${name}.take`, take);
      else if (take !== undefined) {
        throw badOption(`${name}.contents`, 'absent beside take', 'contents');
      } else if (stream === undefined) {
        throw badOption(`${name}.stream`, 'the stream whose contents these are', 'none');
      }
    },
  }),
);

/** The policy of a commit, with its answers checked. */
export function checkedCommitPolicy(policy: CommitPolicy): CommitPolicy {
  if (typeof policy !== 'function') return policy;
  return (conflict: Conflict) => checkedAnswer(SIDE, policy(conflict));
}

/** A judgement as merging needs it, with the answers of its functions checked. */
export function checkedJudgement({ policy, answers }: MergeJudgement): InnerJudgement {
  const { streams, entries, places } = apart(policy);
  const named = (all: Readonly<Record<string, StreamPolicy>>) => {
    return Object.fromEntries(Object.entries(all).map(([name, one]) => [name, checkedStream(one)]));
  };
  return {
    streams: typeof streams === 'object' ? named(streams) : streams && checkedStream(streams),
    entries:
      typeof entries !== 'function'
        ? entries
        : (conflict) => checkedAnswer(SIDE, entries(publicConflict(conflict))),
    places,
    answers,
  };
}

function apart(policy: MergeJudgement['policy']): Policies {
  if (typeof policy === 'object') return policy;
  if (typeof policy === 'function') return { streams: policy };
  return { streams: policy, entries: policy, places: policy };
}

function checkedStream(policy: StreamPolicy): InnerStreamPolicy {
  if (typeof policy !== 'function') return policy;
  return (conflict) => checkedAnswer(VERDICT, policy(publicConflict(conflict)));
}

function checkedAnswer<T>(kind: Kind<T>, given: unknown): T {
  // Nobody waits for a promise: what becomes of it is not heard of.
  if (given instanceof Promise) {
    given.catch(() => undefined);
    throw badOption('what policy returns', kind.expected, 'a promise: decide at once');
  }
  return kind.check('what policy returns', given);
}
