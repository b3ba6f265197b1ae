/**
 * Reads a content: a range by its manifests' path, then piece by piece.
 *
 * Invariants: no byte leaves here that was not hashed; what a reference, a manifest and a piece say of a length must
 * agree, and levels fall by one, so that no set of blocks can lead in circles; a range costs the blocks on its paths,
 * each once: O(log n + range). One path of manifests is kept, so that a sequential reader reads each block once.
 */
import { BlockKind } from '../blocks/address.js';
import type { Blocks } from '../blocks/blocks.js';
import { throwIfAborted } from '../errors.js';
import { checkRange, type ContentRef } from './content.js';
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
      const part = this.#viewAt(at, end).slice();
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
    const pull = async (controller: ReadableByteStreamController): Promise<void> => {
      await turn();
      throwIfAborted(signal, 'read');
      const request = controller.byobRequest;
      const view = request?.view ?? undefined;
      if (at === end) {
        controller.close();
        request?.respond(0);
      } else if (view !== undefined) {
        const part = this.#viewAt(at, Math.min(end, at + view.byteLength));
        new Uint8Array(view.buffer, view.byteOffset, view.byteLength).set(part);
        at += part.length;
        request?.respond(part.length);
      } else {
        const part = this.#viewAt(at, end).slice();
        at += part.length;
        controller.enqueue(part);
      }
    };
    return new ReadableStream({ type: 'bytes', pull }, { highWaterMark: 0 });
  }

  /** The bytes from `at` to the end of its piece or to `end`, as a view that the next read spoils. */
  #viewAt(at: number, end: number): Uint8Array {
    const { child, start } = this.#find(at);
    const piece = readPiece(this.#blocks, child);
    return piece.subarray(at - start, Math.min(end - start, piece.length));
  }

  /** The piece over the byte `at`. */
  #find(at: number): Step {
    let step: Step = { child: this.#ref, start: 0 };
    let above: Visited | undefined;
    for (let depth = 0; ; depth++) {
      if (above?.manifest.level === 1) return step;
      const visited = this.#visit(depth, step, above);
      if (visited === undefined) return step;
      const { manifest, start } = visited;
      const index = manifest.indexAt(at - start);
      step = { child: manifest.child(index), start: start + manifest.startOf(index) };
      above = visited;
    }
  }

  /** The manifest at that depth of the path; undefined where the content is one piece. */
  #visit(depth: number, step: Step, above: Visited | undefined): Visited | undefined {
    const kept = this.#path[depth];
    if (kept?.start === step.start) return kept;
    const manifest = above === undefined ? readTop(this.#blocks, this.#ref) : undefined;
    if (above === undefined && manifest === undefined) return undefined;
    const last =
      above === undefined ||
      (above.last && step.start + step.child.length === above.start + above.manifest.length);
    const visited = {
      start: step.start,
      manifest:
        manifest ?? readManifest(this.#blocks, step.child, (above as Visited).manifest.level - 1, last),
      last,
    };
    this.#path = [...this.#path.slice(0, depth), visited];
    return visited;
  }
}

/** The top manifest, or undefined where the content is one piece. */
export function readTop(blocks: BlockReads, ref: ContentRef): Manifest | undefined {
  const { bytes, start, end, plainLength } = blocks.read(ref.id, ref.address, 'content');
  if (bytes[start] === BlockKind.piece) return undefined;
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
  if (manifest.level !== level) throw malformed('manifest', 3, `level ${level}`, `${manifest.level}`);
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
