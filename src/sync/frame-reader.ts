/**
 * Frames out of a source of bytes, however it is cut into parts: each frame whole, its length
 * checked before it is believed, its checksum before it is read. Memory is one frame and one part
 * of the source.
 */

import { concatBytes, EMPTY } from '../ground/bytes.js';
import { isRegaliaError, throwIfAborted } from '../ground/errors.js';
import { readU32 } from '../ground/integers.js';
import { FRAME_BYTES_MAX } from '../ground/limits.js';
import { crc32 } from '../kernels/hash.js';
import {
  FRAME_HEAD,
  FRAME_TAIL,
  FrameType,
  PREAMBLE_LENGTH,
  packError,
  readPreamble,
} from './pack-format.js';

/** What packs are read from: a ReadableStream is one, where the runtime iterates it. */
export type PackSource = AsyncIterable<Uint8Array> | Iterable<Uint8Array>;

export interface Frame {
  readonly type: FrameType;
  readonly body: Uint8Array;
  /** The frame with its head and tail. */
  readonly whole: Uint8Array;
  /** Where it begins in the pack. */
  readonly at: number;
}

/** Types of frames by number. */
const KNOWN: ReadonlySet<number> = new Set(Object.values(FrameType));

export class FrameReader {
  readonly #source: AsyncIterator<Uint8Array> | Iterator<Uint8Array>;
  readonly #signal: AbortSignal | undefined;
  #parts: Uint8Array[] = [];
  #held = 0;
  /** Where the next unread byte lies in the pack. */
  offset: number;

  constructor(source: PackSource, offset: number, signal?: AbortSignal) {
    const async = (source as AsyncIterable<Uint8Array>)[Symbol.asyncIterator];
    this.#source =
      async === undefined
        ? (source as Iterable<Uint8Array>)[Symbol.iterator]()
        : async.call(source);
    this.#signal = signal;
    this.offset = offset;
  }

  /** The pack's beginning: magic, version, header and checksum. */
  async head(): Promise<Uint8Array> {
    const preamble = await this.#peek(PREAMBLE_LENGTH, 'header');
    const length = PREAMBLE_LENGTH + readPreamble(preamble) + FRAME_TAIL;
    const whole = await this.#peek(length, 'header');
    this.#take(length);
    return whole;
  }

  /**
   * The next frame. REGALIA_PACK where it is cut short, too long, damaged or of an unknown type.
   */
  async frame(): Promise<Frame> {
    const at = this.offset;
    const head = await this.#peek(FRAME_HEAD, 'frame');
    const type = head[0] as number;
    const bodyLength = readU32(head, 1);
    if (!KNOWN.has(type)) throw packError('frame', at, 'a known type', `${type}`, AGAIN);
    if (bodyLength > FRAME_BYTES_MAX) {
      throw packError('frame', at, `at most ${FRAME_BYTES_MAX} bytes`, `${bodyLength}`, AGAIN);
    }
    const length = FRAME_HEAD + bodyLength + FRAME_TAIL;
    const whole = await this.#peek(length, 'frame');
    const end = length - FRAME_TAIL;
    if (crc32(whole.subarray(0, end)) !== readU32(whole, end)) {
      throw packError('frame', at, 'the checksum of its bytes', 'another', AGAIN);
    }
    this.#take(length);
    return { type: type as FrameType, body: whole.subarray(FRAME_HEAD, end), whole, at };
  }

  /** Passes over bytes that were read in an earlier run. */
  async skip(count: number): Promise<void> {
    for (let left = count; left > 0; ) {
      if (this.#held === 0) await this.#pull(1, 'frame');
      const step = Math.min(left, this.#held);
      this.#take(step);
      left -= step;
    }
  }

  /** REGALIA_PACK unless the source ends here. */
  async end(): Promise<void> {
    while (this.#held === 0) {
      const next = await this.#next();
      if (next === undefined) return;
      this.#parts.push(next);
      this.#held += next.length;
    }
    throw packError('end', this.offset, 'nothing behind the trailer', 'more bytes');
  }

  /** Lets the source go. */
  async close(): Promise<void> {
    await this.#source.return?.(undefined);
  }

  /** The next `count` bytes, still unread, in one array. */
  async #peek(count: number, what: string): Promise<Uint8Array> {
    if (this.#held < count) await this.#pull(count, what);
    const first = this.#parts[0] ?? EMPTY;
    if (first.length >= count) return first.subarray(0, count);
    this.#parts = [concatBytes(this.#parts)];
    return (this.#parts[0] as Uint8Array).subarray(0, count);
  }

  async #pull(count: number, what: string): Promise<void> {
    while (this.#held < count) {
      const next = await this.#next();
      if (next === undefined) throw packError(what, this.offset, 'more bytes', 'the end', AGAIN);
      if (next.length === 0) continue;
      this.#parts.push(next);
      this.#held += next.length;
    }
  }

  async #next(): Promise<Uint8Array | undefined> {
    throwIfAborted(this.#signal, 'import');
    let step: IteratorResult<Uint8Array>;
    try {
      step = await this.#source.next();
    } catch (cause) {
      if (isRegaliaError(cause, 'REGALIA_ABORTED')) throw cause;
      throw packError('source', this.offset, 'more bytes', 'a failure', { ...AGAIN, cause });
    }
    throwIfAborted(this.#signal, 'import');
    if (step.done === true) return undefined;
    if (step.value instanceof Uint8Array) return step.value;
    throw packError('source', this.offset, 'bytes', typeof step.value);
  }

  #take(count: number): void {
    this.offset += count;
    this.#held -= count;
    let left = count;
    while (left > 0) {
      const first = this.#parts[0] as Uint8Array;
      if (first.length > left) {
        this.#parts[0] = first.subarray(left);
        return;
      }
      left -= first.length;
      this.#parts.shift();
    }
  }
}

/** What a second transfer may mend. */
const AGAIN = { retryable: true } as const;
