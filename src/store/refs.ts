/** The branches and the tags of a bucket, as users handle them. */
import { addressText } from '../blocks/address.js';
import { sum } from '../clock/id.js';
import type { Core } from '../commit/core.js';
import { noBranch } from '../commit/line.js';
import { RegaliaError } from '../ground/errors.js';
import * as log from '../log/branches.js';
import { type At, notFound, resolveCommit } from './resolve.js';

export interface BranchInfo {
  readonly name: string;
  /** The address of its head. */
  readonly commit: string;
}

export class Branches {
  readonly #core: Core;
  readonly #bucket: Uint8Array;
  /** The branch that commits of this handle go to: it can't be deleted here. */
  readonly #own: string;

  constructor(core: Core, bucket: Uint8Array, own: string) {
    this.#core = core;
    this.#bucket = bucket;
    this.#own = own;
  }

  /** All branches by name, tracking ones (`replica/ID/BRANCH`) included. */
  *[Symbol.iterator](): Generator<BranchInfo> {
    this.#core.check();
    this.#core.engine.refresh();
    for (const { name, head } of log.branches(this.#core.engine, this.#bucket)) {
      yield { name, commit: addressText(head) };
    }
  }

  get(name: string): BranchInfo | undefined {
    this.#core.check();
    this.#core.engine.refresh();
    const found = log.branch(this.#core.engine, this.#bucket, name);
    return found && { name, commit: addressText(found.head) };
  }

  /**
   * Deletes a branch; its commits stay as long as history does. Its share of the interval goes back
   * to the branch of this handle, once. REGALIA_NOT_FOUND.
   */
  async delete(name: string): Promise<void> {
    this.#core.checkWritable();
    if (name === this.#own || name === 'main') {
      throw new RegaliaError('REGALIA_OPTION', `branch ${name} is in use`, {
        option: 'name',
        expected: 'another branch than the one in use and main',
        actual: name,
      });
    }
    await this.#core.engine.write((batch) => {
      const gone = log.branch(batch, this.#bucket, name);
      if (gone === undefined) throw noBranch(name);
      const heir = log.branch(batch, this.#bucket, this.#own);
      if (heir?.id !== undefined && gone.id !== undefined) {
        log.putBranch(batch, this.#bucket, this.#own, { ...heir, id: sum(heir.id, gone.id) });
      }
      log.delBranch(batch, this.#bucket, name);
    }, this.#core.settings.durability);
  }

  /** Makes a branch name another commit, whatever came between. REGALIA_NOT_FOUND. */
  async reset(name: string, at: At): Promise<BranchInfo> {
    this.#core.checkWritable();
    return this.#core.engine.write((batch) => {
      const found = log.branch(batch, this.#bucket, name);
      if (found === undefined) throw noBranch(name);
      const head = resolveCommit(this.#core, this.#bucket, at, found.head);
      log.putBranch(batch, this.#bucket, name, { ...found, head });
      return { name, commit: addressText(head) };
    }, this.#core.settings.durability);
  }
}

export interface TagInfo {
  readonly name: string;
  readonly commit: string;
}

export class Tags {
  readonly #core: Core;
  readonly #bucket: Uint8Array;
  readonly #branch: string;

  constructor(core: Core, bucket: Uint8Array, branch: string) {
    this.#core = core;
    this.#bucket = bucket;
    this.#branch = branch;
  }

  *[Symbol.iterator](): Generator<TagInfo> {
    this.#core.check();
    this.#core.engine.refresh();
    for (const { name, commit } of log.tags(this.#core.engine, this.#bucket)) {
      yield { name, commit: addressText(commit) };
    }
  }

  get(name: string): TagInfo | undefined {
    this.#core.check();
    this.#core.engine.refresh();
    const commit = log.tag(this.#core.engine, this.#bucket, name);
    return commit && { name, commit: addressText(commit) };
  }

  /** Names a commit, the head by default. REGALIA_EXISTS where the name is taken. */
  async set(name: string, at?: At): Promise<TagInfo> {
    this.#core.checkWritable();
    return this.#core.engine.write((batch) => {
      if (log.tag(batch, this.#bucket, name) !== undefined) {
        throw new RegaliaError('REGALIA_EXISTS', `there is a tag ${name}`, { what: 'tag', name });
      }
      const head = log.branch(batch, this.#bucket, this.#branch)?.head;
      if (head === undefined) throw noBranch(this.#branch);
      const commit = at === undefined ? head : resolveCommit(this.#core, this.#bucket, at, head);
      log.putTag(batch, this.#bucket, name, commit);
      return { name, commit: addressText(commit) };
    }, this.#core.settings.durability);
  }

  async delete(name: string): Promise<void> {
    this.#core.checkWritable();
    await this.#core.engine.write((batch) => {
      if (!log.delTag(batch, this.#bucket, name)) throw notFound('tag', name);
    }, this.#core.settings.durability);
  }
}
