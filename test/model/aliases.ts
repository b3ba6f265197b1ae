/**
 * Identities that became one: two new entries of one name, of which a merge kept one. From then on
 * they are one entry, of which `id` is a stream like others, and each goes by the name of the
 * first.
 */
import {
  type Fact,
  type Facts,
  isPlace,
  ownerOf,
  splitPlace,
  UNKNOWN,
  type View,
} from './facts.js';

export class Aliases {
  readonly #first = new Map<string, string>();
  /** Those that became one, and are two in one of the states. */
  readonly apart = new Set<string>();

  /** `states`: what is to be compared under these names. */
  constructor(groups: Iterable<readonly string[]>, states: readonly Facts[]) {
    for (const [first, ...rest] of groups) {
      for (const id of rest) {
        const [a, b] = [this.of(first as string), this.of(id)];
        if (a !== b) this.#first.set(b, a);
      }
    }
    for (const facts of states) this.#separate(facts);
  }

  #separate(facts: Facts): void {
    const seen = new Map<string, string>();
    for (const id of [...facts.keys()].filter(isPlace)) {
      const other = seen.get(this.of(id));
      if (other !== undefined) this.apart.add(id).add(other);
      seen.set(this.of(id), id);
    }
  }

  of(id: string): string {
    let at = id;
    for (let next = this.#first.get(at); next !== undefined; next = this.#first.get(at)) at = next;
    return at;
  }

  #nameOf(id: string): string {
    return this.apart.has(id) ? id : this.of(id);
  }

  facts(facts: Facts): Facts {
    if (this.#first.size === 0) return facts;
    return new Map([...facts].map(([slot, fact]) => [this.#slot(slot), this.#fact(slot, fact)]));
  }

  #slot(slot: string): string {
    const owner = ownerOf(slot);
    return this.#nameOf(owner) + slot.slice(owner.length);
  }

  #fact(slot: string, fact: Fact): Fact {
    if (!isPlace(slot) || fact === UNKNOWN) return fact;
    const [parent, name] = splitPlace(fact);
    return `${this.#nameOf(parent)} ${name}`;
  }

  view(view: View): View {
    if (this.#first.size === 0) return view;
    const keys = new Map<string, readonly string[]>();
    for (const [id, at] of view.keys) {
      const name = this.#nameOf(id);
      keys.set(name, [...(keys.get(name) ?? []), ...at]);
    }
    return { top: view.top, facts: this.facts(view.facts), keys };
  }
}
