/**
 * Which transaction is the latest, as all processes have to agree on it.
 *
 * LMDB keeps the number in its lock file, and a process that opens the environment sets it to what
 * the meta pages said a moment before, without a lock (mdb.c, `mdb_env_open2`). That undoes a
 * commit of that moment: readers do not see it, and the next writer builds on the state before,
 * with pages that the commit has used. So the number is compared with the meta pages, which never
 * lie, after an environment was opened and whenever a transaction has begun; where it lags it is
 * put right, and the transaction begun again. Readers compare it with the greatest that they have
 * seen, where they have begun anew. What is left is the microsecond between LMDB's own look and
 * that.
 *
 *     lock.mdb    u32 magic | u32 format | u64 number of the latest transaction | …
 *     data.mdb    meta pages 0 and 1, each with its own number; the greater one counts
 *
 * Invariant: neither file is closed before the environment: the lock file's locks would go with it
 * (fcntl(2)).
 */
import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { errnoOf } from '../ground/errors.js';
import { readU64 } from '../ground/integers.js';
import { TREE_BYTES } from './lmdb-examine.js';

/** As many processes as that hardly open the file at once. */
const MISSES_MAX = 1_000;
/** In the lock file. */
const NUMBER_AT = 8;
/** In a meta page: behind header, magic, version, address, map size, two trees and last page. */
const META_NUMBER_AT = 24 + 24 + 2 * TREE_BYTES + 8;

export class LatestTransaction {
  readonly #data: number;
  /** Undefined where none can be written: a reader goes without it, as LMDB does. */
  readonly #lock: number | undefined;
  /** The first meta page and the beginning of the second. */
  readonly #metas: Buffer;
  readonly #pageBytes: number;
  readonly #number = Buffer.alloc(8);
  /** The greatest number that this process knows of. */
  #seen = 0;
  /** The last page in use, as of the last look. */
  #lastPage = 0;
  /** Transactions in a row that did not follow the latest. */
  #misses = 0;

  /** For an environment in this folder that has just been opened; `correct` follows. */
  constructor(folder: string, pageBytes: number, readOnly: boolean) {
    this.#pageBytes = pageBytes;
    this.#metas = Buffer.alloc(pageBytes + META_NUMBER_AT + 8);
    this.#data = openSync(join(folder, 'data.mdb'), 'r');
    try {
      this.#lock = openLock(join(folder, 'lock.mdb'), readOnly);
    } catch (error) {
      closeSync(this.#data);
      throw error;
    }
  }

  /** The latest by the meta pages, which is seen by that. */
  look(): number {
    const metas = this.#metas;
    readSync(this.#data, metas, 0, metas.length, 0);
    const first = readU64(metas, META_NUMBER_AT);
    const second = readU64(metas, this.#pageBytes + META_NUMBER_AT);
    this.#seen = Math.max(this.#seen, first, second);
    const newer = (first > second ? 0 : this.#pageBytes) + META_NUMBER_AT;
    this.#lastPage = readU64(metas, newer - 8);
    return Math.max(first, second);
  }

  /** The bytes of the file that are in use, or were, as of the last look. */
  get fileBytes(): number {
    return (this.#lastPage + 1) * this.#pageBytes;
  }

  /** Whether a transaction that has begun follows the latest. If not it ends, to begin again. */
  isNext(transaction: number): boolean {
    const committed = this.look();
    if (transaction === committed + 1) {
      this.#misses = 0;
      return true;
    }
    if (++this.#misses > MISSES_MAX)
      throw new Error('the number of the latest transaction stays wrong');
    this.#put(committed);
    return false;
  }

  /** Whether reads may have begun on a state before one that was seen. They will not any more. */
  lags(): boolean {
    if (this.#lock === undefined) return false;
    const number = this.#recorded(this.#lock);
    if (number < this.#seen) {
      this.correct();
      return true;
    }
    this.#seen = number;
    return false;
  }

  #recorded(lock: number): number {
    readSync(lock, this.#number, 0, 8, NUMBER_AT);
    return readU64(this.#number, 0);
  }

  /** Puts the number right where it lags, while others may commit. */
  correct(): void {
    if (this.#lock === undefined) return;
    for (;;) {
      const committed = this.look();
      if (this.#recorded(this.#lock) >= committed) return;
      this.#put(committed);
    }
  }

  #put(transaction: number): void {
    if (this.#lock === undefined) return;
    this.#number.writeBigUInt64LE(BigInt(transaction));
    writeSync(this.#lock, this.#number, 0, 8, NUMBER_AT);
  }

  /** After the environment. */
  close(): void {
    closeSync(this.#data);
    if (this.#lock !== undefined) closeSync(this.#lock);
  }
}

function openLock(path: string, readOnly: boolean): number | undefined {
  try {
    return openSync(path, 'r+');
  } catch (error) {
    const errno = errnoOf(error);
    if (readOnly && (errno === 'ENOENT' || errno === 'EROFS' || errno === 'EACCES'))
      return undefined;
    throw error;
  }
}
