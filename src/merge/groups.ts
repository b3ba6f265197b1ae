/**
 * Groups: which sites of the three trees are one entry, as ids and histories say.
 *
 *     buckets     by their ids, over the whole tree
 *     relations   what histories say: where entries of the base went on either side
 *
 * A bucket that both sides changed stands on a base of its own, which takes the place of what the
 * base of the merge has there.
 */
import { sameEntry } from '../tree/equal.js';
import type { NodeCache } from '../tree/node-cache.js';
import type { Steps } from '../tree/steps.js';
import { type BucketKeys, bucketKeys } from './buckets.js';
import type { Side } from './conflict.js';
import { bytesOf, namesOf } from './relation.js';
import {
  type Ground,
  type Group,
  isWithin,
  otherSide,
  SIDES,
  type Site,
  type Space,
  type Unknown,
  VERSIONS,
  type Version,
} from './site.js';

export interface GroupOptions {
  readonly cache: NodeCache;
  readonly ground: Ground;
  /** What ours, a virtual base itself, does not know, by key. */
  readonly unknownInOurs?: ReadonlyMap<string, Unknown> | undefined;
  /**
   * What a bucket within stands on, by its own history: one that both sides changed, or that one
   * changed and the other removed. Without it, on what the base has there.
   */
  readonly groundOf?: ((bucket: string) => Steps<Ground | undefined>) | undefined;
  /** Whether theirs is a state of before, so that what it alone has comes back. */
  readonly returns?: boolean | undefined;
}

type Sites = Readonly<Record<Version, Site | undefined>>;

/** Names of a step: about half a millisecond where their nodes are cold. */
export const STEP_NAMES = 8;

export class Groups {
  readonly whole: Space;
  readonly #options: GroupOptions;
  readonly #cache: NodeCache;
  /** The whole, and the buckets that stand on bases of their own. */
  readonly #spaces: Space[];
  /** The same by where the base has them. */
  readonly #spaceAt = new Map<Site, Space>();
  readonly #groups = new Set<Group>();
  #names = 0;

  /** `sites` are the tops of the trees. */
  constructor(options: GroupOptions, sites: Sites) {
    this.#options = options;
    this.#cache = options.cache;
    this.whole = { sites, ground: options.ground };
    this.#spaces = [this.whole];
    if (sites.base !== undefined) this.#spaceAt.set(sites.base, this.whole);
  }

  *find(): Steps<void> {
    yield* this.#findBuckets();
    for (const [key, unknown] of this.#options.unknownInOurs ?? []) {
      const site = this.whole.sites.ours?.at(namesOf(key));
      if (site !== undefined) site.unknown = unknown;
    }
    for (const space of this.#spaces) yield* this.#relate(space);
  }

  list(): Iterable<Group> {
    return this.#groups;
  }

  /** Whether histories say that an entry of the base is not the one that has its name on a side. */
  isStranger(base: Site, site: Site): boolean {
    const side = site.version as Side;
    const spaces = new Set([this.whole, this.spaceOf(base)]);
    return [...spaces].every((space) => {
      if (space === undefined) return true;
      const { sites, ground } = space;
      const relation = ground.relations[side];
      if (relation.isIdentity) return false;
      const key = base.keyBelow(sites.base);
      if (relation.isGone(key)) return true;
      if (!relation.lists(key)) return false;
      const images = relation.imagesOf(key);
      const top = sites[side];
      return images.length > 0 && !(isWithin(site, top) && images.includes(site.keyBelow(top)));
    });
  }

  /** The innermost space that a site of the base is in, of those that some sides have. */
  spaceOf(base: Site, sides: readonly Side[] = []): Space | undefined {
    for (let at: Site | undefined = base; at !== undefined; at = at.parent) {
      const space = this.#spaceAt.get(at);
      if (space !== undefined && sides.every((side) => space.sites[side])) return space;
    }
    return undefined;
  }

  // Buckets.

  *#findBuckets(): Steps<void> {
    const { base, ours, theirs } = this.whole.sites;
    const found = bucketKeys(this.#cache, base?.inner, ours?.inner, theirs?.inner);
    const buckets = [...found].sort(([, a], [, b]) => depthOf(a) - depthOf(b));
    for (const [bucket, keys] of buckets) {
      yield;
      const sites = this.#bucketSites(bucket, keys);
      if (this.#needsGround(sites)) {
        const ground = yield* this.#options.groundOf?.(bucket) ?? nothing();
        if (ground !== undefined) this.#standOn(sites, ground);
      }
      this.#unite(VERSIONS.flatMap((version) => sites[version] ?? []));
    }
  }

  #bucketSites(bucket: string, keys: BucketKeys): Sites {
    const at = (version: Version): Site | undefined => {
      const key = keys[version];
      const site = key === undefined ? undefined : this.whole.sites[version]?.at(key);
      return site?.bucket === bucket ? site : undefined;
    };
    return { base: at('base'), ours: at('ours'), theirs: at('theirs') };
  }

  #needsGround({ base, ours, theirs }: Sites): boolean {
    const differ = (a: Site | undefined, b: Site | undefined): boolean =>
      a !== undefined && b !== undefined && !sameEntry(this.#cache, a.spot, b.spot);
    if (ours !== undefined && theirs !== undefined) {
      const isNew = base === undefined;
      return differ(ours, theirs) && (isNew || (differ(base, ours) && differ(base, theirs)));
    }
    return differ(base, ours ?? theirs);
  }

