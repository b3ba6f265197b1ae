/**
 * Merging into a branch: what the merge of two commits makes, published on the line. A nested
 * bucket's merge is carried by a commit of each bucket around it, and so is the commit that it is
 * reset to.
 */
import { type Address, sameAddress } from '../blocks/address.js';
import type { Durability } from '../engine/engine.js';
import { hex } from '../ground/bytes.js';
import { assert, throwIfAborted } from '../ground/errors.js';
import type { CommitInfo } from '../log/commit.js';
import type { Actor } from '../log/signature.js';
import { type Conflict, publicConflict } from '../merge/conflict.js';
import type { Answer } from '../merge/resolve.js';
import { editAt, TreeEdit } from '../tree/apply.js';
import type { Names } from '../tree/key.js';
import { bucketPart, countedRoot } from '../tree/root.js';
import { NO_STREAMS } from '../tree/shape.js';
import { finishSteps, type Steps } from '../tree/steps.js';
import type { Asking, Plan } from './ask.js';
import { CommitBuilder } from './builder.js';
import type { MergeJudgement } from './judge.js';
import { Lane } from './lane.js';
import { type Line, type LocalCommit, type Tip, tipOf } from './line.js';
import { type Merged, mergeCommits } from './merge-commits.js';
import { withShare } from './shares.js';
import { runSteps, Writers } from './writers.js';

export interface MergeOptions extends MergeJudgement {
  /** The branch to merge into, if not the one at hand. */
  readonly into?: string | undefined;
  /** Given, the merge is an ordinary commit of this replica, not the canonical one. */
  readonly message?: string | undefined;
  readonly actor?: Actor | undefined;
  readonly durability?: Durability | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What a merge did. */
export interface MergeOutcome {
  /**
   * Whether the branch has seen `from` now. False where conflicts are left: then nothing was
   * written.
   */
  readonly merged: boolean;
  /** Whether the branch only moved on to a commit that was there. */
  readonly fastForward: boolean;
  /** The head. */
  readonly commit: CommitInfo;
  readonly conflicts: readonly Conflict[];
  /** Answers that met no conflict. */
  readonly unused: readonly Answer[];
}

/** A bucket nested in the line's: where it is, and its commit. */
export interface NestedTarget {
  readonly bucket: Uint8Array;
  readonly namesIn: (tip: Tip) => Names;
  readonly commitIn: (tip: Tip) => LocalCommit;
}

const RESERVE = 2_048;

/** What two commits of a bucket become. */
type Merge = typeof mergeCommits;

export function mergeInto(
  line: Line,
  nested: NestedTarget | undefined,
  from: Address,
  options: MergeOptions,
): Promise<MergeOutcome> {
  return publishMerge(line, nested, from, options, mergeCommits);
}

/** Makes the head another commit of the bucket, whatever came between. */
export async function resetInto(
  line: Line,
  nested: NestedTarget | undefined,
  to: Address,
  options: Pick<MergeOptions, 'message'>,
): Promise<void> {
  await publishMerge(line, nested, to, options, replaced);
}

/** The other commit, as it is. */
function* replaced(...[, , , , theirs]: Parameters<Merge>): Steps<Merged> {
  yield;
  return { result: theirs, made: [], unused: [] };
}

async function publishMerge(
  line: Line,
  nested: NestedTarget | undefined,
  from: Address,
  options: MergeOptions,
  merge: Merge,
): Promise<MergeOutcome> {
  const { core } = line;
  core.checkWritable();
  throwIfAborted(options.signal, 'merge');
  await core.raise();
  const merging = new Merging(line, nested, from, options, merge);
  await Lane.of(line).ask(merging);
  return merging.outcome;
}

/** A merge in its line's lane: alone, since it looks at history. */
class Merging implements Asking {
  readonly durability: Durability;
  readonly rests = [];
  readonly signal: AbortSignal | undefined;
  readonly #line: Line;
  readonly #nested: NestedTarget | undefined;
  readonly #from: Address;
  readonly #options: MergeOptions;
  readonly #merge: Merge;
  #writers: Writers;
  #found: Found | undefined;

  constructor(
    line: Line,
    nested: NestedTarget | undefined,
    from: Address,
    options: MergeOptions,
    merge: Merge,
  ) {
    this.#merge = merge;
    this.#line = line;
    this.#nested = nested;
    this.#from = from;
    this.#options = options;
    this.signal = options.signal;
    this.durability = options.durability ?? line.core.settings.durability;
    this.#writers = new Writers(line.core.cache, line.core.blocks);
  }

