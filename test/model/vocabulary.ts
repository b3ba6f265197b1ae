/**
 * Conflicts as the store reports them, and as it wants them answered: the one place that knows how
 * they are spelled.
 */
import type { Answer, Conflict, MergeOptions, Take } from '../../src/index.js';
import { isPlace, ownerOf, type View } from './facts.js';
import type { Policy } from './history.js';
import type { Named } from './verdict.js';
import { impliedAround } from './weak.js';

export function answerTo(conflict: Conflict, wish: string, index: number): Answer {
  const { answers: offers } = conflict;
  const sided = index % 2 === 0 ? 'ours' : 'theirs';
  const take = offers.find((one) => one === (wish === 'mixed' ? sided : wish)) ?? offers[0];
  const { key, stream } = conflict;
  return { key, ...(stream === undefined ? {} : { stream }), take: take as Take };
}

export function byPolicy(policy: Policy): MergeOptions {
  const name = policy.slice('policy '.length) as 'ours' | 'theirs' | 'newest';
  return { policy: name };
}

/** What a conflict is called, by whoever looks at it. */
export function nameOf({ kind, why, key, stream }: Conflict): string {
  const at = stream === undefined ? key : `${key} ${stream}`;
  return why === undefined ? `${kind} ${at}` : `${kind} (${why}) ${at}`;
}

const MIRRORED: Readonly<Record<string, string>> = {
  'removed/changed': 'changed/removed',
  'changed/removed': 'removed/changed',
};

/** All of a conflict but its bytes, seen from the other side where it is mirrored. */
export function spelledConflict(conflict: Conflict, isMirrored: boolean): string {
  const { kind, why, key, stream, base, ours, theirs, answers } = conflict;
  const sides = isMirrored ? [theirs, ours] : [ours, theirs];
  const shown = isMirrored ? (MIRRORED[kind] ?? kind) : kind;
  return JSON.stringify([shown, why, key, stream, base, ...sides, [...answers].sort()]);
}

/**
 * Which slots some conflicts are about, by the keys that states of before have. Of a tangle one
 * entry is named, and all are meant that are one on some line only.
 */
export function namedBy(
  conflicts: readonly Conflict[],
  views: readonly View[],
  apart: ReadonlySet<string>,
): Named {
  const isTangled = conflicts.some(({ why }) => why === 'tangled');
  return (slot) => {
    if (isTangled && apart.has(ownerOf(slot))) return true;
    const keys = views.flatMap(({ keys }) => keys.get(ownerOf(slot)) ?? []);
    const around = isPlace(slot)
      ? views.flatMap(({ facts, keys }) => {
          return impliedAround(facts.get(slot), keys.get(slot)?.[0] ?? '');
        })
      : [];
    return conflicts.some((conflict) => isAbout(conflict, slot, keys, around));
  };
}

/** Whether a conflict is about an entry with all that lies in it. */
export function isRegion({ kind, why, stream }: Conflict): boolean {
  return stream === undefined && (kind !== 'moved' || why === 'tangled');
}

function isAbout(
  conflict: Conflict,
  slot: string,
  keys: readonly string[],
  around: readonly string[],
): boolean {
  const { why, key, stream, base, ours, theirs } = conflict;
  const all = [key, base?.key, ours?.key, theirs?.key].filter((one) => one !== undefined);
  if (stream !== undefined) {
    return slot.endsWith(`#${stream}`) && keys.some((one) => all.includes(one));
  }
  if (isRegion(conflict)) return keys.some((one) => all.some((top) => isWithin(one, top)));
  // Of a cycle one entry is named, and others have to give way.
  if (why === 'cycle') return isPlace(slot);
  return isPlace(slot) && [...keys, ...around].some((one) => all.includes(one));
}

function isWithin(key: string, top: string): boolean {
  return key === top || key.startsWith(top === '/' ? top : `${top}/`);
}
