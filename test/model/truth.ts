/**
 * The obvious model of a store's contents: nested maps, copied whole for every commit.
 *
 * Contents are named by a descriptor, `LENGTHxSEED`, from which the bytes follow. `spelled` writes
 * a tree as one text in the order of the store: equal texts are equal contents.
 */
import { nameBytes } from '../../src/index.js';

export interface Place {
  readonly streams: Map<string, string>;
  readonly children: Map<string, Place>;
  /** The id of the bucket that it is. */
  bucket?: string;
}

export function newPlace(): Place {
  return { streams: new Map(), children: new Map() };
}

export function copyOf(place: Place): Place {
  const children = new Map([...place.children].map(([name, inner]) => [name, copyOf(inner)]));
  const copy: Place = { streams: new Map(place.streams), children };
  if (place.bucket !== undefined) copy.bucket = place.bucket;
  return copy;
}

/** '/a/b' as its names. */
export function namesOf(key: string): string[] {
  return key === '/' ? [] : key.slice(1).split('/');
}

export function placeAt(top: Place, key: string): Place | undefined {
  let place: Place | undefined = top;
  for (const name of namesOf(key)) place = place?.children.get(name);
  return place;
}

export function isNothing(place: Place): boolean {
  return place.streams.size === 0 && place.children.size === 0 && place.bucket === undefined;
}

/** The place of a key, made with its parents where need be. */
function made(top: Place, names: readonly string[]): Place {
  let place = top;
  for (const name of names) {
    let next = place.children.get(name);
    if (next === undefined) {
      next = newPlace();
      place.children.set(name, next);
    }
    place = next;
  }
  return place;
}

/** Removes what is empty, from the bottom up; the top stays. */
function prune(top: Place, names: readonly string[]): void {
  for (let depth = names.length; depth > 0; depth--) {
    const parent = placeAt(top, `/${names.slice(0, depth - 1).join('/')}`.replace(/^\/$/, '/'));
    const name = names[depth - 1] as string;
    const place = parent?.children.get(name);
    if (parent !== undefined && place !== undefined && isNothing(place)) {
      parent.children.delete(name);
    }
  }
}

export function putStream(top: Place, key: string, stream: string, contents: string): void {
  made(top, namesOf(key)).streams.set(stream, contents);
}

export function delStream(top: Place, key: string, stream: string): void {
  placeAt(top, key)?.streams.delete(stream);
  prune(top, namesOf(key));
}

/** Removes a place with all below it; of the top, all that is in it. */
export function delPlace(top: Place, key: string): void {
  const names = namesOf(key);
  const last = names.pop();
  if (last === undefined) {
    top.streams.clear();
    top.children.clear();
    return;
  }
  placeAt(top, names.length === 0 ? '/' : `/${names.join('/')}`)?.children.delete(last);
  prune(top, names);
}

export function setPlace(top: Place, key: string, place: Place): void {
  const names = namesOf(key);
  const last = names.pop() as string;
  made(top, names).children.set(last, place);
}

export function makeBucket(top: Place, key: string, id: string): void {
  made(top, namesOf(key)).bucket = id;
}

export function holdsBucket(place: Place): boolean {
  if (place.bucket !== undefined) return true;
  return [...place.children.values()].some(holdsBucket);
}

export function sortedNames(place: Place): string[] {
  return [...place.children.keys()].sort((a, b) =>
    Buffer.compare(nameBytes(a) as Uint8Array, nameBytes(b) as Uint8Array),
  );
}

/** A tree as a text; `outer` says whether the place's own bucket counts. */
export function spelled(place: Place, outer = true): string {
  const streams = [...place.streams].sort(([a], [b]) => (a < b ? -1 : 1));
  const own = streams.map(([name, contents]) => `${name}=${contents}`).join(',');
  const bucket = outer && place.bucket !== undefined ? `#${place.bucket}` : '';
  const inner = sortedNames(place).map(
    (name) => `${JSON.stringify(name)}${spelled(place.children.get(name) as Place)}`,
  );
  return `${bucket}(${own})[${inner.join('')}]`;
}

/** Every key and its place, each before those below it, in key order. */
export function* placesOf(top: Place, key = ''): Generator<[key: string, place: Place]> {
  yield [key === '' ? '/' : key, top];
  for (const name of sortedNames(top)) {
    yield* placesOf(top.children.get(name) as Place, `${key}/${name}`);
  }
}

/** The bytes of a descriptor. */
export function contentsOf(descriptor: string): Uint8Array {
  const [length = 0, seed = 0] = descriptor.split('x').map(Number);
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = seed + i * 7 + (i >> 8) * 13;
  return bytes;
}

export function lengthOf(descriptor: string): number {
  return Number.parseInt(descriptor, 10);
}
