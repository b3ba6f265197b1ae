/**
 * Encodings: what a stream's rule says about its contents, at the border between the caller's data
 * and stored bytes.
 *
 * `bytes` accepts any bytes. `utf8` accepts a string or valid UTF-8 and stores UTF-8 as it is: no
 * normalization, no byte order mark removed. `cbor` accepts plain data and stores its one
 * deterministic spelling, so equal data have equal addresses; bytes given for it are data too, a
 * byte string. What was stored through a stream of bytes, or by a peer, is checked against the same
 * grammar: what the encoder would not have written is REGALIA_ENCODING.
 */

import { concatBytes, copyBytes, EMPTY } from '../ground/bytes.js';
import { badEncoding, isRegaliaError } from '../ground/errors.js';
import { CBOR_BYTES_MAX } from '../ground/limits.js';
import { utf8Bytes, utf8Text } from '../ground/text.js';
import { type CborData, decodeCbor, encodeCbor } from './cbor.js';
import type { Encoding } from './rule.js';

/**
 * The stored bytes of what a caller gives for a stream. They may be the very bytes that were given.
 *
 * @throws REGALIA_ENCODING where the data does not suit the encoding.
 */
export function encodeContents(encoding: Encoding, stream: string, data: unknown): Uint8Array {
  if (encoding === 'cbor') return within(stream, () => encodeCbor(data as CborData));
  if (encoding === 'utf8' && typeof data === 'string') {
    if (!data.isWellFormed()) fail(stream, 'valid Unicode', 'a lone surrogate');
    return utf8Bytes(data);
  }
  if (!(data instanceof Uint8Array)) {
    const expected = encoding === 'utf8' ? 'a string or a Uint8Array' : 'a Uint8Array';
    return fail(stream, `${expected} (its encoding is ${encoding})`, kindOf(data));
  }
  if (encoding === 'bytes') return data;
  return utf8Text(data) === undefined ? fail(stream, 'valid UTF-8', 'other bytes') : data;
}

/** What was given, as an error says it: 'null', 'a string', 'an Array'. */
function kindOf(data: unknown): string {
  if (data === null || data === undefined) return String(data);
  const kind = typeof data === 'object' ? (data.constructor?.name ?? 'object') : typeof data;
  return `${/^[aeiou]/i.test(kind) ? 'an' : 'a'} ${kind}`;
}

/**
 * What a stream's bytes mean: a copy of the bytes, a string, or plain data.
 *
 * @throws REGALIA_ENCODING where the bytes do not follow the encoding.
 */
export function decodeContents(
  encoding: Encoding,
  stream: string,
  bytes: Uint8Array,
): Uint8Array | string | CborData {
  if (encoding === 'bytes') return copyBytes(bytes);
  if (encoding === 'utf8') return utf8Text(bytes) ?? fail(stream, 'valid UTF-8', 'other bytes');
  return within(stream, () => decodeCbor(bytes));
}

/** Checks contents that pass part by part; each method throws REGALIA_ENCODING. */
export interface ContentChecker {
  push(chunk: Uint8Array): void;
  end(): void;
}

/**
 * A checker for contents that arrive as bytes of any size. Memory is bounded: UTF-8 is checked as
 * it passes, and CBOR, which has a limit of 16 MiB, is gathered.
 */
export function contentChecker(encoding: Encoding, stream: string): ContentChecker {
  if (encoding === 'utf8') return utf8Checker(stream);
  if (encoding === 'cbor') return cborChecker(stream);
  return { push: () => undefined, end: () => undefined };
}

function utf8Checker(stream: string): ContentChecker {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  const decode = (chunk: Uint8Array, more: boolean): void => {
    try {
      decoder.decode(chunk, { stream: more });
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      fail(stream, 'valid UTF-8', 'other bytes');
    }
  };
  return { push: (chunk) => decode(chunk, true), end: () => decode(EMPTY, false) };
}

function cborChecker(stream: string): ContentChecker {
  const chunks: Uint8Array[] = [];
  let length = 0;
  const push = (chunk: Uint8Array): void => {
    length += chunk.length;
    if (length > CBOR_BYTES_MAX) fail(stream, `at most ${CBOR_BYTES_MAX} bytes of CBOR`, 'more');
    // The caller may use its buffer again.
    chunks.push(copyBytes(chunk));
  };
  return { push, end: () => void within(stream, () => decodeCbor(concatBytes(chunks))) };
}

/** Runs a codec and lets its refusals name the stream. */
function within<T>(stream: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    const isFormat = isRegaliaError(error, 'REGALIA_FORMAT');
    if (!isFormat && !isRegaliaError(error, 'REGALIA_ENCODING')) throw error;
    const { expected, actual } = error.data;
    return fail(stream, expected, isFormat ? `${actual} at byte ${error.data.at}` : actual, error);
  }
}

function fail(stream: string, expected: string, actual: string, cause?: unknown): never {
  throw badEncoding(stream, expected, actual, { cause });
}
