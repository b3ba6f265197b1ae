/**
 * Removals: what one side removed and the other still has.
 *
 * A region is the topmost entry that one side removed, with all that it removed below it, as the
 * other side has it. Where the other side changed nothing in it, it is gone. Where it did, that is
 * one conflict, at its top: either the region goes, with what is new in it, and what was moved into
 * it goes back; or it stays whole.
 *
 * An entry that has children only, all of which were moved elsewhere, was not removed: it vanished
 * with them, and is where the other side has it.
 */
import { equalBytes } from '../ground/bytes.js';
import { nameText } from '../ground/text.js';
import { diffMaps } from '../tree/diff-map.js';
import { sameEntry, sameStream, streamNames, streamOf } from '../tree/equal.js';
import { childMap, crossBorder, type Spot } from '../tree/lookup.js';
import type { NodeCache } from '../tree/node-cache.js';
import { CHILD_BUCKET, type RecordParts, readRecord, recordChild } from '../tree/record.js';
import type { Steps } from '../tree/steps.js';
import type { Side } from './conflict.js';
import type { Graph } from './graph.js';
import { keyIn } from './keys.js';
import { conflictAtKey } from './report.js';
import type { Judge } from './resolve.js';
import { type Entity, inSteps, leaveOpen, otherSide, SIDES, type Site, samePlace } from './site.js';

export class Regions {
  readonly #cache: NodeCache;
  readonly #graph: Graph;
  readonly #judge: Judge;
  /** Whether two removals stand against each other, too. */
  readonly #strict: boolean;
  readonly #vanished = { ours: new Map<Entity, boolean>(), theirs: new Map<Entity, boolean>() };

  constructor(cache: NodeCache, graph: Graph, judge: Judge, strict: boolean) {
    this.#cache = cache;
    this.#graph = graph;
    this.#judge = judge;
    this.#strict = strict;
  }

  /** Decides on all that one side removed. */
  *decide(): Steps<void> {
    for (const entity of inSteps(this.#graph.entities)) {
      if (entity === undefined) yield;
      if (entity?.fate !== 'lives' || entity.base === undefined) continue;
      if (entity.ours === undefined && entity.theirs === undefined) this.#bothRemoved(entity);
      else if (this.#isTop(entity)) this.#decide(entity, removerOf(entity) as Side);
    }
  }

  #bothRemoved(entity: Entity): void {
    entity.fate = 'gone';
    const { base } = entity;
    const parent = base?.parent?.entity;
    const isTop = parent?.ours !== undefined && parent.theirs !== undefined;
    if (!this.#strict || !isTop || this.hasVanished(entity, 'ours')) return;
    const kind = { kind: 'removed/changed' } as const;
    const conflict = conflictAtKey(keyIn(entity), kind, [base, undefined, undefined], SIDES);
    this.#judge.entry(conflict, 'theirs');
  }

  /** Whether it is the topmost entry that one side removed. */
  #isTop(entity: Entity): boolean {
    const remover = this.#remover(entity);
    if (remover === undefined) return false;
    const keeper = otherSide(remover);
    let above = entity[keeper]?.parent?.entity;
    // What is new in between, or vanished, belongs to what was removed around it.
    while (above !== undefined && this.#isBetween(above, remover)) {
      above = above[keeper]?.parent?.entity;
    }
    return above === undefined || this.#remover(above) !== remover;
  }

  /** Whether a side has not what the other has, and did not remove it. */
  #isBetween(entity: Entity, remover: Side): boolean {
    if (entity[remover] !== undefined) return false;
    return entity.base === undefined || this.hasVanished(entity, remover);
  }

