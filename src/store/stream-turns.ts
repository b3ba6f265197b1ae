/**
 * Turns of long writes: those to one stream go one by one, in the order in which they were asked
 * for, each beginning when the one before has ended, well or not. So a part is written into what
 * the one before left, and none is lost to another. Writes to different streams wait for nobody.
 */
import { onAbort } from '../ground/abort.js';
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
    const end = Promise.allSettled([before, written]);
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

/** Resolves with `end`, which never rejects; rejects where the signal is aborted first. */
async function unlessAborted(
  end: Promise<unknown>,
  signal: AbortSignal | undefined,
): Promise<void> {
  let deaf = (): void => undefined;
  const abort = new Promise<void>((resolve) => {
    deaf = onAbort(signal, resolve);
  });
  await Promise.race([end, abort]);
  deaf();
  throwIfAborted(signal, OPERATION);
}
