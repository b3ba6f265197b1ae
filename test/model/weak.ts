/**
 * What a merge by names can't know, or need not: the weak spots of the rules. What an excuse finds
 * is not compared with the model in full; that nothing is lost, doubled or undone is still checked.
 */

import type { Aliases } from './aliases.js';
import { type Fact, type Facts, isPlace, NAMELESS, ROOT, splitPlace, UNKNOWN } from './facts.js';
import type { Graph, Known } from './graph.js';

/** Two states to combine, under the names that both know. */
export interface Meeting {
  readonly graph: Graph;
  readonly aliases: Aliases;
  readonly bases: readonly Known[];
  readonly base: Facts;
  readonly ours: Known;
  readonly theirs: Known;
  /** Identities that were excused where bases were combined. */
  readonly excused: readonly string[];
}

/** Identities that an excuse is for. */
type Excuse = (meeting: Meeting) => Iterable<string>;

const EXCUSES: Readonly<Record<string, Excuse>> = {
  /** Removed, and another put under its name: that is an edit to who knows names alone. */
  recreated: ({ base, ours, theirs }) => {
    return [ours, theirs].flatMap(({ view }) => recreated(base, view.facts));
  },
  /** Removed and kept or brought back: nothing says that it is what was there. */
  returned: ({ graph, aliases, ours, theirs }) => {
    const ids = [ours, theirs].flatMap((side) => graph.returned(side));
    return ids.flatMap((id) => [id, aliases.of(id)]);
  },
  /** The same, of bases that are combined. */
  before: ({ excused }) => excused,
  /** Two that became one, on a line that one of these has not seen. */
  apart: ({ aliases }) => aliases.apart,
  /** An entry that lost its identity by an answer: it can't be followed here. */
  nameless: ({ base, ours, theirs }) => {
    const ids = [...base.keys(), ...ours.view.facts.keys(), ...theirs.view.facts.keys()];
    return ids.some((id) => id.startsWith(NAMELESS)) ? ids.filter(isPlace) : [];
  },
  /** Moved to where the other has a directory that is implied: one with that, or beside it? */
  beside: ({ base, ours, theirs }) => {
    const [o, t] = [ours.view.facts, theirs.view.facts];
    return [...beside(base, o, t), ...beside(base, t, o)];
  },
  /** Both changed what lies in a directory that only its children imply. */
  implied: ({ base, ours, theirs }) => {
    return [...impliedIn(base)].flatMap((directory) => {
      const [was, our, their] = [base, ours.view.facts, theirs.view.facts].map((facts) => {
        return membersOf(facts, directory);
      }) as [Facts, Facts, Facts];
      if (sameFacts(was, our) || sameFacts(was, their)) return [];
      return [...was.keys(), ...our.keys(), ...their.keys()];
    });
  },
};

/** Identities that are excused, with the name of the excuse; all that lies in them too. */
export function excusedIn(meeting: Meeting): Map<string, string> {
  const excused = new Map<string, string>();
  for (const [name, excuse] of Object.entries(EXCUSES)) {
    for (const id of excuse(meeting)) if (!excused.has(id)) excused.set(id, name);
  }
  if (excused.size === 0) return excused;
  for (const facts of [meeting.base, meeting.ours.view.facts, meeting.theirs.view.facts]) {
    for (let before = -1; before < excused.size; ) {
      before = excused.size;
      for (const [id, fact] of facts) addInner(excused, id, fact);
    }
  }
  return excused;
}

function addInner(excused: Map<string, string>, id: string, fact: Fact): void {
  if (!isPlace(id) || fact === UNKNOWN || excused.has(id)) return;
  const why = excused.get(splitPlace(fact)[0]);
  if (why !== undefined) excused.set(id, why);
}

/** Those that are gone, and those at their places: in their places, where that is implied. */
function recreated(base: Facts, side: Facts): string[] {
  const found: string[] = [];
  const twins = new Map([[ROOT, ROOT]]);
  const gone = new Map<Fact, string>();
  for (const [id, fact] of base) if (isPlace(id) && !side.has(id)) gone.set(fact, id);
  // Parents come before their children.
  for (const [id, fact] of side) {
    if (!isPlace(id) || fact === UNKNOWN || base.has(id)) continue;
    const [parent, name] = splitPlace(fact);
    const twin = gone.get(`${twins.get(parent) ?? parent} ${name}`);
    if (twin === undefined) continue;
    twins.set(id, twin);
    found.push(id, twin);
  }
  for (const directory of impliedIn(side)) {
    const [parent, name] = splitPlace(directory);
    const twin = gone.get(`${twins.get(parent) ?? parent} ${name}`);
    if (twin !== undefined) found.push(twin, ...membersOf(side, directory).keys());
  }
  return found;
}

function beside(base: Facts, side: Facts, other: Facts): string[] {
  const implied = impliedIn(other);
  return [...side].flatMap(([id, fact]) => {
    if (!isPlace(id) || fact === UNKNOWN || !implied.has(fact)) return [];
    const isMoved = base.has(id) && base.get(id) !== fact;
    return isMoved ? [id, ...membersOf(other, fact).keys()] : [];
  });
}

/** Directories, by their places, that have no identity. */
function impliedIn(facts: Facts): Set<string> {
  const found = new Set<string>();
  for (const [id, fact] of facts) {
    if (!isPlace(id) || fact === UNKNOWN) continue;
    const [parent, name] = splitPlace(fact);
    for (let end = name.indexOf('/', 1); end > 0; end = name.indexOf('/', end + 1)) {
      found.add(`${parent} ${name.slice(0, end)}`);
    }
  }
  return found;
}

/** What lies in such a directory, with its place; or at its place, since it got an identity. */
function membersOf(facts: Facts, directory: string): Facts {
  const inside = [...facts].filter(
    ([id, fact]) => isPlace(id) && fact !== UNKNOWN && `${fact}/`.startsWith(`${directory}/`),
  );
  return new Map(inside);
}

function sameFacts(a: Facts, b: Facts): boolean {
  return a.size === b.size && [...a].every(([id, fact]) => b.get(id) === fact);
}
