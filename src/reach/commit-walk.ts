/**
 * The blocks of commits, children first: a commit's tree with the roots of the buckets within, its
 * heads and its maps.
 *
 * `walkHeads`, `walkContents` and `walkMaps` give those of one commit.
 * `walkHistory` gives what a receiver lacks: commit after commit, parents first, the commits of
 * nested buckets before the commit whose heads name them, each without what its parents and the
 * haves have already. The cost is that of the differences; memory is the width of history, 33 bytes
 * for each commit, and a bounded map of the blocks that were reported last.
 */
import { type Address, addressKey, sameAddress } from '../blocks/address.js';
import { BlockKind } from '../ground/block-header.js';
import { BoundedMap } from '../ground/bounded-map.js';
import { hex } from '../ground/bytes.js';
import { attempt } from '../ground/errors.js';
import { commitsBetween } from '../log/ancestry.js';
import type { Commit } from '../log/commit.js';
import { type BlockIds, type LogEntry, missingCommit } from '../log/entry.js';
import { allHeads, type Head, headOf, readHead } from '../log/heads.js';
import type { History } from '../log/history.js';
import { decodeMap, isReplaced, rowsFrom } from '../log/maps.js';
import { keyText, parseKey } from '../tree/key.js';
import { type Spot, Tree } from '../tree/lookup.js';
import type { Node } from '../tree/node.js';
import { type WalkedBlock, type WalkedRoot, type WalkReads, walkRoot } from './tree-walk.js';

/** Blocks that are remembered once they were reported. */
const REPORTED_MAX = 65_536;
/** Haves that each commit is compared with, beside its parents. */
const BASE_HAVES_MAX = 4;
/** Moves that are followed to where entries came from. */
const FOLLOWED_MOVES_MAX = 8_192;

/** A commit with the ids of the blocks that it names. */
export interface CommitRef extends BlockIds {
  readonly commit: Commit;
}

interface CommitWalkOptions {
  /** Commits whose blocks are left out. */
  readonly bases?: readonly CommitRef[] | undefined;
  /** Whether contents outside metadata are visited; default true. */
  readonly contents?: boolean | undefined;
  readonly skip?: ((address: Address) => boolean) | undefined;
  /** Whether to leave out a nested bucket's root, for one that comes with a commit of its own. */
  readonly skipBucket?: ((bucket: Uint8Array, root: Address) => boolean) | undefined;
}

/** Whether a step of `walkHeads` is a block, and no head. */
export function isBlock(step: WalkedBlock | Head): step is WalkedBlock {
  return 'kind' in step;
}

/** The blocks of a commit's tree. */
export function walkContents(
  reads: WalkReads,
  { commit, rootBlock }: CommitRef,
  options: CommitWalkOptions,
): Generator<WalkedBlock, void, undefined> {
  const { bases = [], ...rest } = options;
  const old = bases.map((base) => ({ id: base.rootBlock, address: base.commit.root }));
  const movedFrom = followMoves(reads, commit, bases);
  return walkRoot(
    reads,
    { id: rootBlock, address: commit.root },
    { ...rest, bases: old, movedFrom },
  );
}

/** The blocks of a commit's heads, each behind the heads that it is the first to name. */
export function* walkHeads(
  reads: WalkReads,
  { commit, headsBlock }: CommitRef,
  options: CommitWalkOptions = {},
): Generator<WalkedBlock | Head, void, undefined> {
  if (commit.heads === undefined) return;
  const bases = (options.bases ?? []).flatMap((base) => {
    const { heads } = base.commit;
    return heads === undefined ? [] : [{ id: base.headsBlock, address: heads }];
  });
  const { skip } = options;
  let found: Head[] = [];
  const record = (node: Node, index: number): void => {
    if (node.nameLength(index) > 0) found.push(readHead(node, index));
  };
  const ref = { id: headsBlock, address: commit.heads };
  for (const block of walkRoot(reads, ref, { bases, skip, record })) {
    const heads = found;
    found = [];
    yield* heads;
    yield block;
  }
}

/** The chains of a commit's maps, each the last block first. */
export function* walkMaps(
  reads: WalkReads,
  { commit }: CommitRef,
  { skip }: CommitWalkOptions,
): Generator<WalkedBlock, void, undefined> {
  const kind = BlockKind.map;
  const names = (): [] => [];
  for (const map of commit.maps) {
    const chain: WalkedRoot[] = [];
    for (let next = map; next !== undefined; ) {
      if (skip?.(next) === true) break;
      chain.push({ id: undefined, address: next });
      next = decodeMap(readPlain(reads, next)).next;
    }
    for (const ref of chain.reverse()) yield { ...ref, kind, names };
  }
}

