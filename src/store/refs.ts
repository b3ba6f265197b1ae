/**
 * Branches and tags of a bucket, and how a commit is found by what users say: an address, its first
 * digits, a branch, a tag, or a date.
 */

import { type Address, addressText, isAddress, parseAddress } from '../blocks/address.js';
import { sum } from '../clock/id.js';
import type { Core } from '../commit/core.js';
import { unhex } from '../ground/bytes.js';
import { alreadyExists, badOption, notFound } from '../ground/errors.js';
import { PREFIX_DIGITS_MIN } from '../ground/limits.js';
import { atDate } from '../log/ancestry.js';
import * as log from '../log/branches.js';
import { branch, tag } from '../log/branches.js';
import { AT, type At, type AtFields, NAME } from './options.js';

/** A branch as it is. */
export interface BranchInfo {
  readonly name: string;
  /** The address of its head. */
  readonly commit: string;
}

let makeBranches: (core: Core, bucket: Uint8Array, own: string) => Branches;

/** The branches of a bucket: `for (const { name, commit } of store.branches)`. */
export class Branches {
  readonly #core: Core;
  readonly #bucket: Uint8Array;
  /** The branch that commits of this handle go to: it can't be deleted here. */
  readonly #own: string;

  private constructor(core: Core, bucket: Uint8Array, own: string) {
    this.#core = core;
    this.#bucket = bucket;
    this.#own = own;
  }

  static {
    makeBranches = (core, bucket, own) => new Branches(core, bucket, own);
  }

