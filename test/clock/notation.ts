/**
 * Reads the paper's notation, so that tests can quote it: `(1, 2, (0, 1, 0))`. Trees are normalized
 * while they are read, as the paper's norm does. The inverse of `formatEvent` on normal forms.
 */
import { type Event, eventNode } from '../../src/clock/event.js';

type Nested = number | Nested[];

export function readEvent(text: string): Event {
  return toEvent(JSON.parse(text.replaceAll('(', '[').replaceAll(')', ']')) as Nested);
}

function toEvent(tree: Nested): Event {
  if (typeof tree === 'number') return tree;
  return eventNode(tree[0] as number, toEvent(tree[1] as Nested), toEvent(tree[2] as Nested));
}
