/** Keys of entities: where they are in the result, and by what they are known. */
import { isReplaced } from '../log/maps.js';
import { namesOf } from './relation.js';
import type { Entity, Ghost, Place } from './site.js';

/** Whether the key of a place is known: nothing around it is open, or within itself. */
function isKnown({ parent }: Place): boolean {
  const passed = new Set<Entity>();
  for (let at: Entity | undefined = parent; at !== undefined; at = at.place?.parent) {
    if (at.fate === 'open' || passed.has(at)) return false;
    passed.add(at);
  }
  return true;
}

/** The key of a place in the result; '' is the top. */
export function keyAt({ parent, name }: Place): string {
  const names = [name];
  for (let at = parent; at.place !== undefined; at = at.place.parent) names.push(at.place.name);
  return `/${names.reverse().join('/')}`;
}

/** Where the base would have what came back. */
function keyOfGhost({ space, key }: Ghost): string {
  return (space.sites.base?.key ?? '') + key;
}

/**
 * The key by which an entity is known: the base's, or else where both sides meet in the result or,
 * if they do not, where the base would have what came back, or the lowest that it has: one that the
 * base has for no other.
 */
export function keyIn(entity: Entity): string {
  const { base, ours, theirs, place, fate, ghosts } = entity;
  if (base !== undefined && base.unknown?.place !== true) return base.key;
  const known = base?.unknown?.key;
  if (known !== undefined) return known;
  if (base === undefined && fate === 'lives' && place !== undefined && isKnown(place))
    return keyAt(place);
  const been = base === undefined ? ghosts.map(keyOfGhost) : [];
  const [ghost] = been.filter((key) => !isReplaced(key)).sort();
  if (ghost !== undefined) return ghost;
  const keys = [ours?.key, theirs?.key].filter((key) => key !== undefined).sort();
  // What a base has under one name without a place is known by where it went.
  if (base !== undefined) return keys.at(-1) ?? '';
  return keys.find((key) => !isInBase(entity, key)) ?? keys[0] ?? '';
}

/** Whether another entry is known by a key. */
function isInBase({ ours, theirs }: Entity, key: string): boolean {
  let top = ours ?? theirs;
  while (top?.parent !== undefined) top = top.parent;
  return top?.entity?.base?.at(namesOf(key)) !== undefined;
}
