/**
 * Event trees as differences: what a commit's stamp stores instead of a tree that is nearly its
 * first parent's.
 *
 * Both trees are read as counts over the interval, so that a part counts as unchanged whatever its
 * nodes' bases are. Questions, from the root into changed parts only: is it a node now? If so: have
 * both halves changed, or which one? If not: how much more (or less) than the maximum before?
 *
 * Any tree can be written as a difference from any other. Bijective for a given base, and limited,
 * as in encoding.ts: a tree has one difference, and other bytes are REGALIA_STAMP. An event counted
 * by one of 100 replicas takes 2 bytes, a merge of two of them and an event 5 to 14, depending on
 * how much was news (medians of 1,000 events).
 */
import { badStamp } from '../ground/errors.js';
import { STAMP_COUNT_MAX } from '../ground/limits.js';
import {
  DELTA_BOTH,
  DELTA_CHANGED,
  DELTA_FALL,
  DELTA_LESS,
  DELTA_MORE,
  DELTA_MORE_THAN_NODE,
  DELTA_NODE,
  DELTA_RIGHT,
  decoded,
  encoded,
  kindOf,
  readNumber,
  type TreeDecoder,
  type TreeEncoder,
  writeNumber,
} from './encoding.js';
import { type Event, eventNode, leftHalf, maxEvent, minEvent, rightHalf } from './event.js';

/** A part whose counts changed: a count now, or a node of which at least one half changed. */
type Change =
  | { readonly kind: 0; readonly rise: number }
  | { readonly kind: 1; readonly left: Change | undefined; readonly right: Change | undefined };

/**
 * The bytes from which `applyEventDelta(base, ...)` makes `next`. Throws REGALIA_STAMP where the
 * difference is above the limits of encodings.
 */
export function encodeEventDelta(base: Event, next: Event): Uint8Array {
  const change = changeBetween(base, 0, next, 0);
  return encoded((coder) => {
    coder.bit(DELTA_CHANGED, change === undefined ? 0 : 1);
    if (change !== undefined) writeChange(coder, change, base);
  });
}

/** Throws REGALIA_STAMP for bytes that are not the difference of any tree from `base`. */
export function applyEventDelta(base: Event, delta: Uint8Array): Event {
  return decoded(
    delta,
    (coder) => (coder.bit(DELTA_CHANGED) === 0 ? base : readChange(coder, base, 0, 0)),
    (next) => encodeEventDelta(base, next),
  );
}

/** One pass over what the trees do not share; undefined where they count the same. */
function changeBetween(
  before: Event,
  shiftBefore: number,
  now: Event,
  shiftNow: number,
): Change | undefined {
  if (before === now && shiftBefore === shiftNow) return undefined;
  if (typeof now === 'number') {
    const rise = now + shiftNow - (maxEvent(before) + shiftBefore);
    return rise === 0 && typeof before === 'number' ? undefined : { kind: 0, rise };
  }
  const [floorBefore, floorNow] = [minEvent(before) + shiftBefore, now.base + shiftNow];
  const left = changeBetween(leftHalf(before), floorBefore, now.left, floorNow);
  const right = changeBetween(rightHalf(before), floorBefore, now.right, floorNow);
  return left === undefined && right === undefined ? undefined : { kind: 1, left, right };
}

function writeChange(coder: TreeEncoder, change: Change, before: Event): void {
  const was = kindOf(before);
  coder.bit(DELTA_NODE + was, change.kind);
  if (change.kind === 0) {
    writeRise(coder, change.rise, was);
    return;
  }
  coder.nodes.spend();
  const { left, right } = change;
  const both = left !== undefined && right !== undefined;
  coder.bit(DELTA_BOTH + was, both ? 1 : 0);
  if (!both) coder.bit(DELTA_RIGHT, left === undefined ? 1 : 0);
  if (left !== undefined) writeChange(coder, left, leftHalf(before));
  if (right !== undefined) writeChange(coder, right, rightHalf(before));
}

/** A count that rose by 0 would not have changed; a node that becomes its maximum does. */
function writeRise(coder: TreeEncoder, rise: number, was: 0 | 1): void {
  coder.bit(DELTA_LESS + was, rise < 0 ? 1 : 0);
  if (rise < 0) writeNumber(coder, DELTA_FALL, -rise - 1);
  else if (was === 1) writeNumber(coder, DELTA_MORE_THAN_NODE, rise);
  else writeNumber(coder, DELTA_MORE, rise - 1);
}

/**
 * The changed part as it is now, less `shift`, which is what its ancestors counted before. So
 * halves that did not change are the base's own, and a changed half may be below 0 until
 * `eventNode` normalizes it.
 */
function readChange(coder: TreeDecoder, before: Event, shift: number, depth: number): Event {
  const was = kindOf(before);
  if (coder.bit(DELTA_NODE + was) === 0) return readCount(coder, maxEvent(before), shift, was);
  coder.nodes.spend(depth);
  const both = coder.bit(DELTA_BOTH + was) === 1;
  const onRight = !both && coder.bit(DELTA_RIGHT) === 1;
  const floor = minEvent(before) + shift;
  const half = (of: Event, changed: boolean): Event =>
    changed ? readChange(coder, of, floor, depth + 1) : of;
  const left = half(leftHalf(before), !onRight);
  const right = half(rightHalf(before), both || onRight);
  return eventNode(minEvent(before), left, right);
}

function readCount(coder: TreeDecoder, top: number, shift: number, was: 0 | 1): number {
  const count = top + readRise(coder, was);
  const whole = count + shift;
  if (whole < 0 || whole > STAMP_COUNT_MAX)
    throw badStamp('the stamp', 'a count of 0 to 2^53 - 1', `${whole}`);
  return count;
}

function readRise(coder: TreeDecoder, was: 0 | 1): number {
  if (coder.bit(DELTA_LESS + was) === 1) return -readNumber(coder, DELTA_FALL) - 1;
  if (was === 1) return readNumber(coder, DELTA_MORE_THAN_NODE);
  return readNumber(coder, DELTA_MORE) + 1;
}
