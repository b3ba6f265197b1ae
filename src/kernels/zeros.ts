/**
 * Runs of zero bytes, found exactly and mostly without looking: a run of `least` bytes covers one
 * byte of every `least` in a row, so only each `least`-th byte is probed until one is zero (Boyer
 * and Moore's idea, 1977, for a pattern of one letter). Then the run around it is measured,
 * backward to where it begins and forward to its end.
 *
 * Bytes are compared by the page with a page of zeros, which the runtime does at the speed of
 * memory on any alignment; within a page that differs, by halves, and the last few one by one. No
 * byte is looked at more than a few times, whatever the bytes are.
 */
import { assert } from '../ground/errors.js';

const PAGE = 4096;
/** Below this many bytes, calling out of JavaScript costs more than a loop. */
const FEW = 64;
const zeros = Buffer.alloc(PAGE);

function isZero(bytes: Uint8Array, start: number, end: number): boolean {
  return zeros.compare(bytes, start, end, 0, end - start) === 0;
}

/** Where the zeros that begin at `start` end: the index of the first other byte, or `end`. */
export function zerosEnd(bytes: Uint8Array, start: number, end: number): number {
  const near = Math.min(start + FEW, end);
  for (let at = start; at < near; at++) if (bytes[at] !== 0) return at;
  let at = near;
  while (at < end && isZero(bytes, at, Math.min(at + PAGE, end))) at = Math.min(at + PAGE, end);
  let beyond = Math.min(at + PAGE, end);
  while (beyond - at > FEW) {
    const middle = (at + beyond) >>> 1;
    if (isZero(bytes, at, middle)) at = middle;
    else beyond = middle;
  }
  while (at < beyond && bytes[at] === 0) at++;
  return at;
}

/** Where the zeros that end at `end` begin: behind the last other byte, or `start`. */
export function zerosStart(bytes: Uint8Array, start: number, end: number): number {
  const near = Math.max(end - FEW, start);
  for (let at = end; at > near; at--) if (bytes[at - 1] !== 0) return at;
  let at = near;
  while (at > start && isZero(bytes, Math.max(at - PAGE, start), at))
    at = Math.max(at - PAGE, start);
  let before = Math.max(at - PAGE, start);
  while (at - before > FEW) {
    const middle = (before + at) >>> 1;
    if (isZero(bytes, middle, at)) at = middle;
    else before = middle;
  }
  while (at > before && bytes[at - 1] === 0) at--;
  return at;
}

export interface ZeroRun {
  readonly start: number;
  /** Behind the last zero, or `end` of what was asked: the run may go on there. */
  readonly end: number;
}

/** The first run of at least `least` zero bytes within `start..end`, as long as it is there. */
export function zeroRun(
  bytes: Uint8Array,
  start: number,
  end: number,
  least = 65_536,
): ZeroRun | undefined {
  assert(0 <= start && start <= end && end <= bytes.length && least >= 1, 'a range of the bytes');
  let from = start;
  for (let probe = from + least - 1; probe < end; probe = from + least - 1) {
    if (bytes[probe] !== 0) {
      from = probe + 1;
      continue;
    }
    const first = zerosStart(bytes, from, probe);
    const behind = zerosEnd(bytes, probe + 1, end);
    if (behind - first >= least) return { start: first, end: behind };
    from = behind + 1;
  }
  return undefined;
}
