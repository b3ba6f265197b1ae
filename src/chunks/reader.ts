/**
 * Reads a content: a range by its manifests' path, then piece by piece.
 *
 * Invariants: no byte leaves here that was not hashed; what a reference, a manifest and a piece say of a length must
 * agree, and levels fall by one, so that no set of blocks can lead in circles; a range costs the blocks on its paths,
 * each once: O(log n + range). One path of manifests is kept, so that a sequential reader reads each block once.
 */
import { BlockKind } from '../blocks/address.js';
import type { Blocks } from '../blocks/blocks.js';
import { EMPTY } from '../bytes.js';
import { throwIfAborted } from '../errors.js';
import { type ContentRef, checkRange } from './content.js';
import { type Child, Manifest } from './manifest.js';
import { malformed, pieceBytes } from './piece.js';
import { turn } from './turn.js';

/** What a reader needs of the block store. */
export type BlockReads = Pick<Blocks, 'read'>;

export interface ReadOptions {
  /** The first byte; 0 if not given. */
  readonly start?: number | undefined;
  /** Behind the last byte; the content's length if not given. */
  readonly end?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A block on the way down, and where it begins within the content. */
interface Step {
  readonly child: Child;
  readonly start: number;
  /** Whether it is the last node of its level. */
  readonly last: boolean;
}

/** A manifest on the kept path. */
interface Visited {
  readonly start: number;
  readonly manifest: Manifest;
  /** Whether it is the last node of its level. */
  readonly last: boolean;
}

export class ContentReader {
  readonly #blocks: BlockReads;
  readonly #ref: ContentRef;
  /** Manifests from the top down to level 1, the last ones visited. Empty until the first read. */
  #path: Visited[] = [];

  constructor(blocks: BlockReads, ref: ContentRef) {
    this.#blocks = blocks;
    this.#ref = ref;
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

  /** The bytes from `at` to the end of its piece or to `end`, as a view that the next read spoils. */
  #viewAt(at: number, end: number): Uint8Array {
    let above = this.#path[0];
    if (above === undefined) {
      const top = readTop(this.#blocks, this.#ref);
      if (top instanceof Uint8Array) return top.subarray(at, end);
      above = { start: 0, manifest: top, last: true };
      this.#path = [above];
    }
    let step = stepTo(above, at);
    for (let depth = 1; above.manifest.level > 1; depth++) {
      above = this.#visit(depth, step, above);
      step = stepTo(above, at);
    }
    const piece = readPiece(this.#blocks, step.child);
    return piece.subarray(at - step.start, Math.min(end - step.start, piece.length));
  }

  /** The manifest at that depth of the path: nodes of one level begin at different bytes. */
  #visit(depth: number, step: Step, above: Visited): Visited {
    const kept = this.#path[depth];
    if (kept?.start === step.start) return kept;
    const { child, start, last } = step;
    const manifest = readManifest(this.#blocks, child, above.manifest.level - 1, last);
    const visited = { start, manifest, last };
    this.#path = [...this.#path.slice(0, depth), visited];
    return visited;
  }
}

/** The way down from a manifest to the byte `at`. */
function stepTo({ start, manifest, last }: Visited, at: number): Step {
  const index = manifest.indexAt(at - start);
  return {
    child: manifest.child(index),
    start: start + manifest.startOf(index),
    last: last && index + 1 === manifest.count,
  };
}

/** The top manifest; where the content is one piece, its bytes, as a view that the next read spoils. */
export function readTop(blocks: BlockReads, ref: ContentRef): Manifest | Uint8Array {
  const { bytes, start, end, plainLength } = blocks.read(ref.id, ref.address, 'content');
  if (bytes[start] === BlockKind.piece) {
    const piece = pieceBytes(bytes.subarray(start, start + plainLength));
    checkLength('piece', ref.length, piece.length);
    return piece;
  }
  const manifest = new Manifest(bytes.subarray(start, end), plainLength);
  checkLength('top manifest', ref.length, manifest.length);
  if (manifest.count < 2) throw malformed('top manifest', 4, 'two or more children', '1');
  return manifest;
}

/** The manifest that another lists. `last`: whether it is the last node of its level. */
export function readManifest(
  blocks: BlockReads,
  child: Child,
  level: number,
  last: boolean,
): Manifest {
  const { bytes, start, end, plainLength } = blocks.read(child.id, child.address, 'manifest');
  const manifest = new Manifest(bytes.subarray(start, end), plainLength);
  if (manifest.level !== level)
    throw malformed('manifest', 3, `level ${level}`, `${manifest.level}`);
  checkLength('manifest', child.length, manifest.length);
  if (!last && !manifest.ended) throw malformed('manifest', 4, 'a child that ends it', 'none');
  return manifest;
}

/** A piece's content bytes, as a view that the next read spoils. */
export function readPiece(blocks: BlockReads, child: Child): Uint8Array {
  const { bytes, start, plainLength } = blocks.read(child.id, child.address, 'piece');
  const piece = pieceBytes(bytes.subarray(start, start + plainLength));
  checkLength('piece', child.length, piece.length);
  return piece;
}

function checkLength(what: string, expected: number, actual: number): void {
  if (expected !== actual) throw malformed(what, 3, `${expected} content bytes`, `${actual}`);
}
