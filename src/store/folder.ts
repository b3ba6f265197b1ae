/**
 * A store's folder.
 *
 *     STORE/CURRENT         the name of the generation in use, and a line feed
 *     STORE/WITNESS         inode and time of birth of the data file: a copy has others
 *     STORE/gen-000001/     what the engine keeps
 *
 * A new store is made beside its place and renamed into it, so that no half-made one is ever met. A
 * folder that was copied looks to peers like the original, and writes of both could be told apart
 * by nobody: it may be read, and written to only after it was adopted (by one who knows that the
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
  const text = await readText(file);
  const name = text.slice(0, CURRENT_MAX).trimEnd();
  if (/^gen-\d{6}$/.test(name) && text === `${name}\n`) return path.join(folder, name);
  throw corrupt(file, 'the name of a generation', JSON.stringify(text.slice(0, CURRENT_MAX)));
}

function readText(file: string): Promise<string> {
  return fs.readFile(file, 'utf8').catch((error: unknown) => {
    throw ioError(error, file, 'read');
  });
}

/**
 * Makes a store at `folder`, which `fill` fills by its engine; `within` is where it is made. With
 * `copy`, which puts another store's data file into the first generation, it is witnessed by
 * nobody, so that it is written to only once it was adopted.
 */
export async function makeFolder(
  folder: string,
  fill: (engine: Engine, within: string) => Promise<void>,
  copy?: (generation: string) => Promise<void>,
): Promise<void> {
  const place = path.resolve(folder);
  const building = `${place}.new-${randomBytes(6).toString('hex')}`;
  try {
    await fs.mkdir(path.dirname(place), { recursive: true });
    await fs.mkdir(building, { mode: 0o700 });
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
    await fs.rename(building, place);
    await flush(path.dirname(place));
  } catch (error) {
    await fs.rm(building, { recursive: true, force: true });
    throw ioError(error, folder, 'create');
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
  const expected = await readText(file);
  const actual = await witnessOf(generation);
  if (expected === actual) return;
  const reason = `its data file was ${expected.trim()}, and is ${actual.trim()}`;
  throw cloned(folder, reason);
}
