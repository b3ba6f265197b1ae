/**
 * The decoder of deterministic CBOR: see cbor.ts for the format. Its bytes may be an enemy's: every
 * length is checked against what remains before anything is allocated, recursion ends at depth 32,
 * keys such as `__proto__` become ordinary properties, and bytes that the encoder would not have
 * written are refused, so that encodeCbor(decodeCbor(bytes)) is always bytes.
 */
import { copyBytes, equalBytes } from '../ground/bytes.js';
import { ByteReader } from '../ground/reader.js';
import { ByteWriter } from '../ground/writer.js';
import {
  CBOR_LIMITS,
  type CborData,
  compareKeys,
  DOUBLE,
  FALSE,
  HALF,
  halfNumber,
  MAJOR,
  NULL,
  SINGLE,
  TAG_BIG,
  TAG_BIG_NEGATIVE,
  TAG_DATE,
  TRUE,
  UNDEFINED,
} from './cbor.js';
import { writeFloat } from './cbor-encoder.js';

/** How far a Date reaches. */
const DATE_MS_MAX = 8.64e15;
const TWO_32 = 0x1_0000_0000;
const OWN = { configurable: true, enumerable: true, writable: true };

/**
 * The data that `encodeCbor` wrote; byte strings are private copies.
 *
 * @throws REGALIA_FORMAT for anything that it would not have written.
 */
export function decodeCbor(bytes: Uint8Array): CborData {
  const reader = new ByteReader(bytes, 'CBOR');
  const data = readDatum(reader, 0);
  reader.end();
  return data;
}

function readDatum(reader: ByteReader, depth: number): CborData {
  const at = reader.at;
  const first = reader.u8();
  const major = first & 0xe0;
  if (major === 0xe0) return readSimple(reader, first, at);
  if (major === MAJOR.unsigned || major === MAJOR.negative) return readInteger(reader, first, at);
  const number = readNumber(reader, first & 0x1f, at);
  if (typeof number === 'bigint') return refuse(reader, at, 'a length below 2^53', `${number}`);
  if (major === MAJOR.bytes) return copyBytes(reader.bytes(number));
  if (major === MAJOR.text) return readText(reader, number, at);
  if (major === MAJOR.tag) return readTagged(reader, number, at);
  if (depth === CBOR_LIMITS.depth_max) {
    refuse(reader, at, `a depth of at most ${CBOR_LIMITS.depth_max}`, 'a deeper one');
  }
  if (number > reader.remaining) {
    refuse(reader, at, `at most ${reader.remaining} items`, `${number}`);
  }
  return major === MAJOR.array ? readArray(reader, number, depth) : readMap(reader, number, depth);
}

function refuse(reader: ByteReader, at: number, expected: string, actual: string): never {
  reader.at = at;
  return reader.fail(expected, actual);
}

function readInteger(reader: ByteReader, first: number, at: number): number | bigint {
  const number = readNumber(reader, first & 0x1f, at);
  if ((first & 0xe0) === MAJOR.unsigned) return number;
  if (typeof number === 'bigint') return -1n - number;
  return number === Number.MAX_SAFE_INTEGER ? -1n - BigInt(number) : -1 - number;
}

/** The number of a head; a bigint from 2^53. */
function readNumber(reader: ByteReader, info: number, at: number): number | bigint {
  if (info < 24) return info;
  if (info > 27) return refuse(reader, at, 'a definite length', `additional information ${info}`);
  if (info === 27) return readU64(reader, at);
  const width = 1 << (info - 24);
  let number = 0;
  for (let i = 0; i < width; i++) number = number * 256 + reader.u8();
  const least = width === 1 ? 24 : 256 ** (width / 2);
  if (number < least) refuse(reader, at, 'a number in its shortest form', 'a longer one');
  return number;
}

function readU64(reader: ByteReader, at: number): number | bigint {
  const bytes = reader.bytes(8);
  const big = new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0);
  if (big < BigInt(TWO_32)) refuse(reader, at, 'a number in its shortest form', 'a longer one');
  return big <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(big) : big;
}

