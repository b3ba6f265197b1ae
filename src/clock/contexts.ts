/**
 * The questions that encodings of ids, events and differences ask, and what answers they expect at
 * first. Contexts and priors are part of the format. _Persisted: never renumber._ Priors were
 * chosen on histories of 4 and of 100 replicas that fork, gossip, retire and count at several
 * rates; the counts adapt to the rest.
 *
 * A number n is coded as the bits of n + 1: how many there are, in unary, then those below the top
 * one, highest first. The unary part and the first of the lower bits have contexts; the rest are
 * fair.
 */
import { badStamp } from '../ground/errors.js';
import type { ArithmeticDecoder, ArithmeticEncoder, Priors } from './arithmetic.js';

/** Beyond this many levels all share one context. */
export const DEPTHS = 8;

const LENGTHS = 12;
const MAX_LENGTH = 54;

const priors: number[] = [];

function contexts(count: number, noes: number, yeses: number): number {
  const first = priors.length / 2;
  for (let i = 0; i < count; i++) priors.push(noes, yeses);
  return first;
}

function numbers(noes: number, yeses: number): number {
  const first = contexts(LENGTHS, noes, yeses);
  contexts(LENGTHS, 16, 16);
  return first;
}

/**
 * Event: is this half a node? By levels from the root, then by what its left sibling is: none, a
 * count, a node.
 */
export const EVENT_NODE = contexts(DEPTHS * 3, 16, 16);
/** Event: have both halves base 0? By how many of them are nodes, 1 or 2. */
export const EVENT_BOTH_ZERO = contexts(2, 6, 14);
/** Event: is it the right half whose base is not 0? By what the halves are. */
export const EVENT_RIGHT = contexts(4, 16, 16);
/** Event: the root's base, then the bases of counts and of nodes. */
export const EVENT_BASE = numbers(12, 20);
export const EVENT_COUNT = numbers(16, 16);
export const EVENT_NODE_BASE = numbers(16, 16);

/** Id: does the id own nothing? */
export const ID_NOTHING = contexts(1, 30, 2);
/** Id: is this owned part parted? */
export const ID_NODE = contexts(1, 28, 4);
/** Id: are both halves owned? */
export const ID_BOTH = contexts(1, 31, 1);
/** Id: is it the right half alone? */
export const ID_RIGHT = contexts(1, 16, 16);

/** Difference: has anything changed? */
export const DELTA_CHANGED = contexts(1, 4, 28);
/** Difference: is it a node now? By whether it was one. */
export const DELTA_NODE = contexts(1, 20, 12);
contexts(1, 1, 31);
/** Difference: have both halves changed? By whether it was a node. */
export const DELTA_BOTH = contexts(2, 30, 4);
/** Difference: has the right half alone changed? */
export const DELTA_RIGHT = contexts(1, 16, 16);
/** Difference: is it less than before? By whether it was a node. */
export const DELTA_LESS = contexts(2, 31, 1);
/**
 * Difference: how much more than a count, how much more than the maximum of a node, how much less.
 */
export const DELTA_MORE = numbers(24, 8);
export const DELTA_MORE_THAN_NODE = numbers(16, 16);
export const DELTA_FALL = numbers(16, 16);

export const PRIORS: Priors = Uint16Array.from(priors);

export function writeNumber(coder: ArithmeticEncoder, family: number, number: number): void {
  // Above 2^53 nothing is odd: n + 1 is exact because n is at most 2^53 - 1.
  const whole = number + 1;
  let length = 1;
  for (let rest = whole; rest >= 2; rest /= 2) {
    coder.bit(family + Math.min(length, LENGTHS) - 1, 1);
    length++;
  }
  coder.bit(family + Math.min(length, LENGTHS) - 1, 0);
  for (let i = length - 2; i >= 0; i--) {
    const bit = (Math.floor(whole / 2 ** i) % 2) as 0 | 1;
    if (i === length - 2) coder.bit(family + LENGTHS + Math.min(length, LENGTHS) - 1, bit);
    else coder.fairBit(bit);
  }
}

/** Throws REGALIA_STAMP above 2^53 - 1. */
export function readNumber(coder: ArithmeticDecoder, family: number): number {
  let length = 1;
  while (coder.bit(family + Math.min(length, LENGTHS) - 1) === 1) {
    length++;
    if (length > MAX_LENGTH) throw badStamp('the stamp', 'a count below 2^53', 'a larger one');
  }
  let whole = 1;
  for (let i = length - 2; i >= 0; i--) {
    const first = i === length - 2;
    const bit = first
      ? coder.bit(family + LENGTHS + Math.min(length, LENGTHS) - 1)
      : coder.fairBit();
    whole = whole * 2 + bit;
  }
  if (whole > 2 ** 53) throw badStamp('the stamp', 'a count below 2^53', 'a larger one');
  return whole - 1;
}
