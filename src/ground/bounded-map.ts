/**
 * A map that lets the oldest go once it is full: for what can be had again, at a cost.
 *
 * `get` leaves the order as it is, so the entry put first goes first: that costs a look-up and no
 * more, which is what hot paths want. `use` moves the entry to the end, so that the one used
 * longest ago goes first.
 */
export class BoundedMap<K, V> {
  readonly #entries = new Map<K, V>();
  readonly #most: number;
  readonly #onEvict: ((value: V, key: K) => void) | undefined;

  /** `most` entries at once, at least 1; `onEvict` is called once for each that leaves the map. */
  constructor(most: number, onEvict?: (value: V, key: K) => void) {
    this.#most = most;
    this.#onEvict = onEvict;
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
    if (this.#entries.size > this.#most) this.delete(this.#entries.keys().next().value as K);
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
}
