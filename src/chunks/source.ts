/**
 * Sources: whatever yields bytes or text part by part, read one part at a time.
 *
 * Invariants: a source is never read ahead; an abort is heard while a part is awaited; a source
 * that was left before its end is closed, and an end or a failure of its own is not; text is UTF-8,
 * and a character may lie across chunks.
 *
 * Closing is not awaited after an abort: a source that never answers would keep the caller waiting
 * for ever.
 */
import { onAbort } from '../ground/abort.js';
import { badEncoding, badOption, throwIfAborted } from '../ground/errors.js';
import { turn } from '../ground/pause.js';

/** A part of a source; text is UTF-8. */
export type SourcePart = Uint8Array | string;

/** What can be written: at once, or part by part. */
export type Source =
  | SourcePart
  | ArrayBuffer
  | Blob
  | AsyncIterable<SourcePart>
  | Iterable<SourcePart>
  | ReadableStream<Uint8Array>;

/** Whether all of a source is in memory, so that nobody has to be waited for. */
export function isAtHand(source: Source): boolean {
  const isBytes = source instanceof Uint8Array || source instanceof ArrayBuffer;
  return isBytes || typeof source === 'string' || Array.isArray(source);
}

interface Pull {
  next(): Promise<IteratorResult<unknown>> | IteratorResult<unknown>;
  /** Ends the source: nobody reads on. */
  close(reason: unknown): unknown;
  /** Frees a source that came to its end. */
  release(): void;
}

/** Text is encoded so many characters at a time. */
const TEXT_STEP = 65_536;
const TURN_PARTS = 256;

/**
 * The source's bytes, each part valid until the next is asked for; none is empty. Errors: what the
 * source throws; REGALIA_ABORTED; REGALIA_ENCODING for text with a lone surrogate; REGALIA_OPTION
 * for parts of another kind. `operation` is what an abort says was aborted.
 */
export async function* sourceBytes(
  source: Source,
  signal: AbortSignal | undefined,
  operation = 'write',
): AsyncGenerator<Uint8Array, void, undefined> {
  const pull = pullOf(source);
  const text = new TextParts();
  // A source that is left before its end is closed: also where this generator's consumer leaves.
  let left = true;
  try {
    for (let count = 1; ; count++) {
      if (count % TURN_PARTS === 0) await turn();
      throwIfAborted(signal, operation);
      const part = await nextPart(pull, signal, operation).catch((error: unknown) => {
        left = signal?.aborted === true;
        throw error;
      });
      if (part.done === true) break;
      yield* partBytes(part.value, text);
    }
    left = false;
    text.end();
  } finally {
    if (left) await close(pull, signal);
    else pull.release();
  }
}

function* partBytes(part: unknown, text: TextParts): Generator<Uint8Array> {
  if (typeof part === 'string') yield* text.encode(part);
  else if (part instanceof Uint8Array) {
    text.end();
    if (part.length > 0) yield part;
  } else {
    throw badOption('source', 'made of parts that are Uint8Array or string', kindOf(part));
  }
}

/** The next part, unless the signal is aborted, which is heard until then: it may outlive many. */
function nextPart(
  pull: Pull,
  signal: AbortSignal | undefined,
  operation: string,
): Promise<IteratorResult<unknown>> {
  return new Promise((resolve, reject) => {
    const deaf = onAbort(signal, () => {
      try {
        throwIfAborted(signal, operation);
      } catch (error) {
        reject(error as Error);
      }
    });
    Promise.resolve()
      .then(() => pull.next())
      .then(resolve, reject)
      .finally(deaf);
  });
}

async function close(pull: Pull, signal: AbortSignal | undefined): Promise<void> {
  const aborted = signal?.aborted === true;
  try {
    const closing = Promise.resolve(pull.close(aborted ? signal.reason : undefined));
    // A source that fails to close has nothing to add to why it was closed.
    const closed = closing.catch(() => undefined);
    if (!aborted) await closed;
  } catch {
    // The same, at once.
  }
}

function pullOf(source: unknown): Pull {
  if (typeof source === 'string' || source instanceof Uint8Array) return pullOfIterable([source]);
  if (source instanceof ArrayBuffer) return pullOfIterable([new Uint8Array(source)]);
  if (source instanceof Blob) return pullOfStream(source.stream());
  if (typeof source === 'object' && source !== null) {
    if ('getReader' in source) return pullOfStream(source as ReadableStream<unknown>);
    if (Symbol.asyncIterator in source || Symbol.iterator in source) {
      return pullOfIterable(source as AsyncIterable<unknown> | Iterable<unknown>);
    }
  }
  const expected = 'bytes, text, a Blob, an iterable of bytes or text, or a ReadableStream';
  throw badOption('source', expected, kindOf(source));
}

function kindOf(found: unknown): string {
  return found === null ? 'null' : typeof found;
}

function pullOfIterable(source: AsyncIterable<unknown> | Iterable<unknown>): Pull {
  const iterator =
    Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]();
  return {
    next: () => iterator.next(),
    close: () => {
      const returned = iterator.return?.();
      // A stream of Node's answers `return` after the part under way only: it may never come.
      const { destroy } = source as { destroy?: unknown };
      if (typeof destroy === 'function') destroy.call(source);
      return returned;
    },
    release: () => undefined,
  };
}

function pullOfStream(stream: ReadableStream<unknown>): Pull {
  const reader = stream.getReader();
  return {
    next: () => reader.read() as Promise<IteratorResult<unknown>>,
    close: (reason) => reader.cancel(reason).finally(() => reader.releaseLock()),
    release: () => reader.releaseLock(),
  };
}

/** Text as UTF-8, where a pair of surrogates may lie across two parts. */
class TextParts {
  /** A high surrogate whose low one has not come. */
  #half = '';

  *encode(part: string): Generator<Uint8Array> {
    for (let at = 0; at < part.length; at += TEXT_STEP) {
      let text = this.#half + part.slice(at, at + TEXT_STEP);
      const last = text.charCodeAt(text.length - 1);
      this.#half = last >= 0xd800 && last <= 0xdbff ? text.slice(-1) : '';
      if (this.#half !== '') text = text.slice(0, -1);
      if (!text.isWellFormed())
        throw badEncoding(undefined, 'text that UTF-8 can spell', 'a lone surrogate');
      if (text !== '') yield Buffer.from(text, 'utf8');
    }
  }

  /** No text follows directly. */
  end(): void {
    if (this.#half !== '')
      throw badEncoding(undefined, 'text that UTF-8 can spell', 'a lone surrogate');
  }
}