function readPlain(reads: WalkReads, address: Address): Uint8Array {
  const { bytes, start, plainLength } = reads.cache.blocks.read(undefined, address, 'map');
  return bytes.subarray(start, start + plainLength);
}

/** Where in the bases an entry came from, by the commit's maps. */
function followMoves(
  reads: WalkReads,
  commit: Commit,
  bases: readonly CommitRef[],
): ((names: readonly Uint8Array[]) => readonly Spot[]) | undefined {
  const maps = commit.maps.filter((map) => map !== undefined);
  if (maps.length === 0 || bases.length === 0) return undefined;
  const origins = new Map<string, string>();
  attempt(() => {
    for (const map of maps) {
      for (const { from, to } of rowsFrom(map, (address) => readPlain(reads, address))) {
        if (origins.size >= FOLLOWED_MOVES_MAX) return;
        if (to !== undefined && !isReplaced(from)) origins.set(to, from);
      }
    }
  });
  return (names) => {
    const from = origins.get(keyText(names));
    return from === undefined ? [] : bases.flatMap((base) => findIn(reads, base, parseKey(from)));
  };
}

function findIn(reads: WalkReads, base: CommitRef, names: readonly Uint8Array[]): Spot[] {
  const spot = attempt(() => {
    return Tree.load(reads.cache, base.rootBlock, base.commit.root).find(names);
  });
  return spot === undefined ? [] : [spot];
}

/** What a receiver lacks, in the order of a pack. */
export type HistoryStep =
  | { readonly block: WalkedBlock; readonly commit?: undefined }
  | {
      readonly block?: undefined;
      readonly commit: Commit;
      readonly entry: LogEntry;
      /** Whether parents may be missing at the receiver, by intent. */
      readonly cut: boolean;
    };

interface HistoryWalkOptions {
  readonly contents: boolean;
  /** Whether commits of nested buckets are followed. */
  readonly nested: boolean;
  /** Whether the wanted commits come alone, without what came before them. */
  readonly shallow: boolean;
}

interface HistoryReads extends WalkReads {
  readonly history: History;
}

/** All that `wants` reach and `haves` do not. Haves must be here. REGALIA_MISSING. */
export function walkHistory(
  reads: HistoryReads,
  wants: readonly Address[],
  haves: readonly Address[],
  options: HistoryWalkOptions,
): Generator<HistoryStep, void, undefined> {
  return new HistoryWalk(reads, options, haves).bucket(wants, haves);
}

class HistoryWalk {
  readonly #reads: HistoryReads;
  readonly #options: HistoryWalkOptions;
  readonly #reported = new BoundedMap<string, true>(REPORTED_MAX);
  /** The receiver's, of the bucket itself. */
  readonly #haves: readonly Address[];
  /** The commits of all buckets within those, by bucket. */
  #within: Map<string, Address[]> | undefined;

  constructor(reads: HistoryReads, options: HistoryWalkOptions, haves: readonly Address[]) {
    this.#reads = reads;
    this.#options = options;
    this.#haves = haves;
  }

