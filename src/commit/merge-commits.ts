/**
 * Merging commits: their trees from the bases that history knows, and every bucket within by its
 * own.
 *
 * A merge that the bucket's own rules resolve is canonical: parents sorted by address, the stamps
 * joined without a new event, the later time, no actor, no message of its own. So two replicas that
 * merge each other make the same commit, and exchange ends. Where a caller's policy or answer
 * decided anything, the commit is an ordinary one, by the one who gave it.
 */
import { type Address, addressText, compareAddresses, sameAddress } from '../blocks/address.js';
import { joinEvents } from '../clock/event.js';
import { hex, unhex } from '../ground/bytes.js';
import { corrupt, unrelated } from '../ground/errors.js';
import { isAncestor, mergeBases } from '../log/ancestry.js';
import { type Commit, commitAddress, mapsBefore, sameOptional } from '../log/commit.js';
import { changedHeads, type HeadsRef, headOf, writeHeads } from '../log/heads.js';
import type { Actor } from '../log/signature.js';
import { bucketChanges } from '../merge/buckets.js';
import type { Side, TreeConflict } from '../merge/conflict.js';
import { mergeSteps } from '../merge/merge-trees.js';
import type { SideRows } from '../merge/outcome.js';
import type { Answer } from '../merge/resolve.js';
import { type Ground, SIDES } from '../merge/site.js';
import { decodeRules, encodeRules, mergeRules } from '../streams/rule.js';
import { TreeEdit } from '../tree/apply.js';
import type { BucketPart } from '../tree/record.js';
import { type CountedRoot, type Root, type RootRef, totalsOf } from '../tree/root.js';
import type { Steps } from '../tree/steps.js';
import { Bases } from './bases.js';
import type { Core } from './core.js';
import { HeadsApart } from './heads-apart.js';
import { judgeOf, type MergeJudgement } from './judge.js';
import { headsRefOf, type Line, type LocalCommit } from './line.js';
import { Newest } from './newest.js';
import type { Writers } from './writers.js';

/** What an ordinary merge commit says; a canonical one says nothing. */
export interface MergeWords {
  readonly message: string;
  readonly actor: Actor | undefined;
}

export interface MergeHow {
  readonly judgement: MergeJudgement;
  readonly words: MergeWords;
  /** Whether the commit is the caller's even if nothing needed deciding. */
  readonly ordinary: boolean;
}

export type Merged = { readonly unused: readonly Answer[] } & (
  | { readonly result: LocalCommit; readonly made: readonly LocalCommit[] }
  | { readonly conflicts: readonly TreeConflict[] }
);

/** A bucket in a merged tree. */
interface Nested {
  readonly bucket: Uint8Array;
  readonly root: Address;
  readonly rootBlock: number | undefined;
}

const NO_REPLICA = new Uint8Array(16);
const NO_ROWS: SideRows = { ours: [], theirs: [] };

/** Merges two commits of one bucket. REGALIA_UNRELATED where they have no commit in common. */
export function* mergeCommits(
  line: Line,
  writers: Writers,
  how: MergeHow,
  ours: LocalCommit,
  theirs: LocalCommit,
): Steps<Merged> {
  const { history } = line.core;
  const unused = how.judgement.answers ?? [];
  if (isAncestor(history, theirs.address, ours.address)) return { result: ours, made: [], unused };
  if (isAncestor(history, ours.address, theirs.address)) {
    return { result: theirs, made: [], unused };
  }
  const bases = mergeBases(history, [ours.address], [theirs.address]);
  if (bases.length === 0) throw unrelated(addressText(ours.address), addressText(theirs.address));
  return yield* new Merge(line, writers, how, ours, theirs, bases).run();
}

/** One merge of two commits neither of which comes before the other. */
class Merge {
  readonly #core: Core;
  readonly #line: Line;
  readonly #writers: Writers;
  readonly #how: MergeHow;
  readonly #ours: LocalCommit;
  readonly #theirs: LocalCommit;
  readonly #bases: readonly Address[];
  readonly #grounds: Bases;
  readonly #heads: HeadsApart;
  /** The same of each base and either side. */
  readonly #before: readonly Readonly<Record<Side, HeadsApart>>[];
  /** Commits of buckets within, made by this merge. */
  readonly #made: LocalCommit[] = [];
  #rows: ReadonlyMap<string, SideRows> = new Map();
  /** Whether the caller decided anything. */
  #isJudged = false;

