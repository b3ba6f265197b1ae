/**
 * Shapes: sets of stream names, so that a record stores a small number instead of names (V8 does so
 * for objects).
 *
 *     shape table   varint count | shapes in bytewise order of their encodings
 *     shape         varint count | (u8 length | name) × count, names in bytewise order
 *
 * Shapes are interned per process: equal sets are one object. A node's table holds exactly the
 * shapes its records use, so equal contents give equal tables.
 */

import { compareBytes, EMPTY, equalBytes } from '../ground/bytes.js';
import { RegaliaError } from '../ground/errors.js';
import { SHAPE_BYTES_MAX, STREAM_NAME_BYTES_MAX, STREAMS_MAX } from '../ground/limits.js';
import { ByteReader } from '../ground/reader.js';
import { utf8Bytes } from '../ground/text.js';
import { ByteWriter } from '../ground/writer.js';

export interface Shape {
  readonly names: readonly string[];
  readonly encoded: Uint8Array;
  /** What its names add to the plain length of a record: 1 and their bytes each. */
  readonly plainLength: number;
  /** Scratch of whoever builds a node: the build it was last seen in, and its index there. */
  mark: number;
  slot: number;
}

const interned = new Map<string, Shape>();

/** The shape of these names; any order, distinct. REGALIA_STREAM above the limits. */
export function shapeOf(names: readonly string[]): Shape {
  const sorted = names.length < 2 ? names : sortNames(names);
  const id = sorted.join('\0');
  const found = interned.get(id);
  if (found !== undefined && found.names.length === sorted.length) return found;
  checkLimits(sorted);
  const writer = new ByteWriter(64).varint(sorted.length);
  for (const name of sorted) writer.lengthed(utf8Bytes(name));
  const encoded = writer.finish();
  const shape: Shape = {
    names: Object.freeze([...sorted]),
    encoded,
    plainLength: encoded.length - (sorted.length < 128 ? 1 : 2),
    mark: 0,
    slot: 0,
  };
  interned.set(id, shape);
  return shape;
}

export const NO_STREAMS: Shape = shapeOf([]);

function sortNames(names: readonly string[]): readonly string[] {
  const encoded = names.map((name) => ({ name, bytes: utf8Bytes(name) }));
  return encoded.sort((a, b) => compareBytes(a.bytes, b.bytes)).map(({ name }) => name);
}

function checkLimits(names: readonly string[]): void {
  let sum = 0;
  for (const name of names) {
    const { length } = utf8Bytes(name);
    if (length < 1 || length > STREAM_NAME_BYTES_MAX) {
      throw new RegaliaError(
        'REGALIA_STREAM',
        `a stream's name has 1 to ${STREAM_NAME_BYTES_MAX} bytes: ${name}`,
        {
          stream: name,
          limit: STREAM_NAME_BYTES_MAX,
          actual: length,
        },
      );
    }
    sum += length;
  }
  if (names.length <= STREAMS_MAX && sum <= SHAPE_BYTES_MAX) return;
  const many = names.length > STREAMS_MAX;
  throw new RegaliaError(
    'REGALIA_STREAM',
    many
      ? `an entry has at most ${STREAMS_MAX} streams`
      : `the names of an entry's streams have at most ${SHAPE_BYTES_MAX} bytes together`,
    {
      stream: names[names.length - 1] as string,
      limit: many ? STREAMS_MAX : SHAPE_BYTES_MAX,
      actual: many ? names.length : sum,
    },
  );
}

/** Whether two shapes have the same names. Equal ones are mostly one object, but need not be. */
export function sameShape(a: Shape, b: Shape): boolean {
  return a === b || equalBytes(a.encoded, b.encoded);
}

/** Bytewise order of encodings: the order of a table. */
export function compareShapes(a: Shape, b: Shape): number {
  return compareBytes(a.encoded, b.encoded);
}

let lastTable: Uint8Array = EMPTY;
let lastShapes: readonly Shape[] = [];

/** The shapes of the table `bytes[start..end]`. Most nodes repeat the table read before. */
export function readShapeTable(bytes: Uint8Array, start: number, end: number): readonly Shape[] {
  if (end - start === lastTable.length && sameAsLast(bytes, start)) return lastShapes;
  const table = bytes.slice(start, end);
  const shapes = decodeShapeTable(table);
  lastTable = table;
  lastShapes = shapes;
  return shapes;
}

function sameAsLast(bytes: Uint8Array, start: number): boolean {
  for (let i = 0; i < lastTable.length; i++) if (bytes[start + i] !== lastTable[i]) return false;
  return true;
}

function decodeShapeTable(table: Uint8Array): readonly Shape[] {
  const reader = new ByteReader(table, 'shape table');
  const count = reader.varint();
  if (count > table.length) reader.fail(`at most ${table.length} shapes`, `${count}`);
  const shapes: Shape[] = [];
  for (let i = 0; i < count; i++) {
    const shape = decodeShape(reader);
    const before = shapes[i - 1];
    if (before !== undefined && compareShapes(before, shape) >= 0) {
      reader.fail('shapes in ascending order', 'another order');
    }
    shapes.push(shape);
  }
  reader.end();
  return shapes;
}

function decodeShape(reader: ByteReader): Shape {
  const count = reader.varint();
  if (count > STREAMS_MAX) reader.fail(`at most ${STREAMS_MAX} streams`, `${count}`);
  const start = reader.at;
  const names: string[] = [];
  for (let i = 0; i < count; i++) names.push(reader.text(STREAM_NAME_BYTES_MAX));
  if (reader.at - start > SHAPE_BYTES_MAX + count) reader.fail('shorter names', 'longer ones');
  const shape = shapeOf(names);
  const ordered = shape.names.every((name, i) => name === names[i]);
  if (!ordered || new Set(names).size !== count) reader.fail('distinct names in order', 'others');
  return shape;
}
