/** Merges of trees of a laboratory, whole and in their steps. */
import type { TreeConflict } from '../../src/merge/conflict.js';
import { type MergeOptions, type MergeResult, mergeSteps } from '../../src/merge/merge-trees.js';
import { Relation } from '../../src/merge/relation.js';
import { OPEN, Resolver, type ResolverOptions } from '../../src/merge/resolve.js';
import type { Ground } from '../../src/merge/site.js';
import { Tree } from '../../src/tree/lookup.js';
import { finishSteps } from '../../src/tree/steps.js';
import type { Laboratory } from '../tree/model.js';

export interface Merged {
  readonly result: MergeResult;
  readonly conflicts: readonly TreeConflict[];
  /** What counts only where there is no conflict. */
  readonly tree: Tree;
}

/** The ground of two trees that have nothing in common but, maybe, a base. */
function plainGround(base: Tree | undefined): Ground {
  const relations = { ours: new Relation(), theirs: new Relation() };
  return { base, relations, unknown: new Map() };
}

type Options = ResolverOptions & Partial<Pick<MergeOptions, 'cache' | 'mergeRules' | 'strict'>>;

/** Merges two trees over a base, as if nothing had moved. */
export function merge(
  laboratory: Laboratory,
  base: Tree | undefined,
  ours: Tree,
  theirs: Tree,
  options: Options = {},
): Merged {
  return mergeOn(laboratory, plainGround(base), ours, theirs, options);
}

export function mergeOn(
  laboratory: Laboratory,
  ground: Ground,
  ours: Tree,
  theirs: Tree,
  { cache = laboratory.cache, mergeRules, strict, ...asked }: Options = {},
): Merged {
  const judge = new Resolver(asked);
  const options = { cache, ours, theirs, ground, judge, mergeRules, strict };
  const result = finishSteps(mergeSteps(options));
  const { conflicts } = judge;
  return { result, conflicts, tree: treeOf(laboratory, ours, theirs, result) };
}

/** The ground that two bases make together, of which each came after an older one. */
export function crossed(laboratory: Laboratory, older: Tree, one: Tree, other: Tree): Ground {
  const { cache } = laboratory;
  const ground = plainGround(older);
  const options = { cache, ours: one, theirs: other, ground, judge: OPEN };
  const result = finishSteps(mergeSteps(options));
  const base = treeOf(laboratory, one, other, result);
  return { ...plainGround(base), unknown: result.unknown };
}

function treeOf(
  laboratory: Laboratory,
  ours: Tree,
  theirs: Tree,
  { side, edit }: MergeResult,
): Tree {
  const { root } = side === 'ours' ? ours : theirs;
  const rules = edit.rules ?? root.rules;
  const steps = laboratory.edit.rootSteps({ ...root, rules }, edit);
  const { id, address } = finishSteps(steps);
  return Tree.load(laboratory.cache, id, address);
}

/** 'kind key stream', sorted. */
export function conflictTexts(conflicts: readonly TreeConflict[]): string[] {
  return conflicts
    .map(({ kind, key, stream }) => `${kind} ${key}${stream === undefined ? '' : ` ${stream}`}`)
    .sort();
}
