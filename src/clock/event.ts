/**
 * Events: how many events each part of the interval [0, 1) has seen (Almeida, Baquero, Fonte:
 * Interval Tree Clocks, 2008, sections 4 and 5.2 to 5.3).
 *
 * An event tree is a count n (the same everywhere here), or a node (n, left, right): n more than
 * its halves say. Normal form: one half of a node has minimum 0, and the halves are not equal
 * counts; so equal histories have equal trees, and a tree's minimum is its base. No path sums to
 * more than 2^53 - 1, so all arithmetic is exact in doubles. Every node is built by `eventNode`,
 * which normalizes and refuses more than 1,024 levels: recursion is bounded.
 *
 *       (1, 2, (0, 1, 0))        |33333333|22221111|
 *
 * While ids are disjoint, `leqEvents` is exactly inclusion of causal histories. A replica counts on
 * its own id, and joins what it hears:
 *
 *     0 --fork--> (1, 0) counts (0, 1, 0) --\
 *            \-> (0, 1) counts (0, 0, 1) ---- join --> 1
 *
 * Subtrees are passed with a shift instead of being lifted, and what did not change is the same
 * object afterwards.
 */
import { badStamp } from '../ground/errors.js';
import { STAMP_COUNT_MAX, STAMP_DEPTH_MAX } from '../ground/limits.js';
import { type Id, WHOLE } from './id.js';

export interface EventNode {
  /** The minimum over this node's part of the interval, above what its ancestors say. */
  readonly base: number;
  readonly left: Event;
  readonly right: Event;
  /** The maximum, base included. */
  readonly max: number;
  /** Levels below this node, 1 or more. */
  readonly depth: number;
}

export type Event = number | EventNode;

/** The tree before the first event. */
export const NO_EVENT: Event = 0;

/** The least count anywhere in a normal tree. */
export function minEvent(event: Event): number {
  return typeof event === 'number' ? event : event.base;
}

/** The greatest count anywhere. */
export function maxEvent(event: Event): number {
  return typeof event === 'number' ? event : event.max;
}

export function eventDepth(event: Event): number {
  return typeof event === 'number' ? 0 : event.depth;
}

/** The tree with `shift` added everywhere: the paper's lift, or its sink if negative. */
export function lift(event: Event, shift: number): Event {
  if (shift === 0) return event;
  if (typeof event === 'number') return event + shift;
  const { base, left, right, max, depth } = event;
  return { base: base + shift, left, right, max: max + shift, depth };
}

function checkCount(count: number): number {
  if (count <= STAMP_COUNT_MAX) return count;
  throw badStamp('the stamp', 'a count below 2^53', 'a larger one');
}

/** The depth of a node over halves of the given depths. REGALIA_STAMP above the limit. */
function depthAbove(left: number, right: number): number {
  const depth = Math.max(left, right) + 1;
  if (depth > STAMP_DEPTH_MAX)
    throw badStamp('the stamp', `a tree of at most ${STAMP_DEPTH_MAX} levels`, `${depth}`);
  return depth;
}

/** The paper's norm of (base, left, right), of normal halves. REGALIA_STAMP above 2^53 - 1. */
export function eventNode(base: number, left: Event, right: Event): Event {
  const max = base + Math.max(maxEvent(left), maxEvent(right));
  checkCount(max);
  if (left === right && typeof left === 'number') return max;
  const depth = depthAbove(eventDepth(left), eventDepth(right));
  const low = Math.min(minEvent(left), minEvent(right));
  if (low === 0) return { base, left, right, max, depth };
  return { base: base + low, left: lift(left, -low), right: lift(right, -low), max, depth };
}

export function leqEvents(a: Event, b: Event): boolean {
  return leqShifted(a, 0, b, 0);
}

function leqShifted(a: Event, shiftA: number, b: Event, shiftB: number): boolean {
  const floorA = minEvent(a) + shiftA;
  const floorB = minEvent(b) + shiftB;
  const topA = maxEvent(a) + shiftA;
  if (topA <= floorB) return true;
  if (floorA > floorB || topA > maxEvent(b) + shiftB) return false;
  // A count has its floor as its top, so if either is a count the lines above have decided.
  if (typeof a === 'number' || typeof b === 'number') return false;
  if (a === b) return shiftA <= shiftB;
  return leqShifted(a.left, floorA, b.left, floorB) && leqShifted(a.right, floorA, b.right, floorB);
}

export function equalEvents(a: Event, b: Event): boolean {
  if (a === b) return true;
  if (typeof a === 'number' || typeof b === 'number') return false;
  return a.base === b.base && equalEvents(a.left, b.left) && equalEvents(a.right, b.right);
}

