/**
 * Where the entries of one tree, the base, are in another: a relation of keys, sparse, composed map
 * by map.
 *
 *     map        /a -> /b    /b/c -> /d    /x -> /a
 *     relation   /a: /b      /b/c: /d      /x: /a       /a/y: /b/y, since it goes along
 *
 * Paths through history may disagree, so a relation is a set of ways, each of which composes the
 * maps of some paths: one key may have several places, and several keys one.
 *
 * A way lists only keys that do not go along with what holds them: in a picture of the present tree
 * each listed node names the base's keys that are there now, and every other node has what its
 * parent's make of its name. Nothing is asked of the trees: a key whose entry was removed stays
 * where it would be, and leads nowhere. Keys are texts, '/a/b', and '' for the top.
 */
import { nameBytes } from '../ground/text.js';
import { isReplaced, type MapRow, replacedKey } from '../log/maps.js';
import type { Names } from '../tree/key.js';

/** A key of the present tree at which something is known of the base. */
interface Place {
  name: string;
  parent: Place | undefined;
  readonly children: Map<string, Place>;
  /** The base's keys that are here; undefined where they follow from the parent's. */
  origins: Set<string> | undefined;
  /** Whether it was brought back after its removal: see `MapRow`. */
  returned: boolean;
}

const NOWHERE: ReadonlySet<Place> = new Set();

/** Ways that are followed where paths disagree. */
const WAYS_MAX = 32;

export class Relation {
  readonly #ways: readonly Way[];
  /** Ways on which entries were removed, as if they were there still. */
  readonly #ended: Way[];

  /** Each key is where it was, unless other ways are given. */
  constructor(ways: readonly Way[] = [new Way()], ended: readonly Way[] = []) {
    this.#ways = ways;
    this.#ended = [...ended];
  }

  /** Whether every key is where it was. */
  get isIdentity(): boolean {
    return this.#ways.every((way) => way.isIdentity);
  }

