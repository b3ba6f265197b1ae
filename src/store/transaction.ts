/**
 * A transaction, as users have it. Reads see its own edits, nobody else sees them, and no lock is
 * held while the user's code runs. After commit or dispose every method throws REGALIA_CLOSED.
 */
import { addressText } from '../blocks/address.js';
import type { Source } from '../chunks/source.js';
import type { CommitOptions, CommitResult } from '../commit/committer.js';
import { offset } from '../ground/options.js';
import type { RuleOptions } from '../streams/rule.js';
import type { Stream } from '../streams/stream.js';
import type { Key } from '../tree/key.js';
import type { FindOptions } from '../tree/key-pattern.js';
import type { Change } from './contents.js';
import type { Draft } from './draft.js';
import {
  CALLS,
  type ChangeOptions,
  type ChildRange,
  SOURCE,
  type WriteOptions,
} from './options.js';
import type { AnyStreams, DecodedData, Entry, StreamName, StreamTypes, View } from './snapshot.js';

/** What may be put: anything that the stream's rule encodes, where it was not given a type. */
export type PutData<Streams, Name extends keyof Streams> = 0 extends 1 & Streams
  ? unknown
  : Streams[Name];

/** The handle of a draft. */
export let openTransaction: <Streams extends StreamTypes<Streams>>(
  draft: Draft,
) => Transaction<Streams>;
/** What a handle works on. */
export let draftOf: (tx: Transaction) => Draft;

/**
 * A private fork of a bucket. Committing merges it into the head.
 *
 * ```ts
 * using tx = store.begin();
 * tx.put('/photos/cat.jpg', 'title', 'a cat');
 * await tx.commit({ message: 'add cat' });
 * ```
 */
export class Transaction<Streams extends StreamTypes<Streams> = AnyStreams>
  implements View<Streams>
{
  readonly #draft: Draft;

  private constructor(draft: Draft) {
    this.#draft = draft;
  }

  static {
    openTransaction = (draft) => new Transaction(draft);
    draftOf = (tx) => tx.#draft;
  }

  /** The commit that it was begun on. */
  get base(): string {
    return addressText(this.#draft.started.address);
  }

  entry(key: Key): Entry<Streams> | undefined {
    return this.#draft.entry(key);
  }

  get<Name extends StreamName<Streams>>(
    key: Key,
    stream: Name,
  ): Stream<DecodedData<Streams, Name>> | undefined {
    return this.#draft.get(key, stream) as Stream<DecodedData<Streams, Name>> | undefined;
  }

  children(key: Key, range?: ChildRange): Generator<Entry<Streams>, void, undefined> {
    return this.#draft.children(key, range);
  }

  walk(key?: Key): Generator<Entry<Streams>, void, undefined> {
    return this.#draft.walk(key);
  }

  find(pattern: string, options?: FindOptions): Generator<Entry<Streams>, void, undefined> {
    return this.#draft.find(pattern, options);
  }

  /**
   * Puts a stream. `data` is bytes, or what the stream's rule encodes: a string, or CBOR data. It
   * is copied. REGALIA_KEY, REGALIA_STREAM, REGALIA_ENCODING; REGALIA_OPTION above 16 MiB, which is
   * for `write`.
   */
  put<Name extends StreamName<Streams>>(
    key: Key,
    stream: Name,
    data: PutData<Streams, Name>,
  ): void {
    this.#draft.put(key, stream, data);
  }

  /**
   * Writes a stream from any source, of any size, in bounded memory, and resolves with its size.
   * With `at` the source's bytes take the place of those there, at the cost of that part; what lies
   * before them is kept, filled with zeros where it is too short. Until then the stream is as it
   * was, and so it stays where this fails. Writes to one stream take turns. REGALIA_ABORTED,
   * REGALIA_RANGE, and what the source throws; with `at` REGALIA_ENCODING unless the stream's
   * encoding is `bytes`.
   */
  async write(
    key: Key,
    stream: StreamName<Streams>,
    source: Source,
    options?: WriteOptions,
  ): Promise<number> {
    SOURCE.check('source', source);
    const given = CALLS.write.check(options);
    return this.#draft.gate.receiving(source, given.signal, (signal) => {
      return this.#draft.write(key, stream, source, { ...given, signal });
    });
  }

  /**
   * The same behind the last byte. Errors as `write` with `at`, but `utf8` is as good as `bytes`.
   */
  async append(
    key: Key,
    stream: StreamName<Streams>,
    source: Source,
    options?: ChangeOptions,
  ): Promise<number> {
    const change = { kind: 'append', source: SOURCE.check('source', source) } as const;
    return this.#change(key, stream, change, CALLS.append.check(options));
  }

  /** Makes a stream shorter, or longer by zeros that take no room. Errors as `write` with `at`. */
  async truncate(
    key: Key,
    stream: StreamName<Streams>,
    size: number,
    options?: ChangeOptions,
  ): Promise<number> {
    const at = offset.check('size', size);
    const change = { kind: 'truncate', at, source: undefined } as const;
    return this.#change(key, stream, change, CALLS.truncate.check(options));
  }

  #change(key: Key, stream: string, change: Change, given: ChangeOptions): Promise<number> {
    return this.#draft.gate.receiving(change.source, given.signal, (signal) => {
      return this.#draft.change(key, stream, change, { signal });
    });
  }

  /**
   * Resolves once little of what was put waits in memory. Between many large puts it keeps memory
   * bounded, and lets their contents be stored meanwhile. REGALIA_FULL, REGALIA_IO, REGALIA_VOLUME.
   */
  async drain(): Promise<void> {
    await this.#draft.gate.during(() => this.#draft.drain());
  }

  /**
   * Removes a stream, or the entry with everything below it. What is not there is no error.
   * REGALIA_KEY, REGALIA_STREAM.
   */
  del(key: Key, stream?: StreamName<Streams>): void {
    this.#draft.del(key, stream);
  }

  /**
   * Moves an entry with everything below it, in time that does not depend on its size. Replicas
   * learn of it, so that edits elsewhere follow it. REGALIA_MOVE where there is nothing, or the
   * target lies below; REGALIA_EXISTS.
   */
  move(from: Key, to: Key): void {
    this.#draft.move(from, to);
  }

  /**
   * Copies an entry with everything below it, in time that does not depend on its size. Errors as
   * `move`.
   */
  copy(from: Key, to: Key): void {
    this.#draft.copy(from, to);
  }

  /**
   * Makes the entry a bucket, with a log, branches and replicas of its own; what is there becomes
   * its contents. Its rules are those around it, if none are given. Returns its id. REGALIA_EXISTS
   * where it is one already.
   */
  createBucket(key: Key, rules?: RuleOptions): string {
    return this.#draft.createBucket(key, rules);
  }

  /**
   * Makes the commit a conflict if anything at or below the key was changed by others since it
   * began.
   */
  guard(key: Key): void {
    this.#draft.guard(key);
  }

  /**
   * Commits: what was changed is merged onto the head as one commit. Resolves when it is as durable
   * as asked. REGALIA_CONFLICT where others changed the same streams (or what was read, if
   * serializable) and no policy resolves it; the transaction has then ended. Nothing changed, no
   * commit.
   */
  async commit(options?: CommitOptions): Promise<CommitResult> {
    const given = CALLS.commit.check(options);
    return this.#draft.gate.during(() => this.#draft.commit(given));
  }

  /** Forgets everything. A transaction that was committed stays committed. */
  [Symbol.dispose](): void {
    this.#draft.dispose();
  }
}
