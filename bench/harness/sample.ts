/**
 * Sampling: medians of a few runs, with the spread beside them, since single runs on a shared
 * machine lie.
 *
 * Ours and a rival are sampled in alternating pairs, so that a slow minute of the machine slows
 * both; the order within a pair alternates too, so that neither always inherits the other's warm or
 * dirty caches.
 */
import type { Figures } from './bench.js';

export interface Summary {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export function summarize(figures: Figures): Summary {
  const sorted = (typeof figures === 'number' ? [figures] : [...figures]).sort((a, b) => a - b);
  if (sorted.length === 0) throw new RangeError('no samples to summarize');
  const middle = (sorted.length - 1) / 2;
  const low = sorted[Math.floor(middle)] as number;
  const high = sorted[Math.ceil(middle)] as number;
  return { median: (low + high) / 2, min: sorted[0] as number, max: sorted.at(-1) as number };
}

/** The value at or below which `fraction` of the samples lie. */
export function percentile(samples: readonly number[], fraction: number): number {
  if (samples.length === 0) throw new RangeError('no samples to rank');
  const sorted = [...samples].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(fraction * sorted.length) - 1)] as number;
}

type Work = (run: number) => unknown;

/** Milliseconds that one call takes, awaited if it gives a promise. */
export async function timed(work: () => unknown): Promise<number> {
  const start = performance.now();
  const result = work();
  if (result instanceof Promise) await result;
  return performance.now() - start;
}

/** Calls `measure` for `count` figures. */
export async function sample(
  count: number,
  measure: (run: number) => number | Promise<number>,
): Promise<number[]> {
  const figures: number[] = [];
  for (let run = 0; run < count; run++) {
    figures.push(await measure(run));
  }
  return figures;
}

/** Times `work` `count` times, in milliseconds; `prepare` is outside the clock. */
export function sampleTimes(count: number, work: Work, prepare?: Work): Promise<number[]> {
  return sample(count, async (run) => {
    await prepare?.(run);
    return timed(() => work(run));
  });
}

export interface Pairs {
  readonly ours: number[];
  /** Absent where there is no rival. */
  readonly rival: number[] | undefined;
}

/** Samples both in alternation. Each callback does its own timing and gives its figure. */
export async function samplePairs(
  count: number,
  ours: (run: number) => number | Promise<number>,
  rival?: ((run: number) => number | Promise<number>) | undefined,
): Promise<Pairs> {
  const figures = { ours: [] as number[], rival: [] as number[] };
  for (let run = 0; run < count; run++) {
    const order = run % 2 === 0 ? (['ours', 'rival'] as const) : (['rival', 'ours'] as const);
    for (const side of order) {
      const measure = side === 'ours' ? ours : rival;
      if (measure === undefined) continue;
      figures[side].push(await measure(run));
    }
  }
  return { ours: figures.ours, rival: rival === undefined ? undefined : figures.rival };
}

/**
 * Samples any number of sides in turn, by their names; who begins moves on with each round. A side
 * that gives undefined has no figure, and none of its samples count.
 */
export async function sampleSides<Name extends string, Figure>(
  count: number,
  sides: Readonly<Record<Name, (run: number) => Promise<Figure | undefined>>>,
): Promise<Partial<Record<Name, Figure[]>>> {
  const names = Object.keys(sides) as Name[];
  const figures = new Map<Name, Figure[]>(names.map((name) => [name, []]));
  for (let run = 0; run < count; run++) {
    for (let turn = 0; turn < names.length; turn++) {
      const name = names[(run + turn) % names.length] as Name;
      const own = figures.get(name);
      if (own === undefined) continue;
      const figure = await sides[name](run);
      if (figure === undefined) figures.delete(name);
      else own.push(figure);
    }
  }
  return Object.fromEntries(figures) as Partial<Record<Name, Figure[]>>;
}

/** Microseconds per operation of a synchronous loop over `count` operations. */
export function microsecondsEach(count: number, operation: (index: number) => unknown): number {
  const start = performance.now();
  for (let index = 0; index < count; index++) operation(index);
  return ((performance.now() - start) * 1000) / count;
}
