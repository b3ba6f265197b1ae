/**
 * Scrubs the encoding of a content while its chunks pass, in order, holes included. Where one of
 * them is not here nothing can be said.
 */

import { isRegaliaError } from '../ground/errors.js';
import { CBOR_BYTES_MAX } from '../ground/limits.js';
import { type ContentChecker, contentChecker } from '../streams/encoding.js';
import type { Encoding } from '../streams/rule.js';

const ZEROS = new Uint8Array(65_536);

export class EncodingScrub {
  readonly #checker: ContentChecker;
  /** Of a hole: more change nothing. */
  readonly #zerosMax: number;
  #fault: string | undefined;
  #isLost = false;

  constructor(encoding: Encoding, stream: string) {
    this.#checker = contentChecker(encoding, stream);
    this.#zerosMax = encoding === 'cbor' ? CBOR_BYTES_MAX + 1 : 1;
  }

  /** Whether nothing more needs to be read. */
  get isDone(): boolean {
    return this.#isLost || this.#fault !== undefined;
  }

  push(bytes: Uint8Array): void {
    if (!this.isDone) this.#check(() => this.#checker.push(bytes));
  }

  hole(length: number): void {
    let rest = Math.min(length, this.#zerosMax);
    for (; rest > 0 && !this.isDone; rest -= ZEROS.length) this.push(ZEROS.subarray(0, rest));
  }

  /** What comes next cannot be read. */
  lost(): undefined {
    this.#isLost = true;
  }

  /** What breaks the encoding. */
  end(): string | undefined {
    if (!this.isDone) this.#check(() => this.#checker.end());
    return this.#isLost ? undefined : this.#fault;
  }

  #check(check: () => void): void {
    try {
      check();
    } catch (error) {
      if (!isRegaliaError(error, 'REGALIA_ENCODING')) throw error;
      this.#fault = error.message;
    }
  }
}
