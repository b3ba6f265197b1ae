/**
 * How small are ten versions of a real tree, all kept, beside restic and borg? Published versions of a package, one
 * after another into one working tree, as an update would: files that are the same stay untouched, the others are
 * written anew, those that are gone are removed. Everything counts that lies in the store's folder and in theirs.
 *
 * The packed versions are fetched by `bench/rivals/setup.sh`; without them the bench has no rows.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Bench, Context, Row } from './harness/bench.js';
import { ingestOurs } from './harness/contents.js';
import { storedBytes } from './harness/folder.js';
import type { Archiver } from './rivals/archiver.js';
import { openBorg } from './rivals/borg.js';
import { leaveOut } from './rivals/load.js';
import { openRestic } from './rivals/restic.js';

const trees = fileURLToPath(new URL('../../bench/rivals/trees/', import.meta.url));
const versions = 10;

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
  const ours = join(context.folder('ours'), 'store');
  const archivers = [openRestic(context.folder('restic')), openBorg(context.folder('borg'))].filter(
    (archiver): archiver is Archiver => archiver !== undefined,
  );
  let plain = 0;
  for (const file of all) {
    plain += update(tree, file, scratch);
    await ingestOurs(ours, tree);
    for (const archiver of archivers) archiver.ingest(tree);
  }
  return rows(`${versions} versions of a ${name} tree`, plain, ours, archivers);
}

function rows(what: string, plain: number, ours: string, archivers: readonly Archiver[]): Row[] {
  const stored = storedBytes(ours) / 1e6;
  const theirs = archivers.map(({ name, repository }) => {
    return { rivalName: name, rival: storedBytes(repository) / 1e6 };
  });
  const better = theirs.reduce<(typeof theirs)[number] | undefined>(
    (least, one) => (least === undefined || one.rival < least.rival ? one : least),
    undefined,
  );
  return [
    { case: `${what}: files of all versions`, unit: 'MB', ours: plain / 1e6 },
    ...theirs.map((rival) => ({ case: `${what}: stored`, unit: 'MB', ours: stored, ...rival })),
    {
      case: `${what}: stored, beside the better`,
      unit: 'MB',
      ours: stored,
      rivalName: better?.rivalName ?? 'restic, borg',
      rival: better?.rival,
      target: { of: 'ratio', atMost: 1.05 },
    },
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
