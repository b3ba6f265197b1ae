/**
 * Equality by contents: whether two streams, child maps, entries or subtrees are the same, however
 * they lie in their trees.
 *
 * The same contents are laid out in several ways. Whether a stream lies in its record or in a block
 * beside it depends on its neighbours and on the length of the entry's name, and so does whether a
 * child map lies inline. Whether a stream is a content, and how it is cut, depends on the rule it
 * was put under; digests depend on the algorithm. None of that is a difference here, with one
 * exception that is stated at `sameStream`.
 *
 * `recordAddress` is the other side of it: one address for equal entries, wherever they are.
 */

import { type Address, addressOf, sameAddress } from '../blocks/address.js';
import { isIntegrityError } from '../blocks/blocks.js';
import { ContentReader } from '../chunks/reader.js';
import {
  type AlgorithmNumber,
  BLOCK_VERSION,
  BlockKind,
  writeBlockHeader,
} from '../ground/block-header.js';
import { EMPTY, equalBytes } from '../ground/bytes.js';
import { ByteWriter } from '../ground/writer.js';
import { DIGEST_LENGTH } from '../kernels/hash.js';
import { diffMaps, type MapDifference } from './diff-map.js';
import type { Names } from './key.js';
import { childMap, crossBorder, type Spot, type Tree } from './lookup.js';
import type { NodeCache } from './node-cache.js';
import { readInline } from './placement.js';
import {
  CHILD_BUCKET,
  CHILD_INLINE,
  CHILD_MAP,
  CHILD_NONE,
  type ChildPart,
  encodeRecord,
  findStream,
  INLINE,
  METADATA,
  REFERENCED,
  type RecordParts,
  readRecord,
  type StreamPart,
  sameRecord,
} from './record.js';
import { sortNames } from './shape.js';

/** The names of all streams of these records, in bytewise order. */
export function streamNames(...records: readonly (RecordParts | undefined)[]): readonly string[] {
  const shapes = new Set(records.map((record) => record?.shape));
  shapes.delete(undefined);
  const [first] = shapes;
  if (shapes.size < 2) return first?.names ?? [];
  const union = new Set<string>();
  for (const shape of shapes) for (const name of shape?.names ?? []) union.add(name);
  return sortNames(union);
}

export function streamOf(record: RecordParts | undefined, name: string): StreamPart | undefined {
  if (record === undefined) return undefined;
  const index = record.shape.names.indexOf(name);
  return index < 0 ? undefined : record.streams[index];
}

/**
 * Whether two streams, present or absent, have equal contents. Streams in metadata are compared
 * with each other and with short contents by their bytes. Two contents are equal here if their
 * addresses are: under two algorithms, or two ways of cutting, only reading both would show that
 * they are equal, which is `Stream.equals`, and they count as different. So does a content that
 * can't be read, which costs a question at most; damaged metadata is an error.
 */
export function sameStream(
  cache: NodeCache,
  a: StreamPart | undefined,
  b: StreamPart | undefined,
): boolean {
  if (a === undefined || b === undefined) return a === b;
  if (a.length !== b.length) return false;
  if (a.form === INLINE && b.form === INLINE) return equalBytes(a.bytes, b.bytes);
  if (a.form !== INLINE && b.form !== INLINE) {
    if (sameAddress(a.address, b.address)) return true;
    const bothContents = a.form === REFERENCED && b.form === REFERENCED;
    if (bothContents || (a.form === b.form && a.address[0] === b.address[0])) return false;
  }
  // What lies in metadata is short, and read first: a length that others claim is believed then.
  const [first, second] = a.form === REFERENCED ? [b, a] : [a, b];
  const bytes = bytesOf(cache, first);
  if (second.form !== REFERENCED) return equalBytes(bytes, bytesOf(cache, second));
  try {
    return equalBytes(bytes, bytesOf(cache, second));
  } catch (error) {
    if (isIntegrityError(error)) return false;
    throw error;
  }
}

function bytesOf(cache: NodeCache, part: StreamPart): Uint8Array {
  if (part.form === INLINE) return part.bytes;
  return part.form === METADATA
    ? readInline(cache, part)
    : new ContentReader(cache.contents, part).read();
}

/** Whether two child maps are equal, or one bucket with one root, under one algorithm. */
export function sameChild(a: ChildPart, b: ChildPart): boolean {
  if (a.form === CHILD_NONE || b.form === CHILD_NONE) return a.form === b.form;
  if (a.form === CHILD_BUCKET && b.form === CHILD_BUCKET) {
    return equalBytes(a.bucket, b.bucket) && sameAddress(a.root, b.root);
  }
  if (a.form === CHILD_BUCKET || b.form === CHILD_BUCKET) return false;
  if (a.form === CHILD_INLINE && b.form === CHILD_INLINE) return equalBytes(a.body, b.body);
  if (a.totals.entries !== b.totals.entries) return false;
  if (a.form === CHILD_MAP) return sameMap(a, b);
  return b.form === CHILD_MAP && sameMap(b, a);
}

function sameMap(a: MapPart, b: MapPart | InlineMapPart): boolean {
  return sameAddress(a.address, mapAddress(a.address[0] as AlgorithmNumber, b));
}

type MapPart = ChildPart & { readonly form: typeof CHILD_MAP };
type InlineMapPart = ChildPart & { readonly form: typeof CHILD_INLINE };

