/**
 * New files: a generation, the copy of one, and a lock file; and whether there is room for them.
 *
 * Invariant: a crash at any moment leaves nothing or the whole. A generation is built in a folder
 * beside, flushed, and renamed into place; a copy and a lock file are linked into place. None ever
 * replaces what is there. LMDB, interrupted while it creates a file, leaves one that kills its
 * readers.
 *
 * Two processes that create at once both build, one renames, and the other finds the folder there
 * and opens it.
 */
import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  statfsSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { alreadyExists, errnoOf, full } from '../ground/errors.js';
import { flushNow } from '../ground/fsync.js';

/** The most processes and threads that may read at once. All processes should agree. */
export const MAX_READERS = 1_024;
/** Below this LMDB's lock file, which is mapped, could have no room to be written. */
const ROOM_BYTES_MIN = 1 << 20;
/** lmdb.h: a reader's slot is a cache line, the header of the lock file less than a page. */
const READER_BYTES = 64;
const LOCK_HEADER_BYTES = 4_096;

/** Makes a data file in the folder that it is given. */
type Build = (folder: string) => Promise<void>;

/**
 * Makes sure that a data file is at `path`; `build` makes an empty one in the folder it is given.
 * REGALIA_EXISTS where something else is there, or a file where a folder is needed.
 */
export async function createGeneration(path: string, build: Build): Promise<void> {
  if (existsSync(join(path, 'data.mdb'))) return;
  const place = resolve(path);
  unlessTaken(dirname(place), () => mkdirSync(dirname(place), { recursive: true, mode: 0o700 }));
  await builtBeside(place, async (folder) => {
    await build(folder);
    flushNow(join(folder, 'data.mdb'));
    flushNow(folder);
    moveIntoPlace(folder, place);
  });
}

/** Lends a folder beside `place`, from which `build` moves something there. */
async function builtBeside(place: string, build: Build): Promise<void> {
  // mkdtemp makes the folder with mode 0700.
  const folder = mkdtempSync(`${place}.new-`);
  try {
    await build(folder);
    flushNow(dirname(place));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A rename replaces nothing but an empty folder. */
function moveIntoPlace(folder: string, place: string): void {
  try {
    unlessTaken(place, () => renameSync(folder, place));
  } catch (error) {
    if (!existsSync(join(place, 'data.mdb'))) throw error;
  }
}

/** Makes a folder; where that fails because a file is there instead, REGALIA_EXISTS says so. */
function unlessTaken(path: string, make: () => void): void {
  try {
    make();
  } catch (error) {
    const errno = errnoOf(error);
    if (errno !== 'ENOTDIR' && errno !== 'EEXIST') throw error;
    throw alreadyExists('file', path, 'a folder is needed there', { cause: error });
  }
}

/** Puts the data file that `copy` makes in its folder at `path`, or throws REGALIA_EXISTS. */
export async function backupTo(path: string, copy: Build): Promise<void> {
  if (existsSync(path)) throw alreadyExists('file', path);
  const place = resolve(path);
  await builtBeside(place, async (folder) => {
    await copy(folder);
    const data = join(folder, 'data.mdb');
    chmodSync(data, 0o600);
    flushNow(data);
    // Where there are no links a rename must do, though it replaces.
    if (!linkNew(data, place)) renameSync(data, place);
  });
}

/** A link never replaces: EEXIST. False where the file system has no links. */
function linkNew(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === 'EPERM' || errno === 'ENOTSUP') return false;
    throw error;
  }
}

/**
 * Makes the lock file if there is none, with all its bytes written: LMDB would make it sparse and
 * map it, and a full disk would then be a SIGBUS. It is linked into place whole, so that no other
 * process sees it half made; where there are no links, LMDB makes it.
 */
export function makeLockFile(folder: string): void {
  const lock = join(folder, 'lock.mdb');
  if (existsSync(lock)) return;
  const made = join(folder, `lock.${process.pid}.new`);
  try {
    writeFileSync(made, Buffer.alloc(LOCK_HEADER_BYTES + MAX_READERS * READER_BYTES), {
      mode: 0o600,
    });
    flushNow(made);
    linkNew(made, lock);
  } catch (error) {
    // Another process may have been first.
    if (errnoOf(error) !== 'EEXIST') throw error;
  } finally {
    rmSync(made, { force: true });
  }
}

/**
 * A lock file with holes can't be mapped safely on a full disk, and a reader can't have one made
 * there: REGALIA_FULL. Where a writer has none LMDB makes it, or fails with a code.
 */
export function checkRoom(folder: string, readOnly: boolean): void {
  const lock = statSync(join(folder, 'lock.mdb'), { throwIfNoEntry: false });
  const needsRoom = lock === undefined ? readOnly : lock.blocks * 512 < lock.size;
  if (needsRoom && !hasRoom(folder)) throw full(folder);
}

/** Whether there is room on the device for more than a trifle. */
export function hasRoom(path: string): boolean {
  const { bavail, bsize } = statfsSync(path);
  return bavail * bsize >= ROOM_BYTES_MIN;
}
