/**
 * A transaction's edits that are not in its tree yet: an append-only arena of operations, listed
 * per directory. Nothing is sorted, looked up or hashed until it is needed: a bulk load costs one
 * copy per put.
 *
 *     operation   u8 kind | u8 name length | name | u16 stream | payload
 *     payload     of a put: varint length × 4 + form | bytes, or address 33 and u48 id
 *                 of a placed record: varint index
 *
 * A later operation on the same stream replaces an earlier one; clearing a name replaces all that
 * came before below it. Reads look a name up in an index that is made for a directory when it is
 * first read.
 */

import { ADDRESS_LENGTH } from '../blocks/address.js';
import { knownId, NO_ID } from '../blocks/extent.js';
import { compareBytes, zeroBytes } from '../ground/bytes.js';
import { assert } from '../ground/errors.js';
import { putU48, putVarint, readU48, readVarint, varintLength } from '../ground/integers.js';
import { nameBytes, nameText } from '../ground/text.js';
import type { EntryEdit, StreamEdit } from '../tree/apply.js';
import type { Names } from '../tree/key.js';
import {
  CHILD_NONE,
  type FreshRecord,
  INLINE,
  METADATA,
  REFERENCED,
  type RecordParts,
  type StreamPart,
} from '../tree/record.js';
import type { Shape, Shapes } from '../tree/shape.js';

const PUT = 1;
const DELETE = 2;
const CLEAR = 3;
const PLACE = 4;

/** Arena slabs: operations never straddle two. */
const SLAB_BITS = 20;
const SLAB_BYTES = 1 << SLAB_BITS;
/** The first slab begins small. */
const FIRST_BYTES = 1_024;
/** What an operation, or a directory, costs beside its bytes. */
const OPERATION_COST = 16;
const DIRECTORY_COST = 400;
const NO_NAME = new Uint8Array(0);

/** The operations of one directory. */
export class Directory {
  /** Where its operations begin in the arena, in order. */
  operations: number[] = [];
  directories: Map<string, Directory> | undefined = undefined;
  /** From a name to its operations; made by the first read, kept up from then on. */
  index: Map<string, number[]> | undefined = undefined;
}

export class Pending {
  #slabs: Uint8Array[] = [];
  #used = SLAB_BYTES;
  readonly #shapes: Shapes;
  /** The streams that are named, and the shape of each alone, once it is asked for. */
  readonly #streams: string[] = [];
  readonly #singles: Shape[] = [];
  readonly #streamNumbers = new Map<string, number>();
  /** The top's own streams are operations with empty names. */
  #own = new Directory();
  #top = new Directory();
  #directoryCount = 0;
  #count = 0;
  /** Records that were placed whole. */
  #placed: RecordParts[] = [];

  /** `shapes` are those of the store. */
  constructor(shapes: Shapes) {
    this.#shapes = shapes;
  }

  get count(): number {
    return this.#count;
  }

  /** About how much memory the operations need. */
  get bytes(): number {
    const arena = this.#slabs.length * SLAB_BYTES;
    return arena + this.#count * OPERATION_COST + this.#directoryCount * DIRECTORY_COST;
  }

  get top(): Directory {
    return this.#top;
  }

  /** The directory of these names, made if need be. */
  directory(names: Names): Directory {
    let directory = this.#top;
    for (const name of names) {
      directory.directories ??= new Map();
      const text = nameText(name);
      let next = directory.directories.get(text);
      if (next === undefined) {
        next = new Directory();
        this.#directoryCount++;
        directory.directories.set(text, next);
      }
      directory = next;
    }
    return directory;
  }

  /** The same, if there are operations at or below it. */
  findDirectory(names: Names): Directory | undefined {
    let directory: Directory | undefined = this.#top;
    for (const name of names) {
      directory = directory.directories?.get(nameText(name));
      if (directory === undefined) return undefined;
    }
    return directory;
  }

  /** Puts a stream on the entry `name` of `directory`; undefined names the top's own entry. */
  put(directory: Directory, name: Uint8Array | undefined, stream: string, part: StreamPart): void {
    const head = part.length * 4 + part.form;
    const bytes = part.form === INLINE ? part.bytes : part.address;
    const at = this.#begin(PUT, name ?? NO_NAME, stream, 16 + bytes.length);
    const slab = this.#slabs[this.#slabs.length - 1] as Uint8Array;
    let end = putVarint(slab, at, head);
    slab.set(bytes, end);
    end += bytes.length;
    if (part.form !== INLINE) end = putU48(slab, end, part.id ?? NO_ID);
    this.#end(name === undefined ? this.#own : directory, name ?? NO_NAME, end);
  }

