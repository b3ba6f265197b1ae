/**
 * Rows as a reader and as a program want them: medians, spreads, the ratio ours / rival (the median
 * of pairs), and whether a target is met.
 */
import type { Row, Target } from './bench.js';
import { type Summary, summarize } from './sample.js';

export interface ReportRow {
  readonly bench: string;
  readonly case: string;
  readonly unit: string;
  readonly ours: number | null;
  readonly spread: readonly [min: number, max: number] | null;
  readonly rival: number | null;
  readonly rivalSpread: readonly [min: number, max: number] | null;
  readonly rivalName: string | null;
  readonly ratio: number | null;
  readonly target: string | null;
  /** Null without a target, and where the rival that it speaks of is missing. */
  readonly met: boolean | null;
}

export function reportRow(bench: string, row: Row): ReportRow {
  const ours = row.ours === undefined ? undefined : summarize(row.ours);
  const rival = row.rival === undefined ? undefined : summarize(row.rival);
  const ratio = ours && rival && rival.median !== 0 ? ratioOf(row, ours, rival) : undefined;
  return {
    bench,
    case: row.case,
    unit: row.unit,
    ours: ours?.median ?? null,
    spread: spreadOf(ours),
    rival: rival?.median ?? null,
    rivalSpread: spreadOf(rival),
    rivalName: row.rivalName ?? null,
    ratio: ratio ?? null,
    target: row.target === undefined ? null : targetText(row.target),
    met: row.target === undefined ? null : isMet(row.target, ours?.median, ratio),
  };
}

/**
 * Of samples that were taken in pairs, the median of the pairs' ratios: a slow minute slows both of
 * a pair.
 */
function ratioOf(row: Row, ours: Summary, rival: Summary): number {
  const [left, right] = [row.ours, row.rival];
  if (typeof left !== 'object' || typeof right !== 'object' || left.length !== right.length) {
    return ours.median / rival.median;
  }
  return summarize(left.map((figure, i) => figure / (right[i] as number))).median;
}

function spreadOf(summary: Summary | undefined): readonly [number, number] | null {
  return summary === undefined ? null : [summary.min, summary.max];
}

function targetText({ of, atMost, atLeast }: Target): string {
  const bounds = [atLeast !== undefined && `>= ${atLeast}`, atMost !== undefined && `<= ${atMost}`];
  return `${of} ${bounds.filter(Boolean).join(' and ')}`;
}

function isMet(
  target: Target,
  ours: number | undefined,
  ratio: number | undefined,
): boolean | null {
  const figure = target.of === 'ours' ? ours : ratio;
  if (figure === undefined) return null;
  return figure <= (target.atMost ?? Infinity) && figure >= (target.atLeast ?? -Infinity);
}

/** Three significant digits, thousands grouped. */
export function figureText(figure: number | null): string {
  if (figure === null) return '–';
  if (Math.abs(figure) >= 1000) return Math.round(figure).toLocaleString('en-US');
  return String(Number(figure.toPrecision(3)));
}

const columns = ['bench', 'case', 'unit', 'median', 'spread', 'rival', 'ratio', 'target', 'met'];

/** A table of aligned columns with a line of headings. */
export function table(rows: readonly ReportRow[]): string {
  const cells = [columns, ...rows.map(rowCells)];
  const widths = columns.map((_, column) =>
    Math.max(...cells.map((line) => (line[column] as string).length)),
  );
  return cells
    .map((line) => line.map((cell, column) => cell.padEnd(widths[column] as number)).join('  '))
    .map((line) => line.trimEnd())
    .join('\n');
}

function rowCells(row: ReportRow): string[] {
  const spread = (it: readonly [number, number] | null): string =>
    it === null ? '–' : `${figureText(it[0])}–${figureText(it[1])}`;
  const rival = row.rival === null ? '' : ` ${figureText(row.rival)} (${spread(row.rivalSpread)})`;
  return [
    row.bench,
    row.case,
    row.unit,
    figureText(row.ours),
    spread(row.spread),
    row.rivalName === null ? '–' : `${row.rivalName}${rival || ' missing'}`,
    row.ratio === null ? '–' : row.ratio.toFixed(2),
    row.target ?? '–',
    row.met === null ? '–' : row.met ? 'yes' : 'NO',
  ];
}
