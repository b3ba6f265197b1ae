/**
 * The paper's definitions, letter by letter (Almeida, Baquero, Fonte: Interval Tree Clocks, 2008,
 * section 5): the slow twin of src/clock. Trees are tuples; every step lifts, sinks and normalizes
 * whole trees.
 */
import type { Event } from '../../src/clock/event.js';
import type { Id } from '../../src/clock/id.js';

export type PaperId = 0 | 1 | readonly [PaperId, PaperId];
export type PaperEvent = number | readonly [number, PaperEvent, PaperEvent];

export function paperId(id: Id): PaperId {
  if (id === '') return 1;
  const rest = paperId(id.slice(1));
  return id[0] === '0' ? [rest, 0] : [0, rest];
}

export function paperEvent(event: Event): PaperEvent {
  if (typeof event === 'number') return event;
  return [event.base, paperEvent(event.left), paperEvent(event.right)];
}

function lift(e: PaperEvent, m: number): PaperEvent {
  return typeof e === 'number' ? e + m : [e[0] + m, e[1], e[2]];
}

function min(e: PaperEvent): number {
  return typeof e === 'number' ? e : e[0] + Math.min(min(e[1]), min(e[2]));
}

function max(e: PaperEvent): number {
  return typeof e === 'number' ? e : e[0] + Math.max(max(e[1]), max(e[2]));
}

function norm(e: PaperEvent): PaperEvent {
  if (typeof e === 'number') return e;
  const [n, left, right] = e;
  if (typeof left === 'number' && left === right) return n + left;
  const m = Math.min(min(left), min(right));
  return [n + m, lift(left, -m), lift(right, -m)];
}

export function leq(a: PaperEvent, b: PaperEvent): boolean {
  if (typeof a === 'number') return a <= (typeof b === 'number' ? b : b[0]);
  const [n, left, right] = a;
  if (typeof b === 'number') return n <= b && leq(lift(left, n), b) && leq(lift(right, n), b);
  const [m, leftB, rightB] = b;
  if (n > m) return false;
  return leq(lift(left, n), lift(leftB, m)) && leq(lift(right, n), lift(rightB, m));
}

export function join(a: PaperEvent, b: PaperEvent): PaperEvent {
  if (typeof a === 'number' && typeof b === 'number') return Math.max(a, b);
  if (typeof a === 'number') return join([a, 0, 0], b);
  if (typeof b === 'number') return join(a, [b, 0, 0]);
  if (a[0] > b[0]) return join(b, a);
  const m = b[0] - a[0];
  return norm([a[0], join(a[1], lift(b[1], m)), join(a[2], lift(b[2], m))]);
}

export function fill(i: PaperId, e: PaperEvent): PaperEvent {
  if (i === 0) return e;
  if (i === 1) return max(e);
  if (typeof e === 'number') return e;
  const [n, left, right] = e;
  if (i[0] === 1) {
    const filled = fill(i[1], right);
    return norm([n, Math.max(max(left), min(filled)), filled]);
  }
  if (i[1] === 1) {
    const filled = fill(i[0], left);
    return norm([n, filled, Math.max(max(right), min(filled))]);
  }
  return norm([n, fill(i[0], left), fill(i[1], right)]);
}

const LARGE = 1_000_000;

export function grow(i: PaperId, e: PaperEvent): readonly [PaperEvent, number] {
  if (i === 1 && typeof e === 'number') return [e + 1, 0];
  if (typeof e === 'number') {
    const [grown, cost] = grow(i, [e, 0, 0]);
    return [grown, cost + LARGE];
  }
  if (typeof i === 'number') throw new Error('grow is not defined here');
  const [n, left, right] = e;
  const [growLeft, growRight] = [() => grow(i[0], left), () => grow(i[1], right)];
  const [onLeft, costLeft] = i[0] === 0 ? [left, Number.POSITIVE_INFINITY] : growLeft();
  const [onRight, costRight] = i[1] === 0 ? [right, Number.POSITIVE_INFINITY] : growRight();
  if (costLeft < costRight) return [[n, onLeft, right], costLeft + 1];
  return [[n, left, onRight], costRight + 1];
}

export function event(i: PaperId, e: PaperEvent): PaperEvent {
  const filled = fill(i, e);
  return JSON.stringify(filled) === JSON.stringify(e) ? grow(i, e)[0] : filled;
}
