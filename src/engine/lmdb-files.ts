/**
 * New files: a generation, and a copy of one.
 *
 * Invariant: a crash at any moment leaves nothing or the whole. A generation is built in a folder
 * beside, flushed, and renamed into place, a copy is linked into place; neither ever replaces what
 * is there. LMDB, interrupted while it creates a file, leaves one that kills its readers.
 *
 * Two processes that create at once both build, one renames, and the other finds the folder taken
 * and opens it.
 */
import {
  chmodSync,
  closeSync,
  existsSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { RegaliaError } from '../ground/errors.js';

/**
 * Makes sure that `path` holds a data file; `build` makes an empty one in the folder it is given.
 */
export async function createGeneration(
  path: string,
  build: (folder: string) => Promise<void>,
): Promise<void> {
  if (existsSync(join(path, 'data.mdb'))) return;
  const parent = dirname(resolve(path));
  mkdirSync(parent, { recursive: true, mode: 0o700 });
  // mkdtemp makes the folder with mode 0700.
  const folder = mkdtempSync(`${resolve(path)}.new-`);
  try {
    await build(folder);
    sync(join(folder, 'data.mdb'));
    sync(folder);
    moveIntoPlace(folder, path);
    sync(parent);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * Puts the data file that `copy` makes in the folder it is given at `path`. REGALIA_EXISTS where
 * something is.
 */
export async function backupTo(
  path: string,
  copy: (folder: string) => Promise<void>,
): Promise<void> {
  if (existsSync(path)) throw existsError(path);
  const folder = mkdtempSync(`${resolve(path)}.new-`);
  try {
    await copy(folder);
    const data = join(folder, 'data.mdb');
    chmodSync(data, 0o600);
    sync(data);
    linkNew(data, path);
    sync(dirname(resolve(path)));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A link never replaces; some file systems have none, and there a rename must do. */
function linkNew(from: string, to: string): void {
  try {
    linkSync(from, to);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') throw existsError(to);
    if (code !== 'EPERM' && code !== 'ENOTSUP') throw error;
    renameSync(from, to);
  }
}

function existsError(path: string): RegaliaError {
  return new RegaliaError('REGALIA_EXISTS', `${path} exists already`, { what: 'file', name: path });
}

/** A rename replaces nothing but an empty folder. */
function moveIntoPlace(folder: string, path: string): void {
  try {
    renameSync(folder, path);
  } catch (error) {
    if (!existsSync(join(path, 'data.mdb'))) throw error;
  }
}

function sync(path: string): void {
  const descriptor = openSync(path, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
