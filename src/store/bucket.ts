/**
 * A bucket: a subtree with commits, a log, branches and replicas of its own. The store is the root
 * bucket; a nested bucket's commits are made through the line of the bucket that carries it, and
 * appear in the logs of all around it.
 */
import { type Address, addressText, sameAddress } from '../blocks/address.js';
import type { CommitOptions, CommitResult } from '../commit/committer.js';
import type { HeadStep, Heads } from '../commit/door.js';
import type { MergeJudgement, PartMaker } from '../commit/judge.js';
import { Lane } from '../commit/lane.js';
import type { LocalCommit } from '../commit/line.js';
import { type MergeOutcome, mergeInto } from '../commit/merge-into.js';
import { restoreSteps } from '../commit/restore.js';
import { type Return, revertSteps } from '../commit/revert.js';
import { runSteps, type Writers } from '../commit/writers.js';
import type { Batch } from '../engine/engine.js';
import { equalBytes, hex } from '../ground/bytes.js';
import {
  alreadyExists,
  badOption,
  isRegaliaError,
  notFound,
  throwIfAborted,
} from '../ground/errors.js';
import { folder as folderKind, text } from '../ground/options.js';
import { commitsBetween, commitsSince } from '../log/ancestry.js';
import * as log from '../log/branches.js';
import type { Commit, CommitInfo } from '../log/commit.js';
import type { Cause } from '../log/reflog.js';
import type { Answer } from '../merge/resolve.js';
import type { BucketRules } from '../streams/rule.js';
import { sameSubtree } from '../tree/equal.js';
import { type Key, keyText, type Names, parseKey } from '../tree/key.js';
import { Contents } from './contents.js';
import { type DiffRow, diffRows } from './difference.js';
import { Draft } from './draft.js';
import {
  acceptShare,
  cloneInto,
  grantShare,
  type ImportOutcome,
  packFor,
  receivePack,
  reportHave,
} from './exchange.js';
import {
  AT,
  type At,
  BODY,
  CALLS,
  type DiffOptions,
  type ExportOptions,
  type ForkOptions,
  type ImportOptions,
  type LogOptions,
  type MergeOptions,
  NAME,
  PACK,
  type PackSource,
  type ReflogOptions,
  type RevertOptions,
  type RevertOutcome,
  type TransactionOptions,
  type TransactOptions,
  type WatchOptions,
} from './options.js';
import { checkedJudgement } from './policies.js';
import { type ReflogRow, reflogOf, undo } from './reflog.js';
import { type Branches, openBranches, openTags, type Tags } from './refs.js';
import type { Scope } from './scope.js';
import { type AnyStreams, openSnapshot, type Snapshot, type StreamTypes } from './snapshot.js';
import { openTransaction, type Transaction } from './transaction.js';
import { watchLine } from './watch.js';

const RETRIES = 16;
/** Tries of a body while others commit as well. */
const TRIES_BESIDE_OTHERS = 2;

let openBucket: <Streams extends StreamTypes<Streams>>(scope: Scope) => Bucket<Streams>;
/** Makes a handle that is a bucket, and more, work on a scope. */
export let setScope: (bucket: Bucket, scope: Scope) => void;
/** What a handle works on. */
export let scopeOf: (bucket: Bucket) => Scope;

/**
 * A bucket on a branch. `Regalia.open` gives the store's own; `bucket`, `branch` and `fork` others.
 *
 * ```ts
 * const photos = store.bucket('/photos');
 * await photos.transact((tx) => tx.put('/cat.jpg', 'title', 'a cat'));
 * ```
 */
export class Bucket<Streams extends StreamTypes<Streams> = AnyStreams> {
  #scope!: Scope;

  protected constructor() {}

  static {
    openBucket = <S extends StreamTypes<S>>(scope: Scope) => {
      const bucket = new Bucket<S>();
      bucket.#scope = scope;
      return bucket;
    };
    setScope = (bucket, scope) => {
      bucket.#scope = scope;
    };
    scopeOf = (bucket) => bucket.#scope;
  }

