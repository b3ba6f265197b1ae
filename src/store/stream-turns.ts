/**
 * Long writes of a transaction: of whole streams, and of parts of them.
 *
 *     asked -> its turn -> what the stream is now -> written beside it -> put, unless others put
 *
 * Until it is put the stream is as it was, and so it stays where a write fails. Writes to one
 * stream take turns, in the order in which they were asked for, each beginning when the one before
 * has ended, well or not. So a part is written into what the one before left, and none is lost to
 * another. Writes to different streams wait for nobody. What is put or removed meanwhile, without a
 * turn, is not undone: the whole replaces it, a part of what is gone by then is refused.
 */
import type { Source } from '../chunks/source.js';
import { badOption, throwIfAborted } from '../ground/errors.js';
import { checkStreamName, type StreamRule } from '../streams/rule.js';
import { type Key, keyText, parseKey } from '../tree/key.js';
import type { StreamPart } from '../tree/record.js';
import type { Root } from '../tree/root.js';
import type { Change, Contents } from './contents.js';
import type { ChangeOptions, WriteOptions } from './options.js';

/** What is to be put, if what it was made of still stands. */
interface Written {
  readonly part: StreamPart;
  stands(): boolean;
}

/** What writes need of their transaction. */
export interface WriteHost {
  /** Throws once it has ended. */
  check(): void;
  ruleOf(key: Key, stream: string): { readonly root: Root; readonly rule: StreamRule };
  /** What the stream is, the transaction's own edits included; a read. */
  read(key: Key, stream: string): StreamPart | undefined;
  putPart(key: Key, stream: string, part: StreamPart): void;
}

export class StreamWrites {
  readonly #contents: Contents;
  readonly #host: WriteHost;
  readonly #turns = new StreamTurns();

  constructor(contents: Contents, host: WriteHost) {
    this.#contents = contents;
    this.#host = host;
  }

  /** Writes that wait or are under way. */
  get count(): number {
    return this.#turns.count;
  }

  write(key: Key, stream: string, source: Source, options: WriteOptions): Promise<number> {
    const { at } = options;
    if (at !== undefined) return this.change(key, stream, { kind: 'write', at, source }, options);
    return this.#inTurn(key, stream, options, async (root, rule) => {
      const part = await this.#contents.write(root, rule, stream, source, options);
      return { part, stands: () => true };
    });
  }

  change(key: Key, stream: string, change: Change, options: ChangeOptions): Promise<number> {
    return this.#inTurn(key, stream, options, async (root, rule) => {
      const read = (): StreamPart | undefined => this.#host.read(key, stream);
      const before = read();
      const old = this.#contents.old(before);
      const part = await this.#contents.change(root, rule, stream, change, old, options);
      return { part, stands: () => this.#contents.same(before, read()) };
    });
  }

  async #inTurn(
    key: Key,
    stream: string,
    { signal }: ChangeOptions,
    write: (root: Root, rule: StreamRule) => Promise<Written>,
  ): Promise<number> {
    const host = this.#host;
    host.check();
    const text = keyText(parseKey(key));
    checkStreamName(stream);
    const turn = async (): Promise<number> => {
      host.check();
      const { root, rule } = host.ruleOf(key, stream);
      const { part, stands } = await write(root, rule);
      host.check();
      if (!stands()) {
        throw badOption('stream', 'what it was when its change began', 'put or removed meanwhile');
      }
      host.putPart(key, stream, part);
      return part.length;
    };
    return this.#turns.take(`${text} ${stream}`, turn, signal);
  }
}

const OPERATION = 'write';

class StreamTurns {
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
