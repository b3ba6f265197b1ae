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
import { DIGEST_LENGTH } from '../kernels/hash.js';
import { NODE_HEADER, Node } from './node.js';
import { type Shape, type Shapes, sameShape } from './shape.js';
import { NO_TOTALS, putTotals, type Totals, totalsLength } from './totals.js';

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

export interface InlinePart {
  readonly form: typeof INLINE;
  /** Its logical size in bytes, as of every part. */
  readonly length: number;
  /** The stream. A view that stays valid. */
  readonly bytes: Uint8Array;
}

/** A stream in a block of its own: its bytes as they are, or chunks under a manifest. */
interface PlacedElsewhere<Form> {
  readonly form: Form;
  readonly length: number;
  /** The address of the block. Metadata's has the algorithm of the node around. */
  readonly address: Address;
  readonly id: Link;
}

export type MetadataPart = PlacedElsewhere<typeof METADATA>;
export type ReferencedPart = PlacedElsewhere<typeof REFERENCED>;

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
      readonly id: Link;
    }
  | BucketPart;

export interface BucketPart {
  readonly form: typeof CHILD_BUCKET;
  /** The bucket's id, 16 bytes. A view that stays valid. */
  readonly bucket: Uint8Array;
  readonly totals: Readonly<Totals>;
  readonly root: Address;
  readonly id: Link;
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
  links: number;
  head: number;
}

const measured: Measure = { ...NO_TOTALS, plainLength: 0, links: 0, head: 0 };

/** Where reading is in a record, and the first number of that. */
let cursor = 0;
let head = 0;

/** Begins to read the record at `index` of a leaf, which ends at `end`: its shape. */
function begin(node: Node, index: number, end = node.recordEnd(index)): Shape {
  cursor = node.recordStart(index);
  head = varint(node.bytes, end);
  return node.shapes[head >>> 2] ?? badHead();
}

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

/** Where the next `count` bytes begin, which are passed. */
function pass(count: number, end: number): number {
  const start = cursor;
  if (count > end - start) overrun();
  cursor = start + count;
  return start;
}

function totals(bytes: Uint8Array, end: number): Totals {
  return {
    entries: varint(bytes, end),
    buckets: varint(bytes, end),
    inlineBytes: varint(bytes, end),
    referencedBytes: varint(bytes, end),
  };
}

function overrun(): never {
  throw malformed('record', cursor, 'more bytes', 'the end');
}

function badHead(): never {
  throw malformed('record', cursor, 'a shape of the table', `${head >>> 2}`);
}

/** Sums up the record at `index` of a leaf. The result is valid until the next call. */
export function measure(node: Node, index: number): Readonly<Measure> {
  const { bytes } = node;
  const end = node.recordEnd(index);
  const shape = begin(node, index, end);
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
    pass(form === INLINE ? length : DIGEST_LENGTH, end);
  }
  measured.head = head;
  measured.plainLength = shape.plainLength + payload;
  measured.entries = 1;
  measured.buckets = 0;
  measured.inlineBytes = inlineBytes;
  measured.referencedBytes = referencedBytes;
  measured.links = links;
  if ((head & 3) !== CHILD_NONE) measureChild(node, index, head & 3, end);
  if (cursor !== end) overrun();
  return measured;
}

/** What `measure` finds as the plain length: of most records without a look at their streams. */
export function plainLengthAt(node: Node, index: number): number {
  const start = node.recordStart(index);
  const byte = node.bytes[start];
  const shape = byte < 0x80 && (byte & 3) !== CHILD_INLINE ? node.shapes[byte >>> 2] : undefined;
  if (shape === undefined) return measure(node, index).plainLength;
  return shape.plainLength + node.recordEnd(index) - start - 1;
}

function measureChild(node: Node, index: number, form: number, end: number): void {
  const { bytes } = node;
  const plainLength = form === CHILD_INLINE ? varint(bytes, end) : 0;
  if (form === CHILD_BUCKET) {
    pass(BUCKET_ID_LENGTH, end);
    measured.buckets += 1;
  }
  measured.entries += varint(bytes, end);
  measured.buckets += varint(bytes, end);
  measured.inlineBytes += varint(bytes, end);
  measured.referencedBytes += varint(bytes, end);
  if (form !== CHILD_INLINE) {
    pass(form === CHILD_MAP ? DIGEST_LENGTH : ADDRESS_LENGTH, end);
    measured.links += 1;
    return;
  }
  const length = varint(bytes, end);
  pass(length, end);
  measured.plainLength += plainLength - length;
  measured.links = node.linkEnd(index) - node.firstLink(index);
}

