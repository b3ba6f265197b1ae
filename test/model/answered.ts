/**
 * Whether an answer does what it says. It is looked at where one conflict alone was asked about:
 * then nothing else can have had a hand in it.
 */
import type { Conflict, Take } from '../../src/index.js';
import { keyOf, type View } from './facts.js';
import { isRegion } from './vocabulary.js';
import { excusedIn, type Meeting } from './weak.js';

export function* answeredWrongly(
  meeting: Meeting,
  raw: View,
  conflict: Conflict,
  take: Take,
): Generator<string> {
  const id = subjectOf(meeting, conflict);
  if (id === undefined || take === 'both' || excusedIn(meeting).has(id)) return;
  const { aliases, base, ours, theirs } = meeting;
  const { facts } = aliases.view(raw);
  const side = { ours: ours.view.facts, theirs: theirs.view.facts, base }[take];
  const { stream, why } = conflict;
  if (stream !== undefined) {
    const slot = `${id}#${stream}`;
    if (facts.get(slot) !== side.get(slot)) yield `ignored: ${slot} is not as ${take} has it`;
  } else if (isRegion(conflict)) {
    if (side.has(id) && !facts.has(id)) yield `ignored: ${id} is gone, and ${take} has it`;
  } else if (why === 'one-name') {
    if (!facts.has(id)) yield `ignored: ${id} is gone, and was to get another name`;
  } else if (why !== 'cycle' && facts.get(id) !== side.get(id)) {
    if (keyOf(facts, id) !== keyOf(side, id)) yield `ignored: ${id} is not where ${take} has it`;
  }
}

/**
 * The identity that a conflict names: by its key in the base, or else where both meet. A name that
 * two came to may have been a third one's in the base.
 */
function subjectOf({ bases, ours, theirs }: Meeting, { key, why }: Conflict): string | undefined {
  const before = new Set(bases.flatMap(({ view }) => idsAt(view, key)));
  const now = new Set([ours, theirs].flatMap(({ view }) => idsAt(view, key)));
  const [id, second] = before.size > 0 && why !== 'one-name' ? before : now;
  return second === undefined ? id : undefined;
}

function idsAt({ keys }: View, key: string): string[] {
  return [...keys].flatMap(([id, at]) => (at.includes(key) ? [id] : []));
}
