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
 * object afterwards: `fill(id, e) === e` says that nothing was filled.
 */
import { assert, badStamp } from '../ground/errors.js';
import { STAMP_COUNT_MAX, STAMP_DEPTH_MAX } from '../ground/limits.js';
import { depthAbove, type Id } from './id.js';

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

/** The paper's norm of (base, left, right), of normal halves. REGALIA_STAMP above 2^53 - 1. */
export function eventNode(base: number, left: Event, right: Event): Event {
  const max = base + Math.max(maxEvent(left), maxEvent(right));
  if (max > STAMP_COUNT_MAX) throw badStamp('the stamp', 'a count below 2^53', 'a larger one');
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

/** One more event, counted on `id`. REGALIA_STAMP where that owns nothing, or above 2^53 - 1. */
export function counted(id: Id, event: Event): Event {
  if (id === 0) throw badStamp('the stamp', 'an id that owns a share', 'one that owns nothing');
  const filled = fill(id, event);
  return filled === event ? grow(id, event) : filled;
}

/**
 * The paper's fill: raises what `id` owns, as far as that simplifies the tree and without passing
 * its maximum. Returns `event` itself if nothing can be filled.
 */
export function fill(id: Id, event: Event): Event {
  if (id === 0 || typeof event === 'number') return event;
  if (id === 1) return event.max;
  const { base, left, right } = event;
  if (id.left === 1) {
    const filled = fill(id.right, right);
    return refilled(event, base, Math.max(maxEvent(left), minEvent(filled)), filled);
  }
  if (id.right === 1) {
    const filled = fill(id.left, left);
    return refilled(event, base, filled, Math.max(maxEvent(right), minEvent(filled)));
  }
  return refilled(event, base, fill(id.left, left), fill(id.right, right));
}

function refilled(event: EventNode, base: number, left: Event, right: Event): Event {
  return left === event.left && right === event.right ? event : eventNode(base, left, right);
}

interface Growth {
  readonly event: Event;
  readonly cost: number;
}

/** The paper's N: a new level costs more than any path, so trees deepen only where they must. */
const NEW_LEVEL_COST = STAMP_DEPTH_MAX * 4;

/**
 * The paper's grow: counts one event where that enlarges the tree least, the right half on a tie.
 * REQUIRES: `id` owns something, and `fill(id, event) === event`. Then the result is normal without
 * normalizing: only a lone minimum could rise above its node's base, and fill would have raised
 * that one before.
 */
export function grow(id: Id, event: Event): Event {
  const grown = growth(id, event).event;
  if (maxEvent(grown) > STAMP_COUNT_MAX)
    throw badStamp('the stamp', 'a count below 2^53', 'a larger one');
  return grown;
}

function growth(id: Id, event: Event): Growth {
  if (typeof id === 'number') {
    assert(id === 1 && typeof event === 'number', 'grow needs a share, and fill before it');
    return { event: event + 1, cost: 0 };
  }
  const levelCost = typeof event === 'number' ? 1 + NEW_LEVEL_COST : 1;
  const left = id.left === 0 ? undefined : growth(id.left, leftHalf(event));
  const right = id.right === 0 ? undefined : growth(id.right, rightHalf(event));
  const leftCost = left?.cost ?? Number.POSITIVE_INFINITY;
  const rightCost = right?.cost ?? Number.POSITIVE_INFINITY;
  const base = minEvent(event);
  return leftCost < rightCost
    ? { event: grownNode(base, left?.event ?? 0, rightHalf(event)), cost: leftCost + levelCost }
    : { event: grownNode(base, leftHalf(event), right?.event ?? 0), cost: rightCost + levelCost };
}

function grownNode(base: number, left: Event, right: Event): EventNode {
  const depth = depthAbove(eventDepth(left), eventDepth(right));
  return { base, left, right, max: base + Math.max(maxEvent(left), maxEvent(right)), depth };
}

/** The paper's notation: `n` or `(n, left, right)`. */
export function formatEvent(event: Event): string {
  if (typeof event === 'number') return `${event}`;
  return `(${event.base}, ${formatEvent(event.left)}, ${formatEvent(event.right)})`;
}
