/**
 * Moves composed: from the list of what was moved since a base to where each of the base's entries
 * is now.
 *
 *     made       /a -> /b    /b/c -> /d    /x -> /a    /a -> /x
 *     composed   /a: /b      /a/c: /d      (and /x where it was)
 *
 * A sparse picture of the present tree is kept, with the base's key on each entry that was moved.
 * What moves takes all below it along; what is moved over must have been removed before; what was
 * made since the base has no place in it and is known from the trees alone. Keys are texts here,
 * '/a/b': equal texts are equal keys.
 */
import { nameText } from '../ground/text.js';
import type { Move } from '../log/moves.js';

/** The moves that each side made since the bases, in the order made. */
export interface SideMoves {
  readonly ours: Iterable<Move>;
  readonly theirs: Iterable<Move>;
}

/**
 * Where entries of the base are now, by their keys in it; undefined: they are gone. Others went
 * with a parent.
 */
export type Moved = Map<string, string | undefined>;

/** Composes moves in the order made. A move that no tree allows is passed over. */
export function composeMoves(moves: Iterable<Move>): Moved {
  const composer = new Composer();
  for (const { from, to } of moves) composer.move(`/${nameText(from)}`, `/${nameText(to)}`);
  return composer.result();
}

/** Where a key of the base is now. */
export function presentKey(moved: Moved, key: string): string | undefined {
  for (const prefix of prefixes(key)) {
    if (!moved.has(prefix)) continue;
    const present = moved.get(prefix);
    return present === undefined ? undefined : present + key.slice(prefix.length);
  }
  return key;
}

/** The key itself and all above it but the top, the longest first. */
export function* prefixes(key: string): Generator<string, void> {
  for (let end = key.length; end > 0; end = key.lastIndexOf('/', end - 1)) yield key.slice(0, end);
}

/** Whether `key` is `above` or below it. */
function isWithin(key: string, above: string): boolean {
  return key.startsWith(above) && (key.length === above.length || key[above.length] === '/');
}

/** An entry of the present tree that moves touched. */
interface Present {
  name: string;
  parent: Present | undefined;
  readonly children: Map<string, Present>;
  /**
   * Its key in the base; null where the base has no such entry; undefined where it was not moved.
   */
  base: string | null | undefined;
}

class Composer {
  readonly #top: Present = newPresent('', undefined);
  /** The moved entries of the base; undefined: gone. */
  readonly #tracked = new Map<string, Present | undefined>();

  move(from: string, to: string): void {
    if (isWithin(to, from) || isWithin(from, to)) return;
    const base = this.#baseOf(from);
    const covered = this.#baseOf(to);
    const moving = this.#detach(from) ?? newPresent('', undefined);
    if (moving.base === undefined) moving.base = base ?? null;
    if (base !== undefined) this.#tracked.set(base, moving);
    const over = this.#detach(to);
    if (over !== undefined) this.#forget(over);
    if (covered !== undefined) this.#tracked.set(covered, undefined);
    this.#attach(moving, to);
  }

  /** The base's key of what is at a present key, if it comes from there. */
  #baseOf(key: string): string | undefined {
    let at: Present | undefined = this.#top;
    let base: string | null = key;
    let passed = 0;
    for (const name of key.slice(1).split('/')) {
      at = at.children.get(name);
      if (at === undefined) break;
      passed += 1 + name.length;
      if (at.base !== undefined) base = at.base && at.base + key.slice(passed);
    }
    return base !== null && this.#presentOf(base) === key ? base : undefined;
  }

  #presentOf(base: string): string | undefined {
    for (const prefix of prefixes(base)) {
      if (!this.#tracked.has(prefix)) continue;
      const present = this.#tracked.get(prefix);
      return present === undefined ? undefined : keyOf(present) + base.slice(prefix.length);
    }
    return base;
  }

  #detach(key: string): Present | undefined {
    let at: Present | undefined = this.#top;
    for (const name of key.slice(1).split('/')) {
      at = at?.children.get(name);
      if (at === undefined) return undefined;
    }
    let { parent } = at;
    parent?.children.delete(at.name);
    at.parent = undefined;
    // Stretches of a way that lead nowhere any more go too.
    while (
      parent?.parent !== undefined &&
      parent.base === undefined &&
      parent.children.size === 0
    ) {
      parent.parent.children.delete(parent.name);
      parent = parent.parent;
    }
    return at;
  }

  #attach(moving: Present, key: string): void {
    const names = key.slice(1).split('/');
    moving.name = names.pop() as string;
    let at = this.#top;
    for (const name of names) {
      let next = at.children.get(name);
      if (next === undefined) {
        next = newPresent(name, at);
        at.children.set(name, next);
      }
      at = next;
    }
    moving.parent = at;
    at.children.set(moving.name, moving);
  }

  /** What was moved over is gone, and what had been moved below it. */
  #forget(over: Present): void {
    const rest = [over];
    for (let at = rest.pop(); at !== undefined; at = rest.pop()) {
      if (typeof at.base === 'string') this.#tracked.set(at.base, undefined);
      rest.push(...at.children.values());
    }
  }

  /** Only what is not where its parent's move brings it. */
  result(): Moved {
    const moved: Moved = new Map();
    for (const base of [...this.#tracked.keys()].sort()) {
      const present = this.#tracked.get(base);
      const key = present && keyOf(present);
      if (presentKey(moved, base) !== key) moved.set(base, key);
    }
    return moved;
  }
}

function newPresent(name: string, parent: Present | undefined): Present {
  return { name, parent, children: new Map(), base: undefined };
}

function keyOf(present: Present): string {
  const names: string[] = [];
  let at: Present = present;
  for (; at.parent !== undefined; at = at.parent) names.push(at.name);
  return `/${names.reverse().join('/')}`;
}
