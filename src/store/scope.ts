/**
 * What a bucket's handle works on: a line, whose branch its commits go to, and a bucket within it.
 * The bucket that owns the line is at its top; a nested one is wherever it was moved, so its key is
 * looked up in each state of the line. Its commits are found by what users say: an address, its
 * first digits, a branch, a tag, or a date.
 */
import { type Address, parseAddress } from '../blocks/address.js';
import { findBucket } from '../commit/buckets.js';
import type { Core } from '../commit/core.js';
import { HeadsWithin } from '../commit/heads-within.js';
import { headsRefOf, Line, type LocalCommit } from '../commit/line.js';
import type { Engine } from '../engine/engine.js';
import { equalBytes, hex } from '../ground/bytes.js';
import { notFound } from '../ground/errors.js';
import { PREFIX_DIGITS_MIN } from '../ground/limits.js';
import { atDate } from '../log/ancestry.js';
import { branch, tag } from '../log/branches.js';
import { headOf } from '../log/heads.js';
import { type Key, keyText, type Names, parseKey } from '../tree/key.js';
import type { Tree } from '../tree/lookup.js';
import type { At, AtFields } from './options.js';

/** A bucket within the one that owns the line. */
interface Nested {
  readonly bucket: Uint8Array;
  /** Where it was when it was last looked up. */
  names: Names;
}

export class Scope {
  readonly core: Core;
  readonly line: Line;
  readonly #nested: Nested | undefined;

  constructor(core: Core, line: Line, nested?: Nested) {
    this.core = core;
    this.line = line;
    this.#nested = nested;
  }

  /** The id of the bucket. */
  get bucket(): Uint8Array {
    return this.#nested?.bucket ?? this.line.owner;
  }

  get isNested(): boolean {
    return this.#nested !== undefined;
  }

  /** Where the bucket is in the tree of its line now. REGALIA_NOT_FOUND where it was removed. */
  namesIn(tree: Tree): Names {
    const nested = this.#nested;
    if (nested === undefined) return [];
    const there = tree.bucketAt(nested.names)?.bucket;
    if (there === undefined || !equalBytes(there, nested.bucket)) {
      const names = findBucket(this.core, tree, nested.bucket);
      if (names === undefined) throw notFound('bucket', hex(nested.bucket));
      nested.names = names;
    }
    return nested.names;
  }

  /** The tree of the line as it is stored. */
  get storedTree(): Tree {
    return this.line.treeOf(this.line.stored());
  }

  /** The commit that the bucket is at. */
  head(): LocalCommit {
    this.core.check();
    return this.within(this.line.stored());
  }

  /** The bucket's commit in a state of the line, by way of the heads of those around it. */
  within(outer: LocalCommit): LocalCommit {
    const nested = this.#nested;
    if (nested === undefined) return outer;
    const tree = this.line.treeOf(outer);
    let found = outer;
    for (const { bucket } of bucketsOn(tree, this.namesIn(tree))) {
      const head = headOf(this.core.cache, headsRefOf(found), bucket);
      if (head === undefined) throw notFound('head of bucket', hex(bucket));
      found = this.line.commitAt(head);
    }
    if (equalBytes(found.commit.bucket, nested.bucket)) return found;
    throw notFound('bucket', hex(nested.bucket));
  }

  /** The commit that `at` names, or the head. */
  at(at: At | undefined): LocalCommit {
    const head = this.head();
    if (at === undefined) return head;
    return this.line.commitAt(this.resolve(at, head.address));
  }

  /**
   * The commit of the bucket that `at` names; a date names one on the way to `head`, and a commit
   * of a bucket around it the one that was there then. REGALIA_NOT_FOUND; REGALIA_FORMAT for what
   * looks like a bad address.
   */
  resolve(at: At, head: Address): Address {
    if (typeof at === 'string') return this.#named(at);
    const { engine, history } = this.core;
    const { commit, date, branch: branchName, tag: tagName = '' }: AtFields = at;
    if (commit !== undefined) return this.#known(commit);
    if (date !== undefined) {
      const until = new Date(date);
      const found = atDate(history, head, until.getTime())?.address;
      return found ?? fail('commit not later than', until.toISOString());
    }
    if (branchName === undefined) return tag(engine, this.bucket, tagName) ?? fail('tag', tagName);
    return branch(engine, this.bucket, branchName)?.head ?? fail('branch', branchName);
  }

  #named(name: string): Address {
    if (name.startsWith('sha256:') || name.startsWith('blake3:')) {
      const digits = name.slice(7);
      if (digits.length === 64) return this.#known(name);
      return this.#byDigits(digits) ?? fail('commit', name);
    }
    const { engine } = this.core;
    const named = branch(engine, this.bucket, name)?.head ?? tag(engine, this.bucket, name);
    return named ?? this.#byDigits(name) ?? fail('branch, tag or commit', name);
  }

  #known(text: string): Address {
    const address = parseAddress(text);
    const entry = this.core.history.entry(address);
    if (entry === undefined) fail('commit', text);
    return equalBytes(entry.bucket, this.bucket) ? address : this.#knownWithin(address, text);
  }

  /** What a commit of a bucket around this one has of it. */
  #knownWithin(outer: Address, text: string): Address {
    const heads = new HeadsWithin(this.line, this.line.commitAt(outer));
    return heads.find(hex(this.bucket))?.address ?? fail('commit of the bucket', text);
  }

  /** A commit of the bucket by the first digits of its digest, if they name one alone. */
  #byDigits(given: string): Address | undefined {
    const digits = given.toLowerCase();
    if (digits.length < PREFIX_DIGITS_MIN || !/^[0-9a-f]{1,64}$/.test(digits)) return undefined;
    let found: Address | undefined;
    for (const { address } of this.core.history.log(this.bucket, { reverse: true })) {
      if (!hex(address.subarray(1)).startsWith(digits)) continue;
      if (found !== undefined) throw notFound('single commit', given);
      found = address;
    }
    return found;
  }

  /** The bucket at a key. REGALIA_NOT_FOUND where there is none. */
  inner(key: Key): Scope {
    this.core.check();
    const tree = this.storedTree;
    const inner = parseKey(key);
    const names = [...this.namesIn(tree), ...inner];
    const found = tree.bucketAt(names);
    if (found === undefined) throw notFound('bucket at', keyText(inner));
    return new Scope(this.core, this.line, { bucket: found.bucket, names });
  }

  /** The same bucket on another branch. REGALIA_NOT_FOUND. */
  onBranch(name: string): Scope {
    this.core.check();
    if (!this.isNested && name === this.line.branch) return this;
    if (branch(this.refreshed(), this.bucket, name) === undefined) throw notFound('branch', name);
    return new Scope(this.core, Line.of(this.core, this.bucket, name));
  }

  /** The engine, which sees what other processes wrote until now. */
  refreshed(): Engine {
    this.core.check();
    this.core.engine.refresh();
    return this.core.engine;
  }
}

function fail(what: string, name: string): never {
  throw notFound(what, name);
}

/** The buckets on the way to a key and the one at it, from the outside in, and where each is. */
function* bucketsOn(
  tree: Tree,
  names: Names,
): Generator<{ readonly bucket: Uint8Array; readonly depth: number }> {
  for (let depth = 1; depth <= names.length; depth++) {
    const bucket = tree.bucketAt(names.slice(0, depth))?.bucket;
    if (bucket !== undefined) yield { bucket, depth };
  }
}
