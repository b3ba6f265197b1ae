/**
 * Figures in a document: each bench's rows stand between two marks, and a run replaces those of the
 * benches it ran.
 *
 *     <!-- figures: read -->
 *     … the machine, and the table …
 *     <!-- end -->
 *
 * So a document never holds figures that were typed, and a run of one bench leaves the others' as
 * they are.
 */
import { figureText, type ReportRow } from './report.js';

const marks = /<!-- figures: (\S+) -->\n[\s\S]*?<!-- end -->/g;

/** `document` with the tables of the benches in `rows`; `taken` says on what, and when. */
export function withFigures(document: string, rows: readonly ReportRow[], taken: string): string {
  return document.replace(marks, (whole, name: string) => {
    const own = rows.filter((row) => row.bench === name);
    if (own.length === 0) return whole;
    return `<!-- figures: ${name} -->\n\n${tableOf(own)}\n\n_${taken}_\n\n<!-- end -->`;
  });
}

const columns = ['case', 'unit', 'ours', 'beside', 'ratio', 'target', 'met'];

function tableOf(rows: readonly ReportRow[]): string {
  const lines = [columns, columns.map(() => '---'), ...rows.map(cellsOf)];
  return lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

function cellsOf(row: ReportRow): string[] {
  const { spread, rivalName, ratio } = row;
  const spreads = spread !== null && spread[0] !== spread[1];
  const range = spreads ? ` (${figureText(spread[0])}–${figureText(spread[1])})` : '';
  return [
    row.case,
    row.unit,
    `${figureText(row.ours)}${range}`,
    rivalName === null ? '' : `${rivalName} ${figureText(row.rival)}`,
    ratio === null ? '' : ratio.toFixed(2),
    (row.target ?? '').replace('<=', '≤').replace('>=', '≥'),
    row.met === null ? '' : row.met ? 'yes' : '**no**',
  ];
}
