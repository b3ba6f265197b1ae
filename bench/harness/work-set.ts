/**
 * Real files for benches of contents: a copy of the first files of the machine's /usr in sorted
 * order, up to a number of bytes, so that everyone reads the same and none of them is changed for
 * others; and one long file made of them.
 */
import {
  chmodSync,
  closeSync,
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { Random } from './random.js';

export interface WorkSet {
  readonly folder: string;
  /** Paths within the folder, of regular files that are not empty. */
  readonly files: readonly string[];
  readonly bytes: number;
}

const source = ['/usr', '/etc'].find((path) => existsSync(path)) ?? process.cwd();

/** Every name below `top`, parents before children, sorted within each directory. */
function* sorted(top: string, within = ''): Generator<string> {
  for (const name of readdirSync(join(top, within)).sort()) {
    const path = join(within, name);
    yield path;
    if (lstatSync(join(top, path)).isDirectory()) yield* sorted(top, path);
  }
}

/** Copies into `folder`; modes and times of files are kept. */
export function workSet(folder: string, bytes_max: number): WorkSet {
  const files: string[] = [];
  let bytes = 0;
  for (const path of sorted(source)) {
    const [from, to] = [join(source, path), join(folder, path)];
    const stat = lstatSync(from);
    if (stat.isDirectory()) mkdirSync(to);
    else if (stat.isSymbolicLink()) symlinkSync(readlinkSync(from), to);
    else if (stat.isFile()) {
      if (bytes + stat.size > bytes_max) break;
      copyFileSync(from, to);
      // Benches change some of them, and remove all of them, whoever runs them.
      chmodSync(to, stat.mode | 0o600);
      utimesSync(to, stat.atime, stat.mtime);
      bytes += stat.size;
      if (stat.size > 0) files.push(path);
    }
  }
  return { folder, files, bytes };
}

/**
 * Changes every so many-th file, another one in each version: some bytes in its middle, and some
 * more at its end.
 */
export function changeSome({ folder, files }: WorkSet, every: number, version: number): number {
  let changed = 0;
  for (let index = version % every; index < files.length; index += every) {
    const path = join(folder, files[index] as string);
    const random = new Random(index, version);
    const bytes = readFileSync(path);
    const part = random.bytes(Math.min(64, bytes.length));
    bytes.set(part, Math.floor((bytes.length - part.length) / 2));
    writeFileSync(path, Buffer.concat([bytes, random.bytes(16)]));
    changed++;
  }
  return changed;
}

/**
 * One file of exactly so many bytes: the source's files one behind the other, from the start again
 * if need be.
 */
export function longFile(path: string, bytes_total: number): void {
  const file = openSync(path, 'w');
  let written = 0;
  try {
    while (written < bytes_total) {
      const before = written;
      for (const name of sorted(source)) {
        const from = join(source, name);
        const stat = lstatSync(from);
        // Beyond this a file is read in one part that does not fit.
        if (!stat.isFile() || stat.size > 2 ** 30) continue;
        const bytes = readFileSync(from).subarray(0, bytes_total - written);
        for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at);
        written += bytes.length;
        if (written >= bytes_total) break;
      }
      if (written === before) throw new Error(`${source} has no files`);
    }
  } finally {
    closeSync(file);
  }
}
