/**
 * Committing a transaction: its edits go onto the line's tip, as one commit with one parent.
 *
 *     the tip is where it began     its edits, or its private tree, as they are
 *     the tip has moved, few edits  the edits again, each stream checked against what it was
 *     the tip has moved, many       a three-way merge of its start, the tip and its private tree
 */

import { sameAddress } from '../blocks/address.js';
import type { Durability } from '../engine/engine.js';
import { throwIfAborted } from '../ground/errors.js';
import { type CommitInfo, nearestMapped } from '../log/commit.js';
import { changedHeads } from '../log/heads.js';
import type { MapRow } from '../log/maps.js';
import type { Cause } from '../log/reflog.js';
import type { Actor } from '../log/signature.js';
import {
  type Conflict,
  publicConflict,
  type Side,
  type TreeConflict,
  type TreeSide,
} from '../merge/conflict.js';
import { mergeSteps } from '../merge/merge-trees.js';
import { movedRows } from '../merge/moved.js';
import { Relation } from '../merge/relation.js';
import { Resolver } from '../merge/resolve.js';
import type { Ground } from '../merge/site.js';
import { type EntryEdit, TreeEdit } from '../tree/apply.js';
import { sameSubtree } from '../tree/equal.js';
import { keyText, type Names } from '../tree/key.js';
import type { Tree } from '../tree/lookup.js';
import type { RootRef } from '../tree/root.js';
import type { Steps } from '../tree/steps.js';
import type { Ask, Asking, Plan } from './ask.js';
import { relationsOf } from './bases.js';
import { TouchedBuckets, touchedBetween } from './buckets.js';
import { type Built, type Change, CommitBuilder } from './builder.js';
import { HeadsWithin } from './heads-within.js';
import { Lane } from './lane.js';
import { headsRefOf, type Line, type LocalCommit, type Tip } from './line.js';
import { ownPolicies } from './own-policies.js';
import type { Pending } from './pending.js';
import type { PrivateTree } from './private-tree.js';
import type { ReadSet } from './read-set.js';
import { conflictError, conflictOf, crossesNewBorder, Rebase } from './rebase.js';
import { needsShare, withShare } from './shares.js';
import type { Turn } from './turns.js';
import { runSteps, stepsAtOnce, Writers } from './writers.js';

/** Who wins where others changed the same: for all, or decided for one conflict at a time. */
export type CommitPolicy =
  | Side
  | 'newest'
  | 'conflict'
  | ((conflict: Conflict) => Side | undefined);

const NO_ROWS: ReadonlyMap<string, readonly MapRow[]> = new Map();

/** How a commit is made. */
export interface CommitOptions {
  /** At most 64 KiB of text. */
  readonly message?: string | undefined;
  readonly durability?: Durability | undefined;
  /**
   * Who wins where others changed the same meanwhile: 'ours' is this transaction. For all, or
   * decided one by one. Otherwise the bucket's rules decide.
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
  /** Where it has moved what it began with. */
  readonly relation: Relation;
  readonly origins: readonly LocalCommit[];
  /** Those on whose commits it was begun before they were published. */
  readonly rests: readonly Ask[];
  /** What the branch is moved by. */
  readonly cause: Cause;
  /** The turn in which it is committed. */
  readonly turn: Turn | undefined;
  readonly reads: ReadSet | undefined;
  readonly guards: readonly Names[];
  /** The key of the bucket that was asked: keys of conflicts count from there. */
  readonly prefix: Names;
  /** Applies what is pending to its tree, while others run. */
  applyPending(signal?: AbortSignal): Promise<void>;
}

/** Up to this many operations are put on a moved head one by one. */
const FEW = 2_000;
/** Up to this many are put on a head at once; of more others have their turn in between. */
const AT_ONCE = 500;

export async function commitTransaction(
  tx: Committing,
  options: CommitOptions,
): Promise<CommitResult> {
  const { line, pending, fork } = tx;
  throwIfAborted(options.signal, 'commit');
  const raising = line.core.raise();
  if (raising !== undefined) await raising;
  if (pending.count > FEW) await tx.applyPending(options.signal);
  if (!fork.writers.blocks.isReady) await fork.writers.blocks.prepare();
  const attempt = new Attempt(tx, options);
  const head = await Lane.of(line).ask(attempt);
  return resultOf(line, head, attempt.hasChanged);
}

