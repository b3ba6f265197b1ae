/**
 * Merging commits: trees three ways from the bases that history knows, and every bucket within by
 * its own.
 *
 * A merge that needs nobody's answer is canonical: parents sorted by address, the stamps joined
 * without a new event, the later time, no actor, no message of its own. So two replicas that merge
 * each other make the same commit, and exchange ends. Where a caller's policy or answer was needed,
 * the commit is an ordinary one, by the one who gave it.
 */

import { type Address, addressText, compareAddresses, sameAddress } from '../blocks/address.js';
import { joinEvents } from '../clock/event.js';
import { hex, unhex } from '../ground/bytes.js';
import { corrupt, unrelated } from '../ground/errors.js';
import { commitsSince, isAncestor, mergeBases } from '../log/ancestry.js';
import { type Commit, commitAddress } from '../log/commit.js';
import { type HeadsRef, headOf, writeHeads } from '../log/heads.js';
import { type Move, movesBetween } from '../log/moves.js';
import type { Actor } from '../log/signature.js';
import type { Answer, Conflict, Side } from '../merge/conflict.js';
import { mergeSteps } from '../merge/merge-trees.js';
import type { EntryPolicy, StreamPolicy } from '../merge/policy.js';
import type { BucketMerge, BucketResult } from '../merge/three-way.js';
import { decodeRules, encodeRules, mergeRules } from '../streams/rule.js';
import { TreeEdit } from '../tree/apply.js';
import { sameStreamAt, sameSubtree } from '../tree/equal.js';
import type { Names } from '../tree/key.js';
import type { Tree } from '../tree/lookup.js';
import { type CountedRoot, countedRoot, type RootRef, totalsOf } from '../tree/root.js';
import type { Steps } from '../tree/steps.js';
import { directBuckets } from './buckets.js';
import type { Core } from './core.js';
import { headsRefOf, type Line, type LocalCommit } from './line.js';
import type { Writers } from './writers.js';

/** How the caller resolves what the streams' rules leave open. */
export interface MergeJudgement {
  /** Instead of the streams' own policies. */
  readonly policy?: StreamPolicy | Readonly<Record<string, StreamPolicy>> | undefined;
  /** For entries that one side removed and the other changed. */
  readonly entryPolicy?: EntryPolicy | undefined;
  readonly answers?: readonly Answer[] | undefined;
}

/** What an ordinary merge commit says; a canonical one says nothing. */
export interface MergeWords {
  readonly message: string;
  readonly actor: Actor | undefined;
}

export type Merged =
  | { readonly result: LocalCommit; readonly made: readonly LocalCommit[] }
  | { readonly conflicts: readonly Conflict[] };

const NO_REPLICA = new Uint8Array(16);

export class CommitMerger {
  readonly #line: Line;
  readonly #core: Core;
  readonly #writers: Writers;
  /** Undefined for a canonical merge. */
  readonly #judged: { readonly how: MergeJudgement; readonly words: MergeWords } | undefined;

  constructor(
    line: Line,
    writers: Writers,
    judged: { readonly how: MergeJudgement; readonly words: MergeWords } | undefined,
  ) {
    this.#line = line;
    this.#core = line.core;
    this.#writers = writers;
    this.#judged = judged;
  }

  /** Merges two commits of one bucket. REGALIA_UNRELATED where they have no commit in common. */
  *merge(ours: LocalCommit, theirs: LocalCommit): Steps<Merged> {
    const { history } = this.#core;
    if (isAncestor(history, theirs.address, ours.address)) return { result: ours, made: [] };
    if (isAncestor(history, ours.address, theirs.address)) return { result: theirs, made: [] };
    const bases = mergeBases(history, ours.address, theirs.address);
    if (bases.length === 0) throw unrelated(addressText(ours.address), addressText(theirs.address));
    const sides = [ours, theirs, bases] as const;
    return yield* new Merge(this.#line, this.#writers, this.#judged, this, ...sides).run();
  }
}

/** One merge of two commits that neither comes before the other. */
class Merge {
  readonly #core: Core;
  readonly #line: Line;
  readonly #writers: Writers;
  readonly #judged: { readonly how: MergeJudgement; readonly words: MergeWords } | undefined;
  readonly #inner: CommitMerger;
  readonly #ours: LocalCommit;
  readonly #theirs: LocalCommit;
  readonly #bases: readonly Address[];
  /** Commits of buckets within, made by this merge or found to be the result, by id. */
  readonly #within = new Map<string, LocalCommit>();
  readonly #made: LocalCommit[] = [];

  constructor(
    line: Line,
    writers: Writers,
    judged: { readonly how: MergeJudgement; readonly words: MergeWords } | undefined,
    inner: CommitMerger,
    ours: LocalCommit,
    theirs: LocalCommit,
    bases: readonly Address[],
  ) {
    this.#line = line;
    this.#core = line.core;
    this.#writers = writers;
    this.#judged = judged;
    this.#inner = inner;
    this.#ours = ours;
    this.#theirs = theirs;
    this.#bases = bases;
  }

