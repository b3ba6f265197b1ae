/**
 * Merging into a branch: what the merge of two commits makes, published on the line. A nested
 * bucket's merge is carried by a commit of each bucket around it, and so is the commit that it is
 * reset to.
 */
import { type Address, sameAddress } from '../blocks/address.js';
import type { Durability } from '../engine/engine.js';
import { hex } from '../ground/bytes.js';
import { throwIfAborted } from '../ground/errors.js';
import { type CommitInfo, commitInfo } from '../log/commit.js';
import type { Actor } from '../log/signature.js';
import { type Conflict, publicConflict } from '../merge/conflict.js';
import type { Answer } from '../merge/resolve.js';
import { editAt, TreeEdit } from '../tree/apply.js';
import type { Names } from '../tree/key.js';
import { bucketPart, countedRoot } from '../tree/root.js';
import { NO_STREAMS } from '../tree/shape.js';
import { finishSteps, type Steps } from '../tree/steps.js';
import { CommitBuilder } from './builder.js';
import type { MergeJudgement } from './judge.js';
import { type Line, type LocalCommit, type Tip, tipOf } from './line.js';
import { type Merged, mergeCommits } from './merge-commits.js';
import { publish } from './publish.js';
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

const SEQUENCES = 64;
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
  const durability = options.durability ?? core.settings.durability;
  await core.raise();
  for (;;) {
    throwIfAborted(options.signal, 'merge');
    const writers = new Writers(core.cache, core.blocks);
    try {
      const attempt = await line.inTurn(async () => {
        await line.quiet();
        while (core.sequences.available < SEQUENCES) await core.sequences.reserve(SEQUENCES);
        while (core.blocks.available < RESERVE) await core.blocks.reserve(RESERVE);
        return tryMerge(line, writers, nested, from, { ...options, durability, merge });
      });
      if (attempt.write === undefined || (await attempt.write)) return attempt.outcome;
    } finally {
      // What was not published.
      writers.blocks.discard();
    }
  }
}

interface Attempt {
  readonly outcome: MergeOutcome;
  /** Undefined where there is nothing to write. */
  readonly write?: Promise<boolean>;
}

async function tryMerge(
  line: Line,
  writers: Writers,
  nested: NestedTarget | undefined,
  from: Address,
  options: MergeOptions & { readonly durability: Durability; readonly merge: Merge },
): Promise<Attempt> {
  const { core } = line;
  const tip = line.stored();
  const ours = nested === undefined ? tip : nested.commitIn(tip);
  const theirs = line.commitAt(from);
  const words = {
    message: options.message ?? 'merge',
    actor: options.actor ?? core.settings.actor,
  };
  const { streams, entries, places, answers, partOf } = options;
  const judgement = { streams, entries, places, answers, partOf };
  const how = { judgement, words, ordinary: options.message !== undefined };
  const steps = options.merge(line, writers, how, ours, theirs);
  const merged = await runSteps('merge', steps, core, writers, options.signal);
  if ('conflicts' in merged) {
    writers.blocks.discard();
    const conflicts = merged.conflicts.map(publicConflict);
    return {
      outcome: {
        merged: false,
        fastForward: false,
        commit: commitInfo(ours.address, ours.commit),
        conflicts,
        unused: merged.unused,
      },
    };
  }
  const outcome = {
    merged: true,
    fastForward: sameAddress(merged.result.address, from) && !sameAddress(ours.address, from),
    commit: commitInfo(merged.result.address, merged.result.commit),
    conflicts: [],
    unused: merged.unused,
  };
  if (sameAddress(merged.result.address, ours.address)) {
    writers.blocks.discard();
    return { outcome };
  }
  const builder = new CommitBuilder(line, writers, tip, words);
  const built =
    nested === undefined
      ? { tip: tipOf(merged.result, tip.id), commits: merged.made }
      : carried(line, nested, tip, merged, builder, writers);
  const own = built.commits.filter(
    ({ commit }) => commit.actor !== undefined && commit.sequence > 0,
  );
  const signatures = await builder.sign(own.filter(({ address }) => !isKnown(line, address)));
  await writers.blocks.prepare();
  line.expect(built.tip, built.commits);
  const { commits } = built;
  const whole = { tip: built.tip, commits, signatures };
  const write = publish(line, tip, whole, [writers], options.durability);
  write.catch(() => {});
  return { outcome, write };
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
