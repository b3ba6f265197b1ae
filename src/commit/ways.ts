/**
 * The ways between two commits of a bucket, and of the buckets within: back to each of their best
 * common ancestors, and from there on.
 *
 *     before   <-  base  ->   after        where one comes before the other, that is the base
 *
 * What history has forgotten says nothing: where it is cut off, there is no way.
 */
import type { Address } from '../blocks/address.js';
import { isRegaliaError } from '../ground/errors.js';
import { mergeBases } from '../log/ancestry.js';
import { nearestMapped, sameOptional } from '../log/commit.js';
import { headOf } from '../log/heads.js';
import type { Way, Ways } from '../merge/pairs.js';
import { Relations } from '../merge/relate.js';
import { headsRefOf, type Line, type LocalCommit } from './line.js';

/** A commit, wherever its blocks are. */
type Known = Pick<LocalCommit, 'address' | 'commit' | 'headsBlock'>;

export class CommitWays implements Ways {
  readonly whole: readonly Way[];
  readonly #line: Line;
  readonly #relations: Relations;
  readonly #before: Known;
  readonly #after: Known;

  constructor(line: Line, before: Known, after: Known) {
    this.#line = line;
    this.#relations = new Relations(line.core.history, line.core.blocks);
    this.#before = before;
    this.#after = after;
    this.whole = this.#between(before, after);
  }

  ofBucket(before: readonly Uint8Array[], after: readonly Uint8Array[]): readonly Way[] {
    const was = this.#within(this.#before, before);
    const is = this.#within(this.#after, after);
    return was === undefined || is === undefined ? [] : this.#between(was, is);
  }

  #within(outer: Known, ids: readonly Uint8Array[]): Known | undefined {
    const { cache, history } = this.#line.core;
    let at: Known | undefined = outer;
    for (const id of ids) {
      const address = headOf(cache, headsRefOf(at), id);
      if (address === undefined) return undefined;
      at = { address, commit: history.commit(address), headsBlock: undefined };
    }
    return at;
  }

  #between(before: Known, after: Known): readonly Way[] {
    if (this.#isUnmoved(before, after)) return [];
    try {
      const bases = mergeBases(this.#line.core.history, [before.address], [after.address]);
      return bases.map((base) => this.#way(base, before.address, after.address));
    } catch (error) {
      const isForgotten =
        isRegaliaError(error, 'REGALIA_HORIZON') || isRegaliaError(error, 'REGALIA_MISSING');
      if (!isForgotten) throw error;
      return [];
    }
  }

  /** Whether no commit with maps lies on either way: both come after the same ones. */
  #isUnmoved(before: Known, after: Known): boolean {
    const [a, b] = [before, after].map(({ address, commit }) => nearestMapped(address, commit));
    return sameOptional(a, b);
  }

  #way(base: Address, before: Address, after: Address): Way {
    return {
      base: this.#line.treeOf(this.#line.commitAt(base)),
      before: this.#relations.between(base, before),
      after: this.#relations.between(base, after),
    };
  }
}
