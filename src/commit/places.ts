/**
 * Where the buckets of a change are: each by the bucket around it, an id of 32 hexadecimal digits,
 * or '' for the line's own. What differs between the trees is looked for where somebody asks what
 * came and went, and not before.
 */
import { hex, unhex } from '../ground/bytes.js';
import type { TouchedBucket } from '../tree/apply.js';
import { type ChangedBuckets, wayTo } from './buckets.js';

/** Of the buckets directly within another one: those that came or changed, and those that left. */
interface Arrivals {
  readonly came: { readonly bucket: string; readonly isNew: boolean }[];
  readonly left: string[];
}

const NOBODY: Arrivals = { came: [], left: [] };

export class Places {
  readonly #find: () => ChangedBuckets;
  readonly #touched = new Map<string, TouchedBucket[]>();
  readonly #outers = new Map<string, string>();
  #changed: ChangedBuckets | undefined;
  readonly #arrivals = new Map<string, Arrivals>();

  constructor(touched: readonly TouchedBucket[], find: () => ChangedBuckets) {
    this.#find = find;
    for (const one of touched) {
      const outer = outerOf(one);
      this.#outers.set(hex(one.bucket), outer);
      entryOf(this.#touched, outer, () => []).push(one);
    }
  }

  /** Those directly within a bucket that were touched. */
  touched(outer: string): readonly TouchedBucket[] {
    return this.#touched.get(outer) ?? [];
  }

  /** What came and went directly within a bucket. */
  arrivals(outer: string): Arrivals {
    if (this.#changed === undefined) this.#arrive(this.#find());
    return this.#arrivals.get(outer) ?? NOBODY;
  }

  #arrive(changed: ChangedBuckets): void {
    this.#changed = changed;
    const at = (outer: string): Arrivals => {
      return entryOf(this.#arrivals, outer, () => ({ came: [], left: [] }));
    };
    for (const [bucket, { before, after }] of changed) {
      const [was, is] = [before, after].map((one) => one && (one.outer ?? ''));
      if (is !== undefined) at(is).came.push({ bucket, isNew: was === undefined });
      if (was !== undefined && was !== is) at(was).left.push(bucket);
    }
  }

  /** The buckets that probably were around one, from the outside in. */
  around(bucket: string): Uint8Array[] {
    if (this.#changed !== undefined) return wayTo(this.#changed, 'before', bucket);
    const way: Uint8Array[] = [];
    for (let at = this.#outers.get(bucket); at; at = this.#outers.get(at)) {
      way.unshift(unhex(at) as Uint8Array);
    }
    return way;
  }
}

function outerOf({ outer }: Pick<TouchedBucket, 'outer'>): string {
  return outer === undefined ? '' : hex(outer);
}

function entryOf<T>(map: Map<string, T>, key: string, make: () => T): T {
  const known = map.get(key) ?? make();
  map.set(key, known);
  return known;
}
