/**
 * A bucket's root block: its rules and the record of its own entry.
 *
 *     root    kind u8 = 5 | version u8 | algorithm u8 | varint length | rules | leaf without its first 4 bytes, of one
 *             record under the empty name
 *     links   as a leaf's
 *
 * Its address is the bucket's contents root: equal rules and equal contents, equal root. The rules
 * are bytes here; the streams' floor reads them.
 */
import { type Address, addressInto } from '../blocks/address.js';
import { BodyWriter } from '../blocks/body.js';
import {
  type AlgorithmNumber,
  BLOCK_HEADER,
  BlockKind,
  readBlockHeader,
  writeBlockHeader,
} from '../ground/block-header.js';
import { RULES_BYTES_MAX } from '../ground/limits.js';
import { ByteReader } from '../ground/reader.js';
import { encodeRecord, type FreshRecord } from './fresh-record.js';
import { Items } from './items.js';
import { Node, offsetsNeeded, type Totals } from './node.js';
import type { NodeCache } from './node-cache.js';
import { NODE_HEADER } from './node-header.js';
import type { NodeWriter } from './node-writer.js';
import { NO_CHILD } from './record.js';
import { NO_STREAMS } from './shape.js';

/** The name of a bucket's own entry within its root. */
export const NO_NAME = new Uint8Array(0);

export interface Root {
  readonly address: Address;
  readonly id: number;
  readonly algorithm: AlgorithmNumber;
  readonly rules: Uint8Array;
  /** A leaf of one record: the bucket's own entry. */
  readonly node: Node;
}

/** A root as it is referred to, and what the bucket holds. */
export interface RootRef {
  readonly address: Address;
  readonly id: number;
  readonly totals: Totals;
}

/** Loads and verifies a root. Roots are few and small: each is parsed when it is asked for. */
export function loadRoot(cache: NodeCache, id: number, address: Address): Root {
  const body = cache.blocks.read(id, address, 'root');
  const bytes = body.bytes.slice(body.start, body.end);
  return { address, id, ...parseRoot(bytes, body.plainLength) };
}

/** Parses a root block whose links, if any, follow its plain bytes. */
export function parseRoot(
  bytes: Uint8Array,
  plainLength: number,
): { algorithm: AlgorithmNumber; rules: Uint8Array; node: Node } {
  const reader = new ByteReader(bytes, 'root', 0, plainLength);
  const { algorithm } = readBlockHeader(bytes, 'root', BlockKind.root, 0, plainLength);
  reader.at = BLOCK_HEADER;
  const rules = reader.lengthed(RULES_BYTES_MAX).slice();
  const start = reader.at - NODE_HEADER;
  if (start < 0 || reader.remaining < 2) reader.fail('a record', 'the end');
  const offsets = new Uint16Array(offsetsNeeded(bytes, start));
  const source = { bytes, start, plainEnd: plainLength, end: bytes.length, algorithm };
  const node = new Node({ ...source, level: 0, id: 0, depth: 0 }, offsets, 0);
  if (node.count !== 1 || node.nameLength(0) !== 0)
    reader.fail('one record without a name', 'others');
  return { algorithm, rules, node };
}

const body = new BodyWriter();

/** Writes the root of a bucket whose own entry is `record`, made under the empty name. */
export function writeRoot(writer: NodeWriter, rules: Uint8Array, record: FreshRecord): RootRef {
  const items = new Items(0);
  items.pushFresh(record);
  const leaf = writer.writeInline(items, 0, 1);
  body.reset();
  writeBlockHeader(body, BlockKind.root, writer.algorithm).lengthed(rules);
  body.bytes(leaf.body);
  const plainLength = body.length;
  if (leaf.links.length > 0) {
    body.u16(0);
    for (const link of leaf.links) body.u48(link);
  }
  const address = new Uint8Array(33);
  addressInto(writer.algorithm, body.buffer.subarray(0, plainLength), address, 0);
  const id = writer.blocks.put(body, plainLength, address);
  return { address, id, totals: leaf.totals };
}

/** Writes the root of an empty bucket. */
export function writeEmptyRoot(writer: NodeWriter, rules: Uint8Array): RootRef {
  const parts = { shape: NO_STREAMS, streams: [], child: NO_CHILD };
  return writeRoot(writer, rules, encodeRecord(NO_NAME, parts));
}