  /** The listed keys of the base. */
  bases(): Set<string> {
    return new Set(this.#ways.flatMap((way) => [...way.bases()]));
  }

  /** The listed keys of the present tree: what is there of the base, if anything, is known. */
  present(): Set<string> {
    return new Set(this.#ways.flatMap((way) => [...way.present()]));
  }

  /** Whether a key of the base is listed. */
  lists(base: string): boolean {
    return this.#ways.some((way) => way.lists(base));
  }

  /** Where a key of the base is now. */
  imagesOf(base: string): string[] {
    return this.#all((way) => way.imagesOf(base));
  }

  /** The same, of what was brought back after its removal alone. */
  returnsOf(base: string): string[] {
    return this.#all((way) => way.returnsOf(base));
  }

  /**
   * Where a key of the base is or, on ways on which it was removed, would be; where another came to
   * its key, what `replacedKey` makes of it.
   */
  lastOf(base: string): string[] {
    return [...new Set([...this.#ways, ...this.#ended].flatMap((way) => way.lastOf(base)))];
  }

  /** Where a key of the base was when another came there, by `replacedKey`. */
  replacedOf(base: string): string[] {
    return this.#all((way) => way.lastOf(base)).filter(isReplaced);
  }

  /** Whether a key of the base leads nowhere, since a map says so of it: no name leads there. */
  isGone(base: string): boolean {
    return this.imagesOf(base).length === 0 && this.#ways.some((way) => way.isGone(base));
  }

  /** The keys of the base that are at a key now. */
  originsOf(key: string): string[] {
    return this.#all((way) => way.originsOf(key));
  }

  #all(of: (way: Way) => string[]): string[] {
    const [first, ...others] = this.#ways;
    if (first === undefined) return [];
    return others.length === 0 ? of(first) : [...new Set(this.#ways.flatMap(of))];
  }

  /** Goes on by what happened next: the rows of one map, all at once. */
  apply(rows: readonly MapRow[]): void {
    for (const way of [...this.#ways, ...this.#ended]) way.apply(rows);
  }

  /** Says no more of some keys of the base, but where they were brought back. */
  drop(bases: readonly string[]): void {
    if (bases.length > 0) this.#ended.push(...this.#ways.map((way) => way.copy()));
    for (const base of bases) for (const way of this.#ways) way.drop(base);
  }

  copy(): Relation {
    const [ways, ended] = [this.#ways, this.#ended].map((list) => list.map((way) => way.copy()));
    return new Relation(ways, ended);
  }

  /** All that several relations from one base to one tree say. */
  static union(relations: readonly Relation[]): Relation {
    const ways = distinct(relations.flatMap((relation) => relation.#ways));
    return new Relation(ways, distinct(relations.flatMap((relation) => relation.#ended)));
  }
}

/** Each way once, in an order of its own. */
function distinct(ways: readonly Way[]): Way[] {
  const texts = new Map(ways.map((way) => [way.text(), way]));
  const sorted = [...texts].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, way]) => way);
  return sorted.slice(0, WAYS_MAX);
}

/** What one way through history makes of the base's keys. */
class Way {
  readonly #top: Place = newPlace('', undefined);
  /** Where the base's keys are that are listed. */
  readonly #places = new Map<string, Set<Place>>();
  /** Those of which a map says that they are gone. */
  readonly #gone = new Set<string>();

  constructor() {
    this.#top.origins = new Set(['']);
    this.#places.set('', new Set([this.#top]));
  }

  /** Whether every key is where it was. */
  get isIdentity(): boolean {
    return this.#places.size === 1 && this.#top.children.size === 0;
  }

  lists(base: string): boolean {
    return this.#places.has(base);
  }

  /** The listed keys of the base, but the top. */
  *bases(): Generator<string, void> {
    for (const key of this.#places.keys()) if (key !== '') yield key;
  }

  /** Where a key of the base is now. */
  imagesOf(base: string): string[] {
    return this.lastOf(base).filter((key) => !isReplaced(key));
  }

  /** The same, or where it was when another came there. */
  lastOf(base: string): string[] {
    return this.#imagesOf(base).map(({ key }) => key);
  }

  /** The same, of what was brought back after its removal alone. */
  returnsOf(base: string): string[] {
    return this.#imagesOf(base).flatMap(({ key, place }) => {
      return place.returned && !isReplaced(key) ? [key] : [];
    });
  }

  isGone(base: string): boolean {
    return this.#gone.has(base.slice(0, base.length - this.#longest(base)[1].length));
  }

  #imagesOf(base: string): { key: string; place: Place }[] {
    const [listed, rest] = this.#longest(base);
    const images: { key: string; place: Place }[] = [];
    for (const place of listed) {
      const key = this.#keyOf(place);
      if (key === undefined || this.#isListedBelow(place, rest)) continue;
      images.push({ key: key + rest, place });
    }
    return images;
  }

  /** The keys of the base that are at a key now. */
  originsOf(key: string): string[] {
    let at: Place | undefined = this.#top;
    let { origins } = at;
    let rest = '';
    for (const name of namesOf(key)) {
      rest += `/${name}`;
      at = at?.children.get(name);
      if (at?.origins === undefined) continue;
      origins = at.origins;
      rest = '';
    }
    if (rest === '') return [...(origins ?? [])];
    return [...(origins ?? [])].flatMap((origin) => {
      const base = origin + rest;
      return this.lastOf(base).includes(key) ? [base] : [];
    });
  }

  /** The places of the longest listed prefix of a key, and what comes after it. */
  #longest(base: string): [ReadonlySet<Place>, string] {
    for (const prefix of prefixes(base)) {
      const listed = this.#places.get(prefix);
      if (listed !== undefined) return [listed, base.slice(prefix.length)];
    }
    return [NOWHERE, base];
  }

  /** Whether something is listed on the way from a place, or at its end. */
  #isListedBelow(place: Place, way: string): boolean {
    let at: Place | undefined = place;
    for (const name of namesOf(way)) {
      at = at.children.get(name);
      if (at === undefined) return false;
      if (at.origins !== undefined) return true;
    }
    return false;
  }

  /** Goes on by what happened next: the rows of one map, all at once. */
  apply(rows: readonly MapRow[]): void {
    if (rows.length === 0) return;
    for (const { from, to } of rows) {
      this.#list(from);
      if (to !== undefined) this.#list(to);
    }
    // What holds others last, so that those have left it.
    const moving = [...rows].sort((a, b) => (a.from < b.from ? 1 : -1));
    const arriving = new Map<string, { row: MapRow; place: Place | undefined }[]>();
    for (const row of moving) {
      const place = this.#detach(row.from);
      if (row.to === undefined) {
        for (const base of this.#replace(place, row.from)) this.#gone.add(base);
      } else arriving.set(row.to, [...(arriving.get(row.to) ?? []), { row, place }]);
    }
    for (const to of [...arriving.keys()].sort()) this.#replace(this.#detach(to), to);
    // What holds others first. What came along with it to where another comes to be is replaced.
    for (const [to, all] of [...arriving].sort(([a], [b]) => (a < b ? -1 : 1))) {
      this.#list(to);
      this.#replace(this.#detach(to), to);
      for (const { row, place } of all) {
        if (place !== undefined) this.#attach(place, to, row.returned);
      }
    }
  }

  /** Lists a key of the present tree, and with it all that its origins are. */
  #list(key: string): Place {
    const place = this.#placeAt(key);
    if (place.origins !== undefined) return place;
    const origins = this.originsOf(key);
    // All are found before any is listed: what is listed says nothing of others any more.
    const found = origins.map((base) => [base, this.#imagesOf(base)] as const);
    for (const [base, images] of found) this.#listBase(base, images);
    place.origins ??= new Set(origins);
    return place;
  }

  #listBase(base: string, images: readonly { key: string; place: Place }[]): void {
    if (this.#places.has(base)) return;
    const places = images.map(({ key, place }) => {
      const found = this.#placeAt(key);
      found.returned ||= place.returned;
      return found;
    });
    this.#places.set(base, new Set(places));
    for (const place of places) {
      place.origins ??= new Set();
      place.origins.add(base);
    }
  }

  drop(base: string): void {
    this.#listBase(base, this.#imagesOf(base));
    const places = this.#places.get(base);
    for (const place of [...(places ?? [])]) {
      if (place.returned) continue;
      place.origins?.delete(base);
      places?.delete(place);
    }
  }

  #placeAt(key: string): Place {
    let at = this.#top;
    for (const name of namesOf(key)) {
      let next = at.children.get(name);
      if (next === undefined) {
        next = newPlace(name, at);
        at.children.set(name, next);
      }
      at = next;
    }
    return at;
  }

  #detach(key: string): Place | undefined {
    let at: Place | undefined = this.#top;
    for (const name of namesOf(key)) {
      at = at.children.get(name);
      if (at === undefined) return undefined;
    }
    let { parent } = at;
    parent?.children.delete(at.name);
    at.parent = undefined;
    // Ways that lead nowhere any more go too.
    while (parent?.parent !== undefined && parent.origins === undefined) {
      if (parent.children.size > 0) break;
      parent.parent.children.delete(parent.name);
      parent = parent.parent;
    }
    return at;
  }

  /** What was at a key has left it for another, and is nowhere now. Returns what was there. */
  #replace(place: Place | undefined, key: string): string[] {
    const replaced = basesWithin(place);
    // What was replaced there before stays as it is.
    const last = isReplaced(key) ? key : replacedKey(key);
    if (place !== undefined && replaced.length > 0) this.#attach(place, last, false);
    return replaced;
  }

  #attach(moving: Place, to: string, returned: boolean): void {
    const stack = [{ moving, target: this.#placeAt(to) }];
    for (let pair = stack.pop(); pair !== undefined; pair = stack.pop()) {
      const { moving, target } = pair;
      for (const base of moving.origins ?? []) {
        const places = this.#places.get(base);
        places?.delete(moving);
        places?.add(target);
      }
      if (moving.origins !== undefined) {
        target.origins = new Set([...(target.origins ?? []), ...moving.origins]);
      }
      target.returned ||= moving.returned || returned;
      for (const [name, child] of moving.children) {
        let next = target.children.get(name);
        if (next === undefined) {
          next = newPlace(name, target);
          target.children.set(name, next);
        }
        stack.push({ moving: child, target: next });
      }
    }
  }

  *present(): Generator<string, void> {
    const stack = [...this.#top.children.values()];
    for (let at = stack.pop(); at !== undefined; at = stack.pop()) {
      if (isReplaced(at.name)) continue;
      if (at.origins !== undefined) yield keyOf(at);
      for (const child of at.children.values()) stack.push(child);
    }
  }

  /** Ways that say the same in the same words have one text. */
  text(): string {
    const listed = [...this.#places].map(([base, places]) => {
      const keys = [...places].map((place) => `${keyOf(place)}${place.returned ? '\0' : ''}`);
      return `${base}\0${keys.sort().join('\0')}`;
    });
    return `${listed.sort().join('\n')}\n\n${[...this.present()].sort().join('\n')}`;
  }

  copy(): Way {
    const copied = new Way();
    const stack = [{ from: this.#top, to: copied.#top }];
    for (let pair = stack.pop(); pair !== undefined; pair = stack.pop()) {
      const { from, to } = pair;
      to.origins = from.origins && new Set(from.origins);
      to.returned = from.returned;
      for (const base of from.origins ?? []) copied.#placesOf(base).add(to);
      for (const [name, child] of from.children) {
        const next = newPlace(name, to);
        to.children.set(name, next);
        stack.push({ from: child, to: next });
      }
    }
    for (const base of this.#places.keys()) copied.#placesOf(base);
    for (const base of this.#gone) copied.#gone.add(base);
    return copied;
  }

  /** The key of a place; undefined while it is on its way to another. */
  #keyOf(place: Place): string | undefined {
    let root = place;
    while (root.parent !== undefined) root = root.parent;
    return root === this.#top ? keyOf(place) : undefined;
  }

  #placesOf(base: string): Set<Place> {
    const places = this.#places.get(base) ?? new Set();
    this.#places.set(base, places);
    return places;
  }
}

/** The key itself and all above it, the longest first; '' is the top. */
export function* prefixes(key: string): Generator<string, void> {
  for (let end = key.length; end > 0; end = key.lastIndexOf('/', end - 1)) yield key.slice(0, end);
  yield '';
}

export function namesOf(key: string): string[] {
  return key === '' ? [] : key.slice(1).split('/');
}

/** The key of some names. */
export function textOf(names: readonly string[]): string {
  return names.map((name) => `/${name}`).join('');
}

/** The names of a key as a tree has them. */
export function bytesOf(key: string): Names {
  return namesOf(key).map((name) => nameBytes(name) as Uint8Array);
}

function newPlace(name: string, parent: Place | undefined): Place {
  return { name, parent, children: new Map(), origins: undefined, returned: false };
}

function keyOf(place: Place): string {
  const names: string[] = [];
  let at: Place = place;
  for (; at.parent !== undefined; at = at.parent) names.push(at.name);
  return names.length === 0 ? '' : `/${names.reverse().join('/')}`;
}

function basesWithin(top: Place | undefined): string[] {
  const found: string[] = [];
  const rest = top === undefined ? [] : [top];
  for (let at = rest.pop(); at !== undefined; at = rest.pop()) {
    for (const base of at.origins ?? []) found.push(base);
    for (const child of at.children.values()) rest.push(child);
  }
  return found;
}
