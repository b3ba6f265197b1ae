/**
 * Random moves on models whose entries all have a stream of their own, so that each can be found
 * again.
 */
import fc from 'fast-check';
import { utf8Bytes } from '../../src/ground/text.js';
import type { Move } from '../../src/log/moves.js';
import { byName, type Entry, entryAt, place, put, take } from '../tree/model.js';

export interface MoveStep {
  /** Which of the entries there are. */
  readonly pick: number;
  /** Which of them it goes under; beyond all: the top. */
  readonly under: number;
  readonly name: string;
}

export function moveSteps(maxLength: number): fc.Arbitrary<MoveStep[]> {
  const step = fc.record({
    pick: fc.nat(10_000),
    under: fc.nat(10_000),
    name: fc.constantFrom('a', 'b', 'c', 'd', 'x', 'y'),
  });
  return fc.array(step, { maxLength });
}

/** A tree's keys, each with a name of its own. */
export const keysArbitrary: fc.Arbitrary<string[]> = fc.uniqueArray(
  fc
    .array(fc.constantFrom('a', 'b', 'c', 'd', 'e'), { minLength: 1, maxLength: 3 })
    .map((names) => `/${names.join('/')}`),
  { minLength: 3, maxLength: 14 },
);

/** A tree with these keys, their parents too: on each a stream that says where it was. */
export function marked(keys: readonly string[]): Entry {
  const top: Entry = { streams: new Map(), children: new Map() };
  for (const key of keys) {
    for (let end = key.length; end > 0; end = key.lastIndexOf('/', end - 1)) {
      put(top, key.slice(0, end), 'mark', key.slice(0, end));
    }
  }
  return top;
}

export function keysOf(entry: Entry, key = ''): string[] {
  const names = [...entry.children.keys()].sort(byName);
  return names.flatMap((name) => {
    const child = `${key}/${name}`;
    return [child, ...keysOf(entry.children.get(name) as Entry, child)];
  });
}

/** Moves an entry, if the target is free and not within it. */
export function moveEntry(top: Entry, from: string, to: string): boolean {
  if (to === from || to.startsWith(`${from}/`) || entryAt(top, to) !== undefined) return false;
  const moving = take(top, from);
  if (moving === undefined) return false;
  place(top, to, moving);
  return true;
}

export function playMoves(top: Entry, steps: readonly MoveStep[]): Move[] {
  const moves: Move[] = [];
  for (const { pick, under, name } of steps) {
    const keys = keysOf(top);
    if (keys.length === 0) break;
    const from = keys[pick % keys.length] as string;
    const to = `${keys[under % (keys.length + 1)] ?? ''}/${name}`;
    if (moveEntry(top, from, to)) moves.push(moveOf(from, to));
  }
  return moves;
}

export function moveOf(from: string, to: string): Move {
  return { from: utf8Bytes(from.slice(1)), to: utf8Bytes(to.slice(1)) };
}

/** Where each marked entry is: its mark, and its key. */
export function marks(top: Entry): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const key of keysOf(top)) {
    const mark = entryAt(top, key)?.streams.get('mark');
    if (mark === undefined) continue;
    found.set(mark, [...(found.get(mark) ?? []), key]);
  }
  return found;
}
