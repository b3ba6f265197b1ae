/**
 * Policies: what becomes of a change that both sides made.
 *
 * The order of judges is: the caller's answer, then the policy of the stream (or of entries), then
 * nobody: the conflict is reported, and what ours has stays for the time being. No policy gives up
 * a bucket: where one side removed or replaced it, only an answer does that.
 */
import type { Names } from '../tree/key.js';
import { inlinePart, type StreamPart } from '../tree/record.js';
import { type Answer, Answers, type Choice, type Conflict, type Side } from './conflict.js';

/** A stream's new contents, or a side's, or undefined for a conflict. */
export type StreamJudge = (conflict: Conflict) => StreamPart | Uint8Array | Choice | undefined;

/** `newest` compares causality, then commit time, then address: see `MergeOptions.newer`. */
export type StreamPolicy = 'conflict' | 'ours' | 'theirs' | 'newest' | StreamJudge;

/**
 * For an entry removed on one side and changed on the other: `keep` and `remove` name the outcome.
 */
export type EntryPolicy =
  | 'conflict'
  | 'ours'
  | 'theirs'
  | 'newest'
  | 'keep'
  | 'remove'
  | ((conflict: Conflict) => Choice | undefined);

export interface PolicyOptions {
  /** The policy of a stream. Without it every stream has 'conflict'. */
  readonly policyOf?: ((stream: string) => StreamPolicy) | undefined;
  readonly entryPolicy?: EntryPolicy | undefined;
  /**
   * Whose commit is the newer one, of those that changed this stream or entry. `names` is its key
   * in the merged tree, `at` its key on either side, where moves of the other are not known.
   */
  readonly newer?:
    | ((names: Names, stream: string | undefined, at: Readonly<Record<Side, Names>>) => Side)
    | undefined;
  readonly answers?: readonly Answer[] | undefined;
  /**
   * The part for new contents of a stream, by its rule. Without it they lie in the record.
   */
  readonly partOf?: ((stream: string, contents: Uint8Array) => StreamPart) | undefined;
}

/** Where each side has a key of the merged tree. */
export type KeysOf = (names: Names) => Readonly<Record<Side, Names>>;

/** What a stream becomes. */
export type StreamVerdict = Choice | { readonly part: StreamPart | undefined };

/** What an entry becomes: what a side has, or nothing. */
export type EntryVerdict = Choice | 'absent';

export interface Judging {
  stream(conflict: Conflict & { readonly stream: string }): StreamVerdict;
  /**
   * An entry that one side removed. `kept` is the side that still has it; `guarded` that it must
   * not go unasked.
   */
  entry(conflict: Conflict, kept: Side, guarded: boolean): EntryVerdict;
  /** What no policy resolves. `otherwise` is what stays for the time being. */
  strict(conflict: Conflict, otherwise: Choice): EntryVerdict;
  /** The answer for the place of a moved entry. */
  place(key: string): Choice | undefined;
  /** Keeps a conflict whose outcome is decided already. */
  report(conflict: Conflict): void;
  /** Learns where each side has a key of the merged tree. */
  follow(keysOf: KeysOf): void;
}

/** For bases that are merged into one: what conflicts counts as absent. */
export const ABSENT: Judging = {
  stream: () => ({ part: undefined }),
  entry: () => 'absent',
  strict: () => 'absent',
  place: () => undefined,
  report: () => {},
  follow: () => {},
};

/** Judges conflicts, and keeps those that nobody resolves. */
export class Judge implements Judging {
  readonly conflicts: Conflict[] = [];
  readonly answers: Answers;
  readonly #options: PolicyOptions;
  #keysOf: KeysOf = (names) => ({ ours: names, theirs: names });

  constructor(options: PolicyOptions) {
    this.#options = options;
    this.answers = new Answers(options.answers ?? []);
  }

  stream(conflict: Conflict & { readonly stream: string }): StreamVerdict {
    const { key, stream, names } = conflict;
    const answer = this.answers.ofStream(key, stream);
    if (answer !== undefined) return this.#verdict(stream, answer);
    const policy = this.#options.policyOf?.(stream) ?? 'conflict';
    if (policy === 'ours' || policy === 'theirs') return policy;
    if (policy === 'newest' && this.#options.newer !== undefined) {
      return this.#options.newer(names, stream, this.#keysOf(names));
    }
    const judged = typeof policy === 'function' ? policy(conflict) : undefined;
    if (judged !== undefined) return this.#verdict(stream, judged);
    this.conflicts.push(conflict);
    return 'ours';
  }

  #verdict(stream: string, chosen: StreamPart | Uint8Array | Choice): StreamVerdict {
    if (typeof chosen === 'string') return chosen;
    if (!(chosen instanceof Uint8Array)) return { part: chosen };
    const { partOf } = this.#options;
    if (partOf !== undefined) return { part: partOf(stream, chosen) };
    return { part: inlinePart(chosen.slice()) };
  }

  entry(conflict: Conflict, kept: Side, guarded: boolean): Choice {
    const answer = this.answers.ofEntry(conflict.key);
    if (answer !== undefined) return answer;
    const judged = this.#entryPolicy(conflict, kept);
    if (judged !== undefined && (!guarded || judged === kept)) return judged;
    this.conflicts.push(conflict);
    return guarded ? kept : 'ours';
  }

  #entryPolicy(conflict: Conflict, kept: Side): Choice | undefined {
    const { entryPolicy: policy = 'conflict', newer } = this.#options;
    if (policy === 'ours' || policy === 'theirs') return policy;
    if (policy === 'keep') return kept;
    if (policy === 'remove') return kept === 'ours' ? 'theirs' : 'ours';
    if (policy === 'newest')
      return newer?.(conflict.names, undefined, this.#keysOf(conflict.names));
    return typeof policy === 'function' ? policy(conflict) : undefined;
  }

  strict(conflict: Conflict, otherwise: Choice): Choice {
    const answer = this.answers.ofEntry(conflict.key);
    if (answer !== undefined) return answer;
    this.conflicts.push(conflict);
    return otherwise;
  }

  place(key: string): Choice | undefined {
    return this.answers.ofEntry(key);
  }

  report(conflict: Conflict): void {
    this.conflicts.push(conflict);
  }

  follow(keysOf: KeysOf): void {
    this.#keysOf = keysOf;
  }
}
