/**
 * Ways: where a transaction's edits of a key go. A directory that was found once is found again by
 * its text, since most edits come to directories that were edited before.
 */

import type { Directory, Pending } from '../commit/pending.js';
import { KEY_BYTES_MAX, NAME_BYTES_MAX } from '../ground/limits.js';
import type { Key, Names } from '../tree/key.js';
import type { Tree } from '../tree/lookup.js';
import type { Root } from '../tree/root.js';

export interface Way {
  readonly directory: Directory;
  /** The root of the bucket that rules the streams. */
  readonly root: Root;
}

export interface Place {
  readonly way: Way;
  /** The last name; undefined for the top. A view that the next look-up spoils. */
  readonly name: Uint8Array | undefined;
}

export class Ways {
  readonly #known = new Map<string, Way>();

  /** Forgets what was found: the tree, or what is pending, is another. */
  clear(): void {
    this.#known.clear();
  }

  /** A place by text alone, if its directory is known and its name plain. */
  quick(key: Key): Place | undefined {
    if (typeof key !== 'string' || key.length < 2) return undefined;
    const slash = key.lastIndexOf('/');
    const way = this.#known.get(key.slice(0, slash));
    const name = way === undefined ? undefined : simpleName(key, slash + 1);
    return way === undefined || name === undefined ? undefined : { way, name };
  }

  /** A place by its names: those of `key`, behind those of the bucket at hand. */
  find(key: Key, names: Names, tree: Tree, pending: Pending): Place {
    const name = names[names.length - 1];
    const parents = names.slice(0, -1);
    const isBucket = tree.bucketAt(names) !== undefined;
    const root = tree.rootAround(isBucket ? names : parents);
    const way = { directory: pending.directory(parents), root };
    // A bucket's own streams are ruled by itself: its siblings' are not.
    if (typeof key === 'string' && key !== '/' && !isBucket) {
      this.#known.set(key.slice(0, key.lastIndexOf('/')), way);
    }
    return { way, name };
  }
}

const scratch = new Uint8Array(NAME_BYTES_MAX + 1);

/** A name of plain characters, or undefined where `parseKey` must look. */
function simpleName(key: string, from: number): Uint8Array | undefined {
  const length = key.length - from;
  if (length === 0 || length > NAME_BYTES_MAX || key.length > KEY_BYTES_MAX) return undefined;
  const name = scratch.subarray(0, length);
  for (let i = 0; i < length; i++) {
    const code = key.charCodeAt(from + i);
    if (code >= 0x80 || code === 0) return undefined;
    name[i] = code;
  }
  return name[0] === 0x2e && length <= 2 ? undefined : name;
}
