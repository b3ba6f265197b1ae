/**
 * Keys in order, in chunks of at most 1,024: an insert is O(log n + 1,024) and a range O(log n +
 * keys) without any tree.
 */
import { inRange, type KeptKey, type KeptRange } from './kept-keys.js';

const CHUNK_KEYS_MAX = 1_024;

export class OrderedKeys {
  readonly #chunks: KeptKey[][] = [[]];

  add(key: KeptKey): void {
    const index = this.#chunkOf(key);
    const chunk = this.#chunks[index];
    chunk.splice(lowerBound(chunk, key), 0, key);
    if (chunk.length > CHUNK_KEYS_MAX) this.#split(index);
  }

  /** Ascending inserts fill chunks to the brim; others split in the middle. */
  #split(index: number): void {
    const chunk = this.#chunks[index];
    const last = index === this.#chunks.length - 1;
    this.#chunks.splice(index + 1, 0, chunk.splice(last ? CHUNK_KEYS_MAX : CHUNK_KEYS_MAX / 2));
  }

  remove(key: KeptKey): void {
    const index = this.#chunkOf(key);
    const chunk = this.#chunks[index];
    chunk.splice(lowerBound(chunk, key), 1);
    if (chunk.length === 0 && this.#chunks.length > 1) this.#chunks.splice(index, 1);
  }

  /** Up to `count` keys of the range, in its order. */
  list(range: KeptRange, count: number): KeptKey[] {
    const keys: KeptKey[] = [];
    const step = range.reverse ? -1 : 1;
    let [index, at] = this.#start(range);
    for (let chunk = this.#chunks[index]; chunk !== undefined && keys.length < count; ) {
      const key = chunk[at];
      if (key !== undefined && !inRange(key, range)) break;
      if (key !== undefined) {
        keys.push(key);
        at += step;
      } else {
        chunk = this.#chunks[(index += step)];
        at = range.reverse && chunk !== undefined ? chunk.length - 1 : 0;
      }
    }
    return keys;
  }

  /** Where the first key of the range is: the chunk, and the place in it. */
  #start({ reverse, lower, lowerOpen, upper, upperOpen }: KeptRange): [number, number] {
    const bound = reverse ? upper : lower;
    const end = this.#chunks.length - 1;
    if (bound === undefined) return reverse ? [end, this.#chunks[end].length - 1] : [0, 0];
    const index = this.#chunkOf(bound);
    const at = lowerBound(this.#chunks[index], bound);
    const isThere = this.#chunks[index][at] === bound;
    if (reverse) return [index, isThere && !upperOpen ? at : at - 1];
    return [index, isThere && lowerOpen ? at + 1 : at];
  }

  /** The last chunk whose first key is not above `key`. */
  #chunkOf(key: KeptKey): number {
    let low = 0;
    let high = this.#chunks.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (this.#chunks[middle][0] <= key) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}

/** The first index whose key is not below `key`. */
function lowerBound(keys: readonly KeptKey[], key: KeptKey): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (keys[middle] < key) low = middle + 1;
    else high = middle;
  }
  return low;
}
