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
import { type CommitInfo, commitInfo, nearestMapped } from '../log/commit.js';
import { changedHeads } from '../log/heads.js';
import type { MapRow } from '../log/maps.js';
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
import { relationsOf } from './bases.js';
import { TouchedBuckets, touchedBetween } from './buckets.js';
import { type Change, CommitBuilder } from './builder.js';
import { HeadsWithin } from './heads-within.js';
import { headsRefOf, type Line, type LocalCommit, type Tip } from './line.js';
import { ownPolicies } from './own-policies.js';
import type { Pending } from './pending.js';
import type { PrivateTree } from './private-tree.js';
import { publish } from './publish.js';
import type { ReadSet } from './read-set.js';
import { conflictError, conflictOf, crossesNewBorder, Rebase } from './rebase.js';
import { runSteps, Writers } from './writers.js';

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
  readonly reads: ReadSet | undefined;
  readonly guards: readonly Names[];
  /** The key of the bucket that was asked: keys of conflicts count from there. */
  readonly prefix: Names;
  /** Applies what is pending to its tree, while others run. */
  applyPending(signal?: AbortSignal): Promise<void>;
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
    const tip = await this.#tipToBuildOn();
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

  /** The tip. Where a merge needs its history, what is under way is waited for. */
  async #tipToBuildOn(): Promise<Tip> {
    const { line, started, fork, pending } = this.#tx;
    const tip = line.tip();
    if (sameAddress(tip.address, started.address)) return tip;
    const isPlain = fork.root === undefined && !pending.hasPlaced;
    if (isPlain && !hasMoves(line, started, tip)) return tip;
    await line.quiet();
    return line.stored();
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
    const edits = tx.fork.root === undefined ? tx.pending.edit() : undefined;
    const moved =
      tx.pending.hasPlaced ||
      hasMoves(line, tx.started, tip) ||
      (edits !== undefined && crossesNewBorder(edits, [], started, head));
    if (tx.fork.root === undefined && moved) await tx.applyPending(this.#options.signal);
    if (tx.fork.root !== undefined) return this.#merged(started, head, tip);
    const judge = this.#resolver(head);
    const edit = new Rebase(started, head, judge).edit(tx.pending.edit(), []);
    this.#throwConflicts(judge.conflicts);
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
  async #merged(started: Tree, head: Tree, tip: Tip): Promise<Change> {
    const tx = this.#tx;
    const { core } = tx.line;
    const { root: own } = await this.#inPlace(started);
    const { signal } = this.#options;
    const ours = core.tree(own.id, own.address);
    const judge = this.#resolver(head);
    const moved = this.#movedSince(tx.started, tip);
    const theirs = await runSteps('commit', moved, core, this.#writers, signal);
    const merging = mergeSteps({
      cache: core.cache,
      ours,
      theirs: head,
      ground: { base: started, relations: { ours: tx.relation, theirs }, unknown: new Map() },
      groundOf: (bucket) => this.#groundOf(bucket, tip),
      judge,
      strict: true,
    });
    const { side, edit, rows } = await runSteps('commit', merging, core, this.#writers, signal);
    this.#throwConflicts(judge.conflicts);
    const treeEdit = new TreeEdit(core.cache, this.#writers.for);
    const from = (side === 'ours' ? ours : head).root;
    const steps = treeEdit.rootSteps({ ...from, rules: edit.rules ?? from.rules }, edit);
    const root = await runSteps('commit', steps, core, this.#writers, signal);
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
