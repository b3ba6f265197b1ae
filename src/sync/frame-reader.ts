/**
 * Frames out of a source of bytes, however it is cut: each frame whole, its length checked before
 * it is believed, its checksum before it is read; and the blocks in a frame, unpacked within the
 * length that they declare. Memory is one frame and one buffer of the source.
 *
 * A fault in a frame is one of the pack, at the frame's place. What a second transfer may mend is
 * retryable; what the sender wrote wrong is not.
 */
import { brotliDecompressSync } from 'node:zlib';
import { concatBytes, EMPTY } from '../ground/bytes.js';
import { badPack, isRegaliaError, throwIfAborted } from '../ground/errors.js';
import { readU32 } from '../ground/integers.js';
import { FRAME_BYTES_MAX, FRAME_PLAIN_BYTES_MAX } from '../ground/limits.js';
import { ByteReader } from '../ground/reader.js';
import {
  BROTLI,
  FRAME_HEAD,
  FRAME_TAIL,
  FrameType,
  frameBody,
  PLAIN,
  PREAMBLE_LENGTH,
  readPreamble,
} from './pack-format.js';

/** What packs are read from: a ReadableStream is one, where the runtime iterates it. */
export type PackSource = AsyncIterable<Uint8Array> | Iterable<Uint8Array>;

export interface Frame {
  readonly type: FrameType;
  readonly body: Uint8Array;
  readonly whole: Uint8Array;
  /** Where it begins in the pack. */
  readonly at: number;
}

const KNOWN: ReadonlySet<number> = new Set(Object.values(FrameType));

export class FrameReader {
  readonly #source: AsyncIterator<Uint8Array> | Iterator<Uint8Array>;
  readonly #signal: AbortSignal | undefined;
  /** What came and was not read yet, and its bytes. */
  #buffers: Uint8Array[] = [];
  #unread = 0;
  /** Where the next unread byte lies in the pack. */
  offset: number;

  constructor(source: PackSource, offset: number, signal?: AbortSignal) {
    this.#source =
      Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]();
    this.#signal = signal;
    this.offset = offset;
  }

  /** The pack's beginning: magic, version, header and checksum. */
  async head(): Promise<Uint8Array> {
    const preamble = await this.#peek(PREAMBLE_LENGTH, 'header');
    const length = PREAMBLE_LENGTH + readPreamble(preamble) + FRAME_TAIL;
    const whole = await this.#peek(length, 'header');
    this.#pass(length);
    return whole;
  }

  /**
   * The next frame. REGALIA_PACK where it is cut short, too long, damaged or of an unknown type.
   */
  async frame(): Promise<Frame> {
    const at = this.offset;
    const head = await this.#peek(FRAME_HEAD, 'frame');
    const type = head[0];
    const bodyLength = readU32(head, 1);
    if (!KNOWN.has(type)) throw badPack('frame', at, 'a known type', `${type}`, AGAIN);
    if (bodyLength > FRAME_BYTES_MAX) {
      throw badPack('frame', at, `at most ${FRAME_BYTES_MAX} bytes`, `${bodyLength}`, AGAIN);
    }
    const whole = await this.#peek(FRAME_HEAD + bodyLength + FRAME_TAIL, 'frame');
    const body = frameBody(whole, at, AGAIN);
    this.#pass(whole.length);
    return { type: type as FrameType, body, whole, at };
  }

  /** Passes over bytes that were read in an earlier run. */
  async skip(count: number): Promise<void> {
    for (let left = count; left > 0; ) {
      if (this.#unread === 0) await this.#fill(1, 'frame');
      const step = Math.min(left, this.#unread);
      this.#pass(step);
      left -= step;
    }
  }

  async end(): Promise<void> {
    while (this.#unread === 0) if (!(await this.#pull())) return;
    throw badPack('end', this.offset, 'nothing after the trailer', 'more bytes');
  }

  async close(): Promise<void> {
    await this.#source.return?.(undefined);
  }

  /** The next `count` bytes, still unread, in one array. */
  async #peek(count: number, what: string): Promise<Uint8Array> {
    if (this.#unread < count) await this.#fill(count, what);
    const first = this.#buffers[0] ?? EMPTY;
    if (first.length >= count) return first.subarray(0, count);
    this.#buffers = [concatBytes(this.#buffers)];
    return this.#buffers[0].subarray(0, count);
  }

  async #fill(count: number, what: string): Promise<void> {
    while (this.#unread < count) {
      if (await this.#pull()) continue;
      throw badPack(what, this.offset, 'more bytes', 'the end', AGAIN);
    }
  }

  /** One more buffer of the source; false at its end. */
  async #pull(): Promise<boolean> {
    throwIfAborted(this.#signal, 'import');
    const { done, value } = await this.#next();
    throwIfAborted(this.#signal, 'import');
    if (done === true) return false;
    if (!(value instanceof Uint8Array)) {
      throw badPack('source', this.offset, 'bytes', typeof value);
    }
    if (value.length > 0) this.#buffers.push(value);
    this.#unread += value.length;
    return true;
  }

  async #next(): Promise<IteratorResult<Uint8Array>> {
    try {
      return await this.#source.next();
    } catch (cause) {
      if (isRegaliaError(cause, 'REGALIA_ABORTED')) throw cause;
      if (isRegaliaError(cause, 'REGALIA_OPTION')) {
        throw badPack('source', this.offset, 'bytes', cause.data.actual, { cause });
      }
      throw badPack('source', this.offset, 'more bytes', 'a failure', { ...AGAIN, cause });
    }
  }

  #pass(count: number): void {
    this.offset += count;
    this.#unread -= count;
    for (let left = count; left > 0; ) {
      const [first] = this.#buffers;
      if (first.length > left) this.#buffers[0] = first.subarray(left);
      else this.#buffers.shift();
      left -= first.length;
    }
  }
}

/** What a second transfer may mend. */
const AGAIN = { retryable: true } as const;

/** The plain bytes of a frame of blocks. REGALIA_FORMAT. */
export function unpackBlocks(body: Uint8Array): Uint8Array {
  const reader = new ByteReader(body, 'frame of blocks');
  const codec = reader.u8();
  const length = reader.varint();
  if (length > FRAME_PLAIN_BYTES_MAX) {
    reader.fail(`at most ${FRAME_PLAIN_BYTES_MAX} plain bytes`, `${length}`);
  }
  const packed = reader.bytes(reader.remaining);
  if (codec !== PLAIN && codec !== BROTLI) reader.fail('a known codec', `${codec}`);
  const plain = codec === PLAIN ? packed : decompress(reader, packed, length);
  if (plain.length !== length) reader.fail(`${length} plain bytes`, `${plain.length}`);
  return plain;
}

function decompress(reader: ByteReader, packed: Uint8Array, length: number): Uint8Array {
  try {
    return brotliDecompressSync(packed, { maxOutputLength: Math.max(1, length) });
  } catch {
    return reader.fail(`${length} bytes by brotli`, 'more, or other bytes');
  }
}

/** A fault in what lies at byte `at` of a pack, as one of the pack; any other error as it is. */
export function asPackFault(error: unknown, at: number): unknown {
  if (isRegaliaError(error, 'REGALIA_FORMAT')) {
    const { what, expected, actual } = error.data;
    return badPack(what, at, expected, actual, { cause: error });
  }
  if (isRegaliaError(error, 'REGALIA_KEY') || isRegaliaError(error, 'REGALIA_STREAM')) {
    return badPack('block', at, 'names within their limits', error.message, { cause: error });
  }
  return error;
}
