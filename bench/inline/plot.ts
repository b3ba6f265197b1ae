/**
 * The matrix as plots: small multiples, one for each measure, size on the x axis, one line for each
 * threshold.
 *
 * A line runs through the medians of the form that its threshold gives a size; the cells themselves
 * are dots. So the lines lie on each other, inline up to their thresholds, and behind them on the
 * grey line of inlineMax 0, which is all referenced: a threshold's name stands where its line
 * leaves. A dashed line marks where inline ceases to pay. Colours are of middle lightness, to be
 * read on light and on dark ground; ink and ground change with the reader's colour scheme, by a
 * style sheet within the SVG.
 */
import { loadRival } from '../rivals/load.js';
import { type Cell, formOf, type Measure, measures, sizes, sizeText, thresholds } from './cells.js';
import { advantages, crossover, pooled } from './crossover.js';

interface Chart {
  setOption(option: object): void;
  renderToSVGString(): string;
  dispose(): void;
}

interface Echarts {
  init(element: null, theme: null, options: object): Chart;
}

export interface Plot {
  readonly file: string;
  readonly svg: string;
}

const colours = ['#8b929c', '#3f8fd2', '#17a398', '#5aa33a', '#c99a1a', '#e0703a', '#c9518f'];
const ground = '#ffffff';
const ink = '#1f2430';
const faint = '#667080';
const rule = '#e3e6eb';
/** What they become where the reader prefers dark. */
const dark = { [ground]: '#0d1117', [ink]: '#e8ebf0', [faint]: '#98a2b3', [rule]: '#2a313c' };
const font = 'system-ui, -apple-system, Segoe UI, Roboto, Helvetica, Arial, sans-serif';

const panel = { width: 352, height: 224, left: 58, gap: 64, top: 146, below: 96 } as const;
const sizes_shown = [16, 256, 4096, 65_536];

/** Two plots, of speeds and of bytes; none where the library that draws them is not installed. */
export async function plotCells(cells: readonly Cell[], taken: string): Promise<Plot[]> {
  const echarts = (await loadRival('echarts')) as Echarts | undefined;
  if (echarts === undefined) return [];
  const speeds = measures.filter(({ better }) => better === 'more');
  const bytes = measures.filter(({ better }) => better === 'less');
  return [
    { file: 'inline-speed.svg', svg: draw(echarts, cells, speeds, 3, 'speed', taken) },
    { file: 'inline-bytes.svg', svg: draw(echarts, cells, bytes, 2, 'bytes', taken) },
  ];
}

function draw(
  echarts: Echarts,
  cells: readonly Cell[],
  chosen: readonly Measure[],
  columns: number,
  what: string,
  taken: string,
): string {
  const drawn = chosen.filter(({ name }) => cells.some((cell) => cell.figures[name] !== undefined));
  const rows = Math.ceil(drawn.length / columns);
  const width = panel.left + columns * (panel.width + panel.gap) - 24;
  const height = panel.top + rows * (panel.height + panel.below) - 22;
  const chart = echarts.init(null, null, { renderer: 'svg', ssr: true, width, height });
  const panels = drawn.map((measure, index) => {
    const left = panel.left + (index % columns) * (panel.width + panel.gap);
    const top = panel.top + Math.floor(index / columns) * (panel.height + panel.below);
    return panelOf(cells, measure, index, left, top);
  });
  chart.setOption({
    animation: false,
    backgroundColor: ground,
    textStyle: { fontFamily: font },
    title: [heading(what), foot(taken, height), ...panels.flatMap(({ titles }) => titles)],
    grid: panels.map(({ grid }) => grid),
    xAxis: panels.map(({ xAxis }) => xAxis),
    yAxis: panels.map(({ yAxis }) => yAxis),
    series: panels.flatMap(({ series }) => series),
  });
  const svg = chart.renderToSVGString();
  chart.dispose();
  return withSchemes(svg);
}

function heading(what: string): object {
  const text = `Inline or referenced: ${what} by content size, one line for each inlineMax`;
  const subtext =
    'Up to its inlineMax a line follows the contents that lie inline; its name stands at the ' +
    'last of them.\n' +
    'Grey: referenced. Dots: single cells. Dashed: where inline ceases to pay.';
  return {
    text,
    subtext,
    left: 16,
    top: 14,
    itemGap: 8,
    textStyle: { color: ink, fontSize: 19, fontWeight: 600 },
    subtextStyle: { color: faint, fontSize: 13, lineHeight: 18 },
  };
}

function foot(taken: string, height: number): object {
  return { text: taken, left: 16, top: height - 26, textStyle: plain(faint, 11) };
}

function plain(color: string, fontSize: number): object {
  return { color, fontSize, fontWeight: 400 };
}

interface Panel {
  readonly titles: object[];
  readonly grid: object;
  readonly xAxis: object;
  readonly yAxis: object;
  readonly series: object[];
}

