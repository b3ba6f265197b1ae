/**
 * Copies of bytes side by side in larger buffers: a buffer of its own for each costs more than the
 * copying, and again when it is collected (measured). A slab is free once none of its copies is
 * used.
 */
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
    const length = end - start;
    if (this.#used + length > this.#slab.byteLength) {
      this.#slab = new ArrayBuffer(Math.max(this.#slabBytes, length));
      this.#used = 0;
    }
    const copy = new Uint8Array(this.#slab, this.#used, length);
    this.#used += length;
    copy.set(bytes.subarray(start, end));
    return copy;
  }
}
