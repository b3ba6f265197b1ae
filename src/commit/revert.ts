/**
 * Taking back what one commit did: a merge like others, over that commit itself.
 *
 *     base     the commit that is taken back
 *     ours     the head, with all that came since
 *     theirs   the state before the commit: the one parent's that it leads back to
 *
 * So what the commit moved, put and removed is undone where it is by now, and what others changed
 * since is a conflict. A bucket within stands on its own commits in these three states.
 */
import { mergeBases } from '../log/ancestry.js';
import type { MapRow } from '../log/maps.js';
import { mergeSteps } from '../merge/merge-trees.js';
import type { Answer } from '../merge/resolve.js';
import type { Ground } from '../merge/site.js';
import type { EntryEdit } from '../tree/apply.js';
import type { Steps } from '../tree/steps.js';
import { Bases } from './bases.js';
import { HeadsWithin } from './heads-within.js';
import { judgeOf, type MergeJudgement } from './judge.js';
import type { Line, LocalCommit } from './line.js';
import { threeRules } from './merge-commits.js';
import { conflictError } from './rebase.js';
import type { Writers } from './writers.js';

/** What brings back an earlier state, by keys of the bucket that it is of. */
export interface Return {
  /** Of the top, one after the other. */
  readonly edits: readonly EntryEdit[];
  /** What goes where by that. */
  readonly rows: readonly MapRow[];
  /** The commits whose state comes back. */
  readonly origins: readonly LocalCommit[];
}

/** The commits of one bucket that a revert merges. */
export interface Reverted {
  readonly undone: LocalCommit;
  /** Its parent. */
  readonly before: LocalCommit;
  readonly head: LocalCommit;
}

/**
 * What takes back a commit, and the answers that met no conflict. REGALIA_CONFLICT, REGALIA_OPTION.
 */
export function* revertSteps(
  line: Line,
  writers: Writers,
  commits: Reverted,
  judgement: MergeJudgement,
): Steps<Return & { readonly unused: readonly Answer[] }> {
  const { undone, before, head } = commits;
  const trees = { ours: line.treeOf(head), theirs: line.treeOf(before) };
  // What comes back is what the head will be: nothing is newer.
  const judge = judgeOf(line.core, writers, judgement, { trees, newer: () => 'theirs' });
  const grounds = new Grounds(line, writers, commits);
  const { edit, rows } = yield* mergeSteps({
    cache: line.core.cache,
    ...trees,
    ground: yield* grounds.over(undone, head, before),
    groundOf: (bucket) => grounds.ofBucket(bucket),
    judge,
    mergeRules: threeRules,
    ontoOurs: true,
    rowsAtTop: true,
    returns: true,
  });
  const { unused, conflicts } = judge;
  if (conflicts.length > 0) throw conflictError(conflicts);
  // What goes has no row: in one commit, what comes to its key is an edit of it.
  const moved = (rows.get('')?.ours ?? []).filter(({ to }) => to !== undefined);
  return { edits: [edit], rows: moved, origins: [before], unused };
}

class Grounds {
  readonly #line: Line;
  readonly #bases: Bases;
  readonly #heads: Readonly<Record<keyof Reverted, HeadsWithin>>;

  constructor(line: Line, writers: Writers, { undone, before, head }: Reverted) {
    this.#line = line;
    this.#bases = new Bases(line, writers);
    const within = (commit: LocalCommit): HeadsWithin => {
      return new HeadsWithin(line, commit);
    };
    this.#heads = { undone: within(undone), before: within(before), head: within(head) };
  }

  /** One commit as the base of two others, whichever comes first. A side may be gone. */
  *over(
    base: LocalCommit,
    ours: LocalCommit | undefined,
    theirs: LocalCommit | undefined,
  ): Steps<Ground> {
    const { relations } = this.#bases;
    const to = (side = base) => relations.across(base.address, side.address);
    const sides = { ours: yield* to(ours), theirs: yield* to(theirs) };
    return { base: this.#line.treeOf(base), relations: sides, unknown: new Map() };
  }

  /** A bucket that the commit had not stands on what both others have in common. */
  *ofBucket(bucket: string): Steps<Ground | undefined> {
    const base = this.#heads.undone.find(bucket);
    const ours = this.#heads.head.find(bucket);
    const theirs = this.#heads.before.find(bucket);
    if (base !== undefined) return yield* this.over(base, ours, theirs);
    if (ours === undefined || theirs === undefined) return undefined;
    const { history } = this.#line.core;
    const bases = mergeBases(history, [ours.address], [theirs.address]);
    return yield* this.#bases.ground(bases, ours.address, theirs.address);
  }
}
