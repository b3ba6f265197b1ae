/**
 * What a decided merge comes to: the edit that makes the merged tree, and the maps from both sides.
 *
 * The edit starts from one side's record of each entity. What stays under its name within its
 * parent goes along; what comes from elsewhere is placed, what left is cleared.
 */
import { compareBytes } from '../ground/bytes.js';
import { nameBytes } from '../ground/text.js';
import type { MapRow } from '../log/maps.js';
import type { EntryEdit } from '../tree/apply.js';
import { readRecord } from '../tree/record.js';
import { NO_NAME } from '../tree/root.js';
import type { Steps } from '../tree/steps.js';
import type { Side } from './conflict.js';
import { hasSubstance } from './decide.js';
import type { Graph } from './graph.js';
import { namesOf } from './relation.js';
import { ledFrom, ledTo, type Pair, rowsOf } from './rows.js';
import { type Entity, inSteps, isWithin, SIDES, type Site, type Space, samePlace } from './site.js';

/** What becomes the rows of one map: see `rowsOf`. */
interface Parts {
  readonly pairs: Pair[];
  readonly gone: string[];
  readonly came: string[];
}

/** Where both sides last had what is gone, by the keys of a part of the trees. */
interface Grave {
  readonly entity: Entity;
  readonly space: Space;
  readonly last: Readonly<Record<Side, string>>;
}

/** The rows of a merge's maps from both sides. */
export type SideRows = Readonly<Record<Side, readonly MapRow[]>>;

const NO_ROWS: SideRows = { ours: [], theirs: [] };

export class Outcome {
  readonly #graph: Graph;
  readonly #hasMap: (bucket: string, side: Side) => boolean;
  /** What is placed within each entity, by name. */
  readonly #placed = new Map<Entity, Map<string, Entity>>();
  readonly #finals = new Map<Entity, string>();
  /** Entities that are not as the record of their parent has them, or have such below. */
  readonly #touched = new Set<Entity>();
  /** Entities whose records were placed, removed or edited. */
  changed = 0;

  /** `hasMap` says whether the commit of a bucket within will have a map from a side. */
  constructor(graph: Graph, hasMap: (bucket: string, side: Side) => boolean) {
    this.#graph = graph;
    this.#hasMap = hasMap;
    this.#finals.set(graph.top, '');
  }

