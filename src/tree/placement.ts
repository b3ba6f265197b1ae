/**
 * Placement: which parts of a record stay in it, canonically.
 *
 * A record has its streams and a small child map inline. Streams of up to 512 bytes and the child
 * map share 4 KiB; with longer streams, which a rule must have declared inline, it has at most 12
 * KiB. Above that the child map leaves first, to a node of its own, then streams by descending
 * length, ties by name, to metadata blocks: `kind u8 = 2 | version u8 | algorithm u8 | bytes`,
 * which stay beside the nodes and are read synchronously. What is placed where depends on lengths
 * and names alone, so it is decided anew whenever a record is written.
 */
import { addressOf } from '../blocks/address.js';
import { BodyWriter } from '../blocks/body.js';
import { BlockKind, writeBlockHeader } from '../ground/block-header.js';
import { copyRange } from '../ground/bytes.js';
import { malformed } from '../ground/errors.js';
import { varintLength } from '../ground/integers.js';
import {
  INLINE_MAP_BYTES_MAX,
  RECORD_BYTES_MAX,
  SHARED_BYTES_MAX,
  SMALL_STREAM_BYTES_MAX,
} from '../ground/limits.js';
import { LEAF_ENTRY_OVERHEAD, NATURAL } from './boundary.js';
import { inlineMap, type MapResult, mayBeInline } from './edit.js';
import { Items } from './items.js';
import type { Spot } from './lookup.js';
import type { NodeCache } from './node-cache.js';
import type { NodeWriter } from './node-writer.js';
import {
  CHILD_INLINE,
  CHILD_MAP,
  type ChildPart,
  childPlainLength,
  encodeRecord,
  type FreshRecord,
  INLINE,
  type InlinePart,
  inlineLeaf,
  inlinePart,
  METADATA,
  type MetadataPart,
  measure,
  NO_CHILD,
  PlacedPart,
  REFERENCED,
  type RecordParts,
} from './record.js';
import { onlyTotals } from './totals.js';

/** A stream this short needs no more room than a reference to it. */
const DIGEST = 32;
const METADATA_HEADER = 3;

/**
 * Encodes a record under `name`, each part where it belongs. `wasFull` says that the record these
 * parts come from was so long that its child map may have left it.
 */
export function placeRecord(
  writer: NodeWriter,
  name: Uint8Array,
  parts: RecordParts,
  wasFull: boolean,
): FreshRecord {
  const sizes = new Sizes(name, parts);
  const placed = sizes.fit && !wasFull && !parts.streams.some((stream) => stream.form === METADATA);
  return encodeRecord(name, placed ? parts : place(writer, sizes, parts));
}

/** Whether a record is so long that not every inline map has room in it. */
export function isFull({ node, index }: Spot): boolean {
  return measure(node, index).plainLength > SHARED_BYTES_MAX - INLINE_MAP_BYTES_MAX - 300;
}

function place(writer: NodeWriter, sizes: Sizes, parts: RecordParts): RecordParts {
  let { child } = parts;
  if (child.form === CHILD_MAP) child = shrunkChild(writer, child);
  sizes.child = childPlainLength(child);
  if (!sizes.fit && child.form === CHILD_INLINE) {
    child = moveOut(writer, child);
    sizes.child = childPlainLength(child);
  }
  const streams = parts.streams.slice();
  for (const index of byLength(parts)) {
    const stream = streams[index] as InlinePart | MetadataPart;
    if (sizes.fit || stream.length <= DIGEST) {
      streams[index] = inlineStream(writer.cache, stream);
      continue;
    }
    sizes.moveOut(stream.length);
    streams[index] = stream.form === INLINE ? writeMetadata(writer, stream.bytes) : stream;
  }
  return { shape: parts.shape, streams, child };
}

/** What of a record does not lie where its lengths and names would place it. */
export function misplaced(name: Uint8Array, parts: RecordParts): string | undefined {
  const sizes = new Sizes(name, parts);
  if (!sizes.fit && parts.child.form === CHILD_INLINE) return 'a map in a record without room';
  for (const index of byLength(parts)) {
    const { form, length } = parts.streams[index];
    const stays = sizes.fit || length <= DIGEST;
    if (!stays) sizes.moveOut(length);
    if (stays === (form === INLINE)) continue;
    const stream = `stream ${parts.shape.names[index]}`;
    return stays ? `${stream} in a block, with room in its record` : `${stream} beyond its record`;
  }
  return undefined;
}

