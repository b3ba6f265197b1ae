/**
 * Reads a content: a range by its manifests' path, then part by part.
 *
 * Invariants: no byte leaves here that was not hashed, or follows from what was: a hole's zeros; a
 * range costs the blocks on its paths, each once: O(log n + range), and a sequential reader reads
 * each block once; of a hole, however long, no more zeros are made than were asked for, and 64 KiB
 * at a time where bytes are streamed.
 */
import { sameAddress } from '../blocks/address.js';
import { copyBytes, EMPTY, equalBytes } from '../ground/bytes.js';
import { throwIfAborted } from '../ground/errors.js';
import { Pace, turn } from '../ground/pause.js';
import { checkNoHole, ZEROS } from './chunk.js';
import { type ContentRef, checkRange } from './content.js';
import type { ContentBlocks, ContentStore } from './content-store.js';
import { Cursor, checkedChunk, readChunk } from './cursor.js';
import { type Child, isHole, type Part } from './manifest.js';
import { type Ahead, readAhead } from './read-ahead.js';

interface ReadOptions {
  /** The first byte; default 0. */
  readonly start?: number | undefined;
  /** Behind the last byte; default the content's length. */
  readonly end?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Runs a step of reading. */
type Run = <T>(step: () => Promise<T>) => Promise<T>;

/** Longer ranges are gathered, past the cache of chunks. */
const SHORT_MAX = 1_048_576;

export class ContentReader {
  readonly #blocks: ContentBlocks;
  readonly #ref: ContentRef;
  readonly #cursor: Cursor;
  /** The bytes of a content that is one chunk, from the look at its top to their first use. */
  #single = EMPTY;

  constructor(store: ContentStore, ref: ContentRef) {
    this.#blocks = store.blocks;
    this.#ref = ref;
    this.#cursor = new Cursor(store, ref);
  }

  get length(): number {
    return this.#ref.length;
  }

  /**
   * A private copy of the bytes from `start` to `end`: the caller bounds how many. REGALIA_RANGE,
   * REGALIA_MISSING, REGALIA_CORRUPT; REGALIA_FORMAT, REGALIA_VERSION for blocks that disagree.
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
   * The same chunk by chunk: each is a private copy, and comes after a turn of the event loop; what
   * follows is fetched meanwhile, some MiB ahead. Errors as `read`, and REGALIA_ABORTED.
   */
  chunks(start = 0, end = this.length, signal?: AbortSignal): AsyncGenerator<Uint8Array, void> {
    checkRange(start, end, this.length);
    return this.#chunksOf(start, end, signal);
  }