  *run(): Steps<Merged> {
    const { cache } = this.#core;
    const ours = this.#line.treeOf(this.#ours);
    const theirs = this.#line.treeOf(this.#theirs);
    const commits = new Map<Tree, Address>();
    const bases = this.#bases.map((base) => {
      const tree = this.#core.treeOf(base);
      commits.set(tree, base);
      return tree;
    });
    const rules = this.#core.rules(ours.root.rules);
    const how = this.#judged?.how;
    const policyOf = (stream: string): StreamPolicy =>
      policyFor(how?.policy, stream) ?? rules.ruleOf(stream).merge;
    const {
      edit,
      conflicts,
      rules: merged,
    } = yield* mergeSteps({
      cache,
      writerFor: this.#writers.for,
      bases,
      basesOf: (seen, next) => ({ bases: this.#olderBases(commits, seen, next) }),
      ours,
      theirs,
      moves: { ours: this.#moves(this.#ours), theirs: this.#moves(this.#theirs) },
      firstMover:
        compareAddresses(this.#ours.address, this.#theirs.address) < 0 ? 'ours' : 'theirs',
      mergeBucket: (bucket) => this.#mergeBucket(bucket),
      mergeRules: threeRules,
      policyOf,
      entryPolicy: how?.entryPolicy,
      answers: how?.answers,
      newer: (names, stream) => this.#newer(names, stream),
    });
    if (conflicts.length > 0) return { conflicts };
    const treeEdit = new TreeEdit(cache, this.#writers.for);
    const root = yield* treeEdit.rootSteps({ ...ours.root, rules: merged }, edit);
    const result = yield* this.#commit(root);
    return { result, made: [...this.#made, result] };
  }

  #olderBases(commits: Map<Tree, Address>, seen: readonly Tree[], next: Tree): Tree[] {
    const [first] = seen;
    const a = first && commits.get(first);
    const b = commits.get(next);
    if (a === undefined || b === undefined) return [];
    return mergeBases(this.#core.history, a, b).map((base) => {
      const tree = this.#core.treeOf(base);
      commits.set(tree, base);
      return tree;
    });
  }

  /** The moves that one side made since the bases. */
  #moves({ address }: LocalCommit): Iterable<Move> {
    const { history, blocks } = this.#core;
    return movesBetween(history, blocks, this.#bases, address);
  }

  /**
   * Whose change of a stream or entry is the newer one: by causality, then by time, then by
   * address.
   */
  #newer(names: Names, stream: string | undefined): Side {
    const ours = this.#lastChange(this.#ours, names, stream);
    const theirs = this.#lastChange(this.#theirs, names, stream);
    if (isAncestor(this.#core.history, ours.address, theirs.address)) return 'theirs';
    if (isAncestor(this.#core.history, theirs.address, ours.address)) return 'ours';
    const order = ours.timeMs - theirs.timeMs || compareAddresses(ours.address, theirs.address);
    return order < 0 ? 'theirs' : 'ours';
  }

  #lastChange(
    side: LocalCommit,
    names: Names,
    stream: string | undefined,
  ): { address: Address; timeMs: number } {
    const { history } = this.#core;
    for (const { address, parents } of commitsSince(history, this.#bases, [side.address])) {
      const after = this.#core.treeOf(address);
      const changes = parents.every((parent) => {
        const before = this.#core.treeOf(parent);
        return stream === undefined
          ? !sameSubtree(before, after, names)
          : !sameStreamAt(before, after, names, stream);
      });
      if (changes) return { address, timeMs: history.commit(address).timeMs };
    }
    return { address: side.address, timeMs: side.commit.timeMs };
  }

  /** Merges a bucket within that both sides changed, by its own history. */
  *#mergeBucket({ bucket }: BucketMerge): Steps<BucketResult> {
    const ours = this.#headWithin(this.#ours, bucket);
    const theirs = this.#headWithin(this.#theirs, bucket);
    if (ours === undefined || theirs === undefined) return { conflicts: [] };
    const merged = yield* this.#inner.merge(ours, theirs);
    if ('conflicts' in merged) return merged;
    this.#made.push(...merged.made);
    this.#within.set(hex(bucket), merged.result);
    return { root: countedRoot(this.#line.treeOf(merged.result).root) };
  }

  #headWithin(outer: LocalCommit, bucket: Uint8Array): LocalCommit | undefined {
    const address = headOf(this.#core.cache, headsRefOf(outer), bucket);
    return address && this.#line.commitAt(address);
  }

  /** The heads of the buckets in the merged tree. */
  *#heads(root: CountedRoot): Steps<HeadsRef | undefined> {
    const old = headsRefOf(this.#ours);
    if (root.totals.buckets === 0) return undefined;
    const edits = new Map<string, Address | undefined>();
    for (const { bucket, root: contents } of directBuckets(
      this.#core.tree(root.id, root.address),
    )) {
      edits.set(hex(bucket), (yield* this.#headFor(bucket, contents)).address);
    }
    const writer = this.#writers.for(root.address[0] as Commit['algorithm']);
    // Heads of buckets that are gone go: the map is made anew, and equal parts of it are the same
    // blocks.
    return sameHeads(this.#core, old, edits) ? old : writeHeads(writer, undefined, edits);
  }

  /** The commit of a bucket in the merged tree: one side's, or the merge of both. */
  *#headFor(bucket: Uint8Array, contents: Address): Steps<LocalCommit> {
    const known = this.#within.get(hex(bucket));
    if (known !== undefined) return known;
    const ours = this.#headWithin(this.#ours, bucket);
    const theirs = this.#headWithin(this.#theirs, bucket);
    const both =
      ours !== undefined && theirs !== undefined
        ? yield* this.#inner.merge(ours, theirs)
        : undefined;
    if (both !== undefined && 'result' in both && sameAddress(both.result.commit.root, contents)) {
      this.#made.push(...both.made);
      this.#within.set(hex(bucket), both.result);
      return both.result;
    }
    const side = [ours, theirs].find((one) => one && sameAddress(one.commit.root, contents));
    if (side !== undefined) return side;
    const what = `contents of bucket ${hex(bucket)}`;
    throw corrupt(what, 'the root of a commit of the bucket', addressText(contents));
  }

  *#commit(root: CountedRoot): Steps<LocalCommit> {
    const heads = yield* this.#heads(root);
    const commit =
      this.#judged === undefined ? this.#canonical(root, heads) : this.#ordinary(root, heads);
    const address = commitAddress(commit);
    const headsBlock = heads?.id;
    return { address, commit, rootBlock: root.id, headsBlock, movesBlock: undefined };
  }

  #canonical(root: RootRef, heads: HeadsRef | undefined): Commit {
    const sides = [this.#ours, this.#theirs].sort((a, b) => compareAddresses(a.address, b.address));
    const [first, second] = sides as [LocalCommit, LocalCommit];
    return {
      algorithm: root.address[0] as Commit['algorithm'],
      bucket: this.#ours.commit.bucket,
      root: root.address,
      heads: heads?.address,
      moves: undefined,
      lastMoves: lastMovesOf(first),
      parents: [first.address, second.address],
      stamp: joinEvents(first.commit.stamp, second.commit.stamp),
      actor: undefined,
      replica: NO_REPLICA,
      incarnation: 0,
      sequence: 0,
      timeMs: Math.max(first.commit.timeMs, second.commit.timeMs),
      message: 'merge',
    };
  }

  #ordinary(root: RootRef, heads: HeadsRef | undefined): Commit {
    const { identity, settings, sequences } = this.#core;
    const joined = joinEvents(this.#ours.commit.stamp, this.#theirs.commit.stamp);
    return {
      algorithm: root.address[0] as Commit['algorithm'],
      bucket: this.#ours.commit.bucket,
      root: root.address,
      heads: heads?.address,
      moves: undefined,
      lastMoves: lastMovesOf(this.#ours),
      parents: [this.#ours.address, this.#theirs.address],
      stamp: this.#line.nextStamp(this.#line.tip().id, joined),
      actor: this.#judged?.words.actor?.publicKey,
      replica: identity.replica,
      incarnation: identity.incarnation,
      sequence: sequences.take(),
      timeMs: Math.max(0, Math.floor(settings.now())),
      message: this.#judged?.words.message ?? '',
    };
  }
}

function lastMovesOf({ address, commit }: LocalCommit): Address | undefined {
  return commit.moves === undefined ? commit.lastMoves : address;
}

function sameHeads(
  core: Core,
  heads: HeadsRef | undefined,
  edits: ReadonlyMap<string, Address | undefined>,
): boolean {
  if (heads === undefined) return false;
  const tree = core.tree(heads.id, heads.address);
  if (totalsOf(tree.root).entries !== edits.size + 1) return false;
  for (const [digits, address] of edits) {
    const there = headOf(core.cache, heads, unhex(digits) as Uint8Array);
    if (there === undefined || address === undefined || !sameAddress(there, address)) return false;
  }
  return true;
}

function policyFor(policy: MergeJudgement['policy'], stream: string): StreamPolicy | undefined {
  return typeof policy === 'object' ? policy[stream] : policy;
}

function threeRules(
  base: Uint8Array | undefined,
  ours: Uint8Array,
  theirs: Uint8Array,
): Uint8Array {
  const from = decodeRules(base ?? ours);
  return encodeRules(mergeRules(from, decodeRules(ours), decodeRules(theirs)));
}
