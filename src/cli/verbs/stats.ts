/** `regalia stats`: what a store holds. */
import { reading } from '../open.js';
import { shown } from '../output.js';
import { byteCount } from '../progress.js';
import { BRANCH, defineVerb } from '../verb.js';

/** Fields that are sizes. */
const SIZES = new Set(['inlineBytes', 'referencedBytes', 'bytes', 'freeBytes', 'cacheBytes']);

export default defineVerb({
  name: 'stats',
  summary: 'tell what the store holds',
  usage: 'STORE',
  options: BRANCH,
  async run({ args, options, out }) {
    return reading(args[0] as string, options, async (_, store) => {
      const stats = store.stats();
      await out.row(stats);
      for (const [name, figure] of Object.entries(stats) as [string, string | number][]) {
        await out.note(`${name.padEnd(16)}${textOf(name, figure)}`);
      }
      return 0;
    });
  },
});

function textOf(name: string, figure: string | number): string {
  if (typeof figure === 'string') return shown(figure);
  return SIZES.has(name) ? byteCount(figure) : figure.toLocaleString('en-US');
}
