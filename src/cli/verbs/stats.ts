/** `regalia stats`: what is in a store, and how much of the disk it needs. */
import type { ContentStats } from '../../index.js';
import { byteCount, count, type Output, shown } from '../output.js';
import { BRANCH, defineVerb } from '../verb.js';
import { BRIEF } from './volume.js';

/** Fields that are sizes. */
const SIZES = new Set([
  ...['inlineBytes', 'referencedBytes', 'bytes', 'freeBytes', 'contentBytes', 'diskBytes'],
  'cacheBytes',
]);

/** What some of the figures mean, for people. */
const MEANINGS: Readonly<Record<string, string>> = {
  inlineBytes: 'of streams that are in metadata',
  referencedBytes: 'of streams that are contents',
  bytes: 'of metadata on the disk',
  freeBytes: 'of these, that later writes use first',
  contentBytes: 'of contents on the disk, on all volumes',
  diskBytes: 'on the disk together',
};

/** What the sums of contents mean, for people. */
const FIGURES = {
  plainBytes: 'bytes of all chunks, each once',
  storedBytes: 'of them, compressed',
  redundantBytes: 'that copies, parity and headers add',
  codedBytes: 'stored as groups of shards',
  condemnedBytes: 'that a later gc removes',
} as const;

export const stats = defineVerb({
  name: 'stats',
  summary: 'show what is in the store, and how much of the disk it needs',
  usage: 'STORE',
  details: `
\`bytes\` is metadata, \`contentBytes\` what is on the volumes, \`diskBytes\` both together. With
--contents it also shows the size of contents for users, after compression, and with redundancy: by
volume, and by stream over the heads of all branches. That reads all metadata, but no contents.`,
  options: { ...BRANCH, contents: { help: 'the size of contents, by volume and by stream' } },
  async run({ options, out, signal, reading }) {
    return reading(async (_, store) => {
      const figures = store.stats();
      const contents = options.contents === true ? await store.contentStats({ signal }) : undefined;
      await out.row(contents === undefined ? figures : { ...figures, contents: rowOf(contents) });
      for (const [name, figure] of Object.entries(figures) as [string, string | number][]) {
        await out.note(figureLine(name, figure));
      }
      if (contents !== undefined) await noteContents(out, contents);
    });
  },
});

/** `bytes           88.0 KiB    of metadata on the disk` */
function figureLine(name: string, figure: string | number): string {
  const number = SIZES.has(name) ? byteCount : count;
  const said = typeof figure === 'string' ? shown(figure) : number(figure);
  return `${name.padEnd(16)}${said.padEnd(12)}${MEANINGS[name] ?? ''}`.trimEnd();
}

/** Null where a volume is not here, and its size is not known. */
function rowOf(contents: ContentStats): object {
  const volumes = contents.volumes.map((use) => ({ ...use, bytes: use.bytes ?? null }));
  return { ...contents, volumes };
}

/** The size of contents, for people: the sums, then volumes, then streams. */
async function noteContents(out: Output, stats: ContentStats): Promise<void> {
  await out.note(`\ncontents: ${count(stats.chunks)} chunks, ${count(stats.groups)} groups`);
  for (const [name, what] of Object.entries(FIGURES)) {
    const figure = byteCount(stats[name as keyof typeof FIGURES]);
    await out.note(`${name.padEnd(16)}${figure.padEnd(12)}${what}`);
  }
  await out.note('\nvolumes:       in use          on disk');
  for (const { id, state, bytes, liveBytes, path: at } of stats.volumes) {
    const disk = bytes === undefined ? '-'.padStart(15) : count(bytes, 15);
    const sizes = `${count(liveBytes, 15)}  ${disk}`;
    await out.note(`${id.slice(0, BRIEF)}${sizes}  ${state.padEnd(9)}  ${shown(at)}`);
  }
  await out.note('\nstreams:      logical           stored             held  contents');
  for (const { stream, contents, logicalBytes, storedBytes, heldBytes } of stats.streams) {
    const sizes = [logicalBytes, storedBytes, heldBytes].map((bytes) => count(bytes, 15));
    await out.note(`      ${sizes.join('  ')}  ${count(contents, 8)}  ${shown(stream)}`);
  }
}
