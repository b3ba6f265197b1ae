/**
 * Totals: the sums of a subtree, spanning nested buckets. Whatever names the subtree repeats them,
 * as varints in this order.
 */
import { putVarint, varintLength } from '../ground/integers.js';
import type { ByteReader } from '../ground/reader.js';

export interface Totals {
  entries: number;
  buckets: number;
  /** Logical bytes of streams kept in metadata, and of streams kept as contents. */
  inlineBytes: number;
  referencedBytes: number;
}

export const NO_TOTALS: Readonly<Totals> = {
  entries: 0,
  buckets: 0,
  inlineBytes: 0,
  referencedBytes: 0,
};

/** The sums alone of what has more fields. */
export function onlyTotals(from: Readonly<Totals>): Totals {
  const { entries, buckets, inlineBytes, referencedBytes } = from;
  return { entries, buckets, inlineBytes, referencedBytes };
}

/** The sums of a bucket without its own entry, which counts where the bucket is named. */
export function totalsWithin(totals: Readonly<Totals>): Totals {
  return { ...onlyTotals(totals), entries: totals.entries - 1 };
}

export function addTotals(sum: Totals, part: Readonly<Totals>): void {
  sum.entries += part.entries;
  sum.buckets += part.buckets;
  sum.inlineBytes += part.inlineBytes;
  sum.referencedBytes += part.referencedBytes;
}

export function subtractTotals(sum: Totals, part: Readonly<Totals>): void {
  sum.entries -= part.entries;
  sum.buckets -= part.buckets;
  sum.inlineBytes -= part.inlineBytes;
  sum.referencedBytes -= part.referencedBytes;
}

/** False where the sums, together, pass what integers can count: contents may claim any length. */
export function areCountable({ entries, buckets, inlineBytes, referencedBytes }: Totals): boolean {
  return Number.isSafeInteger(entries + buckets + inlineBytes + referencedBytes);
}

export function sameTotals(a: Readonly<Totals>, b: Readonly<Totals>): boolean {
  return (
    a.entries === b.entries &&
    a.buckets === b.buckets &&
    a.inlineBytes === b.inlineBytes &&
    a.referencedBytes === b.referencedBytes
  );
}

export function readTotals(reader: Pick<ByteReader, 'varint'>): Totals {
  return {
    entries: reader.varint(),
    buckets: reader.varint(),
    inlineBytes: reader.varint(),
    referencedBytes: reader.varint(),
  };
}

export function putTotals(bytes: Uint8Array, from: number, totals: Readonly<Totals>): number {
  let at = putVarint(bytes, from, totals.entries);
  at = putVarint(bytes, at, totals.buckets);
  at = putVarint(bytes, at, totals.inlineBytes);
  return putVarint(bytes, at, totals.referencedBytes);
}

export function totalsLength(totals: Readonly<Totals>): number {
  return (
    varintLength(totals.entries) +
    varintLength(totals.buckets) +
    varintLength(totals.inlineBytes) +
    varintLength(totals.referencedBytes)
  );
}
