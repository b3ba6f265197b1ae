/**
 * One small example of every kind of block, and of the codings within: the bytes that the code
 * makes, and what it reads in them. FORMAT.md shows the same bytes under the same names.
 */

import { type Address, addressOf, addressText, parseAddress } from '../../src/blocks/address.js';
import { BlockWriter } from '../../src/blocks/block-writer.js';
import { type BlockRef, Blocks } from '../../src/blocks/blocks.js';
import { BodyWriter } from '../../src/blocks/body.js';
import { chunkBytes, writeChunk } from '../../src/chunks/chunk.js';
import { decodeManifest, Manifest, writeManifest } from '../../src/chunks/manifest.js';
import { applyEventDelta, encodeEventDelta } from '../../src/clock/delta.js';
import { decodeEvent, encodeEvent } from '../../src/clock/encoding.js';
import { type Event, eventNode, formatEvent } from '../../src/clock/event.js';
import { type Id, shareOf, WHOLE } from '../../src/clock/id.js';
import { openMemory } from '../../src/engine/memory.js';
import { BLOCK_VERSION, BlockKind, SHA256 } from '../../src/ground/block-header.js';
import { hex } from '../../src/ground/bytes.js';
import { utf8Bytes, utf8Text } from '../../src/ground/text.js';
import { Fst } from '../../src/kernels/fst.js';
import { type Commit, commitAddress, decodeCommit, encodeCommit } from '../../src/log/commit.js';
import { decodeMap, encodeMap, type MapRow } from '../../src/log/maps.js';
import { decodeRules, defineRules, encodeRules } from '../../src/streams/rule.js';
import { NATURAL } from '../../src/tree/boundary.js';
import { checkNode, checkRoot } from '../../src/tree/check-node.js';
import { type FreshChild, Items } from '../../src/tree/items.js';
import { Node, offsetsNeeded, readNodeHeader } from '../../src/tree/node.js';
import { NodeCache } from '../../src/tree/node-cache.js';
import { NodeWriter } from '../../src/tree/node-writer.js';
import {
  CHILD_INLINE,
  CHILD_MAP,
  type ChildPart,
  encodeRecord,
  type FreshRecord,
  type InlinePart,
  inlinePart,
  NO_CHILD,
  REFERENCED,
  readRecord,
  type StreamPart,
} from '../../src/tree/record.js';
import { NO_NAME, parseRoot, writeRoot } from '../../src/tree/root.js';
import { Shapes } from '../../src/tree/shape.js';
import { transducerOf } from '../kernels/transducers.js';

const SHAPES = new Shapes();

export interface Example {
  readonly name: string;
  /** What the code makes. */
  readonly bytes: Uint8Array;
  /** What the code reads in them. */
  readonly read: (bytes: Uint8Array) => unknown;
  /** What is to be read in them. */
  readonly holds: unknown;
}

export const engine = openMemory();
const blocks = new Blocks(engine);
await blocks.reserve(8);
const staged = new BlockWriter(blocks);
const writer = new NodeWriter(new NodeCache(blocks, 4_194_304), staged, SHA256);

function inline(text: string): StreamPart {
  return inlinePart(utf8Bytes(text));
}

function record(
  name: string,
  streams: Readonly<Record<string, StreamPart>>,
  child: ChildPart = NO_CHILD,
): FreshRecord {
  const shape = SHAPES.of(Object.keys(streams));
  const parts = shape.names.map((stream) => streams[stream] as StreamPart);
  return encodeRecord(utf8Bytes(name), { shape, streams: parts, child });
}

function itemsOf(level: number, fresh: readonly (FreshRecord | FreshChild)[]): Items {
  const items = Items.at(level);
  for (const one of fresh) items.pushFresh(one);
  return items;
}

/** A block's plain bytes, and its links. */
function bodyOf({ id, address }: BlockRef): Uint8Array {
  const { bytes, start, end } = blocks.read(id, address, 'example');
  return bytes.slice(start, end);
}

function plainOf({ id, address }: BlockRef): Uint8Array {
  const { bytes, start, plainLength } = blocks.read(id, address, 'example');
  return bytes.slice(start, start + plainLength);
}

function put(plain: Uint8Array): { id: number; address: Address } {
  const body = new BodyWriter();
  body.bytes(plain);
  const address = addressOf(SHA256, plain);
  return { id: staged.put(body, plain.length, address), address };
}

export function chunkOf(text: string): Uint8Array {
  const body = new BodyWriter();
  const bytes = utf8Bytes(text);
  writeChunk(body, SHA256, bytes, 0, bytes.length);
  return body.buffer.slice(0, body.length);
}

