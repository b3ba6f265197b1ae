/**
 * Rival: raw lmdb-js on flat string keys. No history, no hashes, no hierarchy: the speed of the
 * engine itself, which is what Regalia's costs are measured against.
 *
 * It is the project's own copy of lmdb: the same version by definition, and one native library in
 * the process instead of two. Settings are those that lose nothing in a power cut: commits do not
 * overlap their flushes.
 */
import { open, type RootDatabase } from 'lmdb';
import { batches, type Write } from '../harness/workload.js';

export interface RawLmdbOptions {
  /** False leaves flushing to the operating system. */
  readonly durable?: boolean;
  readonly mapBytes?: number;
}

export class RawLmdb {
  readonly name = 'lmdb';
  readonly #db: RootDatabase<Buffer, string>;

  constructor(folder: string, options: RawLmdbOptions = {}) {
    this.#db = open<Buffer, string>({
      path: folder,
      noSubdir: false,
      encoding: 'binary',
      overlappingSync: false,
      noSync: options.durable === false,
      mapSize: options.mapBytes ?? 2 ** 36,
    });
  }

  /** All of `writes`, in transactions of `size` each. */
  load(writes: Iterable<Write>, size = 100_000): void {
    for (const batch of batches(writes, size)) this.commit(batch);
  }

  /** One transaction; when it returns it is on disk, if durable. */
  commit(writes: Iterable<Write>): void {
    this.#db.transactionSync(() => {
      for (const [key, content] of writes) {
        void this.#db.put(key, content as Buffer);
      }
    });
  }

  /** A view that the next get spoils: the fastest read the engine has. */
  get(key: string): Uint8Array | undefined {
    const found = this.#db.getBinaryFast(key);
    return found && new Uint8Array(found.buffer, found.byteOffset, found.length);
  }

  /** Reads up to `limit` entries in order from `start`, keys and contents; gives their number. */
  scan(start?: string, limit?: number): number {
    let count = 0;
    for (const { value } of this.#db.getRange({
      ...(start !== undefined && { start }),
      ...(limit !== undefined && { limit }),
    })) {
      if (value.length >= 0) count++;
    }
    return count;
  }

  /**
   * Many callers that each commit one put after another and wait for it; `each` counts per caller.
   */
  async concurrently(
    callers: number,
    each: number,
    write: (index: number) => Write,
  ): Promise<void> {
    const caller = async (number: number): Promise<void> => {
      for (let i = 0; i < each; i++) {
        const [key, content] = write(number * each + i);
        await this.#db.transaction(() => {
          void this.#db.put(key, content as Buffer);
        });
      }
    };
    await Promise.all(Array.from({ length: callers }, (_, number) => caller(number)));
  }

  async close(): Promise<void> {
    await this.#db.close();
  }
}
