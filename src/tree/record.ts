/**
 * Records: what a leaf has for a name. A record's first number names its shape in the node's
 * table and the form of its child map; its streams follow in the shape's order, then the child map.
 *
 *     record      varint shape × 4 + child form | stream × names | child
 *     stream      varint length × 4 + form | inline: bytes, metadata or referenced: digest 32
 *     no child    (form 0) nothing
 *     inline map  (form 1) varint plain length | totals | varint body length | body
 *     map         (form 2) totals | digest 32
 *     bucket      (form 3) bucket id 16 | totals | address 33 of its root
 *     body        a leaf without its first 4 bytes
 *     totals      varint entries, buckets, inline bytes, referenced bytes: of what lies below
 *
 * Links, in the order of the record: one per stream that is not inline, those of an inline map's
 * records, one for a map or bucket. The plain length stands for the record where nodes are cut: it
 * is the length of the payload, with an inline map counted by its own plain length, plus the names
 * of the shape; so it depends on contents alone.
 */
import { ADDRESS_LENGTH, type Address } from '../blocks/address.js';
import { NO_ID } from '../blocks/extent.js';
import { assert, malformed } from '../ground/errors.js';
import { putU48, putVarint, varintLength } from '../ground/integers.js';
import { ByteReader } from '../ground/reader.js';
import { DIGEST_LENGTH } from '../kernels/hash.js';
import { NODE_HEADER, Node, offsetsNeeded, type Totals } from './node.js';
import { type Shape, type Shapes, sameShape } from './shape.js';

/** Forms of a child map. Persisted: never renumber. */
export const CHILD_NONE = 0;
export const CHILD_INLINE = 1;
export const CHILD_MAP = 2;
export const CHILD_BUCKET = 3;

/** Forms of a stream. Persisted: never renumber. */
export const INLINE = 0;
export const METADATA = 1;
export const REFERENCED = 2;

export const BUCKET_ID_LENGTH = 16;

/** A stream that lies in its record. */
export interface InlinePart {
  readonly form: typeof INLINE;
  /** Its logical size in bytes, as of every part. */
  readonly length: number;
  /** The stream. A view that stays valid. */
  readonly bytes: Uint8Array;
}

/** A stream in a metadata block of its own, with its bytes as they are. */
export interface MetadataPart {
  readonly form: typeof METADATA;
  readonly length: number;
  /** The address of the block; its algorithm is that of the node around. */
  readonly address: Address;
  /** The local id of the block, where it is known. */
  readonly id: number | undefined;
}

/** A stream that is a content: chunks under a manifest. */
export interface ReferencedPart {
  readonly form: typeof REFERENCED;
  readonly length: number;
  readonly address: Address;
  readonly id: number | undefined;
}

/** Bytes that are to lie in their record, if there is room. */
export function inlinePart(bytes: Uint8Array): InlinePart {
  return { form: INLINE, length: bytes.length, bytes };
}

export type BlockPart = MetadataPart | ReferencedPart;
export type StreamPart = InlinePart | BlockPart;

/** The child map of a record. Addresses are private copies. */
export type ChildPart =
  | { readonly form: typeof CHILD_NONE }
  | {
      readonly form: typeof CHILD_INLINE;
      readonly plainLength: number;
      readonly totals: Readonly<Totals>;
      /** A leaf without its first four bytes. */
      readonly body: Uint8Array;
      readonly links: readonly Link[];
    }
  | {
      readonly form: typeof CHILD_MAP;
      readonly totals: Readonly<Totals>;
      readonly address: Address;
      readonly id: number | undefined;
    }
  | BucketPart;

export interface BucketPart {
  readonly form: typeof CHILD_BUCKET;
  /** The bucket's id, 16 bytes. A view that stays valid. */
  readonly bucket: Uint8Array;
  /** What lies below the bucket's entry. */
  readonly totals: Readonly<Totals>;
  /** The address of the bucket's root. */
  readonly root: Address;
  /** The local id of the root, where it is known. */
  readonly id: number | undefined;
}

/** The local id of a block that a record names; undefined where it is unknown. */
export type Link = number | undefined;

export const NO_CHILD: ChildPart = { form: CHILD_NONE };

/** A record taken apart. `streams` go by the shape's names. */
export interface RecordParts {
  readonly shape: Shape;
  readonly streams: readonly StreamPart[];
  readonly child: ChildPart;
}

/** What `measure` found of a record in place. */
export interface Measure extends Totals {
  /** Its plain length, without name and entry overhead. */
  plainLength: number;
  /** How many links it has. */
  links: number;
  head: number;
}