/**
 * The least tree at or above both, the pointwise maximum, without a new event: what a canonical
 * merge is stamped with. Returns `a` or `b` itself where it is above the other.
 */
export function joinEvents(a: Event, b: Event): Event {
  return joinShifted(a, 0, b, 0);
}

function joinShifted(a: Event, shiftA: number, b: Event, shiftB: number): Event {
  const floorA = minEvent(a) + shiftA;
  const floorB = minEvent(b) + shiftB;
  if (floorA >= maxEvent(b) + shiftB) return lift(a, shiftA);
  if (floorB >= maxEvent(a) + shiftA) return lift(b, shiftB);
  if (a === b) return lift(a, Math.max(shiftA, shiftB));
  // The maximum is nowhere below either floor, so the higher floor is a base under which nothing
  // has to sink.
  const base = Math.max(floorA, floorB);
  const [belowA, belowB] = [floorA - base, floorB - base];
  const left = joinShifted(leftHalf(a), belowA, leftHalf(b), belowB);
  const right = joinShifted(rightHalf(a), belowA, rightHalf(b), belowB);
  if (isNode(a, base, left, right)) return a;
  if (isNode(b, base, left, right)) return b;
  return eventNode(base, left, right);
}

function isNode(event: Event, base: number, left: Event, right: Event): boolean {
  if (typeof event === 'number') return false;
  return event.base === base && event.left === left && event.right === right;
}

/** A count n is (n, 0, 0). */
export function leftHalf(event: Event): Event {
  return typeof event === 'number' ? 0 : event.left;
}

export function rightHalf(event: Event): Event {
  return typeof event === 'number' ? 0 : event.right;
}

/**
 * One more event, counted on a share: the paper's event, of an id that is one part. What the share
 * has is raised to what its other half has everywhere, if that is more, since it makes the tree
 * smaller (fill); else by one (grow). REGALIA_STAMP above 2^53 - 1.
 */
export function counted(id: Id, event: Event): Event {
  return countedBelow(id, 0, event);
}

function countedBelow(id: Id, depth: number, event: Event): Event {
  if (depth === id.length) return typeof event === 'number' ? checkCount(event + 1) : event.max;
  const [left, right] = [leftHalf(event), rightHalf(event)];
  const isLeft = id[depth] === '0';
  const [own, other] = isLeft ? [left, right] : [right, left];
  const isFilled = depth + 1 === id.length && minEvent(other) > maxEvent(own);
  const raised = isFilled ? minEvent(other) : countedBelow(id, depth + 1, own);
  return eventNode(minEvent(event), isLeft ? raised : left, isLeft ? right : raised);
}

/** The least and the greatest count within a part. */
export function countsOn(event: Event, id: Id): { readonly least: number; readonly most: number } {
  let part = event;
  let above = 0;
  for (const half of id) {
    if (typeof part === 'number') break;
    above += part.base;
    part = half === '0' ? part.left : part.right;
  }
  return { least: above + minEvent(part), most: above + maxEvent(part) };
}

/** The largest parts with one count everywhere, but for those that have none, from the left. */
export function* countedParts(event: Event, part: Id = '', above = 0): Generator<Id, void> {
  if (typeof event === 'number') {
    if (above + event > 0) yield part;
    return;
  }
  yield* countedParts(event.left, `${part}0`, above + event.base);
  yield* countedParts(event.right, `${part}1`, above + event.base);
}

/** The smallest part outside of which two trees count the same; undefined where they are equal. */
export function changedPart(before: Event, after: Event): Id | undefined {
  return changedBelow(before, 0, after, 0);
}

function changedBelow(a: Event, shiftA: number, b: Event, shiftB: number): Id | undefined {
  if (a === b && shiftA === shiftB) return undefined;
  const floorA = minEvent(a) + shiftA;
  const floorB = minEvent(b) + shiftB;
  if (typeof a === 'number' && typeof b === 'number') return floorA === floorB ? undefined : WHOLE;
  const left = changedBelow(leftHalf(a), floorA, leftHalf(b), floorB);
  const right = changedBelow(rightHalf(a), floorA, rightHalf(b), floorB);
  if (left === undefined) return right === undefined ? undefined : `1${right}`;
  return right === undefined ? `0${left}` : WHOLE;
}

/** How many nodes with halves a tree has. */
export function eventNodes(event: Event): number {
  if (typeof event === 'number') return 0;
  return 1 + eventNodes(event.left) + eventNodes(event.right);
}

/** The paper's notation: `n` or `(n, left, right)`. */
export function formatEvent(event: Event): string {
  if (typeof event === 'number') return `${event}`;
  return `(${event.base}, ${formatEvent(event.left)}, ${formatEvent(event.right)})`;
}
