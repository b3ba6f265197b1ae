/**
 * Stamps: interval tree clocks (Almeida, Baquero, Fonte: Interval Tree Clocks, a logical clock for
 * dynamic systems, 2008). A stamp is a pair of an id, the share of the interval that only its
 * holder may count on, and an event tree, all that the holder knows of.
 *
 * Invariants: ids of living stamps are disjoint, and event trees are normal. While ids are
 * disjoint, `leq` is exactly inclusion of causal histories. Two copies of one id break that
 * silently: two that count one event each compare equal. So a fork's first half must be durable
 * before its second half leaves, and a retired stamp joins once only. Losing an id is safe; its
 * share is never counted on again, and the trees stay a little larger.
 *
 *       seed --fork--> ((1, 0), 0) --event--> ((1, 0), (0, 1, 0)) --\
 *                  \-> ((0, 1), 0) --event--> ((0, 1), (0, 0, 1)) --join--> (1, 1)
 */
import {
  type Event,
  equalEvents,
  fill,
  formatEvent,
  grow,
  joinEvents,
  leqEvents,
} from './event.js';
import { equalIds, formatId, type Id, split, stampError, sum } from './id.js';

export interface Stamp {
  readonly id: Id;
  readonly event: Event;
}

/** How one history relates to another. */
export type Causality = 'equal' | 'before' | 'after' | 'concurrent';

const SEED: Stamp = Object.freeze({ id: 1, event: 0 });

/** The first stamp: owns the whole interval and knows of no event. */
export function seed(): Stamp {
  return SEED;
}

/**
 * Two stamps of the same history that own disjoint halves of the id. Throws REGALIA_STAMP where the
 * id would be deeper than MAX_DEPTH.
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

/**
 * One more event. Throws REGALIA_STAMP for an anonymous stamp, and where a count would pass 2^53 -
 * 1.
 */
export function event(stamp: Stamp): Stamp {
  const { id } = stamp;
  if (id === 0) throw stampError('a stamp that owns a share', 'an anonymous stamp');
  const filled = fill(id, stamp.event);
  return { id, event: filled === stamp.event ? grow(id, stamp.event) : filled };
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
