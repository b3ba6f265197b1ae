/**
 * Merge: what theirs did since the bases, done to ours.
 *
 *     bases   none: the empty tree; one; or several, merged into one that lacks what conflicts
 *     moves   of both sides, and of buckets, found by their ids: all three trees are brought to the
 *             places that entries shall have, so that an edit under an old key meets what lies
 *             under the new one
 *     then    the three trees are merged by names, see three-way.ts
 *
 * The result is an edit of ours: nothing is committed here, though places that changed cost a few
 * nodes that are written to be read again. Equal inputs give equal results on every replica; where
 * nothing sided is asked (`ours`, `theirs`), merging theirs into ours and ours into theirs gives
 * one root.
 */
import { type AlgorithmNumber, algorithmName } from '../ground/block-header.js';
import { compareBytes, equalBytes } from '../ground/bytes.js';
import { badRule } from '../ground/errors.js';
import { type EntryEdit, TreeEdit } from '../tree/apply.js';
import { keyText, parseKey } from '../tree/key.js';
import { Tree } from '../tree/lookup.js';
import type { NodeCache } from '../tree/node-cache.js';
import type { NodeWriter } from '../tree/node-writer.js';
import { loadRoot } from '../tree/root.js';
import { finishSteps, type Steps } from '../tree/steps.js';
import type { Conflict, Side } from './conflict.js';
import type { SideMoves } from './moves.js';
import { placesOf } from './places.js';
import { ABSENT, Judge, type Judging, type PolicyOptions } from './policy.js';
import { overlay, relocate } from './relocate.js';
import { type BucketMerge, type BucketResult, ThreeWay } from './three-way.js';

/** The bases of two bases, and what was moved since. */
export interface Ancestors {
  readonly bases: readonly Tree[];
  readonly moves?: SideMoves | undefined;
}

export interface MergeTools {
  readonly cache: NodeCache;
  readonly writerFor: (algorithm: AlgorithmNumber) => NodeWriter;
}

export interface MergeOptions extends MergeTools, PolicyOptions {
  readonly bases: readonly Tree[];
  /** The bases of `merged`, which are one tree by now, and `next`. Without it they have none. */
  readonly basesOf?: ((merged: readonly Tree[], next: Tree) => Ancestors) | undefined;
  readonly ours: Tree;
  readonly theirs: Tree;
  readonly moves?: SideMoves | undefined;
  /**
   * Whose moves stand where two contradict. The same on every replica: by the lower commit address,
   * say.
   */
  readonly firstMover?: Side | undefined;
  /** Merges a bucket within by its own bases and stamps. Without it such a bucket is a conflict. */
  readonly mergeBucket?: ((merge: BucketMerge) => Steps<BucketResult>) | undefined;
  /** The rules where both sides changed them differently. Without it that is REGALIA_RULE. */
  readonly mergeRules?:
    | ((base: Uint8Array | undefined, ours: Uint8Array, theirs: Uint8Array) => Uint8Array)
    | undefined;
}

export interface MergeResult {
  /** What to do to the top entry of ours. With conflicts left, it is what ours has there. */
  readonly edit: EntryEdit;
  /** The rules of the merged root. */
  readonly rules: Uint8Array;
  readonly conflicts: readonly Conflict[];
  /** How many entries the edit changes; a subtree replaced whole counts once. */
  readonly changed: number;
}

/**
 * How many merges of bases one merge is worth. Where history is more tangled, the first base stands
 * for all.
 */
const BASE_MERGES_MAX = 64;

/** Merges theirs into ours without a pause. REGALIA_RULE where rules contradict each other. */
export function mergeTrees(options: MergeOptions): MergeResult {
  return finishSteps(mergeSteps(options));
}

/** The same in steps, so that a caller can let others run. What judges is asked in between. */
export function* mergeSteps(options: MergeOptions): Steps<MergeResult> {
  const judge = new Judge(options);
  const left = { merges: BASE_MERGES_MAX };
  const base = yield* virtualBase(options, options.bases, options.basesOf, left);
  const merged = yield* merge(options, judge, base, options.ours, options.theirs, options.moves);
  const { edit, rules, changed } = merged;
  return { edit, rules, changed, conflicts: judge.conflicts };
}