  /** Removes a stream. */
  del(directory: Directory, name: Uint8Array | undefined, stream: string): void {
    const end = this.#begin(DELETE, name ?? NO_NAME, stream, 0);
    this.#end(name === undefined ? this.#own : directory, name ?? NO_NAME, end);
  }

  /** Removes the entry with all below it. */
  clear(directory: Directory, name: Uint8Array): void {
    directory.directories?.delete(nameText(name));
    const end = this.#begin(CLEAR, name, '', 0);
    this.#end(directory, name, end);
  }

  /** Places a record, with all below it, where there is nothing. */
  place(directory: Directory, name: Uint8Array, parts: RecordParts): void {
    const index = this.#placed.push(parts) - 1;
    const end = this.#begin(PLACE, name, '', 8);
    this.#end(directory, name, putVarint(this.#slabs.at(-1) as Uint8Array, end, index));
  }

  /** Whether any record was placed whole. */
  get hasPlaced(): boolean {
    return this.#placed.length > 0;
  }

  /** Whether a key, or one above it, was placed. */
  isPlaced(names: Names): boolean {
    return this.#placed.length > 0 && this.#above(names, ({ parts }) => parts !== undefined);
  }

  /** Whether anything was done to a key, or below it, or to all that a key above it holds. */
  touches(names: Names): boolean {
    const below = this.findDirectory(names);
    if (below !== undefined && !isEmpty(below)) return true;
    const around = this.findDirectory(names.slice(0, -1));
    if (this.lookup(around, names.at(-1)) !== undefined) return true;
    return this.#above(names, ({ clear, parts }) => clear || parts !== undefined);
  }

