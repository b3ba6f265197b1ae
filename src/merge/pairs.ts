/**
 * What is one entry at two keys: the pairs of two trees that a walk by names would not find.
 *
 *     histories   where the entries of a base went that both states come from
 *     ids         a bucket is itself wherever it is
 *     names       all else is no pair: it goes along with what holds it
 *
 * Buckets within have histories of their own. They are asked when the walk enters a bucket, or when
 * something left one or came into it. Buckets that moved without a row in any history are looked
 * for when the walk meets one that the other tree has not there.
 *
 * No entry is in two pairs, and a bucket is never a plain entry: so rows are right whatever is
 * paired. What is paired makes them short, and true to what was done. What went through several
 * buckets that moved themselves may be missed.
 */
import { equalBytes } from '../ground/bytes.js';
import { sameBucket } from '../tree/diff.js';
import { diffMaps } from '../tree/diff-map.js';
import { sameStreams } from '../tree/equal.js';
import { childMapAt, crossBorder, type Spot, type Tree } from '../tree/lookup.js';
import { type RecordParts, readRecord } from '../tree/record.js';
import { bucketAt, bucketChanges } from './buckets.js';
import { bytesOf, prefixes, type Relation } from './relation.js';

/** The two trees. */
export type End = 'before' | 'after';

/** A state that both trees come from, and where its entries went on the way to either. */
export interface Kinship extends Readonly<Record<End, Relation>> {
  readonly base: Tree;
}

/** What the histories of two states know. */
export interface Kin {
  readonly whole: readonly Kinship[];
  /**
   * Those of a bucket within, given the ids of the buckets that lead to it in either state, its own
   * last.
   */
  ofBucket(before: readonly Uint8Array[], after: readonly Uint8Array[]): readonly Kinship[];
}

/** A bucket in a tree, or the top. */
interface Around {
  readonly key: string;
  /** The ids of the buckets that lead to it, its own last. */
  readonly ids: readonly Uint8Array[];
}

/** The innermost bucket on the way to a key, and the rest of that. */
interface Within extends Around {
  readonly rest: string;
}

type Arounds = Readonly<Record<End, Around>>;

type Keys = Readonly<Record<End, readonly string[]>>;

const NO_KEYS: Keys = { before: [], after: [] };
const TOP: Around = { key: '', ids: [] };