function resultOf({ core }: Line, head: LocalCommit, changed: boolean): CommitResult {
  return { ...core.history.info(head.address, head.commit), changed };
}

/** A transaction in its line's lane. */
class Attempt implements Asking {
  readonly durability: Durability;
  readonly turn: Turn | undefined;
  readonly signal: AbortSignal | undefined;
  /** Whether its last plan has a commit. */
  hasChanged = false;
  readonly #tx: Committing;
  readonly #options: CommitOptions;
  /** What a plan stages; what the transaction staged goes along. */
  #writers: Writers;

  constructor(tx: Committing, options: CommitOptions) {
    this.#tx = tx;
    this.#options = options;
    const { core } = tx.line;
    this.durability = options.durability ?? core.settings.durability;
    this.turn = tx.turn;
    this.signal = options.signal;
    this.#writers = new Writers(core.cache, core.blocks);
  }

  get rests(): readonly Ask[] {
    return this.#tx.rests;
  }

  planNow(tip: Tip): Plan | undefined {
    const tx = this.#tx;
    const { core } = tx.line;
    core.check();
    if (tx.pending.count > AT_ONCE || needsShare(tx.line, tip)) return undefined;
    if (!tx.fork.writers.blocks.isReady || this.#mustMerge(tip)) return undefined;
    const change = stepsAtOnce(this.#change(tip), core);
    if (change === undefined || core.sequences.available <= change.touched.length) {
      this.drop();
      return undefined;
    }
    if (sameAddress(change.root.address, tip.commit.root)) return this.#planOf(tip, undefined);
    const builder = this.#builder(tip);
    const built = builder.build(change);
    const signatures = builder.signNow(built.commits);
    if (signatures === undefined) {
      this.drop();
      return undefined;
    }
    return this.#planOf(tip, { ...built, signatures });
  }

  async plan(): Promise<Plan> {
    const tx = this.#tx;
    const { line } = tx;
    const { core } = line;
    core.check();
    let tip = line.tip();
    if (this.#mustMerge(tip)) {
      // It needs to know how its start and the tip came about.
      await line.quiet();
      tip = line.stored();
      await tx.applyPending(this.#options.signal);
    }
    await tx.fork.writers.blocks.prepare();
    const change = await this.#run(this.#change(tip));
    if (sameAddress(change.root.address, tip.commit.root)) return this.#planOf(tip, undefined);
    const base = await withShare(line, tip);
    const sequences = change.touched.length + 1;
    while (core.sequences.available < sequences) await core.sequences.reserve(sequences);
    const built = await this.#builder(base).buildSigned(change, this.signal);
    await this.#writers.blocks.prepare();
    return this.#planOf(base, built);
  }

  drop(): void {
    this.#writers.blocks.discard();
  }

  #run<T>(steps: Steps<T>): Promise<T> {
    return runSteps('commit', steps, this.#tx.line.core, this.#writers, this.#options.signal);
  }

  #builder(tip: Tip): CommitBuilder {
    const { line } = this.#tx;
    const actor = this.#options.actor ?? line.core.settings.actor;
    return new CommitBuilder(line, this.#writers, tip, {
      message: this.#options.message ?? '',
      actor,
    });
  }

  #planOf(base: Tip, built: Built | undefined): Plan {
    const { writers } = this.#tx.fork;
    this.hasChanged = built !== undefined;
    const { cause } = this.#tx;
    if (built !== undefined) return { base, built, cause, writers: [writers, this.#writers] };
    this.drop();
    // Contents that were lost and are written again change no tree, and heal it.
    return { base, built, cause, writers: writers.blocks.hasChunks ? [writers] : [] };
  }

  /** Whether its edits can't be put on a tip as they are, nor stream by stream. */
  #mustMerge(tip: Tip): boolean {
    const tx = this.#tx;
    const { line, started } = tx;
    if (sameAddress(tip.address, started.address)) return false;
    if (tx.fork.root !== undefined || tx.pending.hasPlaced || hasMoves(line, started, tip)) {
      return true;
    }
    return crossesNewBorder(tx.pending.edit(), [], line.treeOf(started), line.treeOf(tip));
  }

  *#change(tip: Tip): Steps<Change> {
    const tx = this.#tx;
    const { line } = tx;
    const started = line.treeOf(tx.started);
    if (sameAddress(tip.address, tx.started.address)) return yield* this.#inPlace(started);
    const head = line.treeOf(tip);
    this.#checkReads(started, head);
    if (tx.fork.root !== undefined) return yield* this.#merged(started, head, tip);
    const judge = this.#resolver(head);
    const edit = new Rebase(started, head, judge).edit(tx.pending.edit(), []);
    this.#throwConflicts(judge.conflicts);
    return yield* this.#applied(head, edit, undefined);
  }

