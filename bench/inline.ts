/**
 * Inline or referenced: where should a content lie, by its size? Every size under every threshold
 * (`inlineMax`), each in a store of its own with enough entries for trees of real depth: speeds of
 * writing and reading, bytes stored, hashed, written and sent for a change. From them the crossover
 * of each measure, and the threshold that loses least.
 *
 * With `--results` the whole matrix is kept as `inline-cells.json`, the answer as `inline.md`, and
 * both as plots.
 */
import type { Bench, Context, Row } from './harness/bench.js';
import { type Cell, measures, sizes, sizeText, thresholds } from './inline/cells.js';
import { advantages, crossover, losses, pooled, winsUpTo } from './inline/crossover.js';
import { measureSize, type Plan } from './inline/measure.js';
import { plotCells } from './inline/plot.js';
import { crossoverText, document } from './inline/text.js';

/** Entries of a store, at full scale, where contents are small enough for `bytes_max` together. */
const entries = 20_000;
const bytes_max = 64 * 2 ** 20;
/** Fewer would not hold the changes of one commit. */
const entries_min = 256;
/** Sizes shown among the rows; the matrix has all. */
const shown = [256, 1024, 4096] as const;

async function run(context: Context): Promise<Row[]> {
  const cells = await matrix(context);
  for (const measure of measures) {
    context.say(`${measure.title}: ${crossoverText(crossover(advantages(cells, measure)))}`);
  }
  if (context.keeps) await keepAll(context, cells);
  return [...crossoverRows(cells), ...formRows(cells), ...lossRows(cells)];
}

/**
 * Thresholds in the inner loop, so that the cells that one comparison rests on lie near in time.
 */
async function matrix(context: Context): Promise<Cell[]> {
  const cells: Cell[] = [];
  const { seed, scale } = context;
  const planned = (size: number): Plan[] => {
    const most = Math.max(entries_min, Math.floor((bytes_max * scale) / size));
    const count = Math.min(context.sized(entries, entries_min), most);
    return thresholds.map((inlineMax) => {
      return { folder: context.folder('ours'), size, inlineMax, entries: count, seed };
    });
  };
  context.say('one size beforehand, which compiles what is measured and does not count');
  await measureSize(planned(512));
  for (const size of sizes) {
    const plans = planned(size);
    context.say(`${sizeText(size)}, ${plans[0]?.entries} entries`);
    cells.push(...(await measureSize(plans)));
  }
  return cells;
}

async function keepAll(context: Context, cells: readonly Cell[]): Promise<void> {
  const { machine: taken } = context;
  context.keep('inline-cells.json', `${JSON.stringify({ taken, cells }, null, 1)}\n`);
  for (const { file, svg } of await plotCells(cells, taken)) context.keep(file, svg);
  context.keep('inline.md', document(cells, context));
}

function crossoverRows(cells: readonly Cell[]): Row[] {
  return measures.flatMap((measure) => {
    const found = crossover(advantages(cells, measure));
    if (found === undefined) return [];
    return {
      case: `${measure.title}: inline wins up to`,
      unit: 'bytes',
      ours: winsUpTo(found),
    };
  });
}

function formRows(cells: readonly Cell[]): Row[] {
  return measures.flatMap((measure) =>
    shown.map((size) => ({
      case: `${measure.title}, ${sizeText(size)} inline`,
      unit: measure.unit,
      ours: pooled(cells, measure, size, 'inline'),
      rival: pooled(cells, measure, size, 'referenced'),
      rivalName: 'referenced',
    })),
  );
}

function lossRows(cells: readonly Cell[]): Row[] {
  return losses(cells).map(({ inlineMax, mean }) => ({
    case: `inlineMax ${inlineMax}: worse than the better form`,
    unit: '×',
    ours: mean,
  }));
}

const bench: Bench = {
  name: 'inline',
  question: 'Up to which size does a content better lie inline than referenced?',
  run,
};
export default bench;
