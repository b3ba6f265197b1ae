/**
 * Event trees as bytes: an arithmetic code over a few questions per node. Is the root a node? Its
 * base. Then for the halves of each node, left before right: is each a node? Have both base 0 (not
 * two counts)? Which has not, and its base less 1.
 *
 * Bijective: a normal tree has one encoding, and a decoder accepts only the bytes that the encoder
 * would write, by encoding again. So padding, trailing bytes and trees that are not normal are
 * REGALIA_STAMP. So are more than 1,024 levels, counts above 2^53 - 1, more than STAMP_NODES_MAX
 * nodes and more than 65,536 bytes. The seed takes no bytes. Medians of 100 replicas and 1,000
 * events: 10 bytes where 3 of 10 events follow a message, 40 to 52 where each does, 54 to 79 for
 * one who knows of all.
 *
 * Each question has a context, with what answers it expects at first. Contexts and priors are part
 * of the format. _Persisted: never renumber._ Priors were chosen on histories of 4 and of 100
 * replicas that fork, gossip, retire and count at several rates; the counts adapt to the rest.
 *
 * A number n is coded as the bits of n + 1: how many there are, in unary, then those below the top
 * one, highest first. The unary part and the first of the lower bits have contexts; the rest are
 * fair.
 */
import { EMPTY, equalBytes } from '../ground/bytes.js';
import { badStamp } from '../ground/errors.js';
import { STAMP_BYTES_MAX, STAMP_DEPTH_MAX, STAMP_NODES_MAX } from '../ground/limits.js';
import { ArithmeticDecoder, ArithmeticEncoder, type Priors } from './arithmetic.js';
import { type Event, eventNode, minEvent } from './event.js';

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

/** Event: is this half a node? By level, then by its left sibling: none, a count, a node. */
export const EVENT_NODE = contexts(DEPTHS * 3, 16, 16);
/** Event: have both halves base 0? By how many of them are nodes, 1 or 2. */
export const EVENT_BOTH_ZERO = contexts(2, 6, 14);
/** Event: is it the right half whose base is not 0? By what the halves are. */
export const EVENT_RIGHT = contexts(4, 16, 16);
/** Event: the root's base, then the bases of counts and of nodes. */
export const EVENT_BASE = numbers(12, 20);
export const EVENT_COUNT = numbers(16, 16);
const EVENT_NODE_BASE = numbers(16, 16);

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
/** Difference: how much more than a count, than the maximum of a node, how much less. */
export const DELTA_MORE = numbers(24, 8);
export const DELTA_MORE_THAN_NODE = numbers(16, 16);
export const DELTA_FALL = numbers(16, 16);

export const PRIORS: Priors = Uint16Array.from(priors);

class NodeBudget {
  #left = STAMP_NODES_MAX;

  /** Throws REGALIA_STAMP also where the node has that many others above it. */
  spend(depth = 0): void {
    if (this.#left-- === 0) throw badStamp('the stamp', `at most ${STAMP_NODES_MAX} nodes`, 'more');
    if (depth < STAMP_DEPTH_MAX) return;
    throw badStamp('the stamp', `a tree of at most ${STAMP_DEPTH_MAX} levels`, 'more');
  }
}

export class TreeEncoder extends ArithmeticEncoder {
  readonly nodes = new NodeBudget();
}

export class TreeDecoder extends ArithmeticDecoder {
  readonly nodes = new NodeBudget();
}

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
  const second = family + LENGTHS + Math.min(length, LENGTHS) - 1;
  let whole = 1;
  for (let i = length - 2; i >= 0; i--) {
    const isFirst = i === length - 2;
    whole = whole * 2 + (isFirst ? coder.bit(second) : coder.fairBit());
  }
  if (whole > 2 ** 53) throw badStamp('the stamp', 'a count below 2^53', 'a larger one');
  return whole - 1;
}

/** Throws REGALIA_STAMP for a tree above the limits, as do all encoders here. */
export function encodeEvent(event: Event): Uint8Array {
  if (event !== lastEvent) {
    lastBytes = encoded((coder) => writeEvent(coder, event));
    lastEvent = event;
  }
  return lastBytes.slice();
}

/** A commit's stamp is encoded several times on its way to the log; event trees are immutable. */
let lastEvent: Event = 0;
let lastBytes: Uint8Array = EMPTY;

/** Throws REGALIA_STAMP for bytes that no event tree encodes to, as do all decoders here. */
export function decodeEvent(bytes: Uint8Array): Event {
  return decoded(bytes, readEvent, encodeEvent);
}

