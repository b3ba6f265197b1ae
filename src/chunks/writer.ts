/**
 * Writes one content: bytes are cut into chunks and holes, chunks go to the sink, their addresses
 * to the manifest builder.
 *
 *     push, zeros -> cutter -> chunk -> sink      (address, id, length) -> manifest path
 *                           -> hole                            (length) ->
 *
 * Invariants: memory is bounded by two chunks, one manifest path and what the sink stages before it
 * is spilled; equal bytes give equal references, however they were pushed; a writer that failed or
 * finished gets no more bytes. What a failed writer has staged is garbage that nothing refers to.
 */
import { BodyWriter } from '../blocks/body.js';
import type { AlgorithmNumber } from '../ground/block-header.js';
import { concatBytes, copyBytes } from '../ground/bytes.js';
import { assert, throwIfAborted } from '../ground/errors.js';
import { HOLE_BYTES_MIN, MANIFEST_CHILDREN_MIN, MANIFEST_LEVEL_MAX } from '../ground/limits.js';
import { turn } from '../ground/pause.js';
import { writeChunk } from './chunk.js';
import { type ContentRef, checkLength } from './content.js';
import {
  ContentSink,
  type ContentStage,
  type ContentStore,
  type StagedBlocks,
  stagedBlocks,
} from './content-store.js';
import { type Chunking, Cutter, type Splitter, splitterOf } from './cutter.js';
import type { Part } from './manifest.js';
import { ManifestBuilder, type Unfinished } from './manifest-builder.js';
import { type Source, sourceBytes } from './source.js';

const TURN_BYTES = 1_048_576;

export interface WriteOptions {
  readonly signal?: AbortSignal | undefined;
}

/** Where blocks are put together. They are kept before anybody else has a turn. */
const body = new BodyWriter();

export interface Zeros {
  readonly zeros: number;
}

export class ContentWriter {
  readonly #store: ContentStore;
  readonly #stage: ContentStage;
  readonly #sink: ContentSink;
  readonly #algorithm: AlgorithmNumber;
  readonly #splitter: Splitter;
  readonly #builder: ManifestBuilder;
  readonly #cutter: Cutter;
  #length = 0;
  #open = true;
  #isLast: ((offset: number) => boolean) | undefined;
  /** What `#length` was when the event loop last took a turn. */
  #turned = 0;