  /** All branches by name, tracking ones (`replica/ID/BRANCH`) included. */
  *[Symbol.iterator](): Generator<BranchInfo, void, undefined> {
    this.#core.check();
    this.#core.engine.refresh();
    for (const { name, head } of log.branches(this.#core.engine, this.#bucket)) {
      yield { name, commit: addressText(head) };
    }
  }

  /** A branch, or undefined where there is none of that name. */
  get(name: string): BranchInfo | undefined {
    NAME.check('name', name);
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
    NAME.check('name', name);
    this.#core.checkWritable();
    if (name === this.#own || name === 'main') {
      throw badOption('name', 'another branch than main and the one in use', name);
    }
    await this.#core.engine.write((batch) => {
      const gone = log.branch(batch, this.#bucket, name);
      if (gone === undefined) throw notFound('branch', name);
      const heir = log.branch(batch, this.#bucket, this.#own);
      if (heir?.id !== undefined && gone.id !== undefined) {
        log.putBranch(batch, this.#bucket, this.#own, { ...heir, id: sum(heir.id, gone.id) });
      }
      log.delBranch(batch, this.#bucket, name);
    }, this.#core.settings.durability);
  }

  /** Makes a branch name another commit, whatever came between. REGALIA_NOT_FOUND. */
  async reset(name: string, at: At): Promise<BranchInfo> {
    NAME.check('name', name);
    AT.check('at', at);
    this.#core.checkWritable();
    return this.#core.engine.write((batch) => {
      const found = log.branch(batch, this.#bucket, name);
      if (found === undefined) throw notFound('branch', name);
      const head = resolveCommit(this.#core, this.#bucket, at, found.head);
      log.putBranch(batch, this.#bucket, name, { ...found, head });
      return { name, commit: addressText(head) };
    }, this.#core.settings.durability);
  }
}

/** A tag. */
export interface TagInfo {
  readonly name: string;
  /** The address of the commit that it names. */
  readonly commit: string;
}

let makeTags: (core: Core, bucket: Uint8Array, branch: string) => Tags;

/** The tags of a bucket: `await store.tags.set('v1')`. */
export class Tags {
  readonly #core: Core;
  readonly #bucket: Uint8Array;
  readonly #branch: string;

  private constructor(core: Core, bucket: Uint8Array, branch: string) {
    this.#core = core;
    this.#bucket = bucket;
    this.#branch = branch;
  }

  static {
    makeTags = (core, bucket, branch) => new Tags(core, bucket, branch);
  }

  /** All tags by name. */
  *[Symbol.iterator](): Generator<TagInfo, void, undefined> {
    this.#core.check();
    this.#core.engine.refresh();
    for (const { name, commit } of log.tags(this.#core.engine, this.#bucket)) {
      yield { name, commit: addressText(commit) };
    }
  }

  /** A tag, or undefined where there is none of that name. */
  get(name: string): TagInfo | undefined {
    NAME.check('name', name);
    this.#core.check();
    this.#core.engine.refresh();
    const commit = log.tag(this.#core.engine, this.#bucket, name);
    return commit && { name, commit: addressText(commit) };
  }

  /** Names a commit, the head by default. REGALIA_EXISTS where the name is taken. */
  async set(name: string, at?: At): Promise<TagInfo> {
    NAME.check('name', name);
    AT.checkGiven('at', at);
    this.#core.checkWritable();
    return this.#core.engine.write((batch) => {
      if (log.tag(batch, this.#bucket, name) !== undefined) {
        throw alreadyExists('tag', name);
      }
      const head = log.branch(batch, this.#bucket, this.#branch)?.head;
      if (head === undefined) throw notFound('branch', this.#branch);
      const commit = at === undefined ? head : resolveCommit(this.#core, this.#bucket, at, head);
      log.putTag(batch, this.#bucket, name, commit);
      return { name, commit: addressText(commit) };
    }, this.#core.settings.durability);
  }

  /** Deletes a tag. REGALIA_NOT_FOUND. */
  async delete(name: string): Promise<void> {
    NAME.check('name', name);
    this.#core.checkWritable();
    await this.#core.engine.write((batch) => {
      if (!log.delTag(batch, this.#bucket, name)) throw notFound('tag', name);
    }, this.#core.settings.durability);
  }
}

/**
 * The commit of a bucket that `at` names. REGALIA_NOT_FOUND; REGALIA_FORMAT for what looks like a
 * bad address.
 */
export function resolveCommit(core: Core, bucket: Uint8Array, at: At, head: Address): Address {
  if (typeof at === 'string') return resolveName(core, bucket, at);
  const given: AtFields = at;
  if (given.commit !== undefined) return known(core, parseAddress(given.commit));
  if (given.date !== undefined) return dated(core, head, given.date);
  const { engine } = core;
  const { branch: branchName, tag: tagName = '' } = given;
  const found =
    branchName === undefined
      ? tag(engine, bucket, tagName)
      : branch(engine, bucket, branchName)?.head;
  if (found !== undefined) return found;
  throw branchName === undefined ? notFound('tag', tagName) : notFound('branch', branchName);
}

function resolveName(core: Core, bucket: Uint8Array, name: string): Address {
  if (name.startsWith('sha256:') || name.startsWith('blake3:')) {
    const digits = name.slice(7);
    if (digits.length === 64) return known(core, parseAddress(name));
    return byDigits(core, bucket, digits) ?? fail('commit', name);
  }
  const { engine } = core;
  const named = branch(engine, bucket, name)?.head ?? tag(engine, bucket, name);
  return named ?? byDigits(core, bucket, name) ?? fail('branch, tag or commit', name);
}

/** A commit of the bucket by the first digits of its digest, if they name one alone. */
function byDigits(core: Core, bucket: Uint8Array, digits: string): Address | undefined {
  const usable = digits.length >= PREFIX_DIGITS_MIN && unhex(digits.padEnd(64, '0')) !== undefined;
  if (!usable) return undefined;
  let found: Address | undefined;
  for (const { address } of core.history.log(bucket, { reverse: true })) {
    if (!addressText(address).slice(7).startsWith(digits.toLowerCase())) continue;
    if (found !== undefined) throw notFound('single commit', digits);
    found = address;
  }
  return found;
}

function known(core: Core, address: Address): Address {
  if (isAddress(address) && core.history.entry(address) !== undefined) return address;
  throw notFound('commit', addressText(address));
}

function dated(core: Core, head: Address, date: Date | number): Address {
  const ms = typeof date === 'number' ? date : date.getTime();
  const entry = atDate(core.history, head, ms);
  return entry?.address ?? fail('commit not later than', new Date(ms).toISOString());
}

function fail(what: string, name: string): never {
  throw notFound(what, name);
}

/** The branches of a bucket, at a handle whose own branch is `own`. */
export function openBranches(core: Core, bucket: Uint8Array, own: string): Branches {
  return makeBranches(core, bucket, own);
}

/** The tags of a bucket; new ones are on the head of `branch`. */
export function openTags(core: Core, bucket: Uint8Array, branch: string): Tags {
  return makeTags(core, bucket, branch);
}
