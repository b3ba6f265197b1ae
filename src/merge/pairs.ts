/**
 * What is one entry at two keys: the pairs of two trees that a walk by names would not find.
 *
 *     histories   where the entries of a base went that both states come from
 *     ids         a bucket is itself wherever it is
 *     names       all else is no pair: it goes along with what holds it
 *
 * Buckets that moved without a row in any history are looked for when the walk meets one that the
 * other tree has not there.
 *
 * No entry is in two pairs, and a bucket is never a plain entry: so rows are right whatever is
 * paired. What is paired makes them short, and true to what was done.
 */
import { sameBucket } from '../tree/diff.js';
import type { Spot, Tree } from '../tree/lookup.js';
import { type RecordParts, readRecord } from '../tree/record.js';
import type { Steps } from '../tree/steps.js';
import { bucketChanges } from './buckets.js';
import { bytesOf, prefixes, type Relation, textOf } from './relation.js';

/** The two trees. */
export type End = 'before' | 'after';

/** A state that both trees come from, and where its entries went on the way to either. */
export interface Kinship extends Readonly<Record<End, Relation>> {
  readonly base: Tree;
}

export class Pairs {
  readonly #trees: Readonly<Record<End, Tree>>;
  readonly #scope: string;
  /** From a key to the one that its entry has in the other tree. */
  readonly #partners = { before: new Map<string, string>(), after: new Map<string, string>() };
  /** By key, the names below it that lead to something with a partner. */
  readonly #leading = {
    before: new Map<string, Set<string>>(),
    after: new Map<string, Set<string>>(),
  };
  #hasBuckets = false;

  private constructor(before: Tree, after: Tree, scope: string) {
    this.#trees = { before, after };
    this.#scope = scope;
  }

  /** `scope` is the key that is asked for, '' for the top: what is outside is as if it were not. */
  static *of(before: Tree, after: Tree, ways: readonly Kinship[], scope: string): Steps<Pairs> {
    const pairs = new Pairs(before, after, scope);
    for (const kinship of ways) yield* pairs.#relate(kinship);
    if (scope !== '') pairs.#relateScope();
    return pairs;
  }

  /** Where an entry is in the other tree, if that was found and is within the scope. */
  partnerOf(end: End, key: string): string | undefined {
    const partner = this.#partners[end].get(key);
    return partner !== undefined && isWithin(partner, this.#scope) ? partner : undefined;
  }

  /** Whether it is known where an entry went, be it out of what is asked for. */
  isPaired(end: End, key: string): boolean {
    return this.#partners[end].has(key);
  }

  /** The names below a key that lead to pairs. */
  leading(end: End, key: string): ReadonlySet<string> {
    return this.#leading[end].get(key) ?? NO_NAMES;
  }

  entry(end: End, key: string): Spot | undefined {
    return key === '' ? this.#trees[end].top : this.#find(end, key);
  }

  /** Pairs buckets that are elsewhere. */
  *findBuckets(): Steps<void> {
    if (this.#hasBuckets) return;
    this.#hasBuckets = true;
    const { cache } = this.#trees.before;
    const found = new Map<string, { before?: string; after?: string }>();
    const [was, is] = [this.entry('before', this.#scope), this.entry('after', this.#scope)];
    for (const change of bucketChanges(cache, was, is)) {
      yield;
      if (change.before !== undefined && change.after !== undefined) continue;
      const keys = found.get(change.bucket) ?? {};
      found.set(change.bucket, keys);
      if (change.before !== undefined) keys.before = this.#scope + textOf(change.before);
      if (change.after !== undefined) keys.after = this.#scope + textOf(change.after);
    }
    for (const { before, after } of found.values()) {
      if (before !== undefined && after !== undefined) this.#pair(before, after);
    }
  }

  #find(end: End, key: string): Spot | undefined {
    return this.#trees[end].outer(bytesOf(key));
  }

  /** Notes that what is at these keys is one entry, if it is there and nobody said otherwise. */
  #pair(before: string, after: string): void {
    const { before: forward, after: back } = this.#partners;
    if (forward.has(before) || back.has(after)) return;
    const [was, is] = [this.#find('before', before), this.#find('after', after)];
    if (was === undefined || is === undefined) return;
    if (!sameBucket(recordAt(was), recordAt(is))) return;
    forward.set(before, after);
    back.set(after, before);
    this.#lead('before', before);
    this.#lead('after', after);
  }

  #lead(end: End, key: string): void {
    const leading = this.#leading[end];
    for (let at = key; at !== ''; ) {
      const slash = at.lastIndexOf('/');
      const above = at.slice(0, slash);
      const names = leading.get(above) ?? new Set();
      if (names.size === 0) leading.set(above, names);
      else if (names.has(at.slice(slash + 1))) return;
      names.add(at.slice(slash + 1));
      at = above;
    }
  }

  *#relate({ base, before, after }: Kinship): Steps<void> {
    for (const key of new Set([...before.bases(), ...after.bases()])) {
      yield;
      const isKnown =
        base.outer(bytesOf(key)) !== undefined ||
        before.returnsOf(key).length + after.returnsOf(key).length > 0;
      if (!isKnown) continue;
      for (const was of before.imagesOf(key)) {
        for (const is of after.imagesOf(key)) this.#pair(was, is);
      }
    }
  }

  /** What is at the key that is asked for may go along with something around it. */
  #relateScope(): void {
    const before = this.along('after', this.#scope);
    if (before !== undefined) this.#pair(before, this.#scope);
    const after = this.along('before', this.#scope);
    if (after !== undefined) this.#pair(this.#scope, after);
  }

  /** Where a key is in the other tree if it goes along. */
  along(end: End, key: string): string | undefined {
    const others = this.#partners[end === 'before' ? 'after' : 'before'];
    for (const prefix of prefixes(key)) {
      const partner = prefix === '' ? '' : this.#partners[end].get(prefix);
      if (partner === undefined) continue;
      const there = partner + key.slice(prefix.length);
      for (const at of prefixes(there)) {
        if (at === partner) return there;
        // What is there came from elsewhere.
        if (others.has(at)) return undefined;
      }
    }
    return undefined;
  }
}

const NO_NAMES: ReadonlySet<string> = new Set();

function recordAt({ node, index }: Spot): RecordParts {
  return readRecord(node, index);
}

export function isWithin(key: string, above: string): boolean {
  return key === above || key.startsWith(`${above}/`);
}
