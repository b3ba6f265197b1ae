/**
 * Resolving conflicts: what becomes of a change that both sides made.
 *
 * The order is: the caller's answer, then the policy (of the stream, of entries, of places), then
 * nobody: the conflict is reported. Merges, commits and reverts ask here, and nowhere else.
 */
import { badOption, type RegaliaError } from '../ground/errors.js';
import { type Key, keyText, parseKey } from '../tree/key.js';
import type { StreamPart } from '../tree/record.js';
import type { Side, Take, TreeConflict } from './conflict.js';

/**
 * How one conflict is resolved: by a side's state, the base's, both, or a stream's new contents.
 */
export type Answer =
  | {
      readonly key: Key;
      /** Without a stream it is for all conflicts of the key that have no answer of their own. */
      readonly stream?: string | undefined;
      readonly take: Take;
    }
  | { readonly key: Key; readonly stream: string; readonly contents: unknown };

/** A stream's new contents, or a side's, or undefined for a conflict. */
export type StreamJudge = (
  conflict: TreeConflict,
) => StreamPart | Uint8Array | Side | 'base' | undefined;

/** `newest` compares causality, then commit time, then address. */
export type StreamPolicy = 'conflict' | Side | 'newest' | StreamJudge;

/** For an entry removed on one side and changed on the other: `keep`, `remove` name the outcome. */
export type EntryPolicy =
  | 'conflict'
  | Side
  | 'newest'
  | 'keep'
  | 'remove'
  | ((conflict: TreeConflict) => Side | undefined);

/** For places that contradict each other. */
export type PlacePolicy = 'conflict' | Side | 'newest';

/** What a conflict is about, as `newest` asks history. */
export interface Subject {
  readonly conflict: TreeConflict;
  /** A stream's contents, an entry with all below it, or only where it is. */
  readonly what: 'stream' | 'entry' | 'place';
}

/** Who decides what nobody answered: the policy of a conflict, by what it is about. */
export interface Policies {
  readonly streams?:
    | ((stream: string, conflict: TreeConflict) => StreamPolicy | undefined)
    | undefined;
  readonly entries?: ((conflict: TreeConflict) => EntryPolicy | undefined) | undefined;
  readonly places?: ((conflict: TreeConflict) => PlacePolicy | undefined) | undefined;
}

export interface ResolverOptions {
  /** Those of the bucket's rules. */
  readonly own?: Policies | undefined;
  /** Those that the caller gave, which come first. */
  readonly given?: Policies | undefined;
  /** Whose change is the newer one. */
  readonly newer?: ((subject: Subject) => Side) | undefined;
  readonly answers?: readonly Answer[] | undefined;
  /** The part for new contents of a stream, by its rule at that place. */
  readonly partOf?:
    | ((conflict: TreeConflict, stream: string, contents: unknown) => StreamPart)
    | undefined;
}

/** What a stream becomes: what a side or the base has, or another part. Undefined: it is open. */
export type StreamVerdict = Side | 'base' | { readonly part: StreamPart } | undefined;

/** What a merge asks where both sides changed the same. Undefined leaves it open. */
export interface Judge {
  stream(conflict: TreeConflict & { readonly stream: string }): StreamVerdict;
  /** An entry that one side removed; `kept` is the side that has it still. */
  entry(conflict: TreeConflict, kept: Side): Side | undefined;
  place(conflict: TreeConflict): Take | undefined;
}

/** For bases that are merged into one: what conflicts is unknown. */
export const OPEN: Judge = {
  stream: () => undefined,
  entry: () => undefined,
  place: () => undefined,
};

type StreamConflict = TreeConflict & { readonly stream: string };

export class Resolver implements Judge {
  /** What nobody resolved. */
  readonly conflicts: TreeConflict[] = [];
  readonly #options: ResolverOptions;
  readonly #answers: Answers;
  #isJudged = false;

  constructor(options: ResolverOptions) {
    this.#options = options;
    this.#answers = new Answers(options.answers ?? []);
  }

  /** Answers that met no conflict. REGALIA_OPTION where one met only such as do not take it. */
  get unused(): readonly Answer[] {
    return this.#answers.unused;
  }

  /** Whether an answer or a policy of the caller's decided anything. */
  get isJudged(): boolean {
    return this.#isJudged;
  }

