/**
 * Deciding what a merge makes of its entities: what goes, where each is, what its streams are.
 *
 *     removals → places → streams → cycles → names
 *
 * What nobody resolves takes no part in what comes after it, so that both sides find the same
 * conflicts. Nothing is dropped for lack of a place: a removed parent that is still needed comes
 * back bare, and where two entities come to one name, one is given another.
 */
import type { AlgorithmNumber } from '../ground/block-header.js';
import { equalBytes, hex } from '../ground/bytes.js';
import { KEY_BYTES_MAX, NAME_BYTES_MAX } from '../ground/limits.js';
import type { StreamEdit } from '../tree/apply.js';
import { recordAddress, sameStream, streamNames, streamOf } from '../tree/equal.js';
import type { NodeCache } from '../tree/node-cache.js';
import { CHILD_NONE, readRecord, type StreamPart } from '../tree/record.js';
import type { Steps } from '../tree/steps.js';
import type { ConflictKind, Take } from './conflict.js';
import type { Graph } from './graph.js';
import { keyAt, keyIn } from './keys.js';
import { Regions } from './regions.js';
import { conflictAtKey, type Sites } from './report.js';
import type { Judge } from './resolve.js';
import {
  type Entity,
  inSteps,
  leaveOpen,
  type Place,
  SIDES,
  samePlace,
  type Version,
} from './site.js';

/** What deciding needs beside the graph. */
export interface DecideOptions {
  readonly cache: NodeCache;
  readonly judge: Judge;
  /** Whether equal changes of both sides stand against each other as well. */
  readonly strict: boolean;
  /** The rules of a bucket that both sides changed. Throws where they contradict each other. */
  readonly mergeRules: (
    base: Uint8Array | undefined,
    ours: Uint8Array,
    theirs: Uint8Array,
  ) => Uint8Array;
}

const PLACES: readonly Take[] = ['ours', 'theirs', 'base'];
const NAMES: readonly Take[] = ['ours', 'theirs', 'both'];
const STREAMS: readonly Take[] = ['ours', 'theirs', 'base'];
/** Digits of a record's address that tell two of one name apart. */
const DIGITS = 8;

export class Decisions {
  readonly #graph: Graph;
  readonly #options: DecideOptions;
  readonly #regions: Regions;

  constructor(graph: Graph, options: DecideOptions) {
    this.#graph = graph;
    this.#options = options;
    this.#regions = new Regions(options.cache, graph, options.judge, options.strict);
  }

  /** In steps. */
  *decide(): Steps<void> {
    const { entities, top } = this.#graph;
    yield* this.#regions.decide();
    for (const entity of inSteps(entities)) {
      if (entity === undefined) yield;
      else if (entity !== top) this.#findPlace(entity);
    }
    for (const entity of inSteps(entities)) {
      if (entity === undefined) yield;
      else if (entity.fate === 'lives' || entity.open === 'place') this.#mergeContents(entity);
    }
    yield;
    this.#breakCycles();
    yield;
    this.#nameApart();
  }

  // Places.