  /** Finds where everything is, and what differs from the records that it starts from. */
  *find(): Steps<void> {
    const { entities } = this.#graph;
    for (const entity of inSteps(entities)) {
      if (entity === undefined) yield;
      else if (entity.fate === 'lives' && hasSubstance(entity)) this.#reach(entity);
    }
    for (const entity of inSteps([...this.#finals.keys()])) {
      if (entity === undefined) yield;
      else this.#findChange(entity);
    }
  }

  /** Places an entity and all that it is within; a parent that is gone comes back bare. */
  #reach(entity: Entity): void {
    const path: Entity[] = [];
    let at = entity;
    while (!this.#finals.has(at)) {
      if (at.place === undefined || path.length > this.#graph.entities.length) return;
      path.push(at);
      at = at.place.parent;
    }
    for (const one of path.reverse()) {
      const { parent, name } = one.place as { parent: Entity; name: string };
      this.#finals.set(one, `${this.#finals.get(parent)}/${name}`);
      const children = this.#placed.get(parent) ?? new Map<string, Entity>();
      this.#placed.set(parent, children);
      const there = children.get(name);
      // A way to something, beside something that is there: the two are one.
      if (there === undefined || there.fate !== 'lives') children.set(name, one);
    }
  }

  #findChange(entity: Entity): void {
    const changes =
      (entity !== this.#graph.top && !this.#stays(entity)) ||
      entity.streams.length > 0 ||
      entity.rules !== undefined ||
      this.#left(entity).length > 0;
    if (!changes) return;
    this.changed++;
    for (let at: Entity | undefined = entity; at !== undefined; at = at.place?.parent) {
      if (this.#touched.has(at)) break;
      this.#touched.add(at);
    }
  }

  /** Whether an entity goes along with the record of the entity that it is within. */
  #stays(entity: Entity): boolean {
    if (entity.fate !== 'lives') return false;
    const { place, source } = entity;
    const around = place?.parent;
    if (around === undefined || around.fate === 'gone' || around.source !== source) return false;
    const site = entity[source];
    return site !== undefined && site.parent === around[source] && site.name === place?.name;
  }

  /** The names in an entity's record that are left, or have something else now. */
  #left(entity: Entity): string[] {
    const site = entity.fate === 'gone' ? undefined : entity[entity.source];
    const placed = this.#placed.get(entity);
    const left: string[] = [];
    for (const [name, child] of site?.children ?? []) {
      const one = child.entity;
      if (one === undefined) continue;
      const isOwn = one[entity.source] === child && one.place?.parent === entity;
      const stays = isOwn && this.#finals.has(one) && this.#stays(one);
      if (!stays && !placed?.has(name)) left.push(name);
    }
    return left;
  }

  /** The side whose root is edited, and how. */
  edit(): { readonly side: Side; readonly edit: EntryEdit } {
    const { top } = this.#graph;
    return { side: top.source, edit: this.#editOf(top, NO_NAME, false) };
  }

  #editOf(entity: Entity, bytes: Uint8Array, places: boolean): EntryEdit {
    const { streams, rules } = entity;
    const end = bytes.length;
    const isBare = entity.fate === 'gone';
    const site = entity[entity.source];
    const parts =
      places && !isBare && site !== undefined
        ? readRecord(site.spot.node, site.spot.index)
        : undefined;
    const names = this.#changedWithin(entity);
    const below = names.length === 0 ? undefined : () => this.#editsBelow(entity, names);
    if (isBare) return { bytes, start: 0, end, clear: true, streams: [], below };
    return { bytes, start: 0, end, clear: false, parts, streams, rules, below };
  }

  #changedWithin(entity: Entity): string[] {
    const names = this.#left(entity);
    for (const [name, child] of this.#placed.get(entity) ?? []) {
      if (this.#touched.has(child)) names.push(name);
    }
    return names;
  }

  #editsBelow(entity: Entity, names: readonly string[]): EntryEdit[] {
    const placed = this.#placed.get(entity);
    return names
      .map((name): EntryEdit => {
        const bytes = nameBytes(name) ?? NO_NAME;
        const child = placed?.get(name);
        if (child !== undefined) return this.#editOf(child, bytes, !this.#stays(child));
        return { bytes, start: 0, end: bytes.length, clear: true, streams: [] };
      })
      .sort((a, b) => compareBytes(a.bytes, b.bytes));
  }

