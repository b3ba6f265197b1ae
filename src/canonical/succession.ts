/**
 * What a commit may say of what came before it, as far as one replica would have said it.
 *
 *     claimed     after one commit of the bucket, or two: a merge that somebody judged
 *     unclaimed   the merge that everybody makes: parents ascend, the later of their times, no more
 *                 words; within another bucket's merge it may have one parent
 */
import { type Address, addressText, compareAddresses } from '../blocks/address.js';
import { equalBytes, hex } from '../ground/bytes.js';
import { malformed, type RegaliaError } from '../ground/errors.js';
import { PARENTS_MERGED_MAX } from '../ground/limits.js';
import { agreesOnMaps, type Commit } from '../log/commit.js';

/** A commit that is known. */
export interface Predecessor {
  readonly address: Address;
  readonly commit: Commit;
}

/** Whether nobody claims to have made a commit: anybody can make it from its parents. */
export function isUnclaimed({ parents, actor, replica }: Commit): boolean {
  return parents.length > 0 && actor === undefined && replica.every((byte) => byte === 0);
}

/**
 * REGALIA_FORMAT unless a commit says of its parents what follows from them. `parents` are those
 * that are known, in their order.
 */
export function checkSuccession(commit: Commit, parents: readonly Predecessor[]): void {
  const { length } = commit.parents;
  if (length > PARENTS_MERGED_MAX) {
    throw refused(`at most ${PARENTS_MERGED_MAX} parents`, `${length}`);
  }
  for (const { address, commit: parent } of parents) {
    if (equalBytes(parent.bucket, commit.bucket)) continue;
    const whose = `${hex(parent.bucket)}, ${addressText(address)}`;
    throw refused(`parents of bucket ${hex(commit.bucket)}`, `one of ${whose}`);
  }
  if (isUnclaimed(commit)) checkUnclaimed(commit);
  // What a missing parent had is not known here.
  if (parents.length < length || !isUnclaimed(commit)) return;
  const timeMs = Math.max(...parents.map((parent) => parent.commit.timeMs));
  if (timeMs !== commit.timeMs) throw refused(`a merge at ${timeMs}`, `${commit.timeMs}`);
}

/** REGALIA_FORMAT unless a commit names the maps before it that follow from its parents. */
export function checkMapsBefore(commit: Commit, parents: readonly Predecessor[]): void {
  if (parents.length < commit.parents.length || agreesOnMaps(commit, parents)) return;
  throw refused('the nearest commits with maps, as the parents have them', 'others');
}

function checkUnclaimed({ parents, extras }: Commit): void {
  const ascending = parents.every(
    (parent, i) => i === 0 || compareAddresses(parents[i - 1] as Address, parent) < 0,
  );
  if (!ascending) throw refused('the parents of a merge in ascending order', 'another order');
  if (extras !== undefined) throw refused('a merge that says nothing more', 'extras');
}

function refused(expected: string, actual: string): RegaliaError<'REGALIA_FORMAT'> {
  return malformed('commit', 0, expected, actual);
}
