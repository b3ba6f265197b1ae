/**
 * A store's folder.
 *
 *     STORE/CURRENT         the name of the generation in use, and a line feed
 *     STORE/WITNESS         inode and time of birth of the data file: a copy has others
 *     STORE/gen-000001/     what the engine keeps
 *
 * A new store is made beside its place and renamed into it, so that no half-made one is ever met. A
 * folder that was copied looks to peers like the original, and writes of both could be told apart
 * by nobody: it may be read, and written to only after it was adopted (by whoever knows that the
 * original is gone) or forked.
 */
import { randomBytes } from 'node:crypto';
import fs from 'node:fs/promises';
import path from 'node:path';
import type { Engine } from '../engine/engine.js';
import { openLmdb } from '../engine/lmdb.js';
import { cloned, corrupt, errnoOf, ioError, malformed } from '../ground/errors.js';
import { flush, replaceFile } from '../ground/fsync.js';

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
    const errno = errnoOf(error);
    if (errno === 'ENOENT') return 'absent';
    if (errno === 'ENOTDIR') throw malformed('store folder', 0, 'a folder', `a file at ${folder}`);
    throw ioError(error, folder, 'open');
  }
  throw malformed('store folder', 0, `nothing, or a file ${CURRENT}`, `other files in ${folder}`);
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
  throw corrupt(file, 'the name of a generation', JSON.stringify(text.slice(0, CURRENT_MAX)));
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
    await replaceFile(path.join(building, CURRENT), `${FIRST_GENERATION}\n`);
    if (what === 'store') await writeWitness(building, generation);
    else await replaceFile(path.join(building, WITNESS), COPY);
    await fs.rename(building, place);
    await flush(path.dirname(place));
  } catch (error) {
    await fs.rm(building, { recursive: true, force: true });
    throw ioError(error, folder, 'create');
  }
}

/** Fills a generation by its engine, which is made or there already; `folder` is around it. */
export async function withEngine(
  generation: string,
  create: boolean,
  fill: (engine: Engine, folder: string) => Promise<void>,
): Promise<void> {
  const engine = await openLmdb(generation, { create });
  try {
    await fill(engine, path.dirname(generation));
  } finally {
    await engine.close();
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
  const expected = await fs.readFile(file, 'utf8').catch((error: unknown) => {
    throw ioError(error, file, 'read');
  });
  const actual = await witnessOf(generation);
  if (expected === actual) return;
  const reason = `its data file was ${expected.trim()}, and is ${actual.trim()}`;
  throw cloned(folder, reason);
}
