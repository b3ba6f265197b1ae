/**
 * Which entry and stream a reference of a node belongs to, found from its place among the node's
 * references: for the message of a fault, so it is worked out when there is one.
 */
import type { CheckedNode } from '../tree/check-node.js';
import { inlineChild } from '../tree/inline-map.js';
import type { Names } from '../tree/key.js';
import type { Node } from '../tree/node.js';
import { CHILD_INLINE, INLINE, readRecord } from '../tree/record.js';

/** The names below the node's map, and the stream if it is one's. */
export interface Location {
  readonly names: Names;
  readonly stream: string | undefined;
}

/** The location of the reference at `index` of a node that was checked. */
export function locate(node: Node, { firstLinks }: CheckedNode, index: number): Location {
  const names: Uint8Array[] = [];
  // An inner node's child adds no name.
  if (node.level > 0) return { names, stream: undefined };
  let map = node;
  let first: ArrayLike<number> = firstLinks;
  let rest = index;
  for (;;) {
    const record = recordOf(first, map.count, rest);
    const name = map.name(record);
    if (name.length > 0) names.push(name);
    rest -= first[record] as number;
    const { shape, streams, child } = readRecord(map, record);
    for (let i = 0; i < streams.length; i++) {
      if (streams[i]?.form === INLINE) continue;
      if (rest-- === 0) return { names, stream: shape.names[i] };
    }
    if (child.form !== CHILD_INLINE) return { names, stream: undefined };
    map = inlineChild(map, record, child);
    first = map.inlineLinks as Uint16Array;
  }
}

/**
 * The last record whose first link is not behind `index`, and that has any: empty ones share the
 * next one's first.
 */
function recordOf(first: ArrayLike<number>, count: number, index: number): number {
  let record = 0;
  for (let i = 0; i < count; i++) if ((first[i] as number) <= index) record = i;
  return record;
}
