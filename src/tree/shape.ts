/**
 * Shapes: sets of stream names, so that a record stores a small number instead of names (V8 does so
 * for objects).
 *
 *     shape table   varint count | shapes in bytewise order of their encodings
 *     shape         varint count | (u8 length | name) × count, names in bytewise order
 *
 * A node's table lists exactly the shapes its records use, so equal contents give equal tables. In
 * memory the shapes of a store are interned: equal sets are mostly one object, but one that was
 * evicted may be made anew, so equality is that of encodings.
 */

import { BoundedMap } from '../ground/bounded-map.js';
import { compareBytes, EMPTY, equalBytes } from '../ground/bytes.js';
import { badStream } from '../ground/errors.js';
import { varintLength } from '../ground/integers.js';
import { SHAPE_BYTES_MAX, STREAM_NAME_BYTES_MAX, STREAMS_MAX } from '../ground/limits.js';
import { ByteReader } from '../ground/reader.js';
import { utf8Bytes } from '../ground/text.js';
import { ByteWriter } from '../ground/writer.js';

export interface Shape {
  readonly names: readonly string[];
  readonly encoded: Uint8Array;
  /** What its names add to the plain length of a record: 1 and their bytes each. */
  readonly plainLength: number;
  /** Scratch of who builds a node: the build it was last seen in, and its index there. */
  mark: number;
  slot: number;
}

/** Shapes that are kept: a few hundred bytes each, 16 KiB at most. */
const SHAPES_KEPT = 2_048;

/** The shapes of one store: equal sets of names are mostly one object. */
export class Shapes {
  /** Bounded, since names may come from anybody. */
  readonly #kept = new BoundedMap<string, Shape>(SHAPES_KEPT);
  /** The table read before: most nodes repeat it. */
  #lastTable: Uint8Array = EMPTY;
  #lastShapes: readonly Shape[] = [];

  get size(): number {
    return this.#kept.size;
  }

  /** The shape of these names; any order, distinct. REGALIA_STREAM above the limits. */
  of(names: readonly string[]): Shape {
    const key = shapeKey(names.length < 2 ? names : sortNames(names));
    let shape = this.#kept.get(key);
    if (shape === undefined) this.#kept.set(key, (shape = madeShape(key)));
    return shape;
  }

  /** The shapes of the table `bytes[start..end]`. REGALIA_FORMAT. */
  readTable(bytes: Uint8Array, start: number, end: number): readonly Shape[] {
    if (end - start === this.#lastTable.length && this.#isLast(bytes, start)) {
      return this.#lastShapes;
    }
    const table = bytes.slice(start, end);
    this.#lastShapes = this.#decodeTable(table);
    this.#lastTable = table;
    return this.#lastShapes;
  }

  #isLast(bytes: Uint8Array, start: number): boolean {
    const last = this.#lastTable;
    for (let i = 0; i < last.length; i++) if (bytes[start + i] !== last[i]) return false;
    return true;
  }

  #decodeTable(table: Uint8Array): readonly Shape[] {
    const reader = new ByteReader(table, 'shape table');
    const count = reader.varint();
    if (count > table.length) reader.fail(`at most ${table.length} shapes`, `${count}`);
    const shapes: Shape[] = [];
    for (let i = 0; i < count; i++) {
      const shape = this.#decodeShape(reader);
      const before = shapes[i - 1];
      if (before !== undefined && compareShapes(before, shape) >= 0) {
        reader.fail('shapes in ascending order', 'another order');
      }
      shapes.push(shape);
    }
    reader.end();
    return shapes;
  }

  #decodeShape(reader: ByteReader): Shape {
    const count = reader.varint();
    if (count > STREAMS_MAX) reader.fail(`at most ${STREAMS_MAX} streams`, `${count}`);
    const start = reader.at;
    const names: string[] = [];
    for (let i = 0; i < count; i++) names.push(reader.text(STREAM_NAME_BYTES_MAX));
    if (reader.at - start > SHAPE_BYTES_MAX + count) reader.fail('shorter names', 'longer ones');
    const shape = this.of(names);
    const ordered =
      shape.names.length === count && names.every((name, i) => name === shape.names[i]);
    if (!ordered || new Set(names).size !== count) reader.fail('distinct names in order', 'others');
    return shape;
  }
}

/** One text for each list of names: no name that a shape may have has NUL in it. */
function shapeKey(sorted: readonly string[]): string {
  return sorted.length === 0 ? '' : `${sorted.join('\0')}\0`;
}

function madeShape(key: string): Shape {
  const names = key === '' ? [] : key.slice(0, -1).split('\0');
  checkLimits(names);
  const writer = new ByteWriter(64).varint(names.length);
  for (const name of names) writer.lengthed(utf8Bytes(name));
  const encoded = writer.finish();
  return {
    names: Object.freeze(names),
    encoded,
    plainLength: encoded.length - varintLength(names.length),
    mark: 0,
    slot: 0,
  };
}

export const NO_STREAMS: Shape = madeShape('');

export function sortNames(names: Iterable<string>): readonly string[] {
  const encoded = Array.from(names, (name) => ({ name, bytes: utf8Bytes(name) }));
  return encoded.sort((a, b) => compareBytes(a.bytes, b.bytes)).map(({ name }) => name);
}

function checkLimits(names: readonly string[]): void {
  let sum = 0;
  for (const name of names) {
    const { length } = utf8Bytes(name);
    if (length < 1 || length > STREAM_NAME_BYTES_MAX) {
      const fault = `a name that has not 1 to ${STREAM_NAME_BYTES_MAX} bytes`;
      throw badStream(name, fault, { limit: STREAM_NAME_BYTES_MAX, actual: length });
    }
    sum += length;
  }
  const last = names[names.length - 1];
  if (names.length > STREAMS_MAX) {
    const fault = `too many beside it: an entry has at most ${STREAMS_MAX}`;
    throw badStream(last, fault, { limit: STREAMS_MAX, actual: names.length });
  }
  if (sum > SHAPE_BYTES_MAX) {
    const fault = `too long names beside it: an entry's have at most ${SHAPE_BYTES_MAX} bytes`;
    throw badStream(last, fault, { limit: SHAPE_BYTES_MAX, actual: sum });
  }
}

/** Whether two shapes have the same names. Equal ones are mostly one object, but need not be. */
export function sameShape(a: Shape, b: Shape): boolean {
  return a === b || equalBytes(a.encoded, b.encoded);
}

/** Bytewise order of encodings: the order of a table. */
export function compareShapes(a: Shape, b: Shape): number {
  return compareBytes(a.encoded, b.encoded);
}
