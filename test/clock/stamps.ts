/**
 * Stamps as the paper has them, pairs of an id and an event tree (Almeida, Baquero, Fonte: Interval
 * Tree Clocks, a logical clock for dynamic systems, 2008). The library keeps the two apart, ids
 * with branches and event trees in commits; tests run whole histories of pairs.
 *
 *       seed --fork--> ('0', 0) --event--> ('0', (0, 1, 0)) --\
 *                  \-> ('1', 0) --event--> ('1', (0, 0, 1)) --join--> ('1', 1)
 */
import {
  counted,
  type Event,
  equalEvents,
  formatEvent,
  joinEvents,
  leqEvents,
} from '../../src/clock/event.js';
import { type Id, WHOLE } from '../../src/clock/id.js';

export interface Stamp {
  readonly id: Id;
  readonly event: Event;
}

/** How one history relates to another. */
type Causality = 'equal' | 'before' | 'after' | 'concurrent';

/** The first stamp: owns the whole interval and knows of no event. */
export function seed(): Stamp {
  return { id: WHOLE, event: 0 };
}

/** Two stamps of the same history that own disjoint halves of the id. */
export function fork({ id, event }: Stamp): readonly [Stamp, Stamp] {
  return [
    { id: `${id}0`, event },
    { id: `${id}1`, event },
  ];
}

/** Both histories, on the first one's id. */
export function join(a: Stamp, b: Stamp): Stamp {
  return { id: a.id, event: joinEvents(a.event, b.event) };
}

/** One more event. */
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
  return a.id === b.id && equalEvents(a.event, b.event);
}

/** The id, and the paper's notation of the event tree. */
export function formatStamp(stamp: Stamp): string {
  return `${stamp.id} ${formatEvent(stamp.event)}`;
}

/** Whether no part of the interval belongs to both. */
export function disjoint(a: Id, b: Id): boolean {
  return !a.startsWith(b) && !b.startsWith(a);
}
