/**
 * The bytes of a minimal finite state transducer: states, written children first, and a trailer.
 * The state that ends last is the root. An address is the offset just behind a state's last byte,
 * and a state is read from there downward; address 0 is the one final state without transitions,
 * which takes no bytes. Outputs are ordinals, so a transition carries only how many names of its
 * state come before it: that depends on the state's own language alone, and no suffix sharing is
 * lost (minimal perfect hashing; Lucchesi and Kowaltowski 1993).
 *
 *   state     one transition, to the state just below, not final:
 *               1ccccccc            label c of 1 to 0x7f
 *               label, 10000000     any other label
 *             any other:
 *               before n-1 × w · back n × d · labels n · [n-1] · 0fddwwnn
 *   trailer   the number of names, w bytes · 0001wwww
 *
 * nn: n of 1 to 3, else 0, and n-1 stands before it. f: final. dd, ww: widths less 1, of the
 * distance back to the target (0 means address 0) and of `before` (ww is 0 where n is 1). Integers
 * are little-endian, as wide as the widest of their state needs. Persisted: never renumber.
 */
import { malformed } from '../ground/errors.js';

const FST_VERSION = 1;
export const FST = 'transducer';
/** The most bytes of a state: 256 transitions of 1 + 4 + 4 bytes, a count and a header. */
export const STATE_BYTES_MAX = 256 * 9 + 2;

export function readUint(bytes: Uint8Array, at: number, width: number): number {
  if (width === 1) return bytes[at];
  if (width === 2) return bytes[at] | (bytes[at + 1] << 8);
  const low = bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16);
  return width === 3 ? low : low + bytes[at + 3] * 0x100_0000;
}

function writeUint(bytes: Uint8Array, at: number, width: number, number: number): number {
  for (let i = 0; i < width; i++, number >>>= 8) bytes[at++] = number;
  return at;
}

function widthOf(number: number): number {
  if (number < 0x100) return 1;
  if (number < 0x1_0000) return 2;
  return number < 0x100_0000 ? 3 : 4;
}

/** A state to be written: transitions `from` to `to` of parallel arrays. */
export interface Transitions {
  readonly labels: ArrayLike<number>;
  readonly targets: ArrayLike<number>;
  /** How many names lie behind each transition. */
  readonly counts: ArrayLike<number>;
}

/**
 * Writes a state at offset `at` of `out`, whose first byte has the address `base`; returns the
 * offset behind it. Targets are addresses below; there is at least one transition, and room for
 * STATE_BYTES_MAX.
 */
export function writeState(
  out: Uint8Array,
  at: number,
  base: number,
  final: boolean,
  { labels, targets, counts }: Transitions,
  from: number,
  to: number,
): number {
  const count = to - from;
  const start = base + at;
  if (count === 1 && !final && targets[from] === start) {
    const label = labels[from];
    if (label > 0 && label < 0x80) {
      out[at] = 0x80 | label;
      return at + 1;
    }
    out[at] = label;
    out[at + 1] = 0x80;
    return at + 2;
  }
  let least = Infinity;
  let names = final ? 1 : 0;
  for (let i = from; i < to; i++) {
    if (targets[i] !== 0 && targets[i] < least) least = targets[i];
    if (i < to - 1) names += counts[i];
  }
  const beforeWidth = count === 1 ? 1 : widthOf(names);
  const fixed = start + (count - 1) * beforeWidth + count + (count > 3 ? 2 : 1);
  let backWidth = 1;
  while (least !== Infinity && widthOf(fixed + count * backWidth - least) > backWidth) backWidth++;
  const end = fixed + count * backWidth;
  let before = final ? 1 : 0;
  for (let i = from; i < to - 1; i++) {
    before += counts[i];
    at = writeUint(out, at, beforeWidth, before);
  }
  for (let i = from; i < to; i++)
    at = writeUint(out, at, backWidth, targets[i] === 0 ? 0 : end - targets[i]);
  for (let i = from; i < to; i++) out[at++] = labels[i];
  if (count > 3) out[at++] = count - 1;
  const widths = ((backWidth - 1) << 4) | ((beforeWidth - 1) << 2);
  out[at++] = (final ? 0x40 : 0) | widths | (count > 3 ? 0 : count);
  return at;
}

