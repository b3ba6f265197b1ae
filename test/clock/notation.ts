/**
 * Reads the paper's notation, so that tests can quote it: `(1, (0, 1))`, `(1, 2, (0, 1, 0))`. Trees
 * are normalized while they are read, as the paper's norm does. The inverse of `formatId` and
 * `formatEvent` on normal forms.
 */
import { type Event, eventNode } from '../../src/clock/event.js';
import { type Id, idNode } from '../../src/clock/id.js';

type Nested = number | Nested[];

function nested(text: string): Nested {
  return JSON.parse(text.replaceAll('(', '[').replaceAll(')', ']')) as Nested;
}

export function readId(text: string): Id {
  return toId(nested(text));
}

export function readEvent(text: string): Event {
  return toEvent(nested(text));
}

function toId(tree: Nested): Id {
  if (typeof tree === 'number') return tree as 0 | 1;
  return idNode(toId(tree[0] as Nested), toId(tree[1] as Nested));
}

function toEvent(tree: Nested): Event {
  if (typeof tree === 'number') return tree;
  return eventNode(tree[0] as number, toEvent(tree[1] as Nested), toEvent(tree[2] as Nested));
}
