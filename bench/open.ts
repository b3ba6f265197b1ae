/**
 * How long does it take to open a store of a million entries, and how large is what npm installs
 * for it? Each opening is in the same process, with its first read; the operating system has the
 * file.
 */
import { execFileSync } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Bench, Context, Row } from './harness/bench.js';
import { makeOurs, openOurs, readOurs } from './harness/ours.js';
import { samplePairs, timed } from './harness/sample.js';
import { fileKey, filesShuffled } from './harness/workload.js';
import { RawLmdb } from './rivals/lmdb-raw.js';

const files = 1_000_000;
const project = fileURLToPath(new URL('../../', import.meta.url));

function sizeOf(folder: string): number {
  let bytes = 0;
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true })) {
    if (entry.isFile() && !entry.parentPath.slice(folder.length).includes('node_modules'))
      bytes += statSync(join(entry.parentPath, entry.name)).size;
  }
  return bytes;
}

/** Of the packed package, and of all that it depends on as installed here. */
function packageSizes(context: Context): { own: number; dependencies: number } | undefined {
  try {
    const npm = (...words: string[]): string =>
      execFileSync('npm', words, {
        cwd: project,
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      });
    const packed = npm('pack', '--dry-run', '--json', '--ignore-scripts');
    const [{ unpackedSize }] = JSON.parse(packed) as [{ unpackedSize: number }];
    const listed = npm('ls', '--omit=dev', '--all', '--parseable');
    const folders = listed.trim().split('\n').slice(1);
    return { own: unpackedSize, dependencies: folders.reduce((sum, it) => sum + sizeOf(it), 0) };
  } catch (error) {
    context.say(
      `the package's size is left out: ${error instanceof Error ? error.message : error}`,
    );
    return undefined;
  }
}

async function run(context: Context): Promise<Row[]> {
  const count = context.sized(files);
  const [folder, rivalFolder] = [context.folder('ours'), context.folder('lmdb')];
  await makeOurs(folder, filesShuffled(count, context.seed));
  const load = new RawLmdb(rivalFolder, { durable: false });
  load.load(filesShuffled(count, context.seed));
  await load.close();
  const pairs = await samplePairs(
    21,
    async (round) => {
      let store: Awaited<ReturnType<typeof openOurs>> | undefined;
      const ms = await timed(async () => {
        store = await openOurs(folder);
        readOurs(store.snapshot(), fileKey((round * 7919) % count));
      });
      await store?.close();
      return ms;
    },
    async (round) => {
      let store: RawLmdb | undefined;
      const ms = await timed(() => {
        store = new RawLmdb(rivalFolder);
        store.get(fileKey((round * 7919) % count));
      });
      await store?.close();
      return ms;
    },
  );
  const sizes = packageSizes(context);
  const mb = (bytes: number | undefined): number | undefined => bytes && bytes / 1e6;
  return [
    {
      case: `open ${count} entries and read one`,
      unit: 'ms',
      ...pairs,
      rivalName: 'lmdb',
      target: { of: 'ours', atMost: 30 },
    },
    { case: 'the first opening of a process', unit: 'ms', ours: pairs.ours[0] },
    { case: 'the package, installed', unit: 'MB', ours: mb(sizes?.own) },
    { case: 'what it depends on, installed', unit: 'MB', ours: mb(sizes?.dependencies) },
  ];
}

const bench: Bench = {
  name: 'open',
  question: 'How long does it take to open a store, and how large is the package?',
  run,
};
export default bench;
