/**
 * Deterministic CBOR: plain data as bytes, one spelling each (RFC 8949, section 4.2.1).
 *
 * Integers and floats take their shortest form, lengths are definite, map keys are text and sorted
 * by their encoded bytes (so shorter ones first), NaN is f97e00. A number without a fraction is an
 * integer while it is safe, else a float; -0 is a float. A bigint is an integer up to 64 bits, else
 * tag 2 or 3; integers that are not safe come back as bigints, all others as numbers. A Date is tag
 * 1: five bytes for whole seconds, where tag 0 takes 22. Bytes, strings, booleans, null, undefined,
 * arrays and plain objects are themselves; anything else has no place here.
 *
 * What is decoded may be an enemy's: the decoder accepts the encoder's output alone, so that
 * encodeCbor(decodeCbor(bytes)) is always bytes, and checks each length before it believes it.
 */
import { copyBytes, equalBytes } from '../ground/bytes.js';
import { badEncoding } from '../ground/errors.js';
import { CBOR_BYTES_MAX, CBOR_DEPTH_MAX, TIME_MS_MAX } from '../ground/limits.js';
import { ByteReader } from '../ground/reader.js';
import { utf8Bytes, utf8Text } from '../ground/text.js';
import { ByteWriter } from '../ground/writer.js';

/** What can be written. */
export type CborData =
  | null
  | undefined
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | Date
  | readonly CborData[]
  | { readonly [key: string]: CborData };

/** Major types, in the top three bits of a head. */
const MAJOR = {
  unsigned: 0x00,
  negative: 0x20,
  bytes: 0x40,
  text: 0x60,
  array: 0x80,
  map: 0xa0,
  tag: 0xc0,
} as const;
const FALSE = 0xf4;
const TRUE = 0xf5;
const NULL = 0xf6;
const UNDEFINED = 0xf7;
const HALF = 0xf9;
const SINGLE = 0xfa;
const DOUBLE = 0xfb;
const TAG_DATE = 1;
const TAG_BIG = 2;
const TAG_BIG_NEGATIVE = 3;

const TWO_32 = 0x1_0000_0000;
const TWO_64 = 1n << 64n;
const ASCII = /^[\0-\x7f]*$/;
const scratch = new DataView(new ArrayBuffer(8));
const scratchBytes = new Uint8Array(scratch.buffer);

/**
 * The order of encoded keys: by length in UTF-8, then bytewise, which is the order of code points.
 * UTF-16 differs from it only in surrogates, which must rank above all other units.
 */
function compareKeys(a: string, b: string): number {
  const difference = utf8Length(a) - utf8Length(b);
  if (difference !== 0) return difference;
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) return rank(x) - rank(y);
  }
  return a.length - b.length;
}

/** Of well-formed text; keys are short, so that a loop is faster than a native call (measured). */
function utf8Length(text: string): number {
  let length = text.length;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    // A surrogate is half of a pair that takes four bytes.
    if (unit >= 0x80) length += unit < 0x800 || (unit >= 0xd800 && unit < 0xe000) ? 1 : 2;
  }
  return length;
}

function rank(unit: number): number {
  if (unit < 0xd800) return unit;
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800;
}

/** The bits of a number in half precision, or undefined where it would be another number. */
function halfBits(number: number): number | undefined {
  if (Number.isNaN(number)) return 0x7e00;
  const sign = number < 0 || Object.is(number, -0) ? 0x8000 : 0;
  const magnitude = Math.abs(number);
  if (magnitude === Infinity) return sign | 0x7c00;
  if (magnitude < 2 ** -14) {
    const steps = magnitude * 2 ** 24;
    return Number.isInteger(steps) ? sign | steps : undefined;
  }
  if (magnitude > 65_504 || Math.fround(magnitude) !== magnitude) return undefined;
  scratch.setFloat32(0, magnitude);
  const bits = scratch.getUint32(0);
  if ((bits & 0x1fff) !== 0) return undefined;
  return sign | ((bits - (112 << 23)) >>> 13);
}

function halfNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >>> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (1024 + fraction) * 2 ** (exponent - 25);
}

/**
 * The bytes of plain data.
 *
 * ```ts
 * encodeCbor({ b: 1, a: [true, null] }); // a2 61 61 82 f5 f6 61 62 01
 * ```
 *
 * @throws REGALIA_ENCODING with the path to what cannot be written: a Map, a Set, a function, a
 * symbol, an instance of a class, an invalid Date, text that is no valid Unicode, a cycle, depth
 * over 32, more than 16 MiB.
 */
