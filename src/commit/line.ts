/**
 * A line: a branch of a bucket that has a head of its own. Branches of the root bucket have one,
 * and so have those that were forked within a nested bucket. What else goes on in a nested bucket
 * has none: its commits are named by the heads of the bucket around it, and belong to that one's
 * line. The word is ours, since 'branch' covers both. What is committed to it goes through its
 * lane.
 */
import { type Address, addressKey, sameAddress } from '../blocks/address.js';
import { counted, type Event } from '../clock/event.js';
import type { Id } from '../clock/id.js';
import type { Reads } from '../engine/engine.js';
import { equalBytes, hex } from '../ground/bytes.js';
import { noShare, notFound, type RegaliaError } from '../ground/errors.js';
import { BranchRow, isTracking } from '../log/branches.js';
import type { Commit } from '../log/commit.js';
import type { BlockIds } from '../log/entry.js';
import type { HeadsRef } from '../log/heads.js';
import type { Tree } from '../tree/lookup.js';
import type { Core } from './core.js';

/** A commit with its address and the local ids of what it names, published or about to be. */
export interface LocalCommit extends BlockIds {
  readonly address: Address;
  readonly commit: Commit;
}

/**
 * The head of a line: a commit, and the share of the clock on which the next one counts. A branch
 * has none before its first own commit (see shares.ts).
 */
export interface Tip extends LocalCommit {
  readonly id: Id | undefined;
}

/** The tip that a commit makes of a line. */
export function tipOf(local: LocalCommit, id: Id | undefined): Tip {
  const { address, commit, rootBlock, headsBlock } = local;
  return { address, commit, rootBlock, headsBlock, id };
}

export class Line {
  readonly core: Core;
  /** The bucket's id. */
  readonly owner: Uint8Array;
  readonly branch: string;
  /** The row with the head. */
  readonly row: BranchRow;
  /** Commits that were built and are on their way to disk, by address. */
  readonly #underway = new Map<string, LocalCommit>();
  /** The tip that the writes under way will make; undefined where the stored head counts. */
  #expected: Tip | undefined;
  /** The head as it was last read. */
  #stored: Tip | undefined;
  #writes = 0;
  /** Whether something was built on a commit that is still under way. */
  #isBuiltOn = false;
  readonly #waiting: (() => void)[] = [];

  /** The one line of a bucket's branch: all handles of a store share it. */
  static of(core: Core, owner: Uint8Array, branch: string): Line {
    let lines = linesOf.get(core);
    if (lines === undefined) {
      lines = new Map();
      linesOf.set(core, lines);
    }
    const name = `${hex(owner)}/${branch}`;
    const line = lines.get(name) ?? new Line(core, owner, branch);
    lines.set(name, line);
    return line;
  }

  private constructor(core: Core, owner: Uint8Array, branch: string) {
    this.core = core;
    this.owner = owner;
    this.branch = branch;
    this.row = new BranchRow(owner, branch);
  }

  /** The head as stored, for readers: what is not written yet is not seen. */
  stored(): Tip {
    this.core.engine.refresh();
    return this.storedIn(this.core.engine);
  }

  /** The same, as these reads have it. */
  storedIn(reads: Reads): Tip {
    const row = this.row.read(reads);
    if (row === undefined) throw noBranch(this.branch);
    const known = this.#stored;
    if (known !== undefined && sameAddress(known.address, row.head) && known.id === row.id) {
      return known;
    }
    this.#stored = tipOf(this.commitAt(row.head), row.id);
    return this.#stored;
  }

  /** The stored head was this one a moment ago: it need not be read again. */
  isAt(tip: Tip): void {
    this.#stored = tip;
  }

  /** The tip to build on. */
  tip(): Tip {
    // Reads begin anew with each turn: who is quicker within this one is met by the write.
    if (this.#expected === undefined) return this.storedIn(this.core.engine);
    this.#isBuiltOn = true;
    return this.#expected;
  }

  /** Whether blocks of a commit under way may be counted on, even if it is not published. */
  get isBuiltOn(): boolean {
    return this.#isBuiltOn;
  }

  /** A stamp with one more event, counted on a share of the clock. REGALIA_STAMP without one. */
  nextStamp(id: Id | undefined, stamp: Event): Event {
    if (id !== undefined) return counted(id, stamp);
    const advice = isTracking(this.branch)
      ? 'it follows a branch of another replica; fork it, and commit to the fork'
      : 'this store was given none, or none is left; `accept` what `grant` returns at a replica';
    throw noShare(`branch ${this.branch}`, advice);
  }

  /** A commit of this line or within it, on disk or on its way there. */
  commitAt(address: Address): LocalCommit {
    const underway = this.#underway.get(addressKey(address));
    if (underway !== undefined) return underway;
    const { history } = this.core;
    const commit = history.commit(address);
    const entry = history.entry(address);
    return {
      address,
      commit,
      rootBlock: entry?.rootBlock,
      headsBlock: entry?.headsBlock,
    };
  }

  treeOf({ rootBlock, commit }: LocalCommit): Tree {
    return this.core.tree(rootBlock, commit.root);
  }

  /** What was built: the tip to be, and commits on their way. */
  expect(tip: Tip, commits: readonly LocalCommit[]): void {
    this.#expected = tip;
    this.#writes++;
    for (const one of commits) this.#underway.set(addressKey(one.address), one);
  }

  /** Resolves when no write is under way. In the lane none begins meanwhile. */
  async quiet(): Promise<void> {
    while (this.#writes > 0) {
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve);
      });
    }
  }

  /** A write that `expect` announced has ended, and published its commits or not. */
  finished(commits: readonly LocalCommit[], published: boolean): void {
    this.#writes--;
    for (const resume of this.#waiting.splice(0)) resume();
    for (const one of commits) this.#underway.delete(addressKey(one.address));
    if (!published || this.#writes === 0) this.#expected = undefined;
    if (this.#writes === 0) this.#isBuiltOn = false;
  }

  is(owner: Uint8Array, branch: string): boolean {
    return this.branch === branch && equalBytes(this.owner, owner);
  }
}

const linesOf = new WeakMap<Core, Map<string, Line>>();

export function headsRefOf({
  commit,
  headsBlock,
}: Pick<LocalCommit, 'commit' | 'headsBlock'>): HeadsRef | undefined {
  const { heads } = commit;
  return heads === undefined ? undefined : { id: headsBlock, address: heads };
}

function noBranch(name: string): RegaliaError<'REGALIA_NOT_FOUND'> {
  return notFound('branch', name);
}
