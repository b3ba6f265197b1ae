/**
 * Stamps as the paper has them, pairs of an id and an event tree (Almeida, Baquero, Fonte: Interval
 * Tree Clocks, a logical clock for dynamic systems, 2008). The library keeps the two apart, ids
 * with branches and event trees in commits; tests run whole histories of pairs.
 *
 *       seed --fork--> ((1, 0), 0) --event--> ((1, 0), (0, 1, 0)) --\
 *                  \-> ((0, 1), 0) --event--> ((0, 1), (0, 0, 1)) --join--> (1, 1)
 */
import {
  counted,
  type Event,
  equalEvents,
  formatEvent,
  joinEvents,
  leqEvents,
} from '../../src/clock/event.js';
import { type Id, split, sum } from '../../src/clock/id.js';

export interface Stamp {
  readonly id: Id;
  readonly event: Event;
}

/** How one history relates to another. */
type Causality = 'equal' | 'before' | 'after' | 'concurrent';

const SEED: Stamp = Object.freeze({ id: 1, event: 0 });

/** The first stamp: owns the whole interval and knows of no event. */
export function seed(): Stamp {
  return SEED;
}

/**
 * Two stamps of the same history that own disjoint halves of the id. Throws REGALIA_STAMP where the
 * id would be too deep.
 */
export function fork(stamp: Stamp): readonly [Stamp, Stamp] {
  const [first, second] = split(stamp.id);
  return [
    { id: first, event: stamp.event },
    { id: second, event: stamp.event },
  ];
}

/** Both histories and both ids in one. Throws REGALIA_STAMP if the ids overlap. */
export function join(a: Stamp, b: Stamp): Stamp {
  return { id: sum(a.id, b.id), event: joinEvents(a.event, b.event) };
}

/**
 * Gives a retired stamp's id and history to `heir`. The retired stamp must never be used or joined
 * again.
 */
export function retire(heir: Stamp, retired: Stamp): Stamp {
  return join(heir, retired);
}

/**
 * The history alone, with id 0: what a message carries. It compares and joins, and cannot count.
 */
export function peek(stamp: Stamp): Stamp {
  return { id: 0, event: stamp.event };
}

/** One more event. Throws REGALIA_STAMP for an anonymous stamp. */
export function event(stamp: Stamp): Stamp {
  return { id: stamp.id, event: counted(stamp.id, stamp.event) };
}

/** Whether `b` knows every event that `a` knows. */
export function leq(a: Stamp, b: Stamp): boolean {
  return leqEvents(a.event, b.event);
}

/**
 * How `a` relates to `b`: 'before' means that `b` knows all of `a`, and more. Ids do not matter.
 */
export function compare(a: Stamp, b: Stamp): Causality {
  const below = leqEvents(a.event, b.event);
  const above = leqEvents(b.event, a.event);
  if (below) return above ? 'equal' : 'before';
  return above ? 'after' : 'concurrent';
}

/** The same id and the same history. */
export function equalStamps(a: Stamp, b: Stamp): boolean {
  return equalIds(a.id, b.id) && equalEvents(a.event, b.event);
}

/** The paper's notation: `(id, event)`. */
export function formatStamp(stamp: Stamp): string {
  return `(${formatId(stamp.id)}, ${formatEvent(stamp.event)})`;
}

/** Whether no part of the interval belongs to both. */
export function disjoint(a: Id, b: Id): boolean {
  if (a === 0 || b === 0) return true;
  if (a === 1 || b === 1) return false;
  return disjoint(a.left, b.left) && disjoint(a.right, b.right);
}

export function equalIds(a: Id, b: Id): boolean {
  if (a === b) return true;
  if (typeof a === 'number' || typeof b === 'number') return false;
  return equalIds(a.left, b.left) && equalIds(a.right, b.right);
}

/** The paper's notation: `0`, `1` or `(left, right)`. */
export function formatId(id: Id): string {
  return typeof id === 'number' ? `${id}` : `(${formatId(id.left)}, ${formatId(id.right)})`;
}
