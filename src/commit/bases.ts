/**
 * What a merge of two commits stands on: their best common ancestors, merged into one where there
 * are several, and where the entries of that base went on either side.
 *
 * Several bases are folded one by one, the lowest address first, each fold a merge over the bases
 * of those. Nobody is asked: what conflicts is unknown in the result. It is the same on every
 * replica.
 */
import { type Address, addressText, compareAddresses } from '../blocks/address.js';
import { BoundedMap } from '../ground/bounded-map.js';
import { compareBytes } from '../ground/bytes.js';
import { mergeBases } from '../log/ancestry.js';
import { markAt } from '../merge/buckets.js';
import { mergeSteps } from '../merge/merge-trees.js';
import { type Point, Relations } from '../merge/relate.js';
import { Relation } from '../merge/relation.js';
import { OPEN } from '../merge/resolve.js';
import type { Ground, Unknown } from '../merge/site.js';
import { TreeEdit } from '../tree/apply.js';
import type { Tree } from '../tree/lookup.js';
import type { Steps } from '../tree/steps.js';
import type { Line } from './line.js';
import { movesWithin } from './moves-within.js';
import type { Writers } from './writers.js';

/** Folds that one merge is worth. Where history is more tangled, the bases folded so far stand. */
const FOLDS_MAX = 64;
/** Virtual bases that are kept. */
const KEPT = 256;

interface Base {
  /** The commits that were folded. */
  readonly commits: readonly Address[];
  readonly point: Point;
  readonly tree: Tree;
  readonly unknown: ReadonlyMap<string, Unknown>;
}

const NOTHING: ReadonlyMap<string, Unknown> = new Map();

export class Bases {
  readonly #line: Line;
  readonly #writers: Writers;
  readonly relations: Relations;
  readonly #known = new BoundedMap<string, Base>(KEPT);
  #folds = 0;

  constructor(line: Line, writers: Writers) {
    this.#line = line;
    this.#writers = writers;
    this.relations = relationsOf(line);
  }

  /** What a merge of two commits stands on, given their bases. */
  *ground(bases: readonly Address[], ours: Point, theirs: Point): Steps<Ground> {
    const base = yield* this.#folded(bases);
    if (base === undefined) {
      const relations = { ours: new Relation(), theirs: new Relation() };
      return { base: undefined, relations, unknown: NOTHING };
    }
    const { tree, point, unknown } = base;
    const relations = {
      ours: yield* this.relations.between(point, ours),
      theirs: yield* this.relations.between(point, theirs),
    };
    return { base: tree, relations, unknown };
  }

  *#folded(bases: readonly Address[]): Steps<Base | undefined> {
    const sorted = [...bases].sort(compareAddresses);
    let folded: Base | undefined;
    for (const [i, next] of sorted.entries()) {
      const name = sorted
        .slice(0, i + 1)
        .map(addressText)
        .join(' ');
      const known = this.#known.get(name);
      if (known !== undefined) folded = known;
      else if (folded === undefined) folded = this.#single(next);
      else if (this.#folds++ >= FOLDS_MAX) break;
      else folded = yield* this.#fold(folded, next);
      this.#known.set(name, folded);
    }
    return folded;
  }

  #single(commit: Address): Base {
    const tree = this.#line.treeOf(this.#line.commitAt(commit));
    return { commits: [commit], point: commit, tree, unknown: NOTHING };
  }

  *#fold(base: Base, next: Address): Steps<Base> {
    const { cache, history } = this.#line.core;
    const older = mergeBases(history, base.commits, [next]);
    const ground = yield* this.ground(older, base.point, next);
    const theirs = this.#line.treeOf(this.#line.commitAt(next));
    const { side, edit, rows, unknown } = yield* mergeSteps({
      cache,
      ours: base.tree,
      theirs,
      ground,
      unknown: base.unknown,
      judge: OPEN,
      rowsAtTop: true,
      mergeRules: (_, a, b) => (compareBytes(a, b) <= 0 ? a : b),
    });
    const treeEdit = new TreeEdit(cache, this.#writers.for);
    const from = (side === 'ours' ? base.tree : theirs).root;
    const rules = edit.rules ?? from.rules;
    const root = yield* treeEdit.rootSteps({ ...from, rules }, edit);
    const whole = rows.get('');
    const parents = [
      { point: base.point, rows: whole?.ours ?? [] },
      { point: next, rows: whole?.theirs ?? [] },
    ];
    const commits = [...base.commits, next];
    return {
      commits,
      point: { parents },
      tree: this.#line.core.tree(root.id, root.address),
      unknown,
    };
  }
}

/** How the commits of a line relate. */
export function relationsOf(line: Line): Relations {
  const relations: Relations = new Relations(line.core.history, line.core.blocks, {
    markAt: (commit, key) => markAt(line.treeOf(line.commitAt(commit)), key),
    movesWithin: (...between) => movesWithin(line, relations, ...between),
  });
  return relations;
}