const chunk = chunkOf('hello');
const other = chunkOf('world');
const stored = { hello: put(chunk), world: put(other) };

const manifestBody = new BodyWriter();
const manifestLength = writeManifest(manifestBody, SHA256, 1, [
  { ...stored.hello, length: 5 },
  { address: undefined, length: 65_536 },
  { ...stored.world, length: 5 },
]);
const manifest = manifestBody.buffer.slice(0, manifestBody.length);

const metadata = Uint8Array.of(
  BlockKind.metadata,
  BLOCK_VERSION,
  SHA256,
  ...utf8Bytes('a long stream'),
);

const legs = itemsOf(0, [record('leg', { note: inline('six') })]);
const legsLeaf = writer.writeInline(legs, 0, 1);
const inlineMap: ChildPart = { form: CHILD_INLINE, plainLength: legs.plainLength, ...legsLeaf };
const photo = {
  form: REFERENCED,
  length: 5,
  address: stored.hello.address,
  id: stored.hello.id,
} as const;
const leafItems = itemsOf(0, [
  record('bee', { note: inline('hums'), photo }),
  record('bug', {}, inlineMap),
]);
const leaf = writer.write(leafItems, 0, 2, NATURAL);
const lastLeaf = writer.write(
  itemsOf(0, [record('cat', { note: inline('purrs') })]),
  0,
  1,
  NATURAL,
);
const inner = writer.write(itemsOf(1, [leaf, lastLeaf]), 0, 2, NATURAL);

const chunking = { kind: 'fixed', bytes: 65_536 } as const;
const rules = encodeRules(defineRules({ streams: { acl: { inlineMax: 4096, chunking } } }));
const policies = encodeRules(
  defineRules({ default: { merge: 'newest', chunking }, entries: 'keep', places: 'newest' }),
);
const { entries, buckets, inlineBytes, referencedBytes } = inner;
const top: ChildPart = {
  form: CHILD_MAP,
  totals: { entries, buckets, inlineBytes, referencedBytes },
  address: inner.address,
  id: inner.id,
};
const topRecord = encodeRecord(NO_NAME, { shape: SHAPES.of([]), streams: [], child: top });
export const root = writeRoot(writer, rules, topRecord);

function nodeOf(body: Uint8Array, plainLength: number): Node {
  const header = readNodeHeader(body, 0, plainLength);
  const offsets = new Uint16Array(offsetsNeeded(body, 0));
  const source = {
    interned: SHAPES,
    bytes: body,
    start: 0,
    plainEnd: plainLength,
    end: body.length,
  };
  return new Node({ ...source, ...header, id: undefined }, offsets, 0);
}

function namesOf(node: Node): string[] {
  return Array.from({ length: node.count }, (_, i) => node.nameText(i));
}

/** What a leaf says, with the ids beside it. */
function readLeaf(body: Uint8Array): unknown {
  const node = nodeOf(body, plainOf(leaf).length);
  const { references, totals } = checkNode(node);
  const { shape, streams } = readRecord(node, 0);
  return {
    names: namesOf(node),
    shape: shape.names,
    note: utf8Text((streams[0] as InlinePart).bytes),
    photo: references.map(({ address }) => addressText(address)),
    links: references.map((_, i) => node.link(i)),
    ...totals,
  };
}

function readInner(body: Uint8Array): unknown {
  const node = nodeOf(body, plainOf(inner).length);
  const { references, totals } = checkNode(node);
  const children = references.map(({ address }) => addressText(address));
  return { level: node.level, names: namesOf(node), children, ...totals };
}

function readRoot(body: Uint8Array): unknown {
  const parsed = parseRoot(SHAPES, body, plainOf(root).length);
  const { references, totals } = checkRoot(parsed);
  const acl = decodeRules(parsed.rules).ruleOf('acl').inlineMax;
  return { acl, map: references.map(({ address }) => addressText(address)), ...totals };
}

export const bucket = utf8Bytes('a bucket, 16 by.');
export const replica = utf8Bytes('a replica, 16 b.');
const firstStamp: Event = 2;
const stamp: Event = eventNode(2, 1, 0);
const shared = {
  algorithm: SHA256,
  bucket,
  root: root.address,
  heads: undefined,
  actor: undefined,
  replica,
  incarnation: 1,
} as const;

const rows: readonly MapRow[] = [
  { from: '/bug/leg', to: '/leg', returned: false },
  { from: '/bug/wing', to: undefined, returned: false },
];
const [mapBlock] = encodeMap(SHA256, rows);

