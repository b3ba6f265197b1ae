/**
 * How the trees of commits relate: the maps of all commits between, composed.
 *
 * Only commits that have maps, and merges of lines whose maps differ, are visited: each commit
 * names the nearest of them before it. Paths that do not come from the base say nothing of it.
 */
import { type Address, addressKey, sameAddress } from '../blocks/address.js';
import type { Blocks } from '../blocks/blocks.js';
import { isAncestor, mergeBases } from '../log/ancestry.js';
import { type Commit, nearestMapped } from '../log/commit.js';
import type { History } from '../log/history.js';
import { type MapRow, rowsFrom } from '../log/maps.js';
import type { Steps } from '../tree/steps.js';
import { Relation } from './relation.js';
import { inverted, relationRows } from './rows.js';

/** A commit, or a merge of several that is only in memory: a virtual base. */
export type Point = Address | VirtualCommit;

export interface VirtualCommit {
  readonly parents: readonly { readonly point: Point; readonly rows: readonly MapRow[] }[];
}

function isVirtual(point: Point): point is VirtualCommit {
  return 'parents' in point;
}

/** What is known of a base at a commit. */
interface Arrival {
  /** Where the way began. */
  readonly from: Address | undefined;
  /** Whether that is the base, and not one of those that it was merged of. */
  readonly isBase: boolean;
  readonly start: Relation;
  readonly at: Address;
  readonly before: Relation;
  /** What that has become after it. */
  readonly relation: Relation;
}

/** What is asked of the trees of commits. */
export interface CommitTrees {
  /** The id of the bucket at a key, '' for a plain entry; undefined where nothing is. */
  markAt(commit: Address, key: string): string | undefined;
  /**
   * What moved within buckets that two commits have, by keys of the commits. `isLater` says that
   * the second comes after the first by commits of which none has maps: a bucket that only it has
   * was made of what the first has at its key.
   */
  movesWithin(before: Address, after: Address, isLater: boolean): Steps<readonly MapRow[]>;
}

export class Relations {
  readonly #history: History;
  readonly #blocks: Blocks;
  readonly #trees: CommitTrees;

  constructor(history: History, blocks: Blocks, trees: CommitTrees) {
    this.#history = history;
    this.#blocks = blocks;
    this.#trees = trees;
  }

  /** Where the entries that a line ever had would be at its head. */
  *since(from: Address | undefined, to: Address): Steps<Relation> {
    return yield* this.#real(from, to, new Relation(), false);
  }

  /** Where the entries of one point are at another that comes after it. */
  *between(from: Point, to: Point): Steps<Relation> {
    const arrivals = yield* this.#all(from, to, []);
    const [first, second] = arrivals;
    if (first === undefined) return new Relation();
    return second === undefined ? first.relation : this.#together(arrivals);
  }

