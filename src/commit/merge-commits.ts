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
import { type Commit, commitAddress, mapsBefore } from '../log/commit.js';
import { type HeadsRef, headOf, writeHeads } from '../log/heads.js';
import type { Actor } from '../log/signature.js';
import type { Side, TreeConflict } from '../merge/conflict.js';
import { mergeSteps } from '../merge/merge-trees.js';
import type { SideRows } from '../merge/outcome.js';
import type { Answer } from '../merge/resolve.js';
import { type Ground, SIDES } from '../merge/site.js';
import { decodeRules, encodeRules, mergeRules } from '../streams/rule.js';
import { TreeEdit } from '../tree/apply.js';
import { type CountedRoot, type Root, totalsOf } from '../tree/root.js';
import type { Steps } from '../tree/steps.js';
import { Bases } from './bases.js';
import { directBuckets, type NestedBucket } from './buckets.js';
import type { Core } from './core.js';
import { HeadsWithin } from './heads-within.js';
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
  readonly #heads: { readonly ours: HeadsWithin; readonly theirs: HeadsWithin };
  /** The same of the bases. */
  readonly #before: readonly HeadsWithin[];
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
    this.#heads = { ours: new HeadsWithin(line, ours), theirs: new HeadsWithin(line, theirs) };
    this.#before = bases.map((base) => new HeadsWithin(line, line.commitAt(base)));
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
    const ours = this.#heads.ours.find(bucket)?.address;
    const theirs = this.#heads.theirs.find(bucket)?.address;
    if (ours !== undefined && theirs !== undefined) {
      const bases = mergeBases(history, [ours], [theirs]);
      return bases.length === 0 ? undefined : yield* this.#grounds.ground(bases, ours, theirs);
    }
    const one = ours ?? theirs;
    if (one === undefined) return undefined;
    const bases = this.#headsBefore(bucket).filter((base) => isAncestor(history, base, one));
    const best = bases.filter((base, i) => {
      return !bases.some((other, j) => {
        return sameAddress(base, other) ? j < i : isAncestor(history, base, other);
      });
    });
    return best.length === 0 ? undefined : yield* this.#grounds.ground(best, one, one);
  }

  /** The commits of a bucket in the bases, as far as they have it. */
  #headsBefore(bucket: string): Address[] {
    return this.#before.flatMap((base) => base.find(bucket)?.address ?? []);
  }

  /** The heads of the buckets within a merged tree. */
  *#headsIn(root: CountedRoot | Root, before: HeadsRef | undefined): Steps<HeadsRef | undefined> {
    const { buckets } = 'totals' in root ? root.totals : totalsOf(root);
    if (buckets === 0) return undefined;
    const edits = new Map<string, Address>();
    for (const nested of directBuckets(this.#core.tree(root.id, root.address))) {
      edits.set(hex(nested.bucket), (yield* this.#headFor(nested)).address);
      yield;
    }
    const writer = this.#writers.for(root.address[0] as Commit['algorithm']);
    // Heads of buckets that are gone go: the map is made anew, and equal parts of it are the same
    // blocks.
    return sameHeads(this.#core, before, edits) ? before : writeHeads(writer, undefined, edits);
  }

  /** The commit of a bucket in the merged tree: one side's, or a merge of both. */
  *#headFor({ bucket, root, rootBlock }: NestedBucket): Steps<LocalCommit> {
    const digits = hex(bucket);
    const ours = this.#heads.ours.find(digits);
    const theirs = this.#heads.theirs.find(digits);
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
    const [ours, theirs] = SIDES.map((one) => this.#heads[one].find(bucket));
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
    const before = parents[0] === undefined ? undefined : headsRefOf(parents[0]);
    const heads = yield* this.#headsIn(root, before);
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
    const ours = digits === '' ? this.#ours : this.#heads.ours.find(digits);
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

function sameHeads(
  core: Core,
  heads: HeadsRef | undefined,
  edits: ReadonlyMap<string, Address>,
): boolean {
  if (heads === undefined) return false;
  const tree = core.tree(heads.id, heads.address);
  if (totalsOf(tree.root).entries !== edits.size + 1) return false;
  for (const [digits, address] of edits) {
    const there = headOf(core.cache, heads, unhex(digits) as Uint8Array);
    if (there === undefined || !sameAddress(there, address)) return false;
  }
  return true;
}

export function threeRules(
  base: Uint8Array | undefined,
  ours: Uint8Array,
  theirs: Uint8Array,
): Uint8Array {
  const from = decodeRules(base ?? ours);
  return encodeRules(mergeRules(from, decodeRules(ours), decodeRules(theirs)));
}