  #findPlace(entity: Entity): void {
    const version = this.#placedBy(entity);
    entity.place = entity.placeIn(version);
    entity.placedBy = version;
  }

  /** Whose place an entity has. */
  #placedBy(entity: Entity): Version {
    const { base, ours, theirs, pinned, pinnedPlace } = entity;
    const forced = pinnedPlace ?? pinned;
    if (forced !== undefined && entity[forced] !== undefined) return forced;
    if (ours === undefined) return theirs === undefined ? 'base' : 'theirs';
    if (theirs === undefined) return 'ours';
    const [b, o, t] = [entity.placeIn('base'), entity.placeIn('ours'), entity.placeIn('theirs')];
    const isMove = base !== undefined && !samePlace(b, o);
    if (samePlace(o, t) && !(this.#options.strict && isMove)) return 'ours';
    const isKnown = base !== undefined && base.unknown?.place !== true;
    if (isKnown && samePlace(b, o)) return 'theirs';
    if (isKnown && samePlace(b, t)) return 'ours';
    return entity.fate === 'lives' ? this.#asked(entity, isKnown) : 'ours';
  }

  #asked(entity: Entity, isKnown: boolean): Version {
    const sites: Sites = [entity.base, entity.ours, entity.theirs];
    const kind = { kind: 'moved', why: 'two-places' } as const;
    const conflict = conflictAtKey(keyIn(entity), kind, sites, isKnown ? PLACES : SIDES);
    const verdict = this.#options.judge.place(conflict);
    if (verdict === undefined || verdict === 'both') {
      leaveOpen(entity, 'place');
      return 'ours';
    }
    entity.pinnedPlace = verdict;
    return verdict;
  }

  // Streams.

  #mergeContents(entity: Entity): void {
    const { ours, theirs, pinned, source } = entity;
    if (ours === undefined || theirs === undefined) {
      entity.source = ours === undefined ? 'theirs' : 'ours';
      return;
    }
    if (entity.isWhole) return;
    const from = entity[source] ?? ours;
    const edits: StreamEdit[] = [];
    for (const stream of streamNames(entity.base?.parts, ours.parts, theirs.parts)) {
      const part = pinned === undefined ? this.#merged(entity, stream) : 'pinned';
      if (part === undefined) continue;
      const chosen =
        part === 'pinned' ? streamOf(entity[pinned ?? source]?.parts, stream) : part.part;
      if (sameStream(this.#options.cache, chosen, streamOf(from.parts, stream))) continue;
      edits.push({ stream, part: chosen });
    }
    entity.streams = edits;
    this.#mergeRules(entity);
  }

  /** What a stream becomes; undefined where that is open. */
  #merged(entity: Entity, stream: string): { part: StreamPart | undefined } | undefined {
    const { base, ours, theirs } = entity;
    const [b, o, t] = [base, ours, theirs].map((site) => streamOf(site?.parts, stream));
    const { cache, judge, strict } = this.#options;
    const known = !isUnknown(base?.unknown?.streams, stream);
    const isOpen = (['ours', 'theirs'] as const).some((side) => {
      return isUnknown(entity[side]?.unknown?.streams, stream);
    });
    if (!isOpen) {
      if (known && sameStream(cache, b, o)) return { part: t };
      if (known && sameStream(cache, b, t)) return { part: o };
      if (!strict && sameStream(cache, o, t)) return { part: o };
    }
    const kind = streamConflict(known ? b : (b ?? o ?? t), o, t);
    const sites: Sites = [known ? base : undefined, ours, theirs];
    const answers = known && base !== undefined ? STREAMS : SIDES;
    const conflict = conflictAtKey(keyIn(entity), { kind, stream }, sites, answers);
    const verdict = isOpen ? undefined : judge.stream({ ...conflict, stream });
    if (verdict === undefined) {
      markUnknown(entity, stream);
      return undefined;
    }
    if (typeof verdict === 'object') return verdict;
    return { part: verdict === 'ours' ? o : verdict === 'theirs' ? t : b };
  }

  #mergeRules(entity: Entity): void {
    const { base, ours, theirs, source } = entity;
    const [o, t] = [ours?.root?.rules, theirs?.root?.rules];
    if (o === undefined || t === undefined) return;
    const from = source === 'ours' ? o : t;
    const merged = this.#rulesOf(base?.root?.rules, o, t);
    if (!equalBytes(from, merged)) entity.rules = merged;
  }

  #rulesOf(base: Uint8Array | undefined, ours: Uint8Array, theirs: Uint8Array): Uint8Array {
    if (equalBytes(ours, theirs)) return ours;
    if (base !== undefined && equalBytes(base, ours)) return theirs;
    if (base !== undefined && equalBytes(base, theirs)) return ours;
    return this.#options.mergeRules(base, ours, theirs);
  }

  // Cycles.

  #breakCycles(): void {
    for (let again = true; again; ) {
      again = false;
      for (const cycle of this.#cycles()) again = this.#breakCycle(cycle) || again;
    }
  }

  /** The ways of entities within entities that lead round and round. */
  #cycles(): Entity[][] {
    const cycles: Entity[][] = [];
    const seen = new Set<Entity>();
    for (const start of this.#graph.entities) {
      const path: Entity[] = [];
      const onPath = new Set<Entity>();
      let at: Entity | undefined = start;
      while (at !== undefined && at.fate !== 'open' && !seen.has(at)) {
        seen.add(at);
        onPath.add(at);
        path.push(at);
        at = at.place?.parent;
      }
      if (at !== undefined && onPath.has(at)) cycles.push(path.slice(path.indexOf(at)));
    }
    return cycles;
  }

  /** False where it needs no breaking: nothing is in it. */
  #breakCycle(cycle: readonly Entity[]): boolean {
    if (!cycle.some((entity) => entity.fate === 'lives')) {
      for (const entity of cycle) entity.place = undefined;
      return true;
    }
    const [first] = [...cycle].sort((a, b) => (keyIn(a) < keyIn(b) ? -1 : 1));
    if (first === undefined) return false;
    const free = cycle.filter((entity) => entity.pinnedPlace === undefined);
    if (free.length === 0) {
      // What answers pinned together leads round: one of them goes to the top.
      const { top } = this.#graph;
      const place = { parent: top, name: first.place?.name ?? '' };
      first.place = place;
      if (hasChild(top, place.name)) first.place = this.#freePlace(first, new Map());
      return true;
    }
    const { base, ours, theirs } = first;
    const answers = free.every((entity) => entity.base !== undefined) ? PLACES : SIDES;
    const kind = { kind: 'moved', why: 'cycle' } as const;
    const conflict = conflictAtKey(keyIn(first), kind, [base, ours, theirs], answers);
    const verdict = this.#options.judge.place(conflict);
    for (const entity of free) {
      if (verdict === undefined || verdict === 'both') leaveOpen(entity, 'place');
      else {
        entity.pinnedPlace = verdict;
        const place = entity.placeIn(verdict);
        if (place !== undefined) entity.place = place;
        if (place !== undefined) entity.placedBy = verdict;
      }
    }
    return true;
  }

  // Names.

  #nameApart(): void {
    const names = new Map<string, Entity[]>();
    const queue: string[] = [];
    const enter = (entity: Entity): void => {
      const id = placeId(entity.place as Place);
      const group = names.get(id) ?? [];
      group.push(entity);
      names.set(id, group);
      if (group.length === 2) queue.push(id);
    };
    for (const entity of this.#substantial()) enter(entity);
    for (let id = queue.pop(); id !== undefined; id = queue.pop()) {
      const group = names.get(id) as Entity[];
      while (group.length > 1) {
        const loser = this.#loserOf(group);
        if (loser === undefined) {
          for (const entity of group) leaveOpen(entity, 'place');
          break;
        }
        group.splice(group.indexOf(loser), 1);
        loser.place = this.#freePlace(loser, names);
        enter(loser);
      }
    }
  }

  /** Entities that live, with a stream, a bucket's mark, or something living below them. */
  #substantial(): Set<Entity> {
    const found = new Set<Entity>();
    for (const entity of this.#graph.entities) {
      if (entity.fate !== 'lives' || !hasSubstance(entity)) continue;
      const path: Entity[] = [];
      let at: Entity | undefined = entity;
      for (
        ;
        at?.place !== undefined && at.fate !== 'open' && !found.has(at);
        at = at.place.parent
      ) {
        path.push(at);
      }
      if (at?.fate !== 'open') for (const one of path) found.add(one);
    }
    return found;
  }

  /** Who gets another name, of those that came to one; undefined where that is open. */
  #loserOf(group: readonly Entity[]): Entity | undefined {
    const [a, b] = [...group].sort(bySide) as [Entity, Entity];
    const key = keyAt(a.place as Place);
    const kind = { kind: 'moved', why: 'one-name' } as const;
    const base = a.base === undefined || b.base === undefined ? (a.base ?? b.base) : undefined;
    const sites: Sites = [base, a.ours ?? a.theirs, b.theirs ?? b.ours];
    const verdict = this.#options.judge.place(conflictAtKey(key, kind, sites, NAMES));
    if (verdict === undefined) return undefined;
    if (verdict === 'ours') return b;
    if (verdict === 'theirs') return a;
    return recordDigits(a) <= recordDigits(b) ? b : a;
  }

  /** A place beside the one that an entity has to leave. */
  #freePlace(entity: Entity, names: ReadonlyMap<string, unknown>): Place {
    const digits = recordDigits(entity);
    const { place } = entity;
    let { parent } = place as Place;
    for (let length = DIGITS; ; length++) {
      const end = `~${digits.slice(0, length)}${length > digits.length ? `~${length}` : ''}`;
      const name = `${cut((place as Place).name, NAME_BYTES_MAX - end.length)}${end}`;
      while (parent.place !== undefined && isTooLong(keyAt({ parent, name }))) {
        parent = parent.place.parent;
      }
      const free = { parent, name };
      if (names.has(placeId(free)) || hasChild(parent, name)) continue;
      return free;
    }
  }
}