  stream(conflict: StreamConflict): StreamVerdict {
    const answer = this.#answers.find(conflict);
    if (answer !== undefined) {
      this.#isJudged = true;
      if ('contents' in answer) return this.#written(conflict, answer.contents);
      return answer.take as Side | 'base';
    }
    const { given, own } = this.#options;
    const policy = this.#first(
      given?.streams?.(conflict.stream, conflict),
      own?.streams?.(conflict.stream, conflict),
    );
    if (policy === 'newest') return this.#newer({ conflict, what: 'stream' });
    if (typeof policy !== 'function') return this.#sided(policy, conflict);
    const judged = policy(conflict);
    if (judged instanceof Uint8Array) return this.#written(conflict, judged);
    if (typeof judged === 'object') return { part: judged };
    return judged ?? this.#report(conflict);
  }

  #written(conflict: StreamConflict, contents: unknown): StreamVerdict {
    const part = this.#options.partOf?.(conflict, conflict.stream, contents);
    return part === undefined ? this.#report(conflict) : { part };
  }

  entry(conflict: TreeConflict, kept: Side): Side | undefined {
    const answer = this.#take(conflict);
    if (answer !== undefined) return answer as Side;
    const { given, own } = this.#options;
    const policy = this.#first(given?.entries?.(conflict), own?.entries?.(conflict));
    if (policy === 'keep') return kept;
    if (policy === 'remove') return kept === 'ours' ? 'theirs' : 'ours';
    if (policy === 'newest') return this.#newer({ conflict, what: 'entry' });
    if (typeof policy === 'function') return policy(conflict) ?? this.#report(conflict);
    return this.#sided(policy, conflict);
  }

  place(conflict: TreeConflict): Take | undefined {
    const answer = this.#take(conflict);
    if (answer !== undefined) return answer;
    const { given, own } = this.#options;
    const policy = this.#first(given?.places?.(conflict), own?.places?.(conflict));
    if (policy === 'newest') return this.#newer({ conflict, what: 'place' });
    return this.#sided(policy, conflict);
  }

  /** What nobody but the caller resolves: that others changed what was read. */
  report(conflict: TreeConflict): void {
    this.#report(conflict);
  }

  #take(conflict: TreeConflict): Take | undefined {
    const answer = this.#answers.take(conflict);
    if (answer !== undefined) this.#isJudged = true;
    return answer;
  }

  /** The caller's policy, or else the rules'. */
  #first<T>(given: T | undefined, own: T | undefined): T | 'conflict' {
    if (given === undefined) return own ?? 'conflict';
    if (given !== 'conflict') this.#isJudged = true;
    return given;
  }

  #sided(policy: 'conflict' | Side, conflict: TreeConflict): Side | undefined {
    return policy === 'conflict' ? this.#report(conflict) : policy;
  }

  #newer(subject: Subject): Side | undefined {
    return this.#options.newer?.(subject) ?? this.#report(subject.conflict);
  }

  #report(conflict: TreeConflict): undefined {
    this.conflicts.push(conflict);
    return undefined;
  }
}

/** The caller's answers, by key and stream: the last of several counts. */
class Answers {
  readonly #answers = new Map<string, Answer[]>();
  readonly #used = new Set<Answer>();
  /** Answers that met only conflicts which do not take them, and one of those. */
  readonly #misfits = new Map<Answer, TreeConflict>();

  constructor(answers: readonly Answer[]) {
    for (const answer of answers) {
      const id = answerId(keyText(parseKey(answer.key)), answer.stream);
      this.#answers.set(id, [...(this.#answers.get(id) ?? []), answer]);
    }
  }

  /** Answers that met no conflict. REGALIA_OPTION where one met only such as do not take it. */
  get unused(): readonly Answer[] {
    const unused = [...this.#answers.values()].flat().filter((answer) => !this.#used.has(answer));
    for (const answer of unused) {
      const conflict = this.#misfits.get(answer);
      if (conflict !== undefined && 'take' in answer) throw refused(conflict, answer);
    }
    return unused;
  }

  /** The answer to a conflict: the last of those that it takes, its own before its key's. */
  find(conflict: TreeConflict): Answer | undefined {
    const { key, stream } = conflict;
    const own = stream === undefined ? [] : (this.#answers.get(answerId(key, stream)) ?? []);
    const whole = this.#answers.get(answerId(key, undefined)) ?? [];
    let found: Answer | undefined;
    for (const answer of [...whole, ...own]) {
      const fits = !('take' in answer) || conflict.answers.includes(answer.take);
      if (fits) this.#used.add(answer);
      else this.#misfits.set(answer, conflict);
      if (fits) found = answer;
    }
    return found;
  }

  take(conflict: TreeConflict): Take | undefined {
    const answer = this.find(conflict);
    return answer !== undefined && 'take' in answer ? answer.take : undefined;
  }
}

/** Neither keys nor stream names tell this apart from another pair: no key holds NUL. */
function answerId(key: string, stream: string | undefined): string {
  return stream === undefined ? key : `${key}\0${stream}`;
}

function refused(
  { key, stream, kind, answers }: TreeConflict,
  { take }: { readonly take: Take },
): RegaliaError<'REGALIA_OPTION'> {
  const where = stream === undefined ? key : `${key} ${stream}`;
  const option = `the answer for ${where} (${kind})`;
  return badOption(option, answers.map((one) => `'${one}'`).join(' or '), `'${take}'`);
}
