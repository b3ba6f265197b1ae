/**
 * Ids: the shares of the interval [0, 1) that stamps are counted on (Almeida, Baquero, Fonte:
 * Interval Tree Clocks, 2008, section 4). An id is one part that halving makes, named by the way to
 * it: 0 for the left half, 1 for the right one.
 *
 *     ''   the whole       '0'   its left half       '01'   the second quarter
 *
 * The paper splits an id at each fork, so that the n-th may lie n levels down. Here a part is given
 * out share by share, without end, and the n-th lies about 2 log2(n) levels down. Its way within
 * the part is the Elias gamma code of n, with ones for zeros: n has k + 1 binary digits, and the
 * share is k ones, a zero, and the last k digits. No code begins another, so shares are disjoint;
 * they ascend with n.
 *
 *     n        1     2     3     4       5       6       7       8
 *     share    0     100   101   11000   11001   11010   11011   1110000
 */
import { STAMP_DEPTH_MAX } from '../ground/limits.js';

export type Id = string;

/** The interval: what the first replica has to give out. */
export const WHOLE: Id = '';

/** The share of a part that is given out as the n-th, from 1 on. */
export function shareOf(part: Id, n: number): Id {
  const digits = n.toString(2);
  return `${part}${'1'.repeat(digits.length - 1)}0${digits.slice(1)}`;
}

/** Which share of a part an id is, or is within; undefined where it is in no single one. */
export function shareAround(part: Id, id: Id): number | undefined {
  if (!id.startsWith(part)) return undefined;
  const code = id.slice(part.length);
  const ones = code.indexOf('0');
  // Without the zero, or all digits behind it, it is several shares.
  if (ones < 0 || code.length < 2 * ones + 1) return undefined;
  return Number.parseInt(`1${code.slice(ones + 1, 2 * ones + 1)}`, 2);
}

/** Whether a text is an id: it may be anybody's. */
export function isId(text: string): boolean {
  return text.length <= STAMP_DEPTH_MAX && /^[01]*$/.test(text);
}
