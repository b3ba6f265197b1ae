/**
 * Long writes of a transaction: of whole streams, and of parts of them.
 *
 *     asked -> its turn -> what the stream holds now -> written beside it -> put, if nobody put another meanwhile
 *
 * Until it is put the stream is as it was, and so it stays where a write fails. Writes to one
 * stream take turns, so a part is written into what the one before left. What is put or removed
 * meanwhile, without a turn, is not undone: the whole replaces it, a part of what is gone by then
 * is refused.
 */
import type { Source } from '../chunks/source.js';
import type { StreamRule } from '../streams/rule.js';
import { type Key, keyText, parseKey } from '../tree/key.js';
import type { StreamPart } from '../tree/record.js';
import type { Root } from '../tree/root.js';
import type { Change, Contents } from './contents.js';
import { badOption } from './options.js';
import { StreamTurns } from './stream-turns.js';

export interface ChangeOptions {
  readonly signal?: AbortSignal;
}

export interface WriteOptions extends ChangeOptions {
  /**
   * Where to write, in bytes from the stream's beginning. Not given: the source is the whole
   * stream.
   */
  readonly at?: number;
}

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
  /** What the stream is, the transaction's own edits included; told to who remembers reads. */
  read(key: Key, stream: string): StreamPart | undefined;
  put(key: Key, stream: string, part: StreamPart): void;
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
    const turn = async (): Promise<number> => {
      host.check();
      const { root, rule } = host.ruleOf(key, stream);
      const { part, stands } = await write(root, rule);
      host.check();
      if (!stands()) {
        throw badOption('stream', 'what it was when its change began', 'put or removed meanwhile');
      }
      host.put(key, stream, part);
      return part.length;
    };
    const text = typeof key === 'string' ? key : keyText(parseKey(key));
    return this.#turns.take(`${text} ${stream}`, turn, signal);
  }
}
