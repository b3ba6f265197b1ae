/**
 * Content-defined chunking: where a chunk ends is decided by its own last 32 bytes, so that bytes
 * inserted into a content move only the ends near them, and what comes behind is cut as before.
 * FastCDC (Xia et al., 2016 and 2020): gear hash, no end before `bytesMin`, and normalized chunking
 * of level 2 around `bytesAvg`.
 *
 *     gear[b]  the first 4 bytes, little-endian, of the SHA-256 of `regalia gear ` and the byte b
 *     hash     of bytes x0 … x31, modulo 2^32: the sum of gear[x(i)] × 2^(31 - i)
 *
 * The chunk ends at the least length of at least `bytesMin` at which the hash of its last 32 bytes
 * is below floor(2^32 / (4 × bytesAvg)) where the length is below `bytesAvg`, and below floor(2^32
 * × 4 / bytesAvg) from there on; or else at `bytesMax`, or where the content ends. For an average
 * of 2^k that is the same as a mask of the highest k + 2 bits before it, and of k - 2 bits behind.
 * The highest bits depend on most bytes: bit i on i + 1.
 *
 * Persisted: what decides ends never changes, or equal contents would get other addresses.
 */
import { assert } from '../ground/errors.js';
import { base64 } from './cdc-wasm.js';
import { sha256 } from './hash.js';
import { instantiate, type ModuleExports } from './wasm-module.js';

export interface CdcParams {
  /** The shortest chunk but the last: from 64 bytes up. */
  readonly bytesMin: number;
  /** Where ends become 16 times likelier. What chunks have in the mean is near it. */
  readonly bytesAvg: number;
  /** The longest chunk: to 2^30 bytes. */
  readonly bytesMax: number;
}

/** How many bytes decide an end. */
export const CDC_WINDOW = 32;
const CDC_BYTES_MIN = 64;
export const CDC_BYTES_MAX = 1_073_741_824;

/**
 * The first index of `from..to` at which the hash of the 32 bytes that end there is below the
 * threshold, or `to`. There are 31 bytes before `from`.
 */
export type CdcScan = (bytes: Uint8Array, from: number, to: number, threshold: number) => number;

/** What is wrong with parameters of unknown origin, as evidence for an error; else undefined. */
export function cdcFault(params: CdcParams): { expected: string; actual: string } | undefined {
  const { bytesMin, bytesAvg, bytesMax } = params;
  const whole = [bytesMin, bytesAvg, bytesMax].every(Number.isSafeInteger);
  const ascend = CDC_BYTES_MIN <= bytesMin && bytesMin <= bytesAvg && bytesAvg <= bytesMax;
  if (whole && ascend && bytesMax <= CDC_BYTES_MAX) return undefined;
  return {
    expected: `${CDC_BYTES_MIN} <= bytesMin <= bytesAvg <= bytesMax <= ${CDC_BYTES_MAX}`,
    actual: `${bytesMin}, ${bytesAvg}, ${bytesMax}`,
  };
}

/** A splitter: a pure function of the bytes behind the last end. */
export class Cdc {
  readonly bytesMin: number;
  readonly bytesAvg: number;
  readonly bytesMax: number;
  readonly #scan: CdcScan;
  readonly #rare: number;
  readonly #frequent: number;

  /** `params` without a `cdcFault`. Both scans give the same ends. */
  constructor(params: CdcParams, scan: CdcScan = fastestScan()) {
    assert(cdcFault(params) === undefined, 'the parameters of chunking are without fault');
    this.bytesMin = params.bytesMin;
    this.bytesAvg = params.bytesAvg;
    this.bytesMax = params.bytesMax;
    this.#scan = scan;
    this.#rare = Math.floor(0x1_0000_0000 / (4 * params.bytesAvg));
    this.#frequent = Math.floor((0x1_0000_0000 * 4) / params.bytesAvg);
  }

  /**
   * Where the chunk that begins at `start` ends: above `start`, at most `end`. Up to `end` are
   * shown either at least `bytesMax` bytes, or all that is left of the content.
   */
  cut(bytes: Uint8Array, start: number, end: number): number {
    assert(0 <= start && start < end && end <= bytes.length, 'there are bytes to cut');
    const last = Math.min(start + this.bytesMax, end) - 1;
    const first = start + this.bytesMin - 1;
    if (first >= last) return last + 1;
    const middle = Math.min(start + this.bytesAvg - 1, last);
    const early = this.#scan(bytes, first, middle, this.#rare);
    if (early < middle) return early + 1;
    return this.#scan(bytes, middle, last, this.#frequent) + 1;
  }
}

let gear: Int32Array | undefined;

/** The table of random numbers, one for each byte: signed, as V8 adds them fastest. */
export function gearTable(): Int32Array {
  gear ??= Int32Array.from({ length: 256 }, (_, byte) => {
    const digest = sha256(Uint8Array.from([...Buffer.from('regalia gear '), byte]));
    return new DataView(digest.buffer, digest.byteOffset).getInt32(0, true);
  });
  return gear;
}

/** The plain twin, a byte at a time. */
export const scanPlain: CdcScan = (bytes, from, to, threshold) => {
  const table = gearTable();
  let hash = 0;
  for (let at = from - CDC_WINDOW + 1; at < from; at++) hash = ((hash << 1) + table[bytes[at]]) | 0;
  for (let at = from; at < to; at++) {
    hash = ((hash << 1) + table[bytes[at]]) | 0;
    if (hash >>> 0 < threshold) return at;
  }
  return to;
};

interface CdcModule extends ModuleExports {
  scan(from: number, to: number, threshold: number): number;
}

const GEAR_BYTES = 1024;
/** Bytes copied and scanned at a time, within the nearest caches: 16 to 64 KiB are alike. */
const STEP = 32_768;

/** The scan in WebAssembly over bytes copied into its memory, or undefined where it cannot run. */
export function compiledScan(): CdcScan | undefined {
  const module = instantiate<CdcModule>(base64);
  if (module === undefined) return undefined;
  const memory = new Uint8Array(module.memory.buffer);
  new Int32Array(memory.buffer, 0, 256).set(gearTable());
  const base = GEAR_BYTES + CDC_WINDOW - 1;
  return (bytes, from, to, threshold) => {
    for (let at = from; at < to; at += STEP) {
      const stop = Math.min(at + STEP, to);
      memory.set(bytes.subarray(at - CDC_WINDOW + 1, stop), GEAR_BYTES);
      const found = at + module.scan(base, base + stop - at, threshold) - base;
      if (found < stop) return found;
    }
    return to;
  };
}

let fastest: CdcScan | undefined;

function fastestScan(): CdcScan {
  fastest ??= compiledScan() ?? scanPlain;
  return fastest;
}