function panelOf(
  cells: readonly Cell[],
  measure: Measure,
  index: number,
  left: number,
  top: number,
): Panel {
  const [least, most] = span(cells, measure);
  const ticks = logTicks(least, most);
  const better = measure.better === 'more' ? 'more is better' : 'less is better';
  return {
    titles: [
      {
        text: measure.title,
        subtext: `${measure.unit}, ${better}`,
        left: left - 44,
        top: top - 60,
        itemGap: 3,
        textStyle: { color: ink, fontSize: 14, fontWeight: 600 },
        subtextStyle: { color: faint, fontSize: 12 },
      },
    ],
    grid: { left, top, width: panel.width, height: panel.height },
    xAxis: axis(index, [3.6, 16.4], sizes_shown.map(Math.log2), (at) => sizeText(2 ** at)),
    yAxis: axis(
      index,
      [Math.log10(least) - 0.06, Math.log10(most) + 0.12],
      ticks.map(Math.log10),
      (at) => short(10 ** at),
    ),
    series: [
      guides(cells, measure, index),
      dots(cells, measure, index),
      ...thresholds.map((inlineMax, at) => line(cells, measure, index, inlineMax, at)),
    ],
  };
}

function axis(
  gridIndex: number,
  [min, max]: [number, number],
  marks: readonly number[],
  formatter: (at: number) => string,
): object {
  return {
    type: 'value',
    gridIndex,
    min,
    max,
    axisLine: { show: false },
    axisTick: { show: false, customValues: marks },
    axisLabel: { customValues: marks, formatter, color: faint, fontSize: 12 },
    splitLine: { show: true, lineStyle: { color: rule, width: 1 } },
  };
}

/** The crossover's dashed line, on an empty series of its own. */
function guides(cells: readonly Cell[], measure: Measure, index: number): object {
  const found = crossover(advantages(cells, measure));
  const turn = found?.inlineFirst === true ? found.turns[0] : undefined;
  return {
    ...within(index),
    type: 'line',
    data: [],
    markLine: {
      silent: true,
      symbol: 'none',
      data: turn === undefined ? [] : [{ xAxis: Math.log2(turn) }],
      lineStyle: { color: ink, width: 1, type: [4, 4] },
      label: { formatter: () => sizeText(turn ?? 0), color: ink, fontSize: 12, distance: 4 },
    },
  };
}

function within(index: number): object {
  return { xAxisIndex: index, yAxisIndex: index, silent: true };
}

/** Every cell as it was measured. */
function dots(cells: readonly Cell[], { name }: Measure, index: number): object {
  const data = cells.flatMap(({ size, inlineMax, figures }) => {
    const figure = figures[name];
    if (figure === undefined) return [];
    const color = colours[thresholds.indexOf(inlineMax as 0)];
    return { value: [Math.log2(size), Math.log10(figure)], itemStyle: { color, opacity: 0.3 } };
  });
  return { ...within(index), type: 'scatter', symbolSize: 4, z: 1, data };
}

function line(
  cells: readonly Cell[],
  measure: Measure,
  index: number,
  inlineMax: number,
  at: number,
): object {
  const color = colours[at] as string;
  const data = sizes.flatMap((size) => {
    const figure = pooled(cells, measure, size, formOf({ size, inlineMax }));
    if (figure === undefined) return [];
    const leaves = size === (inlineMax === 0 ? sizes[0] : inlineMax);
    const label = { show: leaves, formatter: thresholdText(inlineMax), ...labelStyle, color };
    const symbol = leaves ? 'circle' : 'none';
    return { value: [Math.log2(size), Math.log10(figure)], symbol, symbolSize: 7, label };
  });
  const lineStyle = { color, width: 2 };
  return { ...within(index), type: 'line', data, z: 20 - at, lineStyle, itemStyle: { color } };
}

const labelStyle = {
  position: 'top',
  distance: 5,
  fontSize: 12,
  fontWeight: 600,
  // Readable on lines of any colour.
  textBorderColor: ground,
  textBorderWidth: 3,
};

function thresholdText(inlineMax: number): string {
  return inlineMax < 1024 ? `${inlineMax}` : `${inlineMax / 1024}K`;
}

function span(cells: readonly Cell[], { name }: Measure): [number, number] {
  const figures = cells.flatMap((cell) => cell.figures[name] ?? []);
  return [Math.min(...figures), Math.max(...figures)];
}

/** Round numbers between both: powers of ten, and 2 and 5 times them where the span is narrow. */
function logTicks(least: number, most: number): number[] {
  const decades = Math.log10(most / least);
  const steps = decades > 2.4 ? [1] : decades > 1.2 ? [1, 3] : [1, 2, 5];
  const found: number[] = [];
  for (let power = Math.floor(Math.log10(least)); power <= Math.log10(most); power++) {
    found.push(...steps.map((step) => step * 10 ** power));
  }
  return found.filter((tick) => tick >= least * 0.9 && tick <= most * 1.2);
}

function short(figure: number): string {
  const text = (number: number): string => String(Number(number.toPrecision(2)));
  if (figure >= 1e6) return `${text(figure / 1e6)}M`;
  return figure >= 1e3 ? `${text(figure / 1e3)}k` : text(figure);
}

/**
 * Ink and ground by the reader's colour scheme; without support for style sheets it stays light.
 */
function withSchemes(svg: string): string {
  const rules = Object.entries(dark).flatMap(([from, to]) => [
    `[fill="${from}"]{fill:${to}}`,
    `[stroke="${from}"]{stroke:${to}}`,
  ]);
  const style = `<style>@media (prefers-color-scheme:dark){${rules.join('')}}</style>`;
  return `${svg.replace(/(<svg[^>]*>)/, `$1\n${style}`)}\n`;
}
