/**
 * A bucket: a subtree with commits, a log, branches and replicas of its own. The store is the root
 * bucket; a nested bucket's commits are made through the line of the bucket that carries it, and
 * land in the logs of all around it.
 */

import { type Address, addressText } from '../blocks/address.js';
import { split } from '../clock/id.js';
import { findBucket } from '../commit/buckets.js';
import type { CommitOptions, CommitResult } from '../commit/committer.js';
import type { Core } from '../commit/core.js';
import { headsRefOf, Line, type LocalCommit, noBranch } from '../commit/line.js';
import { type MergeOptions, type MergeOutcome, mergeInto } from '../commit/merge-into.js';
import { equalBytes, hex } from '../ground/bytes.js';
import { RegaliaError, throwIfAborted } from '../ground/errors.js';
import { commitsBetween, commitsSince } from '../log/ancestry.js';
import * as log from '../log/branches.js';
import { type Commit, type CommitInfo, commitInfo } from '../log/commit.js';
import { headOf } from '../log/heads.js';
import { sameSubtree } from '../tree/equal.js';
import { type Key, keyText, type Names, parseKey } from '../tree/key.js';
import type { Tree } from '../tree/lookup.js';
import { cloneInto } from './clone.js';
import { type DiffOptions, type DiffRow, diffRows } from './difference.js';
import {
  acceptShare,
  type ExportOptions,
  grantShare,
  type ImportOptions,
  type ImportOutcome,
  packFor,
  takeIn,
  tellHave,
} from './exchange.js';
import { checkCommitOptions } from './options.js';
import { Branches, Tags } from './refs.js';
import { type At, notFound, resolveCommit } from './resolve.js';
import { Snapshot } from './snapshot.js';
import { Transaction, type TransactionOptions } from './transaction.js';
import { type WatchOptions, watchLine } from './watch.js';

export interface LogOptions {
  /** Where to begin; the head by default. */
  readonly from?: At;
  /** Commits that this one has seen are left out. */
  readonly until?: At;
  /** Only commits that changed anything at or beneath this key. */
  readonly key?: Key;
  /** Oldest first. */
  readonly reverse?: boolean;
  readonly limit?: number;
  readonly signal?: AbortSignal;
}

export interface TransactOptions extends TransactionOptions, CommitOptions {
  /** How often to begin again after a conflict. 16 by default. */
  readonly retries?: number;
}

export interface ForkOptions {
  /** Where the new branch begins; the head by default. */
  readonly at?: At;
}

const RETRIES = 16;

export class Bucket {
  protected readonly core: Core;
  protected readonly line: Line;
  /** Undefined for the bucket that owns the line. */
  readonly #nested: Uint8Array | undefined;
  /** Where a nested bucket was when last looked up. */
  #names: Names;

  constructor(core: Core, line: Line, nested?: { bucket: Uint8Array; names: Names }) {
    this.core = core;
    this.line = line;
    this.#nested = nested?.bucket;
    this.#names = nested?.names ?? [];
  }

  /** Its id, 32 hexadecimal digits. */
  get id(): string {
    return hex(this.idBytes);
  }

  protected get idBytes(): Uint8Array {
    return this.#nested ?? this.line.owner;
  }

  /** The branch that it is read on, and that its commits go to. */
  get branchName(): string {
    return this.line.branch;
  }

  /** Where it is in the tree of its line now. REGALIA_NOT_FOUND where it was removed. */
  protected names(tree: Tree): Names {
    const nested = this.#nested;
    if (nested === undefined) return [];
    if (!isBucketAt(tree, this.#names, nested)) {
      const names = findBucket(this.core, tree, nested);
      if (names === undefined) throw notFound('bucket', hex(nested));
      this.#names = names;
    }
    return this.#names;
  }

  /** The key of the bucket within the store, on this branch. */
  get key(): string {
    this.core.check();
    return keyText(this.names(this.line.treeOf(this.line.stored())));
  }

  /** The commit that this bucket is at. */
  protected head(): LocalCommit {
    this.core.check();
    const tip = this.line.stored();
    return this.#nested === undefined ? tip : this.#within(tip, this.#nested);
  }

  /** A nested bucket's commit, by way of the heads of those around it. */
  #within(outer: LocalCommit, bucket: Uint8Array): LocalCommit {
    const names = this.names(this.line.treeOf(outer));
    let landed = outer;
    for (const border of borders(this.line.treeOf(outer), names, this.core)) {
      const head = headOf(this.core.cache, headsRefOf(landed), border);
      if (head === undefined) throw notFound('head of bucket', hex(border));
      landed = this.line.commitAt(head);
    }
    if (!equalBytes(landed.commit.bucket, bucket)) throw notFound('bucket', hex(bucket));
    return landed;
  }

  /** The head as programs are told of it. */
  info(at?: At): CommitInfo {
    const { address, commit } = at === undefined ? this.head() : this.at(at);
    return commitInfo(address, commit);
  }

  protected at(at: At): LocalCommit {
    const head = this.head();
    return this.line.commitAt(resolveCommit(this.core, this.idBytes, at, head.address));
  }

