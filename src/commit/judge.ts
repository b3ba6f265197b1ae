/**
 * Who resolves what conflicts between two trees: the caller's answers and policies, and where these
 * say nothing, the rules of the buckets.
 */
import type { Side } from '../merge/conflict.js';
import {
  type Answer,
  type EntryPolicy,
  type PlacePolicy,
  Resolver,
  type StreamPolicy,
  type Subject,
} from '../merge/resolve.js';
import type { StreamRule } from '../streams/rule.js';
import { parseKey } from '../tree/key.js';
import type { Tree } from '../tree/lookup.js';
import type { StreamPart } from '../tree/record.js';
import type { Root } from '../tree/root.js';
import type { Core } from './core.js';
import { ownPolicies } from './own-policies.js';
import type { Writers } from './writers.js';

/** Makes the part for new contents of a stream, by the rule that it has under a root. */
export type PartMaker = (
  writers: Writers,
  root: Root,
  rule: StreamRule,
  stream: string,
  contents: unknown,
) => StreamPart;

/** How the caller resolves what the bucket's rules leave open. */
export interface MergeJudgement {
  /** Instead of the policies of the rules: for all streams, or by name. */
  readonly streams?: StreamPolicy | Readonly<Record<string, StreamPolicy>> | undefined;
  /** For entries that one side removed and the other changed. */
  readonly entries?: EntryPolicy | undefined;
  /** For places that contradict each other. */
  readonly places?: PlacePolicy | undefined;
  readonly answers?: readonly Answer[] | undefined;
  readonly partOf?: PartMaker | undefined;
}

/** What is merged, as a judge needs to know it. */
export interface Judged {
  readonly trees: Readonly<Record<Side, Tree>>;
  /** Whose change is the newer one. */
  readonly newer: (subject: Subject) => Side;
}

export function judgeOf(
  core: Core,
  writers: Writers,
  { streams, entries, places, answers, partOf }: MergeJudgement,
  { trees, newer }: Judged,
): Resolver {
  const around = (key: string): Root => {
    const names = parseKey(key);
    return (trees.ours.find(names) === undefined ? trees.theirs : trees.ours).rootAround(names);
  };
  return new Resolver({
    own: ownPolicies(core, trees),
    given: {
      streams: typeof streams === 'object' ? (stream) => streams[stream] : () => streams,
      entries: () => entries,
      places: () => places,
    },
    newer,
    answers,
    partOf:
      partOf &&
      (({ key, ours, theirs }, stream, contents) => {
        const root = around(ours?.key ?? theirs?.key ?? key);
        const rule = core.rules(root.rules).ruleOf(stream);
        return partOf(writers, root, rule, stream, contents);
      }),
  });
}
