/**
 * Sites and entities: what a merge knows of three trees, as far as it has looked.
 *
 * A site is an entry of one tree, at its place there. An entity is one entry as the merge sees it:
 * up to one site in each tree. Trees are looked at where they differ or something moved; all else
 * goes along with what holds it.
 */
import { hex } from '../ground/bytes.js';
import { nameBytes, nameText } from '../ground/text.js';
import type { StreamEdit } from '../tree/apply.js';
import { diffMaps } from '../tree/diff-map.js';
import { childMap, findInMap, type Spot, type Tree } from '../tree/lookup.js';
import type { Node } from '../tree/node.js';
import type { NodeCache } from '../tree/node-cache.js';
import { CHILD_BUCKET, type RecordParts, readRecord, recordChild } from '../tree/record.js';
import { loadRoot, type Root } from '../tree/root.js';
import type { Side } from './conflict.js';
import type { Relation } from './relation.js';

/** The three trees of a merge. */
export type Version = 'base' | Side;

export const VERSIONS: readonly Version[] = ['base', 'ours', 'theirs'];
export const SIDES: readonly Side[] = ['ours', 'theirs'];

export function otherSide(side: Side): Side {
  return side === 'ours' ? 'theirs' : 'ours';
}

/** What a virtual base does not know of an entry, since its own bases contradict each other. */
export interface Unknown {
  readonly place: boolean;
  readonly presence: boolean;
  /** The key by which the conflict was known that left it open, if it alone was. */
  readonly key: string | undefined;
  /** Undefined: all are known. */
  readonly streams: 'all' | ReadonlySet<string> | undefined;
}

export class Site {
  readonly version: Version;
  readonly parent: Site | undefined;
  readonly name: string;
  /** The record, as it stands in its parent's map. */
  readonly spot: Spot;
  /** 32 hexadecimal digits, if it is a bucket. */
  readonly bucket: string | undefined;
  /** The root of the bucket that it is, or the top. */
  #root: Root | undefined;
  readonly #cache: NodeCache;
  #parts: RecordParts | undefined;
  #map: Node | undefined | null = null;
  /** Those of its children that were looked at. */
  readonly children = new Map<string, Site>();
  /** The sites that histories relate it to. */
  group: Group | undefined;
  entity: Entity | undefined;
  unknown: Unknown | undefined;
  /** Whether the base has it as a bucket, which was taken back. */
  isUnmade = false;

  constructor(
    cache: NodeCache,
    version: Version,
    parent: Site | undefined,
    name: string,
    spot: Spot,
    root?: Root,
  ) {
    this.#cache = cache;
    this.version = version;
    this.parent = parent;
    this.name = name;
    this.spot = spot;
    this.#root = root;
    const { child } = parent === undefined ? NO_BUCKET : readRecord(spot.node, spot.index);
    this.bucket = child?.form === CHILD_BUCKET ? hex(child.bucket) : undefined;
  }

  /** The root of the bucket that it is; of the tree at the top. */
  get root(): Root | undefined {
    if (this.#root === undefined && this.bucket !== undefined) {
      const child = recordChild(this.spot.node, this.spot.index);
      if (child.form === CHILD_BUCKET) this.#root = loadRoot(this.#cache, child.id, child.root);
    }
    return this.#root;
  }

  /** Puts another state of the bucket in the place of its own: that of the bucket's own base. */
  set root(root: Root | undefined) {
    this.#root = root;
    this.#parts = undefined;
    this.#map = null;
  }

  /** Where its streams and children are: within the bucket that it is. */
  get inner(): Spot {
    const { root } = this;
    return root === undefined ? this.spot : { node: root.node, index: 0 };
  }

  get parts(): RecordParts {
    if (this.#parts === undefined) {
      const { node, index } = this.inner;
      this.#parts = readRecord(node, index);
    }
    return this.#parts;
  }