export class Pairs {
  readonly #trees: Readonly<Record<End, Tree>>;
  readonly #kin: Kin;
  readonly #scope: string;
  /** From a key to the one that its entry has in the other tree. */
  readonly #partners = { before: new Map<string, string>(), after: new Map<string, string>() };
  /** By key, the names below it that lead to something with a partner. */
  readonly #leading = {
    before: new Map<string, Set<string>>(),
    after: new Map<string, Set<string>>(),
  };
  #hasBuckets = false;

  /** `scope` is the key that is asked for, '' for the top: what is outside is as if it were not. */
  constructor(before: Tree, after: Tree, kin: Kin, scope: string) {
    this.#trees = { before, after };
    this.#kin = kin;
    this.#scope = scope;
    for (const key of prefixes(scope)) {
      const [was, is] = [this.#find('before', key), this.#find('after', key)].map(bucketAt);
      if (key === scope || was === undefined || is === undefined) continue;
      if (equalBytes(was.bucket, is.bucket)) this.enter(key, key);
    }
    this.#relateAll(kin.whole, { before: TOP, after: TOP });
    if (scope !== '') this.#relateScope();
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

  /**
   * Pairs what the own history of a bucket, given its keys, says of what is in it. A move shows at
   * two keys at least.
   */
  enter(before: string, after: string): void {
    if (!this.#differsTwice(before, after)) return;
    const was = innermost(this.#trees.before, before);
    const is = innermost(this.#trees.after, after);
    if (was === undefined || is === undefined) return;
    this.#relateAll(this.#kin.ofBucket(was.ids, is.ids), { before: was, after: is });
  }

  /** Pairs buckets that are elsewhere. */
  findBuckets(): void {
    if (this.#hasBuckets) return;
    this.#hasBuckets = true;
    const { cache } = this.#trees.before;
    const found = new Map<string, { before?: string; after?: string }>();
    const [was, is] = [this.entry('before', this.#scope), this.entry('after', this.#scope)];
    for (const change of bucketChanges(cache, was, is)) {
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

  /** Whether two keys or more, at or below these, have other contents. */
  #differsTwice(before: string, after: string): boolean {
    const { cache } = this.#trees.before;
    let [was, is] = [this.#find('before', before), this.#find('after', after)];
    while (was !== undefined && is !== undefined) {
      const [a, b] = [crossBorder(cache, was), crossBorder(cache, is)];
      const [first, second] = diffMaps(cache, childMapAt(cache, a), childMapAt(cache, b));
      if (first === undefined) return false;
      if (second !== undefined || !sameStreams(cache, recordAt(a), recordAt(b))) return true;
      [was, is] = [first.before, first.after];
    }
    return false;
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

  // What histories say.

  /** `around` is where the trees have the bucket that is spoken of. */
  #relateAll(kinships: readonly Kinship[], around: Arounds): void {
    for (const kinship of kinships) {
      for (const key of new Set([...kinship.before.bases(), ...kinship.after.bases()])) {
        const places = this.#placesOf(kinship, around, key);
        for (const before of places.before) {
          for (const after of places.after) this.#pairFound(around, before, after);
        }
      }
    }
  }

  #pairFound(around: Arounds, before: string, after: string): void {
    for (const was of this.#followed('before', around.before.key + before)) {
      for (const is of this.#followed('after', around.after.key + after)) this.#pair(was, is);
    }
  }

  /** Where an entry of a base is in both trees; nowhere if the base has no such entry. */
  #placesOf(kinship: Kinship, around: Arounds, key: string): Keys {
    const [before, after] = [kinship.before.imagesOf(key), kinship.after.imagesOf(key)];
    if (kinship.base.outer(bytesOf(key)) !== undefined) return { before, after };
    const returned = kinship.before.returnsOf(key).length + kinship.after.returnsOf(key).length > 0;
    if (returned) return { before, after };
    const inner = this.#placesWithin(kinship, around, key);
    if (inner.before.length + inner.after.length === 0) return NO_KEYS;
    return { before: [...before, ...inner.before], after: [...after, ...inner.after] };
  }

  /** The same of what had been moved within a bucket, and only then came to that key. */
  #placesWithin(kinship: Kinship, { before, after }: Arounds, key: string): Keys {
    const within = innermost(kinship.base, key);
    if (within === undefined) return NO_KEYS;
    const found: Record<End, string[]> = { before: [], after: [] };
    const { ids, rest } = within;
    const kinships = this.#kin.ofBucket([...before.ids, ...ids], [...after.ids, ...ids]);
    for (const inner of kinships) {
      const origins = [...inner.before.originsOf(rest), ...inner.after.originsOf(rest)];
      for (const end of ENDS) {
        for (const bucket of kinship[end].imagesOf(within.key)) {
          const keys = origins.flatMap((origin) => inner[end].imagesOf(origin));
          found[end].push(...keys.map((one) => bucket + one));
        }
      }
    }
    return found;
  }

  /** The key itself; where there is nothing, what moved on within a bucket that it leads into. */
  #followed(end: End, key: string): string[] {
    if (this.#find(end, key) !== undefined) return [key];
    const within = innermost(this.#trees[end], key);
    if (within === undefined) return [];
    return this.#kin.ofBucket(within.ids, within.ids).flatMap((inner) => {
      return inner[end].imagesOf(within.rest).map((rest) => within.key + rest);
    });
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
const ENDS: readonly End[] = ['before', 'after'];

function recordAt({ node, index }: Spot): RecordParts {
  return readRecord(node, index);
}

export function isWithin(key: string, above: string): boolean {
  return key === above || key.startsWith(`${above}/`);
}

function innermost(tree: Tree, key: string): Within | undefined {
  const ids: Uint8Array[] = [];
  let inner = '';
  const names = bytesOf(key);
  for (const [i, prefix] of [...prefixes(key)].reverse().entries()) {
    const found = bucketAt(tree.outer(names.slice(0, i)));
    if (found === undefined) continue;
    ids.push(found.bucket);
    inner = prefix;
  }
  return ids.length === 0 ? undefined : { ids, key: inner, rest: key.slice(inner.length) };
}

function textOf(names: readonly string[]): string {
  return names.map((name) => `/${name}`).join('');
}
