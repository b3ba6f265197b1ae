/**
 * Merging into a branch: what the merge of two commits makes, landed on the line. A nested bucket's
 * merge is carried by a commit of each bucket around it.
 */
import { type Address, sameAddress } from '../blocks/address.js';
import type { Durability } from '../engine/engine.js';
import { copyBytes, hex } from '../ground/bytes.js';
import { throwIfAborted } from '../ground/errors.js';
import type { Actor } from '../log/signature.js';
import type { Conflict, ConflictKind, ConflictSide } from '../merge/conflict.js';
import { TreeEdit } from '../tree/apply.js';
import { finishSteps, type Steps } from '../tree/edit.js';
import { editAt } from '../tree/edit-at.js';
import type { Names } from '../tree/key.js';
import { INLINE } from '../tree/record.js';
import { bucketPart, countedRoot } from '../tree/root.js';
import { NO_STREAMS } from '../tree/shape.js';
import { rootRefOf } from './buckets.js';
import { CommitBuilder } from './builder.js';
import { type CommitInfo, commitInfo } from './commit-info.js';
import type { Landed, Line, Tip } from './line.js';
import { CommitMerger, type Merged, type MergeJudgement } from './merge-commits.js';
import { land } from './publish.js';
import { runSteps, Writers } from './writers.js';

export interface MergeOptions extends MergeJudgement {
  /** The branch to merge into, if not the one at hand. */
  readonly into?: string;
  /** Given, the merge is an ordinary commit of this replica, not the canonical one. */
  readonly message?: string;
  readonly actor?: Actor;
  readonly durability?: Durability;
  readonly signal?: AbortSignal;
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

export interface MergeConflict {
  readonly key: string;
  readonly stream?: string;
  readonly kind: ConflictKind;
  readonly base?: MergeConflictSide;
  readonly ours?: MergeConflictSide;
  readonly theirs?: MergeConflictSide;
}

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
  readonly landedIn: (tip: Tip) => Landed;
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
      // What did not land.
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
  const ours = nested === undefined ? tip : nested.landedIn(tip);
  const theirs = line.landed(from);
  const words = {
    message: options.message ?? 'merge',
    actor: options.actor ?? core.settings.actor,
  };
  const steps = judged(line, writers, ours, theirs, options, words);
  const merged = await runSteps('merge', steps, core, writers, options.signal);
  if ('conflicts' in merged) {
    writers.blocks.discard();
    const conflicts = merged.conflicts.map(publicConflict);
    return { outcome: { merged: false, fastForward: false, commit: infoOf(ours), conflicts } };
  }
  const outcome = {
    merged: true,
    fastForward: sameAddress(merged.landed.address, from) && !sameAddress(ours.address, from),
    commit: infoOf(merged.landed),
    conflicts: [],
  };
  if (sameAddress(merged.landed.address, ours.address)) {
    writers.blocks.discard();
    return { outcome };
  }
  const builder = new CommitBuilder(line, writers, tip, words);
  const built =
    nested === undefined
      ? { tip: { ...merged.landed, id: tip.id }, landed: merged.made }
      : carried(line, nested, tip, merged, builder, writers);
  const own = built.landed.filter(
    ({ commit }) => commit.actor !== undefined && commit.sequence > 0,
  );
  const signatures = await builder.sign(own.filter(({ address }) => !isKnown(line, address)));
  await writers.blocks.prepare();
  const whole = { ...built, signatures };
  line.expect(whole.tip, whole.landed);
  const write = land(line, tip, whole, [writers], durability);
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
  ours: Landed,
  theirs: Landed,
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
  merged: { landed: Landed; made: readonly Landed[] },
  builder: CommitBuilder,
  writers: Writers,
): { tip: Tip; landed: Landed[] } {
  const { core } = line;
  const tree = line.treeOf(tip);
  const names = nested.namesIn(tip);
  const after = countedRoot(core.tree(merged.landed.rootBlock, merged.landed.commit.root).root);
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
    given: new Map([[hex(nested.bucket), merged.landed]]),
  };
  const made = builder.build(change);
  return { tip: made.tip, landed: [...merged.made, ...made.landed] };
}

function infoOf({ address, commit }: Landed): CommitInfo {
  return commitInfo(address, commit);
}

function publicConflict(conflict: Conflict): MergeConflict {
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
  const told: { -readonly [K in keyof MergeConflictSide]: MergeConflictSide[K] } = {};
  if (part !== undefined) told.size = part.length;
  if (part?.form === INLINE) told.inline = copyBytes(part.bytes);
  if (key !== undefined) told.key = key;
  if (bucket !== undefined) told.bucket = hex(bucket);
  return { [name]: told };
}
