/**
 * How fast is a long content read from its start to its end, beside `restic dump`, `borg extract
 * --stdout`, and `cat` of the plain file? Cold: the system's cache was emptied before; warm: all
 * was read just before. Ours is read in this process by a store that was opened for it; the others
 * are processes, started within the clock. Ours also without compression, which tells what decoding
 * takes; the rivals keep theirs compressed.
 */
import { spawnSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import type { Bench, Context, Row } from './harness/bench.js';
import { gibibyte, longContent, readThrough, writeLong } from './harness/contents.js';
import { emptyOsCache } from './harness/os-cache.js';
import { openOurs } from './harness/ours.js';
import { sampleSides, timed } from './harness/sample.js';
import { longFile } from './harness/work-set.js';
import type { Archiver } from './rivals/archiver.js';
import { openBorg } from './rivals/borg.js';
import { openRestic } from './rivals/restic.js';

const bytes_total = 2 * gibibyte;
const rounds = 3;
const file = 'long';

type Side = 'ours' | 'plain' | 'cat' | 'restic' | 'borg';
type Readers = Readonly<Record<Side, () => Promise<number | undefined>>>;

/** Each gives the milliseconds of one reading, or undefined where it is not there. */
function readersOf(
  tree: string,
  ours: string,
  plain: string,
  archivers: readonly Archiver[],
): Readers {
  const rival = (name: string) => async () =>
    archivers.find((archiver) => archiver.name === name)?.dump(tree, file).ms;
  const store = (folder: string) => () =>
    timed(async () => {
      const opened = await openOurs(folder, { readOnly: true });
      await readThrough(longContent(opened));
      await opened.close();
    });
  return {
    ours: store(ours),
    plain: store(plain),
    cat: () =>
      timed(() => {
        const { status } = spawnSync('cat', [join(tree, file)], { stdio: 'ignore' });
        if (status !== 0) throw new Error('cat failed');
      }),
    restic: rival('restic'),
    borg: rival('borg'),
  };
}

async function speeds(readers: Readers, bytes: number, prepare: 'cold' | 'warm') {
  const side = (name: Side) => async () => {
    // What empties the cache says so where it may not; the row then speaks of a cold process.
    if (prepare === 'cold') emptyOsCache();
    else await readers[name]();
    const ms = await readers[name]();
    return ms === undefined ? undefined : bytes / 1e3 / ms;
  };
  return sampleSides<Side, number>(rounds, {
    ours: side('ours'),
    plain: side('plain'),
    cat: side('cat'),
    restic: side('restic'),
    borg: side('borg'),
  });
}

async function run(context: Context): Promise<Row[]> {
  const tree = context.folder('tree');
  longFile(join(tree, file), context.sized(bytes_total));
  const { size } = statSync(join(tree, file));
  const ours = join(context.folder('ours'), 'store');
  const plain = join(context.folder('plain'), 'store');
  for (const [folder, options] of [
    [ours, {}],
    [plain, { default: { compression: 'none' } }],
  ] as const) {
    const store = await openOurs(folder, options);
    await writeLong(store, join(tree, file));
    await store.close();
  }
  const archivers = [openRestic(context.folder('restic')), openBorg(context.folder('borg'))].filter(
    (archiver): archiver is Archiver => archiver !== undefined,
  );
  for (const archiver of archivers) archiver.ingest(tree);
  const readers = readersOf(tree, ours, plain, archivers);
  const rows: Row[] = [];
  for (const prepare of ['cold', 'warm'] as const) {
    const found = await speeds(readers, size, prepare);
    const emptied = prepare === 'warm' || emptyOsCache();
    const what = emptied ? prepare : 'cold process, the system has the file';
    const read = `sequential read of ${Math.round(size / 1e6)} MB`;
    const row = (rivalName: Side, atLeast?: number, side: 'ours' | 'plain' = 'ours'): Row => ({
      case: `${read}, ${what}${side === 'plain' ? ', not compressed' : ''}`,
      unit: 'MB/s',
      ours: found[side],
      rival: found[rivalName],
      rivalName,
      target: atLeast === undefined ? undefined : { of: 'ratio', atLeast },
    });
    const beside = prepare === 'warm' ? 0.6 : undefined;
    rows.push(row('restic', 2), row('borg', 2), row('cat', beside), row('cat', beside, 'plain'));
  }
  return rows;
}

const bench: Bench = {
  name: 'sequential',
  question: 'How fast is a long content read through, beside restic, borg and cat?',
  run,
};
export default bench;
