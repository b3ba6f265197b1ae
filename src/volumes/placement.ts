/**
 * Placement: on which volumes a chunk goes, in order of preference. A pure function of the chunk
 * and of the volumes, so that a volume that comes or goes moves only its own share.
 *
 * Rendezvous hashing by weight: of all volumes the one with the greatest -weight / ln(h) is first,
 * where h in (0, 1) is a hash of volume and chunk (Thaler and Ravishankar, 1998; the weighted form
 * is Schindelhauer and Schomaker's, 2005).
 */
import type { Address } from '../blocks/address.js';
import type { VolumeEntry } from './registry.js';
import type { Redundancy } from './storage-rules.js';

/** A volume that accepts new chunks: its weight is above 0. */
export type Candidate = Pick<VolumeEntry, 'number' | 'id' | 'weight'>;

/** What decides where a chunk goes, beside its address. */
export interface Spread {
  readonly redundancy: Redundancy;
  /** Chunks of one content that are kept once are kept together. */
  readonly content: number;
  /** Which chunk of its content it is. */
  readonly index: number;
}

/** Each address by itself: for copies and shards. */
export const SCATTERED: Spread = {
  redundancy: { kind: 'mirrored', copies: 1 },
  content: 0,
  index: 0,
};

/** The volumes, most preferred first. */
export function inPreference(
  volumes: readonly Candidate[],
  spread: Spread,
  address: Address,
): number[] {
  if (volumes.length === 1) return [(volumes[0] as Candidate).number];
  const { kind } = spread.redundancy;
  if (kind === 'striped' && volumes.every(({ weight }) => weight === volumes[0]?.weight)) {
    return rotated(volumes, spread.content + spread.index);
  }
  const seed = kind === 'none' ? contentSeed(spread.content) : address.subarray(1, 9);
  const scored = volumes.map(({ number, id, weight }) => ({
    number,
    score: -weight / Math.log(unitHash(id, seed)),
  }));
  scored.sort((a, b) => b.score - a.score || a.number - b.number);
  return scored.map(({ number }) => number);
}

/** How many copies are written, and kept as long as there are no shards. */
export function copiesOf(redundancy: Redundancy): number {
  if (redundancy.kind === 'mirrored') return redundancy.copies;
  return redundancy.kind === 'coded' ? redundancy.parity + 1 : 1;
}

function rotated(volumes: readonly Candidate[], by: number): number[] {
  const first = by % volumes.length;
  return [...volumes.slice(first), ...volumes.slice(0, first)].map(({ number }) => number);
}

function contentSeed(content: number): Uint8Array {
  return Uint8Array.of(content, content >>> 8, content >>> 16, content >>> 24);
}

/** FNV-1a and MurmurHash3's finalizer, as a number within (0, 1). */
function unitHash(id: Uint8Array, seed: Uint8Array): number {
  let hash = 0x811c9dc5;
  for (const bytes of [id, seed]) {
    for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  hash ^= hash >>> 16;
  return ((hash >>> 0) + 0.5) / 2 ** 32;
}
