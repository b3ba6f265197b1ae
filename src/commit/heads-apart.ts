/**
 * The commits of the buckets within two commits, by where their trees differ: so that no others are
 * listed, even for one that is not there.
 */
import type { Tree } from '../tree/lookup.js';
import { type ChangedBuckets, changedBuckets, wayTo } from './buckets.js';
import { HeadsWithin } from './heads-within.js';
import type { Line, LocalCommit } from './line.js';

type End = 'before' | 'after';

export class HeadsApart {
  readonly #line: Line;
  readonly #commits: Readonly<Record<End, LocalCommit>>;
  readonly #heads: Readonly<Record<End, HeadsWithin>>;
  #changed: ChangedBuckets | undefined;

  constructor(line: Line, before: LocalCommit, after: LocalCommit) {
    this.#line = line;
    this.#commits = { before, after };
    this.#heads = { before: new HeadsWithin(line, before), after: new HeadsWithin(line, after) };
  }

  /** The commit of a bucket, by 32 hexadecimal digits; undefined where it is not within. */
  find(end: End, bucket: string): LocalCommit | undefined {
    const one = this.#changes().get(bucket);
    // What is the same in both has to be looked for.
    if (one === undefined) return this.#heads[end].find(bucket);
    if (one[end] === undefined) return undefined;
    return this.#heads[end].find(bucket, wayTo(this.#changes(), end, bucket));
  }

  /** The commit of a bucket that only the first has. */
  findGone(bucket: string): LocalCommit | undefined {
    const one = this.#changes().get(bucket);
    const isGone = one !== undefined && one.after === undefined;
    return isGone ? this.find('before', bucket) : undefined;
  }

  #changes(): ChangedBuckets {
    if (this.#changed !== undefined) return this.#changed;
    const { before, after } = this.#commits;
    const [was, is] = [before, after].map((commit) => this.#line.treeOf(commit)) as [Tree, Tree];
    this.#changed = changedBuckets(this.#line.core, was, is);
    return this.#changed;
  }
}
