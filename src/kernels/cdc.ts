/**
 * Content-defined cuts: where bytes are cut depends on the 32 bytes before, so that what is inserted or removed moves
 * the cuts near it alone.
 *
 *     | least: not looked at | up to the average: 1 in 4 × average | behind it: 1 in average / 4 | most: cut |
 *
 * A gear hash (W. Xia et al., "FastCDC", USENIX ATC 2016) shifts left by one and adds a number for each byte: a byte
 * has left it after 32 more. A cut comes behind a byte at which its highest bits are all zero: two more of them than
 * the average has before the average is reached, two less behind it, which keeps lengths together.
 *
 * Invariant: the first cut is a function of the bytes before it; no byte behind it counts, nor what came before.
 */
import { assert } from '../errors.js';

export interface CdcSizes {
  /** The shortest piece but the last, at least 32. */
  readonly bytesMin: number;
  /** About the mean: a power of two above the shortest. */
  readonly bytesAvg: number;
  /** The longest piece. */
  readonly bytesMax: number;
}

/** Bytes that a hash of 32 bits remembers. */
const WINDOW = 32;

/** A number for each byte, by the finalizer of MurmurHash3. Persisted: every cut depends on it. */
const GEAR = Int32Array.from({ length: 256 }, (_, byte) => mixed(Math.imul(byte + 1, 0x9e3779b1)));

function mixed(number: number): number {
  let hash = number;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}

/** The highest `count` bits. */
function highest(count: number): number {
  return -1 << (32 - count);
}

export class Cdc {
  readonly #bytesMin: number;
  readonly #bytesAvg: number;
  readonly #bytesMax: number;
  readonly #maskBefore: number;
  readonly #maskBehind: number;

  constructor({ bytesMin, bytesAvg, bytesMax }: CdcSizes) {
    const bits = Math.log2(bytesAvg);
    assert(Number.isInteger(bits) && bits >= 6 && bits <= 28, 'the average is a power of two');
    assert(bytesMin >= WINDOW && bytesMin < bytesAvg && bytesAvg < bytesMax, 'sizes ascend');
    this.#bytesMin = bytesMin;
    this.#bytesAvg = bytesAvg;
    this.#bytesMax = bytesMax;
    this.#maskBefore = highest(bits + 2);
    this.#maskBehind = highest(bits - 2);
  }

  /** Where the piece that begins at `start` ends. All bytes up to `end`, or `bytesMax` of them, are shown. */
  cut(bytes: Uint8Array, start: number, end: number): number {
    const from = start + this.#bytesMin;
    if (from >= end) return end;
    const most = Math.min(end, start + this.#bytesMax);
    const average = Math.min(most, start + this.#bytesAvg);
    const before = this.#maskBefore;
    const behind = this.#maskBehind;
    let hash = 0;
    let at = from - WINDOW;
    // The first byte after which a cut may come is the last of the shortest piece.
    for (; at < from - 1; at++) hash = ((hash << 1) + (GEAR[bytes[at] as number] as number)) | 0;
    for (; at < average - 1; at++) {
      hash = ((hash << 1) + (GEAR[bytes[at] as number] as number)) | 0;
      if ((hash & before) === 0) return at + 1;
    }
    for (; at < most; at++) {
      hash = ((hash << 1) + (GEAR[bytes[at] as number] as number)) | 0;
      if ((hash & behind) === 0) return at + 1;
    }
    return most;
  }
}
