/**
 * The handle of a stream, with a Blob's habits: its size is known, its bytes come when asked for.
 *
 * Streams in metadata are at hand: `inline` is a private copy that outlives snapshot and store.
 * Larger ones are contents, read chunk by chunk, each verified. A handle stays valid as long as its
 * store is open; one of a transaction that was dropped, as far as the store has its bytes. Only
 * `openStream` makes one.
 */

import { addressText } from '../blocks/address.js';
import type { ContentStore } from '../chunks/content-store.js';
import { ContentReader } from '../chunks/reader.js';
import type { AlgorithmNumber } from '../ground/block-header.js';
import { equalBytes } from '../ground/bytes.js';
import { badEncoding, badRange, type RegaliaError, throwIfAborted } from '../ground/errors.js';
import { WHOLE_BYTES_MAX } from '../ground/limits.js';
import { Kind, Options, offset, signal } from '../ground/options.js';
import { turn, turnDue } from '../ground/pause.js';
import { utf8Text } from '../ground/text.js';
import { streamAddress } from '../tree/equal.js';
import type { Key } from '../tree/key.js';
import type { NodeCache } from '../tree/node-cache.js';
import { readInline } from '../tree/placement.js';
import {
  type InlinePart,
  METADATA,
  type MetadataPart,
  REFERENCED,
  type ReferencedPart,
  type StreamPart,
} from '../tree/record.js';
import type { CborData } from './cbor.js';
import { decodeContents } from './encoding.js';
import type { Encoding } from './rule.js';

/** What a stream can be decoded to: bytes, a string or CBOR data, by its rule's encoding. */
export type StreamData = Uint8Array | CborData;

/** Which bytes of a stream to read; default all. */
export interface ByteRange {
  /** The first byte, from 0. */
  readonly start?: number | undefined;
  /** The byte behind the last. */
  readonly end?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** How a stream is read as a whole. */
export type ReadOptions = Pick<ByteRange, 'signal'>;

const RANGE = { start: offset, end: offset, signal };
const BYTES = new Options<ByteRange>('bytes', RANGE);
const READABLE = new Options<ByteRange>('readable', RANGE);
const TEXT = new Options<ReadOptions>('text', { signal });
const EQUALS = new Options<ReadOptions>('equals', { signal });

/** What a stream needs of the view that it was read through. */
export interface StreamHome {
  readonly cache: NodeCache;
  readonly contents: ContentStore;
  /** Throws once the store is closed. */
  checkOpen(): void;
  /** Throws where the part was never published, and never will be. */
  checkKept(part: StreamPart): void;
  /** Runs a read that the store is not closed before. */
  during<T>(read: () => Promise<T>): Promise<T>;
  /** The encoding of a stream of the bucket around a key. */
  encodingOf(key: Key, stream: string): Encoding;
}

/** So few bytes are read at once: a hop would cost more than they do. */
const AT_ONCE_MAX = 65_536;

/** A stream that was found. */
interface FoundStream {
  readonly home: StreamHome;
  readonly part: StreamPart;
  /** That of the bucket around it. */
  readonly algorithm: AlgorithmNumber;
  readonly key: Key;
  readonly name: string;
}

// biome-ignore lint/suspicious/noExplicitAny: what it is decoded to is the caller's to say.
export let openStream: (found: FoundStream) => Stream<any>;

/**
 * A stream of an entry, as it was when it was read. `Data` is what it is decoded to.
 *
 * ```ts
 * const content = store.snapshot().get('/photos/cat.jpg', 'content');
 * const head = await content?.bytes({ start: 0, end: 512 });
 * ```
 */
export class Stream<Data = StreamData> {
  readonly #found: FoundStream;
  /** Made at the first read, and kept: it knows the way to what was read last. */
  #contents: ContentReader | undefined;

  private constructor(found: FoundStream) {
    this.#found = found;
  }

  static {
    openStream = (found) => new Stream(found);
  }

  /** Logical bytes. */
  get size(): number {
    return this.#found.part.length;
  }

  /** A private copy of the bytes, where they lie in metadata; undefined for contents. */
  get inline(): Uint8Array | undefined {
    return this.#found.part.form === REFERENCED ? undefined : this.#atHand(this.#found.part);
  }

  /** A private copy of bytes that lie in metadata. */
  #atHand(part: InlinePart | MetadataPart): Uint8Array {
    if (part.form === METADATA) this.#check();
    return readInline(this.#found.home.cache, part);
  }

