/**
 * Front coding: each name as what it shares with the one before and the rest, with a restart every
 * few names that shares nothing. A lookup is a binary search over the restarts, then a scan that
 * never spells a name: it keeps how much of the wanted name is matched so far (Witten, Moffat and
 * Bell, "Managing Gigabytes", section 4.1).
 *
 *   head u8 · size varint · [prefix length u8 · prefix · restarts (count - 1) × width · names]
 *   head: interval's logarithm × 4 + width's logarithm (width 1, 2 or 4)
 *   name: shared × 16 + length, one byte · [shared - 15] · [length - 15] · suffix
 *
 * A nibble of 15 says that a byte with the rest follows.
 *
 * The prefix is what all names begin with, and is left out of shares and lengths. A restart is
 * counted from the first name; the first one, 0, is left out. The width is the least that holds the
 * length of all names.
 */
import { malformed } from '../../src/ground/errors.js';
import { NAME_BYTES_MAX } from '../../src/ground/limits.js';
import { ByteReader } from '../../src/ground/reader.js';
import { ByteWriter } from '../../src/ground/writer.js';
import {
  assertNext,
  checkOrdinal,
  commonPrefixLength,
  type KeyMap,
  type KeyMapCoding,
  sharedLength,
} from './key-map.js';

const NAME = 'front-coded';

/** The interval of the format, chosen by measurement (bench/key-maps.ts). */
const INTERVAL_LOG2 = 4;

/** Writes one name at `at`; returns the offset behind it. */
function writeName(out: Uint8Array, at: number, shared: number, from: number, name: Uint8Array) {
  const length = name.length - from - shared;
  out[at++] = (Math.min(shared, 15) << 4) | Math.min(length, 15);
  if (shared >= 15) out[at++] = shared - 15;
  if (length >= 15) out[at++] = length - 15;
  for (let i = from + shared; i < name.length; i++) out[at++] = name[i];
  return at;
}

function build(names: readonly Uint8Array[], intervalLog2: number): Uint8Array {
  const size = names.length;
  const prefixLength = commonPrefixLength(names);
  let room = 0;
  for (const name of names) room += name.length + 3;
  const body = new Uint8Array(room);
  const restarts: number[] = [];
  let at = 0;
  for (let i = 0; i < size; i++) {
    assertNext(i === 0 ? undefined : names[i - 1], names[i]);
    let shared = 0;
    if ((i & ((1 << intervalLog2) - 1)) !== 0)
      shared = sharedLength(names[i - 1], names[i]) - prefixLength;
    else if (i > 0) restarts.push(at);
    at = writeName(body, at, shared, prefixLength, names[i]);
  }
  const widthLog2 = at < 0x100 ? 0 : at < 0x1_0000 ? 1 : 2;
  const out = new ByteWriter(12 + prefixLength + (restarts.length << widthLog2) + at);
  out.u8((intervalLog2 << 2) | widthLog2).varint(size);
  if (size === 0) return out.finish();
  out.u8(prefixLength).bytes(names[0].subarray(0, prefixLength));
  for (const restart of restarts) {
    if (widthLog2 === 0) out.u8(restart);
    else if (widthLog2 === 1) out.u16(restart);
    else out.u32(restart);
  }
  return out.bytes(body.subarray(0, at)).finish();
}

class FrontCoded implements KeyMap {
  readonly size: number;
  readonly #bytes: Uint8Array;
  readonly #intervalLog2: number;
  readonly #widthLog2: number;
  readonly #prefix: number;
  readonly #restarts: number;
  readonly #body: number;
  /** The name being read: what it shares, where its suffix starts and ends. */
  #shared = 0;
  #start = 0;
  #end = 0;

