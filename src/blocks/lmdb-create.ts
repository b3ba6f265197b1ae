/**
 * Creating a generation so that a crash at any moment leaves nothing or the whole: it is built in a folder beside,
 * flushed, and renamed into place. LMDB, interrupted while it creates a file, leaves one that kills its readers.
 *
 * Two processes that create at once both build, one renames, and the other finds the folder taken and opens it.
 */
import { closeSync, existsSync, fsyncSync, mkdirSync, mkdtempSync, openSync, renameSync, rmSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

/** Makes sure that `path` holds a data file; `build` makes an empty one in the folder it is given. */
export async function createGeneration(path: string, build: (folder: string) => Promise<void>): Promise<void> {
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
