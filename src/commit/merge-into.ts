/**
 * Merging into a branch: what the merge of two commits makes, published on the line. A nested
 * bucket's merge is carried by a commit of each bucket around it.
 */
import { type Address, sameAddress } from '../blocks/address.js';
import type { Durability } from '../engine/engine.js';
import { copyBytes, hex } from '../ground/bytes.js';
import { throwIfAborted } from '../ground/errors.js';
import { type CommitInfo, commitInfo } from '../log/commit.js';
import type { Actor } from '../log/signature.js';
import type { Conflict, ConflictKind, ConflictSide } from '../merge/conflict.js';
import { editAt, TreeEdit } from '../tree/apply.js';
import type { Names } from '../tree/key.js';
import { INLINE } from '../tree/record.js';
import { bucketPart, countedRoot } from '../tree/root.js';
import { NO_STREAMS } from '../tree/shape.js';
import { finishSteps, type Steps } from '../tree/steps.js';
import { CommitBuilder } from './builder.js';
import { type Line, type LocalCommit, type Tip, tipOf } from './line.js';
import { CommitMerger, type Merged, type MergeJudgement } from './merge-commits.js';
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

/** What one side of a conflict has. */
export interface MergeConflictSide {
  /** Of a stream: its logical bytes. */
  readonly size?: number;
  /** Of a stream in metadata: its bytes. */
  readonly inline?: Uint8Array;
  /** Of a moved entry: its key. */
  readonly key?: string;
  /** Of a bucket: its id, 32 hexadecimal digits. */
  readonly bucket?: string;
}

/** A conflict of a merge, with what each side has. */
export interface MergeConflict {
  readonly key: string;
  readonly stream?: string;
  readonly kind: ConflictKind;
  readonly base?: MergeConflictSide;
  readonly ours?: MergeConflictSide;
  readonly theirs?: MergeConflictSide;
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
  readonly conflicts: readonly MergeConflict[];
}

/** A bucket nested in the line's: where it is, and its commit. */
export interface NestedTarget {
  readonly bucket: Uint8Array;
  readonly namesIn: (tip: Tip) => Names;
  readonly commitIn: (tip: Tip) => LocalCommit;
}

const SEQUENCES = 64;
const RESERVE = 2_048;

export async function mergeInto(
  line: Line,
  nested: NestedTarget | undefined,
  from: Address,
  options: MergeOptions,
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
        return tryMerge(line, writers, nested, from, options, durability);
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
  options: MergeOptions,
  durability: Durability,
): Promise<Attempt> {
  const { core } = line;
  const tip = line.stored();
  const ours = nested === undefined ? tip : nested.commitIn(tip);
  const theirs = line.commitAt(from);
  const words = {
    message: options.message ?? 'merge',
    actor: options.actor ?? core.settings.actor,
  };
  const steps = judged(line, writers, ours, theirs, options, words);
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
      },
    };
  }
  const outcome = {
    merged: true,
    fastForward: sameAddress(merged.result.address, from) && !sameAddress(ours.address, from),
    commit: commitInfo(merged.result.address, merged.result.commit),
    conflicts: [],
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
  const write = publish(line, tip, whole, [writers], durability);
  write.catch(() => {});
  return { outcome, write };
}

function isKnown(line: Line, address: Address): boolean {
  return line.core.history.entry(address) !== undefined;
}

/** The canonical merge, or where that leaves conflicts, one by the caller's judgement. */
function* judged(
  line: Line,
  writers: Writers,
  ours: LocalCommit,
  theirs: LocalCommit,
  options: MergeOptions,
  words: { message: string; actor: Actor | undefined },
): Steps<Merged> {
  const { policy, entryPolicy, answers, message } = options;
  if (message === undefined) {
    const canonical = yield* new CommitMerger(line, writers, undefined).merge(ours, theirs);
    if (!('conflicts' in canonical)) return canonical;
    if (policy === undefined && entryPolicy === undefined && answers === undefined)
      return canonical;
  }
  const how = { policy, entryPolicy, answers };
  return yield* new CommitMerger(line, writers, { how, words }).merge(ours, theirs);
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
    moves: new Map(),
    given: new Map([[hex(nested.bucket), merged.result]]),
  };
  const made = builder.build(change);
  return { tip: made.tip, commits: [...merged.made, ...made.commits] };
}

export function publicConflict(conflict: Conflict): MergeConflict {
  const { key, kind, stream } = conflict;
  return {
    key,
    kind,
    ...(stream === undefined ? {} : { stream }),
    ...sideOf('base', conflict.base),
    ...sideOf('ours', conflict.ours),
    ...sideOf('theirs', conflict.theirs),
  };
}

function sideOf(name: 'base' | 'ours' | 'theirs', side: ConflictSide | undefined): object {
  if (side === undefined) return {};
  const { part, key, bucket } = side;
  const shown: { -readonly [K in keyof MergeConflictSide]: MergeConflictSide[K] } = {};
  if (part !== undefined) shown.size = part.length;
  if (part?.form === INLINE) shown.inline = copyBytes(part.bytes);
  if (key !== undefined) shown.key = key;
  if (bucket !== undefined) shown.bucket = hex(bucket);
  return { [name]: shown };
}
