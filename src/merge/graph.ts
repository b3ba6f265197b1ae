/**
 * The graph of a merge: which sites of the three trees are one entity.
 *
 *     groups      what ids of buckets and histories say
 *     names       all else, from the top down: what has one name within one entity is one
 *
 * Only what differs on both sides, or was moved, is looked at: the rest goes along with its
 * parents.
 */
import { nameText } from '../ground/text.js';
import { checkDepth } from '../tree/diff.js';
import { diffMaps } from '../tree/diff-map.js';
import { sameChild, sameEntry } from '../tree/equal.js';
import { findInMap, type Spot, type Tree } from '../tree/lookup.js';
import type { NodeCache } from '../tree/node-cache.js';
import type { Steps } from '../tree/steps.js';
import type { Side } from './conflict.js';
import { type GroupOptions, Groups, STEP_NAMES } from './groups.js';
import { namesOf } from './relation.js';
import type { Judge } from './resolve.js';
import {
  Entity,
  type Group,
  mayBeOne,
  otherSide,
  SIDES,
  Site,
  type Space,
  VERSIONS,
  type Version,
} from './site.js';
import { untangle } from './tangles.js';

export interface GraphOptions extends GroupOptions {
  readonly ours: Tree;
  readonly theirs: Tree;
  readonly judge: Judge;
  /** Whether the edit must be one of ours. */
  readonly ontoOurs?: boolean | undefined;
  /** Whether equal changes of both sides stand against each other as well. */
  readonly strict?: boolean | undefined;
}

export class Graph {
  readonly #options: GraphOptions;
  readonly #cache: NodeCache;
  /** Which have the entry that a bucket was made of. */
  readonly #makers: readonly Version[];
  readonly #groups: Groups;
  /** In the order found: within one another from the top down. */
  readonly entities: Entity[] = [];
  readonly top: Entity;
  /** Entities that were looked at. */
  readonly #seen = new Set<Entity>();
  #names = 0;

