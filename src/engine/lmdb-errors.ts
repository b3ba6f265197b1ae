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

type Coded = (path: string, cause: unknown) => RegaliaError;

const noRoom: Coded = (path, cause) => full(path, { cause });
const notLmdb: Coded = (path, cause) =>
  malformed(path, 0, 'an LMDB file', textOf(cause), { cause });
const otherVersion: Coded = (path, cause) =>
  unknownVersion(path, 'the version of its LMDB', textOf(cause), { cause });
const damaged: Coded = (path, cause) => corrupt(path, 'sound pages', textOf(cause), { cause });
const crowded: Coded = (path, cause) =>
  locked(path, 'is read by too many processes', { retryable: true, cause });

/** LMDB's own numbers (lmdb.h), their names, which messages begin with, and our errors. */
const OWN_ERRORS: readonly (readonly [number, string, Coded])[] = [
  [-30_792, 'MDB_MAP_FULL', noRoom],
  [-30_793, 'MDB_INVALID', notLmdb],
  [-30_794, 'MDB_VERSION_MISMATCH', otherVersion],
  [-30_796, 'MDB_CORRUPTED', damaged],
  [-30_797, 'MDB_PAGE_NOTFOUND', damaged],
  [-30_784, 'MDB_INCOMPATIBLE', damaged],
  [-30_790, 'MDB_READERS_FULL', crowded],
];

/**
 * What LMDB says where it stumbles over its own list of free pages: key exists, not found, cursor
 * full, page full, bad transaction, bad size, problem.
 */
const STUMBLES: ReadonlySet<number> = new Set([
  -30_799, -30_798, -30_787, -30_786, -30_782, -30_781, -30_779,
]);

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
  const number = numberOf(error);
  const text = textOf(error);
  const own = OWN_ERRORS.find(([code, name]) =>
    number === undefined ? text.includes(name) : code === number,
  );
  const [, , coded] = own ?? [];
  return coded?.(path, error) ?? ioError(error, path, operation, { errno: systemName(error) });
}

/**
 * Whether LMDB took back a transaction that another attempt may well bring through. lmdb-js looks
 * for free pages in the list of them while it rewrites that list; where a page of the list has just
 * lost its only record, it reads what is not there. LMDB's own errors come before it writes the
 * meta page, so nothing was committed.
 */
export function hasStumbled(error: unknown): boolean {
  return STUMBLES.has(numberOf(error) ?? 0);
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