export function encoded(write: (coder: TreeEncoder) => void): Uint8Array {
  const coder = new TreeEncoder(PRIORS);
  write(coder);
  const bytes = coder.finish();
  if (bytes.length > STAMP_BYTES_MAX) throw tooLong(bytes);
  return bytes;
}

function tooLong(bytes: Uint8Array): Error {
  return badStamp('the stamp', `at most ${STAMP_BYTES_MAX} bytes`, `${bytes.length}`);
}

/** What `read` makes of the bytes, if `encode` makes the same bytes of that. */
export function decoded<T>(
  bytes: Uint8Array,
  read: (coder: TreeDecoder) => T,
  encode: (thing: T) => Uint8Array,
): T {
  if (bytes.length > STAMP_BYTES_MAX) throw tooLong(bytes);
  const thing = read(new TreeDecoder(PRIORS, bytes));
  if (!equalBytes(encode(thing), bytes))
    throw badStamp('the stamp', 'a canonical encoding', 'other bytes');
  return thing;
}

/** 0 for a count, 1 for a node: an answer, and part of contexts. */
export type Kind = 0 | 1;

export function kindOf(event: Event): Kind {
  return typeof event === 'number' ? 0 : 1;
}

/** The context of "is it a node?" at a depth, after no sibling (0), a count (1) or a node (2). */
function nodeContext(depth: number, sibling: number): number {
  return EVENT_NODE + Math.min(depth, DEPTHS - 1) * 3 + sibling;
}

function writeEvent(coder: TreeEncoder, event: Event): void {
  coder.bit(nodeContext(0, 0), kindOf(event));
  writeNumber(coder, EVENT_BASE, minEvent(event));
  if (typeof event !== 'number') writeHalves(coder, event.left, event.right, 1);
}

function writeHalves(coder: TreeEncoder, left: Event, right: Event, depth: number): void {
  coder.nodes.spend();
  const [leftKind, rightKind] = [kindOf(left), kindOf(right)];
  coder.bit(nodeContext(depth, 0), leftKind);
  coder.bit(nodeContext(depth, leftKind + 1), rightKind);
  writeBases(coder, left, right);
  if (typeof left !== 'number') writeHalves(coder, left.left, left.right, depth + 1);
  if (typeof right !== 'number') writeHalves(coder, right.left, right.right, depth + 1);
}

function writeBases(coder: TreeEncoder, left: Event, right: Event): void {
  const [leftKind, rightKind] = [kindOf(left), kindOf(right)];
  const base = minEvent(left) + minEvent(right);
  const nodes = leftKind + rightKind;
  if (nodes > 0) coder.bit(EVENT_BOTH_ZERO + nodes - 1, base === 0 ? 1 : 0);
  if (base === 0) return;
  const onRight = minEvent(right) > 0 ? 1 : 0;
  coder.bit(EVENT_RIGHT + leftKind * 2 + rightKind, onRight);
  const kind = onRight === 1 ? rightKind : leftKind;
  writeNumber(coder, kind === 1 ? EVENT_NODE_BASE : EVENT_COUNT, base - 1);
}

function readEvent(coder: TreeDecoder): Event {
  const kind = coder.bit(nodeContext(0, 0));
  const base = readNumber(coder, EVENT_BASE);
  return kind === 0 ? base : readNode(coder, base, 1);
}

/** A node whose halves are at `depth`. */
function readNode(coder: TreeDecoder, base: number, depth: number): Event {
  coder.nodes.spend(depth - 1);
  const leftKind = coder.bit(nodeContext(depth, 0));
  const rightKind = coder.bit(nodeContext(depth, leftKind + 1));
  const [leftBase, rightBase] = readBases(coder, leftKind, rightKind);
  const left = leftKind === 0 ? leftBase : readNode(coder, leftBase, depth + 1);
  const right = rightKind === 0 ? rightBase : readNode(coder, rightBase, depth + 1);
  return eventNode(base, left, right);
}

function readBases(coder: TreeDecoder, leftKind: Kind, rightKind: Kind): readonly [number, number] {
  const nodes = leftKind + rightKind;
  if (nodes > 0 && coder.bit(EVENT_BOTH_ZERO + nodes - 1) === 1) return [0, 0];
  const onRight = coder.bit(EVENT_RIGHT + leftKind * 2 + rightKind);
  const kind = onRight === 1 ? rightKind : leftKind;
  const base = readNumber(coder, kind === 1 ? EVENT_NODE_BASE : EVENT_COUNT) + 1;
  return onRight === 1 ? [0, base] : [base, 0];
}
