/**
 * What users give a stream, as the part of a record: inline where the stream's rule has it so, else as contents.
 */
import { utf8Bytes } from '../bytes.js';
import type { Source } from '../chunks/source.js';
import { ContentWriter, extentsFor } from '../chunks/writer.js';
import { RegaliaError } from '../errors.js';
import { contentChecker, encodeContents } from '../streams/encoding.js';
import type { StreamRule } from '../streams/rule.js';
import { INLINE, REFERENCED, type StreamPart } from '../tree/record.js';
import type { Root } from '../tree/root.js';
import type { Core } from './core.js';
import type { Writers } from './writers.js';

/** `put` takes contents up to this size; longer ones are written. */
const PUT_MAX = 16 * 1024 * 1024;

export class Contents {
  readonly #core: Core;
  readonly #writers: Writers;

  constructor(core: Core, writers: Writers) {
    this.#core = core;
    this.#writers = writers;
  }

  /** The part for data at hand. It may alias the data. REGALIA_ENCODING, REGALIA_OPTION above 16 MiB. */
  put(root: Root, rule: StreamRule, stream: string, data: unknown): StreamPart {
    const bytes = encodeContents(rule.encoding, stream, data);
    if (bytes.length <= rule.inlineMax) return inlinePart(bytes);
    const { blocks } = this.#core;
    if (bytes.length > PUT_MAX || extentsFor(bytes.length, rule.chunking) > blocks.available) {
      throw new RegaliaError('REGALIA_OPTION', 'more bytes than put takes at once: write them', {
        option: 'data',
        expected: `at most ${PUT_MAX} bytes, and a turn of the event loop now and then`,
        actual: `${bytes.length} bytes`,
      });
    }
    blocks.replenish();
    return contentPart(this.#writer(root, rule).put(bytes));
  }

  /** The part for a source of any size. */
  async write(
    root: Root,
    rule: StreamRule,
    stream: string,
    source: Source,
    options: { readonly signal?: AbortSignal },
  ): Promise<StreamPart> {
    const checked = rule.encoding === 'bytes' ? source : checkedSource(source, rule, stream);
    const writer = this.#writer(root, rule);
    const written = await writer.writeOrInline(checked, rule.inlineMax, options);
    return written instanceof Uint8Array ? inlinePart(written) : contentPart(written);
  }

  #writer(root: Root, rule: StreamRule): ContentWriter {
    const { blocks, pieces } = this.#writers;
    return new ContentWriter(this.#core.blocks, blocks, root.algorithm, rule.chunking, pieces);
  }
}

function inlinePart(bytes: Uint8Array): StreamPart {
  return { form: INLINE, length: bytes.length, bytes, id: 0 };
}

function contentPart(ref: { length: number; address: Uint8Array; id: number }): StreamPart {
  return { form: REFERENCED, length: ref.length, bytes: ref.address.subarray(1), id: ref.id };
}

async function* checkedSource(
  source: Source,
  rule: StreamRule,
  stream: string,
): AsyncGenerator<Uint8Array> {
  const checker = contentChecker(rule.encoding, stream);
  const parts = typeof source === 'string' || source instanceof Uint8Array ? [source] : source;
  for await (const part of parts as AsyncIterable<Uint8Array | string>) {
    const bytes = typeof part === 'string' ? utf8Bytes(part) : part;
    checker.push(bytes);
    yield bytes;
  }
  checker.end();
}
