/**
 * Shares of lines: a branch leases one before its first own commit, and the write that moves its
 * head asks whether the commits may count on it (see log/shares.ts).
 *
 * The lease is a write of its own, without a flush: it comes before the write of the commit, so a
 * power cut that leaves the commit leaves the lease. A branch that leased a share and committed
 * nothing keeps it for its next try.
 */
import { type Address, addressKey, sameAddress } from '../blocks/address.js';
import { equalEvents, joinEvents, NO_EVENT } from '../clock/event.js';
import type { Batch } from '../engine/engine.js';
import { equalBytes } from '../ground/bytes.js';
import { isTracking } from '../log/branches.js';
import { type Counting, countOn, leaseShare } from '../log/shares.js';
import type { Line, LocalCommit, Tip } from './line.js';

/** Whether a share has to be leased before the next commit. */
export function needsShare(line: Line, { id }: Tip): boolean {
  return id === undefined && !isTracking(line.branch);
}

/** The tip with the share that the next commit counts on; without one where there is none. */
export async function withShare(line: Line, tip: Tip): Promise<Tip> {
  if (!needsShare(line, tip)) return tip;
  const { engine, history } = line.core;
  const id = await engine.write((batch) => {
    const row = line.row.read(batch);
    return row && leaseShare(batch, line, row, history.commit(row.head, batch).stamp);
  }, 'none');
  return { ...tip, id };
}

/**
 * Within the write that publishes commits of a line, built on this tip and its share: whether they
 * may count on it. If so, that they did is written; if not, the branch has another from now on.
 */
export function countCommits(
  batch: Batch,
  line: Line,
  base: Tip,
  commits: readonly LocalCommit[],
): boolean {
  const row = line.row.read(batch);
  if (row === undefined || row.id !== base.id) return false;
  let known: ReadonlyMap<string, LocalCommit> | undefined;
  const commitAt = (parent: Address): LocalCommit => {
    if (sameAddress(parent, base.address)) return base;
    known ??= new Map(commits.map((one) => [addressKey(one.address), one]));
    return known.get(addressKey(parent)) ?? line.commitAt(parent);
  };
  const countings = commits.map((one) => countingOf(one, commitAt));
  // A canonical merge joins stamps and counts nothing.
  const counted = countings.filter(({ from, to }) => !equalEvents(from, to));
  return countOn(batch, line, row, counted);
}

function countingOf(
  { commit }: LocalCommit,
  commitAt: (address: Address) => LocalCommit,
): Counting {
  const { bucket, stamp, parents } = commit;
  const stamps = parents.map((parent) => {
    const { commit: before } = commitAt(parent);
    return equalBytes(before.bucket, bucket) ? before.stamp : NO_EVENT;
  });
  return { bucket, from: stamps.reduce(joinEvents, NO_EVENT), to: stamp };
}
