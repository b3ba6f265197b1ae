/**
 * What a merge by names can't know, or need not: the weak spots of the rules. What an excuse finds
 * is not compared with the model in full; that nothing is lost, doubled or undone is still checked.
 */

import type { Aliases } from './aliases.js';
import {
  type Fact,
  type Facts,
  identityOf,
  impliedIn,
  isPlace,
  NAMELESS,
  splitPlace,
  UNKNOWN,
  type View,
} from './facts.js';
import type { Graph, Known } from './graph.js';
import { placeAt } from './truth.js';

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
  /** Both made a bucket of one entry, or at one key: each has what lay there on its side. */
  parted: ({ base, ours, theirs }) => {
    const [o, t] = [ours, theirs].map(({ view: { facts } }) => newBuckets(base, facts));
    return [...(o as Facts)].flatMap(([one, place]) => {
      return [...(t as Facts)].flatMap(([other, fact]) => {
        const [a, b] = [ours.view.facts.get(`${one}#id`), theirs.view.facts.get(`${other}#id`)];
        const isOne =
          place === fact || a === b || base.get(one) === fact || base.get(other) === place;
        return one !== other && isOne ? [one, other] : [];
      });
    });
  },
  /** Of which a bucket was made on one of the lines that bases were combined of, not on all. */
  made: ({ bases }) => {
    const all = bases.map(({ view: { facts } }) => facts);
    return all.flatMap((facts) => {
      return [...newBuckets(new Map(), facts).keys()].flatMap((id) => {
        const own = String(facts.get(`${id}#id`));
        const isPlain = all.some(
          (one) => one.has(own) || (one.has(id) && !one.has(`${id}#bucket`)),
        );
        return isPlain ? [id, own] : [];
      });
    });
  },
  /** A bucket that a side made a plain entry again: what others do in it goes with the bucket. */
  unmade: ({ base, ours, theirs }) => {
    return [ours, theirs].flatMap(({ view: { facts } }) => {
      const places = new Set([...impliedIn(facts), ...facts.values()]);
      const gone = [...newBuckets(new Map(), base)].filter(([id]) => !facts.has(id));
      return gone.flatMap(([id, place]) => (places.has(place) ? [id] : []));
    });
  },
  /** Removed and kept or brought back: nothing says that it is what was there. */
  returned: ({ graph, aliases, ours, theirs }) => {
    const ids = [ours, theirs].flatMap((side) => graph.returned(side));
    return ids.flatMap((id) => [id, aliases.of(id)]);
  },
  /** Removed, and another put under its name: that is an edit to who knows names alone. */
  recreated: (meeting) => {
    const { bases, ours, theirs } = meeting;
    const found = [ours, theirs].flatMap((side) => recreated(meeting, side));
    // Taken back, what was put under a name makes way for what had it before.
    const undone = bases.filter(({ commit }) => !theirs.ancestors.has(commit));
    const then = { ...meeting, bases: [theirs] };
    return [...found, ...undone.flatMap((one) => recreated(then, one))];
  },
  /**
   * Without the identity that it had: a directory that is implied, which follows what is in it,
   * where it was or moved.
   */
  unnamed: ({ base, ours, theirs }) => {
    return [ours, theirs].flatMap(({ view: { facts } }) => {
      const implied = impliedIn(facts);
      return [...base].flatMap(([id, fact]) => {
        const isPlain = isPlace(id) && !facts.has(id) && fact !== UNKNOWN;
        return isPlain && (implied.has(fact) || isImpliedNow(base, facts, id)) ? [id] : [];
      });
    });
  },
  /** So where bases were combined. */
  before: ({ excused }) => excused,
  /** Two that became one, on a line that one of these has not seen. */
  apart: ({ aliases }) => aliases.apart,
  /** An entry that lost its identity by an answer: it can't be followed here. */
  nameless: ({ base, ours, theirs }) => {
    const ids = [...base.keys(), ...ours.view.facts.keys(), ...theirs.view.facts.keys()];
    return ids.some((id) => id.startsWith(NAMELESS)) ? ids.filter(isPlace) : [];
  },
  /** Moved, or made a bucket, where the other has an implied directory: one with that, or not? */
  beside: ({ base, ours, theirs }) => {
    return [...beside(base, ours.view, theirs.view), ...beside(base, theirs.view, ours.view)];
  },
  /** The other way about: a directory that is implied, moved to where the other has a new entry. */
  against: ({ base, ours, theirs }) => {
    const [o, t] = [ours.view.facts, theirs.view.facts];
    return [...against(base, o, t), ...against(base, t, o)];
  },
  /** Given an identity, and moved by the other: see there. */
  late: ({ base, ours, theirs }) => {
    const [o, t] = [ours.view.facts, theirs.view.facts];
    return [...late(base, o, t), ...late(base, t, o)];
  },
  /**
   * Both changed what lies in a directory that only its children imply; in any base, since where
   * bases were combined it may be unknown what lay there.
   */
  implied: ({ base, bases, ours, theirs }) => {
    const all = bases.length > 1 ? [base, ...bases.map(({ view }) => view.facts)] : [base];
    return all.flatMap((one) => changedInImplied(one, ours.view.facts, theirs.view.facts));
  },
};

