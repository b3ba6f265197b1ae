/**
 * What a bucket's handle works on: a line, whose branch its commits go to, and a bucket within it.
 * The bucket that owns the line is at its top; a nested one is wherever it was moved, so its key is
 * looked up in each state of the line.
 */
import { findBucket } from '../commit/buckets.js';
import type { Core } from '../commit/core.js';
import { headsRefOf, Line, type LocalCommit } from '../commit/line.js';
import { equalBytes, hex } from '../ground/bytes.js';
import { notFound } from '../ground/errors.js';
import { branch } from '../log/branches.js';
import { headOf } from '../log/heads.js';
import { type Key, keyText, type Names, parseKey } from '../tree/key.js';
import type { Tree } from '../tree/lookup.js';
import type { At } from './options.js';
import { resolveCommit } from './refs.js';

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
    if (!isBucketAt(tree, nested.names, nested.bucket)) {
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
    for (const border of borders(tree, this.namesIn(tree), this.core)) {
      const head = headOf(this.core.cache, headsRefOf(found), border);
      if (head === undefined) throw notFound('head of bucket', hex(border));
      found = this.line.commitAt(head);
    }
    if (equalBytes(found.commit.bucket, nested.bucket)) return found;
    throw notFound('bucket', hex(nested.bucket));
  }

  /** The commit that `at` names, or the head. */
  at(at: At | undefined): LocalCommit {
    const head = this.head();
    if (at === undefined) return head;
    return this.line.commitAt(resolveCommit(this.core, this.bucket, at, head.address));
  }

  /** The bucket at a key. REGALIA_NOT_FOUND where there is none. */
  inner(key: Key): Scope {
    this.core.check();
    const tree = this.storedTree;
    const names = [...this.namesIn(tree), ...parseKey(key)];
    const ids = [...borders(tree, names, this.core)];
    const bucket = ids[ids.length - 1];
    if (bucket !== undefined && isBucketAt(tree, names, bucket)) {
      return new Scope(this.core, this.line, { bucket, names });
    }
    throw notFound('bucket at', keyText(parseKey(key)));
  }

  /** The same bucket on another branch. REGALIA_NOT_FOUND. */
  onBranch(name: string): Scope {
    this.core.check();
    if (!this.isNested && name === this.line.branch) return this;
    this.core.engine.refresh();
    if (branch(this.core.engine, this.bucket, name) === undefined) throw notFound('branch', name);
    return new Scope(this.core, Line.of(this.core, this.bucket, name));
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
