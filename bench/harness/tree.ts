/**
 * A real directory tree to import: the machine's /usr at full scale, a part of it below. And the
 * bare walk over it: what any import in Node must do at least.
 */
import { existsSync, lstatSync, readdirSync } from 'node:fs';
import type { Context } from './bench.js';

export function treeToImport({ scale }: Pick<Context, 'scale'>): string {
  if (scale >= 1 && existsSync('/usr')) return '/usr';
  return ['/usr/include', '/usr/share/doc', '/usr/share', '/etc'].find(existsSync) ?? process.cwd();
}

/** Lists every directory and calls lstat on every name; gives the number of names. */
export function bareWalk(top: string): number {
  let count = 0;
  const open = [top];
  for (let directory = open.pop(); directory !== undefined; directory = open.pop()) {
    for (const name of readdirSync(directory)) {
      const path = `${directory}/${name}`;
      if (lstatSync(path).isDirectory()) open.push(path);
      count++;
    }
  }
  return count;
}
