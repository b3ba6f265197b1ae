/**
 * The answer in words and tables: where each measure crosses over on the machine that was measured,
 * and which default follows. Every number is computed from the cells, so that a run rewrites the
 * text with the figures.
 */
import { DEFAULT_RULE } from '../../src/streams/rule.js';
import type { Context } from '../harness/bench.js';
import { figureText } from '../harness/report.js';
import { type Cell, measures, sizeText } from './cells.js';
import {
  advantages,
  type Crossover,
  crossover,
  type Loss,
  leastLoss,
  losses,
  pooled,
} from './crossover.js';

/** `inline pays up to 190 B, and from 2.1 KiB`. */
export function crossoverText(found: Crossover | undefined): string {
  if (found === undefined) return 'not measured';
  const { turns, inlineFirst, last } = found;
  const bounds = inlineFirst ? [0, ...turns] : [...turns];
  const ranges: string[] = [];
  for (let i = 0; i < bounds.length; i += 2) {
    const [from, to] = [bounds[i] as number, bounds[i + 1]];
    const start = from === 0 ? '' : `from ${sizeText(from)}`;
    const end = `up to ${to === undefined ? `${sizeText(last)}, the last measured` : sizeText(to)}`;
    ranges.push(start === '' ? end : `${start} ${end}`);
  }
  return ranges.length === 0 ? 'inline never pays' : `inline pays ${ranges.join(', and ')}`;
}

export function document(cells: readonly Cell[], { machine, scale, seed }: Context): string {
  const options = `--scale ${scale} --seed ${seed} --results bench/results`;
  const command = `npm run bench -- --only inline ${options}`;
  return [
    '# Inline or referenced',
    `Made by \`${command}\`. ${machine}.`,
    '![Speed by content size](inline-speed.svg)',
    '![Bytes by content size](inline-bytes.svg)',
    '## Where it crosses over',
    'How many times better a content is that lies inline, below 1 how much worse; then the size ' +
      'at which it turns.',
    crossoverTable(cells),
    '## Which threshold loses least',
    'How many times worse a threshold is than the better form, in the geometric mean over ' +
      'measures and sizes of 16 B to 8 KiB; and the measure by which it loses most.',
    lossTable(losses(cells)),
    conclusion(losses(cells)),
    '## What is stored, hashed, written and sent',
    figureTable(cells),
    '',
  ].join('\n\n');
}

const columns_shown = [16, 64, 256, 512, 1024, 2048, 4096, 8192];

function crossoverTable(cells: readonly Cell[]): string {
  const lines = measures.map((measure) => {
    const found = advantages(cells, measure);
    const times = columns_shown.map((size) => {
      const own = found.find((one) => one.size === size);
      return own === undefined ? '–' : own.times.toFixed(2);
    });
    return [measure.title, ...times, crossoverText(crossover(found))];
  });
  return markdown([['measure', ...columns_shown.map(sizeText), 'so'], ...lines]);
}

function lossTable(found: readonly Loss[]): string {
  const lines = found.map(({ inlineMax, mean, worst }) => [
    String(inlineMax),
    mean.toFixed(3),
    `${worst.measure.title}, ${worst.times.toFixed(2)}`,
  ]);
  return markdown([['inlineMax', '× worse', 'most'], ...lines]);
}

function conclusion(found: readonly Loss[]): string {
  const least = leastLoss(found);
  const now = found.find(({ inlineMax }) => inlineMax === DEFAULT_RULE.inlineMax);
  const kept = least.inlineMax === DEFAULT_RULE.inlineMax;
  const mean = least.mean.toFixed(3);
  const said = `Here ${least.inlineMax} bytes lose least, ${mean} times the better form.`;
  if (kept) return `${said} It is the default.`;
  return `${said} The default, ${DEFAULT_RULE.inlineMax}, loses ${now?.mean.toFixed(3) ?? '–'}.`;
}

function figureTable(cells: readonly Cell[]): string {
  const lines = measures.map((measure) => [
    `${measure.title}, ${measure.unit}`,
    ...columns_shown.map((size) => {
      const [inline, referenced] = (['inline', 'referenced'] as const).map((form) =>
        figureText(pooled(cells, measure, size, form) ?? null),
      );
      return `${inline} / ${referenced}`;
    }),
  ]);
  return markdown([['inline / referenced', ...columns_shown.map(sizeText)], ...lines]);
}

function markdown(lines: readonly (readonly string[])[]): string {
  const [head = [], ...rest] = lines;
  return [head, head.map(() => '---'), ...rest]
    .map((cells) => `| ${cells.join(' | ')} |`)
    .join('\n');
}
