/**
 * The commits of the buckets within a commit, at any depth: found by id, wherever the bucket is.
 */
import type { Address } from '../blocks/address.js';
import { hex, unhex } from '../ground/bytes.js';
import { allHeads, headOf } from '../log/heads.js';
import { headsRefOf, type Line, type LocalCommit } from './line.js';

export class HeadsWithin {
  readonly #line: Line;
  /** Commits whose heads were not listed yet. */
  readonly #queue: LocalCommit[];
  readonly #known = new Map<string, LocalCommit>();

  constructor(line: Line, ...commits: readonly LocalCommit[]) {
    this.#line = line;
    this.#queue = [...commits];
  }

  /** The commit of a bucket, by 32 hexadecimal digits; undefined where it is not within. */
  find(bucket: string): LocalCommit | undefined {
    const known = this.#known.get(bucket);
    if (known !== undefined) return known;
    const id = unhex(bucket) as Uint8Array;
    for (const outer of this.#queue) {
      const direct = headOf(this.#line.core.cache, headsRefOf(outer), id);
      if (direct !== undefined) return this.#note(bucket, direct);
    }
    for (let outer = this.#queue.shift(); outer !== undefined; outer = this.#queue.shift()) {
      for (const head of allHeads(this.#line.core.cache, headsRefOf(outer))) {
        const inner = this.#note(hex(head.bucket), head.commit);
        if (inner.commit.heads !== undefined) this.#queue.push(inner);
      }
      const found = this.#known.get(bucket);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  #note(bucket: string, address: Address): LocalCommit {
    const commit = this.#known.get(bucket) ?? this.#line.commitAt(address);
    this.#known.set(bucket, commit);
    return commit;
  }
}