function isUnknown(streams: 'all' | ReadonlySet<string> | undefined, stream: string): boolean {
  return streams === 'all' || streams?.has(stream) === true;
}

function markUnknown(entity: Entity, stream: string): void {
  if (entity.unknownStreams === 'all') return;
  entity.unknownStreams ??= new Set();
  entity.unknownStreams.add(stream);
}

function streamConflict(
  base: StreamPart | undefined,
  ours: StreamPart | undefined,
  theirs: StreamPart | undefined,
): ConflictKind {
  if (base === undefined) return 'both-added';
  if (ours === undefined) return 'removed/changed';
  return theirs === undefined ? 'changed/removed' : 'both-changed';
}

/** Whether an entity is more than a way to others: it has streams, a mark, or what goes along. */
export function hasSubstance(entity: Entity): boolean {
  const site = entity[entity.source] ?? entity.ours ?? entity.theirs;
  if (site === undefined) return false;
  if (site.bucket !== undefined || entity.streams.some(({ part }) => part !== undefined))
    return true;
  const removed = entity.streams.filter(({ part }) => part === undefined).length;
  if (site.parts.streams.length > removed) return true;
  if (entity.unknownStreams !== undefined || site.parts.child.form === CHILD_NONE) {
    return entity.unknownStreams !== undefined;
  }
  const known = [...site.children.values()].filter((child) => child.entity !== undefined).length;
  return site.hasMoreThan(known);
}