  /** What ways say together that meet. Where an entry was gone, one says nothing of it. */
  #together(arrivals: readonly Arrival[]): Relation {
    const all = new Set(arrivals.flatMap(({ relation }) => [...relation.bases()]));
    for (const { relation, ...before } of arrivals) {
      relation.drop([...all].filter((base) => !this.#had(before, base)));
    }
    return Relation.union(arrivals.map(({ relation }) => relation));
  }

  /** Whether an entry of the base was still there, and not another bucket, or none any more. */
  #had({ from, isBase, start, at, before }: Omit<Arrival, 'relation'>, base: string): boolean {
    const marks = start.imagesOf(base).map((key) => from && this.#trees.markAt(from, key));
    // What the base has not, and is followed in case that it comes back, did not go.
    if (isBase && marks.every((mark) => mark === undefined)) return true;
    return before.imagesOf(base).some((key) => {
      const mark = this.#trees.markAt(at, key);
      return mark !== undefined && marks.every((was) => !was || was === mark);
    });
  }

  /**
   * Where the entries of one commit are at another, whichever comes first: back to their best
   * common ancestors, and from there on.
   */
  *across(from: Address, to: Address): Steps<Relation> {
    if (isAncestor(this.#history, from, to)) return yield* this.between(from, to);
    const ways: Relation[] = [];
    for (const base of mergeBases(this.#history, [from], [to])) {
      const way = new Relation();
      way.apply(inverted(relationRows(yield* this.between(base, from))));
      way.apply(relationRows(yield* this.between(base, to)));
      ways.push(way);
    }
    return ways.length === 0 ? new Relation() : Relation.union(ways);
  }

  /** One relation for each way through virtual commits. `before` is what leads to `from`. */
  *#all(from: Point, to: Point, before: readonly (readonly MapRow[])[]): Steps<Arrival[]> {
    const found: Arrival[] = [];
    if (isVirtual(from)) {
      for (const { point, rows } of from.parents) {
        found.push(...(yield* this.#all(point, to, [...before, inverted(rows)])));
      }
    } else if (isVirtual(to)) {
      for (const { point, rows } of to.parents) {
        const arrivals = yield* this.#all(from, point, before);
        for (const { relation } of arrivals) relation.apply(rows);
        found.push(...arrivals);
      }
    } else if (isAncestor(this.#history, from, to)) {
      const start = new Relation();
      for (const rows of before) start.apply(rows);
      const origin = start.copy();
      const isBase = before.length === 0;
      const relation = yield* this.#real(from, to, start, isBase);
      found.push({ from, isBase, start: origin, at: from, before: origin, relation });
    }
    return found;
  }

  /** Goes from a commit up to one after it, by the commits between that have maps. */
  *#real(
    from: Address | undefined,
    to: Address,
    start: Relation,
    isBase: boolean,
  ): Steps<Relation> {
    const order = this.#mappedBetween(from, to);
    const origin = start.copy();
    const known = new Map<string, { relation: Relation; uses: number }>();
    for (const { parents } of order) {
      for (const { nearest } of parents) {
        const way = known.get(keyOf(nearest));
        if (way !== undefined) way.uses++;
        else known.set(keyOf(nearest), { relation: start, uses: 1 });
      }
    }
    let last = start;
    for (const { address, parents, isMerge } of order) {
      yield;
      const arrivals: Arrival[] = [];
      for (const { at, nearest, rows } of parents) {
        const way = known.get(keyOf(nearest)) as { relation: Relation; uses: number };
        const { relation } = way;
        // The last to use it goes on with it; the start is where ways from older commits begin.
        const isLast = --way.uses === 0 && relation !== start;
        const next = isLast ? relation : relation.copy();
        next.apply(yield* this.#within(relation === start ? from : nearest, at, true));
        const before = isMerge ? next.copy() : next;
        next.apply(together(rows, yield* this.#within(at, address, false)));
        arrivals.push({ from, isBase, start: origin, at, before, relation: next });
      }
      last = isMerge ? this.#together(arrivals) : (arrivals[0]?.relation ?? start);
      const way = known.get(keyOf(address));
      if (way !== undefined) way.relation = last;
    }
    last.apply(yield* this.#within(order.at(-1)?.address ?? from, to, true));
    return last;
  }

  *#within(
    before: Address | undefined,
    after: Address,
    isLater: boolean,
  ): Steps<readonly MapRow[]> {
    if (before === undefined || sameAddress(before, after)) return [];
    return yield* this.#trees.movesWithin(before, after, isLater);
  }

  /** The commits with maps that come after `from` and lead to `to`, each after those before it. */
  #mappedBetween(from: Address | undefined, to: Address): Mapped[] {
    const found = new Map<string, Mapped>();
    const order: Mapped[] = [];
    const first = nearestMapped(to, this.#history.commit(to));
    const stack = first === undefined ? [] : [{ address: first, entered: false }];
    for (let at = stack.pop(); at !== undefined; at = stack.pop()) {
      const key = addressKey(at.address);
      const mapped = found.get(key);
      if (at.entered && mapped !== undefined) {
        order.push(mapped);
        continue;
      }
      if (mapped !== undefined || !this.#isAfter(at.address, from)) continue;
      const one = this.#mapped(at.address, from);
      found.set(key, one);
      stack.push({ address: at.address, entered: true });
      for (const { nearest } of one.parents) {
        if (nearest !== undefined) stack.push({ address: nearest, entered: false });
      }
    }
    return order;
  }

  /** Maps of commits that were forgotten are forgotten with them. */
  #isAfter(address: Address, from: Address | undefined): boolean {
    if (this.#history.entry(address) === undefined) return false;
    if (from === undefined) return true;
    return !sameAddress(address, from) && isAncestor(this.#history, from, address);
  }

  #mapped(address: Address, from: Address | undefined): Mapped {
    const commit = this.#history.commit(address);
    const parents = commit.parents.flatMap((parent, i) => {
      const isAfter = from === undefined || isAncestor(this.#history, from, parent);
      if (!isAfter || this.#history.entry(parent) === undefined) return [];
      const nearest = nearestMapped(parent, this.#history.commit(parent));
      return [{ at: parent, nearest, rows: this.#rows(commit, i) }];
    });
    return { address, parents, isMerge: commit.parents.length > 1 };
  }

  /** The rows of a commit's map for one of its parents. */
  #rows(commit: Commit, parent: number): MapRow[] {
    return [
      ...rowsFrom(commit.maps[parent], (address) => {
        const { bytes, start, plainLength } = this.#blocks.read(undefined, address, 'map');
        return bytes.subarray(start, start + plainLength);
      }),
    ];
  }
}

/** What a commit moved, and what moved within buckets by it. What left one is of the former. */
function together(own: readonly MapRow[], within: readonly MapRow[]): readonly MapRow[] {
  if (within.length === 0) return own;
  const known = new Set(own.map(({ from }) => from));
  return [...own, ...within.filter(({ from }) => !known.has(from))];
}

function keyOf(address: Address | undefined): string {
  return address === undefined ? '' : addressKey(address);
}

interface Mapped {
  readonly address: Address;
  readonly isMerge: boolean;
  /** Those that come after the base, or are it. */
  readonly parents: readonly {
    readonly at: Address;
    readonly nearest: Address | undefined;
    readonly rows: readonly MapRow[];
  }[];
}