  /** Whether something that was looked at is at a key of the result. */
  isTaken(key: string): boolean {
    return [...this.#finals.values()].includes(key);
  }

  /** Where an entity is in the result. */
  keyOf(entity: Entity): string | undefined {
    return this.#finals.get(entity);
  }

  /**
   * The rows of the maps from both sides, by the bucket whose keys they are; '' is the whole, which
   * may have them all.
   */
  *rows(atTop: boolean): Steps<Map<string, SideRows>> {
    if (SIDES.every((side) => this.#isPlain(side))) return new Map();
    const parts = new Map<string, Record<Side, Parts>>();
    for (const side of SIDES) {
      for (const entity of inSteps(this.#graph.entities)) {
        if (entity === undefined) yield;
        else this.#partsOf(entity, side, atTop, parts);
      }
    }
    const rows = new Map<string, SideRows>();
    for (const [bucket, both] of parts) {
      const taken = new Set(SIDES.flatMap((side) => both[side].pairs.map(({ to }) => to)));
      const isTaken = (key: string): boolean => taken.has(key);
      const [ours, theirs] = SIDES.map((side) => {
        const { pairs, gone, came } = both[side];
        return rowsOf(pairs, gone, isTaken, came);
      });
      rows.set(bucket, { ours: ours ?? [], theirs: theirs ?? [] });
    }
    if (!atTop) this.#bury(rows);
    return rows;
  }

  /**
   * Notes of what is gone, and was not at one key, where one side last had it: so that what either
   * brings back is one entry to both.
   */
  #bury(rows: Map<string, SideRows>): void {
    const graves = this.#graph.entities.flatMap((one) => this.#graveOf(one) ?? []);
    // What holds others first, with which those may go along.
    for (const { entity, space, last } of graves.sort(byKey)) {
      const bucket = space.sites.base?.bucket ?? '';
      const both = rows.get(bucket) ?? NO_ROWS;
      const [ours, theirs] = SIDES.map((side) => ledTo(both[side], last[side]));
      if (ours === undefined || theirs === undefined || ours === theirs) continue;
      // Where the one that removed it had it, or else the lower key.
      const isLower = entity.ours === entity.theirs ? theirs < ours : entity.theirs === undefined;
      const [side, to] = isLower ? (['ours', theirs] as const) : (['theirs', ours] as const);
      if (!this.#mayBury(space, bucket, both, side, to)) continue;
      const row = { from: last[side], to, returned: false, buried: true } as const;
      const others = both[side].filter(({ from }) => from !== row.from);
      rows.set(bucket, { ...both, [side]: [...others, row] });
    }
  }

  /** Whether a side has a map, and nothing comes to be at that key. */
  #mayBury({ sites }: Space, bucket: string, rows: SideRows, side: Side, key: string): boolean {
    if (bucket !== '' && !this.#hasMap(bucket, side)) return false;
    for (const one of SIDES) {
      const from = [key, ...ledFrom(rows[one], key)];
      if (from.some((origin) => sites[one]?.at(namesOf(origin)) !== undefined)) return false;
    }
    const around = sites[side]?.entity;
    return around === undefined || !this.isTaken((this.#finals.get(around) ?? '') + key);
  }

  /** Where both sides last had what is gone, if that is not one key. */
  #graveOf(entity: Entity): Grave | undefined {
    const { fate, base } = entity;
    if (fate !== 'gone' || base === undefined) return undefined;
    if (entity.ours !== undefined && entity.theirs !== undefined) return undefined;
    const space = this.#graph.spaceOf(base, SIDES);
    if (space === undefined) return undefined;
    const key = base.keyBelow(space.sites.base);
    const [ours, theirs] = SIDES.map((side) => {
      const [site, top] = [entity[side], space.sites[side]];
      if (site !== undefined) return isWithin(site, top) ? site.keyBelow(top) : undefined;
      // What has another entry at its key is known by that already.
      const last = space.ground.relations[side].imagesOf(key);
      return last.filter((image) => top?.at(namesOf(image)) === undefined).sort()[0];
    });
    if (ours === undefined || theirs === undefined || ours === theirs) return undefined;
    return { entity, space, last: { ours, theirs } };
  }

  /** Whether everything that a side has is where that side has it, and nothing comes back. */
  #isPlain(side: Side): boolean {
    if (this.#graph.entities.some((entity) => this.#graveOf(entity) !== undefined)) return false;
    for (const entity of this.#finals.keys()) {
      const { place } = entity;
      if (entity.fate !== 'lives' || place === undefined) continue;
      if (entity.ghosts.length > 0) return false;
      if (entity.base !== undefined && entity[side] === undefined) return false;
      if (isUnmade(entity, side)) return false;
      if (entity[side] !== undefined && !samePlace(entity.placeIn(side), place)) return false;
      const there = place.parent[side]?.children.get(place.name)?.entity;
      if (there !== undefined && there !== entity) return false;
    }
    return true;
  }

  #partsOf(
    entity: Entity,
    side: Side,
    atTop: boolean,
    parts: Map<string, Record<Side, Parts>>,
  ): void {
    const site = entity[side];
    if (entity === this.#graph.top) return;
    const lives = entity.fate === 'lives' && this.#finals.has(entity);
    if (site !== undefined) {
      const around = atTop ? undefined : this.#around(site, side, lives ? entity : undefined);
      const from = site.keyBelow(around?.[side]);
      if (lives) {
        const to = this.#keyWithin(entity, around);
        const returned = isUnmade(entity, side);
        partsIn(parts, around?.bucket)[side].pairs.push({ from, to, returned });
        for (const [bucket, key] of atTop ? [] : this.#cameInto(around, entity)) {
          partsIn(parts, bucket)[side].came.push(key);
        }
      } else partsIn(parts, around?.bucket)[side].gone.push(from);
      for (const left of atTop ? [] : this.#bucketsWithin(around, site)) {
        partsIn(parts, left.bucket)[side].gone.push(site.keyBelow(left));
      }
    }
    if (!lives) return;
    const to = this.#finals.get(entity) as string;
    const last = this.#lastKeys(entity, side);
    const { pairs } = partsIn(parts, '')[side];
    for (const from of last) pairs.push({ from, to, returned: true });
    // So that it is not taken for replaced by what came back to its key.
    if (site !== undefined && last.length > 0) {
      pairs.push({ from: site.key, to, returned: false });
    }
  }

  /**
   * The innermost bucket, of those that have a map, that holds both where a site is and where its
   * entity comes to be.
   */
  #around(site: Site, side: Side, entity: Entity | undefined): Entity | undefined {
    const held = new Set<Entity>();
    for (let at = entity?.place?.parent; at !== undefined; at = at.place?.parent) held.add(at);
    for (let at = site.parent; at !== undefined; at = at.parent) {
      const one = at.entity;
      if (at.bucket === undefined || one === undefined || one[side] !== at) continue;
      if (!this.#hasMap(at.bucket, side)) continue;
      if (entity === undefined || held.has(one)) return one;
    }
    return undefined;
  }

  /** The buckets around a site, up to one: what it leaves. */
  *#bucketsWithin(around: Entity | undefined, site: Site): Generator<Site, void> {
    for (let at = site.parent; at !== undefined && at !== around?.[site.version]; at = at.parent) {
      if (at.bucket !== undefined) yield at;
    }
  }

  /** The buckets around an entity in the result, up to one, and its keys in them. */
  *#cameInto(around: Entity | undefined, entity: Entity): Generator<[string, string], void> {
    for (let at = entity.place?.parent; at !== undefined && at !== around; at = at.place?.parent) {
      if (at.bucket !== undefined) yield [at.bucket, this.#keyWithin(entity, at)];
    }
  }

  #keyWithin(entity: Entity, around: Entity | undefined): string {
    const key = this.#finals.get(entity) as string;
    return around === undefined ? key : key.slice((this.#finals.get(around) ?? '').length);
  }

  /** Where a side last had an entity that it removed, on some way, and the merge keeps. */
  #lastKeys(entity: Entity, side: Side): string[] {
    const keys: string[] = [];
    const { base } = entity;
    const space = base === undefined ? undefined : this.#graph.spaceOf(base, [side]);
    const ghosts = [...entity.ghosts];
    if (base !== undefined && space !== undefined) {
      ghosts.push({ space, key: base.keyBelow(space.sites.base) });
    }
    for (const { space, key } of ghosts) {
      const top = space.sites[side];
      if (top === undefined) continue;
      // Of what left a bucket that one says nothing any more.
      if (entity[side] !== undefined && !isWithin(entity[side], top)) continue;
      for (const image of space.ground.relations[side].lastOf(key)) {
        if (top.at(namesOf(image)) !== undefined) continue;
        // What left its key there and is known may have been moved within a bucket.
        if (entity[side] === undefined || !leadsIntoBucket(top, image)) keys.push(top.key + image);
      }
    }
    return keys;
  }
}

function byKey({ entity: a }: Grave, { entity: b }: Grave): number {
  return (a.base?.key ?? '') < (b.base?.key ?? '') ? -1 : 1;
}

/** Whether a side has an entry as a bucket, which is none any more. */
function isUnmade(entity: Entity, side: Side): boolean {
  return entity[side]?.bucket !== undefined && entity[entity.source]?.bucket === undefined;
}

function leadsIntoBucket(top: Site, key: string): boolean {
  let at: Site | undefined = top;
  for (const name of namesOf(key)) {
    at = at?.child(name);
    if (at?.bucket !== undefined) return true;
  }
  return false;
}

function partsIn(parts: Map<string, Record<Side, Parts>>, bucket = ''): Record<Side, Parts> {
  const newParts = (): Parts => ({ pairs: [], gone: [], came: [] });
  const known = parts.get(bucket) ?? { ours: newParts(), theirs: newParts() };
  parts.set(bucket, known);
  return known;
}
