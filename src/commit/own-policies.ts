/**
 * The policies of a conflict by the rules of the bucket that it stands in: what decides without a
 * caller, and so the same wherever it is merged.
 *
 *     a stream    the bucket whose entry it is on: a bucket's own are its own
 *     an entry    the bucket that holds it, as for its place
 *
 * Both sides are asked. Where they differ, since an entry crossed a border or the rules were
 * changed, the more careful policy counts, so that it does not matter whose side is ours.
 */
import type { Side, TreeConflict } from '../merge/conflict.js';
import type { Policies } from '../merge/resolve.js';
import { SIDES } from '../merge/site.js';
import type { EntryRule, MergePolicy, PlaceRule, Rules } from '../streams/rule.js';
import { type Names, parseKey } from '../tree/key.js';
import type { Tree } from '../tree/lookup.js';
import type { Core } from './core.js';

type Policy = MergePolicy | EntryRule | PlaceRule;

/** From the most careful on: what asks, what keeps, what loses one side's. */
const CARE: readonly Policy[] = ['conflict', 'keep', 'remove', 'ours', 'theirs', 'newest'];

/** Of the trees that are merged, one is enough. */
export function ownPolicies(core: Core, trees: Partial<Record<Side, Tree>>): Policies {
  const around = (tree: Tree, names: Names): Rules => core.rules(tree.rootAround(names).rules);
  return {
    streams: (stream, conflict) => {
      const rules = placesOf(trees, conflict).map(([tree, names]) => around(tree, names));
      return mostCareful(rules.map((one) => one.ruleOf(stream).merge));
    },
    entries: (conflict) => {
      return mostCareful(placesOf(trees, conflict).map((at) => around(...above(at)).entries));
    },
    places: (conflict) => {
      return mostCareful(placesOf(trees, conflict).map((at) => around(...above(at)).places));
    },
  };
}

type At = readonly [tree: Tree, names: Names];

/** Where each side has what conflicts; without that, where the conflict stands. */
function placesOf(trees: Partial<Record<Side, Tree>>, conflict: TreeConflict): At[] {
  const known = SIDES.flatMap((side): [Side, Tree][] => {
    const tree = trees[side];
    return tree === undefined ? [] : [[side, tree]];
  });
  const present = known.filter(([side]) => conflict[side] !== undefined);
  return (present.length > 0 ? present : known).map(([side, tree]) => {
    return [tree, parseKey((conflict[side] ?? conflict).key)];
  });
}

function above([tree, names]: At): At {
  return [tree, names.slice(0, -1)];
}

function mostCareful<T extends Policy>(policies: readonly T[]): T | undefined {
  return [...policies].sort((a, b) => CARE.indexOf(a) - CARE.indexOf(b))[0];
}
