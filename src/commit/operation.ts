/**
 * Operations in a transaction's arena: see pending.ts for their bytes.
 */
import { ADDRESS_LENGTH } from '../blocks/address.js';
import { readU48, readVarint, varintLength } from '../ground/integers.js';
import type { EntryEdit, StreamEdit } from '../tree/apply.js';
import type { FreshRecord } from '../tree/fresh-record.js';
import { NO_ID } from '../tree/node.js';
import { CHILD_NONE, INLINE, METADATA, REFERENCED, type StreamPart } from '../tree/record.js';
import { type Shape, shapeOf } from '../tree/shape.js';

const NO_LINKS: readonly number[] = [];

/** The shape of each stream that was put alone, by its name. */
const singleShapes = new Map<string, Shape>();

function singleShape(stream: string): Shape {
  let shape = singleShapes.get(stream);
  if (shape === undefined) {
    shape = shapeOf([stream]);
    singleShapes.set(stream, shape);
  }
  return shape;
}

/**
 * One stream put on one entry: where there is no such entry yet, its bytes in the arena are its
 * record.
 */
export class SinglePut implements EntryEdit {
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
  readonly clear = false;
  readonly #stream: string;

  constructor(bytes: Uint8Array, start: number, end: number, stream: string) {
    this.bytes = bytes;
    this.start = start;
    this.end = end;
    this.#stream = stream;
  }

  get streams(): readonly StreamEdit[] {
    return [{ stream: this.#stream, part: readPart(this.bytes, this.end + 2).part }];
  }

  get fresh(): FreshRecord | undefined {
    const { bytes, start, end } = this;
    const payload = end + 2;
    const { part, end: payloadEnd } = readPart(bytes, payload);
    if (part.form !== INLINE) return undefined;
    const shape = singleShape(this.#stream);
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

export function readPart(bytes: Uint8Array, start: number): { part: StreamPart; end: number } {
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
  const id = link === NO_ID ? undefined : link;
  switch (form) {
    case METADATA:
      return { part: { form, length, address, id }, end };
    case REFERENCED:
      return { part: { form, length, address, id }, end };
    default:
      throw new Error(`regalia: assertion failed: no stream has form ${form}`);
  }
}
