/**
 * Manifests: the nodes of the tree over a content's parts, which are chunks and holes.
 *
 *     manifest   kind u8 = 4 | version u8 = 1 | algorithm u8 | level u8 | varint count
 *                | child × count
 *     child      varint length × 2 | digest 32   length: logical bytes below, at least 1
 *     hole       varint length × 2 + 1        in level 1 only; at least 65,536; no two side by side
 *     links      u48 id × count                          beside, never hashed; 0 for a hole
 *
 * Level 1 lists parts, level n + 1 lists manifests of level n, all of the manifest's own algorithm.
 * A node ends after a child whose digest begins with six zero bits if that is its 32nd or a later
 * one, else after its 256th, else where the level ends. So a node has 93 children in the mean
 * (31 + 64 × (1 − (63/64)^225)), about 3.8 KiB with links; 3 in 100 are cut at 256. A hole has no
 * digest and ends none.
 *
 * Digests are as good as random, so an inserted chunk changes its own node alone, unless that grew
 * beyond 256 or the chunk is an end itself (1 in 64): then the ends of old and new soon fall
 * together again. Simulated, 3,000 insertions: a level gets one new node in 92 of 100, two in
 * nearly all others. Whoever mines chunks harms the manifests of that content alone.
 */
import { ADDRESS_LENGTH, type Address } from '../blocks/address.js';
import type { BodyWriter } from '../blocks/body.js';
import { knownId, NO_ID } from '../blocks/extent.js';
import {
  type AlgorithmNumber,
  BlockKind,
  readBlockHeader,
  writeBlockHeader,
} from '../ground/block-header.js';
import { assert } from '../ground/errors.js';
import { readU48 } from '../ground/integers.js';
import {
  CHUNK_BYTES_MAX,
  CONTENT_BYTES_MAX,
  HOLE_BYTES_MIN,
  MANIFEST_CHILDREN_MAX,
  MANIFEST_CHILDREN_MIN,
  MANIFEST_LEVEL_MAX,
} from '../ground/limits.js';
import { ByteReader } from '../ground/reader.js';
import { DIGEST_LENGTH } from '../kernels/hash.js';
import type { ContentRef } from './content.js';

const LINK_LENGTH = 6;
/** Where a hole's digest would be: no digest lies at a manifest's beginning. */
const NO_DIGEST = 0;

/** A block below a manifest. */
export type Child = ContentRef;

/** A run of zeros in the place of a chunk. */
export interface Hole {
  readonly address: undefined;
  readonly length: number;
}

/** What a content is made of, or a manifest that stands for several. */
export type Part = Child | Hole;

export function isHole(part: Part): part is Hole {
  return part.address === undefined;
}

/** Whether a node ends after its `count`th child, whose digest begins so; a hole's does not. */
export function endsNode(digest: number | undefined, count: number): boolean {
  if (count >= MANIFEST_CHILDREN_MAX) return true;
  return count >= MANIFEST_CHILDREN_MIN && digest !== undefined && digest < 4;
}

export function writeManifest(
  body: BodyWriter,
  algorithm: AlgorithmNumber,
  level: number,
  children: readonly Part[],
): number {
  assert(level >= 1 && level <= MANIFEST_LEVEL_MAX, 'a manifest has a level of 1 to 11');
  const { length } = children;
  assert(length >= 1 && length <= MANIFEST_CHILDREN_MAX, 'a manifest has 1 to 256 children');
  body.reset();
  writeBlockHeader(body, BlockKind.manifest, algorithm).u8(level).varint(length);
  for (const child of children) writeChild(body, algorithm, level, child);
  const plainLength = body.length;
  for (const child of children) body.u48(isHole(child) ? NO_ID : (child.id ?? NO_ID));
  return plainLength;
}

function writeChild(
  body: BodyWriter,
  algorithm: AlgorithmNumber,
  level: number,
  child: Part,
): void {
  if (isHole(child)) {
    assert(level === 1 && child.length >= HOLE_BYTES_MIN, 'a hole is long, and a part');
    body.varint(child.length * 2 + 1);
    return;
  }
  assert(child.address[0] === algorithm, 'the blocks of a content share one algorithm');
  body.varint(child.length * 2);
  body.range(child.address, 1, ADDRESS_LENGTH);
}

/** Writes the body of a manifest that came from elsewhere, given the local ids of its children. */
export function linkManifest(body: BodyWriter, plain: Uint8Array, ids: readonly number[]): void {
  body.reset();
  body.bytes(plain);
  for (const id of ids) body.u48(id);
}

/** A decoded manifest. It owns its bytes. */
export class Manifest {
  readonly algorithm: AlgorithmNumber;
  readonly level: number;
  readonly count: number;
  readonly plainLength: number;
  /** Where each child ends, in logical bytes from the manifest's own start. */
  readonly ends: Float64Array;
  readonly #bytes: Uint8Array;
  readonly #digests: Uint16Array;

