/**
 * Checks nodes and roots that others made, before they are stored: everything that reading relies
 * on, and that there is one spelling. Loading a node checks bounds; here come order, prefixes,
 * shapes, integers in their shortest form, what lies inline, and the sums that parents will repeat.
 *
 * Not checked, since it needs neighbours: whether nodes end where the boundary rule says, and
 * whether what lies in a block of its own belongs there. A tree that breaks those rules reads
 * right, and differs from its equal in address.
 *
 * Result: the references in the order of links, with what each promises of the block that it names.
 */
import { ADDRESS_LENGTH, type Address, isAddress } from '../blocks/address.js';
import type { BodyWriter } from '../blocks/body.js';
import { hex } from '../ground/bytes.js';
import { malformed } from '../ground/errors.js';
import { INLINE_MAP_BYTES_MAX, SHARED_BYTES_MAX } from '../ground/limits.js';
import { ByteReader } from '../ground/reader.js';
import { DIGEST_LENGTH } from '../kernels/hash.js';
import { FORCED, INNER_ENTRY_LENGTH, LEAF_ENTRY_OVERHEAD } from './boundary.js';
import { checkName, type Names } from './key.js';
import { NODE_HEADER, type Node } from './node.js';
import {
  BUCKET_ID_LENGTH,
  CHILD_BUCKET,
  CHILD_INLINE,
  CHILD_MAP,
  CHILD_NONE,
  INLINE,
  inlineNode,
  METADATA,
  REFERENCED,
} from './record.js';
import type { Root } from './root.js';
import {
  addTotals,
  areCountable,
  NO_TOTALS,
  readTotals,
  sameTotals,
  type Totals,
} from './totals.js';

/** A reference to a block, and what it promises of it. */
export type Reference =
  | {
      readonly kind: 'node';
      readonly address: Address;
      /** Of an inner node's child: one less than the node's. Of a map's top: any. */
      readonly level: number | undefined;
      readonly totals: Readonly<Totals>;
      /**
       * Of an inner node's child: its last name, and the last one before it; the former is not
       * below the latter.
       */
      readonly last: Uint8Array | undefined;
      readonly previous: Uint8Array | undefined;
      /** Names from the node's map to the record whose map it is; 0 of an inner node's child. */
      readonly names: number;
    }
  | {
      readonly kind: 'root';
      readonly address: Address;
      readonly totals: Readonly<Totals>;
      /** The same, of the record that is the bucket. */
      readonly names: number;
    }
  | {
      readonly kind: 'metadata' | 'content';
      readonly address: Address;
      readonly length: number;
      readonly stream: string;
    };

export interface CheckedNode {
  /** In the order of links. */
  readonly references: readonly Reference[];
  /** A leaf's: for each record, the index of its first reference. */
  readonly firstLinks: readonly number[];
  readonly totals: Totals;
  /** The names of the deepest key that lies in the node itself. */
  readonly levels: number;
  /** A leaf's, in the sense of the boundary rule. */
  readonly plainLength: number;
}

/** A record that is checked: in a node, or in a map inside one of its records. */
export interface CheckedRecord {
  readonly map: Node;
  readonly index: number;
  /** The way to it from the node's map; none for a root's own. */
  names(): Names;
}

/** Looks closer at records while they are checked. */
export interface RecordCheck {
  /** A stream in a form, of so many bytes; those that are inline begin at `start`. */
  stream(record: CheckedRecord, name: string, form: number, length: number, start: number): void;
  /** A record from which streams went to metadata blocks, or with more than such may share. */
  full(record: CheckedRecord): void;
}

/** Checks a node. REGALIA_FORMAT, REGALIA_KEY. */
export function checkNode(node: Node, closer?: RecordCheck): CheckedNode {
  if (node.level > 0) return checkInner(node);
  return new LeafCheck(node, { inlineMax: INLINE_MAP_BYTES_MAX, closer }).run();
}

/** Checks a root. The rules are bytes here. REGALIA_FORMAT, REGALIA_KEY. */
export function checkRoot(root: Pick<Root, 'node'>, closer?: RecordCheck): CheckedNode {
  const how = { inlineMax: INLINE_MAP_BYTES_MAX, isRoot: true, closer };
  return new LeafCheck(root.node, how).run();
}

/**
 * Appends a node's links to a body that has its plain bytes: local ids in the order of its
 * references.
 */
export function linkNode(
  body: BodyWriter,
  level: number,
  { firstLinks }: Pick<CheckedNode, 'firstLinks'>,
  ids: readonly number[],
): void {
  if (ids.length === 0) return;
  if (level === 0) for (const first of firstLinks) body.u16(first);
  for (const id of ids) body.u48(id);
}

