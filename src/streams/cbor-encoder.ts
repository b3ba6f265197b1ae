/**
 * The encoder of deterministic CBOR: see cbor.ts for the format. What it writes is a function of
 * the data alone.
 *
 * Hostile data is the caller's own, but accidents happen: cycles are found among the containers
 * around, shared references that unfold into too much are stopped by the limit on bytes, and every
 * refusal names the path.
 */

import { RegaliaError } from '../ground/errors.js';
import { utf8Bytes } from '../ground/text.js';
import { ByteWriter } from '../ground/writer.js';
import {
  CBOR_LIMITS,
  type CborData,
  compareKeys,
  DOUBLE,
  FALSE,
  HALF,
  halfBits,
  MAJOR,
  NULL,
  SINGLE,
  TAG_BIG,
  TAG_BIG_NEGATIVE,
  TAG_DATE,
  TRUE,
  UNDEFINED,
} from './cbor.js';

const ASCII = /^[\0-\x7f]*$/;
const TWO_32 = 0x1_0000_0000;
const TWO_64 = 1n << 64n;
const scratch = new DataView(new ArrayBuffer(8));

/**
 * The bytes of plain data.
 *
 * ```ts
 * encodeCbor({ b: 1, a: [true, null] }); // a2 61 61 82 f5 f6 61 62 01
 * ```
 *
 * @throws REGALIA_ENCODING with the path to what cannot be written: a Map, a Set, a function, a
 * symbol, an instance of
 *   a class, an invalid Date, text that is no valid Unicode, a cycle, depth over 32, more than 16 MiB.
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
    else if (typeof data === 'object') this.#object(data);
    else if (typeof data === 'boolean') this.writer.u8(data ? TRUE : FALSE);
    else if (data === undefined) this.writer.u8(UNDEFINED);
    else if (typeof data === 'bigint') this.#bigint(data);
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
      this.writer.u8((number < 0n ? MAJOR.negative : MAJOR.unsigned) | 27);
      for (let i = 0; i < 8; i++) this.writer.u8(scratch.getUint8(i));
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

  #object(data: object): void {
    if (data instanceof Uint8Array) this.#bytes(data);
    else if (data instanceof Date) this.#date(data);
    else this.#container(data);
  }

  #container(data: object): void {
    if (this.#around.includes(data)) this.#fail('a tree', 'a cycle');
    if (this.#around.length === CBOR_LIMITS.depth_max) {
      this.#fail(`a depth of at most ${CBOR_LIMITS.depth_max}`, 'a deeper one');
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
    const { bytes_max } = CBOR_LIMITS;
    if (this.writer.length + count > bytes_max) this.#fail(`at most ${bytes_max} bytes`, 'more');
  }

  #fail(expected: string, actual: string): never {
    const path = pathText(this.#path);
    const message = `${path} cannot be written as CBOR: expected ${expected}, found ${actual}`;
    throw new RegaliaError('REGALIA_ENCODING', message, {
      expected,
      actual: `${actual} at ${path}`,
    });
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
export function writeHead(writer: ByteWriter, major: number, number: number): void {
  if (number < 24) {
    writer.u8(major | number);
  } else if (number < 0x100) {
    writer.u8(major | 24).u8(number);
  } else if (number < 0x1_0000) {
    writer
      .u8(major | 25)
      .u8(number >>> 8)
      .u8(number);
  } else if (number < TWO_32) {
    writer.u8(major | 26);
    writeU32(writer, number);
  } else {
    writer.u8(major | 27);
    writeU32(writer, Math.floor(number / TWO_32));
    writeU32(writer, number % TWO_32);
  }
}

function writeU32(writer: ByteWriter, number: number): void {
  writer
    .u8(number >>> 24)
    .u8(number >>> 16)
    .u8(number >>> 8)
    .u8(number);
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
export function writeFloat(writer: ByteWriter, number: number): void {
  const half = halfBits(number);
  if (half !== undefined) {
    writer
      .u8(HALF)
      .u8(half >>> 8)
      .u8(half);
  } else if (Math.fround(number) === number) {
    scratch.setFloat32(0, number);
    writer.u8(SINGLE);
    writeU32(writer, scratch.getUint32(0));
  } else {
    scratch.setFloat64(0, number);
    writer.u8(DOUBLE);
    writeU32(writer, scratch.getUint32(0));
    writeU32(writer, scratch.getUint32(4));
  }
}
