/**
 * Scrubs the shares of the clock: none lies within another, all were given out, and branches and
 * shares name each other. Rows that cannot be read are reported with their table.
 */
import type { Engine, Reads } from '../engine/engine.js';
import { equalBytes } from '../ground/bytes.js';
import { type Branch, branch } from '../log/branches.js';
import {
  lesseeOf,
  type PoolPart,
  poolParts,
  shareKey,
  sharesFrom,
  sharesIn,
} from '../log/shares.js';
import { type Fault, orMessage, ROW_COST, rowFault, type Step } from './fault.js';

export function* scrubShares(engine: Engine): Generator<Step, void> {
  const parts = orMessage(() => [...poolParts(engine)]);
  if (typeof parts === 'string') return;
  for (const part of parts) {
    yield ROW_COST;
    const early = earlyShare(engine, part);
    if (early !== undefined) yield shareFault(early, 'was not given out by its pool');
  }
  let before: string | undefined;
  for (const id of sharesIn(engine, '')) {
    yield ROW_COST;
    if (parts.length === 0) yield shareFault(id, 'is of no pool');
    if (before !== undefined && id.startsWith(before)) yield shareFault(id, `is within ${before}`);
    else before = id;
    const lessee = orMessage(() => lesseeOf(engine, id));
    if (typeof lessee !== 'object') continue;
    const leased = orMessage(() => branch(engine, lessee.owner, lessee.branch));
    if (typeof leased === 'string' || leased?.id === id) continue;
    yield shareFault(id, `is leased to branch ${lessee.branch}, which has another or none`);
  }
}

/** A share that a part has not given out; it may have given out more since it was read. */
function earlyShare(engine: Engine, part: PoolPart): string | undefined {
  if ([...sharesFrom(engine, part)].length === 0) return undefined;
  const now = orMessage(() => [...poolParts(engine)].find((one) => one.part === part.part));
  const [early] = typeof now === 'object' ? sharesFrom(engine, now) : [];
  return early;
}

/** What is wrong with the share that a branch has, if anything is. */
export function leaseFault(
  reads: Reads,
  bucket: Uint8Array,
  name: string,
  { id }: Branch,
): Fault | undefined {
  const lessee = id === undefined ? undefined : lesseeOf(reads, id);
  const isOwn = lessee?.branch === name && equalBytes(lessee.owner, bucket);
  if (id === undefined || isOwn) return undefined;
  return shareFault(id, `is not leased to branch ${name}, which has it`);
}

function shareFault(id: string, what: string): Fault {
  return rowFault('row', `share ${id} ${what}`, 'meta', shareKey(id), false);
}