export function encodeCbor(data: CborData): Uint8Array {
  const encoder = new Encoder();
  encoder.datum(data);
  return encoder.writer.finish();
}

class Encoder {
  readonly writer = new ByteWriter(256);
  /** The containers around what is being written, and where in each. */
  readonly #around: object[] = [];
  readonly #path: (string | number)[] = [];

  datum(data: unknown): void {
    if (typeof data === 'string') this.#text(data);
    else if (typeof data === 'number') this.#number(data);
    else if (data === null) this.writer.u8(NULL);
    else if (typeof data === 'boolean') this.writer.u8(data ? TRUE : FALSE);
    else if (data === undefined) this.writer.u8(UNDEFINED);
    else if (typeof data === 'bigint') this.#bigint(data);
    else if (data instanceof Uint8Array) this.#bytes(data);
    else if (data instanceof Date) this.#date(data);
    else if (typeof data === 'object') this.#container(data);
    else this.#fail('plain data', `a ${typeof data}`);
  }

  #number(number: number): void {
    if (!Number.isSafeInteger(number) || Object.is(number, -0)) writeFloat(this.writer, number);
    else if (number >= 0) writeHead(this.writer, MAJOR.unsigned, number);
    else writeHead(this.writer, MAJOR.negative, -1 - number);
  }

  #bigint(number: bigint): void {
    const magnitude = number < 0n ? -1n - number : number;
    if (magnitude <= BigInt(Number.MAX_SAFE_INTEGER)) {
      writeHead(this.writer, number < 0n ? MAJOR.negative : MAJOR.unsigned, Number(magnitude));
    } else if (magnitude < TWO_64) {
      scratch.setBigUint64(0, magnitude);
      writeWide(this.writer, (number < 0n ? MAJOR.negative : MAJOR.unsigned) | 27, 8);
    } else {
      const digits = magnitude.toString(16);
      const bytes = Buffer.from(digits.length % 2 === 0 ? digits : `0${digits}`, 'hex');
      writeHead(this.writer, MAJOR.tag, number < 0n ? TAG_BIG_NEGATIVE : TAG_BIG);
      this.#bytes(bytes);
    }
  }

  #bytes(bytes: Uint8Array): void {
    this.#room(bytes.length);
    writeHead(this.writer, MAJOR.bytes, bytes.length);
    this.writer.bytes(bytes);
  }

  #text(text: string): void {
    if (!text.isWellFormed()) this.#fail('valid Unicode', 'a lone surrogate');
    this.#room(text.length);
    writeText(this.writer, text);
  }

  #container(data: object): void {
    if (this.#around.includes(data)) this.#fail('a tree', 'a cycle');
    if (this.#around.length === CBOR_DEPTH_MAX) {
      this.#fail(`a depth of at most ${CBOR_DEPTH_MAX}`, 'a deeper one');
    }
    this.#around.push(data);
    if (Array.isArray(data)) this.#array(data);
    else this.#map(data);
    this.#around.pop();
  }

  #date(date: Date): void {
    const ms = date.getTime();
    if (Number.isNaN(ms)) this.#fail('a date', 'an invalid Date');
    writeHead(this.writer, MAJOR.tag, TAG_DATE);
    this.#number(ms / 1000 + 0);
  }

  #array(items: readonly unknown[]): void {
    this.#room(items.length);
    writeHead(this.writer, MAJOR.array, items.length);
    for (let index = 0; index < items.length; index++) {
      this.#path.push(index);
      this.datum(items[index]);
      this.#path.pop();
    }
  }

  #map(map: object): void {
    const prototype = Object.getPrototypeOf(map);
    if (prototype !== null && Object.getPrototypeOf(prototype) !== null) {
      this.#fail('plain data', `a ${constructorName(prototype)}`);
    }
    if (Object.prototype.toString.call(map) !== '[object Object]') {
      this.#fail('plain data', Object.prototype.toString.call(map).slice(8, -1));
    }
    if (Object.getOwnPropertySymbols(map).length > 0) this.#fail('text keys', 'a symbol');
    const keys = Object.keys(map).sort(compareKeys);
    writeHead(this.writer, MAJOR.map, keys.length);
    for (const key of keys) {
      this.#path.push(key);
      this.#text(key);
      this.datum((map as Record<string, unknown>)[key]);
      this.#path.pop();
    }
  }

  /** Shared references can make few objects boundless, so the output is bounded as it grows. */
  #room(count: number): void {
    if (this.writer.length + count <= CBOR_BYTES_MAX) return;
    this.#fail(`at most ${CBOR_BYTES_MAX} bytes`, 'more');
  }

  #fail(expected: string, actual: string): never {
    throw badEncoding(undefined, expected, `${actual} at ${pathText(this.#path)}`);
  }
}

