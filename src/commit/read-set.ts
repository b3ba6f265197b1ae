/**
 * What a serializable transaction has read: streams, entries, lists of children, subtrees, present
 * or absent. If others have changed any of it when the transaction commits, it did not see one
 * consistent state, and conflicts.
 */
import { sameStreamAt, sameSubtree } from '../tree/equal.js';
import { keyText, type Names } from '../tree/key.js';
import type { Tree } from '../tree/lookup.js';

type What = 'stream' | 'entry' | 'children' | 'subtree';

interface Read {
  readonly what: What;
  readonly names: Names;
  readonly stream: string;
}

export class ReadSet {
  readonly #reads = new Map<string, Read>();

  stream(names: Names, stream: string): void {
    this.#add({ what: 'stream', names, stream });
  }

  entry(names: Names): void {
    this.#add({ what: 'entry', names, stream: '' });
  }

  children(names: Names): void {
    this.#add({ what: 'children', names, stream: '' });
  }

  subtree(names: Names): void {
    this.#add({ what: 'subtree', names, stream: '' });
  }

  #add(read: Read): void {
    this.#reads.set(`${read.what} ${read.stream} ${keyText(read.names)}`, read);
  }

  /** The first thing read that differs between two states. */
  changed(before: Tree, after: Tree): { names: Names; stream: string | undefined } | undefined {
    for (const read of this.#reads.values()) {
      if (sameRead(read, before, after)) continue;
      return { names: read.names, stream: read.what === 'stream' ? read.stream : undefined };
    }
    return undefined;
  }
}

function sameRead(read: Read, before: Tree, after: Tree): boolean {
  if (read.what === 'stream') return sameStreamAt(before, after, read.names, read.stream);
  // Totals of what lies below are part of an entry: it is the same only if its subtree is.
  return sameSubtree(before, after, read.names);
}
