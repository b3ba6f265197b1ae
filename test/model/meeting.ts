/**
 * Two states that are to be combined, with the facts of their base: a virtual one where there are
 * several, each combined with the next from bases of their own.
 */
import { Aliases } from './aliases.js';
import { BUCKET, combine, type Facts, ownerOf } from './facts.js';
import type { Graph, Known, United } from './graph.js';
import { excusedIn, type Meeting } from './weak.js';

interface Folded {
  readonly facts: Facts;
  readonly united: United;
  /** Identities that are excused in a base of bases, and so in all that comes of it. */
  readonly excused: readonly string[];
}

const NOTHING: Folded = { facts: new Map(), united: [], excused: [] };

export class Meetings {
  readonly #graph: Graph;
  readonly #folded = new Map<string, Folded>();

  constructor(graph: Graph) {
    this.#graph = graph;
  }

  /** From the best common ancestors, if no other base is given. */
  of(ours: Known, theirs: Known, base?: Known): Meeting {
    const best = this.#graph.best(ours.ancestors, theirs.ancestors);
    const bases = base === undefined ? best : [base];
    return this.#meeting(bases, this.#fold(bases), ours, theirs);
  }

  #meeting(bases: readonly Known[], folded: Folded, ours: Known, theirs: Known): Meeting {
    const states = [folded.facts, ours.view.facts, theirs.view.facts];
    const known = this.#graph.unitedIn([ours, theirs, ...bases]);
    const united = [...madeBuckets(states), ...folded.united, ...known];
    const aliases = new Aliases(united, states);
    const named = (known: Known): Known => ({ ...known, view: aliases.view(known.view) });
    return {
      graph: this.#graph,
      aliases,
      bases: bases.map(named),
      base: aliases.facts(folded.facts),
      ours: named(ours),
      theirs: named(theirs),
      excused: folded.excused.map((id) => aliases.of(id)),
    };
  }

  #fold(bases: readonly Known[]): Folded {
    const [first, ...rest] = bases;
    if (first === undefined) return NOTHING;
    const name = bases.map(({ commit }) => commit).join(' ');
    const known = this.#folded.get(name);
    if (known !== undefined) return known;
    let folded: Folded = { ...NOTHING, facts: first.view.facts };
    let seen = first.ancestors;
    for (const next of rest) {
      const below = this.#graph.best(seen, next.ancestors);
      const view = { ...first.view, facts: folded.facts };
      folded = this.#join(below, folded, { ...first, view }, next);
      seen = new Set([...seen, ...next.ancestors]);
    }
    this.#folded.set(name, folded);
    return folded;
  }

  #join(bases: readonly Known[], folded: Folded, so: Known, next: Known): Folded {
    const meeting = this.#meeting(bases, this.#fold(bases), so, next);
    const { facts, twins } = combine(
      meeting.base,
      meeting.ours.view.facts,
      meeting.theirs.view.facts,
    );
    const excused = [...folded.excused, ...excusedIn(meeting).keys()];
    return { facts, united: [...folded.united, ...twins], excused };
  }
}

/** Entries of which one state has made a bucket, with that. */
function madeBuckets(states: readonly Facts[]): United {
  const made = new Map<string, string>();
  for (const facts of states) {
    for (const [slot, id] of facts) {
      if (!slot.startsWith(BUCKET) || !slot.endsWith('#id') || typeof id !== 'string') continue;
      if (states.some((other) => other.has(id)) && !made.has(id)) made.set(id, ownerOf(slot));
    }
  }
  return [...made].map(([id, bucket]) => [bucket, id]);
}
