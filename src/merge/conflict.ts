/**
 * Conflicts as data, and the answers that resolve them.
 *
 * A conflict stands at a key and, where one stream is meant, at a stream. It is reported once, with
 * what each side has; a second run of the same merge with answers finds the same conflicts and
 * resolves them. Keys are those of the merged tree; a conflict of moves stands at the key that the
 * entry has in the base.
 */
import { badOption, type RegaliaError } from '../ground/errors.js';
import { type Key, keyText, type Names, parseKey } from '../tree/key.js';
import type { StreamPart } from '../tree/record.js';

/** What stands against each other. */
export type ConflictKind =
  /** A stream that both sides changed, or added, differently. */
  | 'both-changed'
  | 'both-added'
  /** Removed by ours, changed by theirs; and the other way round. */
  | 'removed/changed'
  | 'changed/removed'
  /** An entry moved to two places, two entries moved to one name, or moves that close a cycle. */
  | 'moved'
  /** A bucket removed and changed, or two different ones, or a bucket and none, at one key. */
  | 'bucket';

/** One of the two that are merged. */
export type Side = 'ours' | 'theirs';

/** What one side has: of a stream its part, of a moved entry its key, of a bucket its id. */
export interface ConflictSide {
  readonly part?: StreamPart;
  readonly key?: string;
  readonly bucket?: Uint8Array;
}

export interface Conflict {
  readonly key: string;
  readonly names: Names;
  readonly stream?: string;
  readonly kind: ConflictKind;
  /** Absent where that side has nothing there. */
  readonly base?: ConflictSide;
  readonly ours?: ConflictSide;
  readonly theirs?: ConflictSide;
}

/** What resolves a conflict: what a side has, or what both began with. */
export type Choice = Side | 'base';

/** How one conflict is resolved: by a side, by the base, or by a stream's new contents. */
export interface Answer {
  readonly key: Key;
  /**
   * Without a stream it is for the entry, and for all streams of it that have no answer of their
   * own.
   */
  readonly stream?: string | undefined;
  readonly take: Choice | Uint8Array;
}

export class Answers {
  readonly #answers = new Map<string, Answer['take']>();

  constructor(answers: readonly Answer[]) {
    for (const { key, stream, take } of answers) {
      if (stream === undefined && take instanceof Uint8Array) throw noContents(key);
      this.#answers.set(answerId(keyText(parseKey(key)), stream), take);
    }
  }

  ofStream(key: string, stream: string): Answer['take'] | undefined {
    return this.#answers.get(answerId(key, stream)) ?? this.#answers.get(answerId(key, undefined));
  }

  ofEntry(key: string): Choice | undefined {
    return this.#answers.get(answerId(key, undefined)) as Choice | undefined;
  }
}

/** Neither keys nor stream names tell this apart from another pair: no key holds NUL. */
function answerId(key: string, stream: string | undefined): string {
  return stream === undefined ? key : `${key}\0${stream}`;
}

function noContents(key: Key): RegaliaError<'REGALIA_OPTION'> {
  const option = `the answer for ${keyText(parseKey(key))}`;
  return badOption(option, "'ours', 'theirs' or 'base'", 'contents without a stream');
}
