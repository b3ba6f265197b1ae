/**
 * Where nodes end: a fixed, unsalted function of level, name and plain length, so that equal
 * contents give equal nodes on every replica, whatever the order of edits.
 *
 * An entry ends its node where its hash is the smallest within 2 KiB on both sides (a local
 * minimum: Bjørner, Blass and Gurevich, "Content-dependent chunking for differential compression,
 * the local maximum approach", 2010). The rule looks at neighbours only, never at where the node
 * began: an edit moves the ends beside it and no others. It needs the whole 2 KiB on both sides:
 * nearer to where the map begins or ends no entry ends a node, so that a short map is one node.
 * Nodes are at least 2 KiB, 4 KiB in the mean, and rarely above 8 KiB.
 *
 * A run between two such ends may be longer, by chance or because names were mined for it. Above 16
 * KiB it is split at the smallest second hash in its middle half, again and again: a forced cut. A
 * run that reaches 1 MiB ends there (a wall), so that memory stays bounded; nobody but a miner of
 * names ever sees one.
 */

import { NODE_PLAIN_BYTES_MAX } from '../ground/limits.js';

/** How far an entry's hash must be the smallest, in plain bytes on each side. */
export const WINDOW = 2_048;

/** What an entry of a leaf adds to the plain length beside its name and record. */
export const LEAF_ENTRY_OVERHEAD = 4;
/** The plain length of an inner entry beside its name, whatever its totals. */
export const INNER_ENTRY_LENGTH = 48;

/** How a node ended. Persisted: never renumber. */
export const NATURAL = 0;
export const FORCED = 1;

const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/** FNV-1a over the level and round, to be continued over the name (Fowler, Noll, Vo). */
export function hashSeed(level: number, round: number): number {
  return Math.imul(FNV_OFFSET ^ (level * 2 + round), FNV_PRIME);
}

export function hashContinue(state: number, bytes: Uint8Array, start: number, end: number): number {
  let hash = state;
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ bytes[i], FNV_PRIME);
  return hash;
}

/** The finalizer of MurmurHash3, since FNV alone mixes the last bytes poorly. 0 to 2^32 - 1. */
export function hashFinish(state: number): number {
  let hash = state ^ (state >>> 16);
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** The boundary hash of a whole name. Round 0 decides natural ends, round 1 forced ones. */
export function boundaryHash(name: Uint8Array, level: number, round: number): number {
  return hashFinish(hashContinue(hashSeed(level, round), name, 0, name.length));
}

/**
 * Splits the run of entries `[from, until)`, too long for a node, and reports each chunk's end
 * (exclusive), in order. `ends[i]` is the plain length up to and with entry i, `origin` that before
 * entry `from`; `hash` gives an entry's second hash.
 */
export function splitRun(
  from: number,
  until: number,
  ends: ArrayLike<number>,
  origin: number,
  hash: (index: number) => number,
  chunk: (end: number) => void,
): void {
  // An explicit stack of what is still to come, the leftmost on top.
  const stack: [number, number][] = [[from, until]];
  for (let range = stack.pop(); range !== undefined; range = stack.pop()) {
    const [first, last] = range;
    const start = first === from ? origin : ends[first - 1];
    const length = ends[last - 1] - start;
    if (length <= NODE_PLAIN_BYTES_MAX || last - first === 1) {
      chunk(last);
      continue;
    }
    const cut = middleCut(first, last, start, length, ends, hash);
    stack.push([cut, last], [first, cut]);
  }
}

/**
 * The end (exclusive) of the left part: the smallest hash among entries that end in the middle
 * half.
 */
function middleCut(
  first: number,
  last: number,
  start: number,
  length: number,
  ends: ArrayLike<number>,
  hash: (index: number) => number,
): number {
  let best = -1;
  let smallest = Number.POSITIVE_INFINITY;
  let nearest = first;
  for (let i = first; i < last - 1; i++) {
    const position = ends[i] - start;
    if (Math.abs(position * 2 - length) < Math.abs((ends[nearest] - start) * 2 - length)) {
      nearest = i;
    }
    if (position * 4 < length || position * 4 > length * 3) continue;
    const found = hash(i);
    if (found < smallest) {
      smallest = found;
      best = i;
    }
  }
  // Where large records leave none in the middle half, the one that ends nearest to the middle.
  return (best < 0 ? nearest : best) + 1;
}
