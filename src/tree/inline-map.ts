/**
 * Inline child maps, read where they lie: a leaf without its first four bytes, inside a record. Its
 * links lie in the list of the node that holds the record, those of one nested record behind the
 * other.
 */
import { putU48 } from '../ground/integers.js';
import { ByteReader } from '../ground/reader.js';
import { NO_ID, Node, offsetsNeeded } from './node.js';
import { NODE_HEADER } from './node-header.js';
import {
  CHILD_INLINE,
  CHILD_NONE,
  type ChildPart,
  INLINE,
  type Link,
  readRecord,
} from './record.js';
import type { Shapes } from './shape.js';

/**
 * The child map that lies inside the record at `index` of `holder`; `child` is what `readRecord`
 * found there.
 */
export function inlineChild(
  holder: Node,
  index: number,
  child: ChildPart & { form: typeof CHILD_INLINE },
): Node {
  const node = parse(holder, child.body);
  const first = countLinks(node);
  const sum = first[node.count] as number;
  node.inlineLinks = first;
  if (!holder.hasLinks || sum === 0) return node;
  // An inline map's links are the last of its record.
  const all = Math.floor((holder.linksEnd - holder.ids) / 6);
  const next = index + 1 < holder.count ? holder.firstLink(index + 1) : all;
  node.ids = holder.ids + 6 * (next - sum);
  node.linksEnd = Math.min(holder.linksEnd, holder.ids + 6 * next);
  return node;
}

/** A leaf made of a body that lies anywhere, and its links. */
export function inlineLeaf(
  interned: Shapes,
  algorithm: Node['algorithm'],
  body: Uint8Array,
  links: readonly Link[],
): Node {
  const plainEnd = NODE_HEADER + body.length;
  const bytes = new Uint8Array(plainEnd + 6 * links.length);
  bytes.set(body, NODE_HEADER);
  for (let i = 0; i < links.length; i++) putU48(bytes, plainEnd + 6 * i, links[i] ?? NO_ID);
  const offsets = new Uint16Array(offsetsNeeded(bytes, 0));
  const source = {
    interned,
    bytes,
    start: 0,
    plainEnd,
    end: plainEnd,
    level: 0,
    id: undefined,
    depth: 0,
    algorithm,
  };
  const node = new Node(source, offsets, 0);
  node.inlineLinks = countLinks(node);
  node.ids = plainEnd;
  node.linksEnd = bytes.length;
  return node;
}

function parse(holder: Node, body: Uint8Array): Node {
  const { interned, bytes, algorithm } = holder;
  const first = body.byteOffset - bytes.byteOffset;
  const end = first + body.length;
  if (body.length < 2) new ByteReader(bytes, 'inline map', first, end).bytes(2);
  const start = first - NODE_HEADER;
  const offsets = new Uint16Array(offsetsNeeded(bytes, start));
  const source = {
    interned,
    bytes,
    start,
    plainEnd: end,
    end,
    level: 0,
    id: undefined,
    depth: 0,
    algorithm,
  };
  return new Node(source, offsets, 0);
}

/** The index of each record's first link, and the number of all. */
function countLinks(node: Node): Uint16Array {
  const first = new Uint16Array(node.count + 1);
  let sum = 0;
  for (let i = 0; i < node.count; i++) {
    first[i] = sum;
    sum += linksOf(node, i);
  }
  first[node.count] = sum;
  return first;
}

function linksOf(node: Node, index: number): number {
  const { streams, child } = readRecord(node, index);
  let count = 0;
  for (const stream of streams) if (stream.form !== INLINE) count++;
  if (child.form === CHILD_NONE) return count;
  if (child.form !== CHILD_INLINE) return count + 1;
  const nested = parse(node, child.body);
  return count + (countLinks(nested)[nested.count] as number);
}