function checkInner(node: Node): CheckedNode {
  const references: Reference[] = [];
  const sum = { ...NO_TOTALS };
  let previous: Uint8Array | undefined;
  checkPrefix(node);
  for (let i = 0; i < node.count; i++) {
    const last = checkedName(node, i, previous);
    if (node.cut(i) > FORCED) fail(node, node.cuts + i, 'a cut of 0 or 1', `${node.cut(i)}`);
    const totals = node.childTotals(i);
    if (totals.entries === 0) fail(node, node.recordStart(i), 'an entry', 'none');
    addClaimed(sum, totals);
    const address = node.childAddress(i);
    const level = node.level - 1;
    references.push({ kind: 'node', address, level, totals, last, previous, names: 0 });
    previous = last;
  }
  const plainLength = INNER_ENTRY_LENGTH * node.count;
  return { references, firstLinks: [], totals: sum, levels: 0, plainLength };
}

/** The prefix is all that the first and the last name share. */
function checkPrefix(node: Node): void {
  const first = node.name(0);
  const last = node.name(node.count - 1);
  let shared = 0;
  while (shared < Math.min(first.length, last.length) && first[shared] === last[shared]) shared++;
  if (node.prefixLength === shared) return;
  fail(node, node.prefixStart, `a prefix of ${shared} bytes`, `${node.prefixLength}`);
}

/** A name that can be one, above the one before it. */
function checkedName(node: Node, index: number, previous: Uint8Array | undefined): Uint8Array {
  const name = node.name(index);
  checkName(name, [name]);
  if (previous !== undefined && Buffer.compare(previous, name) >= 0) {
    fail(node, node.suffixStart(index), 'names in ascending order', hex(name));
  }
  return name;
}

/** Adds the sums of a part, which may claim anything. */
function addClaimed(sum: Totals, part: Readonly<Totals>): void {
  addTotals(sum, part);
  if (!areCountable(sum)) throw malformed('node', 0, 'sums below 2^53', 'larger ones');
}

interface LeafHow {
  /**
   * Bounds the plain length of maps inside, and so the depth: each is shorter than what it lies in.
   */
  readonly inlineMax: number;
  /** Whether it is a root's: one record without a name, that may be empty. */
  readonly isRoot?: boolean;
  readonly closer: RecordCheck | undefined;
  /** Names from the node's map to the records; default 1. */
  readonly levels?: number;
  /** The record that the map is inside of. */
  readonly around?: CheckedRecord;
}

/** Checks the records of one leaf, and of those inline within. */
class LeafCheck implements CheckedRecord {
  readonly #node: Node;
  readonly #inlineMax: number;
  readonly #isRoot: boolean;
  readonly #closer: RecordCheck | undefined;
  readonly #around: CheckedRecord | undefined;
  /** Names to its records, and to those that lie deepest within. */
  readonly #levels: number;
  #deepest: number;
  #index = 0;
  readonly #references: Reference[] = [];
  readonly #used = new Set<number>();
  readonly #totals = { ...NO_TOTALS };
  #plainLength = 0;

  constructor(node: Node, how: LeafHow) {
    const { inlineMax, isRoot = false, closer, around, levels = isRoot ? 0 : 1 } = how;
    this.#node = node;
    this.#levels = levels;
    this.#deepest = levels;
    this.#inlineMax = inlineMax;
    this.#isRoot = isRoot;
    this.#closer = closer;
    this.#around = around;
  }

  get map(): Node {
    return this.#node;
  }

  get index(): number {
    return this.#index;
  }

