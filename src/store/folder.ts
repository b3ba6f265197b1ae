/**
 * A store's folder.
 *
 *     STORE/CURRENT         the name of the generation in use, and a line feed
 *     STORE/WITNESS         inode and time of birth of the data file: a copy of the folder has others
 *     STORE/gen-000001/     what the engine keeps
 *
 * A new store is made beside its place and renamed into it, so that no half-made one is ever met. A
 * folder that was copied looks to peers like the original, and writes of both would be told apart
 * by nobody: it may be read, and written to only after it was adopted (by whoever knows that the
 * original is gone) or forked.
 */
import { randomBytes } from 'node:crypto';
import fs from 'node:fs/promises';
import path from 'node:path';
import { errnoOf, ioError, RegaliaError } from '../ground/errors.js';

const CURRENT = 'CURRENT';
const WITNESS = 'WITNESS';
const FIRST_GENERATION = 'gen-000001';
const DATA_FILE = 'data.mdb';
const CURRENT_MAX = 64;
const COPY = 'a copy\n';

/** What is at a path: a store, a place for one, or neither. */
export async function examineFolder(folder: string): Promise<'store' | 'empty' | 'absent'> {
  try {
    const names = await fs.readdir(folder);
    if (names.includes(CURRENT)) return 'store';
    if (names.length === 0) return 'empty';
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return 'absent';
    throw ioError(error, folder, 'open');
  }
  throw new RegaliaError('REGALIA_FORMAT', `${folder} is neither empty nor a store`, {
    what: 'store folder',
    at: 0,
    expected: `a file ${CURRENT}`,
    actual: 'other files',
  });
}

/** The folder of the generation in use. */
export async function currentGeneration(folder: string): Promise<string> {
  const file = path.join(folder, CURRENT);
  let text: string;
  try {
    text = await fs.readFile(file, 'utf8');
  } catch (error) {
    throw ioError(error, file, 'read');
  }
  const name = text.slice(0, CURRENT_MAX).trimEnd();
  if (/^gen-\d{6}$/.test(name) && text === `${name}\n`) return path.join(folder, name);
  throw new RegaliaError('REGALIA_CORRUPT', `${file} is damaged`, {
    what: CURRENT,
    expected: 'the name of a generation',
    actual: JSON.stringify(text.slice(0, CURRENT_MAX)),
  });
}

/**
 * Makes a store at `folder`: `fill` is given the folder of its first generation. A copy of another
 * store is witnessed by nobody, so that it is written to only once it was adopted.
 */
export async function makeFolder(
  folder: string,
  fill: (generation: string) => Promise<void>,
  what: 'store' | 'copy' = 'store',
): Promise<void> {
  const place = path.resolve(folder);
  const building = `${place}.new-${randomBytes(6).toString('hex')}`;
  try {
    await fs.mkdir(path.dirname(place), { recursive: true });
    await fs.mkdir(building, { mode: 0o700 });
    const generation = path.join(building, FIRST_GENERATION);
    await fill(generation);
    await fs.writeFile(path.join(building, CURRENT), `${FIRST_GENERATION}\n`, { mode: 0o600 });
    if (what === 'store') await writeWitness(building, generation);
    else await fs.writeFile(path.join(building, WITNESS), COPY, { mode: 0o600 });
    await syncFile(path.join(building, CURRENT));
    await syncFile(building);
    await fs.rename(building, place);
    await syncFile(path.dirname(place));
  } catch (error) {
    await fs.rm(building, { recursive: true, force: true });
    throw ioError(error, folder, 'create');
  }
}

/** Brings a file, or a folder's list of names, to disk. */
export async function syncFile(file: string): Promise<void> {
  const handle = await fs.open(file, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function witnessOf(generation: string): Promise<string> {
  const { ino, birthtimeNs } = await fs.stat(path.join(generation, DATA_FILE), { bigint: true });
  return `inode ${ino} born ${birthtimeNs}\n`;
}

/** Makes the folder's data file the one that belongs here. */
export async function writeWitness(folder: string, generation: string): Promise<void> {
  const file = path.join(folder, WITNESS);
  await fs.writeFile(`${file}.new`, await witnessOf(generation), { mode: 0o600 });
  await syncFile(`${file}.new`);
  await fs.rename(`${file}.new`, file);
}

/** REGALIA_CLONED where the folder was copied since it was last written to. */
export async function checkWitness(folder: string, generation: string): Promise<void> {
  const file = path.join(folder, WITNESS);
  const expected = await fs.readFile(file, 'utf8').catch((error: unknown) => {
    throw ioError(error, file, 'read');
  });
  const actual = await witnessOf(generation);
  if (expected === actual) return;
  const reason = `its data file was ${expected.trim()}, and is ${actual.trim()}`;
  throw new RegaliaError('REGALIA_CLONED', `${folder} is a copy of a store: ${reason}`, {
    path: folder,
    reason,
  });
}
