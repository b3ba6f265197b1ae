/**
 * Where the data file of a handle is: its path, and the device and inode found there when it was
 * opened. A file that was moved away, or replaced by another, is still open; but nobody who opens
 * the store by its path finds what is written to it, so before each transaction one looks.
 */
import { statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { ioFailed, type RegaliaError } from '../ground/errors.js';

export class DataFile {
  readonly path: string;
  /** Device and inode: the same file under any name. */
  readonly identity: string;

  /** For the one in this folder. What the system throws. */
  constructor(folder: string) {
    this.path = join(resolve(folder), 'data.mdb');
    this.identity = identityOf(this.path);
  }

  /** Why nothing may be written, if the file is not where it was; `operation` is refused. */
  refusal(operation: string): RegaliaError | undefined {
    try {
      if (identityOf(this.path) === this.identity) return undefined;
    } catch (cause) {
      return ioFailed(this.path, operation, `it is not there any more; ${ADVICE}`, { cause });
    }
    return ioFailed(this.path, operation, `another file is in its place; ${ADVICE}`);
  }
}

const ADVICE = 'close the store and open it again';

function identityOf(path: string): string {
  const { dev, ino } = statSync(path, { bigint: true });
  return `${dev}:${ino}`;
}