  constructor(
    line: Line,
    writers: Writers,
    how: MergeHow,
    ours: LocalCommit,
    theirs: LocalCommit,
    bases: readonly Address[],
  ) {
    this.#line = line;
    this.#core = line.core;
    this.#writers = writers;
    this.#how = how;
    this.#ours = ours;
    this.#theirs = theirs;
    this.#bases = bases;
    this.#grounds = new Bases(line, writers);
    this.#heads = new HeadsApart(line, ours, theirs);
    this.#before = bases.map((address) => {
      const base = line.commitAt(address);
      return { ours: new HeadsApart(line, base, ours), theirs: new HeadsApart(line, base, theirs) };
    });
  }

  *run(): Steps<Merged> {
    const { cache } = this.#core;
    const ours = this.#line.treeOf(this.#ours);
    const theirs = this.#line.treeOf(this.#theirs);
    const newest = new Newest(this.#line, this.#bases, this.#ours, this.#theirs);
    const judge = judgeOf(this.#core, this.#writers, this.#how.judgement, {
      trees: { ours, theirs },
      newer: (subject) => newest.of(subject),
    });
    const { side, edit, rows } = yield* mergeSteps({
      cache,
      ours,
      theirs,
      judge,
      ground: yield* this.#grounds.ground(this.#bases, this.#ours.address, this.#theirs.address),
      groundOf: (bucket) => this.#groundOf(bucket),
      hasMap: (bucket, side) => this.#isParent(bucket, side),
      mergeRules: threeRules,
    });
    const { conflicts, unused } = judge;
    if (conflicts.length > 0) return { conflicts, unused };
    this.#isJudged = judge.isJudged || this.#how.ordinary;
    this.#rows = rows;
    const treeEdit = new TreeEdit(cache, this.#writers.for);
    const from = (side === 'ours' ? ours : theirs).root;
    const rules = edit.rules ?? from.rules;
    const root = yield* treeEdit.rootSteps({ ...from, rules }, edit);
    const parents = [this.#ours, this.#theirs];
    const result = yield* this.#commit(this.#ours.commit.bucket, '', root, parents);
    return { result, made: [...this.#made, result], unused };
  }

  /** What a bucket within stands on, by its own history. */
  *#groundOf(bucket: string): Steps<Ground | undefined> {
    const { history } = this.#core;
    const ours = this.#find('ours', bucket)?.address;
    const theirs = this.#find('theirs', bucket)?.address;
    if (ours !== undefined && theirs !== undefined) {
      const bases = mergeBases(history, [ours], [theirs]);
      if (bases.length === 0 || this.#areKnown(bucket, bases)) return undefined;
      return yield* this.#grounds.ground(bases, ours, theirs);
    }
    const one = ours ?? theirs;
    if (one === undefined) return undefined;
    const gone = ours === undefined ? 'ours' : 'theirs';
    const bases = this.#headsBefore(bucket, gone).filter((base) => isAncestor(history, base, one));
    const best = bases.filter((base, i) => {
      return !bases.some((other, j) => {
        return sameAddress(base, other) ? j < i : isAncestor(history, base, other);
      });
    });
    return best.length === 0 ? undefined : yield* this.#grounds.ground(best, one, one);
  }

  /**
   * Whether the bases around a bucket have the very commits of it that it would stand on. Merged
   * into one they know more than those: what came into the bucket from outside, where one of them
   * had a plain entry yet.
   */
  #areKnown(bucket: string, bases: readonly Address[]): boolean {
    if (this.#before.length < 2) return false;
    const heads = this.#before.map(({ ours }) => ours.find('before', bucket)?.address);
    return bases.every((base) => heads.some((head) => head && sameAddress(head, base)));
  }

  #find(side: Side, bucket: string): LocalCommit | undefined {
    return this.#heads.find(side === 'ours' ? 'before' : 'after', bucket);
  }

  /** The commits of a bucket that a side has not any more in the bases, as far as they have it. */
  #headsBefore(bucket: string, gone: Side): Address[] {
    return this.#before.flatMap((base) => base[gone].findGone(bucket)?.address ?? []);
  }

  /** The heads of the buckets within a merged tree: the first parent's, but where they differ. */
  *#headsIn(
    root: CountedRoot | Root,
    parents: readonly LocalCommit[],
  ): Steps<HeadsRef | undefined> {
    const { buckets } = 'totals' in root ? root.totals : totalsOf(root);
    if (buckets === 0) return undefined;
    const before = parents[0] === undefined ? undefined : headsRefOf(parents[0]);
    const edits = new Map<string, Address | undefined>();
    for (const [digits, nested] of yield* this.#differing(root, parents)) {
      const head = nested === undefined ? undefined : (yield* this.#headFor(nested)).address;
      const there = headOf(this.#core.cache, before, unhex(digits) as Uint8Array);
      if (!sameOptional(there, head)) edits.set(digits, head);
      yield;
    }
    return writeHeads(this.#writers.for(root.address[0] as Commit['algorithm']), before, edits);
  }

  /**
   * The buckets directly within a merged tree that may have other heads than in its first parent,
   * by 32 hexadecimal digits; undefined for those that left it.
   */
  *#differing(
    root: RootRef,
    [first, second]: readonly LocalCommit[],
  ): Steps<Map<string, Nested | undefined>> {
    const { cache } = this.#core;
    const found = new Map<string, Nested | undefined>();
    const before = first === undefined ? undefined : this.#line.treeOf(first).top;
    const { top } = this.#core.tree(root.id, root.address);
    for (const { bucket, is } of bucketChanges(cache, before, top, false)) {
      yield;
      if (is !== undefined) found.set(bucket, nestedOf(is.part));
      else if (!found.has(bucket)) found.set(bucket, undefined);
    }
    if (first === undefined || second === undefined) return found;
    // One that is as in the first parent may have other commits in the second.
    for (const change of changedHeads(cache, headsRefOf(first), headsRefOf(second))) {
      yield;
      const { bucket, before: head } = change;
      if (head === undefined || found.has(hex(bucket))) continue;
      const { commit, rootBlock } = this.#line.commitAt(head);
      found.set(hex(bucket), { bucket, root: commit.root, rootBlock });
    }
    return found;
  }

  /** The commit of a bucket in the merged tree: one side's, or a merge of both. */
  *#headFor({ bucket, root, rootBlock }: Nested): Steps<LocalCommit> {
    const digits = hex(bucket);
    const ours = this.#find('ours', digits);
    const theirs = this.#find('theirs', digits);
    const parents = this.#latest(ours, theirs);
    const [only, other] = parents;
    if (only === undefined) {
      throw corrupt(`contents of bucket ${digits}`, 'a commit of the bucket', addressText(root));
    }
    if (other === undefined && sameAddress(only.commit.root, root)) return only;
    const tree = this.#core.tree(rootBlock, root);
    const made = yield* this.#commit(bucket, digits, tree.root, parents);
    this.#made.push(made);
    return made;
  }

  /** Whether the commit of a bucket in the merged tree comes after the one of a side. */
  #isParent(bucket: string, side: Side): boolean {
    const [ours, theirs] = SIDES.map((one) => this.#find(one, bucket));
    const own = side === 'ours' ? ours : theirs;
    return own !== undefined && this.#latest(ours, theirs).includes(own);
  }

  /** The commits of both sides, without one that comes before the other. */
  #latest(ours: LocalCommit | undefined, theirs: LocalCommit | undefined): LocalCommit[] {
    const { history } = this.#core;
    if (ours === undefined || theirs === undefined)
      return [ours ?? theirs].flatMap((one) => one ?? []);
    if (isAncestor(history, theirs.address, ours.address)) return [ours];
    if (isAncestor(history, ours.address, theirs.address)) return [theirs];
    return [ours, theirs];
  }

  /** A commit of a bucket in the merged tree. */
  *#commit(
    bucket: Uint8Array,
    digits: string,
    root: CountedRoot | Root,
    parents: readonly LocalCommit[],
  ): Steps<LocalCommit> {
    const heads = yield* this.#headsIn(root, parents);
    const rows = this.#rows.get(digits) ?? NO_ROWS;
    const sides = parents.map((parent) => {
      const isOurs = this.#isOurs(digits, parent);
      return { parent, rows: isOurs ? rows.ours : rows.theirs };
    });
    if (!this.#isJudged) sides.sort((a, b) => compareAddresses(a.parent.address, b.parent.address));
    const algorithm = root.address[0] as Commit['algorithm'];
    const commit: Commit = {
      algorithm,
      bucket,
      root: root.address,
      heads: heads?.address,
      parents: sides.map(({ parent }) => parent.address),
      maps: sides.map((side) => this.#writers.putMap(algorithm, side.rows)),
      mapsBefore: mapsBefore(sides.map(({ parent }) => parent)),
      ...this.#words(sides.map(({ parent }) => parent)),
    };
    const address = commitAddress(commit);
    return { address, commit, rootBlock: root.id, headsBlock: heads?.id };
  }

  #isOurs(digits: string, { address }: LocalCommit): boolean {
    const ours = digits === '' ? this.#ours : this.#find('ours', digits);
    return ours !== undefined && sameAddress(ours.address, address);
  }

  /** What a commit says of itself. A canonical one says only what follows from its parents. */
  #words(
    parents: readonly LocalCommit[],
  ): Pick<
    Commit,
    'stamp' | 'actor' | 'replica' | 'incarnation' | 'sequence' | 'timeMs' | 'message'
  > {
    const stamps = parents.map(({ commit }) => commit.stamp);
    const joined = stamps.reduce((a, b) => joinEvents(a, b));
    if (!this.#isJudged) {
      return {
        stamp: joined,
        actor: undefined,
        replica: NO_REPLICA,
        incarnation: 0,
        sequence: 0,
        timeMs: Math.max(...parents.map(({ commit }) => commit.timeMs)),
        message: 'merge',
      };
    }
    const { identity, sequences } = this.#core;
    const { words } = this.#how;
    return {
      stamp: this.#line.nextStamp(this.#line.tip().id, joined),
      actor: words.actor?.publicKey,
      replica: identity.replica,
      incarnation: identity.incarnation,
      sequence: sequences.take(),
      timeMs: this.#core.timeMs(),
      message: words.message,
    };
  }
}

function nestedOf({ bucket, root, id }: BucketPart): Nested {
  return { bucket: bucket.slice(), root, rootBlock: id };
}

export function threeRules(
  base: Uint8Array | undefined,
  ours: Uint8Array,
  theirs: Uint8Array,
): Uint8Array {
  const from = decodeRules(base ?? ours);
  return encodeRules(mergeRules(from, decodeRules(ours), decodeRules(theirs)));
}
