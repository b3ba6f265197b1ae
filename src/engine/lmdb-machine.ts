/**
 * What LMDB needs of the machine, looked at before it sees a file: lmdb-js does not survive that
 * LMDB fails to open one (it frees a structure, and then uses it), whatever the reason. So each
 * lack is found here, and has a code that says what to do.
 *
 *     access         to both files, and that they are files
 *     descriptors    as many as an open store soon needs
 *     address space  for the map, which is as large as that allows:
 *
 *     64 GiB, and four times the file -- less, where the process has a limit of address space:
 *     half of what is left, down to the file and a quarter
 *
 * The map is address space, no memory. It grows with the file whenever that is opened, and has an
 * end while it is open, before which commits are refused (lmdb-tables.ts): LMDB would map the file
 * anew in the middle of a transaction, beside others who read and write. 500 stores of 64 GiB are a
 * quarter of the address space of a process.
 *
 * What cannot be looked at from here: calls of the system that fail within LMDB although they could
 * succeed, as its locks (fcntl) and its maps (mmap) where the kernel is short of memory.
 */
import { accessSync, closeSync, constants, openSync, readFileSync, statSync } from 'node:fs';
import { devNull } from 'node:os';
import { dirname, join } from 'node:path';
import { errnoOf, ioError, ioFailed, malformed } from '../ground/errors.js';

/** What opening takes at once, and the first contents: about ten. */
const DESCRIPTORS_MIN = 16;
/** The bytes of a map where nothing is short. */
export const MAP_BYTES = 2 ** 36;
/** The map is so many times the file, where there is address space for it. */
const GROWTH = 4;
const MAP_BYTES_MIN = 2 ** 24;
/** What the process needs beside the map, for its heap and threads. */
const SPACE_LEFT_BYTES = 2 ** 28;
const { R_OK, W_OK } = constants;

/** Before anything in the folder is opened. REGALIA_IO, REGALIA_PERMISSION, REGALIA_FORMAT. */
export function checkMachine(folder: string, readOnly: boolean): void {
  checkDescriptors(folder);
  checkFile(join(folder, 'data.mdb'), readOnly, !readOnly);
  checkFile(join(folder, 'lock.mdb'), readOnly, true);
}

/** The bytes of the map for the data file in a folder. REGALIA_IO. */
export function mapBytesFor(folder: string): number {
  const data = join(folder, 'data.mdb');
  return mapBytes(data, statSync(data, { throwIfNoEntry: false })?.size ?? 0, spaceLeft());
}

/** A file that is to be made needs a folder that allows it. */
function checkFile(file: string, readOnly: boolean, isWritten: boolean): void {
  const found = statSync(file, { throwIfNoEntry: false });
  if (found !== undefined && !found.isFile()) throw malformed(file, 0, 'a file', 'something else');
  try {
    if (found === undefined) accessSync(dirname(file), W_OK);
    else accessSync(file, isWritten ? R_OK | W_OK : R_OK);
  } catch (error) {
    // A medium that can only be read has no locks, and needs none.
    const isMedium = readOnly && errnoOf(error) === 'EROFS';
    if (!isMedium) throw ioError(error, file, isWritten ? 'read and write' : 'read');
  }
}

function checkDescriptors(folder: string): void {
  const taken: number[] = [];
  try {
    while (taken.length < DESCRIPTORS_MIN) taken.push(openSync(devNull, 'r'));
  } catch (error) {
    throw ioError(error, folder, 'open');
  } finally {
    for (const descriptor of taken) closeSync(descriptor);
  }
}

/** How large the map of a file is where so much address space is left. */
export function mapBytes(path: string, fileBytes: number, space: number): number {
  const wanted = Math.max(MAP_BYTES, atLeastPower(fileBytes * GROWTH));
  const most = space - SPACE_LEFT_BYTES;
  const least = fileBytes + Math.max(MAP_BYTES_MIN, Math.ceil(fileBytes / 4));
  if (most >= 2 * wanted) return wanted;
  if (most >= least) return Math.max(least, 2 ** Math.floor(Math.log2(most / 2)));
  const why = `of the address space of this process ${mib(space)} MiB are left, and the store needs
    ${mib(least + SPACE_LEFT_BYTES)}: close other stores, or raise its limit (ulimit -v)`;
  throw ioFailed(path, 'map', why.replaceAll(/\s+/g, ' '), { errno: 'ENOMEM', retryable: true });
}

function atLeastPower(bytes: number): number {
  return bytes <= 1 ? 1 : 2 ** Math.ceil(Math.log2(bytes));
}

function mib(bytes: number): number {
  return Math.ceil(bytes / 2 ** 20);
}

/** Address space that the process may still have; without a limit, or where nobody says, no end. */
function spaceLeft(): number {
  try {
    const limit = /^Max address space\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'));
    if (limit === null) return Number.POSITIVE_INFINITY;
    const used = /^VmSize:\s+(\d+) kB/m.exec(readFileSync('/proc/self/status', 'utf8'));
    return Number(limit[1]) - Number(used?.[1] ?? 0) * 1_024;
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return Number.POSITIVE_INFINITY;
  }
}
