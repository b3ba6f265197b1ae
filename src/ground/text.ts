/**
 * Text: strict UTF-8, and names, which may hold any bytes.
 *
 * Names must survive a round trip. Bytes that are not valid UTF-8 are written as lone low
 * surrogates U+DC80..U+DCFF, as in Python's PEP 383: `nameText` and `nameBytes` are exact inverses.
 */
import { concatBytes, zeroBytes } from './bytes.js';
import { bytes as bytesKind, text as textKind } from './options.js';

const TEXT = textKind();

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Valid UTF-8 as a string, or undefined. */
export function utf8Text(bytes: Uint8Array): string | undefined {
  try {
    return strictUtf8.decode(bytes);
  } catch (error) {
    if (error instanceof TypeError) return undefined;
    throw error;
  }
}

export function utf8Bytes(text: string): Uint8Array {
  return asciiBytes(text) ?? new Uint8Array(Buffer.from(text, 'utf8'));
}

/** Shorter ASCII is encoded three times faster without a call of the engine (measured). */
const SHORT = 32;

/** The bytes of a short text of ASCII, side by side with others; undefined for any other. */
function asciiBytes(text: string): Uint8Array | undefined {
  if (text.length > SHORT) return undefined;
  const bytes = zeroBytes(text.length);
  for (let i = 0; i < bytes.length; i++) {
    const code = text.charCodeAt(i);
    if (code >= 0x80) return undefined;
    bytes[i] = code;
  }
  return bytes;
}

/** A name's bytes as text, without loss: see the header. REGALIA_OPTION for anything but bytes. */
export function nameText(bytes: Uint8Array, start = 0, end = bytes?.length): string {
  if (!(bytes instanceof Uint8Array)) bytesKind.check('bytes', bytes);
  if (end - start <= 24) {
    let text = '';
    let i = start;
    for (; i < end; i++) {
      const byte = bytes[i] as number;
      if (byte >= 0x80) break;
      text += String.fromCharCode(byte);
    }
    if (i === end) return text;
  }
  const part = bytes.subarray(start, end);
  return utf8Text(part) ?? escapedText(part);
}

/**
 * UTF-8 where it is valid, and a lone low surrogate for each byte that is not part of a valid
 * sequence.
 */
function escapedText(bytes: Uint8Array): string {
  let text = '';
  let at = 0;
  while (at < bytes.length) {
    const byte = bytes[at] as number;
    const length = byte < 0x80 ? 1 : byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
    const character =
      at + length <= bytes.length ? utf8Text(bytes.subarray(at, at + length)) : undefined;
    if (character === undefined) {
      text += String.fromCharCode(0xdc00 + byte);
      at += 1;
    } else {
      text += character;
      at += length;
    }
  }
  return text;
}

/**
 * The inverse of `nameText`; undefined where the text has a lone surrogate that stands for no byte.
 * REGALIA_OPTION for anything but text.
 */
export function nameBytes(text: string): Uint8Array | undefined {
  if (typeof text !== 'string') TEXT.check('text', text);
  if (text.isWellFormed()) return utf8Bytes(text);
  const parts: Uint8Array[] = [];
  for (const character of text) {
    const code = character.codePointAt(0) as number;
    if (code >= 0xdc80 && code <= 0xdcff) parts.push(Uint8Array.of(code - 0xdc00));
    else if (code >= 0xd800 && code <= 0xdfff) return undefined;
    else parts.push(utf8Bytes(character));
  }
  const bytes = concatBytes(parts);
  // Surrogates that together spell a valid character have another, proper text: only one text per
  // name.
  return nameText(bytes) === text ? bytes : undefined;
}

/** Whether bytes are their own text. */
export function isAscii(bytes: Uint8Array, start: number, end: number): boolean {
  for (let i = start; i < end; i++) if ((bytes[i] as number) >= 0x80) return false;
  return true;
}