  /**
   * What names these bytes, as `sha256:` or `blake3:` and 64 hexadecimal digits: equal bytes under
   * equal rules have the same. It serves as an ETag, or as a cache's key.
   *
   * ```ts
   * response.setHeader('ETag', `"${stream.address}"`);
   * ```
   */
  get address(): string {
    return addressText(streamAddress(this.#found.algorithm, this.#found.part));
  }

  /** All bytes, or a range. REGALIA_RANGE outside the stream, REGALIA_ABORTED. */
  async bytes(range?: ByteRange): Promise<Uint8Array> {
    return this.#bytes(BYTES.check(range));
  }

  async #bytes(range: ByteRange): Promise<Uint8Array> {
    throwIfAborted(range.signal, 'read');
    const { start, end } = this.#range(range);
    const part = this.#found.part;
    if (part.form !== REFERENCED) return this.#atHand(part).slice(start, end);
    return this.#during(() => this.#read(part, start, end, range.signal));
  }

  async #read(
    part: ReferencedPart,
    start: number,
    end: number,
    signal: AbortSignal | undefined,
  ): Promise<Uint8Array> {
    if (end - start <= AT_ONCE_MAX) {
      if (turnDue()) {
        await turn();
        throwIfAborted(signal, 'read');
      }
      return this.#reader(part).read(start, end);
    }
    if (end - start > WHOLE_BYTES_MAX) throw tooLong(start, end);
    const bytes = new Uint8Array(end - start);
    let at = 0;
    for await (const chunk of this.#reader(part).chunks(start, end, signal)) {
      bytes.set(chunk, at);
      at += chunk.length;
    }
    return bytes;
  }

  /** The whole as text. REGALIA_ENCODING where it is not UTF-8. */
  async text(options?: ReadOptions): Promise<string> {
    const text = utf8Text(await this.#bytes(TEXT.check(options)));
    if (text !== undefined) return text;
    throw badEncoding(this.#found.name, 'valid UTF-8', 'other bytes');
  }

  /** The bytes as a stream: bounded memory, backpressure, cancellable. */
  readable(range?: ByteRange): ReadableStream<Uint8Array> {
    const { signal, ...rest } = READABLE.check(range);
    const { start, end } = this.#range(rest);
    const part = this.#found.part;
    if (part.form === REFERENCED) {
      return this.#reader(part).readable({ start, end, signal }, (step) => this.#during(step));
    }
    throwIfAborted(signal, 'read');
    const bytes = this.#atHand(part).slice(start, end);
    return new Blob([bytes]).stream() as ReadableStream<Uint8Array>;
  }

  /**
   * What was put, by the stream's encoding: bytes, a string, or CBOR data. Streams in metadata only
   * need no await.
   */
  decoded(): Data {
    this.#check();
    const encoding = this.#found.home.encodingOf(this.#found.key, this.#found.name);
    const part = this.#found.part;
    if (part.length > WHOLE_BYTES_MAX) throw tooLong(0, part.length);
    const bytes = part.form === REFERENCED ? this.#reader(part).read() : this.#atHand(part);
    return decodeContents(encoding, this.#found.name, bytes) as Data;
  }

  /**
   * Whether another stream has the same bytes, under whatever rule and in whatever store. Lengths
   * and addresses are compared first; contents are read only where they can't tell, and of these
   * only the chunks that differ. Errors as `bytes`.
   */
  async equals(other: Stream<unknown>, options?: ReadOptions): Promise<boolean> {
    STREAM.check('other', other);
    const given = EQUALS.check(options);
    throwIfAborted(given.signal, 'a comparison');
    this.#check();
    other.#check();
    if (this.size !== other.size) return false;
    return this.#during(() => other.#during(() => this.#equals(other, given)));
  }

  async #equals(other: Stream<unknown>, { signal }: ReadOptions): Promise<boolean> {
    const [a, b] = [this.#found.part, other.#found.part];
    if (a.form === REFERENCED && b.form === REFERENCED) {
      return this.#reader(a).equals(other.#reader(b), signal);
    }
    return equalBytes(await this.#whole(signal), await other.#whole(signal));
  }

  async #whole(signal: AbortSignal | undefined): Promise<Uint8Array> {
    const { part } = this.#found;
    return part.form === REFERENCED ? this.#read(part, 0, part.length, signal) : this.#atHand(part);
  }

  /** Runs a read, or a step of one; what it lacks may have gone meanwhile. */
  #during<T>(read: () => Promise<T>): Promise<T> {
    const { home, part } = this.#found;
    return home.during(async () => {
      home.checkKept(part);
      try {
        return await read();
      } catch (error) {
        home.checkKept(part);
        throw error;
      }
    });
  }

  #check(): void {
    this.#found.home.checkOpen();
    this.#found.home.checkKept(this.#found.part);
  }

  #range(range: ByteRange): { start: number; end: number } {
    this.#check();
    const { start = 0, end = this.size } = range;
    if (start <= end && end <= this.size) return { start, end };
    throw rangeError(`0 <= start <= end <= ${this.size}`, start, end);
  }

  #reader(content: ReferencedPart): ContentReader {
    this.#contents ??= new ContentReader(this.#found.home.contents, content);
    return this.#contents;
  }
}

const STREAM = new Kind<Stream>('a Stream', (datum) => datum instanceof Stream);

function tooLong(start: number, end: number): RegaliaError {
  return rangeError(`at most ${WHOLE_BYTES_MAX} bytes at once`, start, end);
}

function rangeError(expected: string, start: number, end: number): RegaliaError {
  return badRange('the range', expected, `${start} to ${end}`);
}