function changedInImplied(base: Facts, ours: Facts, theirs: Facts): string[] {
  return [...impliedIn(base)].flatMap((directory) => {
    const [was, our, their] = [base, ours, theirs].map((facts) => {
      return membersOf(facts, directory);
    }) as [Facts, Facts, Facts];
    if (sameFacts(was, our) || sameFacts(was, their)) return [];
    return [...was.keys(), ...our.keys(), ...their.keys()];
  });
}

/** Identities that are excused, with the name of the excuse; all that lies in them too. */
export function excusedIn(meeting: Meeting): Map<string, string> {
  const excused = new Map<string, string>();
  const { base, ours, theirs } = meeting;
  for (const [name, excuse] of Object.entries(EXCUSES)) {
    const before = excused.size;
    for (const id of excuse(meeting)) if (!excused.has(id)) excused.set(id, name);
    if (excused.size === before) continue;
    for (const facts of [base, ours.view.facts, theirs.view.facts]) spread(excused, facts);
  }
  return excused;
}

function spread(excused: Map<string, string>, facts: Facts): void {
  for (let before = -1; before < excused.size; ) {
    before = excused.size;
    for (const [id, fact] of facts) addInner(excused, id, fact);
  }
}

function addInner(excused: Map<string, string>, id: string, fact: Fact): void {
  if (!isPlace(id) || fact === UNKNOWN || excused.has(id)) return;
  const why = excused.get(splitPlace(fact)[0]);
  if (why !== undefined) excused.set(id, why);
}

/** Whether something that was in an entry is, by the same name, in a directory that is implied. */
function isImpliedNow(base: Facts, side: Facts, id: string): boolean {
  return [...base].some(([inner, was]) => {
    const is = side.get(inner);
    if (!isPlace(inner) || typeof was !== 'string' || typeof is !== 'string') return false;
    const [parent, name] = splitPlace(was);
    return parent === id && splitPlace(is)[1].endsWith(name) && splitPlace(is)[1] !== name;
  });
}

/** Those that are gone, and those that got a key of theirs: in it, where that is implied. */
function recreated({ graph, aliases, bases }: Meeting, side: Known): string[] {
  const had = new Map<string, Map<string, string>>();
  const found = new Set<string>();
  for (const { view, seen } of graph.statesBefore(side)) {
    const { facts, keys } = aliases.view(view);
    for (const [id, [key = '']] of keys) {
      const isNew = bases.every((base) => !base.view.keys.has(id));
      const places = isNew ? [key, String(view.facts.get(id))] : [];
      const names = [...places, ...impliedAround(facts.get(id), key)];
      const all = names.flatMap((one) => [...(had.get(one) ?? [])]);
      const gone = all.flatMap(([one, raw]) => (seen.has(raw) && !keys.has(one) ? [one] : []));
      if (gone.length > 0) for (const one of [id, ...gone]) found.add(one);
    }
    for (const [id, [key = '']] of view.keys) {
      for (const at of [key, String(view.facts.get(id))]) {
        had.set(at, (had.get(at) ?? new Map()).set(aliases.of(id), id));
      }
    }
  }
  return [...found];
}