  async *#chunksOf(
    start: number,
    end: number,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<Uint8Array, void> {
    const long = end - start > SHORT_MAX;
    const fetch = async (parts: readonly Asked[]): Promise<Uint8Array[]> => {
      return (long ? await gatherParts(this.#blocks, parts) : undefined) ?? this.#fetch(parts);
    };
    const ahead = readAhead(this.#parts(start, end), fetch);
    for await (const part of ahead) {
      await turn();
      throwIfAborted(signal, 'read');
      yield part;
    }
    throwIfAborted(signal, 'read');
  }

  *#parts(start: number, end: number): Generator<Ahead<Asked>, void> {
    for (let at = start; at < end; ) {
      const step = this.#askedAt(at, end);
      const bytes = step.until - step.from;
      yield { step, bytes };
      at += bytes;
    }
  }

  /** Of each part what was asked for, as a private copy. */
  async #fetch(parts: readonly Asked[]): Promise<Uint8Array[]> {
    const single = this.#useSingle();
    if (single.length > 0) return parts.map(({ from, until }) => single.slice(from, until));
    const chunks = chunksOf(parts);
    const blocks = await this.#blocks.fetch(chunks, 'chunk');
    return askedOf(
      parts,
      blocks.map((block, i) => checkedChunk(block, chunks[i] as Child)),
    );
  }

  /**
   * A stream of bytes that is read as its consumer asks, and some way ahead; into the consumer's
   * own bytes where it brings some. REGALIA_RANGE at once, other errors through the stream. Each
   * step is run by `run`.
   */
  readable(options: ReadOptions = {}, run: Run = (step) => step()): ReadableStream<Uint8Array> {
    const { start = 0, end = this.length, signal } = options;
    const chunks = this.chunks(start, end, signal);
    let chunk = EMPTY;
    const pull = async (controller: ReadableByteStreamController): Promise<void> => {
      const request = controller.byobRequest;
      if (chunk.length === 0) {
        const next = await run(() => chunks.next());
        chunk = next.done === true ? EMPTY : next.value;
      }
      const view = request?.view ?? undefined;
      const count = Math.min(chunk.length, view?.byteLength ?? chunk.length);
      const part = chunk.subarray(0, count);
      chunk = view === undefined ? EMPTY : chunk.subarray(count);
      if (count === 0) controller.close();
      else if (view === undefined) controller.enqueue(part);
      else new Uint8Array(view.buffer, view.byteOffset, count).set(part);
      // A request is answered also at the end, after closing.
      request?.respond(count);
    };
    const cancel = async (): Promise<void> => {
      await chunks.return();
    };
    return new ReadableStream({ type: 'bytes', pull, cancel }, { highWaterMark: 0 });
  }

  /**
   * Whether another content has the same bytes. What both name by one address at one place is not
   * read; the rest is read part by part, up to the first difference. Errors as `chunks`.
   */
  async equals(other: ContentReader, signal?: AbortSignal): Promise<boolean> {
    if (this.length !== other.length) return false;
    if (sameAddress(this.#ref.address, other.#ref.address)) return true;
    const pace = new Pace('a comparison', { signal });
    for (let at = 0; at < this.length; ) {
      const [a, b] = [this.#cursor.partAt(at), other.#cursor.partAt(at)];
      const end = Math.min(a.start + a.part.length, b.start + b.part.length);
      const same = a.start === b.start && sameBlock(a.part, b.part);
      const zeros = isHole(a.part) && isHole(b.part);
      if (!same && !zeros && !equalBytes(this.read(at, end), other.read(at, end))) return false;
      at = end;
      if (pace.due()) await pace.rest();
    }
    return true;
  }

  /** The bytes from `at` on of its part, up to `end`, as a view that the next read spoils. */
  #viewAt(at: number, end: number): Uint8Array {
    const { part, from, until } = this.#askedAt(at, end);
    const single = this.#useSingle();
    if (single.length > 0) return single.subarray(from, until);
    if (isHole(part)) return ZEROS.subarray(0, until - from);
    return readChunk(this.#blocks, part).subarray(from, until);
  }

  /** What of the part over the byte `at` is asked for; of a hole at most 64 KiB. */
  #askedAt(at: number, end: number): Asked {
    this.#cursor.top((chunk) => {
      this.#single = copyBytes(chunk);
    });
    const { part, start } = this.#cursor.partAt(at);
    const from = at - start;
    const most = isHole(part) ? from + ZEROS.length : part.length;
    return { part, from, until: Math.min(end - start, part.length, most) };
  }

  /** Gives up the bytes of a content that is one chunk: who keeps a reader shall not keep them. */
  #useSingle(): Uint8Array {
    const single = this.#single;
    this.#single = EMPTY;
    return single;
  }
}

// Long reads: chunks that follow each other come in large buffers, as the store gathers them.
//
//     parts      [ chunk ][ chunk ][   hole   ][ chunk ]
//     gathered   [ a ......... a ]             [ a ... ]      cut to what is asked for
//
// No two results share a buffer, since the caller may give each one's buffer away.

/** A part of a content, and which of its bytes are asked for. */
interface Asked {
  readonly part: Part;
  readonly from: number;
  readonly until: number;
}

/**
 * The bytes of parts that follow each other, all but the first and the last whole; undefined where
 * they cannot be gathered. REGALIA_FORMAT for a chunk that contains a hole.
 */
async function gatherParts(
  blocks: ContentBlocks,
  parts: readonly Asked[],
): Promise<Uint8Array[] | undefined> {
  const chunks = chunksOf(parts);
  if (chunks.length === 0) return undefined;
  const gathered = await blocks.gather(chunks);
  if (gathered === undefined) return undefined;
  const views = chunksIn(gathered, chunks);
  return chunks.length === parts.length ? trimmed(parts, gathered) : askedOf(parts, views);
}

function chunksOf(parts: readonly Asked[]): Child[] {
  return parts.flatMap(({ part }) => (isHole(part) ? [] : [part]));
}

/** Views of the chunks in buffers of whole chunks. */
function chunksIn(gathered: readonly Uint8Array[], chunks: readonly Child[]): Uint8Array[] {
  let index = 0;
  let at = 0;
  return chunks.map(({ length }) => {
    if (at === gathered[index]?.length) {
      index++;
      at = 0;
    }
    const chunk = (gathered[index] as Uint8Array).subarray(at, (at += length));
    checkNoHole(chunk, 0, length);
    return chunk;
  });
}

/** Without holes: the buffers as they are, but for the bytes at both ends that nobody asked for. */
function trimmed(parts: readonly Asked[], gathered: readonly Uint8Array[]): Uint8Array[] {
  const [first, last] = [parts[0] as Asked, parts[parts.length - 1] as Asked];
  return gathered.map((bytes, i) => {
    const start = i === 0 ? first.from : 0;
    const cut = i === gathered.length - 1 ? last.part.length - last.until : 0;
    return bytes.subarray(start, bytes.length - cut);
  });
}

/** Of each part what was asked for, as a private copy; `chunks` are those that are no holes. */
function askedOf(parts: readonly Asked[], chunks: readonly Uint8Array[]): Uint8Array[] {
  let next = 0;
  return parts.map(({ part, from, until }) => {
    if (isHole(part)) return new Uint8Array(until - from);
    // Not `slice`: the view may be a Buffer, whose slices alias it.
    return new Uint8Array((chunks[next++] as Uint8Array).subarray(from, until));
  });
}

function sameBlock(a: Part, b: Part): boolean {
  return !isHole(a) && !isHole(b) && sameAddress(a.address, b.address);
}
