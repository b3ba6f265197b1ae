/**
 * The commits of the buckets within a commit, at any depth: found by id, wherever the bucket is.
 * Who knows the buckets around it is answered by a look-up in the heads of each; all heads are
 * listed where it is not there.
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

  /**
   * The commit of a bucket, by 32 hexadecimal digits; undefined where it is not within. `around`
   * are the ids of buckets that may be around it, from the outside in.
   */
  find(bucket: string, around: readonly Uint8Array[] = []): LocalCommit | undefined {
    const known = this.#known.get(bucket);
    if (known !== undefined) return known;
    const id = unhex(bucket) as Uint8Array;
    const ways = around.length === 0 ? [[id]] : [[...around, id], [id]];
    for (const outer of this.#queue) {
      for (const way of ways) {
        const found = this.#findBy(way, outer);
        if (found !== undefined) return found;
      }
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

  /** The last of some buckets, each directly within the one before it. */
  #findBy(way: readonly Uint8Array[], top: LocalCommit): LocalCommit | undefined {
    let found: LocalCommit | undefined = top;
    for (const bucket of way) {
      const head: Address | undefined =
        found && headOf(this.#line.core.cache, headsRefOf(found), bucket);
      found = head && this.#note(hex(bucket), head);
    }
    return found;
  }

  #note(bucket: string, address: Address): LocalCommit {
    const commit = this.#known.get(bucket) ?? this.#line.commitAt(address);
    this.#known.set(bucket, commit);
    return commit;
  }
}