  /** Its id, 32 hexadecimal digits. */
  get id(): string {
    return hex(this.#scope.bucket);
  }

  /** The branch that it is read on, and that its commits go to. */
  get branchName(): string {
    return this.#scope.line.branch;
  }

  /** The key of the bucket within the store, on this branch. REGALIA_NOT_FOUND: it was removed. */
  get key(): string {
    return this.#opened().key;
  }

  /** The head, or another commit. REGALIA_NOT_FOUND. */
  info(at?: At): CommitInfo {
    const { address, commit } = this.#at('at', at);
    return this.#scope.core.history.info(address, commit);
  }

  /** What the bucket promises of its streams, and who decides where two changed the same. */
  rules(): BucketRules {
    const { core, line } = this.#opened();
    const { root } = line.treeOf(this.#scope.head());
    const { default: fallback, streams, entries, places } = core.rules(root.rules);
    return { default: fallback, streams: Object.fromEntries(streams), entries, places };
  }

  /** The commit that an argument names, or the head. */
  #at(name: string, at: At | undefined): LocalCommit {
    return this.#opened().at(AT.checkGiven(name, at));
  }

  /** What it works on, for a call that begins. REGALIA_CLOSED. */
  #opened(): Scope {
    this.#scope.core.checkOpen();
    return this.#scope;
  }

