/**
 * The matrix of the inline bench: content sizes by thresholds, and what is measured in each cell.
 *
 * A threshold decides of a content only where it lies: inline in its record, or referenced as a
 * content of its own. So all thresholds at or above a size are samples of one form, and all below
 * it of the other; measuring each cell anyway shows that nothing else depends on the threshold, and
 * gives every form several samples from different minutes.
 */
import { INLINE_BYTES_MAX } from '../../src/ground/limits.js';

/** Powers of two, and the size just above each threshold. */
export const thresholds = [0, 256, 512, 1024, 2048, 4096, INLINE_BYTES_MAX] as const;
const powers = Array.from({ length: 13 }, (_, i) => 2 ** (i + 4));
export const sizes: readonly number[] = [
  ...new Set([...powers, ...thresholds.filter((bytes) => bytes > 0).map((bytes) => bytes + 1)]),
].sort((a, b) => a - b);

export interface Measure {
  readonly name: MeasureName;
  readonly title: string;
  readonly unit: string;
  readonly better: 'more' | 'less';
}

export type MeasureName =
  | 'bulk'
  | 'commits'
  | 'warm'
  | 'handle'
  | 'disk'
  | 'list'
  | 'stored'
  | 'hashed'
  | 'written'
  | 'delta';

/** In the order of the plots: speeds first, then bytes. */
export const measures: readonly Measure[] = [
  { name: 'bulk', title: 'Bulk write, one commit', unit: 'entries/s', better: 'more' },
  { name: 'commits', title: 'Durable commits of 100', unit: 'entries/s', better: 'more' },
  { name: 'list', title: 'Listing names, new handle', unit: 'entries/s', better: 'more' },
  { name: 'warm', title: 'Random read, warm', unit: 'reads/s', better: 'more' },
  { name: 'handle', title: 'Random read, new handle', unit: 'reads/s', better: 'more' },
  { name: 'disk', title: 'Random read, from the disk', unit: 'reads/s', better: 'more' },
  { name: 'stored', title: 'Stored, whole folder', unit: '× content', better: 'less' },
  { name: 'hashed', title: 'Hashed for one change', unit: 'bytes', better: 'less' },
  { name: 'written', title: 'Written for one change', unit: 'bytes', better: 'less' },
  { name: 'delta', title: 'Delta of one change', unit: 'bytes', better: 'less' },
];

export interface Cell {
  readonly size: number;
  readonly inlineMax: number;
  readonly entries: number;
  /** Absent where this machine cannot measure it. */
  readonly figures: Readonly<Partial<Record<MeasureName, number>>>;
}

export type Form = 'inline' | 'referenced';

export function formOf({ size, inlineMax }: Pick<Cell, 'size' | 'inlineMax'>): Form {
  return size <= inlineMax ? 'inline' : 'referenced';
}

function isPower(bytes: number): boolean {
  return (bytes & (bytes - 1)) === 0;
}

/** `512 B`, `4 KiB`, `4 KiB + 1`. */
export function sizeText(bytes: number): string {
  if (bytes > 16 && isPower(bytes - 1)) return `${sizeText(bytes - 1)} + 1`;
  if (bytes < 1024) return `${Math.round(bytes)} B`;
  return `${Number((bytes / 1024).toPrecision(2))} KiB`;
}
