/**
 * Merge: what theirs did since the base, done to ours.
 *
 *     graph       which entries of the three trees are one, by histories, ids and names
 *     decisions   what goes, where each is, what its streams are; conflicts to the judge
 *     outcome     the edit that makes the merged tree, and the maps from both sides to it
 *
 * Nothing is committed here. Equal inputs give equal results on every replica; where nothing sided
 * is asked (`ours`, `theirs`), merging theirs into ours and ours into theirs gives one root.
 */
import { algorithmName } from '../ground/block-header.js';
import { badRule } from '../ground/errors.js';
import type { EntryEdit } from '../tree/apply.js';
import type { Tree } from '../tree/lookup.js';
import type { NodeCache } from '../tree/node-cache.js';
import type { Steps } from '../tree/steps.js';
import type { Side } from './conflict.js';
import { Decisions } from './decide.js';
import { Graph } from './graph.js';
import { Outcome, type SideRows } from './outcome.js';
import type { Judge } from './resolve.js';
import type { Ground, Unknown } from './site.js';
import { unknownsOf } from './unknowns.js';

export interface MergeOptions {
  readonly cache: NodeCache;
  readonly ours: Tree;
  readonly theirs: Tree;
  readonly ground: Ground;
  readonly judge: Judge;
  readonly groundOf?: ((bucket: string) => Steps<Ground | undefined>) | undefined;
  /** What ours, a virtual base itself, does not know, by key. */
  readonly unknown?: ReadonlyMap<string, Unknown> | undefined;
  /** The rules where both sides changed them differently. Without it that is REGALIA_RULE. */
  readonly mergeRules?:
    | ((base: Uint8Array | undefined, ours: Uint8Array, theirs: Uint8Array) => Uint8Array)
    | undefined;
  /** Whether the edit must be one of ours. */
  readonly ontoOurs?: boolean | undefined;
  /** Whether the commit of a bucket within will have a map from a side; by default it has. */
  readonly hasMap?: ((bucket: string, side: Side) => boolean) | undefined;
  /** Whether rows of buckets within count from the top. */
  readonly rowsAtTop?: boolean | undefined;
  /** Whether theirs is a state of before, so that what it alone has comes back. */
  readonly returns?: boolean | undefined;
  /** Whether equal changes of both sides stand against each other as well, as in commits. */
  readonly strict?: boolean | undefined;
}

export interface MergeResult {
  /** The side whose root is edited. */
  readonly side: Side;
  /** What to do to the top entry of that side. */
  readonly edit: EntryEdit;
  /** By bucket, 32 hexadecimal digits; '' is the whole. */
  readonly rows: ReadonlyMap<string, SideRows>;
  /** How many entries the edit changes; a subtree replaced whole counts once. */
  readonly changed: number;
  /** What the merge leaves open, by its key in the result: for virtual bases. */
  readonly unknown: ReadonlyMap<string, Unknown>;
}

/** Merges in steps, so that a caller can let others run. */
export function* mergeSteps(options: MergeOptions): Steps<MergeResult> {
  const { cache, ours, theirs, ground, judge, groundOf, strict = false } = options;
  checkAlgorithms(ours, theirs);
  const { unknown: unknownInOurs, ontoOurs, returns } = options;
  const sides = { ours, theirs, ground, unknownInOurs, ontoOurs, returns };
  const graph = new Graph({ cache, ...sides, judge, groundOf, strict });
  yield* graph.build();
  const mergeRules = options.mergeRules ?? refuseRules;
  yield* new Decisions(graph, { cache, judge, strict, mergeRules }).decide();
  yield;
  const unknown = unknownsOf(graph);
  const outcome = new Outcome(graph, options.hasMap ?? (() => true));
  yield* outcome.find();
  const { side, edit } = outcome.edit();
  const rows = yield* outcome.rows(options.rowsAtTop === true);
  return { side, edit, rows, changed: outcome.changed, unknown: unknown(outcome) };
}

function refuseRules(): never {
  throw badRule('rules', 'the same on both sides', 'different ones');
}

function checkAlgorithms({ root: a }: Tree, { root: b }: Tree): void {
  if (a.algorithm === b.algorithm) return;
  throw badRule('hash', `${algorithmName(a.algorithm)}`, `${algorithmName(b.algorithm)}`);
}