export function trailer(size: number): Uint8Array {
  const width = size === 0 ? 0 : widthOf(size);
  const bytes = new Uint8Array(width + 1);
  writeUint(bytes, 0, width, size);
  bytes[width] = (FST_VERSION << 4) | width;
  return bytes;
}

/** The number of names and the root's address. Throws REGALIA_FORMAT. */
export function readTrailer(bytes: Uint8Array): { size: number; root: number } {
  const last = bytes.length - 1;
  if (last < 0) throw malformed(FST, 0, 'a trailer', 'nothing');
  const width = bytes[last] & 0x0f;
  const root = last - width;
  if (bytes[last] >> 4 !== FST_VERSION)
    throw malformed(FST, last, `version ${FST_VERSION}`, `${bytes[last] >> 4}`);
  if (width > 4 || root < 0) throw malformed(FST, last, 'a trailer', `a width of ${width}`);
  const size = width === 0 ? 0 : readUint(bytes, root, width);
  if (width !== (size === 0 ? 0 : widthOf(size)))
    throw malformed(FST, root, 'an integer in its shortest form', 'a padded one');
  if ((size === 0) !== (root === 0))
    throw malformed(FST, root, 'states for names', `${size} names`);
  return { size, root };
}

/** A state read in place; one object is loaded again and again. */
export class FstState {
  final = false;
  count = 0;
  /** Where the state's first byte is. */
  start = 0;
  readonly #bytes: Uint8Array;
  #at = 0;
  #label = 0;
  #labels = 0;
  #backs = 0;
  #backWidth = 0;
  #beforeWidth = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** REGALIA_FORMAT where the state reaches below the first byte. `at` is at most the root. */
  load(at: number): this {
    this.#at = at;
    if (at === 0) {
      this.final = true;
      this.count = 0;
      this.start = 0;
      return this;
    }
    const header = this.#bytes[at - 1];
    if (header >= 0x80) this.#loadChain(at, header);
    else this.#loadBranch(at, header);
    if (this.start < 0) throw malformed(FST, at, 'a whole state', 'the beginning');
    return this;
  }

  #loadChain(at: number, header: number): void {
    const long = header === 0x80;
    this.final = false;
    this.count = 1;
    this.start = at - (long ? 2 : 1);
    this.#label = long ? this.#bytes[at - 2] : header & 0x7f;
    this.#backWidth = 0;
  }

  #loadBranch(at: number, header: number): void {
    const inline = (header & 3) !== 0;
    const count = inline ? header & 3 : at < 2 ? 1 : this.#bytes[at - 2] + 1;
    this.final = header >= 0x40;
    this.count = count;
    this.#backWidth = ((header >> 4) & 3) + 1;
    this.#beforeWidth = ((header >> 2) & 3) + 1;
    this.#labels = at - (inline ? 1 : 2) - count;
    this.#backs = this.#labels - count * this.#backWidth;
    this.start = this.#backs - (count - 1) * this.#beforeWidth;
  }

  label(index: number): number {
    return this.#backWidth === 0 ? this.#label : this.#bytes[this.#labels + index];
  }

  /** The address that a transition leads to: always below this state's. */
  target(index: number): number {
    if (this.#backWidth === 0) return this.start;
    const at = this.#backs + index * this.#backWidth;
    const back = readUint(this.#bytes, at, this.#backWidth);
    if (back > this.#at) throw malformed(FST, at, `at most ${this.#at} back`, `${back}`);
    return back === 0 ? 0 : this.#at - back;
  }

  /** How many names of this state come before a transition. */
  before(index: number): number {
    if (index === 0) return this.final ? 1 : 0;
    return readUint(this.#bytes, this.start + (index - 1) * this.#beforeWidth, this.#beforeWidth);
  }
}
