/**
 * Copies of bytes side by side in larger buffers: a buffer of its own for each costs more than the
 * copying, and again when it is collected (measured). A slab is free once none of its copies is
 * used.
 */
/**
 * Bytes in memory that nobody shares, as a copy has them. The name spares the types that we publish
 * a form that older compilers do not know.
 */
export type OwnBytes = ReturnType<Uint8Array['slice']>;

export class Slab {
  readonly #slabBytes: number;
  #slab = new ArrayBuffer(0);
  #used = 0;

  /** Slabs of so many bytes; what is longer gets one of its own. */
  constructor(slabBytes: number) {
    this.#slabBytes = slabBytes;
  }

  /** A private copy of `bytes[start..end]`. */
  copy(bytes: Uint8Array, start = 0, end: number = bytes.length): Uint8Array {
    const copy = this.zeros(end - start);
    copy.set(bytes.subarray(start, end));
    return copy;
  }

  /** So many bytes that nobody else has. */
  zeros(length: number): OwnBytes {
    if (this.#used + length > this.#slab.byteLength) {
      this.#slab = new ArrayBuffer(Math.max(this.#slabBytes, length));
      this.#used = 0;
    }
    const bytes = new Uint8Array(this.#slab, this.#used, length);
    this.#used += length;
    return bytes;
  }
}
