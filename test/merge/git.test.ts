/**
 * git as an oracle: file trees whose changes are disjoint, equal, or contradict each other in a
 * whole file merge alike.
 *
 * Directories have a file of their own that stays, since git knows no removed directory, and files
 * have one line, since git would merge lines. Renames are off: git guesses them.
 */

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { diffTrees } from '../../src/tree/diff.js';
import { keyText } from '../../src/tree/key.js';
import { bytesIn, type Entry, Laboratory, newEntry, put } from '../tree/model.js';
import { merge } from './merging.js';

type Files = Map<string, string>;

const ENVIRONMENT = {
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_CONFIG_GLOBAL: '/dev/null',
  PATH: process.env['PATH'] ?? '',
};

function git(folder: string, args: readonly string[], input = ''): { status: number; out: string } {
  const { status, stdout } = spawnSync('git', ['-C', folder, ...args], { input, env: ENVIRONMENT });
  return { status: status ?? -1, out: stdout?.toString() ?? '' };
}

const edit = fc.tuple(
  fc.constantFrom('a', 'b', 'c', 'a/d', 'b/e'),
  fc.nat(8),
  fc.option(fc.nat(3), { nil: undefined }),
);
const edits = fc.array(edit, { maxLength: 8 });
const cases = fc.tuple(fc.array(edit, { maxLength: 40, size: 'max' }), edits, edits);
type Edits = typeof edits extends fc.Arbitrary<infer T> ? T : never;

function edited(files: Files, list: Edits): Files {
  const copy = new Map(files);
  for (const [folder, file, contents] of list) {
    copy.set(`${folder}/stays`, '');
    if (contents === undefined) copy.delete(`${folder}/f${file}`);
    // No two files are alike: git's `merge-tree` would follow a removed one to one that was added,
    // however it is shown.
    else copy.set(`${folder}/f${file}`, `line ${contents} of ${folder}/f${file}`);
  }
  return copy;
}

/** One commit of a fast-import stream, with exactly these files. */
function commit(name: string, from: string | undefined, files: Files): string {
  const lines = [`commit refs/heads/${name}`, 'committer x <x> 0 +0000', 'data 0'];
  if (from !== undefined) lines.push(`from refs/heads/${from}`);
  lines.push('deleteall');
  for (const [path, contents] of files) {
    lines.push(`M 100644 inline ${path}`, `data ${contents.length}`, contents);
  }
  return `${lines.join('\n')}\n`;
}

function modelOf(files: Files): Entry {
  const top = newEntry();
  for (const [path, contents] of files) put(top, `/${path}`, 's', contents);
  return top;
}

const hasMergeTree = /git version (2\.(3[89]|[4-9]\d)|[3-9])/.test(git('.', ['--version']).out);

t.test(
  'git merges the same trees alike',
  { skip: hasMergeTree ? false : 'needs git 2.38' },
  async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'regalia-git-'));
    t.teardown(() => rmSync(folder, { recursive: true, force: true }));
    t.equal(git(folder, ['init', '-q', '--bare']).status, 0);
    const laboratory = await Laboratory.open();
    const seed = Number(process.env['REGALIA_SEED'] ?? Date.now() % 1_000_000);
    t.comment(`seed ${seed}`);
    const samples = fc.sample(cases, { numRuns: 60, seed }).map(([start, left, right]) => {
      const base = edited(new Map(), start);
      return { base, ours: edited(base, left), theirs: edited(base, right) };
    });
    const stream = samples.map(({ base, ours, theirs }, i) => {
      return (
        commit(`b${i}`, undefined, base) +
        commit(`o${i}`, `b${i}`, ours) +
        commit(`t${i}`, `b${i}`, theirs)
      );
    });
    t.equal(git(folder, ['fast-import', '--quiet'], stream.join('')).status, 0);
    let conflicted = 0;
    for (const [i, sample] of samples.entries()) {
      const options = ['-c', 'merge.renames=false', '-c', 'merge.directoryRenames=false'];
      const merged = git(folder, [
        ...options,
        'merge-tree',
        '--write-tree',
        '--name-only',
        '--no-messages',
        `o${i}`,
        `t${i}`,
      ]);
      const [tree, ...paths] = merged.out.split('\n').filter((line) => line !== '');
      const base = laboratory.build(modelOf(sample.base));
      const ours = laboratory.build(modelOf(sample.ours));
      const theirs = laboratory.build(modelOf(sample.theirs));
      const { conflicts, tree: merging } = merge(laboratory, base, ours, theirs);
      t.strictSame(
        conflicts.map(({ key }) => key.slice(1)).sort(),
        [...new Set(paths)].sort(),
        JSON.stringify([sample.base, sample.ours, sample.theirs].map((files) => [...files])),
      );
      t.equal(merged.status, conflicts.length === 0 ? 0 : 1);
      if (merged.status !== 0) conflicted++;
      if (merged.status !== 0) continue;
      const rows = [...diffTrees(undefined, merging, { deep: true })];
      const listed = git(folder, ['ls-tree', '-r', '--name-only', tree as string]).out;
      t.strictSame(
        rows.map(({ names }) => keyText(names).slice(1)).sort(),
        listed
          .split('\n')
          .filter((line) => line !== '')
          .sort(),
      );
      for (const { names, after } of rows) {
        const path = keyText(names).slice(1);
        if (
          git(folder, ['cat-file', 'blob', `${tree}:${path}`]).out !== bytesIn(after).toString()
        ) {
          t.fail(`${path} in case ${i}`);
        }
        if (i > 8) break;
      }
    }
    t.comment(`${conflicted} of ${samples.length} with conflicts`);
  },
);