  /**
   * The state at the head, or at a commit, branch, tag or date. Free to take; readable for ever.
   */
  snapshot(at?: At): Snapshot {
    const landed = at === undefined ? this.head() : this.at(at);
    return new Snapshot(this.core, this.line.treeOf(landed), landed.address);
  }

  begin(options: TransactionOptions = {}): Transaction {
    this.core.checkWritable();
    const tree = this.line.treeOf(this.line.tip());
    return new Transaction(this.core, this.line, this.names(tree), options);
  }

  /**
   * Runs `body` in a transaction and commits it; begins again where others changed the same
   * meanwhile. `body` may run several times: all it does should be in the transaction.
   */
  async transact<T>(
    body: (tx: Transaction) => T | Promise<T>,
    options: TransactOptions = {},
  ): Promise<{ result: T; commit: CommitResult }> {
    const { retries = RETRIES, isolation, ...commit } = options;
    for (let left = retries; ; left--) {
      throwIfAborted(options.signal, 'transact');
      const tx = this.begin(isolation === undefined ? {} : { isolation });
      try {
        const result = await body(tx);
        return { result, commit: await tx.commit(commit) };
      } catch (error) {
        tx[Symbol.dispose]();
        const conflict = error instanceof RegaliaError && error.code === 'REGALIA_CONFLICT';
        if (!conflict || left <= 0) throw error;
      }
    }
  }

  /** The bucket at a key. REGALIA_NOT_FOUND where there is none. */
  bucket(key: Key): Bucket {
    this.core.check();
    const tree = this.line.treeOf(this.line.stored());
    const names = [...this.names(tree), ...parseKey(key)];
    const ids = [...borders(tree, names, this.core)];
    const bucket = ids[ids.length - 1];
    if (bucket === undefined || !isBucketAt(tree, names, bucket)) {
      throw notFound('bucket at', keyText(parseKey(key)));
    }
    return new Bucket(this.core, this.line, { bucket, names });
  }

  /** The commits that the head has seen, newest first. */
  *log(options: LogOptions = {}): Generator<CommitInfo> {
    const { history } = this.core;
    const from = options.from === undefined ? this.head() : this.at(options.from);
    const haves = options.until === undefined ? [] : [this.at(options.until).address];
    const names = options.key === undefined ? undefined : parseKey(options.key);
    const walk = options.reverse === true ? commitsBetween : commitsSince;
    let left = options.limit ?? Number.POSITIVE_INFINITY;
    for (const { address } of walk(history, haves, [from.address])) {
      throwIfAborted(options.signal, 'log');
      if (left <= 0) return;
      const commit = history.commit(address);
      if (!equalBytes(commit.bucket, this.idBytes)) continue;
      if (names !== undefined && !this.#changed(address, commit, names)) continue;
      left--;
      yield commitInfo(address, commit);
    }
  }

  /** Whether a commit made a key what it is: it differs from every parent. */
  #changed(address: Address, commit: Commit, names: Names): boolean {
    const after = this.core.treeOf(address);
    const { parents } = commit;
    if (parents.length === 0) return after.find(names) !== undefined;
    return parents.every((parent) => !sameSubtree(this.core.treeOf(parent), after, names));
  }

  /** What is different between two states, in key order. Lazy. */
  diff(from: At, to: At, options: DiffOptions = {}): Iterable<DiffRow> {
    const before = this.at(from);
    const after = this.at(to);
    return diffRows(this.line, before, after, options);
  }

  /** Starts a branch at the head, or elsewhere. REGALIA_EXISTS where there is one of that name. */
  async fork(branch: string, options: ForkOptions = {}): Promise<Bucket> {
    this.core.checkWritable();
    log.checkRefName(branch);
    const head = (options.at === undefined ? this.head() : this.at(options.at)).address;
    const { line, idBytes } = this;
    await this.core.engine.write((batch) => {
      if (log.branch(batch, idBytes, branch) !== undefined) {
        throw new RegaliaError('REGALIA_EXISTS', `there is a branch ${branch}`, {
          what: 'branch',
          name: branch,
        });
      }
      const parent = log.branch(batch, line.owner, line.branch);
      if (parent === undefined) throw noBranch(line.branch);
      // Without a share of its own there is none to split: the new branch can be read alone.
      const [kept, given] = parent.id === undefined ? [undefined, undefined] : split(parent.id);
      log.putBranch(batch, line.owner, line.branch, { ...parent, id: kept });
      log.putBranch(batch, idBytes, branch, { head, id: given });
    }, 'sync');
    return this.branch(branch);
  }