function readSimple(reader: ByteReader, first: number, at: number): CborData {
  if (first === FALSE) return false;
  if (first === TRUE) return true;
  if (first === NULL) return null;
  if (first === UNDEFINED) return undefined;
  const width = first === HALF ? 2 : first === SINGLE ? 4 : first === DOUBLE ? 8 : 0;
  if (width === 0) refuse(reader, at, 'a known simple value', `the byte ${first}`);
  const bytes = reader.bytes(width);
  const view = new DataView(bytes.buffer, bytes.byteOffset, width);
  const number =
    width === 2
      ? halfNumber(view.getUint16(0))
      : width === 4
        ? view.getFloat32(0)
        : view.getFloat64(0);
  if (Number.isSafeInteger(number) && !Object.is(number, -0)) {
    refuse(reader, at, 'an integer', 'a float without a fraction');
  }
  const again = new ByteWriter(16);
  writeFloat(again, number);
  if (again.length !== width + 1 || !equalBytes(again.view().subarray(1), bytes)) {
    refuse(reader, at, 'a float in its shortest form', 'another one');
  }
  return number;
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function readText(reader: ByteReader, length: number, at: number): string {
  const bytes = reader.bytes(length);
  if (length < 32) {
    let text = '';
    let i = 0;
    for (; i < length && bytes[i] < 0x80; i++) text += String.fromCharCode(bytes[i]);
    if (i === length) return text;
  }
  try {
    return utf8.decode(bytes);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    return refuse(reader, at, 'valid UTF-8', 'other bytes');
  }
}

function readTagged(reader: ByteReader, tag: number, at: number): CborData {
  if (tag === TAG_DATE) return readDate(reader, at);
  if (tag !== TAG_BIG && tag !== TAG_BIG_NEGATIVE) {
    return refuse(reader, at, 'the tag 1, 2 or 3', `the tag ${tag}`);
  }
  const first = reader.u8();
  if ((first & 0xe0) !== MAJOR.bytes) refuse(reader, at, 'the bytes of an integer', 'other data');
  const bytes = reader.bytes(Number(readNumber(reader, first & 0x1f, at)));
  if (bytes.length < 9 || bytes[0] === 0) {
    refuse(reader, at, 'a number in its shortest form', 'a longer one');
  }
  const magnitude = BigInt(`0x${Buffer.from(bytes).toString('hex')}`);
  return tag === TAG_BIG ? magnitude : -1n - magnitude;
}

function readDate(reader: ByteReader, at: number): Date {
  const first = reader.u8();
  const major = first & 0xe0;
  // No recursion: a tag on a tag on a tag would take as many frames as there are bytes.
  const seconds =
    major === 0xe0
      ? readSimple(reader, first, at)
      : major === MAJOR.unsigned || major === MAJOR.negative
        ? readInteger(reader, first, at)
        : undefined;
  if (typeof seconds !== 'number') return refuse(reader, at, 'seconds', 'other data');
  const near = Math.round(seconds * 1000);
  // At the far ends of its range a date's seconds are as coarse as its milliseconds: the product
  // may be one off.
  const ms = [near, near - 1, near + 1].find((ms) => ms / 1000 + 0 === seconds);
  if (ms !== undefined && !Object.is(seconds, -0) && Math.abs(ms) <= DATE_MS_MAX) {
    return new Date(ms);
  }
  return refuse(reader, at, 'a date in whole milliseconds', `${seconds} s`);
}

function readArray(reader: ByteReader, count: number, depth: number): CborData[] {
  const items: CborData[] = [];
  for (let index = 0; index < count; index++) items.push(readDatum(reader, depth + 1));
  return items;
}

function readMap(reader: ByteReader, count: number, depth: number): CborData {
  const map: Record<string, CborData> = {};
  let last: string | undefined;
  for (let index = 0; index < count; index++) {
    const at = reader.at;
    const first = reader.u8();
    if ((first & 0xe0) !== MAJOR.text) refuse(reader, at, 'a text key', 'another key');
    const key = readText(reader, Number(readNumber(reader, first & 0x1f, at)), at);
    if (last !== undefined && compareKeys(last, key) >= 0) {
      refuse(reader, at, 'keys in ascending order', JSON.stringify(key));
    }
    last = key;
    const data = readDatum(reader, depth + 1);
    // Plain assignment to `__proto__` would set the prototype.
    if (key === '__proto__') Object.defineProperty(map, key, { ...OWN, value: data });
    else map[key] = data;
  }
  return map;
}