  /** Runs what a call asks for, which the store is not closed before. REGALIA_CLOSED. */
  #during<T>(work: () => Promise<T>): Promise<T> {
    return this.#scope.core.underway.outer.during(work);
  }

  /**
   * The state at the head, or at a commit, branch, tag or date. It costs nothing, and stays
   * readable. REGALIA_NOT_FOUND.
   */
  snapshot(at?: At): Snapshot<Streams> {
    const scope = this.#opened();
    const { commit, isExact } = scope.found(AT.checkGiven('at', at));
    return openSnapshot(scope.core, scope.line.treeOf(commit), commit.address, isExact);
  }

  /** Begins a transaction on the head. REGALIA_READ_ONLY. */
  begin(options?: TransactionOptions): Transaction<Streams> {
    return openTransaction(new Draft(this.#opened(), CALLS.begin.check(options)));
  }

  /**
   * Runs `body` in a transaction and commits it; begins again where others changed the same
   * meanwhile. `body` may run several times: all it does should be in the transaction.
   */
  async transact<T>(
    body: (tx: Transaction<Streams>) => T | Promise<T>,
    options?: TransactOptions,
  ): Promise<{ result: T; commit: CommitResult }> {
    BODY.check('body', body);
    const given = CALLS.transact.check(options);
    return this.#during(() => this.#transact(body, given));
  }

  async #transact<T>(
    body: (tx: Transaction<Streams>) => T | Promise<T>,
    { retries = RETRIES, isolation, ...commit }: TransactOptions,
  ): Promise<{ result: T; commit: CommitResult }> {
    const { underway } = this.#scope.core;
    const { turns } = Lane.of(this.#scope.line);
    for (let tries = 0; ; tries++) {
      throwIfAborted(commit.signal, 'transact');
      // One that lost twice, or may try for the last time, has the branch to itself.
      const isNext = tries > 0 && tries >= Math.min(TRIES_BESIDE_OTHERS, retries);
      const turn = isNext ? await turns.claim(commit.signal) : undefined;
      const draft = new Draft(this.#scope, { isolation, turn, gate: underway.inner });
      try {
        const result = await underway.waitFor(body(openTransaction(draft)));
        return { result, commit: await draft.commit(commit) };
      } catch (error) {
        draft.dispose();
        if (!isRegaliaError(error, 'REGALIA_CONFLICT') || tries >= retries) throw error;
      } finally {
        turn?.end();
      }
    }
  }

  /** The bucket at a key. REGALIA_NOT_FOUND where there is none, REGALIA_KEY. */
  bucket(key: Key): Bucket<Streams> {
    return openBucket(this.#opened().inner(key));
  }

  /** The commits that the head has seen, newest first. REGALIA_NOT_FOUND, REGALIA_ABORTED. */
  log(options?: LogOptions): Generator<CommitInfo, void, undefined> {
    const given = CALLS.log.check(options);
    const names = given.key === undefined ? undefined : parseKey(given.key);
    const from = this.#opened().at(given.from).address;
    const until = given.until === undefined ? [] : [this.#scope.at(given.until).address];
    return this.#scope.core.underway.outer.each(this.#log(from, until, names, given));
  }

  *#log(
    from: Address,
    until: readonly Address[],
    names: Names | undefined,
    { reverse, limit, signal }: LogOptions,
  ): Generator<CommitInfo, void, undefined> {
    const { bucket, core } = this.#scope;
    const { history } = core;
    const walk = reverse === true ? commitsBetween : commitsSince;
    let left = limit ?? Number.POSITIVE_INFINITY;
    for (const { address } of walk(history, until, [from])) {
      throwIfAborted(signal, 'log');
      if (left <= 0) return;
      const commit = history.commit(address);
      if (!equalBytes(commit.bucket, bucket)) continue;
      if (names !== undefined && !this.#changed(address, commit, names)) continue;
      left--;
      yield history.info(address, commit);
    }
  }

  /** Whether a commit made a key what it is: it differs from every parent that is here. */
  #changed(address: Address, commit: Commit, names: Names): boolean {
    const { core } = this.#scope;
    const { history } = core;
    const isCut = history.entry(address)?.cut === true;
    const isHere = (parent: Address): boolean => history.entry(parent) !== undefined;
    const parents = isCut ? commit.parents.filter(isHere) : commit.parents;
    const after = core.treeOf(address);
    if (parents.length === 0) return after.find(names) !== undefined;
    return parents.every((parent) => !sameSubtree(core.treeOf(parent), after, names));
  }

  /**
   * Where the branch was, newest first: each row is a commit that it came to, when, and by what. A
   * nested bucket's is that of the branch that carries it.
   */
  reflog(options?: ReflogOptions): Generator<ReflogRow, void, undefined> {
    const given = CALLS.reflog.check(options);
    const scope = this.#opened();
    return scope.core.underway.outer.each(reflogOf(scope, given));
  }

  /**
   * Takes the branch back to where it was before the last row of its reflog: what a commit, a
   * merge, a reset did. Each undo goes one step further back, until something else moves the
   * branch; each is a row itself. What was taken back stays a commit, which `reset` finds again.
   * REGALIA_NOT_FOUND where there is nothing before, REGALIA_OPTION for a nested bucket.
   */
  async undo(): Promise<ReflogRow> {
    return this.#during(() => undo(this.#scope));
  }

  /** What is different between two states, in key order. Lazy. REGALIA_NOT_FOUND. */
  diff(from: At, to: At, options?: DiffOptions): Iterable<DiffRow> {
    AT.check('from', from);
    AT.check('to', to);
    const { key, ...given } = CALLS.diff.check(options);
    const names = key === undefined ? [] : parseKey(key);
    const { core, line } = this.#opened();
    const [before, after] = [this.#scope.at(from), this.#scope.at(to)];
    return core.underway.outer.each(diffRows(line, before, after, names, given));
  }

  /**
   * Starts a branch at the head, or elsewhere. That of a nested bucket is detached: its commits are
   * in no log around it, until it is merged into a branch that is. REGALIA_EXISTS where the bucket
   * is on a branch of that name.
   */
  async fork(branch: string, options?: ForkOptions): Promise<Bucket<Streams>> {
    NAME.check('branch', branch);
    const { at } = CALLS.fork.check(options);
    return this.#during(() => this.#fork(branch, at));
  }

  async #fork(branch: string, at: At | undefined): Promise<Bucket<Streams>> {
    const { core, bucket } = this.#scope;
    core.checkWritable();
    log.checkNewName('branch', branch);
    const head = this.#scope.at(at).address;
    const timeMs = core.timeMs();
    const step = { commit: head, cause: 'fork', timeMs, from: this.branchName } as const;
    const begin = (batch: Batch, [there]: Heads): readonly HeadStep[][] => {
      const isTaken = there !== undefined || this.#scope.branchAt(branch, batch) !== undefined;
      if (isTaken) throw alreadyExists('branch', branch);
      return [[step]];
    };
    await core.door.set([{ bucket, branch }], begin, 'sync');
    return openBucket(this.#scope.onBranch(branch));
  }

  /**
   * The same bucket on another branch: one of its own, or of a bucket around it that has it there.
   * REGALIA_NOT_FOUND.
   */
  branch(name: string): Bucket<Streams> {
    const scope = this.#opened().onBranch(NAME.check('name', name));
    return scope === this.#scope ? this : openBucket(scope);
  }

  /**
   * A new store whose root is this bucket: a replica that may be written to, with a share of this
   * store's clock. All of its history goes along. Open it, and exchange packs. REGALIA_EXISTS,
   * REGALIA_STAMP where this store has no share to give.
   */
  async clone(folder: string): Promise<void> {
    const place = folderKind.check('folder', folder);
    await this.#during(() => cloneInto(place, this.#scope));
  }

  /**
   * A share of this store's clock, for one replica of the bucket to `accept` once, so that it may
   * write. REGALIA_STAMP where this store has none to give.
   */
  async grant(): Promise<string> {
    return (await this.#during(() => grantShare(this.#scope))).text;
  }

  /**
   * Adds a share that another replica granted to this store's: branches may be written to.
   * REGALIA_OPTION; REGALIA_STAMP where it is here already.
   */
  async accept(grant: string): Promise<void> {
    const share = text().check('grant', grant);
    await this.#during(() => acceptShare(this.#scope, share));
  }

  /** Its branches. */
  get branches(): Branches {
    return openBranches(this.#scope);
  }

  /** Its tags. */
  get tags(): Tags {
    return openTags(this.#scope);
  }

  /**
   * What others and this process commit to the branch, from this call on. Ends when the signal is
   * aborted, or the store closed. Many may watch, and one that is never read costs nothing.
   * REGALIA_NOT_FOUND, also later: where the branch or the bucket is removed.
   */
  watch(options?: WatchOptions): AsyncGenerator<CommitInfo, void, undefined> {
    return watchLine(this.#opened(), CALLS.watch.check(options));
  }

  /** What this replica has of the bucket, as text for another's `export`. */
  async have(): Promise<string> {
    return this.#during(() => reportHave(this.#scope));
  }

  /**
   * What a receiver lacks, as a pack: verified by its reader, resumable at any byte, in bounded
   * memory.
   */
  export(options?: ExportOptions): ReadableStream<Uint8Array> {
    const given = CALLS.export.check(options);
    const scope = this.#opened();
    const pack = scope.core.underway.outer.rows(given.signal, (signal) => {
      return packFor(scope, { ...given, signal });
    });
    return ReadableStream.from(pack);
  }

  /**
   * Reads a pack of this bucket, from anybody, into tracking branches, `replica/ID/BRANCH`, which
   * `merge` can merge from there. A transfer that broke goes on where it stopped: `data.at` of
   * REGALIA_PACK is the byte.
   */
  async import(pack: PackSource, options?: ImportOptions): Promise<ImportOutcome> {
    PACK.check('pack', pack);
    const given = CALLS.import.check(options);
    return this.#scope.core.underway.outer.receiving(pack, given.signal, (signal) => {
      return receivePack(this.#scope, pack, { ...given, signal });
    });
  }

  /**
   * Merges a branch, tag or commit of this bucket into its branch, or into another one. Conflicts
   * that no rule, policy or answer resolves are returned, and nothing is written: merge again with
   * answers. REGALIA_UNRELATED, REGALIA_NOT_FOUND.
   */
  async merge(from: At, options?: MergeOptions): Promise<MergeOutcome> {
    AT.check('from', from);
    const given = CALLS.merge.check(options);
    return this.#during(() => this.#merge(from, given));
  }

  async #merge(from: At, { into, policy, answers, ...rest }: MergeOptions): Promise<MergeOutcome> {
    this.#scope.core.checkWritable();
    const scope = into === undefined ? this.#scope : this.#scope.onBranch(into);
    const judgement = this.#judgement({ policy, answers });
    const { address } = this.#scope.at(from);
    return mergeInto(scope.line, scope.target, address, { ...rest, ...judgement });
  }

  #judgement(given: Parameters<typeof checkedJudgement>[0]): MergeJudgement {
    const partOf: PartMaker = (writers, ...part) => {
      return new Contents(this.#scope.core, writers).put(...part);
    };
    return { ...checkedJudgement(given), partOf };
  }

  /**
   * A commit that takes back what another did: a merge like others, so it follows what moved since.
   * REGALIA_CONFLICT where later commits changed the same, and no rule, policy or answer resolves
   * it: then nothing is written. REGALIA_OPTION for a merge without `parent`.
   */
  async revert(at: At, options?: RevertOptions): Promise<RevertOutcome> {
    AT.check('at', at);
    const given = CALLS.revert.check(options);
    return this.#during(() => this.#revert(at, given));
  }

  async #revert(
    at: At,
    { parent: side, policy, answers, ...given }: RevertOptions,
  ): Promise<RevertOutcome> {
    const undone = this.#scope.at(at);
    const before = this.#parentOf(undone, side);
    const judgement = this.#judgement({ policy, answers });
    let unused: readonly Answer[] = [];
    const message = `revert ${addressText(undone.address)}`;
    const how = { ...given, message: given.message ?? message };
    // What others change meanwhile is merged as well.
    const commit = await this.#goBack('revert', how, RETRIES, async (head, writers) => {
      const { core, line } = this.#scope;
      const steps = revertSteps(line, writers, { undone, before, head }, judgement);
      const back = await runSteps('revert', steps, core, writers, given.signal);
      ({ unused } = back);
      return back;
    });
    return { ...commit, unused };
  }

  /** The parent whose state a revert leads back to: of a merge, the caller says which. */
  #parentOf({ address, commit }: LocalCommit, side: At | undefined): LocalCommit {
    const { parents } = commit;
    if (parents.length === 0) throw notFound('parent of', addressText(address));
    const [only] = parents.length === 1 ? parents : [];
    const asked = side === undefined ? only : this.#scope.at(side).address;
    const parent = parents.find((one) => asked !== undefined && sameAddress(one, asked));
    if (parent !== undefined) return this.#scope.line.commitAt(parent);
    const expected = parents.map(addressText).join(' or ');
    throw badOption('parent', expected, asked === undefined ? 'none' : addressText(asked));
  }

  /**
   * A commit that makes a key, with all below it, what it was at another commit. What has moved
   * from there comes back; what came since goes. REGALIA_RULE.
   */
  async restore(at: At, key: Key = '/', options?: CommitOptions): Promise<CommitResult> {
    AT.check('at', at);
    const given = CALLS.restore.check(options);
    const names = parseKey(key);
    return this.#during(() => this.#restore(at, names, given));
  }

  async #restore(at: At, names: Names, given: CommitOptions): Promise<CommitResult> {
    // Names may have what a message may not.
    const name = keyText(names).toWellFormed();
    const then = this.#scope.at(at);
    const message = `restore ${name} from ${addressText(then.address)}`;
    const how = { ...given, message: given.message ?? message };
    const { core, line } = this.#scope;
    return this.#goBack('restore', how, 0, (head, writers) => {
      return runSteps(
        'restore',
        restoreSteps(line, then, head, names),
        core,
        writers,
        given.signal,
      );
    });
  }

  /** Commits what brings back an earlier state. */
  async #goBack(
    cause: Cause,
    options: CommitOptions,
    retries: number,
    find: (head: LocalCommit, writers: Writers) => Promise<Return>,
  ): Promise<CommitResult> {
    for (let left = retries; ; left--) {
      throwIfAborted(options.signal, 'commit');
      // With all of its history.
      const draft = new Draft(this.#scope, {
        cause,
        onStored: true,
        gate: this.#scope.core.underway.inner,
      });
      try {
        draft.bringBack(await find(this.#scope.within(draft.started), draft.fork.writers));
      } catch (error) {
        draft.dispose();
        throw error;
      }
      try {
        return await draft.commit(options);
      } catch (error) {
        if (!isRegaliaError(error, 'REGALIA_CONFLICT') || left <= 0) throw error;
      }
    }
  }
}
