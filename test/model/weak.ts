/**
 * What a merge by names can't know, or need not: the weak spots of the rules. What an excuse finds
 * is not compared with the model in full; that nothing is lost, doubled or undone is still checked.
 */
import { type Fact, type Facts, isPlace, ROOT, splitPlace, UNKNOWN } from './facts.js';
import type { Graph, Known } from './graph.js';

/** A merge to come, as the model sees it. */
export interface Meeting {
  readonly graph: Graph;
  readonly bases: readonly Known[];
  readonly base: Facts;
  readonly ours: Known;
  readonly theirs: Known;
}

/** Identities that an excuse is for. */
type Excuse = (meeting: Meeting) => Iterable<string>;

const EXCUSES: Readonly<Record<string, Excuse>> = {
  /** Removed, and another put under its name: that is an edit to who knows names alone. */
  recreated: ({ base, ours, theirs }) => {
    return [ours, theirs].flatMap(({ view }) => recreated(base, view.facts));
  },
  /** Removed and kept or brought back: nothing says that it is what was there. */
  returned: ({ graph, base, ours, theirs }) => {
    const ids = [...base.keys(), ...ours.view.facts.keys(), ...theirs.view.facts.keys()];
    return [...new Set(ids)].filter(
      (id) => isPlace(id) && (graph.hasReturned(ours, id) || graph.hasReturned(theirs, id)),
    );
  },
  /** Both changed what lies in a directory that only its children imply. */
  implied: ({ base, ours, theirs }) => {
    const inside = [base, ours.view.facts, theirs.view.facts].map(membersOfImplied);
    const [v, o, t] = inside as [Members, Members, Members];
    return [...new Set(inside.flatMap((members) => [...members.keys()]))].flatMap((directory) => {
      const [was, our, their] = [v, o, t].map((members) => members.get(directory) ?? new Map());
      if (sameMembers(was, our) || sameMembers(was, their) || was?.size === 0) return [];
      return [...(was?.keys() ?? []), ...(our?.keys() ?? []), ...(their?.keys() ?? [])];
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

/** Those that are gone, and those at their places. */
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
  return found;
}

/** Of each implied directory, what lies in it, with its place there. */
type Members = Map<string, Map<string, Fact>>;

function membersOfImplied(facts: Facts): Members {
  const members: Members = new Map();
  for (const [id, fact] of facts) {
    if (!isPlace(id) || fact === UNKNOWN) continue;
    const [parent, name] = splitPlace(fact);
    for (let end = name.indexOf('/', 1); end > 0; end = name.indexOf('/', end + 1)) {
      const directory = `${parent} ${name.slice(0, end)}`;
      members.set(directory, (members.get(directory) ?? new Map()).set(id, fact));
    }
  }
  return members;
}

function sameMembers(a: Map<string, Fact> = new Map(), b: Map<string, Fact> = new Map()): boolean {
  return a.size === b.size && [...a].every(([id, fact]) => b.get(id) === fact);
}
