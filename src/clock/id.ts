/**
 * Ids: the share of the interval [0, 1) that a stamp owns (Almeida, Baquero, Fonte: Interval Tree
 * Clocks, 2008, section 4 and 5.2).
 *
 * An id is 0 (owns nothing here), 1 (owns all of it), or a node whose halves are ids. Normal form:
 * no node of two equal leaves, so equal shares have equal trees. Every node is built by `idNode`,
 * which normalizes and refuses more than 1,024 levels; so recursion over any id is bounded.
 *
 * Ids of living replicas are disjoint. Two copies of one id break the clock silently: two that
 * count one event each compare equal. So a fork's first half must be durable before its second half
 * leaves, and a retired id is joined once only. Losing an id is safe: its share is never counted on
 * again, and the trees stay a little larger.
 *
 *       (1, (0, 1))        |11111111|00001111|   the left half and the last quarter
 */
import { badStamp } from '../ground/errors.js';
import { STAMP_DEPTH_MAX } from '../ground/limits.js';

export interface IdNode {
  readonly left: Id;
  readonly right: Id;
  /** Levels below this node, 1 or more. */
  readonly depth: number;
}

export type Id = 0 | 1 | IdNode;

/** The id of the first replica. */
export const WHOLE: Id = 1;

/** The depth of a node over subtrees of the given depths; throws REGALIA_STAMP above the limit. */
export function depthAbove(left: number, right: number): number {
  const depth = Math.max(left, right) + 1;
  if (depth > STAMP_DEPTH_MAX)
    throw badStamp('the stamp', `a tree of at most ${STAMP_DEPTH_MAX} levels`, `${depth}`);
  return depth;
}

/** The paper's norm: a node of two halves, or the leaf that it equals. */
export function idNode(left: Id, right: Id): Id {
  if (left === right && typeof left === 'number') return left;
  return { left, right, depth: depthAbove(idDepth(left), idDepth(right)) };
}

export function idDepth(id: Id): number {
  return typeof id === 'number' ? 0 : id.depth;
}

/** Two disjoint ids whose sum is `id`: its halves if it has two; what is whole is halved. */
export function split(id: Id): readonly [Id, Id] {
  if (id === 0) return [0, 0];
  if (id === 1) return [idNode(1, 0), idNode(0, 1)];
  const { left, right } = id;
  if (left === 0) {
    const [first, second] = split(right);
    return [idNode(0, first), idNode(0, second)];
  }
  if (right === 0) {
    const [first, second] = split(left);
    return [idNode(first, 0), idNode(second, 0)];
  }
  return [idNode(left, 0), idNode(0, right)];
}

/** The share of both. REGALIA_STAMP where they overlap: some id was joined twice. */
export function sum(a: Id, b: Id): Id {
  if (a === 0) return b;
  if (b === 0) return a;
  if (a === 1 || b === 1)
    throw badStamp('the stamp', 'ids that own disjoint shares', 'ids that overlap');
  return idNode(sum(a.left, b.left), sum(a.right, b.right));
}
