/**
 * A store's folder.
 *
 *     STORE/CURRENT         the name of the generation in use, and a line feed
 *     STORE/WITNESS         inode and time of birth of the data file: a copy has others
 *     STORE/gen-000001/     what the engine keeps
 *     STORE.making/new-…/   a new store on its way to its place
 *
 * A new store is made beside its place and renamed into it, so that no half-made one is ever met.
 * Of several that are made at once one gets there. Once it is there all others have lost, so
 * anybody may remove what they were making, at work or killed: who is late finds it gone.
 *
 * A folder that was copied looks to peers like the original, and writes of both could be told apart
 * by nobody: it may be read, and written to only after it was adopted (by one who knows that the
 * original is gone) or forked.
 */
import { randomBytes } from 'node:crypto';
import fs from 'node:fs/promises';
import path from 'node:path';
import type { Engine } from '../engine/engine.js';
import { openLmdb } from '../engine/lmdb.js';
import { alreadyExists, cloned, corrupt, errnoOf, ioError, malformed } from '../ground/errors.js';
import { flush, replaceFile } from '../ground/fsync.js';
import { readRegular } from '../ground/regular-file.js';

const CURRENT = 'CURRENT';
const WITNESS = 'WITNESS';
const FIRST_GENERATION = 'gen-000001';
const DATA_FILE = 'data.mdb';
const CURRENT_MAX = 64;
const COPY = 'a copy\n';
/** What is in the folder of stores that are made: those, and what goes. */
const MAKING = /^(?:new|old)-[0-9a-f]{12}$/;

/** Whether there is a store, or a place for one. REGALIA_FORMAT where there is neither. */
export async function isStore(folder: string): Promise<boolean> {
  try {
    const names = await fs.readdir(folder);
    if (names.length === 0 || names.includes(CURRENT)) return names.length > 0;
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === 'ENOENT') return false;
    if (errno === 'ENOTDIR') throw malformed('store folder', 0, 'a folder', `a file at ${folder}`);
    throw ioError(error, folder, 'open');
  }
  throw malformed('store folder', 0, `nothing, or a file ${CURRENT}`, `other files in ${folder}`);
}

/** The folder of the generation in use. */
export async function currentGeneration(folder: string): Promise<string> {
  const file = path.join(folder, CURRENT);
  const text = readText(file);
  const name = text.slice(0, CURRENT_MAX).trimEnd();
  if (/^gen-\d{6}$/.test(name) && text === `${name}\n`) return path.join(folder, name);
  throw corrupt(file, 'the name of a generation', JSON.stringify(text.slice(0, CURRENT_MAX)));
}

/** REGALIA_FORMAT where a pipe, a device or a folder is in the place of the file. */
function readText(file: string): string {
  try {
    return readRegular(file).toString('utf8');
  } catch (error) {
    throw ioError(error, file, 'read');
  }
}

/**
 * Makes a store at `folder`, which `fill` fills by its engine; `within` is where it is made. With
 * `copy`, which puts another store's data file into the first generation, it is witnessed by
 * nobody, so that it is written to only once it was adopted. REGALIA_EXISTS where another was
 * quicker.
 */
export async function makeFolder(
  folder: string,
  fill: Fill,
  copy?: (generation: string) => Promise<void>,
): Promise<void> {
  const place = path.resolve(folder);
  const building = path.join(makingFolder(place), `new-${randomBytes(6).toString('hex')}`);
  try {
    await fs.mkdir(path.dirname(place), { recursive: true });
    await fs.mkdir(building, { recursive: true, mode: 0o700 });
    try {
      await build(building, fill, copy);
      await fs.rename(building, place);
    } finally {
      await fs.rm(building, { recursive: true, force: true });
      await removeUnfinished(place);
    }
  } catch (error) {
    // Whatever the one that was quicker made of this, or has removed of it.
    if (await hasStore(place)) throw alreadyExists('store', folder, undefined, { cause: error });
    throw ioError(error, folder, 'create');
  }
  await flush(path.dirname(place)).catch((error: unknown) => {
    throw ioError(error, folder, 'create');
  });
}

type Fill = (engine: Engine, within: string) => Promise<void>;

async function build(
  building: string,
  fill: Fill,
  copy: ((generation: string) => Promise<void>) | undefined,
): Promise<void> {
  const generation = path.join(building, FIRST_GENERATION);
  await copy?.(generation);
  const engine = await openLmdb(generation, { create: copy === undefined });
  try {
    await fill(engine, building);
  } finally {
    await engine.close();
  }
  await replaceFile(path.join(building, CURRENT), `${FIRST_GENERATION}\n`);
  if (copy === undefined) await writeWitness(building, generation);
  else await replaceFile(path.join(building, WITNESS), COPY);
}

function makingFolder(place: string): string {
  return `${place}.making`;
}

/** Whether a store is seen to be there. */
export async function hasStore(place: string): Promise<boolean> {
  try {
    await fs.access(path.join(place, CURRENT));
    return true;
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return false;
  }
}

/**
 * Removes what others were making, if a store is in its place by now. Each goes by another name
 * first, so that one who still works at it finds nothing of it. What the system does not let go of
 * needs room, and is no fault of the store.
 */
export async function removeUnfinished(place: string): Promise<void> {
  const making = makingFolder(place);
  try {
    const names = (await fs.readdir(making)).filter((name) => MAKING.test(name));
    if (names.length > 0 && !(await hasStore(place))) return;
    for (const name of names) {
      const gone = path.join(making, name.replace('new', 'old'));
      if (name.startsWith('new')) await fs.rename(path.join(making, name), gone);
      await fs.rm(gone, { recursive: true, force: true });
    }
    await fs.rmdir(making);
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
  }
}

async function witnessOf(generation: string): Promise<string> {
  const { ino, birthtimeNs } = await fs.stat(path.join(generation, DATA_FILE), { bigint: true });
  return `inode ${ino} born ${birthtimeNs}\n`;
}

/** Makes the folder's data file the one that belongs here. */
export async function writeWitness(folder: string, generation: string): Promise<void> {
  await replaceFile(path.join(folder, WITNESS), await witnessOf(generation));
}

/** REGALIA_CLONED where the folder was copied since it was last written to. */
export async function checkWitness(folder: string, generation: string): Promise<void> {
  const file = path.join(folder, WITNESS);
  const expected = readText(file);
  const actual = await witnessOf(generation);
  if (expected === actual) return;
  const reason = `its data file was ${expected.trim()}, and is ${actual.trim()}`;
  throw cloned(folder, reason);
}