/** Nothing measured yet. */
export function newMeasure(): Measure {
  return {
    plainLength: 0,
    entries: 0,
    buckets: 0,
    inlineBytes: 0,
    referencedBytes: 0,
    links: 0,
    head: 0,
  };
}

let cursor = 0;

/** A varint of a verified node; bounds are checked, form was checked on the way in. */
function varint(bytes: Uint8Array, end: number): number {
  let byte = cursor < end ? bytes[cursor++] : overrun();
  if (byte < 0x80) return byte;
  let number = byte & 0x7f;
  let scale = 128;
  do {
    byte = cursor < end ? bytes[cursor++] : overrun();
    number += (byte & 0x7f) * scale;
    scale *= 128;
  } while (byte >= 0x80 && scale < 2 ** 56);
  if (number > Number.MAX_SAFE_INTEGER) overrun();
  return number;
}

function skip(count: number, end: number): number {
  const start = cursor;
  if (count > end - start) overrun();
  cursor = start + count;
  return start;
}

function overrun(): never {
  throw malformed('record', cursor, 'more bytes', 'the end');
}

function badHead(head: number): never {
  throw malformed('record', cursor, 'a shape of the table', `${head >>> 2}`);
}

/** The shape of the record at `index`. */
function recordShape(node: Node, index: number): Shape {
  cursor = node.recordStart(index);
  const head = varint(node.bytes, node.recordEnd(index));
  return node.shapes[head >>> 2] ?? badHead(head);
}

/** Sums up the record at `index` of a leaf, into `out`. */
export function measure(node: Node, index: number, out: Measure): void {
  const { bytes } = node;
  const end = node.recordEnd(index);
  cursor = node.recordStart(index);
  const head = varint(bytes, end);
  const shape = node.shapes[head >>> 2] ?? badHead(head);
  const payload = end - cursor;
  let inlineBytes = 0;
  let referencedBytes = 0;
  let links = 0;
  for (let i = shape.names.length; i > 0; i--) {
    const lengthForm = varint(bytes, end);
    const length = Math.floor(lengthForm / 4);
    const form = lengthForm % 4;
    if (form === REFERENCED) referencedBytes += length;
    else inlineBytes += length;
    if (form !== INLINE) links++;
    skip(form === INLINE ? length : DIGEST_LENGTH, end);
  }
  out.head = head;
  out.plainLength = shape.plainLength + payload;
  out.entries = 1;
  out.buckets = 0;
  out.inlineBytes = inlineBytes;
  out.referencedBytes = referencedBytes;
  out.links = links;
  if ((head & 3) !== CHILD_NONE) measureChild(node, index, head & 3, end, out);
  if (cursor !== end) overrun();
}

function measureChild(node: Node, index: number, form: number, end: number, out: Measure): void {
  const { bytes } = node;
  const plainLength = form === CHILD_INLINE ? varint(bytes, end) : 0;
  if (form === CHILD_BUCKET) {
    skip(BUCKET_ID_LENGTH, end);
    out.buckets += 1;
  }
  out.entries += varint(bytes, end);
  out.buckets += varint(bytes, end);
  out.inlineBytes += varint(bytes, end);
  out.referencedBytes += varint(bytes, end);
  if (form !== CHILD_INLINE) {
    skip(form === CHILD_MAP ? DIGEST_LENGTH : ADDRESS_LENGTH, end);
    out.links += 1;
    return;
  }
  const length = varint(bytes, end);
  skip(length, end);
  out.plainLength += plainLength - length;
  out.links = linkCount(node, index);
}

/** How many links the record at `index` has, by the links table. */
function linkCount(node: Node, index: number): number {
  if (!node.hasLinks) return 0;
  const all = Math.floor((node.linksEnd - node.ids) / 6);
  const last = index + 1 < node.count ? node.firstLink(index + 1) : all;
  return Math.max(0, last - node.firstLink(index));
}

/** The parts of the record at `index` of a leaf. */
export function readRecord(node: Node, index: number): RecordParts {
  const { bytes } = node;
  const end = node.recordEnd(index);
  cursor = node.recordStart(index);
  const head = varint(bytes, end);
  const shape = node.shapes[head >>> 2] ?? badHead(head);
  let link = node.hasLinks ? node.firstLink(index) : 0;
  const streams: StreamPart[] = [];
  for (let i = 0; i < shape.names.length; i++) {
    const lengthForm = varint(bytes, end);
    const length = Math.floor(lengthForm / 4);
    const form = lengthForm % 4;
    const start = skip(form === INLINE ? length : DIGEST_LENGTH, end);
    if (form === INLINE) {
      streams.push({ form, length, bytes: bytes.subarray(start, start + length) });
    } else {
      streams.push(blockPart(node, form, length, start, link++));
    }
  }
  const child = readChild(node, index, head & 3, link, end);
  if (cursor !== end) overrun();
  return { shape, streams, child };
}

