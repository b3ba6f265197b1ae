/**
 * The reader of bytes, which treats them as an enemy's: every length is checked before it is
 * believed, integers must be in their shortest form, and what fails is REGALIA_FORMAT with the name
 * of what was read and the offset.
 */
import { malformed, unknownVersion } from './errors.js';
import { readU16, readU32, readU48 } from './integers.js';
import { utf8Text } from './text.js';

export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #what: string;
  #end: number;
  at: number;

  /** `what` names the thing being read, for errors. */
  constructor(bytes: Uint8Array, what: string, start = 0, end = bytes.length) {
    this.#bytes = bytes;
    this.#what = what;
    this.at = start;
    this.#end = end;
  }

  get remaining(): number {
    return this.#end - this.at;
  }

  fail(expected: string, actual: string): never {
    throw malformed(this.#what, this.at, expected, actual);
  }

  u8(): number {
    if (this.at >= this.#end) this.fail('a byte', 'the end');
    return this.#bytes[this.at++] as number;
  }

  u16(): number {
    return readU16(this.#bytes, this.#pass(2));
  }

  u32(): number {
    return readU32(this.#bytes, this.#pass(4));
  }

  u48(): number {
    return readU48(this.#bytes, this.#pass(6));
  }

  varint(): number {
    let number = 0;
    let scale = 1;
    for (let count = 0; count < 8; count++) {
      const byte = this.u8();
      number += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        if (byte === 0 && count > 0) this.fail('an integer in its shortest form', 'a padded one');
        if (number > Number.MAX_SAFE_INTEGER) this.fail('an integer below 2^53', 'a larger one');
        return number;
      }
      scale *= 128;
    }
    return this.fail('an integer of at most 8 bytes', 'a longer one');
  }

  /** A view of the next `count` bytes. */
  bytes(count: number): Uint8Array {
    const start = this.#pass(count);
    return this.#bytes.subarray(start, this.at);
  }

  /** Where the next `count` bytes begin, which are passed. */
  #pass(count: number): number {
    if (count > this.remaining) this.fail(`${count} bytes`, `${this.remaining}`);
    const start = this.at;
    this.at += count;
    return start;
  }

  /** A view of the bytes behind a varint length of at most `limit`. */
  lengthed(limit = Number.MAX_SAFE_INTEGER): Uint8Array {
    const length = this.varint();
    if (length > limit) this.fail(`at most ${limit} bytes`, `${length}`);
    return this.bytes(length);
  }

  text(limit = 65_535): string {
    const bytes = this.lengthed(limit);
    return utf8Text(bytes) ?? this.fail('valid UTF-8', 'other bytes');
  }

  /** A version byte that must be the one this release knows. REGALIA_VERSION. */
  version(expected: number): void {
    const actual = this.u8();
    if (actual !== expected) throw unknownVersion(this.#what, expected, actual);
  }

  /** REGALIA_FORMAT unless all was read. */
  end(): void {
    if (this.remaining !== 0) this.fail('the end', `${this.remaining} more bytes`);
  }
}
