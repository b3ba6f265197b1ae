/**
 * Small files of a store, opened only where they are files. A pipe would block its opener until
 * somebody writes to it, and a device may do anything: so they are opened without waiting, looked
 * at, and refused.
 *
 * Errors are the operating system's, but for REGALIA_FORMAT where something else is in the file's
 * place.
 */
import fs from 'node:fs';
import { malformed } from './errors.js';

/** A descriptor of the regular file at `path`, for reading, or for writing as well. */
export function openRegular(path: string, flags: number = fs.constants.O_RDONLY): number {
  const descriptor = fs.openSync(path, flags | (fs.constants.O_NONBLOCK ?? 0));
  try {
    const stat = fs.fstatSync(descriptor);
    if (!stat.isFile()) throw malformed(path, 0, 'a regular file', kindOf(stat));
    return descriptor;
  } catch (error) {
    fs.closeSync(descriptor);
    throw error;
  }
}

/** The bytes of the regular file at `path`. */
export function readRegular(path: string): Buffer {
  const descriptor = openRegular(path);
  try {
    return fs.readFileSync(descriptor);
  } finally {
    fs.closeSync(descriptor);
  }
}

function kindOf(stat: fs.Stats): string {
  if (stat.isDirectory()) return 'a folder';
  return stat.isFIFO() ? 'a pipe' : 'a device or socket';
}
