/**
 * Which stamp a commit may have: exactly what one replica makes of the stamps of its parents.
 *
 *     a commit that counts       their join, and one event on one share
 *     one that nobody claims     their join
 *     the first of a bucket      one event, or none
 *
 * The share is not named. It need not be: the smallest part that differs from the join is the
 * share or lies within it, and one event on that part makes the same tree, whether it was raised by
 * one or filled up (clock/event.ts). So no stamp is further ahead than what was counted, or wider.
 *
 * A count rises by one commit at most from parent to child, as the height does: it is never above
 * the height. Of a commit whose parents are not here that is what can be checked. Heights that are
 * told end at 2^48, so that there is room to count on for ever.
 */
import {
  changedPart,
  counted,
  type Event,
  equalEvents,
  eventNodes,
  joinEvents,
  leqEvents,
  maxEvent,
  NO_EVENT,
} from '../clock/event.js';
import { badStamp, type RegaliaError } from '../ground/errors.js';
import type { Commit } from '../log/commit.js';
import { wrongStamp } from '../log/history.js';
import { isUnclaimed } from './succession.js';

/**
 * REGALIA_STAMP unless a commit has the stamp that its parents make. `parents` are those that are
 * known; `height` is that of the commit, where it is known.
 */
export function checkStampMade(
  commit: Commit,
  parents: readonly Commit[],
  height: number | undefined,
): void {
  const { stamp } = commit;
  const join = parents.map((parent) => parent.stamp).reduce(joinEvents, NO_EVENT);
  if (parents.length < commit.parents.length) {
    if (!leqEvents(join, stamp)) throw wrongStamp('at or above', join, stamp);
    if (maxEvent(stamp) > (height ?? 0)) throw tooHigh(height ?? 0, stamp);
    return;
  }
  if (isUnclaimed(commit)) {
    if (!equalEvents(join, stamp)) throw wrongStamp('equal to', join, stamp);
    return;
  }
  const part = changedPart(join, stamp);
  // Where history begins nothing was counted yet.
  if (part === undefined && parents.length === 0) return;
  if (part !== undefined && equalEvents(counted(part, join), stamp)) return;
  throw wrongStamp('one event on one share more than', join, stamp);
}

function tooHigh(height: number, stamp: Event): RegaliaError<'REGALIA_STAMP'> {
  return badStamp('a count of a stamp', `at most ${height}, its height`, `${maxEvent(stamp)}`);
}

/** What comparing a commit's stamp with those of its parents costs: their nodes. */
export function stampWork(parents: readonly Commit[]): number {
  return parents.reduce((sum, { stamp }) => sum + eventNodes(stamp), 0);
}
