/**
 * A map that lets the oldest go once it is full: for what can be had again, at a cost.
 *
 * `get` leaves the order as it is, so the entry put first goes first: that costs a look-up and no
 * more, which is what hot paths want. `use` moves the entry to the end, so that the one used
 * longest ago goes first. Where an entry is worth more than its slot (an open file), `onEvict` is
 * told of each that goes, for whatever reason.
 */
export interface BoundedMapOptions<K, V> {
  /** Called once for each entry that leaves the map, however it leaves. */
  readonly onEvict?: (value: V, key: K) => void;
}

export class BoundedMap<K, V> {
  readonly #entries = new Map<K, V>();
  readonly #most: number;
  readonly #onEvict: ((value: V, key: K) => void) | undefined;

  /** `most` entries at once, at least 1. */
  constructor(most: number, options: BoundedMapOptions<K, V> = {}) {
    this.#most = most;
    this.#onEvict = options.onEvict;
  }

  get size(): number {
    return this.#entries.size;
  }

  has(key: K): boolean {
    return this.#entries.has(key);
  }

  get(key: K): V | undefined {
    return this.#entries.get(key);
  }

  /** The same, and the entry is now the one that goes last. */
  use(key: K): V | undefined {
    const value = this.#entries.get(key);
    if (value === undefined) return undefined;
    this.#entries.delete(key);
    this.#entries.set(key, value);
    return value;
  }

  set(key: K, value: V): void {
    const before = this.#entries.get(key);
    if (before === value) return;
    if (before !== undefined) this.delete(key);
    this.#entries.set(key, value);
    while (this.#entries.size > this.#most) {
      for (const oldest of this.#entries.keys()) {
        this.delete(oldest);
        break;
      }
    }
  }

  /** Whether there was one. */
  delete(key: K): boolean {
    const value = this.#entries.get(key);
    if (value === undefined) return false;
    this.#entries.delete(key);
    this.#onEvict?.(value, key);
    return true;
  }

  clear(): void {
    for (const key of [...this.#entries.keys()]) this.delete(key);
  }

  keys(): IterableIterator<K> {
    return this.#entries.keys();
  }

  values(): IterableIterator<V> {
    return this.#entries.values();
  }
}