  /** The side that removed an entity which the other side has. */
  #remover(entity: Entity): Side | undefined {
    const remover = entity.pinned === undefined ? removerOf(entity) : undefined;
    return remover === undefined || this.hasVanished(entity, remover) ? undefined : remover;
  }

  /** Whether all of an entity's children left it on a side, and it with them. */
  hasVanished(entity: Entity, side: Side): boolean {
    if (entity.base === undefined || entity[side] !== undefined) return false;
    const known = this.#vanished[side].get(entity);
    if (known !== undefined) return known;
    const vanished = entity.base.isImplied && this.#haveLeft(entity.base, side);
    this.#vanished[side].set(entity, vanished);
    return vanished;
  }

  #haveLeft(base: Site, side: Side): boolean {
    if (base.children.size === 0) return false;
    let left = 0;
    for (const child of base.children.values()) {
      const { entity } = child;
      if (entity === undefined) return false;
      if (entity[side] === undefined && !this.hasVanished(entity, side)) return false;
      left++;
    }
    for (const _ of diffMaps(this.#cache, undefined, base.map)) if (--left < 0) return false;
    return true;
  }

  #decide(top: Entity, remover: Side): void {
    const keeper = otherSide(remover);
    const region = this.#regionOf(top, remover);
    if (!region.changed) {
      for (const member of region.members) member.fate = 'gone';
      return;
    }
    const kind = remover === 'ours' ? 'removed/changed' : 'changed/removed';
    const { base, ours, theirs } = top;
    const verdict = this.#judge.entry(
      conflictAtKey(keyIn(top), { kind }, [base, ours, theirs], SIDES),
      keeper,
    );
    if (verdict === remover) {
      for (const one of [...region.members, ...region.added]) one.fate = 'gone';
      for (const one of region.movedIn) one.pinnedPlace = remover;
    } else if (verdict === keeper) {
      for (const member of region.members) member.pinned = keeper;
    } else {
      for (const one of [...region.members, ...region.added]) leaveOpen(one, 'presence');
      for (const one of region.movedIn) leaveOpen(one, 'place');
    }
  }

  /** What belongs to a region, as the side that has it still sees it. */
  #regionOf(top: Entity, remover: Side): Region {
    const keeper = otherSide(remover);
    const region: Region = { members: [], added: [], movedIn: [], changed: false };
    const stack: { entity: Entity; isNew: boolean }[] = [{ entity: top, isNew: false }];
    for (let at = stack.pop(); at !== undefined; at = stack.pop()) {
      const { entity, isNew } = at;
      const site = entity[keeper] as Site;
      if (isNew) region.added.push(entity);
      else {
        region.members.push(entity);
        region.changed ||= this.#isChanged(entity, site);
      }
      for (const child of site.children.values()) {
        const one = child.entity;
        if (one === undefined || one[keeper] !== child) continue;
        if (one[remover] !== undefined) this.#noteMoved(region, one, keeper);
        else {
          const isAdded = one.base === undefined;
          region.changed ||= isAdded;
          stack.push({ entity: one, isNew: isAdded });
        }
      }
    }
    return region;
  }

  /** What the other side has elsewhere: moved in here, or out of here there. */
  #noteMoved(region: Region, entity: Entity, keeper: Side): void {
    const [base, there] = [entity.placeIn('base'), entity.placeIn(otherSide(keeper))];
    if (base !== undefined && samePlace(base, entity.placeIn(keeper))) return;
    region.changed = true;
    // What both moved has a conflict of its own.
    if (samePlace(base, there)) region.movedIn.push(entity);
  }

  /** Whether a side changed an entry that the other removed. If not strict, removals count not. */
  #isChanged(entity: Entity, site: Site): boolean {
    const { base } = entity;
    if (base === undefined) return true;
    const { unknown } = base;
    if (unknown !== undefined && (unknown.presence || unknown.streams !== undefined)) return true;
    if (!samePlace(entity.placeIn('base'), entity.placeIn(site.version))) return true;
    if (site.bucket !== undefined && base.bucket !== site.bucket) return true;
    const [rules, own] = [base.root?.rules, site.root?.rules];
    if (rules !== undefined && own !== undefined && !equalBytes(rules, own)) return true;
    if (hasNewStreams(this.#cache, base.parts, site.parts)) return true;
    const known = (name: string): boolean => site.children.has(name) || base.children.has(name);
    if (changedBelow(this.#cache, base.inner, site.inner, known)) return true;
    return this.#strict && this.#isLess(base, site, known);
  }

  /** Whether a side removed anything of an entry that the other removed whole. */
  #isLess(base: Site, site: Site, known: (name: string) => boolean): boolean {
    if (hasNewStreams(this.#cache, site.parts, base.parts)) return true;
    const removed = [...base.children.values()].some(({ entity }) => {
      return entity !== undefined && SIDES.every((side) => this.#isGone(entity, side));
    });
    return removed || changedBelow(this.#cache, site.inner, base.inner, known);
  }

  #isGone(entity: Entity, side: Side): boolean {
    return entity[side] === undefined && !this.hasVanished(entity, side);
  }
}

interface Region {
  readonly members: Entity[];
  /** New on the side that has the region. */
  readonly added: Entity[];
  /** What that side moved in, and the other has elsewhere. */
  readonly movedIn: Entity[];
  changed: boolean;
}

/** The side that has not what the base and the other have. */
function removerOf({ base, ours, theirs }: Entity): Side | undefined {
  if (base === undefined || (ours === undefined) === (theirs === undefined)) return undefined;
  return ours === undefined ? 'ours' : 'theirs';
}

function hasNewStreams(cache: NodeCache, before: RecordParts, after: RecordParts): boolean {
  for (const name of streamNames(before, after)) {
    const now = streamOf(after, name);
    if (now !== undefined && !sameStream(cache, streamOf(before, name), now)) return true;
  }
  return false;
}

/** Whether anything was added or changed below an entry, but at the names passed over. */
function changedBelow(
  cache: NodeCache,
  before: Spot,
  after: Spot,
  passes: (name: string) => boolean,
): boolean {
  const stack = [differences(cache, before, after)];
  for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
    const { value } = top.next();
    if (value === undefined) {
      stack.pop();
      continue;
    }
    const { name, before: a, after: b } = value;
    if (b === undefined || (stack.length === 1 && passes(nameText(name)))) continue;
    if (a === undefined) return true;
    if (sameEntry(cache, a, b)) continue;
    const [x, y] = [recordChild(a.node, a.index), recordChild(b.node, b.index)];
    const isBucket = x.form === CHILD_BUCKET;
    if (isBucket !== (y.form === CHILD_BUCKET)) return true;
    const [was, is] = [crossBorder(cache, a), crossBorder(cache, b)];
    const [p, q] = [readRecord(was.node, was.index), readRecord(is.node, is.index)];
    if (hasNewStreams(cache, p, q)) return true;
    stack.push(differences(cache, was, is));
  }
  return false;
}

function differences(cache: NodeCache, before: Spot, after: Spot) {
  const [a, b] = [before, after].map((spot) => {
    return childMap(cache, spot, recordChild(spot.node, spot.index));
  });
  return diffMaps(cache, a, b);
}