/** The part whose digest begins at `start`. */
function blockPart(
  node: Node,
  form: number,
  length: number,
  start: number,
  link: number,
): BlockPart {
  const address = node.addressAt(start);
  const id = node.link(link);
  switch (form) {
    case METADATA:
      return { form, length, address, id };
    case REFERENCED:
      return { form, length, address, id };
    default:
      return overrun();
  }
}

function readTotals(bytes: Uint8Array, end: number): Totals {
  return {
    entries: varint(bytes, end),
    buckets: varint(bytes, end),
    inlineBytes: varint(bytes, end),
    referencedBytes: varint(bytes, end),
  };
}

function readChild(node: Node, index: number, form: number, link: number, end: number): ChildPart {
  const { bytes } = node;
  if (form === CHILD_NONE) return NO_CHILD;
  if (form === CHILD_INLINE) {
    const plainLength = varint(bytes, end);
    const totals = readTotals(bytes, end);
    const length = varint(bytes, end);
    const start = skip(length, end);
    const links: Link[] = [];
    const count = node.hasLinks ? linkCount(node, index) - (link - node.firstLink(index)) : 0;
    for (let i = 0; i < count; i++) links.push(node.link(link + i));
    return { form, plainLength, totals, body: bytes.subarray(start, start + length), links };
  }
  if (form === CHILD_MAP) {
    const totals = readTotals(bytes, end);
    const start = skip(DIGEST_LENGTH, end);
    return { form, totals, address: node.addressAt(start), id: node.link(link) };
  }
  const bucketStart = skip(BUCKET_ID_LENGTH, end);
  const bucket = bytes.subarray(bucketStart, bucketStart + BUCKET_ID_LENGTH);
  const totals = readTotals(bytes, end);
  const start = skip(ADDRESS_LENGTH, end);
  const root = bytes.slice(start, start + ADDRESS_LENGTH);
  return { form: CHILD_BUCKET, bucket, totals, root, id: node.link(link) };
}

/** A stream where it lies in a node: its bytes are cut out when they are asked for. */
export class PlacedPart implements InlinePart {
  readonly form = INLINE;
  readonly length: number;
  readonly node: Node;
  /** Where its bytes begin in the node's bytes. */
  readonly start: number;

  constructor(node: Node, start: number, length: number) {
    this.length = length;
    this.node = node;
    this.start = start;
  }

  get bytes(): Uint8Array {
    return this.node.bytes.subarray(this.start, this.start + this.length);
  }
}

/** One stream of a record in place: a reading for the hot path, which allocates once. */
export function findStream(
  node: Node,
  index: number,
  stream: string,
): PlacedPart | BlockPart | undefined {
  const { bytes } = node;
  const end = node.recordEnd(index);
  cursor = node.recordStart(index);
  const head = varint(bytes, end);
  const shape = node.shapes[head >>> 2] ?? badHead(head);
  const { names } = shape;
  let links = 0;
  for (let i = 0; i < names.length; i++) {
    const lengthForm = varint(bytes, end);
    const form = lengthForm & 3;
    const length = lengthForm < 0x4000_0000 ? lengthForm >>> 2 : Math.floor(lengthForm / 4);
    const start = skip(form === INLINE ? length : DIGEST_LENGTH, end);
    if (names[i] === stream) {
      if (form === INLINE) return new PlacedPart(node, start, length);
      return blockPart(node, form, length, start, node.firstLink(index) + links);
    }
    if (form !== INLINE) links++;
  }
  return undefined;
}

/**
 * Whether two records are the same in every byte but the number of their shape, which is their
 * table's. Under one name, one rule and one algorithm that is what equal contents are: elsewhere
 * equal.ts says more.
 */
export function sameRecord(x: Node, i: number, y: Node, j: number): boolean {
  const { bytes: p } = x;
  const { bytes: q } = y;
  let from = x.recordStart(i);
  let other = y.recordStart(j);
  const end = x.recordEnd(i);
  if (x.algorithm !== y.algorithm) return false;
  if (x.shapes !== y.shapes) {
    const head = p[from];
    const otherHead = q[other];
    if ((head & 3) !== (otherHead & 3)) return false;
    if (!sameShape(recordShape(x, i), recordShape(y, j))) return false;
    while (p[from++] >= 0x80);
    while (q[other++] >= 0x80);
  }
  if (end - from !== y.recordEnd(j) - other) return false;
  for (; from < end; from++, other++) if (p[from] !== q[other]) return false;
  return true;
}

