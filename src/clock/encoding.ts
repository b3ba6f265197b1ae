/**
 * Ids and events as bytes: one arithmetic code each over a few questions per node.
 *
 *     event   is the root a node? its base; then for the halves of each node, left before right:
 *             is each a node? have both base 0 (not two counts)? which has not, and its base less 1
 *     id      nothing? then for each owned part: is it parted? are both halves owned, or which one?
 *
 * Bijective: a normal tree has one encoding, and a decoder accepts only the bytes that the encoder
 * would write, by encoding again. So padding, trailing bytes and trees that are not normal are
 * REGALIA_STAMP. So are more than 1,024 levels, counts above 2^53 - 1, more than MAX_NODES
 * nodes and more than 65,536 bytes. The seed takes no bytes. Medians of 100 replicas and
 * 1,000 events: 10 bytes where 3 of 10 events follow a message, 40 to 52 where each does, 54 to 79
 * for one who knows of all.
 */
import { EMPTY, equalBytes } from '../ground/bytes.js';
import { badStamp } from '../ground/errors.js';
import { STAMP_BYTES_MAX, STAMP_DEPTH_MAX, STAMP_NODES_MAX } from '../ground/limits.js';
import { ArithmeticDecoder, ArithmeticEncoder } from './arithmetic.js';
import {
  DEPTHS,
  EVENT_BASE,
  EVENT_BOTH_ZERO,
  EVENT_COUNT,
  EVENT_NODE,
  EVENT_NODE_BASE,
  EVENT_RIGHT,
  ID_BOTH,
  ID_NODE,
  ID_NOTHING,
  ID_RIGHT,
  PRIORS,
  readNumber,
  writeNumber,
} from './contexts.js';
import { type Event, eventNode, minEvent } from './event.js';
import { type Id, idNode } from './id.js';

/** Counts nodes, written or read, against their limit. */
export class NodeBudget {
  #left = STAMP_NODES_MAX;