  constructor(options: GraphOptions) {
    this.#options = options;
    this.#cache = options.cache;
    this.#makers = options.returns ? ['base', 'theirs'] : ['base'];
    const { ground, ours, theirs } = options;
    const top = this.#newEntity();
    for (const [version, tree] of [
      ['base', ground.base],
      ['ours', ours],
      ['theirs', theirs],
    ] as const) {
      if (tree === undefined) continue;
      top[version] = new Site(this.#cache, version, undefined, '', tree.top, tree.root);
      (top[version] as Site).entity = top;
    }
    this.top = top;
    const { base, ours: o, theirs: t } = top;
    this.#groups = new Groups(options, { base, ours: o, theirs: t });
  }

  /** The innermost part with a base of its own that a site is in, of those that some sides have. */
  spaceOf(base: Site, sides: readonly Side[]): Space | undefined {
    return this.#groups.spaceOf(base, sides);
  }

  *build(): Steps<void> {
    yield* this.#groups.find();
    const parts: Site[][][] = [];
    for (const group of this.#groups.list()) {
      if (++this.#names % STEP_NAMES === 0) yield;
      parts.push(this.#makeEntities(group));
    }
    for (const some of parts) this.#matchWithin(some);
    yield* this.#matchNames();
  }

  #newEntity(): Entity {
    const entity = new Entity(this.entities.length);
    this.entities.push(entity);
    return entity;
  }

  /** Makes a group's entity, or several where marks differ or histories disagree. */
  #makeEntities(group: Group): Site[][] {
    for (const version of VERSIONS) dropWays(group[version]);
    const parts = this.#together(membersOf(group));
    for (const sites of parts) {
      const isClear = VERSIONS.every((version) => {
        return sites.filter((site) => site.version === version).length < 2;
      });
      if (isClear) {
        const entity = this.#newEntity();
        entity.ghosts = group.ghosts;
        this.#assign(entity, sites);
      } else untangle(this.#cache, sites, this.#options.judge, () => this.#newEntity());
    }
    return parts;
  }

  /** Which of some sites that are related are one entry: the same, whichever side is which. */
  #together(sites: readonly Site[]): Site[][] {
    if (sites.length === 0) return [];
    const isMixed = SIDES.some((side) => {
      return new Set(sites.flatMap((one) => (one.version === side ? [one.bucket] : []))).size > 1;
    });
    const unmade = sites.flatMap((site) => (site.isUnmade ? [site.version] : []));
    if (!isMixed && mayBeOne(sites, [...this.#makers, ...unmade])) return [[...sites]];
    const marked = new Map<string | undefined, Site[]>();
    for (const site of sites) marked.set(site.bucket, [...(marked.get(site.bucket) ?? []), site]);
    return [...marked.values()];
  }

  #assign(entity: Entity, sites: readonly (Site | undefined)[]): void {
    for (const site of sites) {
      if (site === undefined) continue;
      entity[site.version] = site;
      site.entity = entity;
    }
  }

  // Names.

  *#matchNames(): Steps<void> {
    const stack = [this.top];
    for (let at = stack.pop(); at !== undefined; at = stack.pop()) {
      for (const child of yield* this.#childrenOf(at)) {
        if (this.#seen.has(child)) continue;
        this.#seen.add(child);
        if (this.#needsLook(child)) stack.push(child);
      }
    }
  }

  /** The entities of an entity's children, as far as they matter. */
  *#childrenOf(entity: Entity): Steps<Entity[]> {
    const found: Entity[] = [];
    const names = new Set<string>();
    for (const version of VERSIONS) {
      for (const name of entity[version]?.children.keys() ?? []) names.add(name);
    }
    for (const site of entity.extra) for (const name of site.names()) names.add(name);
    for (const name of yield* this.#differing(entity)) names.add(name);
    for (const name of names) {
      if (++this.#names % STEP_NAMES === 0) yield;
      const all = [entity.base, entity.ours, entity.theirs, ...entity.extra];
      const children = all.flatMap((site) => site?.child(name) ?? []);
      const sites = VERSIONS.map((one) => children.find(({ version }) => version === one));
      for (const child of this.#matched(sites)) found.push(child);
      for (const child of children) {
        if (!sites.includes(child)) for (const one of this.#matched([child])) found.push(one);
      }
    }
    return found;
  }

  /** The names below an entity at which both sides may have changed something. */
  *#differing(entity: Entity): Steps<string[]> {
    const { base, ours, theirs } = entity;
    entity.source = sourceOf(entity);
    if (ours === undefined || theirs === undefined) return [];
    const strict = this.#options.strict === true;
    // One side alone may have made a bucket of it: that one's record is the result's.
    const isFixed = entity.source === 'theirs' || (entity === this.top && this.#options.ontoOurs);
    const [own, other] = entity.source === 'ours' ? [ours, theirs] : [theirs, ours];
    const { returns } = this.#options;
    if (base !== undefined) {
      if (sameBelow(base, other)) return [];
      if (!returns && isFixed !== true && sameBelow(base, own) && ours.bucket === theirs.bucket) {
        entity.source = 'theirs';
        return [];
      }
    }
    if (!strict && sameBelow(own, other)) return [];
    checkDepth(namesOf(ours.key).map(() => EMPTY));
    const from = base !== undefined ? base.map : strict ? undefined : own.map;
    const names: string[] = [];
    for (const { name, before, after } of diffMaps(this.#cache, from, other.map)) {
      if (++this.#names % STEP_NAMES === 0) yield;
      const text = nameText(name);
      if (base === undefined) {
        if (after !== undefined) names.push(text);
        continue;
      }
      const { map } = own;
      const there = map && findInMap(this.#cache, map, name);
      if (!strict && sameEntry(this.#cache, there, after)) continue;
      if (before !== undefined && !base.children.has(text)) base.add(text, before);
      if (after !== undefined && !other.children.has(text)) other.add(text, after);
      if (there !== undefined && !own.children.has(text)) own.add(text, there);
      names.push(text);
    }
    return names;
  }

  /** The entities of what has one name within one entity. */
  #matched(sites: readonly (Site | undefined)[]): Set<Entity> {
    const free = (version: Version): Site | undefined =>
      sites.find((site) => site?.version === version && site.entity === undefined);
    const [base, ours, theirs] = [free('base'), free('ours'), free('theirs')];
    const was = sites.find((site) => site?.version === 'base');
    const entities = new Set(sites.flatMap((site) => site?.entity ?? []));
    const strangers: Site[] = [];
    const others: Site[] = [];
    for (const site of [ours, theirs]) {
      if (site === undefined) continue;
      if (this.#joins(was?.entity, site) || this.#joins(newAt(sites, site), site)) continue;
      (was !== undefined && this.#groups.isStranger(was, site) ? strangers : others).push(site);
    }
    const kin = base === undefined ? others : [base, ...others];
    const parts = [...this.#together(kin), ...this.#together(strangers)];
    for (const one of parts) {
      const entity = this.#newEntity();
      this.#assign(entity, one);
      entities.add(entity);
      if (this.#options.returns) this.#noteReturn(entity);
    }
    this.#matchWithin(parts);
    return entities;
  }

  /** Notes where the base would have an entry that comes back. */
  #noteReturn(entity: Entity): void {
    const { base, ours, theirs } = entity;
    const space = this.#groups.whole;
    if (base !== undefined || ours !== undefined || theirs === undefined) return;
    const keys = space.ground.relations.theirs.originsOf(theirs.key);
    entity.ghosts = keys.map((key) => ({ space, key }));
  }

  /** What lay in an entry of which each side made a bucket is one entry still, by its name. */
  #matchWithin(parts: readonly (readonly Site[])[]): void {
    if (parts.length < 2) return;
    const sites = parts.flat();
    const base = sites.find(({ version }) => version === 'base');
    if (base === undefined) return;
    for (const name of base.names()) {
      const children = sites.flatMap((site) => site.child(name) ?? []);
      if (children.length > 2) this.#matched(children);
    }
  }

  /** Takes a site for an entry of the base that is known on the other side, by its name here. */
  #joins(entity: Entity | undefined, site: Site): boolean {
    if (entity === undefined || entity[site.version] !== undefined) return false;
    // Its streams would not count.
    if (entity.pinned !== undefined) return false;
    if (entity.base !== undefined && this.#groups.isStranger(entity.base, site)) return false;
    const members = VERSIONS.flatMap((version) => entity[version] ?? []);
    if (!mayBeOne([...members, site], this.#makers)) return false;
    this.#assign(entity, [site]);
    this.#seen.delete(entity);
    return true;
  }

  /** Whether what is below an entity matters. Where it does not, one side's is the result. */
  #needsLook(entity: Entity): boolean {
    const { base, ours, theirs } = entity;
    if (VERSIONS.some((version) => (entity[version]?.children.size ?? 0) > 0)) return true;
    // What an answer to a tangle decided is no side's record as it is.
    if (entity.pinned !== undefined || entity.extra.length > 0) return true;
    entity.source = sourceOf(entity);
    if (ours === undefined || theirs === undefined) return false;
    const same = (a: Spot | undefined, b: Spot | undefined): boolean =>
      a !== undefined && b !== undefined && sameEntry(this.#cache, a, b);
    if (base?.unknown !== undefined) return true;
    if (this.#options.returns) return !same(base?.spot, theirs.spot);
    if (same(base?.spot, ours.spot)) {
      entity.source = 'theirs';
      entity.isWhole = true;
    } else {
      const strict = this.#options.strict === true;
      entity.isWhole = same(base?.spot, theirs.spot) || (!strict && same(ours.spot, theirs.spot));
    }
    return !entity.isWhole;
  }
}

const EMPTY = new Uint8Array(0);

/** What the other side has new under the name of a site, and histories made an entity of. */
function newAt(sites: readonly (Site | undefined)[], site: Site): Entity | undefined {
  const other = sites.find((one) => one?.version === otherSide(site.version as Side));
  return other?.entity?.base === undefined ? other?.entity : undefined;
}

/** The side whose record the result starts from: that which made a bucket of it, or undid that. */
function sourceOf({ base, ours, theirs }: Entity): Side {
  if (ours === undefined) return 'theirs';
  const differ = theirs !== undefined && theirs.bucket !== ours.bucket;
  return differ && ours.bucket === base?.bucket ? 'theirs' : 'ours';
}

/** Where one of several sites is more than a way to others, it is the entry. */
function dropWays(sites: Site[]): void {
  if (sites.length < 2) return;
  const [only, second] = sites.filter((site) => !site.isImplied);
  if (only !== undefined && second === undefined) {
    sites.splice(0, sites.length, only);
  }
}

function membersOf(group: Group): Site[] {
  return VERSIONS.flatMap((version) => group[version]);
}

/** Whether two sites have equal children. */
function sameBelow(a: Site, b: Site): boolean {
  if (a.spot.node.algorithm !== b.spot.node.algorithm) return false;
  return sameChild(a.parts.child, b.parts.child);
}