  /**
   * Contents of one transaction share `staged`, so that it stores no block twice. `stream` is whose
   * content it is, where the store keeps streams by rules of their own.
   */
  constructor(
    store: ContentStore,
    stage: ContentStage,
    algorithm: AlgorithmNumber,
    chunking: Chunking | Splitter,
    staged: StagedBlocks = stagedBlocks(),
    stream?: string,
  ) {
    this.#store = store;
    this.#stage = stage;
    this.#sink = new ContentSink(store, stage, staged, stream);
    this.#algorithm = algorithm;
    this.#splitter = splitterOf(chunking);
    this.#builder = new ManifestBuilder(this.#sink, algorithm, body);
    this.#cutter = new Cutter(this.#splitter, {
      chunk: (bytes, start, end) => this.#keep(bytes, start, end),
      hole: (length) => this.#add({ address: undefined, length }),
    });
  }

  /** Adds bytes, and copies what it keeps. `reserve(extentsFor(bytes, chunking))` came first. */
  push(bytes: Uint8Array): void {
    this.#grow(bytes.length);
    this.#cutter.push(bytes);
  }

  /** Adds zeros, any number at once: from 65,536 on they take neither time nor room. */
  zeros(count: number): void {
    this.#grow(count);
    this.#cutter.zeros(count);
  }

  #grow(count: number): void {
    assert(this.#open, 'a finished content gets no more bytes');
    checkLength(this.#length + count);
    this.#length += count;
  }

  #keep(bytes: Uint8Array, start: number, end: number): boolean {
    writeChunk(body, this.#algorithm, bytes, start, end);
    const { address, id } = this.#sink.keep(body, body.length, this.#algorithm);
    return this.#add({ address, id, length: end - start });
  }

  #add(part: Part): boolean {
    this.#builder.add(part);
    return this.#isLast === undefined || !this.#isLast(this.#cutter.offset);
  }

  /** No more bytes come: what is pending becomes parts. */
  end(): void {
    this.#cutter.end();
  }

  /** Stages the rest and the manifests. At least one byte was pushed: an empty stream is inline. */
  finish(): ContentRef {
    assert(this.#open, 'a content is finished once');
    assert(this.#length > 0, 'an empty stream is inline, never a content');
    this.#open = false;
    this.end();
    return this.#builder.finish();
  }

  // What a rewrite needs: a beginning and an end in an old tree.

  /** Begins at a cut of another content, whose tree left of it is `path`. */
  resume(offset: number, path: readonly Unfinished[]): void {
    assert(this.#length === 0, 'a writer goes on before it has begun');
    this.#length = offset;
    this.#turned = offset;
    this.#cutter.offset = offset;
    this.#builder.resume(path);
  }

  /** Makes no more parts behind the first that ends where `isLast` says, or the one before. */
  stopWhere(isLast: (offset: number) => boolean): void {
    this.#isLast = isLast;
    if (this.#cutter.pending === 0 && isLast(this.offset)) this.#cutter.stopped = true;
  }

  /** Makes the parts that are sure by now, which pushing leaves until more is there. */
  cutSure(signal: AbortSignal | undefined): Promise<void> {
    return this.stage(() => this.#cutter.cutSure(), signal);
  }

  /** Whether it has made the last part. What is pushed from then on is passed over. */
  get stopped(): boolean {
    return this.#cutter.stopped;
  }

  get offset(): number {
    return this.#cutter.offset;
  }

  /** Adds a part or node of another tree; false where nodes of that level do not begin here. */
  reuse(part: Part, level: number): boolean {
    assert(this.stopped, 'what is reused comes behind what was cut');
    if (!this.#builder.isBetween(level)) return false;
    this.#builder.add(part, level);
    return true;
  }

  /** A content from bytes at hand. `reserve(extentsFor(bytes.length, chunking))` came first. */
  put(bytes: Uint8Array): ContentRef {
    assert(this.#length === 0, 'put writes a content of its own');
    this.#grow(bytes.length);
    this.#cutter.whole(bytes);
    return this.finish();
  }

  /**
   * A content from a source of any size; the bytes where it has at most `inlineMax`. Reserves and
   * spills as it goes; the source is closed on failure. Errors: what the source throws;
   * REGALIA_ABORTED, REGALIA_ENCODING, REGALIA_OPTION.
   */
  writeOrInline(
    source: Source,
    inlineMax: number,
    options: WriteOptions = {},
  ): Promise<ContentRef | Uint8Array> {
    return this.gather(sourceBytes(source, options.signal), inlineMax, options);
  }

  /** The same of parts that may be zeros by number. */
  async gather(
    parts: AsyncIterable<Uint8Array | Zeros>,
    inlineMax: number,
    { signal }: WriteOptions = {},
  ): Promise<ContentRef | Uint8Array> {
    assert(this.#open && this.#length === 0, 'write writes a content of its own');
    let head: Uint8Array[] = [];
    let length = 0;
    try {
      for await (const part of parts) {
        const bytes = part instanceof Uint8Array ? part : undefined;
        const count = part instanceof Uint8Array ? part.length : part.zeros;
        length += count;
        if (length <= inlineMax) {
          head.push(bytes === undefined ? new Uint8Array(count) : copyBytes(bytes));
          continue;
        }
        for (const early of head) await this.pushAll(early, signal);
        head = [];
        if (bytes === undefined) this.zeros(count);
        else await this.pushAll(bytes, signal);
      }
      throwIfAborted(signal, 'write');
      if (length <= inlineMax) return concatBytes(head);
      return await this.stage(() => this.finish(), signal);
    } finally {
      this.#open = false;
    }
  }

  /** Pushes bytes of any number, in steps that are staged without waiting. */
  async pushAll(bytes: Uint8Array, signal: AbortSignal | undefined): Promise<void> {
    const step = this.#splitter.bytesMax;
    for (let at = 0; at < bytes.length; at += step) {
      await this.stage(() => this.push(bytes.subarray(at, at + step)), signal);
    }
  }

  /**
   * Runs a step once there is room for what it may stage: the chunks of twice the longest one and
   * of zeros that were withheld, and what they end.
   */
  async stage<T>(step: () => T, signal: AbortSignal | undefined): Promise<T> {
    if (this.#stage.heavy) await this.#stage.spill();
    if (this.#length - this.#turned >= TURN_BYTES) {
      this.#turned = this.#length;
      await turn();
    }
    throwIfAborted(signal, 'write');
    const count = extentsFor(2 * this.#splitter.bytesMax + HOLE_BYTES_MIN, this.#splitter);
    return this.#store.stage(count, () => {
      throwIfAborted(signal, 'write');
      return step();
    });
  }
}

/**
 * An upper bound of the extents that a content of `length` bytes needs, of which each block may be
 * the first: what `reserve` is asked for.
 */
export function extentsFor(length: number, chunking: Chunking | Splitter): number {
  const { bytesMin } = splitterOf(chunking);
  // Beside holes, and where what came before ends, chunks may be shorter: two for each stretch
  // between holes.
  const stretches = 2 + Math.floor(length / HOLE_BYTES_MIN);
  const chunks = Math.ceil(length / bytesMin) + 2 * stretches;
  // Beside one path, manifests are at most one for 32 children on each level.
  return chunks + Math.ceil(chunks / (MANIFEST_CHILDREN_MIN - 1)) + MANIFEST_LEVEL_MAX;
}