  /** Of the last plan, once it is carried out. */
  get outcome(): MergeOutcome {
    assert(this.#found !== undefined, 'a merge is planned before it is answered');
    const { commit, fastForward = false, ...rest } = this.#found;
    const { history } = this.#line.core;
    return { ...rest, fastForward, commit: history.info(commit.address, commit.commit) };
  }

  planNow(): undefined {}

  async plan(): Promise<Plan> {
    const line = this.#line;
    const { core } = line;
    await line.quiet();
    throwIfAborted(this.#options.signal, 'merge');
    while (core.blocks.available < RESERVE) await core.blocks.reserve(RESERVE);
    // A transaction needs what this one could write but for conflicts: each try has its own.
    this.#writers = new Writers(core.cache, core.blocks);
    const tip = line.stored();
    return this.#plan(this.#mayCount() ? await withShare(line, tip) : tip);
  }

  drop(): void {
    this.#writers.blocks.discard();
  }

  /** Whether the merge may be other than canonical, which counts no event. */
  #mayCount(): boolean {
    const { message, streams, entries, places, answers = [] } = this.#options;
    const decides = [message, streams, entries, places].some((given) => given !== undefined);
    return this.#nested !== undefined || decides || answers.length > 0;
  }

  async #plan(tip: Tip): Promise<Plan> {
    const line = this.#line;
    const options = this.#options;
    const { core } = line;
    const ours = this.#nested === undefined ? tip : this.#nested.commitIn(tip);
    const theirs = line.commitAt(this.#from);
    const words = {
      message: options.message ?? 'merge',
      actor: options.actor ?? core.settings.actor,
    };
    const { streams, entries, places, answers, partOf } = options;
    const judgement = { streams, entries, places, answers, partOf };
    const how = { judgement, words, ordinary: options.message !== undefined };
    const steps = this.#merge(line, this.#writers, how, ours, theirs);
    const merged = await runSteps('merge', steps, core, this.#writers, options.signal);
    if ('conflicts' in merged) {
      const conflicts = merged.conflicts.map(publicConflict);
      return this.#unchanged(tip, {
        merged: false,
        commit: ours,
        conflicts,
        unused: merged.unused,
      });
    }
    const { result, unused } = merged;
    const isNew = !sameAddress(result.address, ours.address);
    const fastForward = isNew && sameAddress(result.address, this.#from);
    const outcome = { merged: true, fastForward, commit: result, conflicts: [], unused };
    if (!isNew) return this.#unchanged(tip, outcome);
    const builder = new CommitBuilder(line, this.#writers, tip, words);
    if (this.#nested !== undefined) {
      const sequences = this.#nested.namesIn(tip).length + 1;
      while (core.sequences.available < sequences) await core.sequences.reserve(sequences);
    }
    const built =
      this.#nested === undefined
        ? { tip: tipOf(result, tip.id), commits: merged.made }
        : carried(line, this.#nested, tip, merged, builder, this.#writers);
    const own = built.commits.filter(
      ({ commit }) => commit.actor !== undefined && commit.sequence > 0,
    );
    const fresh = own.filter(({ address }) => !isKnown(line, address));
    const signatures = await builder.sign(fresh, options.signal);
    await this.#writers.blocks.prepare();
    this.#found = outcome;
    const cause = this.#merge === replaced ? 'reset' : fastForward ? 'fast-forward' : 'merge';
    return { base: tip, built: { ...built, signatures }, cause, writers: [this.#writers] };
  }

  #unchanged(tip: Tip, outcome: Found): Plan {
    this.drop();
    this.#found = outcome;
    return { base: tip, built: undefined, cause: 'merge', writers: [] };
  }
}

/** What a plan will have done. */
interface Found extends Omit<MergeOutcome, 'commit' | 'fastForward'> {
  readonly commit: LocalCommit;
  readonly fastForward?: boolean;
}

function isKnown(line: Line, address: Address): boolean {
  return line.core.history.entry(address) !== undefined;
}

/** Commits of the buckets around a nested one that was merged. */
function carried(
  line: Line,
  nested: NestedTarget,
  tip: Tip,
  merged: { result: LocalCommit; made: readonly LocalCommit[] },
  builder: CommitBuilder,
  writers: Writers,
): { tip: Tip; commits: readonly LocalCommit[] } {
  const { core } = line;
  const tree = line.treeOf(tip);
  const names = nested.namesIn(tip);
  const after = countedRoot(line.treeOf(merged.result).root);
  const part = bucketPart(nested.bucket, after);
  const parts = { shape: NO_STREAMS, streams: [], child: part };
  const treeEdit = new TreeEdit(core.cache, writers.for);
  const edit = editAt(names, { clear: false, streams: [], parts });
  const root = finishSteps(treeEdit.rootSteps(tree.root, edit));
  const outer = treeEdit.touched[0]?.bucket;
  const own = { bucket: nested.bucket, outer, before: undefined, after };
  const change = {
    root,
    touched: [own, ...treeEdit.touched],
    removed: [],
    added: [],
    rows: new Map(),
    given: new Map([[hex(nested.bucket), merged.result]]),
  };
  const made = builder.build(change);
  return { tip: made.tip, commits: [...merged.made, ...made.commits] };
}
