/**
 * The past of a branch as users have it. A nested bucket's is that of the branch that carries it:
 * the rows at which the bucket came to another commit, or came and went.
 */
import { type Address, addressText } from '../blocks/address.js';
import type { HeadStep } from '../commit/door.js';
import type { Batch } from '../engine/engine.js';
import { equalBytes } from '../ground/bytes.js';
import { badOption, notFound } from '../ground/errors.js';
import { type Cause, lastMove, type Move, moveOf, moves } from '../log/reflog.js';
import type { ReflogOptions } from './options.js';
import type { Scope } from './scope.js';

/** Where a branch came to be. */
export interface ReflogRow {
  /** Its place among those of the branch, from 0 on. */
  readonly position: number;
  /** When, by the clock of this machine: milliseconds since 1970. */
  readonly time: number;
  /** The address of the commit. */
  readonly commit: string;
  readonly cause: Cause;
  /** The branch that it was forked from. */
  readonly from?: string;
  /** The position that an undo went back to. */
  readonly to?: number;
}

/** The rows of the scope's branch, newest first unless `reverse`. Lazy. */
export function* reflogOf(
  scope: Scope,
  options: ReflogOptions,
): Generator<ReflogRow, void, undefined> {
  for (const move of movesOf(scope, options)) yield rowOf(move);
}

/** The same, with the commits of the scope's bucket. */
export function* movesOf(
  scope: Scope,
  { reverse = false, limit = Number.POSITIVE_INFINITY }: ReflogOptions,
): Generator<Move, void, undefined> {
  const { line } = scope;
  const rows = moves(scope.refreshed(), line.owner, line.branch, { reverse: !reverse });
  let left = limit;
  let before: { readonly move: Move; readonly commit: Address | undefined } | undefined;
  for (const move of rows) {
    if (left <= 0) return;
    const commit = scope.commitIn(move.commit);
    // Of two rows with one commit the older one counts: there it came to be.
    const newer = reverse ? { move, commit } : before;
    const older = reverse ? before : { move, commit };
    before = { move, commit };
    if (newer?.commit === undefined || isSame(newer.commit, older?.commit, scope)) continue;
    left--;
    yield { ...newer.move, commit: newer.commit };
  }
  if (reverse || left <= 0 || before?.commit === undefined) return;
  yield { ...before.move, commit: before.commit };
}

/** Whether nothing happened between two rows: a branch's own rows all count. */
function isSame(a: Address, b: Address | undefined, { isNested }: Scope): boolean {
  return isNested && b !== undefined && equalBytes(a, b);
}

function rowOf({ position, timeMs, cause, commit, from, to }: Move): ReflogRow {
  const row = { position, time: timeMs, commit: addressText(commit), cause };
  return { ...row, ...(from === undefined ? {} : { from }), ...(to === undefined ? {} : { to }) };
}

/**
 * Takes the branch back to where it was before it came to be where it is: one step, or one more
 * after an undo. REGALIA_NOT_FOUND where it was nowhere before, REGALIA_OPTION for a nested bucket.
 */
export async function undo(scope: Scope): Promise<ReflogRow> {
  const { core, line } = scope;
  core.checkWritable();
  if (scope.isNested) {
    throw badOption('undo', 'called on the bucket that has the branch', 'a bucket within it');
  }
  const { owner: bucket, branch: name } = line;
  let position: number | undefined;
  const back = (batch: Batch): readonly HeadStep[][] => {
    const last = lastMove(batch, bucket, name);
    const from = last?.cause === 'undo' ? (last.to ?? 0) : (last?.position ?? 0);
    if (last === undefined || from === 0) throw notFound('earlier state of branch', name);
    const { commit, cause } = moveOf(batch, bucket, name, from - 1);
    if (cause === 'delete') throw notFound('earlier state of branch', name);
    position = last.position + 1;
    return [[{ commit, cause: 'undo', timeMs: core.timeMs(), to: from - 1 }]];
  };
  await core.door.set([{ bucket, branch: name }], back, core.settings.durability);
  if (position === undefined) throw notFound('branch', name);
  core.moved(bucket, name);
  return rowOf(moveOf(scope.refreshed(), bucket, name, position));
}