  spend(): void {
    if (this.#left-- === 0) throw badStamp('the stamp', `at most ${STAMP_NODES_MAX} nodes`, 'more');
  }
}

/** Throws REGALIA_STAMP for a tree above the limits, as do all encoders here. */
export function encodeEvent(event: Event): Uint8Array {
  if (event !== lastEvent) {
    lastBytes = encoded((coder, budget) => writeEvent(coder, budget, event));
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

export function encodeId(id: Id): Uint8Array {
  if (id !== lastId) {
    lastIdBytes = encoded((coder, budget) => writeId(coder, budget, id));
    lastId = id;
  }
  return lastIdBytes.slice();
}

/** A branch's share is written with each of its commits; ids are immutable. */
let lastId: Id | undefined;
let lastIdBytes: Uint8Array = EMPTY;

export function decodeId(bytes: Uint8Array): Id {
  return decoded(bytes, readId, encodeId);
}

export function encoded(write: (coder: ArithmeticEncoder, budget: NodeBudget) => void): Uint8Array {
  const coder = new ArithmeticEncoder(PRIORS);
  write(coder, new NodeBudget());
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
  read: (coder: ArithmeticDecoder, budget: NodeBudget) => T,
  encode: (thing: T) => Uint8Array,
): T {
  if (bytes.length > STAMP_BYTES_MAX) throw tooLong(bytes);
  const thing = read(new ArithmeticDecoder(PRIORS, bytes), new NodeBudget());
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

function writeEvent(coder: ArithmeticEncoder, budget: NodeBudget, event: Event): void {
  coder.bit(nodeContext(0, 0), kindOf(event));
  writeNumber(coder, EVENT_BASE, minEvent(event));
  if (typeof event !== 'number') writeHalves(coder, budget, event.left, event.right, 1);
}

function writeHalves(
  coder: ArithmeticEncoder,
  budget: NodeBudget,
  left: Event,
  right: Event,
  depth: number,
): void {
  budget.spend();
  const [leftKind, rightKind] = [kindOf(left), kindOf(right)];
  coder.bit(nodeContext(depth, 0), leftKind);
  coder.bit(nodeContext(depth, leftKind + 1), rightKind);
  writeBases(coder, left, right, leftKind, rightKind);
  if (typeof left !== 'number') writeHalves(coder, budget, left.left, left.right, depth + 1);
  if (typeof right !== 'number') writeHalves(coder, budget, right.left, right.right, depth + 1);
}

function writeBases(
  coder: ArithmeticEncoder,
  left: Event,
  right: Event,
  leftKind: Kind,
  rightKind: Kind,
): void {
  const base = minEvent(left) + minEvent(right);
  const nodes = leftKind + rightKind;
  if (nodes > 0) coder.bit(EVENT_BOTH_ZERO + nodes - 1, base === 0 ? 1 : 0);
  if (base === 0) return;
  const onRight = minEvent(right) > 0 ? 1 : 0;
  coder.bit(EVENT_RIGHT + leftKind * 2 + rightKind, onRight);
  const kind = onRight === 1 ? rightKind : leftKind;
  writeNumber(coder, kind === 1 ? EVENT_NODE_BASE : EVENT_COUNT, base - 1);
}

function readEvent(coder: ArithmeticDecoder, budget: NodeBudget): Event {
  const kind = coder.bit(nodeContext(0, 0));
  const base = readNumber(coder, EVENT_BASE);
  return kind === 0 ? base : readNode(coder, budget, base, 1);
}

/** A node whose halves are at `depth`. */
function readNode(
  coder: ArithmeticDecoder,
  budget: NodeBudget,
  base: number,
  depth: number,
): Event {
  budget.spend();
  if (depth > STAMP_DEPTH_MAX)
    throw badStamp('the stamp', `a tree of at most ${STAMP_DEPTH_MAX} levels`, 'more');
  const leftKind = coder.bit(nodeContext(depth, 0));
  const rightKind = coder.bit(nodeContext(depth, leftKind + 1));
  const [leftBase, rightBase] = readBases(coder, leftKind, rightKind);
  const left = leftKind === 0 ? leftBase : readNode(coder, budget, leftBase, depth + 1);
  const right = rightKind === 0 ? rightBase : readNode(coder, budget, rightBase, depth + 1);
  return eventNode(base, left, right);
}

function readBases(
  coder: ArithmeticDecoder,
  leftKind: Kind,
  rightKind: Kind,
): readonly [number, number] {
  const nodes = leftKind + rightKind;
  if (nodes > 0 && coder.bit(EVENT_BOTH_ZERO + nodes - 1) === 1) return [0, 0];
  const onRight = coder.bit(EVENT_RIGHT + leftKind * 2 + rightKind);
  const kind = onRight === 1 ? rightKind : leftKind;
  const base = readNumber(coder, kind === 1 ? EVENT_NODE_BASE : EVENT_COUNT) + 1;
  return onRight === 1 ? [0, base] : [base, 0];
}

function writeId(coder: ArithmeticEncoder, budget: NodeBudget, id: Id): void {
  coder.bit(ID_NOTHING, id === 0 ? 1 : 0);
  if (id !== 0) writeShare(coder, budget, id);
}

/** REQUIRES: `id` owns something. */
function writeShare(coder: ArithmeticEncoder, budget: NodeBudget, id: Id): void {
  coder.bit(ID_NODE, id === 1 ? 0 : 1);
  if (typeof id === 'number') return;
  budget.spend();
  const { left, right } = id;
  const both = left !== 0 && right !== 0;
  coder.bit(ID_BOTH, both ? 1 : 0);
  if (!both) coder.bit(ID_RIGHT, left === 0 ? 1 : 0);
  if (left !== 0) writeShare(coder, budget, left);
  if (right !== 0) writeShare(coder, budget, right);
}

function readId(coder: ArithmeticDecoder, budget: NodeBudget): Id {
  return coder.bit(ID_NOTHING) === 1 ? 0 : readShare(coder, budget, 0);
}

function readShare(coder: ArithmeticDecoder, budget: NodeBudget, depth: number): Id {
  if (coder.bit(ID_NODE) === 0) return 1;
  budget.spend();
  if (depth >= STAMP_DEPTH_MAX)
    throw badStamp('the stamp', `a tree of at most ${STAMP_DEPTH_MAX} levels`, 'more');
  const both = coder.bit(ID_BOTH) === 1;
  const onRight = !both && coder.bit(ID_RIGHT) === 1;
  const left = onRight ? 0 : readShare(coder, budget, depth + 1);
  const right = both || onRight ? readShare(coder, budget, depth + 1) : 0;
  return idNode(left, right);
}