  names(): Names {
    const name = this.#node.name(this.#index);
    return [...(this.#around?.names() ?? []), ...(name.length > 0 ? [name] : [])];
  }

  run(): CheckedNode {
    const node = this.#node;
    const firstLinks: number[] = [];
    let previous: Uint8Array | undefined;
    if (!this.#isRoot) checkPrefix(node);
    for (let i = 0; i < node.count; i++) {
      if (!this.#isRoot) previous = checkedName(node, i, previous);
      firstLinks.push(this.#references.length);
      this.#index = i;
      this.#record(i);
    }
    if (this.#used.size !== node.shapes.length) {
      const expected = 'a table of the shapes in use';
      fail(node, node.start + NODE_HEADER + 4, expected, `${node.shapes.length} shapes`);
    }
    const [references, totals, plainLength] = [this.#references, this.#totals, this.#plainLength];
    return { references, firstLinks, totals, levels: this.#deepest, plainLength };
  }

  #record(index: number): void {
    const node = this.#node;
    const [start, end] = [node.recordStart(index), node.recordEnd(index)];
    const reader = new ByteReader(node.bytes, 'record', start, end);
    const head = reader.varint();
    const slot = Math.floor(head / 4);
    const shape = node.shapes[slot] ?? reader.fail('a shape of the table', `${slot}`);
    this.#used.add(slot);
    const payload = reader.remaining;
    let isFull = false;
    for (const name of shape.names) isFull = this.#stream(reader, name) === METADATA || isFull;
    const form = head % 4;
    if (form === CHILD_NONE && shape.names.length === 0 && !this.#isRoot) {
      reader.fail('a stream or a child', 'neither');
    }
    if (form === CHILD_BUCKET && shape.names.length > 0) reader.fail('a bucket alone', 'streams');
    addClaimed(this.#totals, { ...NO_TOTALS, entries: 1 });
    const saved = form === CHILD_INLINE ? this.#inlineMap(reader) : this.#reference(reader, form);
    reader.end();
    const overhead = LEAF_ENTRY_OVERHEAD + node.nameLength(index) + shape.plainLength;
    const plainLength = overhead + payload - saved;
    this.#plainLength += plainLength;
    if (isFull || plainLength > SHARED_BYTES_MAX) this.#closer?.full(this);
  }

  /** Returns the stream's form. */
  #stream(reader: ByteReader, stream: string): number {
    const lengthForm = reader.varint();
    const length = Math.floor(lengthForm / 4);
    const form = lengthForm % 4;
    const bytes = form === REFERENCED ? { referencedBytes: length } : { inlineBytes: length };
    addClaimed(this.#totals, { ...NO_TOTALS, ...bytes });
    this.#closer?.stream(this, stream, form, length, reader.at);
    if (form === INLINE) {
      reader.bytes(length);
      return form;
    }
    if (form !== METADATA && form !== REFERENCED) reader.fail('a form of 0 to 2', `${form}`);
    if (length === 0) reader.fail('a byte in a block', 'none');
    const address = this.#address(reader);
    const kind = form === METADATA ? 'metadata' : 'content';
    this.#references.push({ kind, address, length, stream });
    return form;
  }

  #address(reader: ByteReader): Address {
    const { at } = reader;
    reader.bytes(DIGEST_LENGTH);
    return this.#node.addressAt(at);
  }

  /** A child map or bucket elsewhere. Returns 0, by which it is longer than its plain length. */
  #reference(reader: ByteReader, form: number): number {
    if (form === CHILD_NONE) return 0;
    const isBucket = form === CHILD_BUCKET;
    if (isBucket) reader.bytes(BUCKET_ID_LENGTH);
    const totals = readTotals(reader);
    addClaimed(this.#totals, { ...totals, buckets: totals.buckets + (isBucket ? 1 : 0) });
    if (form === CHILD_MAP) {
      if (totals.entries === 0) reader.fail('an entry below', 'none');
      const address = this.#address(reader);
      const ends = { level: undefined, last: undefined, previous: undefined, names: this.#levels };
      this.#references.push({ kind: 'node', address, totals, ...ends });
      return 0;
    }
    const address = reader.bytes(ADDRESS_LENGTH).slice();
    if (!isAddress(address)) reader.fail('an address of a known algorithm', hex(address));
    this.#references.push({ kind: 'root', address, totals, names: this.#levels });
    return 0;
  }

  /** A map inside the record. Returns by how much its bytes are longer than its plain length. */
  #inlineMap(reader: ByteReader): number {
    const plainLength = reader.varint();
    if (plainLength > this.#inlineMax) {
      reader.fail(`an inline map of at most ${this.#inlineMax} bytes`, `${plainLength}`);
    }
    const totals = readTotals(reader);
    const body = reader.lengthed();
    const inner = inlineNode(this.#node, body);
    // A record in it is shorter than the map, so what lies in that one has still less room.
    const inlineMax = plainLength - LEAF_ENTRY_OVERHEAD - 1;
    const how = { inlineMax, closer: this.#closer, levels: this.#levels + 1, around: this };
    const found = new LeafCheck(inner, how).run();
    this.#deepest = Math.max(this.#deepest, found.levels);
    if (found.plainLength !== plainLength) {
      reader.fail(`a plain length of ${found.plainLength}`, `${plainLength}`);
    }
    if (!sameTotals(found.totals, totals)) reader.fail('the sums of what lies inline', 'others');
    addClaimed(this.#totals, totals);
    this.#references.push(...found.references);
    return body.length - plainLength;
  }
}

/** `at` is where in the node's bytes. */
function fail(node: Node, at: number, expected: string, actual: string): never {
  throw malformed('node', at - node.start, expected, actual);
}
