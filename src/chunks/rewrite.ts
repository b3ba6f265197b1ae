/**
 * Rewrites a part of a content at the cost of that part: O(log n + range), and with the very
 * address that writing the whole anew would give.
 *
 *     old      |a      |b   |c      |d    |e       |f       cuts: where parts begin
 *     edit                  c  ■■■■■■■■                      new bytes, from `at` on
 *     begin    |a      |b   |                                the last cut that the edit can't move:
 *                                                            left of it the tree is the old one
 *     cut anew              |c'   |x    |y   |               parts of the new bytes and their sides
 *     resync                                 |e       |f     the first cut behind them that is an
 *                                                            old one: the old tree is reused
 *
 * Where to begin. A cut depends on what comes before it (see cutter.ts), and on whether the zeros
 * behind it are a hole. So an old cut before `at` stays if a byte between the two is no zero, which
 * ends the run of zeros at the cut, or if 65,536 zeros lie between, which remain a hole. Otherwise
 * the cut before it is asked.
 *
 * Where to stop. Let p, at or behind the end of the new bytes, be a cut of the new parts and of the
 * old ones. From p on both have the same bytes. If the first of them is no zero, a chunk begins at
 * p in both, and all that follows depends on those bytes and their places alone. If it is a zero,
 * its run ends at the same place b in both. Where the run begins before p it has a cut within, so
 * it is no hole, and b − p is below 65,536: hence it is no hole in the other either. Where it
 * begins at p in both, it is the same. So the parts behind p are those of the old.
 */
import { copyBytes } from '../ground/bytes.js';
import { HOLE_BYTES_MIN } from '../ground/limits.js';
import { zerosEnd } from './chunk.js';
import type { ContentRef } from './content.js';
import type { ContentStore } from './content-store.js';
import { Cursor, readChunk } from './cursor.js';
import { type Child, isHole } from './manifest.js';
import type { Unfinished } from './manifest-builder.js';
import { ContentReader } from './reader.js';
import { type Source, sourceBytes } from './source.js';
import type { ContentWriter, WriteOptions, Zeros } from './writer.js';

/** What becomes of old bytes: those before `at` stay, with zeros where they are fewer. */
export interface Edit {
  readonly at: number;
  /** What comes over as many old bytes, if any. Undefined: everything ends at `at`. */
  readonly source: Source | undefined;
}

/** Children that are reused between turns: a few manifests are written for them. */
const REUSED_AT_ONCE = 256;

/**
 * What becomes of a stream's bytes, by a writer that has written nothing: bytes where they are at
 * most `inlineMax`, as `ContentWriter.writeOrInline` has it. Errors: those of reading the old
 * content and of writing; REGALIA_RANGE beyond the length of a content.
 */
export async function rewrite(
  writer: ContentWriter,
  store: ContentStore,
  old: Uint8Array | ContentRef,
  edit: Edit,
  inlineMax: number,
  options: WriteOptions = {},
): Promise<Uint8Array | ContentRef> {
  if (old instanceof Uint8Array) {
    return writer.gather(editedBytes(old, edit, options.signal), inlineMax, options);
  }
  if (edit.source === undefined && edit.at <= inlineMax) {
    const chunks = new ContentReader(store, old).chunks(0, edit.at, options.signal);
    return writer.gather(chunks, inlineMax, options);
  }
  return rewriteContent(writer, store, old, edit, options);
}

