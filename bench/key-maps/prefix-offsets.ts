/**
 * The plainest key map: what all names begin with once, then end offsets, then the suffixes in one
 * run. A lookup is a binary search over suffixes; an edit splices the bytes and rewrites only the
 * offsets behind it.
 *
 *   width u8 (1, 2 or 4) · size varint · [prefix length u8 · prefix · ends size × width · suffixes]
 *
 * `ends[i]` is where suffix i ends, counted from the first suffix; the last one is the end of the
 * bytes. Integers are little-endian. The width is the least that holds the last end; an empty map
 * is width 1 and size 0 alone.
 */

import { malformed } from '../../src/ground/errors.js';
import { varintLength } from '../../src/ground/integers.js';
import { NAME_BYTES_MAX } from '../../src/ground/limits.js';
import {
  assertNext,
  checkOrdinal,
  commonPrefixLength,
  type KeyMap,
  type KeyMapCoding,
  sharedLength,
} from './key-map.js';

const NAME = 'prefix-offsets';

function widthFor(end: number): number {
  return end < 0x100 ? 1 : end < 0x1_0000 ? 2 : 4;
}

/** Writes all that comes before `ends`; returns their offset. */
function writeHead(out: Uint8Array, width: number, size: number, prefix: Uint8Array): number {
  out[0] = width;
  let at = 1;
  let rest = size;
  for (; rest >= 0x80; rest >>>= 7) out[at++] = (rest & 0x7f) | 0x80;
  out[at++] = rest;
  if (size === 0) return at;
  out[at++] = prefix.length;
  out.set(prefix, at);
  return at + prefix.length;
}

function writeEnd(out: Uint8Array, at: number, width: number, end: number): void {
  out[at] = end;
  if (width === 1) return;
  out[at + 1] = end >>> 8;
  if (width === 2) return;
  out[at + 2] = end >>> 16;
  out[at + 3] = end >>> 24;
}

function build(names: readonly Uint8Array[]): Uint8Array {
  const size = names.length;
  if (size === 0) return Uint8Array.of(1, 0);
  const shared = commonPrefixLength(names);
  let total = 0;
  for (let i = 0; i < size; i++) {
    assertNext(i === 0 ? undefined : names[i - 1], names[i]);
    total += names[i].length - shared;
  }
  const width = widthFor(total);
  const out = new Uint8Array(2 + varintLength(size) + shared + size * width + total);
  const ends = writeHead(out, width, size, names[0].subarray(0, shared));
  const base = ends + size * width;
  let at = base;
  for (let i = 0; i < size; i++) {
    const name = names[i];
    // `set` with a subarray costs 45 ns however few the bytes: the loop wins up to some 20
    // (measured).
    for (let k = shared; k < name.length; k++) out[at++] = name[k];
    writeEnd(out, ends + i * width, width, at - base);
  }
  return out;
}

class PrefixOffsets implements KeyMap {
  readonly size: number;
  readonly bytes: Uint8Array;
  readonly width: number;
  /** Where the prefix starts, `ends` start, and suffixes start. */
  readonly prefix: number;
  readonly ends: number;
  readonly base: number;

  constructor(bytes: Uint8Array) {
    // Without ByteReader: opening is part of every read from a raw node (measured: a third of it).
    const width = bytes[0];
    let at = 1;
    let size = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = bytes[at++];
      size += (byte & 0x7f) * scale;
      if (byte < 0x80) break;
      if (!(byte >= 0x80) || at > 5)
        throw malformed(NAME, at - 1, 'a size of at most 5 bytes', 'another');
    }
    if (width !== 1 && width !== 2 && width !== 4)
      throw malformed(NAME, 0, 'a width of 1, 2 or 4', `${width}`);
    if (varintLength(size) !== at - 1)
      throw malformed(NAME, 1, 'a size in its shortest form', 'a padded one');
    this.bytes = bytes;
    this.width = width;
    this.size = size;
    this.prefix = size === 0 ? at : at + 1;
    this.ends = size === 0 ? at : at + 1 + bytes[at];
    this.base = this.ends + size * width;
    const last = size === 0 ? at : this.base <= bytes.length ? this.end(size - 1) : -1;
    if (last !== bytes.length)
      throw malformed(NAME, this.prefix, 'ends up to the last byte', `${last}`);
  }

  /** Where the suffix of an ordinal ends, as an offset into the bytes. */
  end(ordinal: number): number {
    const { bytes, width } = this;
    const at = this.ends + ordinal * width;
    if (width === 1) return this.base + bytes[at];
    const low = bytes[at] | (bytes[at + 1] << 8);
    if (width === 2) return this.base + low;
    return this.base + low + (bytes[at + 2] | (bytes[at + 3] << 8)) * 0x1_0000;
  }

  start(ordinal: number): number {
    return ordinal === 0 ? this.base : this.end(ordinal - 1);
  }

  /** The name's ordinal, or the complement of where it would go. */
  seek(name: Uint8Array): number {
    const bytes = this.bytes;
    const shared = this.ends - this.prefix;
    for (let i = 0; i < shared; i++) {
      if (i === name.length) return ~0;
      const difference = bytes[this.prefix + i] - name[i];
      if (difference !== 0) return difference > 0 ? ~0 : ~this.size;
    }
    const { base, ends, width } = this;
    let low = 0;
    let high = this.size;
    // What the names at both bounds share with the wanted one, all names between them share too.
    let lowShared = shared;
    let highShared = shared;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const entry = ends + middle * width;
      let at: number;
      let end: number;
      if (width === 1) {
        at = middle === 0 ? base : base + bytes[entry - 1];
        end = base + bytes[entry];
      } else if (width === 2) {
        at = middle === 0 ? base : base + (bytes[entry - 2] | (bytes[entry - 1] << 8));
        end = base + (bytes[entry] | (bytes[entry + 1] << 8));
      } else {
        at = this.start(middle);
        end = this.end(middle);
      }
      let i = Math.min(lowShared, highShared);
      at += i - shared;
      if (at > end || end > bytes.length) this.#fail(middle);
      while (at < end && i < name.length && bytes[at] === name[i]) {
        at++;
        i++;
      }
      if (at === end) {
        if (i === name.length) return middle;
        low = middle + 1;
        lowShared = i;
      } else if (i < name.length && bytes[at] < name[i]) {
        low = middle + 1;
        lowShared = i;
      } else {
        high = middle;
        highShared = i;
      }
    }
    return ~low;
  }

  find(name: Uint8Array): number {
    const found = this.seek(name);
    return found < 0 ? -1 : found;
  }

  lowerBound(name: Uint8Array): number {
    const found = this.seek(name);
    return found < 0 ? ~found : found;
  }

  nameAt(ordinal: number): Uint8Array {
    checkOrdinal(ordinal, this.size);
    const start = this.start(ordinal);
    const end = this.end(ordinal);
    const shared = this.ends - this.prefix;
    const length = shared + end - start;
    if (start > end || end > this.bytes.length || length > NAME_BYTES_MAX) this.#fail(ordinal);
    const name = new Uint8Array(length);
    for (let i = 0; i < shared; i++) name[i] = this.bytes[this.prefix + i];
    for (let i = shared, at = start; i < length; i++, at++) name[i] = this.bytes[at];
    return name;
  }

  *names(from = 0): IterableIterator<Uint8Array> {
    for (let ordinal = from; ordinal < this.size; ordinal++) yield this.nameAt(ordinal);
  }

  #fail(ordinal: number): never {
    throw malformed(NAME, this.ends + ordinal * this.width, 'ends that ascend', 'others');
  }
}

