/**
 * Where the files of a handle are: their paths, and the device and inode found there when they were
 * opened. A file that was moved away, or replaced by another, is still open; but nobody who opens
 * the store by its path finds what is written to the data, or takes turns by the same lock. So
 * before each transaction one looks.
 */
import { statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { ioFailed, type RegaliaError } from '../ground/errors.js';

export class DataFile {
  readonly path: string;
  /** Device and inode: the same file under any name. */
  readonly identity: string;
  readonly #lock: string;
  /** Undefined until there is one: the engine makes it. */
  #lockIdentity: string | undefined;

  /** For the one in this folder. What the system throws. */
  constructor(folder: string) {
    this.path = join(resolve(folder), 'data.mdb');
    this.identity = identityOf(this.path);
    this.#lock = join(resolve(folder), 'lock.mdb');
    this.#lockIdentity = attemptIdentity(this.#lock);
  }

  /** Why nothing may be written, if a file is not where it was; `operation` is refused. */
  refusal(operation: string): RegaliaError | undefined {
    return (
      refusalOf(this.path, this.identity, operation) ??
      refusalOf(this.#lock, (this.#lockIdentity ??= attemptIdentity(this.#lock)), operation)
    );
  }
}

function refusalOf(
  path: string,
  identity: string | undefined,
  operation: string,
): RegaliaError | undefined {
  try {
    if (identityOf(path) === identity) return undefined;
  } catch (cause) {
    return ioFailed(path, operation, `it is not there any more; ${ADVICE}`, { cause });
  }
  return ioFailed(path, operation, `another file is in its place; ${ADVICE}`);
}

/** Undefined where there is no such file. */
function attemptIdentity(path: string): string | undefined {
  const found = statSync(path, { bigint: true, throwIfNoEntry: false });
  return found && `${found.dev}:${found.ino}`;
}

const ADVICE = 'close the store and open it again';

function identityOf(path: string): string {
  const { dev, ino } = statSync(path, { bigint: true });
  return `${dev}:${ino}`;
}