export const first: Commit = {
  ...shared,
  parents: [],
  maps: [],
  mapsBefore: [],
  stamp: firstStamp,
  sequence: 1,
  timeMs: 1_700_000_000_000,
  message: 'init',
};
export const commit: Commit = {
  ...shared,
  parents: [commitAddress(first)],
  maps: [mapBlock?.address],
  mapsBefore: [],
  stamp,
  sequence: 2,
  timeMs: 1_700_000_000_001,
  message: 'add bees',
};

export const id: Id = shareOf(WHOLE, 1);

const text = { hello: addressText(stored.hello.address), world: addressText(stored.world.address) };
const sum = { entries: 4, buckets: 0, inlineBytes: 12, referencedBytes: 5 };
const leafSum = { entries: 3, buckets: 0, inlineBytes: 7, referencedBytes: 5 };

export const blockExamples: readonly Example[] = [
  {
    name: 'address',
    bytes: stored.hello.address,
    read: (bytes) => hex(parseAddress(addressText(bytes))),
    holds: hex(stored.hello.address),
  },
  {
    name: 'chunk',
    bytes: chunk,
    read: (bytes) => [utf8Text(chunkBytes(bytes)), addressText(addressOf(SHA256, bytes))],
    holds: ['hello', text.hello],
  },
  {
    name: 'metadata',
    bytes: metadata,
    read: (bytes) => utf8Text(bytes.subarray(3)),
    holds: 'a long stream',
  },
  {
    name: 'manifest',
    bytes: manifest.slice(0, manifestLength),
    read: (bytes) => {
      const decoded = decodeManifest(bytes);
      const { level, count, length } = decoded;
      return { level, count, length, isHole: [0, 1, 2].map((index) => decoded.isHole(index)) };
    },
    holds: { level: 1, count: 3, length: 65_546, isHole: [false, true, false] },
  },
  {
    name: 'manifest links',
    bytes: manifest.slice(manifestLength),
    read: (links) => {
      const body = Uint8Array.of(...manifest.slice(0, manifestLength), ...links);
      const decoded = new Manifest(body, manifestLength);
      return [decoded.id(0), decoded.id(1), decoded.id(2)];
    },
    holds: [stored.hello.id, undefined, stored.world.id],
  },
  {
    name: 'leaf',
    bytes: bodyOf(leaf),
    read: readLeaf,
    holds: {
      names: ['bee', 'bug'],
      shape: ['note', 'photo'],
      note: 'hums',
      photo: [text.hello],
      links: [stored.hello.id],
      ...leafSum,
    },
  },
  {
    name: 'inner',
    bytes: bodyOf(inner),
    read: readInner,
    holds: {
      level: 1,
      names: ['bug', 'cat'],
      children: [addressText(leaf.address), addressText(lastLeaf.address)],
      ...sum,
    },
  },
  {
    name: 'rules',
    bytes: rules,
    read: (bytes) => {
      const decoded = decodeRules(bytes);
      return [decoded.default.inlineMax, decoded.ruleOf('acl').inlineMax];
    },
    holds: [512, 4096],
  },
  {
    name: 'policies',
    bytes: policies,
    read: (bytes) => {
      const decoded = decodeRules(bytes);
      return [decoded.default.merge, decoded.entries, decoded.places];
    },
    holds: ['newest', 'keep', 'newest'],
  },
  {
    name: 'root',
    bytes: bodyOf(root),
    read: readRoot,
    holds: { acl: 4096, map: [addressText(inner.address)], ...sum, entries: 5 },
  },
  {
    name: 'commit',
    bytes: encodeCommit(commit),
    read: (bytes) => {
      const { message, stamp: found, parents, timeMs } = decodeCommit(bytes);
      return [message, formatEvent(found), parents.map(addressText), timeMs];
    },
    holds: ['add bees', formatEvent(stamp), [addressText(commitAddress(first))], 1_700_000_000_001],
  },
  {
    name: 'map',
    bytes: mapBlock?.block ?? new Uint8Array(0),
    read: (bytes) => decodeMap(bytes).rows,
    holds: rows,
  },
  {
    name: 'event',
    bytes: encodeEvent(stamp),
    read: (bytes) => formatEvent(decodeEvent(bytes)),
    holds: formatEvent(stamp),
  },
  {
    name: 'difference',
    bytes: encodeEventDelta(firstStamp, stamp),
    read: (bytes) => formatEvent(applyEventDelta(firstStamp, bytes)),
    holds: formatEvent(stamp),
  },
  {
    name: 'transducer',
    bytes: transducerOf(['bee', 'beetle', 'bug'].map(utf8Bytes)),
    read: (bytes) => {
      const fst = new Fst(bytes);
      return [fst.size, fst.find(utf8Bytes('beetle')), fst.find(utf8Bytes('bu'))];
    },
    holds: [3, 1, -1],
  },
];
