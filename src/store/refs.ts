/** Branches and tags of a bucket. */
import { addressText } from '../blocks/address.js';
import { sum } from '../clock/id.js';
import type { Batch, Engine } from '../engine/engine.js';
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

/** The branches of a bucket, at a handle whose own branch is that of the scope. */
export let openBranches: (scope: Scope) => Branches;

/** The branches of a bucket: `for (const { name, commit } of store.branches)`. */
export class Branches {
  readonly #scope: Scope;

  private constructor(scope: Scope) {
    this.#scope = scope;
  }

  static {
    openBranches = (scope) => new Branches(scope);
  }

  /** All branches by name, tracking ones (`replica/ID/BRANCH`) included. */
  *[Symbol.iterator](): Generator<BranchInfo, void, undefined> {
    const rows = log.branches(opened(this.#scope), this.#scope.bucket);
    for (const { name, head } of this.#scope.core.underway.outer.each(rows)) {
      yield { name, commit: addressText(head) };
    }
  }

  /** A branch, or undefined where there is none of that name. */
  get(name: string): BranchInfo | undefined {
    NAME.check('name', name);
    const found = log.branch(opened(this.#scope), this.#scope.bucket, name);
    return found && { name, commit: addressText(found.head) };
  }

  /**
   * Deletes a branch; its commits stay as long as history does. Its share of the interval goes back
   * to the branch of this handle, once. REGALIA_NOT_FOUND.
   */
  async delete(name: string): Promise<void> {
    NAME.check('name', name);
    const { bucket, line } = this.#scope;
    if (name === line.branch || name === 'main') {
      throw badOption('name', 'another branch than main and the one in use', name);
    }
    await write(this.#scope, (batch) => {
      const gone = log.branch(batch, bucket, name);
      if (gone === undefined) throw notFound('branch', name);
      const heir = log.branch(batch, bucket, line.branch);
      if (heir?.id !== undefined && gone.id !== undefined) {
        log.putBranch(batch, bucket, line.branch, { ...heir, id: sum(heir.id, gone.id) });
      }
      log.delBranch(batch, bucket, name);
    });
  }

  /** Makes a branch name another commit, whatever came between. REGALIA_NOT_FOUND. */
  async reset(name: string, at: At): Promise<BranchInfo> {
    NAME.check('name', name);
    AT.check('at', at);
    const { bucket } = this.#scope;
    return write(this.#scope, (batch) => {
      const found = log.branch(batch, bucket, name);
      if (found === undefined) throw notFound('branch', name);
      const head = this.#scope.resolve(at, found.head);
      log.putBranch(batch, bucket, name, { ...found, head });
      return { name, commit: addressText(head) };
    });
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
    const { bucket, line } = this.#scope;
    return write(this.#scope, (batch) => {
      if (log.tag(batch, bucket, name) !== undefined) throw alreadyExists('tag', name);
      const head = log.branch(batch, bucket, line.branch)?.head;
      if (head === undefined) throw notFound('branch', line.branch);
      const commit = at === undefined ? head : this.#scope.resolve(at, head);
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
