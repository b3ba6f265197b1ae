/**
 * Reads a content: a range by its manifests' path, then part by part.
 *
 * Invariants: no byte leaves here that was not hashed, or follows from what was: a hole's zeros; a range costs the
 * blocks on its paths, each once: O(log n + range), and a sequential reader reads each block once; of a hole, however
 * long, no more zeros are made than were asked for, and 64 KiB at a time where bytes are streamed.
 */
import { EMPTY } from '../bytes.js';
import { throwIfAborted } from '../errors.js';
import { type ContentRef, checkRange } from './content.js';
import { type BlockReads, Cursor, readPiece } from './cursor.js';
import { ZEROS } from './holes.js';
import { isHole } from './manifest.js';
import { turn } from './turn.js';

export interface ReadOptions {
  /** The first byte; 0 if not given. */
  readonly start?: number | undefined;
  /** Behind the last byte; the content's length if not given. */
  readonly end?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export class ContentReader {
  readonly #blocks: BlockReads;
  readonly #ref: ContentRef;
  readonly #cursor: Cursor;

  constructor(blocks: BlockReads, ref: ContentRef) {
    this.#blocks = blocks;
    this.#ref = ref;
    this.#cursor = new Cursor(blocks, ref);
  }

  get length(): number {
    return this.#ref.length;
  }

  /**
   * The bytes from `start` to `end`, as a private copy: the caller bounds how many. Errors: REGALIA_RANGE,
   * REGALIA_MISSING, REGALIA_CORRUPT; REGALIA_FORMAT and REGALIA_VERSION for blocks that contradict each other.
   */
  read(start = 0, end = this.length): Uint8Array {
    checkRange(start, end, this.length);
    const bytes = new Uint8Array(end - start);
    for (let at = start; at < end; ) {
      const part = this.#viewAt(at, end);
      bytes.set(part, at - start);
      at += part.length;
    }
    return bytes;
  }

  /**
   * The same piece by piece: each is a private copy, is read when it is asked for, and comes after a turn of the event
   * loop. Errors as `read`, and REGALIA_ABORTED.
   */
  pieces(start = 0, end = this.length, signal?: AbortSignal): AsyncGenerator<Uint8Array, void> {
    checkRange(start, end, this.length);
    return this.#piecesOf(start, end, signal);
  }

  async *#piecesOf(
    start: number,
    end: number,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<Uint8Array, void> {
    for (let at = start; at < end; ) {
      await turn();
      throwIfAborted(signal, 'read');
      // Not `slice`: the view may be a Buffer, whose slices alias it.
      const part = new Uint8Array(this.#viewAt(at, end));
      at += part.length;
      yield part;
    }
    throwIfAborted(signal, 'read');
  }

  /**
   * A stream of bytes that reads a piece when its consumer asks for one, into the consumer's own bytes where it brings
   * some. REGALIA_RANGE at once, other errors through the stream.
   */
  readable(options: ReadOptions = {}): ReadableStream<Uint8Array> {
    const { start = 0, end = this.length, signal } = options;
    checkRange(start, end, this.length);
    let at = start;
    let piece = EMPTY;
    const pull = async (controller: ReadableByteStreamController): Promise<void> => {
      await turn();
      throwIfAborted(signal, 'read');
      const request = controller.byobRequest;
      if (piece.length === 0 && at < end) piece = new Uint8Array(this.#viewAt(at, end));
      const view = request?.view ?? undefined;
      const count = Math.min(piece.length, view?.byteLength ?? piece.length);
      const part = piece.subarray(0, count);
      piece = view === undefined ? EMPTY : piece.subarray(count);
      at += count;
      if (count === 0) controller.close();
      else if (view === undefined) controller.enqueue(part);
      else new Uint8Array(view.buffer, view.byteOffset, count).set(part);
      // A request is answered also at the end, after closing.
      request?.respond(count);
    };
    return new ReadableStream({ type: 'bytes', pull }, { highWaterMark: 0 });
  }

  /** The bytes from `at` to the end of its part or to `end`, as a view that the next read spoils. */
  #viewAt(at: number, end: number): Uint8Array {
    let single: Uint8Array | undefined;
    this.#cursor.top((piece) => {
      single = piece;
    });
    if (single !== undefined) return single.subarray(at, end);
    const { part, start } = this.#cursor.partAt(at);
    const from = at - start;
    const until = Math.min(end - start, part.length);
    if (isHole(part)) return ZEROS.subarray(0, until - from);
    return readPiece(this.#blocks, part).subarray(from, until);
  }
}