type Place = Pick<
  MergeOptions,
  'cache' | 'writerFor' | 'firstMover' | 'mergeBucket' | 'mergeRules'
>;

function* merge(
  options: Place,
  judge: Judging,
  base: Tree | undefined,
  ours: Tree,
  theirs: Tree,
  moves: SideMoves | undefined,
): Steps<Omit<MergeResult, 'conflicts'>> {
  const rules = mergedRules(options, base, ours, theirs);
  const { cache, mergeBucket, firstMover = 'ours' } = options;
  const places = placesOf({ cache, base, ours, theirs, moves, judge, firstMover });
  judge.follow((names) => {
    const key = keyText(names);
    return {
      ours: parseKey(places.keyIn('ours', key)),
      theirs: parseKey(places.keyIn('theirs', key)),
    };
  });
  const moved = relocate(places.ours);
  const threeWay = new ThreeWay({ cache, judge, mergeBucket });
  const edit = yield* threeWay.top(
    base && (yield* applied(options, base, relocate(places.base))).top,
    (yield* applied(options, ours, moved)).top,
    (yield* applied(options, theirs, relocate(places.theirs))).top,
  );
  const changed = threeWay.changed + places.ours.length;
  return { edit: overlay(moved, edit), rules, changed };
}

/** The tree after an edit of its top entry. */
function* applied(tools: MergeTools, tree: Tree, edit: EntryEdit | undefined): Steps<Tree> {
  if (edit === undefined) return tree;
  const editor = new TreeEdit(tools.cache, tools.writerFor);
  const { id, address } = yield* editor.rootSteps(tree.root, edit);
  return new Tree(tools.cache, loadRoot(tools.cache, id, address));
}

/**
 * One tree for several bases, the same on every replica: merged one by one, the lowest address
 * first.
 */
function* virtualBase(
  tools: MergeTools,
  bases: readonly Tree[],
  basesOf: MergeOptions['basesOf'],
  left: { merges: number },
): Steps<Tree | undefined> {
  const [first, ...rest] = distinct(bases);
  if (first === undefined) return undefined;
  const merged = [first];
  let tree = first;
  for (const next of rest) {
    if (left.merges-- <= 0) break;
    const { bases: older, moves } = basesOf?.(merged, next) ?? { bases: [], moves: undefined };
    const base = yield* virtualBase(tools, older, basesOf, left);
    const options: Place = { ...tools, mergeBucket: undefined, mergeRules: lowerRules };
    const { edit } = yield* merge(options, ABSENT, base, tree, next, moves);
    tree = yield* applied(tools, tree, edit);
    merged.push(next);
  }
  return tree;
}

function distinct(trees: readonly Tree[]): readonly Tree[] {
  const sorted = [...trees].sort((a, b) => compareBytes(a.root.address, b.root.address));
  return sorted.filter((tree, i) => {
    const before = sorted[i - 1];
    return before === undefined || !equalBytes(before.root.address, tree.root.address);
  });
}

function lowerRules(_: Uint8Array | undefined, ours: Uint8Array, theirs: Uint8Array): Uint8Array {
  return compareBytes(ours, theirs) <= 0 ? ours : theirs;
}

function mergedRules(options: Place, base: Tree | undefined, ours: Tree, theirs: Tree): Uint8Array {
  const [a, b] = [ours.root, theirs.root];
  if (a.algorithm !== b.algorithm) {
    const [here, there] = [algorithmName(a.algorithm), algorithmName(b.algorithm)];
    throw badRule('hash', `${here}`, `${there}`);
  }
  if (equalBytes(a.rules, b.rules)) return a.rules;
  if (base !== undefined && equalBytes(base.root.rules, a.rules)) return b.rules;
  if (base !== undefined && equalBytes(base.root.rules, b.rules)) return a.rules;
  if (options.mergeRules === undefined) {
    throw badRule('rules', 'the same on both sides', 'different ones');
  }
  return options.mergeRules(base?.root.rules, a.rules, b.rules);
}
