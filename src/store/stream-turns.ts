/**
 * Turns of the writes to one stream: in the order in which they were asked for, each beginning when
 * the one before has ended, well or not. So a part that is written sees what was written before it,
 * and none is lost to another.
 *
 * Writes to different streams wait for nobody. An abort is heard while a write waits; those behind
 * it wait on for the one before.
 */
import { throwIfAborted } from '../ground/errors.js';

const OPERATION = 'write';

export class StreamTurns {
  /** The end of the last write to each stream that has any. */
  readonly #ends = new Map<string, Promise<unknown>>();
  #count = 0;

  /** Writes that wait or are under way. */
  get count(): number {
    return this.#count;
  }

  /** Runs a write to the stream of that name, once it is its turn. REGALIA_ABORTED. */
  async take<T>(
    stream: string,
    write: () => Promise<T>,
    signal: AbortSignal | undefined,
  ): Promise<T> {
    throwIfAborted(signal, OPERATION);
    const before = this.#ends.get(stream);
    const written = before === undefined ? write() : unlessAborted(before, signal).then(write);
    const end = before === undefined ? ended(written) : Promise.allSettled([before, written]);
    this.#ends.set(stream, end);
    this.#count++;
    try {
      return await written;
    } finally {
      this.#count--;
      void end.then(() => {
        if (this.#ends.get(stream) === end) this.#ends.delete(stream);
      });
    }
  }
}

/** Resolves when a promise has its outcome, whichever. */
function ended(promise: Promise<unknown>): Promise<unknown> {
  return promise.catch(() => undefined);
}

/** Resolves with `end`, which never rejects; rejects where the signal is aborted first. */
function unlessAborted(end: Promise<unknown>, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const check = (): void => {
      try {
        throwIfAborted(signal, OPERATION);
        resolve();
      } catch (error) {
        reject(error as Error);
      }
    };
    signal?.addEventListener('abort', check, { once: true });
    void end.then(() => {
      signal?.removeEventListener('abort', check);
      check();
    });
  });
}