  #above(names: Names, holds: (own: OwnEdit) => boolean): boolean {
    let directory: Directory | undefined = this.#top;
    for (const name of names) {
      if (directory === undefined) return false;
      const own = this.lookup(directory, name);
      if (own !== undefined && holds(own)) return true;
      directory = directory.directories?.get(nameText(name));
    }
    return false;
  }

  #start = 0;

  #begin(kind: number, name: Uint8Array, stream: string, room: number): number {
    const needed = 4 + name.length + room;
    assert(needed <= SLAB_BYTES, 'an operation fits a slab of the arena');
    if (this.#used + needed > SLAB_BYTES) {
      this.#slabs.push(zeroBytes(this.#slabs.length === 0 ? FIRST_BYTES : SLAB_BYTES));
      this.#used = 0;
    }
    const slab = this.#lastSlab(this.#used + needed);
    let at = this.#used;
    this.#start = (this.#slabs.length - 1) * SLAB_BYTES + at;
    const number = this.#streamNumber(stream);
    slab[at++] = kind;
    slab[at++] = name.length;
    for (let i = 0; i < name.length; i++) slab[at++] = name[i] as number;
    slab[at++] = number;
    slab[at++] = number >>> 8;
    return at;
  }

  /** The slab being filled, grown to `length`: a small transaction needs little memory. */
  #lastSlab(length: number): Uint8Array {
    const last = this.#slabs.length - 1;
    const slab = this.#slabs[last] as Uint8Array;
    if (length <= slab.length) return slab;
    const grown = new Uint8Array(Math.min(SLAB_BYTES, Math.max(length, slab.length * 4)));
    grown.set(slab);
    this.#slabs[last] = grown;
    return grown;
  }

  #end(directory: Directory, name: Uint8Array, end: number): void {
    this.#used = end;
    this.#count++;
    directory.operations.push(this.#start);
    if (directory.index !== undefined) this.#indexOne(directory.index, nameText(name), this.#start);
  }

  #streamNumber(stream: string): number {
    const known = this.#streamNumbers.get(stream);
    if (known !== undefined) return known;
    const number = this.#streams.length;
    assert(number < 65_536, 'a transaction names at most 65,536 streams');
    this.#streams.push(stream);
    this.#streamNumbers.set(stream, number);
    return number;
  }

  #indexOne(index: Map<string, number[]>, name: string, operation: number): void {
    const list = index.get(name);
    if (list === undefined) index.set(name, [operation]);
    else list.push(operation);
  }

  /** What was done to one entry; undefined if nothing was. */
  lookup(directory: Directory | undefined, name: Uint8Array | undefined): OwnEdit | undefined {
    const holder = name === undefined ? this.#own : directory;
    if (holder === undefined || holder.operations.length === 0) return undefined;
    if (holder.index === undefined) {
      holder.index = new Map();
      for (const operation of holder.operations) {
        const { slab, start, end } = this.#nameOf(operation);
        this.#indexOne(holder.index, nameText(slab, start, end), operation);
      }
    }
    const operations = holder.index.get(nameText(name ?? NO_NAME));
    return operations === undefined ? undefined : this.#fold(operations);
  }

  /**
   * What is pending of a stream: a part, 'none' where it was removed, undefined where nothing was
   * done.
   */
  stream(names: Names, stream: string): StreamPart | 'none' | undefined {
    if (this.#count === 0) return undefined;
    let cleared = false;
    for (let depth = 1; depth <= names.length; depth++) {
      const directory = this.findDirectory(names.slice(0, depth - 1));
      if (directory === undefined) continue;
      const own = this.lookup(directory, names[depth - 1]);
      cleared ||= own?.clear === true;
      if (depth === names.length && own?.streams.has(stream) === true) {
        return own.streams.get(stream) ?? 'none';
      }
    }
    if (names.length === 0) {
      const own = this.lookup(undefined, undefined);
      if (own?.streams.has(stream) === true) return own.streams.get(stream) ?? 'none';
    }
    return cleared ? 'none' : undefined;
  }

  #nameOf(operation: number): { slab: Uint8Array; start: number; end: number } {
    const slab = this.#slabs[operation >>> SLAB_BITS] as Uint8Array;
    const start = (operation & (SLAB_BYTES - 1)) + 2;
    return { slab, start, end: start + (slab[start - 1] as number) };
  }

  /** Operations on one name, in order, as their outcome. */
  #fold(operations: readonly number[]): OwnEdit {
    let clear = false;
    let parts: RecordParts | undefined;
    const streams = new Map<string, StreamPart | undefined>();
    for (const operation of operations) {
      const { slab, start, end } = this.#nameOf(operation);
      const kind = slab[start - 2];
      const stream = this.#streams[(slab[end] as number) | ((slab[end + 1] as number) << 8)];
      if (kind === CLEAR) {
        clear = true;
        parts = undefined;
        streams.clear();
      } else if (kind === PLACE) {
        parts = this.#placed[readVarint(slab, end + 2)];
      } else if (kind === DELETE) {
        streams.set(stream as string, undefined);
      } else {
        streams.set(stream as string, readPart(slab, end + 2).part);
      }
    }
    return { clear, parts, streams };
  }

  /** All edits, as the edit of the top entry. */
  edit(): EntryEdit {
    const own = this.#own.operations.length === 0 ? undefined : this.#fold(this.#own.operations);
    const top = this.#top;
    return {
      bytes: NO_NAME,
      start: 0,
      end: 0,
      clear: false,
      streams: own === undefined ? [] : streamEdits(own),
      below: isEmpty(top) ? undefined : () => this.#edits(top),
    };
  }

  /** The edits of a directory, sorted by name. */
  #edits(directory: Directory): readonly EntryEdit[] {
    const edits = this.#operationEdits(directory);
    const { directories } = directory;
    if (directories === undefined || directories.size === 0) return edits;
    const deep = [...directories]
      .filter(([, inner]) => !isEmpty(inner))
      .map(([text, inner]) => ({ name: nameBytes(text) as Uint8Array, inner }))
      .sort((a, b) => compareBytes(a.name, b.name));
    return mergeEdits(edits, deep, (inner) => this.#edits(inner));
  }

  #operationEdits(directory: Directory): EntryEdit[] {
    const sorted = this.#sort(directory.operations);
    const edits: EntryEdit[] = [];
    for (let i = 0; i < sorted.length; ) {
      const first = sorted[i] as number;
      let j = i + 1;
      while (j < sorted.length && this.#compare(first, sorted[j] as number) === 0) j++;
      edits.push(j === i + 1 ? this.#single(first) : this.#several(sorted.slice(i, j)));
      i = j;
    }
    return edits;
  }

  /** By name, and those on one name in order of time. */
  #sort(operations: readonly number[]): readonly number[] {
    let inOrder = true;
    for (let i = 1; i < operations.length && inOrder; i++) {
      inOrder = this.#compare(operations[i - 1] as number, operations[i] as number) <= 0;
    }
    if (inOrder) return operations;
    return operations.slice().sort((a, b) => this.#compare(a, b) || a - b);
  }

  #compare(a: number, b: number): number {
    const p = this.#slabs[a >>> SLAB_BITS] as Uint8Array;
    const q = this.#slabs[b >>> SLAB_BITS] as Uint8Array;
    let i = (a & (SLAB_BYTES - 1)) + 1;
    let j = (b & (SLAB_BYTES - 1)) + 1;
    const la = p[i++] as number;
    const lb = q[j++] as number;
    const length = Math.min(la, lb);
    for (let k = 0; k < length; k++) {
      const difference = (p[i + k] as number) - (q[j + k] as number);
      if (difference !== 0) return difference;
    }
    return la - lb;
  }

  #single(operation: number): EntryEdit {
    const { slab, start, end } = this.#nameOf(operation);
    const kind = slab[start - 2];
    if (kind !== PUT) return this.#several([operation]);
    const number = (slab[end] as number) | ((slab[end + 1] as number) << 8);
    const shape = (this.#singles[number] ??= this.#shapes.of([this.#streams[number] as string]));
    return new SinglePut(slab, start, end, shape);
  }

  #several(operations: readonly number[]): EntryEdit {
    const { slab, start, end } = this.#nameOf(operations[0] as number);
    const own = this.#fold(operations);
    const { clear, parts } = own;
    return { bytes: slab, start, end, clear, parts, streams: streamEdits(own) };
  }

  /** Forgets everything. */
  reset(): void {
    this.#slabs = [];
    this.#used = SLAB_BYTES;
    this.#own = new Directory();
    this.#top = new Directory();
    this.#directoryCount = 0;
    this.#count = 0;
    this.#placed = [];
  }
}

