/**
 * Sets of real and made names, cut into groups of the sizes that live nodes have: runs of
 * consecutive sorted names.
 *
 * Names under /usr keep to their directories, as child maps do: a group is a run of one directory's
 * children. Where a source is missing (no /usr, no dictionary) the set is left out and `say` tells
 * so.
 */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { compareBytes } from '../../src/ground/bytes.js';

export interface NameSet {
  readonly name: string;
  /** Each list is sorted, distinct, and the children of one parent. */
  readonly lists: readonly (readonly Uint8Array[])[];
}

const nameBytesMax = 255;
const dictionary = '/usr/share/dict/words';

function sorted(names: readonly Uint8Array[]): Uint8Array[] {
  const all = names.filter((name) => name.length > 0 && name.length <= nameBytesMax);
  all.sort(compareBytes);
  return all.filter((name, i) => i === 0 || compareBytes(all[i - 1], name) !== 0);
}

function bytesOf(texts: readonly string[]): Uint8Array[] {
  return texts.map((text) => new Uint8Array(Buffer.from(text, 'latin1')));
}

/** Children's names of every directory, and all paths; names as latin1, one character a byte. */
function walk(top: string): { directories: string[][]; paths: string[] } {
  const directories: string[][] = [];
  const paths: string[] = [];
  const open = [top];
  for (let directory = open.pop(); directory !== undefined; directory = open.pop()) {
    const names: string[] = [];
    for (const entry of children(directory)) {
      const path = `${directory}/${entry.name}`;
      names.push(entry.name);
      paths.push(path);
      if (entry.isDirectory()) open.push(path);
    }
    directories.push(names);
  }
  return { directories, paths };
}

function children(directory: string) {
  try {
    return readdirSync(Buffer.from(directory, 'latin1').toString(), {
      withFileTypes: true,
      encoding: 'latin1',
    });
  } catch {
    return [];
  }
}

export function nameSets(count: number, say: (message: string) => void): NameSet[] {
  const sets: NameSet[] = [];
  if (existsSync('/usr')) {
    const { directories, paths } = walk('/usr');
    const lists = directories.map((names) => sorted(bytesOf(names)));
    sets.push({ name: 'children in /usr', lists });
    sets.push({ name: 'paths in /usr', lists: [sorted(bytesOf(paths.slice(0, count)))] });
  } else say('no /usr: its names are left out');
  if (existsSync(dictionary)) {
    const words = readFileSync(dictionary, 'latin1').split('\n').slice(0, count);
    sets.push({ name: 'words', lists: [sorted(bytesOf(words))] });
  } else say(`no ${dictionary} (package wamerican): words are left out`);
  const numbers = Array.from({ length: count }, (_, i) => `f${String(i).padStart(6, '0')}`);
  sets.push({ name: 'numbers', lists: [sorted(bytesOf(numbers))] });
  const digests = numbers.map((text) => createHash('sha256').update(text).digest('hex'));
  const cut = digests.map((digest) => digest.slice(0, 40));
  sets.push({ name: 'hex digests', lists: [sorted(bytesOf(cut))] });
  return sets;
}

/** Runs of `size` names, at most `countMax`, spread evenly; Infinity gives the whole lists. */
export function groupsOf(
  { lists }: NameSet,
  size: number,
  countMax: number,
): readonly (readonly Uint8Array[])[] {
  if (size === Infinity) {
    if (lists.length === 1) return lists;
    return [sorted(lists.flat())];
  }
  const runs: Uint8Array[][] = [];
  for (const list of lists)
    for (let at = 0; at + size <= list.length; at += size) runs.push(list.slice(at, at + size));
  const every = Math.max(1, runs.length / countMax);
  return Array.from(
    { length: Math.min(countMax, runs.length) },
    (_, i) => runs[Math.floor(i * every)],
  );
}