async function* editedBytes(
  old: Uint8Array,
  { at, source }: Edit,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array | Zeros, void, undefined> {
  const gap = { zeros: Math.max(0, at - old.length) };
  yield old.subarray(0, at);
  if (source === undefined) yield gap;
  else {
    let end = at;
    for await (const part of sourceBytes(source, signal)) {
      if (end === at) yield gap;
      yield part;
      end += part.length;
    }
    yield old.subarray(end);
  }
}

/** The same of a content alone: at the cost of the edit. */
export async function rewriteContent(
  writer: ContentWriter,
  store: ContentStore,
  old: ContentRef,
  edit: Edit,
  options: WriteOptions = {},
): Promise<ContentRef> {
  const rewriting = new Rewriting(writer, store, old, options.signal);
  const { at, source } = edit;
  if (source === undefined) {
    await rewriting.keepUntil(at);
  } else {
    let end = at;
    for await (const part of sourceBytes(source, options.signal)) {
      if (end === at) await rewriting.keepUntil(at);
      await writer.pushAll(part, options.signal);
      end += part.length;
    }
    if (end === at) return old;
    if (end < old.length) await rewriting.keepFrom(end);
  }
  return rewriting.finish();
}

class Rewriting {
  readonly #writer: ContentWriter;
  readonly #store: ContentStore;
  readonly #old: ContentRef;
  readonly #signal: AbortSignal | undefined;
  readonly #cursor: Cursor;
  #last: { readonly start: number; readonly bytes: Uint8Array } | undefined;

  constructor(
    writer: ContentWriter,
    store: ContentStore,
    old: ContentRef,
    signal: AbortSignal | undefined,
  ) {
    this.#writer = writer;
    this.#store = store;
    this.#old = old;
    this.#signal = signal;
    this.#cursor = new Cursor(store, old);
  }

  /** Brings the writer to `at`: parts that stay, the bytes behind them, and zeros if too few. */
  async keepUntil(at: number): Promise<void> {
    const until = Math.min(at, this.#old.length);
    const start = this.#lastCut(until);
    this.#writer.resume(start, this.#pathTo(start));
    await this.#copy(start, until);
    this.#writer.zeros(at - until);
  }

  /** Goes on with old bytes from `start`, where the new ones end, until parts are the old ones. */
  async keepFrom(start: number): Promise<void> {
    const cuts = this.#cursor.fork();
    const { length } = this.#old;
    const isCut = (offset: number): boolean =>
      offset === length || cuts.partAt(offset).start === offset;
    this.#writer.stopWhere((offset) => offset >= start && isCut(offset));
    await this.#copy(start, length, true);
  }

  async finish(): Promise<ContentRef> {
    const writer = this.#writer;
    await writer.stage(() => writer.end(), this.#signal);
    if (writer.stopped) await this.#reuseFrom(writer.offset);
    return writer.stage(() => writer.finish(), this.#signal);
  }

  /** The last cut before `offset` that what comes at `offset` leaves where it is. */
  #lastCut(offset: number): number {
    let start = offset;
    for (let zeros = true; start > 0 && zeros && offset - start < HOLE_BYTES_MIN; ) {
      const { part, start: begun } = this.#cursor.partAt(start - 1);
      if (!isHole(part)) {
        const count = start - begun;
        zeros = zerosEnd(this.#chunk(part, begun), 0, count) === count;
      }
      start = begun;
    }
    return start;
  }

  /** The nodes around a cut, as far as they lie left of it. */
  #pathTo(cut: number): Unfinished[] {
    if (cut === 0) return [];
    const path: Unfinished[] = [];
    for (const { above, index } of this.#cursor.steps(cut)) {
      const { manifest, start } = above;
      const children = Array.from({ length: index }, (_, i) => manifest.part(i));
      path.push({ level: manifest.level, children, first: start === 0 });
    }
    return path;
  }

  /** Pushes old bytes until the writer has stopped; `looks`: as soon as it can. */
  async #copy(from: number, until: number, looks = false): Promise<void> {
    for (let at = from; at < until && !this.#writer.stopped; ) {
      const { part, start } = this.#cursor.partAt(at);
      const end = Math.min(until, start + part.length);
      if (isHole(part)) this.#writer.zeros(end - at);
      else {
        const bytes = this.#chunk(part, start).subarray(at - start, end - start);
        await this.#writer.pushAll(bytes, this.#signal);
        // The next cut is mostly near: no chunk is read that it does not need.
        if (looks) await this.#writer.cutSure(this.#signal);
      }
      at = end;
    }
  }

  /** A copy of an old chunk: views are spoilt. The last is kept: most edits lie within one. */
  #chunk(part: Child, start: number): Uint8Array {
    if (this.#last?.start !== start) {
      this.#last = { start, bytes: copyBytes(readChunk(this.#store.blocks, part)) };
    }
    return this.#last.bytes;
  }

  /** Reuses all parts from a cut on, by the largest nodes that begin in old and new. */
  async #reuseFrom(cut: number): Promise<void> {
    let at = cut;
    while (at < this.#old.length) {
      await this.#writer.stage(() => {
        for (let i = 0; i < REUSED_AT_ONCE && at < this.#old.length; i++) at += this.#reuseAt(at);
      }, this.#signal);
    }
  }

  /** Reuses the part or node that begins at a cut, and returns its length. */
  #reuseAt(cut: number): number {
    for (const { part, start, above } of this.#cursor.steps(cut)) {
      const level = above.manifest.level - 1;
      if (start === cut && this.#writer.reuse(part, level)) return part.length;
    }
    throw new Error('regalia: assertion failed: a cut is where a part begins');
  }
}
