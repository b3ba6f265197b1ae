/** A set of whole numbers, a bit each, in pages: small where they lie close together. */
const PAGE_NUMBERS = 1_048_576;

export class BitSet {
  readonly #pages = new Map<number, Uint8Array>();

  has(number: number): boolean {
    const bits = this.#pages.get(Math.floor(number / PAGE_NUMBERS));
    const at = number % PAGE_NUMBERS;
    return bits !== undefined && ((bits[at >>> 3] as number) & (1 << (at & 7))) !== 0;
  }

  /** False where it was there before. */
  add(number: number): boolean {
    if (this.has(number)) return false;
    const page = Math.floor(number / PAGE_NUMBERS);
    let bits = this.#pages.get(page);
    if (bits === undefined) this.#pages.set(page, (bits = new Uint8Array(PAGE_NUMBERS / 8)));
    const at = number % PAGE_NUMBERS;
    bits[at >>> 3] = (bits[at >>> 3] as number) | (1 << (at & 7));
    return true;
  }
}
