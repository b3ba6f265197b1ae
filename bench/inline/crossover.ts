/**
 * From the matrix to an answer: up to which size does a content inline beat one that is referenced,
 * by each measure, and which threshold loses least over all of them?
 *
 * The cells of one form and size are pooled to their median. A crossover is where the ratio of the
 * two forms, smoothed over neighbouring sizes, passes 1: between the sizes measured, on a straight
 * line in logarithms. It may pass more than once: nodes that hold a few large contents are
 * rewritten for less than nodes that hold many of middle size. The loss of a threshold is the mean,
 * over measures and sizes, of how many times worse it is than the better form: a geometric mean, so
 * 1 is a threshold that is always right.
 */
import { summarize } from '../harness/sample.js';
import {
  type Cell,
  type Form,
  formOf,
  type Measure,
  measures,
  sizes,
  thresholds,
} from './cells.js';

/** The median of a form's cells of one size, or undefined where there are none. */
export function pooled(
  cells: readonly Cell[],
  { name }: Pick<Measure, 'name'>,
  size: number,
  form: Form,
): number | undefined {
  const figures = cells
    .filter((cell) => cell.size === size && formOf(cell) === form)
    .flatMap((cell) => cell.figures[name] ?? []);
  return figures.length === 0 ? undefined : summarize(figures).median;
}

export interface Advantage {
  readonly size: number;
  /** How many times better inline is; below 1 it is worse. */
  readonly times: number;
}

/** At each size that has both forms, ascending. */
export function advantages(cells: readonly Cell[], measure: Measure): Advantage[] {
  return sizes.flatMap((size) => {
    const inline = pooled(cells, measure, size, 'inline');
    const referenced = pooled(cells, measure, size, 'referenced');
    if (inline === undefined || referenced === undefined) return [];
    return { size, times: measure.better === 'more' ? inline / referenced : referenced / inline };
  });
}

export interface Crossover {
  /** The sizes in bytes at which the better form changes, ascending. */
  readonly turns: readonly number[];
  /** Whether inline wins below the first turn. */
  readonly inlineFirst: boolean;
  /** The greatest size that both forms were measured at. */
  readonly last: number;
}

/**
 * Less than this, as a logarithm, is a tie: which of two forms that cost the same wins is noise.
 */
const even = Math.log(1.03);

/** Where the smoothed advantage passes 1; undefined where nothing was measured. */
export function crossover(found: readonly Advantage[]): Crossover | undefined {
  const logs = smoothed(found.map(({ times }) => Math.log(times)));
  const last = found.at(-1);
  if (last === undefined) return undefined;
  let inlineWins = (logs[0] as number) >= 0;
  const inlineFirst = inlineWins;
  const turns: number[] = [];
  for (let i = 1; i < logs.length; i++) {
    const log = logs[i] as number;
    if (inlineWins ? log >= -even : log <= even) continue;
    inlineWins = !inlineWins;
    turns.push(passedBefore(found, logs, i));
  }
  return { turns, inlineFirst, last: last.size };
}

/** Where the advantage passed 1 last, up to the size at `index`. */
function passedBefore(found: readonly Advantage[], logs: readonly number[], index: number): number {
  const negative = (logs[index] as number) < 0;
  let from = index - 1;
  while (from > 0 && (logs[from] as number) < 0 === negative) from--;
  const [before, after] = [logs[from] as number, logs[from + 1] as number];
  const [low, high] = [found[from] as Advantage, found[from + 1] as Advantage];
  const part = before / (before - after);
  return Math.round(low.size * (high.size / low.size) ** part);
}

/** Each with its neighbours, so that one noisy size is no turn. */
function smoothed(logs: readonly number[]): number[] {
  return logs.map((_, i) => mean(logs.slice(Math.max(0, i - 1), i + 2)));
}

/** Up to which size inline wins without a break: 0 where it loses from the start. */
export function winsUpTo({ turns, inlineFirst, last }: Crossover): number {
  return inlineFirst ? (turns[0] ?? last) : 0;
}

export interface Loss {
  readonly inlineMax: number;
  /** How many times worse than the better form, in the geometric mean. */
  readonly mean: number;
  /** The measure by which it loses most, and how many times. */
  readonly worst: { readonly measure: Measure; readonly times: number };
}

/** Of every threshold, over the powers of two that may be inline. */
export function losses(cells: readonly Cell[]): Loss[] {
  const all = measures.map((measure) => ({
    measure,
    found: advantages(cells, measure).filter(({ size }) => (size & (size - 1)) === 0),
  }));
  return thresholds.map((inlineMax) => {
    const each = all.flatMap(({ measure, found }) => {
      if (found.length === 0) return [];
      const logs = found.map(({ size, times }) =>
        Math.max(0, size <= inlineMax ? -Math.log(times) : Math.log(times)),
      );
      return { measure, log: mean(logs) };
    });
    const worst = each.reduce((most, one) => (one.log > most.log ? one : most));
    return {
      inlineMax,
      mean: Math.exp(mean(each.map(({ log }) => log))),
      worst: { measure: worst.measure, times: Math.exp(worst.log) },
    };
  });
}

/** The threshold that loses least. */
export function leastLoss(found: readonly Loss[]): Loss {
  return found.reduce((least, one) => (one.mean < least.mean ? one : least));
}

function mean(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0) / numbers.length;
}
