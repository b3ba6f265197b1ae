/**
 * What a bucket's handle works on: a line, whose branch its commits go to, and a bucket within it.
 * The bucket that owns the line is at its top; a nested one is wherever it was moved, so its key is
 * looked up in each state of the line. Its commits are found by what users say: an address, its
 * first digits, a branch, a tag, or a date.
 *
 * A branch of a bucket around it carries a nested bucket as that branch has it: a branch of the
 * bucket by that name, without a row. One that was forked from the bucket is detached: it has a
 * row, and is in no log around it.
 *
 *     /b/c        a branch `draft` of /b/c, else of /b, else of the store, if /b/c is on it
 *
 * The innermost counts, so that `branch` and `bucket` may be called in either order.
 */
import { type Address, parseAddress } from '../blocks/address.js';
import { type BucketPlace, placeIn, placeWithin } from '../commit/buckets.js';
import type { Core } from '../commit/core.js';
import { HeadsWithin } from '../commit/heads-within.js';
import { Line, type LocalCommit } from '../commit/line.js';
import type { NestedTarget } from '../commit/merge-into.js';
import type { Engine, Reads } from '../engine/engine.js';
import { compareBytes, equalBytes, hex } from '../ground/bytes.js';
import { notFound } from '../ground/errors.js';
import { PREFIX_DIGITS_MIN } from '../ground/limits.js';
import { utf8Bytes } from '../ground/text.js';
import { atDate } from '../log/ancestry.js';
import { branch, branches, type NamedBranch, tag } from '../log/branches.js';
import { moveAt, moves } from '../log/reflog.js';
import { type Key, keyText, type Names, parseKey } from '../tree/key.js';
import type { Tree } from '../tree/lookup.js';
import type { At, AtFields } from './options.js';

/** A branch that a bucket is on. */
export interface ScopeBranch {
  readonly name: string;
  /** The bucket whose branch it is: this one, or one around it, which carries it. */
  readonly owner: Uint8Array;
  /** The commit that this bucket is at there. */
  readonly head: Address;
}

export class Scope {
  readonly core: Core;
  readonly line: Line;
  /** The id of the bucket. */
  readonly bucket: Uint8Array;
  readonly isNested: boolean;
  /** Where it was in the stored state in which it was looked up last. */
  #place: BucketPlace | undefined;
  /** The buckets that were around the line's owner, from the inside out. */
  readonly #beyond: readonly Uint8Array[];

  /** The bucket is the line's own, or within that. */
  constructor(
    core: Core,
    line: Line,
    bucket: Uint8Array = line.owner,
    place?: BucketPlace,
    beyond: readonly Uint8Array[] = [],
  ) {
    this.core = core;
    this.line = line;
    this.bucket = bucket;
    this.isNested = !equalBytes(bucket, line.owner);
    this.#place = place;
    this.#beyond = beyond;
  }

  /** Where the bucket is in a state of its line. REGALIA_NOT_FOUND where it was removed. */
  namesIn(tree: Tree, isStored = false): Names {
    const names = isStored ? this.#storedPlace(tree) : this.#placeIn(tree, this.line.owner);
    if (names === undefined) throw notFound('bucket', hex(this.bucket));
    return names;
  }

