/**
 * Key maps: sorted, distinct names to their ordinals 0..n-1, as immutable bytes.
 *
 * This is the seam behind which codings of a node's names compete: prefix-offsets, front-coded, and
 * the finite state transducer. A node keeps its records as an array by ordinal, so a key map only
 * answers "which ordinal", "which name", "from where". All order is bytewise.
 *
 * Invariants: equal names give equal bytes; `find(nameAt(i)) === i`; `open` and every answer treat
 * the bytes as an enemy's, so malformed bytes throw REGALIA_FORMAT or give a wrong but bounded
 * answer, never a hang or a read outside. Whether bytes are exactly what `build` writes is for
 * `verifyKeyMap`, once, where bytes enter from outside.
 */

import { compareBytes, equalBytes } from '../../src/ground/bytes.js';
import { assert, badRange, malformed } from '../../src/ground/errors.js';
import { NAME_BYTES_MAX } from '../../src/ground/limits.js';

export interface KeyMap {
  /** The number of names. */
  readonly size: number;
  /** The name's ordinal, or -1. */
  find(name: Uint8Array): number;
  /** The first ordinal whose name is at or after `name`; `size` if there is none. */
  lowerBound(name: Uint8Array): number;
  /** A private copy of the name at an ordinal of 0 to size - 1; otherwise REGALIA_RANGE. */
  nameAt(ordinal: number): Uint8Array;
  /** Names in order, from an ordinal on; each is a private copy. */
  names(from?: number): IterableIterator<Uint8Array>;
}

export interface KeyMapCoding {
  readonly name: string;
  /**
   * Encodes names of 1 to 255 bytes, sorted and distinct. Which bytes a name may hold is not
   * checked here.
   */
  build(names: readonly Uint8Array[]): Uint8Array;
  /** Reads in place, without copying: the bytes must stay as they are. Throws REGALIA_FORMAT. */
  open(bytes: Uint8Array): KeyMap;
}

/** Throws REGALIA_RANGE unless `ordinal` is one of a map's. */
export function checkOrdinal(ordinal: number, size: number): void {
  if (Number.isInteger(ordinal) && ordinal >= 0 && ordinal < size) return;
  throw badRange('an ordinal', `an integer from 0 to ${size - 1}`, `${ordinal}`);
}

/** That the caller sorted: a name of 1 to 255 bytes, after `previous`. */
export function assertNext(previous: Uint8Array | undefined, name: Uint8Array): void {
  assert(name.length >= 1 && name.length <= NAME_BYTES_MAX, `a name has ${name.length} bytes`);
  assert(previous === undefined || compareBytes(previous, name) < 0, 'names are sorted, distinct');
}

/** How many first bytes two names share. */
export function sharedLength(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length);
  let i = 0;
  while (i < length && a[i] === b[i]) i++;
  return i;
}

/** How many bytes all of the sorted names begin with: what the first and the last share. */
export function commonPrefixLength(names: readonly Uint8Array[]): number {
  if (names.length === 0) return 0;
  return sharedLength(names[0], names[names.length - 1]);
}

/** A map's names as they come; REGALIA_FORMAT where one is empty, too long, or out of order. */
function* orderedNames(what: string, map: KeyMap): IterableIterator<Uint8Array> {
  let previous: Uint8Array | undefined;
  for (const name of map.names()) {
    if (name.length === 0 || name.length > NAME_BYTES_MAX)
      throw malformed(what, 0, `a name of 1 to ${NAME_BYTES_MAX} bytes`, `${name.length}`);
    if (previous !== undefined && compareBytes(previous, name) >= 0)
      throw malformed(what, 0, 'sorted and distinct names', 'others');
    yield name;
    previous = name;
  }
}

/**
 * Throws REGALIA_FORMAT unless the bytes are exactly what the coding builds for the names they
 * hold. Cost and memory are linear in the names; `sizeMax` bounds them, since a transducer may
 * spell many names with few bytes.
 */
export function verifyKeyMap(coding: KeyMapCoding, bytes: Uint8Array, sizeMax: number): void {
  const map = coding.open(bytes);
  if (map.size > sizeMax)
    throw malformed(coding.name, 0, `at most ${sizeMax} names`, `${map.size}`);
  const names = [...orderedNames(coding.name, map)];
  if (names.length !== map.size || !equalBytes(coding.build(names), bytes))
    throw malformed(coding.name, 0, 'the one encoding of its names', 'another');
}
