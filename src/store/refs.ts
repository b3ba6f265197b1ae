/**
 * Branches and tags of a bucket.
 *
 * A branch that carries a nested bucket has no row for it: it is reset by a commit of the buckets
 * around it, and goes with the branch that it is.
 */
import { addressText } from '../blocks/address.js';
import type { HeadStep, Heads } from '../commit/door.js';
import { MAIN } from '../commit/genesis.js';
import { resetInto } from '../commit/merge-into.js';
import type { Batch, Engine, Reads } from '../engine/engine.js';
import { equalBytes, hex } from '../ground/bytes.js';
import { alreadyExists, badOption, notFound } from '../ground/errors.js';
import * as log from '../log/branches.js';
import { AT, type At, NAME } from './options.js';
import type { Scope } from './scope.js';

/** A branch as it is. */
export interface BranchInfo {
  readonly name: string;
  /** The address of its head. */
  readonly commit: string;
}

/** The branches that a bucket is on, at a handle whose own branch is that of the scope. */
export let openBranches: (scope: Scope) => Branches;

/** The branches that a bucket is on: `for (const { name, commit } of store.branches)`. */
export class Branches {
  readonly #scope: Scope;

  private constructor(scope: Scope) {
    this.#scope = scope;
  }

  static {
    openBranches = (scope) => new Branches(scope);
  }

  /**
   * All branches that the bucket is on, by name, tracking ones (`replica/ID/BRANCH`) included.
   * Those of buckets around it are looked into one by one, as they are asked for.
   */
  *[Symbol.iterator](): Generator<BranchInfo, void, undefined> {
    const rows = this.#scope.branches(opened(this.#scope));
    for (const { name, head } of this.#scope.core.underway.outer.each(rows)) {
      yield { name, commit: addressText(head) };
    }
  }

  /** A branch, or undefined where there is none of that name. */
  get(name: string): BranchInfo | undefined {
    NAME.check('name', name);
    const found = this.#scope.branchAt(name, opened(this.#scope));
    return found && { name, commit: addressText(found.head) };
  }

  /**
   * Deletes a branch; its commits stay as long as history does. REGALIA_NOT_FOUND; REGALIA_OPTION
   * for the store's main, the branch in use, and one that is not the bucket's own but carries it.
   */
  async delete(name: string): Promise<void> {
    NAME.check('name', name);
    const { bucket, core, isNested, line } = this.#scope;
    const isInUse = !isNested && name === line.branch;
    if (isInUse || (name === MAIN && equalBytes(bucket, core.identity.store))) {
      throw badOption('name', 'another branch than main and the one in use', name);
    }
    core.checkWritable();
    const { durability } = core.settings;
    const end = (_: Batch, [head]: Heads): readonly HeadStep[][] | undefined => {
      return head && [[{ commit: head, cause: 'delete', timeMs: core.timeMs() }]];
    };
    const place = { bucket, branch: name };
    const ended = core.underway.outer.during(() => core.door.set([place], end, durability));
    if (!(await ended)) throw this.#notOwn(name, core.engine);
  }

  /** Why there is no row for a branch that shall be deleted. */
  #notOwn(name: string, reads: Reads): Error {
    const found = this.#scope.branchAt(name, reads);
    if (found === undefined) return notFound('branch', name);
    const actual = `${name} of bucket ${hex(found.owner)}, which carries it: delete that one there`;
    return badOption('name', "a branch of the bucket's own", actual);
  }

  /**
   * Makes a branch name another commit, whatever came between. Where it is a branch of a bucket
   * around this one, that is a commit of all buckets around it. REGALIA_NOT_FOUND; REGALIA_EXISTS
   * where the commit has a bucket that is elsewhere by now.
   */
  async reset(name: string, at: At): Promise<BranchInfo> {
    NAME.check('name', name);
    AT.check('at', at);
    this.#scope.core.checkWritable();
    const carried = this.#scope.carriedOn(name);
    const { bucket, core } = this.#scope;
    if (carried !== undefined) {
      return core.underway.outer.during(() => this.#resetCarried(carried, at));
    }
    const scope = this.#scope.onBranch(name);
    let info: BranchInfo | undefined;
    const reset = (batch: Batch, [head]: Heads): readonly HeadStep[][] | undefined => {
      if (head === undefined) return undefined;
      const commit = scope.resolve(at, head, batch);
      info = { name, commit: addressText(commit) };
      return [[{ commit, cause: 'reset', timeMs: core.timeMs() }]];
    };
    const place = { bucket, branch: name };
    await core.underway.outer.during(() => core.door.set([place], reset, core.settings.durability));
    if (info === undefined) throw notFound('branch', name);
    core.moved(bucket, name);
    return info;
  }

  async #resetCarried(scope: Scope, at: At): Promise<BranchInfo> {
    const head = scope.resolve(at, scope.head().address);
    const commit = addressText(head);
    // Names may have what a message may not.
    const message = `reset ${scope.key.toWellFormed()} to ${commit}`;
    await resetInto(scope.line, scope.target, head, { message });
    return { name: scope.line.branch, commit };
  }
}

/** A tag. */
export interface TagInfo {
  readonly name: string;
  /** The address of the commit that it names. */
  readonly commit: string;
}

/** The tags of a bucket; new ones are on the head of the scope's branch. */
export let openTags: (scope: Scope) => Tags;

/** The tags of a bucket: `await store.tags.set('v1')`. */
export class Tags {
  readonly #scope: Scope;

  private constructor(scope: Scope) {
    this.#scope = scope;
  }

  static {
    openTags = (scope) => new Tags(scope);
  }

  /** All tags by name. */
  *[Symbol.iterator](): Generator<TagInfo, void, undefined> {
    const rows = log.tags(opened(this.#scope), this.#scope.bucket);
    for (const { name, commit } of this.#scope.core.underway.outer.each(rows)) {
      yield { name, commit: addressText(commit) };
    }
  }

  /** A tag, or undefined where there is none of that name. */
  get(name: string): TagInfo | undefined {
    NAME.check('name', name);
    const commit = log.tag(opened(this.#scope), this.#scope.bucket, name);
    return commit && { name, commit: addressText(commit) };
  }

  /** Names a commit, the head by default. REGALIA_EXISTS where the name is taken. */
  async set(name: string, at?: At): Promise<TagInfo> {
    NAME.check('name', name);
    AT.checkGiven('at', at);
    log.checkNewName('name', name);
    const { bucket } = this.#scope;
    return write(this.#scope, (batch) => {
      if (log.tag(batch, bucket, name) !== undefined) throw alreadyExists('tag', name);
      const { address: head } = this.#scope.headIn(batch);
      const commit = at === undefined ? head : this.#scope.resolve(at, head, batch);
      log.putTag(batch, bucket, name, commit);
      return { name, commit: addressText(commit) };
    });
  }

  /** Deletes a tag. REGALIA_NOT_FOUND. */
  async delete(name: string): Promise<void> {
    NAME.check('name', name);
    await write(this.#scope, (batch) => {
      if (!log.delTag(batch, this.#scope.bucket, name)) throw notFound('tag', name);
    });
  }
}

/** The engine as it is, for a call that begins. */
function opened(scope: Scope): Engine {
  scope.core.checkOpen();
  return scope.refreshed();
}

function write<T>({ core }: Scope, change: (batch: Batch) => T): Promise<T> {
  return core.underway.outer.during(() => {
    core.checkWritable();
    return core.engine.write(change, core.settings.durability);
  });
}
