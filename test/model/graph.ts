/**
 * The graph of commits with the state of each, as identities: what lies between two of them, and
 * the facts of their base, a virtual one where there are several.
 */
import assert from 'node:assert/strict';
import { combine, type Facts, type View } from './facts.js';

export interface Known {
  readonly commit: string;
  readonly parents: readonly string[];
  readonly view: View;
  /** All that it has seen, itself too. */
  readonly ancestors: ReadonlySet<string>;
}

export class Graph {
  readonly #known = new Map<string, Known>();
  readonly #folded = new Map<string, Facts>();

  learn(commit: string, parents: readonly string[], view: View): Known {
    const above = parents.flatMap((parent) => [...this.at(parent).ancestors]);
    const known = { commit, parents, view, ancestors: new Set([commit, ...above]) };
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

  bases(a: Known, b: Known): Known[] {
    return this.#best(a.ancestors, b.ancestors);
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
  fold(bases: readonly Known[]): Facts {
    const [first, ...rest] = bases;
    if (first === undefined) return new Map();
    const name = bases.map(({ commit }) => commit).join(' ');
    const known = this.#folded.get(name);
    if (known !== undefined) return known;
    let facts = first.view.facts;
    let seen = first.ancestors;
    for (const next of rest) {
      const below = this.fold(this.#best(seen, next.ancestors));
      facts = combine(below, facts, next.view.facts).facts;
      seen = new Set([...seen, ...next.ancestors]);
    }
    this.#folded.set(name, facts);
    return facts;
  }

  /** Whether a state had a fact, or one that led to it. */
  hasSeen(known: Known, slot: string, fact: unknown): boolean {
    return [...known.ancestors].some((one) => this.at(one).view.facts.get(slot) === fact);
  }

  /** Whether an identity is here that was gone in between. */
  hasReturned(known: Known, id: string): boolean {
    if (!known.view.facts.has(id)) return false;
    return [...known.ancestors].some((one) => {
      const then = this.at(one);
      return !then.view.facts.has(id) && this.#had(then, id);
    });
  }

  #had({ ancestors }: Known, id: string): boolean {
    return [...ancestors].some((one) => this.at(one).view.facts.has(id));
  }
}
