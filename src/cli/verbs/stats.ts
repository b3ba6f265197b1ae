/** `regalia stats`: what a store holds, and what its contents take. */
import type { ContentStats } from '../../index.js';
import { reading } from '../open.js';
import { type Output, shown } from '../output.js';
import { byteCount } from '../progress.js';
import { count, digits } from '../show.js';
import { BRANCH, defineVerb } from '../verb.js';
import { BRIEF } from '../volumes.js';

/** Fields that are sizes. */
const SIZES = new Set(['inlineBytes', 'referencedBytes', 'bytes', 'freeBytes', 'cacheBytes']);

/** What the sums of contents are called for people. */
const FIGURES = {
  plainBytes: 'bytes of all chunks, each once',
  storedBytes: 'of them, as compressed',
  redundantBytes: 'that copies, parity and heads add',
  codedBytes: 'stored, that lie in groups of shards',
  condemnedBytes: 'that go with a later gc',
} as const;

export default defineVerb({
  name: 'stats',
  summary: 'tell what the store holds',
  usage: 'STORE',
  details: `
With --contents it also tells what contents are to users, what compression and redundancy
make of them, and what lies on each volume: by volume, and by stream over the heads of all
branches. That reads metadata, and takes longer the more there is; contents are not read.`,
  options: {
    ...BRANCH,
    contents: { type: 'boolean', help: 'what contents take, by volume and by stream' },
  },
  async run({ args, options, out, signal }) {
    return reading(args[0] as string, options, async (_, store) => {
      const stats = store.stats();
      const contents = options.contents === true ? await store.contentStats({ signal }) : undefined;
      await out.row({ ...stats, ...(contents !== undefined && { contents: rowOf(contents) }) });
      for (const [name, figure] of Object.entries(stats) as [string, string | number][]) {
        await out.note(`${name.padEnd(16)}${textOf(name, figure)}`);
      }
      if (contents !== undefined) await noteContents(out, contents);
      return 0;
    });
  },
});

function textOf(name: string, figure: string | number): string {
  if (typeof figure === 'string') return shown(figure);
  return SIZES.has(name) ? byteCount(figure) : count(figure);
}

/** Of a volume that is not here it is unknown what it takes: null. */
function rowOf(contents: ContentStats): object {
  const volumes = contents.volumes.map((use) => ({ ...use, bytes: use.bytes ?? null }));
  return { ...contents, volumes };
}

/** What contents take, for people: the sums, then volumes, then streams. */
async function noteContents(out: Output, stats: ContentStats): Promise<void> {
  await out.note(`\ncontents: ${count(stats.chunks)} chunks, ${count(stats.groups)} groups`);
  for (const [name, what] of Object.entries(FIGURES)) {
    const figure = byteCount(stats[name as keyof typeof FIGURES]);
    await out.note(`${name.padEnd(16)}${figure.padEnd(12)}${what}`);
  }
  await out.note('\nvolumes:       in use          on disk');
  for (const { id, state, bytes, liveBytes, path: at } of stats.volumes) {
    const disk = bytes === undefined ? '-'.padStart(15) : digits(bytes, 15);
    const sizes = `${digits(liveBytes, 15)}  ${disk}`;
    await out.note(`${id.slice(0, BRIEF)}${sizes}  ${state.padEnd(9)}  ${shown(at)}`);
  }
  await out.note('\nstreams:      logical           stored             held  contents');
  for (const { stream, contents, logicalBytes, storedBytes, heldBytes } of stats.streams) {
    const sizes = [logicalBytes, storedBytes, heldBytes].map((bytes) => digits(bytes, 15));
    await out.note(`      ${sizes.join('  ')}  ${digits(contents, 8)}  ${shown(stream)}`);
  }
}
