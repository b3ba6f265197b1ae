/**
 * What users give a stream, as the part of a record: inline where the stream's rule has it so, else
 * as contents. What they give a part of it changes that part alone: see chunks/rewrite.ts.
 */

import { type ContentRef, checkLength } from '../chunks/content.js';
import { rewrite } from '../chunks/rewrite.js';
import { type Source, sourceBytes } from '../chunks/source.js';
import { ContentWriter, extentsFor } from '../chunks/writer.js';
import type { Core } from '../commit/core.js';
import type { Writers } from '../commit/writers.js';
import { EMPTY } from '../ground/bytes.js';
import { badEncoding, badOption } from '../ground/errors.js';
import { PUT_BYTES_MAX } from '../ground/limits.js';
import { type ContentChecker, contentChecker, encodeContents } from '../streams/encoding.js';
import type { StreamRule } from '../streams/rule.js';
import { readInline } from '../tree/placement.js';
import { inlinePart, REFERENCED, type StreamPart } from '../tree/record.js';
import type { Root } from '../tree/root.js';
import type { ChangeOptions } from './options.js';

/** What is to become of a part of a stream. */
export type Change =
  | { readonly kind: 'write'; readonly at: number; readonly source: Source }
  | { readonly kind: 'append'; readonly source: Source }
  | { readonly kind: 'truncate'; readonly at: number; readonly source: undefined };

export class Contents {
  readonly #core: Core;
  readonly #writers: Writers;

  constructor(core: Core, writers: Writers) {
    this.#core = core;
    this.#writers = writers;
  }

  /**
   * The part for data at hand. It may alias the data. REGALIA_ENCODING, REGALIA_OPTION above 16
   * MiB.
   */
  put(root: Root, rule: StreamRule, stream: string, data: unknown): StreamPart {
    const bytes = encodeContents(rule.encoding, stream, data);
    if (bytes.length <= rule.inlineMax) return inlinePart(bytes);
    const { blocks } = this.#core;
    const extents = extentsFor(bytes.length, rule.chunking);
    if (bytes.length > PUT_BYTES_MAX || extents > blocks.available) {
      const expected = `at most ${PUT_BYTES_MAX} bytes, with a turn of the event loop in between`;
      throw badOption('data', expected, `${bytes.length} bytes: write them`);
    }
    blocks.replenish();
    return partOf(this.#writer(root, rule, stream).put(bytes));
  }

  /** The part for a source of any size. */
  async write(
    root: Root,
    rule: StreamRule,
    stream: string,
    source: Source,
    options: ChangeOptions,
  ): Promise<StreamPart> {
    const checked = checkedSource(source, rule, stream);
    const writer = this.#writer(root, rule, stream);
    return partOf(await writer.writeOrInline(checked, rule.inlineMax, options));
  }

  /** The part for what becomes of `before` by a change. REGALIA_RANGE, REGALIA_ENCODING. */
  async change(
    root: Root,
    rule: StreamRule,
    stream: string,
    change: Change,
    before: StreamPart | undefined,
    options: ChangeOptions,
  ): Promise<StreamPart> {
    const { encoding } = rule;
    const isAppend = change.kind === 'append';
    if (encoding !== 'bytes' && !(encoding === 'utf8' && isAppend)) {
      const expected = encoding === 'utf8' ? 'an append, or the whole' : 'the whole';
      throw badEncoding(stream, `${expected}, since its encoding is ${encoding}`, 'a part');
    }
    const old = this.#old(before);
    const source = change.source && checkedSource(change.source, rule, stream);
    const edit = { at: isAppend ? old.length : change.at, source };
    checkLength(edit.at);
    const { contents } = this.#core;
    const writer = this.#writer(root, rule, stream);
    return partOf(await rewrite(writer, contents, old, edit, rule.inlineMax, options));
  }

  /** Its bytes where they lie in metadata, else its content; nothing where it is absent. */
  #old(part: StreamPart | undefined): Uint8Array | ContentRef {
    if (part === undefined) return EMPTY;
    return part.form === REFERENCED ? part : readInline(this.#core.cache, part);
  }

  #writer(root: Root, rule: StreamRule, stream: string): ContentWriter {
    const { blocks, contents: staged } = this.#writers;
    const { contents } = this.#core;
    return new ContentWriter(contents, blocks, root.algorithm, rule.chunking, staged, stream);
  }
}

function partOf(written: ContentRef | Uint8Array): StreamPart {
  if (written instanceof Uint8Array) return inlinePart(written);
  const { length, address, id } = written;
  return { form: REFERENCED, length, address, id };
}

/** The source, whose bytes are checked on their way. */
function checkedSource(source: Source, { encoding }: StreamRule, stream: string): Source {
  return encoding === 'bytes' ? source : checkedParts(source, contentChecker(encoding, stream));
}

async function* checkedParts(source: Source, checker: ContentChecker): AsyncGenerator<Uint8Array> {
  for await (const part of sourceBytes(source, undefined)) {
    checker.push(part);
    yield part;
  }
  checker.end();
}
