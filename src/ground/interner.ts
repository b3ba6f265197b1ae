/**
 * One thing for each key, made when it is first asked for: what is decoded from the same bytes, or
 * asked for by the same name, again and again, is one object while it is kept.
 *
 * It is bounded, since keys may come from anybody: the oldest thing goes, and is made anew when it
 * is asked for again. So two things of one key need not be one object, and two objects need not be
 * different things. An interner belongs to what lives as long as its things are wanted, such as a
 * store, never to a module.
 */
import { BoundedMap } from './bounded-map.js';

export class Interner<K, V> {
  readonly #kept: BoundedMap<K, V>;
  readonly #make: (key: K) => V;

  /** Keeps `most` things; `make` makes one, or throws, and then nothing is kept. */
  constructor(most: number, make: (key: K) => V) {
    this.#kept = new BoundedMap(most);
    this.#make = make;
  }

  /** How many things are kept. */
  get size(): number {
    return this.#kept.size;
  }

  of(key: K): V {
    let thing = this.#kept.get(key);
    if (thing === undefined) {
      thing = this.#make(key);
      this.#kept.set(key, thing);
    }
    return thing;
  }
}