function hasChild(parent: Entity, name: string): boolean {
  return SIDES.some((side) => parent[side]?.child(name) !== undefined);
}

function placeId({ parent, name }: Place): string {
  return `${parent.number}/${name}`;
}

function isTooLong(key: string): boolean {
  return Buffer.byteLength(key) > KEY_BYTES_MAX;
}

/** As much of a name as fits, whole characters. */
function cut(name: string, bytes: number): string {
  const characters = [...name];
  while (Buffer.byteLength(characters.join('')) > bytes) characters.pop();
  return characters.join('');
}

/** Those that ours brought to a place before those that theirs did. */
function bySide(a: Entity, b: Entity): number {
  return rankOf(a) - rankOf(b) || (keyIn(a) < keyIn(b) ? -1 : 1);
}

function rankOf(entity: Entity): number {
  const [o, t] = SIDES.map((side) => samePlace(entity.placeIn(side), entity.place));
  if (o !== t) return o ? 0 : 2;
  return 1;
}

/** The digits of the address of an entity's record, of the side that brought it to its place. */
function recordDigits(entity: Entity): string {
  const side = entity.placedBy === 'base' ? entity.source : entity.placedBy;
  const site = entity[side] ?? entity.ours ?? entity.theirs;
  if (site === undefined) return '';
  const { node, index } = site.spot;
  const algorithm = node.algorithm as AlgorithmNumber;
  return hex(recordAddress(algorithm, readRecord(node, index))).slice(2);
}
