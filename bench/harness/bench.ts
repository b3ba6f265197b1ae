/**
 * What a bench is. Each file of bench/ asks one question and exports its answer as default:
 *
 *     const bench: Bench = {
 *       name: 'get',
 *       question: 'How fast is …?',
 *       run: async (context) => [row, row],
 *     };
 *     export default bench;
 *
 * A row is one figure of ours beside at most one rival's, as samples of which the median counts;
 * where two rivals are of interest there are two rows of one case. A target speaks of our figure or
 * of the ratio ours / rival.
 */

export interface Bench {
  readonly name: string;
  readonly question: string;
  run(context: Context): Promise<Row[]>;
}

/** One figure, or one for each sample. */
export type Figures = number | readonly number[];

export interface Target {
  readonly of: 'ours' | 'ratio';
  readonly atMost?: number;
  readonly atLeast?: number;
}

export interface Row {
  readonly case: string;
  /** Of both figures: `ms`, `µs`, `ops/s`, `MB/s`, `bytes`, … */
  readonly unit: string;
  /** Absent where a row says only what a rival does. */
  readonly ours?: Figures | undefined;
  /** Absent where there is no rival, or where it is not installed. */
  readonly rival?: Figures | undefined;
  readonly rivalName?: string | undefined;
  readonly target?: Target | undefined;
}

export interface Context {
  /** 1 is the full workload. */
  readonly scale: number;
  readonly seed: number;
  /** `count` at this scale, at least `least`. */
  sized(count: number, least?: number): number;
  /** A fresh folder of that name, removed when the bench ends. */
  folder(name: string): string;
  /** A line on standard error: progress, or why something is left out. */
  say(message: string): void;
  /** What the figures are taken on, in one line: belongs below every plot. */
  readonly machine: string;
  /** Whether `--results` names a folder: without one nothing needs to be drawn. */
  readonly keeps: boolean;
  /** Writes a file of that name into the folder of results; without one it does nothing. */
  keep(name: string, text: string): void;
}