  *bucket(
    wants: readonly Address[],
    haves: readonly Address[],
  ): Generator<HistoryStep, void, undefined> {
    for (const entry of this.#entries(wants, haves)) yield* this.#commit(entry, haves);
  }

  *#entries(wants: readonly Address[], haves: readonly Address[]): Generator<LogEntry> {
    const { history } = this.#reads;
    if (!this.#options.shallow) return yield* commitsBetween(history, haves, wants);
    for (const want of wants) {
      const entry = history.entry(want);
      if (entry === undefined) throw missingCommit(want);
      if (!haves.some((have) => sameAddress(have, want))) yield entry;
    }
  }

  *#commit(entry: LogEntry, haves: readonly Address[]): Generator<HistoryStep, void> {
    if (this.#wasReported(entry.address)) return;
    const { shallow, contents, nested } = this.#options;
    const ref = { ...entry, commit: this.#reads.history.commit(entry.address) };
    const known = [...(shallow ? [] : entry.parents), ...haves.slice(0, BASE_HAVES_MAX)];
    const bases = known.flatMap((address) => this.#refOf(address));
    const skip = (address: Address): boolean => this.#wasReported(address);
    let fresh = 0;
    for (const step of walkHeads(this.#reads, ref, { bases, skip })) {
      if (isBlock(step)) yield { block: step };
      else if (this.#isFresh(bases, step)) fresh++;
      else if (nested) yield* this.bucket([step.commit], this.#nestedHaves(bases, step.bucket));
    }
    const skipBucket = nested ? this.#nestedRoots(ref, bases) : undefined;
    const walk = walkContents(this.#reads, ref, { bases, skip, skipBucket, contents });
    for (const block of walk) yield { block };
    if (nested && fresh > 0) yield* this.#freshBuckets(ref, bases);
    for (const block of walkMaps(this.#reads, ref, { skip })) yield { block };
    const cut = entry.cut || (shallow && entry.parents.length > 0);
    yield { commit: ref.commit, entry, cut };
  }

  /**
   * Whether no base has a commit of the bucket: it is compared with what was at its key, then its
   * commits follow.
   */
  #isFresh(bases: readonly CommitRef[], { bucket }: Head): boolean {
    return bases.length > 0 && this.#nestedHaves(bases, bucket).length === 0;
  }

  /** The commits of fresh buckets. Most of what they name was reported with the tree. */
  *#freshBuckets(ref: CommitRef, bases: readonly CommitRef[]): Generator<HistoryStep, void> {
    for (const step of walkHeads(this.#reads, ref, { bases })) {
      if (isBlock(step) || !this.#isFresh(bases, step)) continue;
      yield* this.bucket([step.commit], this.#havesWithin(step.bucket));
    }
  }

  /** The commits of a bucket that the receiver has, wherever it is within what that has. */
  #havesWithin(bucket: Uint8Array): readonly Address[] {
    this.#within ??= this.#listWithin();
    return this.#within.get(hex(bucket)) ?? [];
  }

  #listWithin(): Map<string, Address[]> {
    const { cache, history } = this.#reads;
    const within = new Map<string, Address[]>();
    const seen = new Set<string>();
    const stack = [...this.#haves];
    for (let at = stack.pop(); at !== undefined; at = stack.pop()) {
      for (const { commit, headsBlock } of this.#refOf(at)) {
        const { heads } = commit;
        for (const head of heads === undefined
          ? []
          : allHeads(cache, { id: headsBlock, address: heads })) {
          if (seen.has(addressKey(head.commit)) || history.entry(head.commit) === undefined)
            continue;
          seen.add(addressKey(head.commit));
          const known = within.get(hex(head.bucket)) ?? [];
          within.set(hex(head.bucket), [...known, head.commit]);
          stack.push(head.commit);
        }
      }
    }
    return within;
  }

  /** Whether the block is known to have been reported; from now on it is. */
  #wasReported(address: Address): boolean {
    const key = addressKey(address);
    if (this.#reported.has(key)) return true;
    this.#reported.set(key, true);
    return false;
  }

  #refOf(address: Address): CommitRef[] {
    const entry = this.#reads.history.entry(address);
    return entry === undefined ? [] : [{ ...entry, commit: this.#reads.history.commit(address) }];
  }

  /** The commits of a nested bucket that the bases' heads name, and that are here. */
  #nestedHaves(bases: readonly CommitRef[], bucket: Uint8Array): Address[] {
    const found = new Map<string, Address>();
    for (const base of bases) {
      const head = this.#headOf(base, bucket);
      if (head === undefined || this.#reads.history.entry(head) === undefined) continue;
      found.set(addressKey(head), head);
    }
    return [...found.values()];
  }

  #headOf({ commit, headsBlock }: CommitRef, bucket: Uint8Array): Address | undefined {
    const { heads } = commit;
    if (heads === undefined) return undefined;
    return attempt(() => headOf(this.#reads.cache, { id: headsBlock, address: heads }, bucket));
  }

  /** Whether a nested bucket's root came with the commit that the heads name. */
  #nestedRoots(
    ref: CommitRef,
    bases: readonly CommitRef[],
  ): (bucket: Uint8Array, root: Address) => boolean {
    return (bucket, root) => {
      const head = this.#headOf(ref, bucket);
      if (head === undefined || this.#reads.history.entry(head) === undefined) return false;
      if (this.#isFresh(bases, { bucket, commit: head })) return false;
      return sameAddress(this.#reads.history.commit(head).root, root);
    };
  }
}