function constructorName(prototype: object): string {
  const name: unknown = Object.getOwnPropertyDescriptor(prototype, 'constructor')?.value?.name;
  return typeof name === 'string' && name !== '' ? name : 'class instance';
}

function pathText(path: readonly (string | number)[]): string {
  const steps = path.map((step) =>
    typeof step === 'number' || !/^[\p{L}_$][\p{L}\p{N}_$]*$/u.test(step)
      ? `[${JSON.stringify(step)}]`
      : `.${step}`,
  );
  return `data${steps.join('')}`;
}

/** A head: major type and a number of 0 to 2^53 - 1 in its shortest form. */
function writeHead(writer: ByteWriter, major: number, number: number): void {
  if (number < 24) {
    writer.u8(major | number);
  } else if (number < 0x100) {
    writer.u8(major | 24).u8(number);
  } else if (number < 0x1_0000) {
    scratch.setUint16(0, number);
    writeWide(writer, major | 25, 2);
  } else if (number < TWO_32) {
    scratch.setUint32(0, number);
    writeWide(writer, major | 26, 4);
  } else {
    scratch.setUint32(0, Math.floor(number / TWO_32));
    scratch.setUint32(4, number % TWO_32);
    writeWide(writer, major | 27, 8);
  }
}

/** Writes a first byte, and so many bytes that were put into `scratch`. */
function writeWide(writer: ByteWriter, first: number, width: number): void {
  writer.u8(first).range(scratchBytes, 0, width);
}

function writeText(writer: ByteWriter, text: string): void {
  if (text.length < 24 && ASCII.test(text)) {
    writer.u8(MAJOR.text | text.length);
    for (let i = 0; i < text.length; i++) writer.u8(text.charCodeAt(i));
    return;
  }
  const bytes = utf8Bytes(text);
  writeHead(writer, MAJOR.text, bytes.length);
  writer.bytes(bytes);
}

/** The shortest of half, single and double precision that is the same number; any NaN is f97e00. */
function writeFloat(writer: ByteWriter, number: number): void {
  const half = halfBits(number);
  if (half !== undefined) {
    scratch.setUint16(0, half);
    writeWide(writer, HALF, 2);
  } else if (Math.fround(number) === number) {
    scratch.setFloat32(0, number);
    writeWide(writer, SINGLE, 4);
  } else {
    scratch.setFloat64(0, number);
    writeWide(writer, DOUBLE, 8);
  }
}

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
  if (major <= MAJOR.negative) return readInteger(reader, first, at);
  const number = readNumber(reader, first & 0x1f, at);
  if (typeof number === 'bigint') return refuse(reader, at, 'a length below 2^53', `${number}`);
  if (major === MAJOR.bytes) return copyBytes(reader.bytes(number));
  if (major === MAJOR.text) return readText(reader, number, at);
  if (major === MAJOR.tag) return readTagged(reader, number, at);
  if (depth === CBOR_DEPTH_MAX) {
    refuse(reader, at, `a depth of at most ${CBOR_DEPTH_MAX}`, 'a deeper one');
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
  scratchBytes.set(reader.bytes(8));
  const big = scratch.getBigUint64(0);
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
  scratchBytes.set(bytes);
  let number = scratch.getFloat64(0);
  if (width === 4) number = scratch.getFloat32(0);
  else if (width === 2) number = halfNumber(scratch.getUint16(0));
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

function readText(reader: ByteReader, length: number, at: number): string {
  const bytes = reader.bytes(length);
  if (length < 32) {
    let text = '';
    let i = 0;
    for (; i < length && bytes[i] < 0x80; i++) text += String.fromCharCode(bytes[i]);
    if (i === length) return text;
  }
  return utf8Text(bytes) ?? refuse(reader, at, 'valid UTF-8', 'other bytes');
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
  let seconds: CborData;
  if (major === 0xe0) seconds = readSimple(reader, first, at);
  else if (major <= MAJOR.negative) seconds = readInteger(reader, first, at);
  if (typeof seconds !== 'number') return refuse(reader, at, 'seconds', 'other data');
  const near = Math.round(seconds * 1000);
  // At the far ends of its range a date's seconds are as coarse as its milliseconds: the product
  // may be one off.
  const ms = [near, near - 1, near + 1].find((ms) => ms / 1000 + 0 === seconds) ?? Infinity;
  if (Math.abs(ms) <= TIME_MS_MAX && !Object.is(seconds, -0)) return new Date(ms);
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
