/**
 * Keys that are watched, as the tree that they make, so that one walk along two states finds all
 * whose entries differ: it goes down only where they do, and only where somebody watches.
 *
 *     /        ─ photos ─ cat.jpg      who watches: at each place, those of that key
 *              └ notes
 */
import { nameText } from '../ground/text.js';
import { sameEntry } from '../tree/equal.js';
import type { Names } from '../tree/key.js';
import { childMapAt, crossBorder, findInMap, type Spot, type Tree } from '../tree/lookup.js';
import type { Node } from '../tree/node.js';
import type { NodeCache } from '../tree/node-cache.js';

interface Place<W> {
  readonly name: Uint8Array | undefined;
  readonly watchers: Set<W>;
  readonly below: Map<string, Place<W>>;
}

export class WatchedKeys<W> {
  readonly #top: Place<W> = placeOf(undefined);

  add(names: Names, watcher: W): void {
    let place = this.#top;
    for (const name of names) {
      const text = nameText(name);
      let next = place.below.get(text);
      if (next === undefined) place.below.set(text, (next = placeOf(name)));
      place = next;
    }
    place.watchers.add(watcher);
  }

  delete(names: Names, watcher: W): void {
    const way = [this.#top];
    for (const name of names) {
      const next = way[way.length - 1].below.get(nameText(name));
      if (next === undefined) return;
      way.push(next);
    }
    way[way.length - 1].watchers.delete(watcher);
    for (let depth = way.length - 1; depth > 0; depth--) {
      const { watchers, below } = way[depth];
      if (watchers.size > 0 || below.size > 0) return;
      way[depth - 1].below.delete(nameText(names[depth - 1]));
    }
  }

  /** All watchers of keys whose entries, with all below them, are not the same in both trees. */
  *changed(before: Tree, after: Tree): Generator<W, void> {
    const { cache } = before;
    const stack: { place: Place<W>; was: Spot | undefined; is: Spot | undefined }[] = [];
    stack.push({ place: this.#top, was: before.top, is: after.top });
    for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
      const { place, was, is } = next;
      if (sameEntry(cache, was, is)) continue;
      yield* place.watchers;
      if (place.below.size === 0) continue;
      const [old, now] = [was && childMapAt(cache, was), is && childMapAt(cache, is)];
      for (const below of place.below.values()) {
        stack.push({
          place: below,
          was: entryOf(cache, old, below),
          is: entryOf(cache, now, below),
        });
      }
    }
  }
}

function placeOf<W>(name: Uint8Array | undefined): Place<W> {
  return { name, watchers: new Set(), below: new Map() };
}

function entryOf<W>(cache: NodeCache, map: Node | undefined, { name }: Place<W>): Spot | undefined {
  const spot = map && name && findInMap(cache, map, name);
  return spot && crossBorder(cache, spot);
}