/** The keys of directories around an entry that have no identity. */
export function impliedAround(fact: Fact | undefined, key: string): string[] {
  const names = typeof fact === 'string' ? splitPlace(fact)[1].split('/').slice(2) : [];
  return names.map((_, i) =>
    key
      .split('/')
      .slice(0, -1 - i)
      .join('/'),
  );
}

function newBuckets(base: Facts, facts: Facts): Facts {
  const isNew = (id: string): boolean => facts.has(`${id}#bucket`) && !base.has(`${id}#bucket`);
  return new Map([...facts].filter(([id]) => isPlace(id) && isNew(id)));
}

function beside(base: Facts, side: View, other: View): string[] {
  const fresh = newBuckets(base, side.facts);
  const implied = impliedIn(other.facts);
  return [...side.keys].flatMap(([id, [key = '']]) => {
    const fact = side.facts.get(id);
    const isMoved = base.has(id) && base.get(id) !== fact;
    const there = placeAt(other.top, key);
    const isImplied = there !== undefined && identityOf(there) === undefined;
    if (typeof fact !== 'string' || !(isMoved || fresh.has(id))) return [];
    if (!isImplied && !implied.has(fact)) return [];
    return [
      id,
      ...membersOf(other.facts, fact).keys(),
      ...[...other.keys].flatMap(([one, [at = '']]) => (isBelow(at, key) ? [one] : [])),
    ];
  });
}

function isBelow(key: string, above: string): boolean {
  return key.startsWith(`${above}/`);
}

/** Directories without identities that were moved to where the other put or moved something. */
function against(base: Facts, side: Facts, other: Facts): string[] {
  return [...impliedIn(side)].flatMap((directory) => {
    const members = [...membersOf(side, directory)];
    if (!members.some(([id, fact]) => base.has(id) && base.get(id) !== fact)) return [];
    const there = [...membersOf(other, directory)].filter(([id, fact]) => base.get(id) !== fact);
    return there.length === 0 ? [] : [...there, ...members].map(([id]) => id);
  });
}

/**
 * Identities that directories got which the base has without, where one side moved something in
 * them: they go where the directory goes.
 */
function late(base: Facts, side: Facts, other: Facts): string[] {
  const found: string[] = [];
  for (const [id, was] of base) {
    if (!isPlace(id) || was === UNKNOWN || !side.has(id)) continue;
    if (side.get(id) === was && other.get(id) === was) continue;
    const [, names] = splitPlace(was);
    let fact = side.get(id);
    for (const name of names.split('/').slice(2).reverse()) {
      if (typeof fact !== 'string' || !fact.endsWith(`/${name}`)) break;
      const [parent, rest] = splitPlace(fact);
      if (rest !== `/${name}`) {
        fact = `${parent} ${rest.slice(0, -1 - name.length)}`;
        continue;
      }
      if (base.has(parent)) break;
      found.push(id, parent);
      fact = side.get(parent);
    }
  }
  return found;
}

/** Whether an entry may have gone along with a directory without an identity that it is in. */
export function wentAlong(base: Facts, side: Facts, id: string): boolean {
  const [was, is] = [base.get(id), side.get(id)];
  if (typeof was !== 'string' || typeof is !== 'string') return false;
  const [, name] = splitPlace(was);
  const end = name.lastIndexOf('/');
  return end > 0 && is.endsWith(name.slice(end));
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