  constructor(bytes: Uint8Array) {
    const reader = new ByteReader(bytes, NAME);
    const head = reader.u8();
    this.#bytes = bytes;
    this.#intervalLog2 = head >> 2;
    this.#widthLog2 = head & 3;
    if (this.#widthLog2 === 3 || this.#intervalLog2 > 8)
      throw malformed(NAME, 0, 'a known width and interval', `${head}`);
    this.size = reader.varint();
    if (this.size === 0) reader.end();
    if (this.size > reader.remaining) reader.fail(`${this.size} names`, 'fewer bytes');
    const prefixLength = this.size === 0 ? 0 : reader.u8();
    this.#prefix = reader.at;
    reader.bytes(prefixLength);
    this.#restarts = reader.at;
    const count = this.size === 0 ? 0 : (this.size - 1) >>> this.#intervalLog2;
    reader.bytes(count << this.#widthLog2);
    this.#body = reader.at;
  }

  /** Where the bucket of a restart starts. */
  #restart(index: number): number {
    if (index === 0) return this.#body;
    const bytes = this.#bytes;
    const at = this.#restarts + ((index - 1) << this.#widthLog2);
    if (this.#widthLog2 === 0) return this.#body + bytes[at];
    const low = bytes[at] | (bytes[at + 1] << 8);
    if (this.#widthLog2 === 1) return this.#body + low;
    return this.#body + low + (bytes[at + 2] | (bytes[at + 3] << 8)) * 0x1_0000;
  }

  /** Reads the head of the name at `at`. Throws REGALIA_FORMAT where it leaves the bytes. */
  #read(at: number): void {
    const bytes = this.#bytes;
    if (at >= bytes.length) this.#fail(at);
    const head = bytes[at++];
    let shared = head >> 4;
    let length = head & 15;
    if (shared === 15) shared += bytes[at++];
    if (length === 15) length += bytes[at++];
    this.#shared = shared;
    this.#start = at;
    this.#end = at + length;
    // An escape that lies behind the end is undefined, so the sum is NaN: the comparison must fail
    // for NaN as well.
    if (!(shared <= NAME_BYTES_MAX && this.#end <= bytes.length)) this.#fail(at);
  }

  /**
   * The last bucket whose first name is at or before the wanted one; the first bucket if there is
   * none.
   */
  #bucket(name: Uint8Array, from: number): number {
    const bytes = this.#bytes;
    let low = 0;
    let high = ((this.size - 1) >>> this.#intervalLog2) + 1;
    let lowShared = from;
    let highShared = from;
    while (high - low > 1) {
      const middle = (low + high) >>> 1;
      this.#read(this.#restart(middle));
      // What the names at both bounds share with the wanted one, all names between them share too.
      let i = Math.min(lowShared, highShared);
      let at = this.#start + i - from;
      const end = this.#end;
      while (at < end && i < name.length && bytes[at] === name[i]) {
        at++;
        i++;
      }
      if (at >= end || (i < name.length && bytes[at] < name[i])) {
        low = middle;
        lowShared = i;
      } else {
        high = middle;
        highShared = i;
      }
    }
    return low;
  }

  /** The name's ordinal, or the complement of where it would go. */
  #seek(name: Uint8Array): number {
    const bytes = this.#bytes;
    const from = this.#restarts - this.#prefix;
    if (this.size === 0) return ~0;
    for (let i = 0; i < from; i++) {
      if (i === name.length) return ~0;
      const difference = bytes[this.#prefix + i] - name[i];
      if (difference !== 0) return difference > 0 ? ~0 : ~this.size;
    }
    const bucket = this.#bucket(name, from);
    let ordinal = bucket << this.#intervalLog2;
    const end = Math.min(this.size, ordinal + (1 << this.#intervalLog2));
    let matched = 0;
    for (let next = this.#restart(bucket); ordinal < end; ordinal++, next = this.#end) {
      this.#read(next);
      // All names so far are below the wanted one and share `matched` bytes with it; so does one
      // that shares more with its predecessor, and one that shares less is above.
      if (this.#shared > matched) continue;
      if (this.#shared < matched) return ~ordinal;
      let at = this.#start;
      let i = from + matched;
      while (at < this.#end && i < name.length && bytes[at] === name[i]) {
        at++;
        i++;
      }
      if (i === name.length) return at === this.#end ? ordinal : ~ordinal;
      if (at < this.#end && bytes[at] > name[i]) return ~ordinal;
      matched = i - from;
    }
    return ~ordinal;
  }

  find(name: Uint8Array): number {
    const found = this.#seek(name);
    return found < 0 ? -1 : found;
  }

  lowerBound(name: Uint8Array): number {
    const found = this.#seek(name);
    return found < 0 ? ~found : found;
  }

  nameAt(ordinal: number): Uint8Array {
    checkOrdinal(ordinal, this.size);
    for (const name of this.names(ordinal)) return name;
    return this.#fail(this.#body);
  }

  *names(from = 0): IterableIterator<Uint8Array> {
    if (from >= this.size) return;
    const prefixLength = this.#restarts - this.#prefix;
    const name = new Uint8Array(NAME_BYTES_MAX);
    name.set(this.#bytes.subarray(this.#prefix, this.#restarts));
    const bucket = from >>> this.#intervalLog2;
    const first = bucket << this.#intervalLog2;
    let next = this.#restart(bucket);
    let length = prefixLength;
    for (let ordinal = first; ordinal < this.size; ordinal++) {
      this.#read(next);
      const shared = prefixLength + this.#shared;
      const grown = shared + this.#end - this.#start;
      if (shared > length || grown > NAME_BYTES_MAX) this.#fail(next);
      for (let i = shared, at = this.#start; i < grown; i++, at++) name[i] = this.#bytes[at];
      length = grown;
      next = this.#end;
      if (ordinal >= from) yield name.slice(0, length);
    }
  }

  #fail(at: number): never {
    throw malformed(NAME, at, 'a front-coded name', 'other bytes');
  }
}

/**
 * Front coding with restarts every 2^intervalLog2 names: for measuring; the format's own interval
 * is `frontCoded`.
 */
export function frontCodedEvery(intervalLog2: number): KeyMapCoding {
  return {
    name: NAME,
    build: (names) => build(names, intervalLog2),
    open: (bytes) => new FrontCoded(bytes),
  };
}

/** Front coding behind the seam of key maps. */
export const frontCoded: KeyMapCoding = frontCodedEvery(INTERVAL_LOG2);