/** The parts of the record at `index` of a leaf. */
export function readRecord(node: Node, index: number): RecordParts {
  const { bytes } = node;
  const end = node.recordEnd(index);
  const shape = begin(node, index, end);
  let link = node.firstLink(index);
  const streams: StreamPart[] = [];
  for (let i = 0; i < shape.names.length; i++) {
    const lengthForm = varint(bytes, end);
    const length = Math.floor(lengthForm / 4);
    const form = lengthForm % 4;
    const start = pass(form === INLINE ? length : DIGEST_LENGTH, end);
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

/** The child map of the record at `index` of a leaf: its streams are passed over. */
export function recordChild(node: Node, index: number): ChildPart {
  const { bytes } = node;
  const end = node.recordEnd(index);
  const { names } = begin(node, index, end);
  let link = node.firstLink(index);
  for (let i = names.length; i > 0; i--) {
    const lengthForm = varint(bytes, end);
    const form = lengthForm % 4;
    pass(form === INLINE ? Math.floor(lengthForm / 4) : DIGEST_LENGTH, end);
    if (form !== INLINE) link++;
  }
  return readChild(node, index, head & 3, link, end);
}

/** The part whose digest begins at `start`. */
function blockPart(
  node: Node,
  form: number,
  length: number,
  start: number,
  link: number,
): BlockPart {
  if (form !== METADATA && form !== REFERENCED) return overrun();
  return { form, length, address: node.addressAt(start), id: node.link(link) };
}

function readChild(node: Node, index: number, form: number, link: number, end: number): ChildPart {
  const { bytes } = node;
  if (form === CHILD_NONE) return NO_CHILD;
  if (form === CHILD_INLINE) {
    const plainLength = varint(bytes, end);
    const below = totals(bytes, end);
    const length = varint(bytes, end);
    const start = pass(length, end);
    const links: Link[] = [];
    for (let i = link; i < node.linkEnd(index); i++) links.push(node.link(i));
    return { form, plainLength, totals: below, body: bytes.subarray(start, start + length), links };
  }
  if (form === CHILD_MAP) {
    const below = totals(bytes, end);
    return {
      form,
      totals: below,
      address: node.addressAt(pass(DIGEST_LENGTH, end)),
      id: node.link(link),
    };
  }
  const idStart = pass(BUCKET_ID_LENGTH, end);
  const bucket = bytes.subarray(idStart, idStart + BUCKET_ID_LENGTH);
  const below = totals(bytes, end);
  const start = pass(ADDRESS_LENGTH, end);
  const root = bytes.slice(start, start + ADDRESS_LENGTH);
  return { form: CHILD_BUCKET, bucket, totals: below, root, id: node.link(link) };
}

/** A stream where it lies in a node: its bytes are cut out when they are asked for. */
export class PlacedPart implements InlinePart {
  readonly form = INLINE;
  readonly length: number;
  readonly node: Node;
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
  const { names } = begin(node, index, end);
  let links = 0;
  for (let i = 0; i < names.length; i++) {
    const lengthForm = varint(bytes, end);
    const form = lengthForm & 3;
    const length = lengthForm < 0x4000_0000 ? lengthForm >>> 2 : Math.floor(lengthForm / 4);
    const start = pass(form === INLINE ? length : DIGEST_LENGTH, end);
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
    if ((p[from] & 3) !== (q[other] & 3)) return false;
    if (!sameShape(begin(x, i), begin(y, j))) return false;
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
export interface FreshRecord extends Readonly<Totals> {
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
}

/** The bytes of a child map in its record's plain length. */
export function childPlainLength(child: ChildPart): number {
  if (child.form === CHILD_NONE) return 0;
  const below = totalsLength(child.totals);
  if (child.form === CHILD_INLINE) {
    const { plainLength, body } = child;
    return varintLength(plainLength) + below + varintLength(body.length) + plainLength;
  }
  return below + (child.form === CHILD_MAP ? DIGEST_LENGTH : BUCKET_ID_LENGTH + ADDRESS_LENGTH);
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
  const below = child.form === CHILD_NONE ? NO_TOTALS : child.totals;
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

function childLength(child: ChildPart): number {
  if (child.form !== CHILD_INLINE) return childPlainLength(child);
  return childPlainLength(child) - child.plainLength + child.body.length;
}

function putChild(bytes: Uint8Array, from: number, child: ChildPart, links: Link[]): number {
  if (child.form === CHILD_NONE) return from;
  let at = from;
  if (child.form === CHILD_INLINE) at = putVarint(bytes, at, child.plainLength);
  if (child.form === CHILD_BUCKET) at = putBytes(bytes, at, child.bucket);
  at = putTotals(bytes, at, child.totals);
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
  const node = inlineNode(holder, child.body);
  const first = countLinks(node);
  const sum = first[node.count];
  node.inlineLinks = first;
  if (!holder.hasLinks || sum === 0) return node;
  // An inline map's links are the last of its record.
  const end = holder.linkEnd(index);
  node.ids = holder.ids + 6 * (end - sum);
  node.linksEnd = Math.min(holder.linksEnd, holder.ids + 6 * end);
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
  const place = { bytes, start: 0, plainEnd, end: plainEnd };
  const node = new Node({ interned, ...place, level: 0, algorithm });
  node.inlineLinks = countLinks(node);
  node.ids = plainEnd;
  node.linksEnd = bytes.length;
  return node;
}

/** The leaf whose body, which lacks its first four bytes, is a view of `holder.bytes`. */
export function inlineNode({ interned, bytes, algorithm }: Node, body: Uint8Array): Node {
  const start = body.byteOffset - bytes.byteOffset - NODE_HEADER;
  if (body.length < 2) throw malformed('inline map', 0, 'a count', 'the end');
  const end = start + NODE_HEADER + body.length;
  return new Node({ interned, bytes, start, plainEnd: end, end, level: 0, algorithm });
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
  const nested = inlineNode(node, child.body);
  return count + countLinks(nested)[nested.count];
}