  /** The top node of its child map. */
  get map(): Node | undefined {
    if (this.#map === null) this.#map = childMap(this.#cache, this.inner, this.parts.child);
    return this.#map;
  }

  get isImplied(): boolean {
    return (
      this.bucket === undefined && this.parent !== undefined && this.parts.streams.length === 0
    );
  }

  /** The child of a name; undefined where there is none. */
  child(name: string): Site | undefined {
    const known = this.children.get(name);
    if (known !== undefined) return known;
    const { map } = this;
    const bytes = nameBytes(name);
    if (map === undefined || bytes === undefined) return undefined;
    const spot = findInMap(this.#cache, map, bytes, 0, bytes.length);
    return spot && this.add(name, spot);
  }

  /** Makes a child that was found. */
  add(name: string, spot: Spot): Site {
    const child = new Site(this.#cache, this.version, this, name, spot);
    this.children.set(name, child);
    return child;
  }

  /** The site at a key below; undefined where there is none. */
  at(names: readonly string[]): Site | undefined {
    let site: Site | undefined = this;
    for (const name of names) site = site?.child(name);
    return site;
  }

  /** The names of its children. */
  *names(): Generator<string, void> {
    for (const { name } of diffMaps(this.#cache, undefined, this.map)) yield nameText(name);
  }

  /** Whether it has more children than so many. */
  hasMoreThan(count: number): boolean {
    let left = count;
    for (const _ of this.names()) if (--left < 0) return true;
    return false;
  }

  /** Its key, from the top of the merge; '' is the top's. */
  get key(): string {
    return this.keyBelow(undefined);
  }

  /** Its key, from a site above. */
  keyBelow(above: Site | undefined): string {
    const names: string[] = [];
    let at: Site = this;
    for (; at.parent !== undefined && at !== above; at = at.parent) names.push(at.name);
    return names.length === 0 ? '' : `/${names.reverse().join('/')}`;
  }
}

/** Whether a site is below another one, or is it. */
export function isWithin(site: Site, top: Site | undefined): boolean {
  let at: Site | undefined = site;
  while (at !== undefined && at !== top) at = at.parent;
  return at !== undefined;
}

const NO_BUCKET: { readonly child: undefined } = { child: undefined };

/** Sites that are one entry, as histories say. Where they disagree, there are several of a tree. */
export interface Group {
  readonly base: Site[];
  readonly ours: Site[];
  readonly theirs: Site[];
  readonly ghosts: Ghost[];
}

/** A key of a part of the base under which there is nothing any more. */
export interface Ghost {
  readonly space: Space;
  readonly key: string;
}

/** A part of the trees with a base and relations of its own: the whole, or a bucket. */
export interface Space {
  readonly sites: Readonly<Record<Version, Site | undefined>>;
  readonly ground: Ground;
}

/** What a merge stands on: the base, and where its entries went. */
export interface Ground {
  readonly base: Tree | undefined;
  readonly relations: Readonly<Record<Side, Relation>>;
  /** What a virtual base does not know, by key. */
  readonly unknown: ReadonlyMap<string, Unknown>;
}

/** Where an entity is: within another, under a name. */
export interface Place {
  readonly parent: Entity;
  readonly name: string;
}

/** What is decided of an entity: it lives, it is gone, or nobody has decided. */
export type Fate = 'lives' | 'gone' | 'open';

export class Entity {
  /** Counts entities, so that they have an order. */
  readonly number: number;
  base: Site | undefined;
  ours: Site | undefined;
  theirs: Site | undefined;
  fate: Fate = 'lives';
  /** What is open. */
  open: 'place' | 'presence' | 'all' | undefined;
  /** A side whose state it has, streams and place, by an answer that concerns it whole. */
  pinned: Side | undefined;
  /** A side whose place it has, likewise. */
  pinnedPlace: Side | 'base' | undefined;
  /** Whose record the result starts from. */
  source: Side = 'ours';
  /** Whether that record is the result, but for what is below it and moves. */
  isWhole = false;
  /** Where it shall be; undefined for the top, and where that is open. */
  place: Place | undefined;
  /** Whose place that is. */
  placedBy: Version = 'ours';
  /** Streams that differ from the source's. */
  streams: readonly StreamEdit[] = [];
  /** Rules that differ from the source's. */
  rules: Uint8Array | undefined;
  /** What the merge itself leaves unknown, in a virtual base. */
  unknownStreams: 'all' | Set<string> | undefined;
  /** Keys of a base that has no such entry, which led to it where it was brought back. */
  ghosts: readonly Ghost[] = [];
  /** Further sites whose children are below it: see tangles.ts. */
  readonly extra: Site[] = [];

  constructor(number: number) {
    this.number = number;
  }

  site(version: Version): Site | undefined {
    return this[version];
  }

  /** The bucket that it is: a side may have made one of what the base has as a plain entry. */
  get bucket(): string | undefined {
    const { base, ours, theirs } = this;
    return ours?.bucket ?? theirs?.bucket ?? base?.bucket;
  }

  /** Where it is in one tree. */
  placeIn(version: Version): Place | undefined {
    const site = this[version];
    const parent = site?.parent?.entity;
    return site === undefined || parent === undefined ? undefined : { parent, name: site.name };
  }
}

/**
 * Whether sites may be one entry. A bucket is never another bucket, nor a plain entry, unless it
 * was made of one that a version has of which it can be made.
 */
export function mayBeOne(sites: readonly Site[], makers: readonly Version[]): boolean {
  const marks = new Set(sites.map(({ bucket }) => bucket));
  for (const maker of makers) {
    const own = sites.filter(({ version }) => version === maker);
    if (own.length > 0 && own.every(({ bucket }) => bucket === undefined)) marks.delete(undefined);
  }
  return marks.size <= 1;
}

/** Nobody decides on an entity. */
export function leaveOpen(entity: Entity, what: 'place' | 'presence' | 'all'): void {
  entity.fate = 'open';
  entity.open ??= what;
}

export function samePlace(a: Place | undefined, b: Place | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.parent === b.parent && a.name === b.name;
}

/** Entities of a step. */
const STEP_ENTITIES = 64;

/** All entities, and undefined wherever a step ends. */
export function* inSteps(entities: readonly Entity[]): Generator<Entity | undefined, void> {
  for (const [i, entity] of entities.entries()) {
    if (i % STEP_ENTITIES === STEP_ENTITIES - 1) yield undefined;
    yield entity;
  }
}
