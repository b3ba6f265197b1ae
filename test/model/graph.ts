/**
 * The graph of commits with the state of each, as identities: what lies between two of them, and
 * the facts of their base, a virtual one where there are several.
 */
import assert from 'node:assert/strict';
import { Aliases } from './aliases.js';
import { combine, type Facts, tokensOf, type View } from './facts.js';

export interface Known {
  readonly commit: string;
  readonly parents: readonly string[];
  readonly view: View;
  /** All that led to it, itself too. */
  readonly ancestors: ReadonlySet<string>;
  /** What is in its streams, or was in those of an ancestor. */
  readonly seen: ReadonlySet<string>;
  /** Identities that became one when it was made. */
  readonly united: readonly (readonly string[])[];
}

/** Two states to combine, and what they come from. */
export interface Meeting {
  readonly graph: Graph;
  readonly aliases: Aliases;
  readonly bases: readonly Known[];
  readonly base: Facts;
  readonly ours: Known;
  readonly theirs: Known;
}

interface Folded {
  readonly facts: Facts;
  readonly united: readonly (readonly string[])[];
}

export class Graph {
  readonly #known = new Map<string, Known>();
  readonly #folded = new Map<string, Folded>();

  learn(
    commit: string,
    parents: readonly string[],
    view: View,
    united: readonly (readonly string[])[] = [],
  ): Known {
    const above = parents.map((parent) => this.at(parent));
    const ancestors = new Set([commit, ...above.flatMap((one) => [...one.ancestors])]);
    const seen = new Set([...tokensOf(view.facts), ...above.flatMap((one) => [...one.seen])]);
    const known = { commit, parents, view, ancestors, seen, united };
    this.#known.set(commit, known);
    return known;
  }

  get(commit: string): Known | undefined {
    return this.#known.get(commit);
  }

  at(commit: string): Known {
    const known = this.#known.get(commit);
    assert.ok(known, 'a commit that was seen to be made');
    return known;
  }

  /** A merge, from the best common ancestors if no other base is given. */
  meeting(ours: Known, theirs: Known, base?: Known): Meeting {
    const bases = base === undefined ? this.#best(ours.ancestors, theirs.ancestors) : [base];
    const { facts, united } = this.#fold(bases);
    const states = [facts, ours.view.facts, theirs.view.facts];
    const groups = [...united, ...this.#unitedIn([ours, theirs, ...bases])];
    const aliases = new Aliases(groups, states);
    const named = (known: Known): Known => ({ ...known, view: aliases.view(known.view) });
    return {
      graph: this,
      aliases,
      bases: bases.map(named),
      base: aliases.facts(facts),
      ours: named(ours),
      theirs: named(theirs),
    };
  }

  #unitedIn(heads: readonly Known[]): (readonly string[])[] {
    const all = new Set(heads.flatMap(({ ancestors }) => [...ancestors]));
    return [...all].sort().flatMap((one) => this.at(one).united);
  }

  /** Common commits that no other common one has seen, by address. */
  #best(a: ReadonlySet<string>, b: ReadonlySet<string>): Known[] {
    const common = [...a].filter((one) => b.has(one)).map((one) => this.at(one));
    const best = common.filter(
      ({ commit }) => !common.some((one) => one.commit !== commit && one.ancestors.has(commit)),
    );
    return best.sort((x, y) => (x.commit < y.commit ? -1 : 1));
  }

  /** The facts of a base; of several, what they combine to over bases of their own. */
  #fold(bases: readonly Known[]): Folded {
    const [first, ...rest] = bases;
    if (first === undefined) return { facts: new Map(), united: [] };
    const name = bases.map(({ commit }) => commit).join(' ');
    const known = this.#folded.get(name);
    if (known !== undefined) return known;
    let folded: Folded = { facts: first.view.facts, united: [] };
    let seen = first.ancestors;
    for (const next of rest) {
      const below = this.#fold(this.#best(seen, next.ancestors));
      folded = this.#join(below, folded, next, bases);
      seen = new Set([...seen, ...next.ancestors]);
    }
    this.#folded.set(name, folded);
    return folded;
  }

  #join(below: Folded, folded: Folded, next: Known, bases: readonly Known[]): Folded {
    const states = [below.facts, folded.facts, next.view.facts];
    const groups = [...below.united, ...folded.united, ...this.#unitedIn(bases)];
    const aliases = new Aliases(groups, states);
    const [v, o, t] = states.map((facts) => aliases.facts(facts)) as [Facts, Facts, Facts];
    const { facts, twins } = combine(v, o, t);
    return { facts, united: [...below.united, ...folded.united, ...twins] };
  }

  /** Whether a state said this of a slot, or one that led to it. */
  hasSaid(known: Known, slot: string, fact: unknown, aliases: Aliases): boolean {
    return [...known.ancestors].some((one) => {
      return aliases.facts(this.at(one).view.facts).get(slot) === fact;
    });
  }

  /** Whether an identity is here that was gone in between. */
  hasReturned(known: Known, id: string): boolean {
    return [...known.ancestors].some((one) => {
      const then = this.at(one);
      return !then.view.facts.has(id) && this.#had(then, id);
    });
  }

  #had({ ancestors }: Known, id: string): boolean {
    return [...ancestors].some((one) => this.at(one).view.facts.has(id));
  }
}
