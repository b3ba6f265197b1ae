/**
 * A bucket's root block: its rules and the record of its own entry.
 *
 *     root    kind u8 = 5 | version u8 | algorithm u8 | varint length | rules | body
 *     body    a leaf without its first 4 bytes, of one record under the empty name
 *     links   as a leaf's
 *
 * Its address is the bucket's contents root: equal rules and equal contents, equal root. The rules
 * are bytes here; the streams' floor reads them.
 */
import { type Address, addressOf } from '../blocks/address.js';
import { BodyWriter } from '../blocks/body.js';
import { NO_ID } from '../blocks/extent.js';
import {
  type AlgorithmNumber,
  BLOCK_HEADER,
  BlockKind,
  readBlockHeader,
  writeBlockHeader,
} from '../ground/block-header.js';
import { RULES_BYTES_MAX } from '../ground/limits.js';
import { ByteReader } from '../ground/reader.js';
import { Items } from './items.js';
import { NODE_HEADER, Node } from './node.js';
import type { NodeCache } from './node-cache.js';
import type { NodeWriter } from './node-writer.js';
import {
  type BucketPart,
  CHILD_BUCKET,
  encodeRecord,
  type FreshRecord,
  measure,
  NO_CHILD,
} from './record.js';
import { NO_STREAMS, type Shapes } from './shape.js';
import { onlyTotals, type Totals, totalsWithin } from './totals.js';

/** The name of a bucket's own entry within its root. */
export const NO_NAME: Uint8Array = new Uint8Array(0);

export interface Root extends RootRef {
  readonly algorithm: AlgorithmNumber;
  readonly rules: Uint8Array;
  /** A leaf of one record: the bucket's own entry. */
  readonly node: Node;
}

export interface RootRef {
  readonly address: Address;
  readonly id: number | undefined;
}

/** A root that was just written, or read, and the sums of the bucket, its own entry included. */
export interface CountedRoot extends RootRef {
  readonly totals: Readonly<Totals>;
}

/** The sums of the bucket under a root, its own entry included. */
export function totalsOf({ node }: Pick<Root, 'node'>): Totals {
  return onlyTotals(measure(node, 0));
}

export function countedRoot(root: Root): CountedRoot {
  return { address: root.address, id: root.id, totals: totalsOf(root) };
}

export function bucketPart(bucket: Uint8Array, { totals, address, id }: CountedRoot): BucketPart {
  return { form: CHILD_BUCKET, bucket, totals: totalsWithin(totals), root: address, id };
}

/** Loads and verifies a root. Roots are few and small: each is parsed when it is asked for. */
export function loadRoot(cache: NodeCache, id: number | undefined, address: Address): Root {
  const body = cache.blocks.read(id, address, 'root');
  const bytes = body.bytes.slice(body.start, body.end);
  const { algorithm, rules, node } = parseRoot(cache.shapes, bytes, body.plainLength);
  return { address, id, algorithm, rules, node };
}

/** Parses a root block whose links, if any, follow its plain bytes. */
export function parseRoot(
  interned: Shapes,
  bytes: Uint8Array,
  plainLength: number,
): { algorithm: AlgorithmNumber; rules: Uint8Array; node: Node } {
  const reader = new ByteReader(bytes, 'root', 0, plainLength);
  const { algorithm } = readBlockHeader(bytes, 'root', BlockKind.root, 0, plainLength);
  reader.at = BLOCK_HEADER;
  const rules = reader.lengthed(RULES_BYTES_MAX).slice();
  const start = reader.at - NODE_HEADER;
  if (start < 0 || reader.remaining < 2) reader.fail('a record', 'the end');
  const place = { bytes, start, plainEnd: plainLength, end: bytes.length };
  const node = new Node({ interned, ...place, level: 0, algorithm });
  if (node.count !== 1 || node.nameLength(0) !== 0)
    reader.fail('one record without a name', 'others');
  return { algorithm, rules, node };
}

const body = new BodyWriter();

/** Writes the root of a bucket whose own entry is `record`, made under the empty name. */
export function writeRoot(writer: NodeWriter, rules: Uint8Array, record: FreshRecord): CountedRoot {
  const items = Items.at(0);
  items.pushFresh(record);
  const leaf = writer.writeInline(items, 0, 1);
  body.reset();
  writeBlockHeader(body, BlockKind.root, writer.algorithm).lengthed(rules);
  body.bytes(leaf.body);
  const plainLength = body.length;
  if (leaf.links.length > 0) {
    body.u16(0);
    for (const link of leaf.links) body.u48(link ?? NO_ID);
  }
  const address = addressOf(writer.algorithm, body.buffer.subarray(0, plainLength));
  const id = writer.blocks.put(body, plainLength, address);
  return { address, id, totals: leaf.totals };
}

export function writeEmptyRoot(writer: NodeWriter, rules: Uint8Array): CountedRoot {
  const parts = { shape: NO_STREAMS, streams: [], child: NO_CHILD };
  return writeRoot(writer, rules, encodeRecord(NO_NAME, parts));
}
