/**
 * Bringing files to disk: the bytes of a file, the names in a folder, and both for a file that
 * takes the place of another. A file that was made or renamed is there after a power cut only once
 * its folder was flushed as well.
 *
 * Errors are the operating system's; the caller, who knows what it was doing, puts them under a
 * code.
 */
import fs from 'node:fs';
import { open, rename } from 'node:fs/promises';
import { dirname } from 'node:path';

const { O_WRONLY, O_CREAT, O_TRUNC, O_NONBLOCK = 0 } = fs.constants;
/** As 'w', but for a pipe in the file's place, which would block. */
const MADE = O_WRONLY | O_CREAT | O_TRUNC | O_NONBLOCK;

/** Brings a file's bytes, or a folder's list of names, to disk. */
export async function flush(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** The same, at once. */
export function flushNow(path: string): void {
  const descriptor = fs.openSync(path, 'r');
  try {
    fs.fsyncSync(descriptor);
  } finally {
    fs.closeSync(descriptor);
  }
}

/**
 * Puts a file in the place of the one before, whole or not at all, readable by its owner alone. It
 * is on disk when this resolves.
 */
export async function replaceFile(path: string, contents: Uint8Array | string): Promise<void> {
  const made = `${path}.new`;
  const handle = await open(made, MADE, 0o600);
  try {
    await handle.writeFile(contents);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(made, path);
  await flush(dirname(path));
}

/** The same, at once: for where nothing else may happen meanwhile. */
export function replaceFileNow(path: string, contents: Uint8Array | string): void {
  const made = `${path}.new`;
  const descriptor = fs.openSync(made, MADE, 0o600);
  try {
    fs.writeFileSync(descriptor, contents);
    fs.fsyncSync(descriptor);
  } finally {
    fs.closeSync(descriptor);
  }
  fs.renameSync(made, path);
  flushNow(dirname(path));
}
