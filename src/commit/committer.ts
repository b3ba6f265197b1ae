/**
 * Committing a transaction: its edits go onto the line's tip, as one commit with one parent.
 *
 *     the tip is where it began     its edits, or its private tree, as they are
 *     the tip has moved, few edits  the edits again, each stream checked against what it was
 *     the tip has moved, many       a three-way merge of its start, the tip and its private tree
 */

import { sameAddress } from '../blocks/address.js';
import type { Durability } from '../engine/engine.js';
import { conflicting, throwIfAborted } from '../ground/errors.js';
import { type CommitInfo, commitInfo } from '../log/commit.js';
import type { Move } from '../log/moves.js';
import type { Actor } from '../log/signature.js';
import type { Conflict, Side } from '../merge/conflict.js';
import { mergeSteps } from '../merge/merge-trees.js';
import type { EntryPolicy, StreamPolicy } from '../merge/policy.js';
import type { BucketMerge, BucketResult } from '../merge/three-way.js';
import type { StreamRule } from '../streams/rule.js';
import { type EntryEdit, TreeEdit } from '../tree/apply.js';
import { diffTrees } from '../tree/diff.js';
import { sameStreamAt, sameSubtree } from '../tree/equal.js';
import { keyText, type Names } from '../tree/key.js';
import type { Tree } from '../tree/lookup.js';
import type { RootRef } from '../tree/root.js';
import type { Steps } from '../tree/steps.js';
import { TouchedBuckets, touchedBetween } from './buckets.js';
import { type Change, CommitBuilder } from './builder.js';
import type { Line, LocalCommit, Tip } from './line.js';
import type { Pending } from './pending.js';
import type { PrivateTree } from './private-tree.js';
import { publish } from './publish.js';
import type { ReadSet } from './read-set.js';
import { type CommitConflict, type CommitPolicy, conflictError, Rebase } from './rebase.js';
import { runSteps, Writers } from './writers.js';

/** How a commit is made. */
export interface CommitOptions {
  /** At most 64 KiB of text. */
  readonly message?: string | undefined;
  readonly durability?: Durability | undefined;
  /**
   * Who wins where others changed the same streams meanwhile: 'ours' is this transaction. For all
   * streams, or decided one by one. Otherwise the streams' rules decide.
   */
  readonly policy?: CommitPolicy | undefined;
  /** Who signs, if not the store's actor. */
  readonly actor?: Actor | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A commit that was asked for. */
export interface CommitResult extends CommitInfo {
  /** False where nothing had changed: then this is the head as it was. */
  readonly changed: boolean;
}

/** What is committed: a transaction, as committing sees it. */
export interface Committing {
  readonly line: Line;
  /** The commit that it was begun on. */
  readonly started: LocalCommit;
  readonly fork: PrivateTree;
  /** The edits that are not in its tree. */
  readonly pending: Pending;
  readonly moves: ReadonlyMap<string, readonly Move[]>;
  readonly origins: readonly LocalCommit[];
  readonly reads: ReadSet | undefined;
  readonly guards: readonly Names[];
  /** Applies what is pending to its tree, while others run. */
  applyPending(signal?: AbortSignal): Promise<void>;
  /** The rule of a stream at a key of some state of the line. */
  ruleAt(tree: Tree, names: Names, stream: string): StreamRule;
}

/** Up to this many operations are put on a moved head one by one. */
const FEW = 2_000;
const SEQUENCES = 64;
/** A head that keeps moving is another process at work: each try is built on a newer one. */
const TRIES = 1_000;

export async function commitTransaction(
  tx: Committing,
  options: CommitOptions,
): Promise<CommitResult> {
  const { line } = tx;
  const { core } = line;
  const durability = options.durability ?? core.settings.durability;
  throwIfAborted(options.signal, 'commit');
  await core.raise();
  if (tx.pending.count > FEW) await tx.applyPending(options.signal);
  for (let count = 0; count < TRIES; count++) {
    const attempt = new Attempt(tx, options);
    const { head, write } = await line.inTurn(() => attempt.build(durability));
    if (write === undefined) return resultOf(head, false);
    try {
      if (await write) return resultOf(head, true);
    } finally {
      attempt.end();
    }
  }
  throw conflicting(`the head moved ${TRIES} times while the commit was built`, []);
}

function resultOf(head: LocalCommit, changed: boolean): CommitResult {
  const { commit, root, parents, stamp, time, actor, message, bucket } = commitInfo(
    head.address,
    head.commit,
  );
  return { commit, root, parents, stamp, time, actor, message, bucket, changed };
}

/** What a try has built: the head to be and its write; without one, the head as it is. */
interface Tried {
  readonly head: LocalCommit;
  /** Resolves with whether the head was published. */
  readonly write?: Promise<boolean>;
}

/** One try to put a transaction on the tip. */
class Attempt {
  readonly #tx: Committing;
  readonly #options: CommitOptions;
  /** What this try stages; what the transaction staged goes along. */
  readonly #writers: Writers;