/**
 * A record ready to be placed in a leaf: `bytes` has its name and its payload, which is all
 * behind the first number.
 */
export interface FreshRecord {
  readonly bytes: Uint8Array;
  readonly nameStart: number;
  readonly nameEnd: number;
  readonly start: number;
  readonly end: number;
  readonly shape: Shape;
  readonly child: number;
  readonly links: readonly Link[];
  /** Its plain length, without name and entry overhead. */
  readonly plainLength: number;
  readonly entries: number;
  readonly buckets: number;
  readonly inlineBytes: number;
  readonly referencedBytes: number;
}

/** The bytes of a child map in its record's plain length. */
export function childPlainLength(child: ChildPart): number {
  if (child.form === CHILD_NONE) return 0;
  const totals = totalsLength(child.totals);
  if (child.form === CHILD_INLINE) {
    const { plainLength, body } = child;
    return varintLength(plainLength) + totals + varintLength(body.length) + plainLength;
  }
  return totals + (child.form === CHILD_MAP ? DIGEST_LENGTH : BUCKET_ID_LENGTH + ADDRESS_LENGTH);
}

function totalsLength(totals: Readonly<Totals>): number {
  return (
    varintLength(totals.entries) +
    varintLength(totals.buckets) +
    varintLength(totals.inlineBytes) +
    varintLength(totals.referencedBytes)
  );
}

/** Encodes a record under `name`. The parts are placed already: see placement.ts. */
export function encodeRecord(name: Uint8Array, parts: RecordParts): FreshRecord {
  const { shape, streams, child } = parts;
  assert(shape.names.length === streams.length, 'a record has a part for each name of its shape');
  let length = childLength(child);
  for (const { length: bytes, form } of streams) {
    length += varintLength(bytes * 4) + (form === INLINE ? bytes : DIGEST_LENGTH);
  }
  const bytes = new Uint8Array(name.length + length);
  bytes.set(name);
  let at = name.length;
  const links: Link[] = [];
  let inlineBytes = 0;
  let referencedBytes = 0;
  for (const stream of streams) {
    at = putVarint(bytes, at, stream.length * 4 + stream.form);
    if (stream.form === INLINE) {
      at = putBytes(bytes, at, stream.bytes);
    } else {
      at = putBytes(bytes, at, stream.address.subarray(1));
      links.push(stream.id);
    }
    if (stream.form === REFERENCED) referencedBytes += stream.length;
    else inlineBytes += stream.length;
  }
  at = putChild(bytes, at, child, links);
  const below = child.form === CHILD_NONE ? NOTHING : child.totals;
  const inlineExtra = child.form === CHILD_INLINE ? child.plainLength - child.body.length : 0;
  return {
    bytes,
    nameStart: 0,
    nameEnd: name.length,
    start: name.length,
    end: at,
    shape,
    child: child.form,
    links,
    plainLength: shape.plainLength + length + inlineExtra,
    entries: 1 + below.entries,
    buckets: below.buckets + (child.form === CHILD_BUCKET ? 1 : 0),
    inlineBytes: inlineBytes + below.inlineBytes,
    referencedBytes: referencedBytes + below.referencedBytes,
  };
}

const NOTHING: Readonly<Totals> = { entries: 0, buckets: 0, inlineBytes: 0, referencedBytes: 0 };

function childLength(child: ChildPart): number {
  if (child.form !== CHILD_INLINE) return childPlainLength(child);
  return childPlainLength(child) - child.plainLength + child.body.length;
}

function putChild(bytes: Uint8Array, from: number, child: ChildPart, links: Link[]): number {
  if (child.form === CHILD_NONE) return from;
  let at = from;
  if (child.form === CHILD_INLINE) at = putVarint(bytes, at, child.plainLength);
  if (child.form === CHILD_BUCKET) at = putBytes(bytes, at, child.bucket);
  at = putVarint(bytes, at, child.totals.entries);
  at = putVarint(bytes, at, child.totals.buckets);
  at = putVarint(bytes, at, child.totals.inlineBytes);
  at = putVarint(bytes, at, child.totals.referencedBytes);
  if (child.form === CHILD_INLINE) {
    at = putVarint(bytes, at, child.body.length);
    for (const link of child.links) links.push(link);
    return putBytes(bytes, at, child.body);
  }
  links.push(child.id);
  return putBytes(bytes, at, child.form === CHILD_MAP ? child.address.subarray(1) : child.root);
}

function putBytes(bytes: Uint8Array, at: number, part: Uint8Array): number {
  bytes.set(part, at);
  return at + part.length;
}

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
  const sum = first[node.count];
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
  return count + countLinks(nested)[nested.count];
}
