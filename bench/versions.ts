/**
 * How small are ten versions of a real tree, all kept, beside restic and borg? Published versions
 * of a package, one after another into one working tree, as an update would: files that are the
 * same stay untouched, the others are written anew, those that are gone are removed. Everything
 * counts that lies in the store's folder and in theirs.
 *
 * The packed versions are fetched by `bench/rivals/setup.sh`; without them the bench has no rows.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Chunking } from '../src/index.js';
import type { Bench, Context, Row } from './harness/bench.js';
import { ingestOurs } from './harness/contents.js';
import { storedBytes } from './harness/folder.js';
import type { Archiver } from './rivals/archiver.js';
import { openBorg } from './rivals/borg.js';
import { leaveOut } from './rivals/load.js';
import { openRestic } from './rivals/restic.js';

const trees = fileURLToPath(new URL('../../bench/rivals/trees/', import.meta.url));
const versions = 10;
/** Averages of chunks, in KiB; the last is the default. */
const averages = [16, 32, 64] as const;
const kibibyte = 1024;

interface Stored {
  readonly average: number;
  readonly megabytes: number;
  /** Of them in volumes. The rest is LMDB's file. */
  readonly volumes: number;
}

/** Limits in the proportions of the default. */
function chunkingOf(average: number): Chunking {
  const bytesAverage = average * kibibyte;
  return { kind: 'content', bytesMin: bytesAverage / 4, bytesAverage, bytesMax: bytesAverage * 4 };
}

/** The packed versions of a tree, in ascending order. */
function packed(name: string): string[] {
  const folder = join(trees, name);
  if (!existsSync(folder)) return [];
  const found = readdirSync(folder).filter((file) => file.endsWith('.tgz'));
  found.sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
  return found.slice(0, versions).map((file) => join(folder, file));
}

function filesOf(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1));
}

/** Makes `tree` what the packed version holds; gives its bytes. */
function update(tree: string, file: string, scratch: string): number {
  rmSync(scratch, { recursive: true, force: true });
  mkdirSync(scratch);
  const { status, stderr } = spawnSync('tar', ['-xzf', file, '-C', scratch]);
  if (status !== 0) throw new Error(`${file} cannot be unpacked: ${stderr}`);
  const files = filesOf(scratch);
  const kept = new Set(files);
  for (const name of filesOf(tree)) if (!kept.has(name)) rmSync(join(tree, name));
  let bytes = 0;
  for (const name of files) {
    const [from, to] = [join(scratch, name), join(tree, name)];
    const fresh = readFileSync(from);
    bytes += fresh.length;
    if (existsSync(to) && readFileSync(to).equals(fresh)) continue;
    mkdirSync(dirname(to), { recursive: true });
    cpSync(from, to);
  }
  return bytes;
}

async function measured(context: Context, name: string): Promise<Row[]> {
  const all = packed(name);
  if (all.length < versions) {
    leaveOut(`versions of a ${name} tree`, 'not fetched: bench/rivals/setup.sh does it');
    return [];
  }
  const [tree, scratch] = [context.folder('tree'), join(context.folder('scratch'), 'unpacked')];
  const ours = averages.map((average) => {
    return { average, folder: join(context.folder('ours'), 'store') };
  });
  const archivers = [openRestic(context.folder('restic')), openBorg(context.folder('borg'))].filter(
    (archiver): archiver is Archiver => archiver !== undefined,
  );
  let plain = 0;
  for (const file of all) {
    plain += update(tree, file, scratch);
    for (const { average, folder } of ours) {
      await ingestOurs(folder, tree, { default: { chunking: chunkingOf(average) } });
    }
    for (const archiver of archivers) archiver.ingest(tree);
  }
  const stored = ours.map(({ average, folder }) => {
    const volumes = storedBytes(join(folder, 'volumes')) / 1e6;
    return { average, megabytes: storedBytes(folder) / 1e6, volumes };
  });
  return rows(`${versions} versions of a ${name} tree`, plain, stored, archivers);
}

function rows(
  what: string,
  plain: number,
  ours: readonly Stored[],
  archivers: readonly Archiver[],
): Row[] {
  const theirs = archivers.map(({ name, repository }) => {
    return { rivalName: name, rival: storedBytes(repository) / 1e6 };
  });
  const better = theirs.reduce<(typeof theirs)[number] | undefined>(
    (least, one) => (least === undefined || one.rival < least.rival ? one : least),
    undefined,
  );
  const last = ours.at(-1)?.megabytes;
  return [
    { case: `${what}: files of all versions`, unit: 'MB', ours: plain / 1e6 },
    ...theirs.map((rival) => ({ case: `${what}: stored`, unit: 'MB', ours: last, ...rival })),
    ...ours.flatMap(({ average, megabytes, volumes }): Row[] => [
      {
        case: `${what}: stored, chunks of ${average} KiB, beside the better`,
        unit: 'MB',
        ours: megabytes,
        rivalName: better?.rivalName ?? 'restic, borg',
        rival: better?.rival,
        target: { of: 'ratio', atMost: 1.05 },
      },
      { case: `${what}: of these in volumes, the rest metadata`, unit: 'MB', ours: volumes },
    ]),
  ];
}

async function run(context: Context): Promise<Row[]> {
  const small = await measured(context, 'small');
  return context.scale < 0.5 ? small : [...small, ...(await measured(context, 'large'))];
}

const bench: Bench = {
  name: 'versions',
  question: 'How small are ten versions of a real tree, beside restic and borg?',
  run,
};
export default bench;
