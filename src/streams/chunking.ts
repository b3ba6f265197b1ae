/**
 * The part of a rule that says how contents are cut: its limits, and its numbers in hashed bytes.
 *
 *     fixed     4 kind = 1 | 5 bytes
 *     content   4 kind = 2 | 5 average | 6 least | 7 most          least < average < most, average a power of two
 */

import type { Chunking } from '../chunks/cutter.js';
import type { ByteReader } from '../ground/reader.js';
import { failOption, failRule, requireInteger, requireMember } from './rule-faults.js';

/** The shortest and the longest chunk that a rule may ask for. */
export const CHUNK_LIMITS = Object.freeze({ chunk_bytes_min: 4_096, chunk_bytes_max: 1_048_576 });

/** By persisted number, from 1: never reorder, only append. */
export const CHUNKINGS: readonly Chunking['kind'][] = ['fixed', 'content'];

/** How many sizes each has. Persisted: never change. */
const SIZES = { fixed: 1, content: 3 } as const;

/** The most sizes that any has. */
export const SIZES_MAX = SIZES.content;

/** The sizes in the order of their tags. */
export function sizesOf(chunking: Chunking): readonly number[] {
  if (chunking.kind === 'fixed') return [chunking.bytes];
  return [chunking.bytesAverage, chunking.bytesMin, chunking.bytesMax];
}

/** A copy of what a caller gives. REGALIA_RULE, REGALIA_OPTION. */
export function checkedChunking(rule: string, chunking: Chunking): Chunking {
  requireMember(`${rule}.kind`, chunking.kind, CHUNKINGS);
  const fields = chunking.kind === 'fixed' ? ['bytes'] : ['bytesMin', 'bytesAverage', 'bytesMax'];
  for (const field of Object.keys(chunking)) {
    if (field !== 'kind' && !fields.includes(field)) {
      failOption(rule, `kind, ${fields.join(', ')}`, field);
    }
  }
  const { chunk_bytes_min, chunk_bytes_max } = CHUNK_LIMITS;
  for (const field of fields) {
    const bytes = (chunking as unknown as Record<string, number>)[field] as number;
    requireInteger(`${rule}.${field}`, bytes, chunk_bytes_min, chunk_bytes_max);
  }
  if (chunking.kind === 'content' && !isOrdered(chunking)) {
    const { bytesMin, bytesAverage, bytesMax } = chunking;
    failRule(rule, ORDERED, `${bytesMin}, ${bytesAverage}, ${bytesMax}`);
  }
  return { ...chunking };
}

const ORDERED = 'bytesMin below bytesAverage, a power of two, below bytesMax';

function isOrdered({ bytesMin, bytesAverage, bytesMax }: Chunking & { kind: 'content' }): boolean {
  const isPower = (bytesAverage & (bytesAverage - 1)) === 0;
  return isPower && bytesMin < bytesAverage && bytesAverage < bytesMax;
}

/** The inverse of `sizesOf`, of anybody's numbers. REGALIA_FORMAT. */
export function chunkingOf(
  reader: ByteReader,
  kind: Chunking['kind'],
  sizes: readonly number[],
): Chunking {
  const { chunk_bytes_min, chunk_bytes_max } = CHUNK_LIMITS;
  const count = SIZES[kind];
  if (sizes.length !== count) reader.fail(`${count} sizes of chunks`, `${sizes.length}`);
  for (const size of sizes) {
    if (size >= chunk_bytes_min && size <= chunk_bytes_max) continue;
    reader.fail(`chunks of ${chunk_bytes_min} to ${chunk_bytes_max} bytes`, `${size}`);
  }
  const [bytes = 0, bytesMin = 0, bytesMax = 0] = sizes;
  if (kind === 'fixed') return { kind, bytes };
  const chunking = { kind, bytesMin, bytesAverage: bytes, bytesMax };
  if (!isOrdered(chunking)) reader.fail(ORDERED, `${bytesMin}, ${bytes}, ${bytesMax}`);
  return chunking;
}

export function chunkingText(chunking: Chunking): string {
  if (chunking.kind === 'fixed') return `fixed ${chunking.bytes}`;
  const { bytesMin, bytesAverage, bytesMax } = chunking;
  return `content ${bytesMin}/${bytesAverage}/${bytesMax}`;
}