/** Whether two entries with all below them, present or absent, are the same. */
export function sameEntry(cache: NodeCache, a: Spot | undefined, b: Spot | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  const stack: Iterator<MapDifference, void>[] = [];
  let pair: Pick<MapDifference, 'before' | 'after'> | undefined = { before: a, after: b };
  for (;;) {
    if (pair === undefined) stack.pop();
    else {
      const inner = differencesIn(cache, pair.before, pair.after);
      if (inner === false) return false;
      if (inner !== undefined) stack.push(inner);
    }
    const top = stack[stack.length - 1];
    if (top === undefined) return true;
    pair = top.next().value ?? undefined;
  }
}

/**
 * Compares two entries: false where they differ, undefined where they are the same, and where two
 * algorithms made what lies below, the names at which that may differ.
 */
function differencesIn(
  cache: NodeCache,
  a: Spot | undefined,
  b: Spot | undefined,
): Iterator<MapDifference, void> | false | undefined {
  if (a === undefined || b === undefined) return false;
  if (sameRecord(a.node, a.index, b.node, b.index)) return undefined;
  const [p, q] = [readRecord(a.node, a.index), readRecord(b.node, b.index)];
  if (!sameStreams(cache, p, q)) return false;
  if (sameChild(p.child, q.child)) return undefined;
  const [x, y] = [p.child, q.child];
  if (x.form === CHILD_NONE || y.form === CHILD_NONE) return false;
  if (x.form === CHILD_BUCKET && y.form === CHILD_BUCKET) {
    if (!equalBytes(x.bucket, y.bucket) || x.root[0] === y.root[0]) return false;
    return differencesIn(cache, crossBorder(cache, a), crossBorder(cache, b));
  }
  if (x.form === CHILD_BUCKET || y.form === CHILD_BUCKET) return false;
  if (a.node.algorithm === b.node.algorithm || x.totals.entries !== y.totals.entries) return false;
  return diffMaps(cache, childMap(cache, a, x), childMap(cache, b, y));
}

/** Whether two entries have equal streams. */
export function sameStreams(cache: NodeCache, a: RecordParts, b: RecordParts): boolean {
  if (a.streams.length !== b.streams.length) return false;
  return a.streams.every((stream, i) => {
    return a.shape.names[i] === b.shape.names[i] && sameStream(cache, stream, b.streams[i]);
  });
}

/** Whether a stream of a key is the same, present or absent, in two trees. */
export function sameStreamAt(before: Tree, after: Tree, names: Names, stream: string): boolean {
  const [a, b] = [before.find(names), after.find(names)];
  const old = a && findStream(a.node, a.index, stream);
  const now = b && findStream(b.node, b.index, stream);
  return sameStream(before.cache, old, now);
}

/** Whether an entry with all below it is the same, present or absent, in two trees. */
export function sameSubtree(before: Tree, after: Tree, names: Names): boolean {
  return sameEntry(before.cache, before.find(names), after.find(names));
}

const writer = new ByteWriter(1_024);

/** The kind of no block, under which records are hashed. Persisted in what users keep. */
const RECORD_KIND = 0;

/**
 * The address of an entry: equal for equal streams and equal children, whatever its name, the nodes
 * it lies in and its neighbours are. It is the digest of the record in one plain form:
 *
 *     0 u8 | version u8 | algorithm u8 | shape | child form u8 | streams | child     see record.ts
 *
 * where a stream longer than 32 bytes is named by its metadata block's digest, a content by its
 * own, and a child map by that of its top node, whether or not these lie outside the record. So a
 * stream that is a content under one rule and lies in metadata under another gives two addresses.
 */
export function recordAddress(algorithm: AlgorithmNumber, parts: RecordParts): Address {
  const { shape } = parts;
  const streams = parts.streams.map((part): StreamPart => {
    const { form, length } = part;
    if (form !== INLINE || length <= DIGEST_LENGTH) return part;
    return { form: METADATA, length, address: streamAddress(algorithm, part), id: undefined };
  });
  const child = outside(algorithm, parts.child);
  const record = encodeRecord(EMPTY, { shape, streams, child });
  writer.reset();
  writer.u8(RECORD_KIND).u8(BLOCK_VERSION).u8(algorithm).bytes(shape.encoded).u8(child.form);
  writer.range(record.bytes, record.start, record.end);
  return addressOf(algorithm, writer.view());
}

/** The address of a stream's contents: of its block, or of the block that its bytes would make. */
export function streamAddress(algorithm: AlgorithmNumber, part: StreamPart): Address {
  if (part.form !== INLINE) return part.address;
  writer.reset();
  writeBlockHeader(writer, BlockKind.metadata, algorithm).bytes(part.bytes);
  return addressOf(algorithm, writer.view());
}

/** A child map as if it lay in a node of its own. */
function outside(algorithm: AlgorithmNumber, child: ChildPart): ChildPart {
  if (child.form !== CHILD_INLINE) return child;
  const { totals } = child;
  return { form: CHILD_MAP, totals, address: mapAddress(algorithm, child), id: undefined };
}

/** The address of a map's top node, or of the node that an inline map would be. */
function mapAddress(algorithm: AlgorithmNumber, map: MapPart | InlineMapPart): Address {
  if (map.form === CHILD_MAP) return map.address;
  writer.reset();
  writeBlockHeader(writer, BlockKind.node, algorithm).u8(0).bytes(map.body);
  return addressOf(algorithm, writer.view());
}