  /** Where the bucket is in a state of its line that is stored: it is there the next time. */
  #storedPlace(tree: Tree): Names | undefined {
    const { owner } = this.line;
    const names = this.#placeIn(tree, owner);
    const { id, address } = tree.root;
    const isKnown = this.#place?.root.address === address;
    if (this.isNested && !isKnown) this.#place = { owner, names, root: { id, address } };
    return names;
  }

  /** Where the bucket is in a state of one around it. */
  #placeIn(tree: Tree, owner: Uint8Array): Names | undefined {
    if (equalBytes(owner, this.bucket)) return [];
    const known = this.#place && placeWithin(this.core, this.#place, owner);
    return placeIn(this.core, tree, this.bucket, known);
  }

  /** The tree of the line as it is stored. */
  get storedTree(): Tree {
    return this.line.treeOf(this.line.stored());
  }

  /** The bucket's key on its branch. REGALIA_NOT_FOUND where it was removed. */
  get key(): string {
    this.core.check();
    return keyText(this.namesIn(this.storedTree, true));
  }

  /** The commit that the bucket is at. */
  head(): LocalCommit {
    this.core.check();
    return this.within(this.line.stored(), true);
  }

  /** The same, as `reads` have it. */
  headIn(reads: Reads): LocalCommit {
    const outer = this.#outerIn(reads);
    if (outer === undefined) throw notFound('branch', this.line.branch);
    return this.within(outer);
  }

  #outerIn(reads: Reads): LocalCommit | undefined {
    const row = branch(reads, this.line.owner, this.line.branch);
    return row && this.line.commitAt(row.head);
  }

  /** The bucket's commit in a state of the line, by way of the heads of those around it. */
  within(outer: LocalCommit, isStored = false): LocalCommit {
    if (!this.isNested) return outer;
    const tree = this.line.treeOf(outer);
    const found = this.#headAt(this.namesIn(tree, isStored), tree, outer);
    if (found === undefined) throw notFound('head of bucket', hex(this.bucket));
    return found;
  }

  /** What a commit of a bucket around this one has of it. */
  #find(outer: LocalCommit): LocalCommit | undefined {
    const tree = this.line.treeOf(outer);
    const names = this.#placeIn(tree, outer.commit.bucket);
    return names && this.#headAt(names, tree, outer);
  }

  #headAt(names: Names, tree: Tree, outer: LocalCommit): LocalCommit | undefined {
    const around = bucketsOn(tree, names.slice(0, -1));
    return new HeadsWithin(this.line, outer).find(hex(this.bucket), around);
  }

  /** What a merge goes into, where the bucket is not the line's own. */
  get target(): NestedTarget | undefined {
    if (!this.isNested) return undefined;
    return {
      bucket: this.bucket,
      namesIn: (tip) => this.namesIn(this.line.treeOf(tip)),
      commitIn: (tip) => this.within(tip),
    };
  }

  /** The commit that `at` names, or the head. */
  at(at: At | undefined): LocalCommit {
    return this.found(at).commit;
  }

  /** The same, and whether a date names what the branch was then: nothing else is in doubt. */
  found(at: At | undefined): { readonly commit: LocalCommit; readonly isExact: boolean } {
    const head = this.head();
    if (at === undefined) return { commit: head, isExact: true };
    const { date }: AtFields = typeof at === 'string' ? {} : at;
    const { address, isExact } =
      date === undefined
        ? { address: this.resolve(at, head.address), isExact: true }
        : this.#dated(new Date(date), head.address, this.core.engine);
    return { commit: this.line.commitAt(address), isExact };
  }

  /**
   * The commit of the bucket that `at` names, as `reads` have it; a date names the one that the
   * branch was at then, and a commit of a bucket around it the one that was there then.
   * REGALIA_NOT_FOUND; REGALIA_FORMAT for what looks like a bad address.
   */
  resolve(at: At, head: Address, reads: Reads = this.core.engine): Address {
    if (typeof at === 'string') return this.#named(at, reads);
    const { commit, date, branch: branchName, tag: tagName = '' }: AtFields = at;
    if (commit !== undefined) return this.#known(commit, reads);
    if (date !== undefined) return this.#dated(new Date(date), head, reads).address;
    if (branchName === undefined) return tag(reads, this.bucket, tagName) ?? fail('tag', tagName);
    return this.branchAt(branchName, reads)?.head ?? fail('branch', branchName);
  }

  /**
   * Where the branch was at a date. Before its first row that is where the branch was that it was
   * forked from or, where nobody knows, the newest commit that comes before that row's by its own
   * time.
   */
  #dated(
    date: Date,
    head: Address,
    reads: Reads,
  ): { readonly address: Address; readonly isExact: boolean } {
    const { owner, branch: name } = this.line;
    const known = this.#moveAt(name, date.getTime(), reads);
    const address = known && this.commitIn(known);
    if (address !== undefined) return { address, isExact: true };
    if (known !== undefined) fail('bucket at', date.toISOString());
    const [first] = moves(reads, owner, name);
    const start = (first && this.commitIn(first.commit)) ?? head;
    const found = atDate(this.core.history, start, date.getTime())?.address;
    return { address: found ?? fail('commit not later than', date.toISOString()), isExact: false };
  }

  #moveAt(name: string, timeMs: number, reads: Reads): Address | undefined {
    const { owner } = this.line;
    const passed = new Set<string>();
    let at: string | undefined = name;
    while (at !== undefined && !passed.has(at)) {
      passed.add(at);
      const move = moveAt(reads, owner, at, timeMs);
      if (move !== undefined) return move.commit;
      const [first] = moves(reads, owner, at);
      at = first?.from;
    }
    return undefined;
  }

  /** What a commit of the line has of the bucket; undefined where that is not within. */
  commitIn(outer: Address): Address | undefined {
    return this.isNested ? this.#find(this.line.commitAt(outer))?.address : outer;
  }

  #named(name: string, reads: Reads): Address {
    if (name.startsWith('sha256:') || name.startsWith('blake3:')) {
      const digits = name.slice(7);
      if (digits.length === 64) return this.#known(name, reads);
      return this.#byDigits(digits, reads) ?? fail('commit', name);
    }
    const named = this.branchAt(name, reads)?.head ?? tag(reads, this.bucket, name);
    return named ?? this.#byDigits(name, reads) ?? fail('branch, tag or commit', name);
  }

  #known(text: string, reads: Reads): Address {
    const address = parseAddress(text);
    const entry = this.core.history.entry(address, reads);
    if (entry === undefined) fail('commit', text);
    return equalBytes(entry.bucket, this.bucket) ? address : this.#knownWithin(address, text);
  }

  /** What a commit of a bucket around this one has of it. */
  #knownWithin(outer: Address, text: string): Address {
    const found = this.#find(this.line.commitAt(outer));
    return found?.address ?? fail('commit of the bucket', text);
  }

  /** A commit of the bucket by the first digits of its digest, if they name one alone. */
  #byDigits(given: string, reads: Reads): Address | undefined {
    const digits = given.toLowerCase();
    if (digits.length < PREFIX_DIGITS_MIN || !/^[0-9a-f]{1,64}$/.test(digits)) return undefined;
    let found: Address | undefined;
    for (const { address } of this.core.history.log(this.bucket, { reverse: true }, reads)) {
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
    const names = [...this.namesIn(tree, true), ...inner];
    const found = tree.bucketAt(names);
    if (found === undefined) throw notFound('bucket at', keyText(inner));
    const { id, address } = tree.root;
    const place = { owner: this.line.owner, root: { id, address }, names };
    return new Scope(this.core, this.line, found.bucket, place, this.#beyond);
  }

  /** The same bucket on another branch. REGALIA_NOT_FOUND. */
  onBranch(name: string): Scope {
    this.core.check();
    if (!this.isNested && name === this.line.branch) return this;
    const found = this.branchAt(name, this.refreshed());
    if (found === undefined) throw notFound('branch', name);
    return this.#on(found);
  }

  /** The bucket on a branch that carries it; undefined where none does, or its own has the name. */
  carriedOn(name: string): Scope | undefined {
    const found = this.branchAt(name, this.refreshed());
    return found === undefined || this.isOwn(found) ? undefined : this.#on(found);
  }

  #on({ owner, name }: ScopeBranch): Scope {
    const { core, bucket } = this;
    const line = Line.of(core, owner, name);
    if (line === this.line) return this;
    const around = this.#around(core.engine);
    const beyond = around.slice(around.findIndex((one) => equalBytes(one, owner)) + 1);
    return new Scope(core, line, bucket, this.#place, beyond);
  }

  /** Whether a branch is the bucket's own, so that there is a row for it. */
  isOwn({ owner }: ScopeBranch): boolean {
    return equalBytes(owner, this.bucket);
  }

  /** The branch of that name that the bucket is on. */
  branchAt(name: string, reads: Reads): ScopeBranch | undefined {
    for (const owner of this.#around(reads)) {
      const row = branch(reads, owner, name);
      const head = row && this.#headOn(owner, row.head);
      if (head !== undefined) return { name, owner, head };
    }
    return undefined;
  }

  /** All of them, by name in bytewise order. Each that carries the bucket is looked into. */
  *branches(reads: Reads): Generator<ScopeBranch, void> {
    const levels = this.#around(reads).map((owner) => new Level(owner, branches(reads, owner)));
    for (;;) {
      const first = levels.reduce((a, b) => (b.isBefore(a) ? b : a)).next;
      if (first === undefined) return;
      const { name } = first;
      let isFound = false;
      for (const level of levels) {
        if (level.next?.name !== name) continue;
        if (!isFound) {
          const head = this.#headOn(level.owner, level.next.head);
          isFound = head !== undefined;
          if (head !== undefined) yield { name, owner: level.owner, head };
        }
        level.advance();
      }
    }
  }

  /** The commit that the bucket is at where a branch is at `head`. */
  #headOn(owner: Uint8Array, head: Address): Address | undefined {
    if (equalBytes(owner, this.bucket)) return head;
    return this.#find(this.line.commitAt(head))?.address;
  }

  /** The bucket and those around it, from the inside out. */
  #around(reads: Reads): Uint8Array[] {
    const { owner } = this.line;
    if (!this.isNested) return [owner, ...this.#beyond];
    const outer = this.#outerIn(reads);
    const between = outer === undefined ? [] : this.#between(this.line.treeOf(outer));
    return [this.bucket, ...between.reverse(), owner, ...this.#beyond];
  }

  /** The buckets within the line's own and around this one, from the outside in. */
  #between(tree: Tree): Uint8Array[] {
    const names = this.#placeIn(tree, this.line.owner);
    return names === undefined ? [] : bucketsOn(tree, names.slice(0, -1));
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

/** The buckets on the way to a key and the one at it, from the outside in. */
function bucketsOn(tree: Tree, names: Names): Uint8Array[] {
  return names.flatMap((_, i) => tree.bucketAt(names.slice(0, i + 1))?.bucket ?? []);
}

/** The branches of one bucket, and which of them comes next. */
class Level {
  readonly owner: Uint8Array;
  readonly #rows: Iterator<NamedBranch, void>;
  next: NamedBranch | undefined;

  constructor(owner: Uint8Array, rows: Iterator<NamedBranch, void>) {
    this.owner = owner;
    this.#rows = rows;
    this.advance();
  }

  advance(): void {
    this.next = this.#rows.next().value ?? undefined;
  }

  isBefore({ next: other }: Level): boolean {
    const { next } = this;
    if (next === undefined || other === undefined) return next !== undefined;
    return compareBytes(utf8Bytes(next.name), utf8Bytes(other.name)) < 0;
  }
}