  #standOn(sites: Sites, ground: Ground): void {
    if (sites.base !== undefined && ground.base !== undefined) sites.base.root = ground.base.root;
    const space = { sites, ground };
    this.#spaces.push(space);
    if (sites.base !== undefined) this.#spaceAt.set(sites.base, space);
  }

  // Relations.

  *#relate(space: Space): Steps<void> {
    const { sites, ground } = space;
    const bases = new Set<string>();
    for (const [key, unknown] of ground.unknown) {
      const site = sites.base?.at(namesOf(key));
      if (site !== undefined) site.unknown = unknown;
      bases.add(key);
    }
    for (const side of SIDES) {
      const relation = ground.relations[side];
      for (const key of relation.bases()) bases.add(key);
      for (const key of relation.present()) sites[side]?.at(namesOf(key));
    }
    // What is below an entry with several places may be at one of them alone.
    for (const key of bases) {
      if (++this.#names % STEP_NAMES === 0) yield;
      for (const below of this.#relateKey(space, key)) bases.add(below);
      for (const below of this.#tangledBelow(space, key)) bases.add(below);
    }
  }

  /** The keys below what is one on a side with another, or several: not all goes along with it. */
  *#tangledBelow({ sites }: Space, key: string): Generator<string, void> {
    const group = sites.base?.at(namesOf(key))?.group;
    if (group === undefined || VERSIONS.every((version) => group[version].length < 2)) return;
    for (const base of group.base) {
      if (!isWithin(base, sites.base)) continue;
      const around = base.keyBelow(sites.base);
      for (const name of base.names()) yield `${around}/${name}`;
    }
  }

  /** Relates a key of a space's base to what histories say that it became on both sides. */
  *#relateKey(space: Space, key: string): Generator<string, void> {
    const { sites, ground } = space;
    const base = sites.base?.at(namesOf(key));
    if (base !== undefined) {
      for (const side of SIDES) {
        for (const site of this.#imagesOf(space, side, key)) this.#unite([base, site]);
        if (base.bucket !== undefined) this.#noteUnmade(space, side, key);
      }
      return;
    }
    // What a bucket's own base has not is one entry if the base around that has it, or if it came
    // back on both sides.
    const had = ground.base?.outer(bytesOf(key)) !== undefined;
    const [ours, theirs] = SIDES.map((side) => {
      return had ? this.#imagesOf(space, side, key) : this.#returnsOf(space, side, key);
    }) as [Site[], Site[]];
    const found = [...ours, ...theirs];
    if (ours.length > 0 && theirs.length > 0) this.#unite(found);
    for (const site of found.slice(0, 1)) this.#groupOf(site).ghosts.push({ space, key });
    if (had || (ours.length > 0 && theirs.length > 0)) return;
    // Where its key is taken on the other side, what is in it came back each by itself.
    for (const site of found) {
      const other = otherSide(site.version as Side);
      if (this.#imagesOf(space, other, key).length === 0) continue;
      for (const name of site.names()) yield `${key}/${name}`;
    }
  }

  #noteUnmade({ sites, ground }: Space, side: Side, key: string): void {
    for (const site of sitesAt(sites[side], ground.relations[side].returnsOf(key))) {
      site.isUnmade = site.bucket === undefined;
    }
  }

  #imagesOf({ sites, ground }: Space, side: Side, key: string): Site[] {
    return sitesAt(sites[side], ground.relations[side].imagesOf(key));
  }

  /** What came back on a side from a key that the base has nothing at. */
  #returnsOf({ sites, ground }: Space, side: Side, key: string): Site[] {
    const relation = ground.relations[side];
    const isThen = side === 'theirs' && this.#options.returns === true;
    return sitesAt(sites[side], isThen ? relation.imagesOf(key) : relation.returnsOf(key));
  }

  /** Notes that sites are one entry. */
  #unite(sites: readonly Site[]): void {
    const [first, ...others] = sites;
    if (first?.parent === undefined) return;
    for (const site of others) {
      if (site.parent === undefined) continue;
      const [a, b] = [this.#groupOf(first), this.#groupOf(site)];
      if (a === b) continue;
      for (const version of VERSIONS) {
        for (const member of b[version]) {
          member.group = a;
          a[version].push(member);
        }
      }
      a.ghosts.push(...b.ghosts);
      this.#groups.delete(b);
    }
  }

  #groupOf(site: Site): Group {
    if (site.group === undefined) {
      site.group = { base: [], ours: [], theirs: [], ghosts: [] };
      site.group[site.version].push(site);
      this.#groups.add(site.group);
    }
    return site.group;
  }
}

function* nothing(): Steps<undefined> {}

function depthOf(keys: BucketKeys): number {
  return Math.min(...VERSIONS.map((version) => keys[version]?.length ?? Number.MAX_SAFE_INTEGER));
}

function sitesAt(top: Site | undefined, keys: readonly string[]): Site[] {
  return keys.flatMap((key) => top?.at(namesOf(key)) ?? []);
}
