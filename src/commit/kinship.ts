/**
 * How two commits of a bucket are akin, and the buckets within them: through each of their best
 * common ancestors, and the maps from there on.
 *
 *     before  <-  base  ->  after       where one comes before the other, it is the base
 *
 * What history has forgotten is not asked: where it is cut off, nothing is known.
 */
import { BoundedMap } from '../ground/bounded-map.js';
import { hex } from '../ground/bytes.js';
import { isRegaliaError } from '../ground/errors.js';
import { mergeBases } from '../log/ancestry.js';
import { nearestMapped, sameOptional } from '../log/commit.js';
import { headOf } from '../log/heads.js';
import type { Kin, Kinship } from '../merge/pairs.js';
import type { Relations } from '../merge/relate.js';
import { relationsOf } from './bases.js';
import { headsRefOf, type Line, type LocalCommit } from './line.js';

/** Buckets within whose kinships are kept. */
const KEPT = 64;

/** A commit, wherever its blocks are. */
type Known = Pick<LocalCommit, 'address' | 'commit' | 'headsBlock'>;

export class CommitKin implements Kin {
  readonly whole: readonly Kinship[];
  readonly #line: Line;
  readonly #relations: Relations;
  readonly #before: Known;
  readonly #after: Known;
  readonly #buckets = new BoundedMap<string, readonly Kinship[]>(KEPT);

  constructor(line: Line, before: Known, after: Known) {
    this.#line = line;
    this.#relations = relationsOf(line);
    this.#before = before;
    this.#after = after;
    this.whole = orNothing(() => this.#between(before, after));
  }

  ofBucket(before: readonly Uint8Array[], after: readonly Uint8Array[]): readonly Kinship[] {
    const name = `${before.map(hex).join('/')} ${after.map(hex).join('/')}`;
    const known = this.#buckets.get(name);
    if (known !== undefined) return known;
    const found = orNothing(() => {
      const was = this.#within(this.#before, before);
      const is = this.#within(this.#after, after);
      return was === undefined || is === undefined ? [] : this.#between(was, is);
    });
    this.#buckets.set(name, found);
    return found;
  }

  #within(outer: Known, ids: readonly Uint8Array[]): Known | undefined {
    const { cache, history } = this.#line.core;
    let at = outer;
    for (const id of ids) {
      const address = headOf(cache, headsRefOf(at), id);
      if (address === undefined) return undefined;
      at = { address, commit: history.commit(address), headsBlock: undefined };
    }
    return at;
  }

  #between(before: Known, after: Known): readonly Kinship[] {
    if (areUnmoved(before, after)) return [];
    const bases = mergeBases(this.#line.core.history, [before.address], [after.address]);
    return bases.map((base) => ({
      base: this.#line.treeOf(this.#line.commitAt(base)),
      before: this.#relations.between(base, before.address),
      after: this.#relations.between(base, after.address),
    }));
  }
}

/** Whether no commit with maps lies between: both come after the same ones. */
function areUnmoved(before: Known, after: Known): boolean {
  const [a, b] = [before, after].map(({ address, commit }) => nearestMapped(address, commit));
  return sameOptional(a, b);
}

function orNothing(read: () => readonly Kinship[]): readonly Kinship[] {
  try {
    return read();
  } catch (error) {
    const isForgotten =
      isRegaliaError(error, 'REGALIA_HORIZON') || isRegaliaError(error, 'REGALIA_MISSING');
    if (isForgotten) return [];
    throw error;
  }
}
