/**
 * Errors of the operating system, as ours: every fault that a file can show has a code.
 */
import { isRegaliaError, RegaliaError } from '../ground/errors.js';

/** The operating system's name of an error. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined;
}

/** An error of the operating system as one of ours. */
export function fileError(error: unknown, file: string, operation: string): Error {
  if (isRegaliaError(error)) return error;
  const code = codeOf(error);
  const facts = { cause: error };
  if (code === 'ENOENT') {
    const data = { what: 'file', name: file };
    return new RegaliaError('REGALIA_NOT_FOUND', `${file} is not there`, data, facts);
  }
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') {
    return new RegaliaError(
      'REGALIA_PERMISSION',
      `no permission to ${operation} ${file}`,
      { path: file },
      facts,
    );
  }
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new RegaliaError(
      'REGALIA_FULL',
      `no room to ${operation} ${file}`,
      { path: file },
      facts,
    );
  }
  if (code === 'EEXIST' || code === 'ENOTEMPTY') {
    const data = { what: 'file', name: file };
    return new RegaliaError('REGALIA_EXISTS', `there is something at ${file}`, data, facts);
  }
  return new RegaliaError(
    'REGALIA_IO',
    `can't ${operation} ${file}`,
    { path: file, operation },
    facts,
  );
}