/**
 * What `build` gives for the map's names and this one. Throws REGALIA_FORMAT for malformed bytes.
 */
export function insertName(bytes: Uint8Array, name: Uint8Array): Uint8Array {
  const map = new PrefixOffsets(bytes);
  const found = map.seek(name);
  if (found >= 0) return bytes;
  assertNext(undefined, name);
  const prefix = bytes.subarray(map.prefix, map.ends);
  const keeps = map.size > 0 && sharedLength(name, prefix) === prefix.length;
  const spliced = keeps ? splice(map, ~found, 0, name.subarray(prefix.length)) : undefined;
  return spliced ?? rebuilt(map, ~found, 0, [name]);
}

/**
 * What `build` gives for the map's names without this one. Throws REGALIA_FORMAT for malformed
 * bytes.
 */
export function removeName(bytes: Uint8Array, name: Uint8Array): Uint8Array {
  const map = new PrefixOffsets(bytes);
  const at = map.seek(name);
  if (at < 0) return bytes;
  const inner = at > 0 && at < map.size - 1;
  const spliced = inner || !sharesMore(map, at) ? splice(map, at, 1, undefined) : undefined;
  return spliced ?? rebuilt(map, at, 1, []);
}

/** Whether the names without the first or the last one begin with more than the prefix. */
function sharesMore(map: PrefixOffsets, removed: number): boolean {
  const first = map.nameAt(removed === 0 ? Math.min(1, map.size - 1) : 0);
  const last = map.nameAt(removed === 0 ? map.size - 1 : removed - 1);
  return sharedLength(first, last) > map.ends - map.prefix;
}

function rebuilt(
  map: PrefixOffsets,
  at: number,
  removed: number,
  added: readonly Uint8Array[],
): Uint8Array {
  const names = [...map.names()];
  names.splice(at, removed, ...added);
  return build(names);
}

/** Removes a suffix, or inserts one; undefined where the width changes. */
function splice(
  map: PrefixOffsets,
  at: number,
  removed: 0 | 1,
  suffix: Uint8Array | undefined,
): Uint8Array | undefined {
  const { bytes, width, base, ends } = map;
  const start = map.start(at);
  const behind = removed === 1 ? map.end(at) : start;
  if (start > behind || behind > bytes.length) return undefined;
  const growth = (suffix?.length ?? 0) - (behind - start);
  const size = map.size - removed + (suffix === undefined ? 0 : 1);
  if (size === 0 || widthFor(bytes.length - base + growth) !== width) return undefined;
  const newEnds = ends + varintLength(size) - varintLength(map.size);
  const newBase = newEnds + size * width;
  const out = new Uint8Array(newBase + bytes.length - base + growth);
  writeHead(out, width, size, bytes.subarray(map.prefix, ends));
  out.set(bytes.subarray(ends, ends + at * width), newEnds);
  let next = newEnds + at * width;
  if (suffix !== undefined) {
    writeEnd(out, next, width, start - base + suffix.length);
    next += width;
  }
  for (let old = at + removed; old < map.size; old++, next += width)
    writeEnd(out, next, width, map.end(old) - base + growth);
  out.set(bytes.subarray(base, start), newBase);
  if (suffix !== undefined) out.set(suffix, newBase + start - base);
  out.set(bytes.subarray(behind), newBase + behind - base + growth);
  return out;
}

/** Prefix and offsets behind the seam of key maps. */
export const prefixOffsets: KeyMapCoding = {
  name: NAME,
  build,
  open: (bytes) => new PrefixOffsets(bytes),
};
