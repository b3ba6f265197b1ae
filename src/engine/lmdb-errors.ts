/**
 * What LMDB, lmdb-js and the operating system throw, told in our codes. LMDB's errors carry a
 * number (its own are -30,799 to -30,780, the others errno) and, on some paths, a message alone;
 * Node's carry a name such as 'ENOSPC'.
 *
 * What is not recognised counts as an I/O error: nothing is guessed, the handle is poisoned, the
 * store reopened.
 */

import type { ErrorFacts } from '../ground/errors.js';
import { RegaliaError } from '../ground/errors.js';

type Kind =
  | 'full'
  | 'permission'
  | 'missing'
  | 'format'
  | 'version'
  | 'corrupt'
  | 'taken'
  | 'readers'
  | 'io';

/** LMDB's own numbers (lmdb.h) and those of errno that LMDB passes on. */
const KIND_BY_NUMBER: ReadonlyMap<number, Kind> = new Map([
  [-30_792, 'full'], // MDB_MAP_FULL
  [-30_793, 'format'], // MDB_INVALID
  [-30_794, 'version'], // MDB_VERSION_MISMATCH
  [-30_796, 'corrupt'], // MDB_CORRUPTED
  [-30_797, 'corrupt'], // MDB_PAGE_NOTFOUND
  [-30_784, 'corrupt'], // MDB_INCOMPATIBLE
  [-30_790, 'readers'], // MDB_READERS_FULL
  [28, 'full'], // ENOSPC
  [122, 'full'], // EDQUOT
  [27, 'full'], // EFBIG
  [1, 'permission'], // EPERM
  [13, 'permission'], // EACCES
  [30, 'permission'], // EROFS
  [2, 'missing'], // ENOENT
]);

const EIO = 5;

const KIND_BY_NAME: ReadonlyMap<string, Kind> = new Map([
  ['ENOSPC', 'full'],
  ['EDQUOT', 'full'],
  ['EFBIG', 'full'],
  ['EPERM', 'permission'],
  ['EACCES', 'permission'],
  ['EROFS', 'permission'],
  ['ENOENT', 'missing'],
  ['ENOTDIR', 'taken'],
  ['EEXIST', 'taken'],
  ['ENOTEMPTY', 'taken'],
]);

const KIND_BY_TEXT: readonly (readonly [RegExp, Kind])[] = [
  [/MDB_MAP_FULL|No space left|quota exceeded|File too large/i, 'full'],
  [/Permission denied|Operation not permitted|Read-only file system/i, 'permission'],
  [/No such file/i, 'missing'],
  [/MDB_INVALID/, 'format'],
  [/MDB_VERSION_MISMATCH/, 'version'],
  [/MDB_CORRUPTED|MDB_PAGE_NOTFOUND|MDB_INCOMPATIBLE/, 'corrupt'],
  [/MDB_READERS_FULL/, 'readers'],
];

function kindOf(error: unknown): Kind {
  const { code, message } = (error ?? {}) as { code?: unknown; message?: unknown };
  if (typeof code === 'number') {
    return KIND_BY_NUMBER.get(code) ?? KIND_BY_NUMBER.get(Math.abs(code)) ?? 'io';
  }
  if (typeof code === 'string') return KIND_BY_NAME.get(code) ?? 'io';
  const text = String(message);
  return KIND_BY_TEXT.find(([pattern]) => pattern.test(text))?.[1] ?? 'io';
}

/** The error in our codes; one that is ours already stays as it is. */
export function storageError(
  error: unknown,
  path: string,
  operation: string,
  facts: ErrorFacts = {},
): RegaliaError {
  if (error instanceof RegaliaError) return error;
  const why = { ...facts, cause: error };
  const text = error instanceof Error ? error.message : String(error);
  switch (kindOf(error)) {
    case 'full':
      return fullError(path, error, why);
    case 'permission':
      return new RegaliaError('REGALIA_PERMISSION', `permission refused at ${path}`, { path }, why);
    case 'missing':
      return new RegaliaError(
        'REGALIA_NOT_FOUND',
        `${path} does not exist`,
        { what: 'store', name: path },
        why,
      );
    case 'taken':
      return new RegaliaError(
        'REGALIA_EXISTS',
        `${path} is taken`,
        { what: 'file', name: path },
        why,
      );
    case 'readers': {
      const message = `too many processes read ${path}`;
      return new RegaliaError('REGALIA_LOCKED', message, { path }, { retryable: true, ...why });
    }
    case 'version': {
      const data = { what: 'data file', expected: 'a known version', actual: text };
      return new RegaliaError('REGALIA_VERSION', `${path} has an unknown version`, data, why);
    }
    case 'format': {
      const data = { what: 'data file', at: 0, expected: 'an LMDB file', actual: text };
      return new RegaliaError('REGALIA_FORMAT', `${path} is not a data file`, data, why);
    }
    case 'corrupt': {
      const data = { what: 'data file', expected: 'sound pages', actual: text };
      return new RegaliaError('REGALIA_CORRUPT', `${path} is damaged: ${text}`, data, why);
    }
    case 'io': {
      const message = `${operation} failed at ${path}: ${text}`;
      return new RegaliaError(
        'REGALIA_IO',
        message,
        { path, operation },
        { outcome: 'unknown', ...why },
      );
    }
  }
}

/** No room on the device, or in the map. */
export function fullError(path: string, cause?: unknown, facts: ErrorFacts = {}): RegaliaError {
  return new RegaliaError(
    'REGALIA_FULL',
    `no room left at ${path}`,
    { path },
    { retryable: true, cause, ...facts },
  );
}

/**
 * What a read threw. Of the numbers only EIO is the medium's; with any other LMDB says that it met
 * a page that makes no sense.
 */
export function readError(error: unknown, path: string): RegaliaError {
  const coded = storageError(error, path, 'read');
  const number = (error as { code?: unknown } | null)?.code;
  if (coded.code !== 'REGALIA_IO' || typeof number !== 'number' || Math.abs(number) === EIO)
    return coded;
  const text = error instanceof Error ? error.message : String(error);
  const data = { what: 'data file', expected: 'sound pages', actual: text };
  return new RegaliaError('REGALIA_CORRUPT', `${path} is damaged: ${text}`, data, { cause: error });
}
