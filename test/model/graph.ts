/** The graph of commits, with the state of each as identities. */
import assert from 'node:assert/strict';
import type { Aliases } from './aliases.js';
import { tokensOf, type View } from './facts.js';

/** Identities that became one. */
export type United = readonly (readonly string[])[];

export interface Known {
  readonly commit: string;
  readonly parents: readonly string[];
  readonly view: View;
  /** All that led to it, itself too. */
  readonly ancestors: ReadonlySet<string>;
  /** What is in its streams, or was in those of an ancestor. */
  readonly seen: ReadonlySet<string>;
  /** What became one when it was made. */
  readonly united: United;
  /** What its transaction went through. */
  readonly drafts: readonly View[];
}

export class Graph {
  readonly #known = new Map<string, Known>();

  learn(
    commit: string,
    parents: readonly string[],
    view: View,
    { united = [], drafts = [] }: Partial<Pick<Known, 'united' | 'drafts'>> = {},
  ): Known {
    const above = parents.map((parent) => this.at(parent));
    const ancestors = new Set([commit, ...above.flatMap((one) => [...one.ancestors])]);
    const seen = new Set([...tokensOf(view.facts), ...above.flatMap((one) => [...one.seen])]);
    const known = { commit, parents, view, ancestors, seen, united, drafts };
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

  /** Commits in both sets that no other one there has seen, by address. */
  best(a: ReadonlySet<string>, b: ReadonlySet<string>): Known[] {
    const common = [...a].filter((one) => b.has(one)).map((one) => this.at(one));
    const best = common.filter(
      ({ commit }) => !common.some((one) => one.commit !== commit && one.ancestors.has(commit)),
    );
    return best.sort((x, y) => (x.commit < y.commit ? -1 : 1));
  }

  /** All states that led to one, those of transactions too, each after those before it. */
  *statesBefore(known: Known): Generator<{ view: View; seen: ReadonlySet<string> }> {
    const before = [...known.ancestors].map((one) => this.at(one));
    before.sort((a, b) => a.ancestors.size - b.ancestors.size);
    for (const { view, drafts, seen } of [...before, known]) {
      for (const one of [...drafts, view]) yield { view: one, seen };
    }
  }

  /** What became one on the way to any of these. */
  unitedIn(heads: readonly Known[]): United {
    const all = new Set(heads.flatMap(({ ancestors }) => [...ancestors]));
    return [...all].sort().flatMap((one) => this.at(one).united);
  }

  /** Whether a state said this of a slot, or one that led to it. */
  hasSaid(known: Known, slot: string, fact: unknown, aliases: Aliases): boolean {
    return [...known.ancestors].some((one) => {
      return aliases.facts(this.at(one).view.facts).get(slot) === fact;
    });
  }

  /** Identities of a state that were gone in between. */
  returned({ commit }: Known): string[] {
    const { view, ancestors } = this.at(commit);
    return [...view.keys.keys()].filter((id) => {
      return [...ancestors].some((one) => {
        const then = this.at(one);
        return !then.view.keys.has(id) && then.seen.has(id);
      });
    });
  }
}
