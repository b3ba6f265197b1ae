/**
 * What a reference promises of a block, and what the block turned out to be, as one number each
 * (see seen.ts): so that a block that many refer to is read once, and each reference compared with
 * it.
 */
import type { Totals } from '../tree/node.js';

const KIND = 0x7;
const LEVEL = 0x1f8;
const SUMS = 0x1f_fe00;
const LAST = 0xffe0_0000;

/** What a block turned out to be. */
export interface Traits {
  readonly kind: number;
  readonly level?: number | undefined;
  /** Of a node or root. */
  readonly totals?: Readonly<Totals> | undefined;
  /** Of contents and metadata. */
  readonly length?: number | undefined;
  /** A node's last name. */
  readonly last?: Uint8Array | undefined;
}

/** What is promised: any part may be left open. */
export type Promised = Partial<Traits>;

export function traitsNumber({ kind, level = 0, totals, length, last }: Promised): number {
  const sums = (totals === undefined ? hashNumber(7, length ?? 0) : hashTotals(totals)) & 0xfff;
  const name = last === undefined ? 0 : hashBytes(last) & 0x7ff;
  return ((kind ?? 0) | (level << 3) | (sums << 9) | (name << 21)) >>> 0;
}

/** Whether a block seen before is as promised. */
export function keeps(seen: number, promised: Promised): boolean {
  let mask = 0;
  if (promised.kind !== undefined) mask |= KIND;
  if (promised.level !== undefined) mask |= LEVEL;
  if (promised.totals !== undefined || promised.length !== undefined) mask |= SUMS;
  if (promised.last !== undefined) mask |= LAST;
  return ((seen ^ traitsNumber(promised)) & mask) === 0;
}

function hashTotals({ entries, buckets, inlineBytes, referencedBytes }: Readonly<Totals>): number {
  let hash = hashNumber(7, entries);
  hash = hashNumber(hash, buckets);
  hash = hashNumber(hash, inlineBytes);
  return hashNumber(hash, referencedBytes);
}

function hashNumber(state: number, number: number): number {
  const high = Math.floor(number / 0x1_0000_0000);
  const mixed = Math.imul(
    Math.imul(state, 31) ^ (number >>> 0) ^ Math.imul(high, 0x9e37),
    0x85ebca6b,
  );
  return (mixed ^ (mixed >>> 15)) >>> 0;
}

function hashBytes(bytes: Uint8Array): number {
  let hash = bytes.length;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193);
  return (hash ^ (hash >>> 15)) >>> 0;
}