  /** `body`: plain bytes up to `plainLength`, then links. REGALIA_FORMAT, REGALIA_VERSION. */
  constructor(body: Uint8Array, plainLength: number) {
    const header = readBlockHeader(body, 'manifest', BlockKind.manifest, 0, plainLength);
    this.#bytes = Uint8Array.prototype.slice.call(body);
    this.plainLength = plainLength;
    const reader = new ByteReader(this.#bytes, 'manifest', 3, plainLength);
    this.algorithm = header.algorithm;
    this.level = reader.u8();
    if (this.level < 1 || this.level > MANIFEST_LEVEL_MAX) {
      reader.fail(`a level of 1 to ${MANIFEST_LEVEL_MAX}`, `${this.level}`);
    }
    this.count = readCount(reader);
    this.ends = new Float64Array(this.count);
    this.#digests = new Uint16Array(this.count);
    this.#readChildren(reader);
    reader.end();
  }

  #readChildren(reader: ByteReader): void {
    let end = 0;
    for (let i = 0; i < this.count; i++) {
      const head = reader.varint();
      const hole = head % 2 === 1;
      const length = (head - (head % 2)) / 2;
      this.#checkLength(reader, length, hole);
      if (hole && i > 0 && this.isHole(i - 1)) reader.fail('a chunk behind a hole', 'a hole');
      end += length;
      if (end > CONTENT_BYTES_MAX) reader.fail('a sum below 2^51', 'a larger one');
      this.ends[i] = end;
      this.#digests[i] = hole ? NO_DIGEST : reader.at;
      if (!hole) reader.bytes(DIGEST_LENGTH);
      if (i + 1 < this.count && this.#endsAfter(i)) {
        reader.fail(`the node's end after child ${i}`, `${this.count} children`);
      }
    }
  }

  #checkLength(reader: ByteReader, length: number, hole: boolean): void {
    if (hole && this.level > 1) reader.fail('a manifest', 'a hole');
    const least = hole ? HOLE_BYTES_MIN : 1;
    const most = this.level === 1 && !hole ? CHUNK_BYTES_MAX : CONTENT_BYTES_MAX;
    if (length < least || length > most) {
      reader.fail(`a length of ${least} to ${most}`, `${length}`);
    }
  }

  #endsAfter(index: number): boolean {
    const digest = this.isHole(index) ? undefined : this.#bytes[this.#digests[index] as number];
    return endsNode(digest, index + 1);
  }

  get length(): number {
    return this.ends[this.count - 1] as number;
  }

  /** Whether the last child ends a node: the last node of a level may do without. */
  get ended(): boolean {
    return this.#endsAfter(this.count - 1);
  }

  /** Where the child begins, in logical bytes from the manifest's own start. */
  startOf(index: number): number {
    return index === 0 ? 0 : (this.ends[index - 1] as number);
  }

  lengthOf(index: number): number {
    return (this.ends[index] as number) - this.startOf(index);
  }

  isHole(index: number): boolean {
    return this.#digests[index] === NO_DIGEST;
  }

  /** Of a child that is no hole. */
  address(index: number): Address {
    assert(!this.isHole(index), 'a hole has no address');
    const address = new Uint8Array(ADDRESS_LENGTH);
    const at = this.#digests[index] as number;
    address[0] = this.algorithm;
    address.set(this.#bytes.subarray(at, at + DIGEST_LENGTH), 1);
    return address;
  }

  /** The child's local id: unknown where links, which have no digest, are not whole. */
  id(index: number): number | undefined {
    if (this.#bytes.length !== this.plainLength + this.count * LINK_LENGTH) return undefined;
    const id = readU48(this.#bytes, this.plainLength + index * LINK_LENGTH);
    return knownId(id);
  }

  part(index: number): Part {
    const length = this.lengthOf(index);
    if (this.isHole(index)) return { address: undefined, length };
    return { address: this.address(index), id: this.id(index), length };
  }

  /** Whether a content may be this alone: a single child has no manifest, unless it is a hole. */
  get canBeTop(): boolean {
    return this.count > 1 || this.isHole(0);
  }

  /** The child over the logical byte `offset`, 0 <= offset < length. */
  indexAt(offset: number): number {
    let low = 0;
    let high = this.count - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.ends[middle] as number) > offset) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}

/** Decodes plain bytes alone: ids are unknown. REGALIA_FORMAT, REGALIA_VERSION. */
export function decodeManifest(plain: Uint8Array): Manifest {
  return new Manifest(plain, plain.length);
}

function readCount(reader: ByteReader): number {
  const count = reader.varint();
  if (count < 1 || count > MANIFEST_CHILDREN_MAX) {
    reader.fail(`1 to ${MANIFEST_CHILDREN_MAX} children`, `${count}`);
  }
  return count;
}