/** What a transaction did to one entry itself. */
export interface OwnEdit {
  /** Whether everything that was there and below went first. */
  readonly clear: boolean;
  /** What stands there instead. */
  readonly parts: RecordParts | undefined;
  readonly streams: ReadonlyMap<string, StreamPart | undefined>;
}

function streamEdits(own: OwnEdit): StreamEdit[] {
  return [...own.streams].map(([stream, part]) => ({ stream, part }));
}

function isEmpty(directory: Directory): boolean {
  if (directory.operations.length > 0) return false;
  for (const inner of directory.directories?.values() ?? []) if (!isEmpty(inner)) return false;
  return true;
}

function mergeEdits(
  edits: readonly EntryEdit[],
  deep: readonly { readonly name: Uint8Array; readonly inner: Directory }[],
  below: (inner: Directory) => readonly EntryEdit[],
): readonly EntryEdit[] {
  const merged: EntryEdit[] = [];
  let at = 0;
  for (const { name, inner } of deep) {
    while (at < edits.length && compareBytes(editName(edits[at] as EntryEdit), name) < 0) {
      merged.push(edits[at++] as EntryEdit);
    }
    const list = (): readonly EntryEdit[] => below(inner);
    const own = edits[at];
    if (own !== undefined && compareBytes(editName(own), name) === 0) {
      const { bytes, start, end, clear, parts, streams } = own;
      merged.push({ bytes, start, end, clear, parts, streams, below: list });
      at++;
    } else {
      const { length } = name;
      merged.push({ bytes: name, start: 0, end: length, clear: false, streams: [], below: list });
    }
  }
  while (at < edits.length) merged.push(edits[at++] as EntryEdit);
  return merged;
}

function editName(edit: EntryEdit): Uint8Array {
  return edit.bytes.subarray(edit.start, edit.end);
}

const NO_LINKS: readonly number[] = [];

/**
 * One stream put on one entry: where there is no such entry yet, its bytes in the arena are its
 * record.
 */
class SinglePut implements EntryEdit {
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
  readonly clear = false;
  /** That of the stream alone. */
  readonly #shape: Shape;

  constructor(bytes: Uint8Array, start: number, end: number, shape: Shape) {
    this.bytes = bytes;
    this.start = start;
    this.end = end;
    this.#shape = shape;
  }

  get streams(): readonly StreamEdit[] {
    const [stream] = this.#shape.names;
    return [{ stream: stream as string, part: readPart(this.bytes, this.end + 2).part }];
  }

  get fresh(): FreshRecord | undefined {
    const { bytes, start, end } = this;
    const payload = end + 2;
    const { part, end: payloadEnd } = readPart(bytes, payload);
    if (part.form !== INLINE) return undefined;
    const shape = this.#shape;
    return {
      bytes,
      nameStart: start,
      nameEnd: end,
      start: payload,
      end: payloadEnd,
      shape,
      child: CHILD_NONE,
      links: NO_LINKS,
      plainLength: shape.plainLength + payloadEnd - payload,
      entries: 1,
      buckets: 0,
      inlineBytes: part.length,
      referencedBytes: 0,
    };
  }
}

function readPart(bytes: Uint8Array, start: number): { part: StreamPart; end: number } {
  const head = readVarint(bytes, start);
  const at = start + varintLength(head);
  const form = head % 4;
  const length = Math.floor(head / 4);
  if (form === INLINE) {
    const end = at + length;
    return { part: { form, length, bytes: bytes.subarray(at, end) }, end };
  }
  const end = at + ADDRESS_LENGTH;
  const address = bytes.slice(at, end);
  const link = readU48(bytes, end);
  const id = knownId(link);
  switch (form) {
    case METADATA:
      return { part: { form, length, address, id }, end };
    case REFERENCED:
      return { part: { form, length, address, id }, end };
    default:
      assert(false, `no stream has form ${form}`);
  }
}