class Sizes {
  /** What streams up to 512 bytes, references and the name add up to. */
  #shared: number;
  #large = 0;
  child: number;

  constructor(name: Uint8Array, parts: RecordParts) {
    this.#shared = LEAF_ENTRY_OVERHEAD + name.length + parts.shape.plainLength;
    this.child = childPlainLength(parts.child);
    for (const stream of parts.streams) this.#add(stream, 1);
  }

  #add(stream: { form: number; length: number }, sign: 1 | -1): void {
    const size =
      varintLength(stream.length * 4) + (stream.form === REFERENCED ? DIGEST : stream.length);
    const small = stream.form === REFERENCED || stream.length <= SMALL_STREAM_BYTES_MAX;
    if (small) this.#shared += sign * size;
    else this.#large += sign * size;
  }

  /** A stream of this length goes to a block of its own. */
  moveOut(length: number): void {
    this.#add({ form: INLINE, length }, -1);
    this.#add({ form: REFERENCED, length }, 1);
  }

  get fit(): boolean {
    const shared = this.#shared + this.child;
    return shared <= SHARED_BYTES_MAX && shared + this.#large <= RECORD_BYTES_MAX;
  }
}

/** The streams that live in metadata, the longest first, ties by name. */
function byLength({ streams }: RecordParts): number[] {
  const indexes = [...streams.keys()].filter((index) => streams[index].form !== REFERENCED);
  return indexes.sort((a, b) => streams[b].length - streams[a].length || a - b);
}

/** A map outside its record that is small enough to lie inside. */
function shrunkChild(writer: NodeWriter, child: ChildPart & { form: typeof CHILD_MAP }): ChildPart {
  if (!mayBeInline(child.totals)) return child;
  const node = writer.cache.load(child.id, child.address);
  const inline = node.level > 0 ? undefined : inlineMap(writer, Items.of(node));
  return inline === undefined ? child : childOf(inline);
}

function moveOut(writer: NodeWriter, child: ChildPart & { form: typeof CHILD_INLINE }): ChildPart {
  const node = inlineLeaf(writer.cache.shapes, writer.algorithm, child.body, child.links);
  const { address, id } = writer.write(Items.of(node), 0, node.count, NATURAL);
  return { form: CHILD_MAP, totals: child.totals, address, id };
}

const metadata = new BodyWriter();

function writeMetadata(writer: NodeWriter, bytes: Uint8Array): MetadataPart {
  metadata.reset();
  writeBlockHeader(metadata, BlockKind.metadata, writer.algorithm).bytes(bytes);
  const address = addressOf(writer.algorithm, metadata.view());
  const id = writer.blocks.put(metadata, metadata.length, address);
  return { form: METADATA, length: bytes.length, address, id };
}

function inlineStream(cache: NodeCache, stream: InlinePart | MetadataPart): InlinePart {
  return stream.form === INLINE ? stream : inlinePart(readMetadata(cache, stream));
}

/** The bytes of a stream that lives in metadata, as a private copy. */
export function readInline(cache: NodeCache, stream: InlinePart | MetadataPart): Uint8Array {
  if (stream.form === METADATA) return readMetadata(cache, stream);
  if (!(stream instanceof PlacedPart)) return stream.bytes.slice();
  const { node, start, length } = stream;
  return copyRange(node.bytes, start, start + length);
}

/** The bytes of a stream that lives in a metadata block, as a private copy. */
function readMetadata(cache: NodeCache, stream: MetadataPart): Uint8Array {
  const { id, address } = stream;
  const { bytes, start, plainLength } = cache.blocks.read(id, address, 'metadata');
  const length = plainLength - METADATA_HEADER;
  if (bytes[start] === BlockKind.metadata && length === stream.length) {
    return bytes.slice(start + METADATA_HEADER, start + plainLength);
  }
  const expected = `kind ${BlockKind.metadata}, ${stream.length} bytes`;
  throw malformed('metadata', 0, expected, `kind ${bytes[start]}, ${length} bytes`);
}

/** A map that was just written, as a part of its record. */
export function childOf(result: Exclude<MapResult, { form: 'same' }>): ChildPart {
  if (result.form === 'empty') return NO_CHILD;
  if (result.form === 'inline') {
    const { plainLength, leaf } = result;
    return { form: CHILD_INLINE, plainLength, ...leaf };
  }
  const { address, id } = result.top;
  return { form: CHILD_MAP, totals: onlyTotals(result.top), address, id };
}