  /** The same bucket on another branch. REGALIA_NOT_FOUND. */
  branch(name: string): Bucket {
    this.core.check();
    if (this.#nested === undefined && name === this.line.branch) return this;
    const { idBytes } = this;
    this.core.engine.refresh();
    if (log.branch(this.core.engine, idBytes, name) === undefined) throw noBranch(name);
    return new Bucket(this.core, Line.of(this.core, idBytes, name));
  }

  /**
   * A new store whose root is this bucket: a replica that may be written to, with half of this
   * branch's share. All of its history goes along. Open it, and exchange packs.
   */
  async clone(folder: string): Promise<void> {
    this.core.checkWritable();
    const { branch, commit } = this.#own();
    await cloneInto(folder, this.core, this.line, { bucket: this.idBytes, branch, commit });
  }

  /**
   * Half of this branch's share of the interval, for one replica to `accept` once, so that it may
   * write.
   */
  async grant(): Promise<string> {
    return (await grantShare(this.line)).text;
  }

  /** Takes a share that another replica granted. */
  async accept(grant: string): Promise<void> {
    await acceptShare(this.line, grant);
  }

  get branches(): Branches {
    return new Branches(this.core, this.idBytes, this.line.branch);
  }

  get tags(): Tags {
    return new Tags(this.core, this.idBytes, this.line.branch);
  }

  /**
   * What others and this process commit to the branch, from now on. Ends when the signal is
   * aborted.
   */
  watch(options: WatchOptions = {}): AsyncIterable<CommitInfo> {
    this.core.check();
    return watchLine(this.core, this.line, () => this.head(), options);
  }

  /** What this replica has of the bucket, as text for another's `export`. */
  have(): Promise<string> {
    return tellHave(this.core, this.idBytes, this.#own());
  }

  /**
   * What a receiver lacks, as a pack: verified by its reader, resumable at any byte, in bounded
   * memory.
   */
  export(options: ExportOptions = {}): ReadableStream<Uint8Array> {
    const pack = packFor(this.core, this.idBytes, this.#own(), options);
    return new ReadableStream<Uint8Array>(
      {
        async pull(controller) {
          const step = await pack.next();
          if (step.done === true) controller.close();
          else controller.enqueue(step.value);
        },
        async cancel() {
          await pack.return(undefined);
        },
      },
      { highWaterMark: 0 },
    );
  }

  /**
   * Takes in a pack of this bucket, from anybody. It lands on tracking branches,
   * `replica/ID/BRANCH`, which `merge` takes from there. A transfer that broke goes on where it
   * stopped: REGALIA_PACK tells the byte in `data.at`.
   */
  import(
    pack: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
    options: ImportOptions = {},
  ): Promise<ImportOutcome> {
    return takeIn(this.core, this.idBytes, pack, options);
  }

  #own(): { branch: string; commit: Address } {
    return { branch: this.line.branch, commit: this.head().address };
  }

  /**
   * Merges a branch, tag or commit of this bucket into its branch, or into another one. Conflicts
   * that no rule, policy or answer settles are returned, and nothing is written: merge again with
   * answers. REGALIA_UNRELATED.
   */
  async merge(from: At, options: MergeOptions = {}): Promise<MergeOutcome> {
    this.core.checkWritable();
    if (options.into !== undefined && options.into !== this.line.branch) {
      const { into, ...rest } = options;
      return this.branch(into).merge(from, rest);
    }
    checkCommitOptions(options);
    const { address } = this.at(from);
    const nested = this.#nested;
    if (nested === undefined) return mergeInto(this.line, undefined, address, options);
    const target = {
      bucket: nested,
      namesIn: (tip: LocalCommit) => this.names(this.line.treeOf(tip)),
      commitIn: (tip: LocalCommit) => this.#within(tip, nested),
    };
    return mergeInto(this.line, target, address, options);
  }

  /**
   * A commit that takes back what another did. REGALIA_CONFLICT where later commits changed the
   * same.
   */
  async revert(at: At, options: CommitOptions = {}): Promise<CommitResult> {
    const undone = this.at(at);
    const [parent] = undone.commit.parents;
    if (parent === undefined) throw notFound('parent of', this.info(at).commit);
    const tx = this.begin();
    try {
      tx.undo(this.line.treeOf(undone), this.core.treeOf(parent), options.policy);
      const message = `revert ${this.info(at).commit}`;
      return await tx.commit({ message, ...options });
    } finally {
      tx[Symbol.dispose]();
    }
  }

  /** A commit that makes a key, with all beneath it, what it was at another commit. */
  async restore(at: At, key: Key = '/', options: CommitOptions = {}): Promise<CommitResult> {
    const then = this.at(at);
    const tx = this.begin();
    try {
      tx.graft(key, then);
      // Names may hold what a message may not.
      const text = keyText(parseKey(key)).toWellFormed();
      const message = `restore ${text} from ${addressText(then.address)}`;
      return await tx.commit({ message, ...options });
    } finally {
      tx[Symbol.dispose]();
    }
  }
}

/** The ids of the buckets around a key and of the one at it, from the outside in. */
function* borders(tree: Tree, names: Names, core: Core): Generator<Uint8Array> {
  let here = tree;
  let from = 0;
  for (let depth = 1; depth <= names.length; depth++) {
    const found = here.bucketAt(names.slice(from, depth));
    if (found === undefined) continue;
    yield found.bucket;
    here = core.tree(found.rootBlock, found.root);
    from = depth;
  }
}

function isBucketAt(tree: Tree, names: Names, bucket: Uint8Array): boolean {
  const found = tree.bucketAt(names);
  return found !== undefined && equalBytes(found.bucket, bucket);
}
