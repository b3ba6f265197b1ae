/**
 * The workload that most benches share: files in directories, `/d0012/f000123`, a thousand in each,
 * with contents of 100 bytes that no codec can shrink. A million files make a thousand directories.
 *
 * Key and content are functions of the file's index (and the content of a version), so nothing
 * needs to be kept. But making one takes 1 to 2 µs, which bare lmdb takes to store it: hold them
 * before the clock starts.
 */
import { Random, shuffledIndexes } from './random.js';

export const filesPerDirectory = 1_000;
export const contentLength = 100;

export function fileKey(index: number): string {
  const directory = Math.floor(index / filesPerDirectory);
  const file = index % filesPerDirectory;
  return `/d${String(directory).padStart(4, '0')}/f${String(file).padStart(6, '0')}`;
}

/** The content of a file in a version; other versions share nothing with it. */
export function fileContent(index: number, version = 0, length = contentLength): Uint8Array {
  return new Random(index, version).bytes(length);
}

export type Write = readonly [key: string, content: Uint8Array];

/** The files 0 to `count` - 1 in ascending order of their keys. */
export function* filesInOrder(count: number, version = 0): Generator<Write> {
  for (let index = 0; index < count; index++) yield [fileKey(index), fileContent(index, version)];
}

/** The same files in an order that the seed decides. */
export function* filesShuffled(count: number, seed: number, version = 0): Generator<Write> {
  for (const index of shuffledIndexes(count, seed)) {
    yield [fileKey(index), fileContent(index, version)];
  }
}

/**
 * Writes made beforehand, with all contents in one buffer: a million small ones would each have
 * memory of its own, and the collector's work on them would be charged to whoever allocates
 * meanwhile.
 */
export class HeldWrites implements Iterable<Write> {
  readonly #keys: string[] = [];
  readonly #contents: Uint8Array;
  readonly #each: number;

  /** `writes` are at most `most`, with contents of `each` bytes. */
  constructor(writes: Iterable<Write>, most: number, each = contentLength) {
    this.#each = each;
    this.#contents = new Uint8Array(most * each);
    for (const [key, content] of writes) {
      this.#contents.set(content, this.#keys.length * each);
      this.#keys.push(key);
    }
  }

  get length(): number {
    return this.#keys.length;
  }

  /** Bytes of all keys and contents. */
  get bytes(): number {
    return this.#keys.reduce((sum, key) => sum + key.length + this.#each, 0);
  }

  *[Symbol.iterator](): Generator<Write> {
    for (let i = 0; i < this.#keys.length; i++) {
      const at = i * this.#each;
      yield [this.#keys[i] as string, this.#contents.subarray(at, at + this.#each)];
    }
  }
}

/** `changes` distinct files of `count`, scattered, with the contents of `version`. */
export function scattered(count: number, changes: number, seed: number, version: number): Write[] {
  const random = new Random(seed, version);
  const chosen = new Set<number>();
  while (chosen.size < Math.min(changes, count)) chosen.add(random.below(count));
  return [...chosen].map((index) => [fileKey(index), fileContent(index, version)]);
}

/** Random existing keys, with repetition. */
export function randomKeys(count: number, howMany: number, seed: number): string[] {
  const random = new Random(seed, 2);
  return Array.from({ length: howMany }, () => fileKey(random.below(count)));
}

/** Groups of `size`, the last one smaller. */
export function* batches<T>(items: Iterable<T>, size: number): Generator<T[]> {
  let batch: T[] = [];
  for (const item of items) {
    batch.push(item);
    if (batch.length < size) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}