  /** Nobody came between. */
  *#inPlace(started: Tree): Steps<Change> {
    const tx = this.#tx;
    const privateRoot = tx.fork.root;
    const { core } = tx.line;
    const tree =
      privateRoot === undefined ? started : core.tree(privateRoot.id, privateRoot.address);
    const edit = tx.pending.count === 0 ? undefined : tx.pending.edit();
    return yield* this.#applied(tree, edit, privateRoot);
  }

  *#applied(
    tree: Tree,
    edit: EntryEdit | undefined,
    privateRoot: RootRef | undefined,
  ): Steps<Change> {
    const tx = this.#tx;
    const { core } = tx.line;
    const treeEdit = new TreeEdit(core.cache, this.#writers.for);
    const touched = new TouchedBuckets();
    touched.add(tx.fork.touched.list());
    let root: RootRef = privateRoot ?? tree.root;
    if (edit !== undefined) {
      root = yield* treeEdit.rootSteps(tree.root, edit);
      touched.add(treeEdit.touched);
    }
    const removed = tx.fork.removed.concat(treeEdit.removed);
    const added = tx.fork.added.concat(treeEdit.added);
    const made = touched.list().some(({ before }) => before === undefined);
    const after = core.tree(root.id, root.address);
    if (made || removed.length > 0 || added.length > 0) {
      const before = privateRoot === undefined ? tree : tx.line.treeOf(tx.started);
      touched.placeWithin(core, before, after);
    }
    const rows = tx.relation.isIdentity
      ? NO_ROWS
      : movedRows(tx.line.treeOf(tx.started), after, tx.relation);
    return { root, touched: touched.list(), removed, added, rows, origins: tx.origins };
  }

  /** The private tree merged with the head's: the transaction is ours here, the head theirs. */
  *#merged(started: Tree, head: Tree, tip: Tip): Steps<Change> {
    const tx = this.#tx;
    const { core } = tx.line;
    const { root: own } = yield* this.#inPlace(started);
    const ours = core.tree(own.id, own.address);
    const judge = this.#resolver(head);
    const theirs = yield* this.#movedSince(tx.started, tip);
    const { side, edit, rows } = yield* mergeSteps({
      cache: core.cache,
      ours,
      theirs: head,
      ground: { base: started, relations: { ours: tx.relation, theirs }, unknown: new Map() },
      groundOf: (bucket) => this.#groundOf(bucket, tip),
      judge,
      strict: true,
    });
    this.#throwConflicts(judge.conflicts);
    const treeEdit = new TreeEdit(core.cache, this.#writers.for);
    const from = (side === 'ours' ? ours : head).root;
    const root = yield* treeEdit.rootSteps({ ...from, rules: edit.rules ?? from.rules }, edit);
    const touched = touchedBetween(core, head, core.tree(root.id, root.address));
    const sided = [...rows].map(([bucket, { theirs }]) => [bucket, theirs] as const);
    const { origins } = tx;
    return { root, touched, removed: [], added: [], rows: new Map(sided), recount: true, origins };
  }

  /** Where entries of one commit are at another. One that was never published has no history. */
  *#movedSince(before: LocalCommit, after: LocalCommit): Steps<Relation> {
    const { line } = this.#tx;
    if (line.core.history.entry(before.address) === undefined) return new Relation();
    return yield* relationsOf(line).between(before.address, after.address);
  }

  /** A bucket within stands on what the transaction began with, and its own moves since. */
  *#groundOf(bucket: string, tip: LocalCommit): Steps<Ground | undefined> {
    yield;
    const { line, started } = this.#tx;
    const before = new HeadsWithin(line, started).find(bucket);
    const after = new HeadsWithin(line, tip).find(bucket);
    if (before === undefined) return undefined;
    const theirs = after === undefined ? new Relation() : yield* this.#movedSince(before, after);
    const relations = { ours: new Relation(), theirs };
    return { base: line.treeOf(before), relations, unknown: new Map() };
  }

  #resolver(head: Tree): Resolver {
    const { policy } = this.#options;
    const asked = (conflict: TreeConflict) => within(conflict, this.#tx.prefix);
    return resolverFor(this.#tx.line, { theirs: head }, policy, asked);
  }

  #throwConflicts(conflicts: readonly TreeConflict[]): void {
    if (conflicts.length === 0) return;
    throw conflictError(conflicts.map((conflict) => within(conflict, this.#tx.prefix)));
  }

  /** What was read, and what was guarded, must be as it was. */
  #checkReads(started: Tree, head: Tree): void {
    const { reads, guards } = this.#tx;
    const read = reads?.changed(started, head);
    const names = read?.names ?? guards.find((key) => !sameSubtree(started, head, key));
    if (names === undefined) return;
    const { stream } = read ?? {};
    const key = keyText(names);
    const sides = [{ key }, { key }, { key }] as const;
    this.#throwConflicts([{ ...conflictOf(key, 'read/changed', sides, stream), answers: [] }]);
  }
}

/** Whether anything was moved between two commits of a line, or in buckets within. */
function hasMoves(line: Line, before: LocalCommit, after: LocalCommit): boolean {
  const [a, b] = [before, after].map(({ address, commit }) => nearestMapped(address, commit));
  const isSame = a === undefined || b === undefined ? a === b : sameAddress(a, b);
  if (!isSame) return true;
  const [was, is] = [headsRefOf(before), headsRefOf(after)];
  if (was === undefined || is === undefined || sameAddress(was.address, is.address)) return false;
  for (const { before, after } of changedHeads(line.core.cache, was, is)) {
    if (before === undefined || after === undefined) continue;
    if (hasMoves(line, line.commitAt(before), line.commitAt(after))) return true;
  }
  return false;
}

/** Who decides the conflicts of a commit: its policy, or else the rules in the head's tree. */
function resolverFor(
  line: Line,
  head: Partial<Record<Side, Tree>>,
  policy: CommitPolicy | undefined,
  asked: (conflict: TreeConflict) => TreeConflict = (conflict) => conflict,
): Resolver {
  const judged =
    typeof policy === 'function'
      ? (conflict: TreeConflict) => policy(publicConflict(asked(conflict)))
      : policy;
  const places = typeof policy === 'function' ? undefined : policy;
  return new Resolver({
    own: ownPolicies(line.core, head),
    given: judged && { streams: () => judged, entries: () => judged, places: () => places },
    // A commit comes last: by causality and by time its change is the newest.
    newer: () => 'ours',
  });
}

/** A conflict with keys that count from a bucket within. */
function within(conflict: TreeConflict, prefix: Names): TreeConflict {
  if (prefix.length === 0) return conflict;
  const start = keyText(prefix);
  const keyIn = (key: string): string => {
    if (key === start) return '/';
    return key.startsWith(`${start}/`) ? key.slice(start.length) : key;
  };
  const side = (one: TreeSide | undefined) => one && { ...one, key: keyIn(one.key) };
  const { key, base, ours, theirs } = conflict;
  return { ...conflict, key: keyIn(key), base: side(base), ours: side(ours), theirs: side(theirs) };
}
