/**
 * What a serializable transaction has read: streams, entries, lists of children, subtrees, present
 * or absent. If others have changed any of it when the transaction commits, it did not see one
 * consistent state, and conflicts.
 */
import { equalBytes } from '../ground/bytes.js';
import { badOption } from '../ground/errors.js';
import { keyText, type Names } from '../tree/key.js';
import type { Tree } from '../tree/lookup.js';

/** What a transaction of that isolation has to remember. REGALIA_OPTION for another one. */
export function readSetFor(isolation: 'snapshot' | 'serializable'): ReadSet | undefined {
  if (isolation === 'snapshot') return undefined;
  if (isolation === 'serializable') return new ReadSet();
  throw badOption('isolation', 'snapshot or serializable', String(isolation));
}

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
  if (read.what === 'stream') return sameStream(before, after, read.names, read.stream);
  // Totals of what lies below are part of an entry: it is the same only if its subtree is.
  return sameSubtree(before, after, read.names);
}

/** Whether a stream is the same, or absent, in both. */
export function sameStream(before: Tree, after: Tree, names: Names, stream: string): boolean {
  const a = before.find(names);
  const b = after.find(names);
  const p = a && findStream(a.node, a.index, stream);
  const q = b && findStream(b.node, b.index, stream);
  if (p === undefined || q === undefined) return p === q;
  return p.form === q.form && p.length === q.length && equalBytes(p.bytes, q.bytes);
}

/**
 * Whether an entry with its streams and all below it is the same, or absent, in both: known
 * without reading it.
 */
export function sameSubtree(before: Tree, after: Tree, names: Names): boolean {
  const a = before.find(names);
  const b = after.find(names);
  if (a === undefined || b === undefined) return a === b;
  const p = readRecord(a.node, a.index);
  const q = readRecord(b.node, b.index);
  const sameStreams =
    p.shape === q.shape &&
    p.streams.every((stream, i) => {
      const other = q.streams[i];
      return other?.length === stream.length && equalBytes(other.bytes, stream.bytes);
    });
  if (!sameStreams) return false;
  return sameMap(childMap(before.cache, a, p.child), childMap(after.cache, b, q.child));
}

function sameMap(a: Node | undefined, b: Node | undefined): boolean {
  if (a === undefined || b === undefined || a === b) return a === b;
  const p = a.bytes.subarray(a.start + 4, a.plainEnd);
  return a.level === b.level && equalBytes(p, b.bytes.subarray(b.start + 4, b.plainEnd));
}