  constructor(tx: Committing, options: CommitOptions) {
    this.#tx = tx;
    this.#options = options;
    const { core } = tx.line;
    this.#writers = new Writers(core.cache, core.blocks);
  }

  async build(durability: Durability): Promise<Tried> {
    const { core } = this.#tx.line;
    core.check();
    try {
      return await this.#build(durability);
    } catch (error) {
      this.end();
      throw error;
    }
  }

  /** Forgets what was staged and not published. */
  end(): void {
    this.#writers.blocks.discard();
  }

  async #build(durability: Durability): Promise<Tried> {
    const { line } = this.#tx;
    const { core } = line;
    while (core.sequences.available < SEQUENCES) await core.sequences.reserve(SEQUENCES);
    await this.#tx.fork.writers.blocks.prepare();
    const tip = line.tip();
    const change = await this.#change(tip);
    if (sameAddress(change.root.address, tip.commit.root)) {
      this.#writers.blocks.discard();
      await this.#heal(durability);
      return { head: tip };
    }
    const actor = this.#options.actor ?? core.settings.actor;
    const words = { message: this.#options.message ?? '', actor };
    const builder = new CommitBuilder(line, this.#writers, tip, words);
    const built = await builder.buildSigned(change);
    await this.#writers.blocks.prepare();
    line.expect(built.tip, built.commits);
    const write = publish(line, tip, built, [this.#tx.fork.writers, this.#writers], durability);
    // The caller awaits it; until then a rejection must not count as unhandled.
    write.catch(() => {});
    return { head: built.tip, write };
  }

  /**
   * Contents that were lost and are written again change no tree: their chunks are written alone,
   * and heal it.
   */
  async #heal(durability: Durability): Promise<void> {
    const { blocks } = this.#tx.fork.writers;
    if (!blocks.hasChunks) return;
    await this.#tx.line.core.engine.write((batch) => blocks.emit(batch), durability);
    blocks.published();
  }

  async #change(tip: Tip): Promise<Change> {
    const tx = this.#tx;
    const { line } = tx;
    const started = line.treeOf(tx.started);
    if (sameAddress(tip.address, tx.started.address)) return this.#inPlace(started);
    const head = line.treeOf(tip);
    this.#checkReads(started, head);
    if (tx.fork.root !== undefined) return this.#merged(started, head);
    const rebase = new Rebase(started, head, (names, stream) => this.#policy(head, names, stream));
    const edit = rebase.edit(tx.pending.edit(), []);
    throwConflicts(rebase.conflicts);
    return this.#applied(head, edit, undefined);
  }

  /** Nobody came between. */
  #inPlace(started: Tree): Promise<Change> {
    const tx = this.#tx;
    const privateRoot = tx.fork.root;
    const { core } = tx.line;
    const tree =
      privateRoot === undefined ? started : core.tree(privateRoot.id, privateRoot.address);
    return this.#applied(tree, tx.pending.count === 0 ? undefined : tx.pending.edit(), privateRoot);
  }

  async #applied(
    tree: Tree,
    edit: EntryEdit | undefined,
    privateRoot: RootRef | undefined,
  ): Promise<Change> {
    const tx = this.#tx;
    const { core } = tx.line;
    const treeEdit = new TreeEdit(core.cache, this.#writers.for);
    const touched = new TouchedBuckets();
    touched.add(tx.fork.touched.list());
    let root: RootRef = privateRoot ?? tree.root;
    if (edit !== undefined) {
      const steps = treeEdit.rootSteps(tree.root, edit);
      root = await runSteps('commit', steps, core, this.#writers, this.#options.signal);
      touched.add(treeEdit.touched);
    }
    const removed = tx.fork.removed.concat(treeEdit.removed);
    const added = tx.fork.added.concat(treeEdit.added);
    const made = touched.list().some(({ before }) => before === undefined);
    if (made || removed.length > 0 || added.length > 0) {
      touched.placeWithin(core, core.tree(root.id, root.address));
    }
    const { moves, origins } = tx;
    return { root, touched: touched.list(), removed, added, moves, origins };
  }

  /**
   * The private tree, merged by content: theirs is the transaction here, since the head is what is
   * edited.
   */
  async #merged(started: Tree, head: Tree): Promise<Change> {
    const tx = this.#tx;
    const { core } = tx.line;
    const { root: theirs } = await this.#inPlace(started);
    const { signal } = this.#options;
    const merging = mergeSteps({
      cache: core.cache,
      writerFor: this.#writers.for,
      bases: [started],
      ours: head,
      theirs: core.tree(theirs.id, theirs.address),
      policyOf: (stream) => this.#mergePolicy(head, stream),
      entryPolicy: flipped(this.#options.policy) as EntryPolicy,
      newer: () => 'theirs',
      moves: { ours: [], theirs: tx.moves.get('') ?? [] },
      mergeBucket: (merge) => this.#mergeBucket(merge),
    });
    const { edit, conflicts } = await runSteps('commit', merging, core, this.#writers, signal);
    throwConflicts(conflicts.map(commitConflict));
    this.#checkEqualChanges(started, head, core.tree(theirs.id, theirs.address));
    const treeEdit = new TreeEdit(core.cache, this.#writers.for);
    const steps = treeEdit.rootSteps(head.root, edit);
    const root = await runSteps('commit', steps, core, this.#writers, signal);
    const touched = touchedBetween(core, head, core.tree(root.id, root.address));
    return { root, touched, removed: [], added: [], moves: tx.moves, recount: true };
  }

  /**
   * To a merge, equal changes of both sides are one; to transactions they are two that did not see
   * each other.
   */
  #checkEqualChanges(started: Tree, head: Tree, own: Tree): void {
    for (const { names, stream } of diffTrees(started, own)) {
      if (stream === undefined || sameStreamAt(started, head, names, stream)) continue;
      const equal = sameStreamAt(own, head, names, stream);
      const policy = this.#policy(head, names, stream);
      const conflict = { key: keyText(names), stream, kind: 'changed/changed' } as const;
      const side = typeof policy === 'function' ? policy(conflict) : policy;
      if (equal && (side === undefined || side === 'conflict')) throwConflicts([conflict]);
    }
  }

  /**
   * A nested bucket that both the transaction and the head changed: one commit on the head's, as
   * for the outer one.
   */
  *#mergeBucket({ base, ours, theirs }: BucketMerge): Steps<BucketResult> {
    const { core } = this.#tx.line;
    const [a, b] = [core.tree(ours.id, ours.address), core.tree(theirs.id, theirs.address)];
    const { edit, conflicts } = yield* mergeSteps({
      cache: core.cache,
      writerFor: this.#writers.for,
      bases: base === undefined ? [] : [core.tree(base.id, base.address)],
      ours: a,
      theirs: b,
      policyOf: (stream) => this.#mergePolicy(a, stream),
      newer: () => 'theirs',
      mergeBucket: (merge) => this.#mergeBucket(merge),
    });
    if (conflicts.length > 0) return { conflicts };
    const treeEdit = new TreeEdit(core.cache, this.#writers.for);
    return { root: yield* treeEdit.rootSteps(a.root, edit) };
  }

  #mergePolicy(tree: Tree, stream: string): StreamPolicy {
    const { policy } = this.#options;
    const own = policy ?? this.#tx.line.core.rules(tree.root.rules).ruleOf(stream).merge;
    return flipped(own) as StreamPolicy;
  }

  #policy(head: Tree, names: Names, stream: string | undefined): CommitPolicy {
    const { policy } = this.#options;
    if (policy !== undefined) return policy;
    if (stream === undefined) return 'conflict';
    return this.#tx.ruleAt(head, names, stream).merge;
  }

  /** What was read, and what was guarded, must be as it was. */
  #checkReads(started: Tree, head: Tree): void {
    const { reads, guards } = this.#tx;
    const read = reads?.changed(started, head);
    const names = read?.names ?? guards.find((key) => !sameSubtree(started, head, key));
    if (names === undefined) return;
    const stream = read?.stream === undefined ? {} : { stream: read.stream };
    throwConflicts([{ key: keyText(names), ...stream, kind: 'read/changed' }]);
  }
}

function throwConflicts(conflicts: readonly CommitConflict[]): void {
  const [first] = conflicts;
  if (first === undefined) return;
  const where = first.stream === undefined ? first.key : `${first.key} ${first.stream}`;
  throw conflictError(conflicts, `${where} (${first.kind})`);
}

/** Sides as the merge of trees names them: there the head is ours. */
function flipped(policy: CommitPolicy | undefined): StreamPolicy | undefined {
  if (policy === 'ours') return 'theirs';
  if (policy === 'theirs') return 'ours';
  if (typeof policy !== 'function') return policy;
  return (conflict) => flipped(policy(commitConflict(conflict))) as Side | undefined;
}

/** What the merge of trees calls ours is the head's here, so the two sides change places. */
function commitConflict({ key, stream, kind }: Conflict): CommitConflict {
  const named =
    kind === 'removed/changed'
      ? 'changed/removed'
      : kind === 'changed/removed'
        ? 'removed/changed'
        : 'changed/changed';
  return stream === undefined ? { key, kind: named } : { key, stream, kind: named };
}
