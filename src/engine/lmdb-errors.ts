/**
 * What LMDB and lmdb-js throw, under our codes. LMDB's errors carry a number (its own are -30,799
 * to -30,780, all others the system's) and, on some paths, a message alone. The system's errors, as
 * LMDB passes them on or as Node names them, are `ioError`'s.
 *
 * What is not recognised counts as an error of input or output: nothing is guessed, the handle is
 * poisoned, the store reopened.
 */
import { getSystemErrorMap } from 'node:util';
import {
  corrupt,
  errnoOf,
  full,
  ioError,
  ioFailed,
  isRegaliaError,
  locked,
  malformed,
  type RegaliaError,
  unknownVersion,
} from '../ground/errors.js';

type OwnKind = 'full' | 'format' | 'version' | 'corrupt' | 'readers';

/** LMDB's own numbers (lmdb.h), and their names, which messages begin with. */
const OWN_ERRORS: readonly (readonly [number, string, OwnKind])[] = [
  [-30_792, 'MDB_MAP_FULL', 'full'],
  [-30_793, 'MDB_INVALID', 'format'],
  [-30_794, 'MDB_VERSION_MISMATCH', 'version'],
  [-30_796, 'MDB_CORRUPTED', 'corrupt'],
  [-30_797, 'MDB_PAGE_NOTFOUND', 'corrupt'],
  [-30_784, 'MDB_INCOMPATIBLE', 'corrupt'],
  [-30_790, 'MDB_READERS_FULL', 'readers'],
];

/** What the system calls errors in messages. */
const SYSTEM_TEXTS: readonly (readonly [RegExp, string])[] = [
  [/No space left/i, 'ENOSPC'],
  [/quota exceeded/i, 'EDQUOT'],
  [/File too large/i, 'EFBIG'],
  [/Permission denied/i, 'EACCES'],
  [/Operation not permitted/i, 'EPERM'],
  [/Read-only file system/i, 'EROFS'],
  [/No such file/i, 'ENOENT'],
  [/Input\/output error/i, 'EIO'],
];

const EIO = 5;

/** The number that LMDB's error carries, if it does. */
function numberOf(error: unknown): number | undefined {
  const { code } = (error ?? {}) as { code?: unknown };
  return typeof code === 'number' ? code : undefined;
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function ownKind(error: unknown): OwnKind | undefined {
  const number = numberOf(error);
  const text = textOf(error);
  const found = OWN_ERRORS.find(([own, name]) =>
    number === undefined ? text.includes(name) : own === number,
  );
  return found?.[2];
}

/** The system's name of an error: Node's errors carry it, LMDB passes on a number or a text. */
function systemName(error: unknown): string | undefined {
  const named = errnoOf(error);
  if (named !== undefined) return named;
  const number = numberOf(error);
  if (number !== undefined) return getSystemErrorMap().get(-Math.abs(number))?.[0];
  return SYSTEM_TEXTS.find(([pattern]) => pattern.test(textOf(error)))?.[1];
}

/** The error under our codes; one that is ours already stays as it is. */
export function lmdbError(error: unknown, path: string, operation: string): RegaliaError {
  if (isRegaliaError(error)) return error;
  const why = { cause: error };
  switch (ownKind(error)) {
    case 'full':
      return full(path, why);
    case 'readers':
      return locked(path, 'is read by too many processes', { retryable: true, ...why });
    case 'version':
      return unknownVersion(path, 'the version of its LMDB', textOf(error), why);
    case 'format':
      return malformed(path, 0, 'an LMDB file', textOf(error), why);
    case 'corrupt':
      return damaged(path, error);
    case undefined:
      return ioError(error, path, operation, { errno: systemName(error) });
  }
}

/** What poisons the handle: REGALIA_IO, whatever it is, and nobody knows what was written. */
export function poisonError(cause: unknown, path: string, operation: string): RegaliaError {
  const errno = systemName(cause);
  return ioFailed(path, operation, textOf(cause), { cause, outcome: 'unknown', errno });
}

/** What a read threw. Of numbers, only EIO is the medium's; others mean a page without sense. */
export function readError(error: unknown, path: string): RegaliaError {
  const coded = lmdbError(error, path, 'read');
  const number = numberOf(error);
  if (coded.code !== 'REGALIA_IO' || number === undefined || Math.abs(number) === EIO) return coded;
  return damaged(path, error);
}

function damaged(path: string, cause: unknown): RegaliaError {
  return corrupt(path, 'sound pages', textOf(cause), { cause });
}
