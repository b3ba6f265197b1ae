/**
 * Encoding records: from their parts to the bytes that a leaf takes in. See record.ts for the
 * format.
 */

import { ADDRESS_LENGTH } from '../blocks/address.js';
import { assert } from '../ground/errors.js';
import { putVarint, varintLength } from '../ground/integers.js';
import { DIGEST_LENGTH } from '../kernels/hash.js';
import type { Totals } from './node.js';
import {
  BUCKET_ID_LENGTH,
  CHILD_BUCKET,
  CHILD_INLINE,
  CHILD_MAP,
  CHILD_NONE,
  type ChildPart,
  INLINE,
  type Link,
  REFERENCED,
  type RecordParts,
} from './record.js';
import type { Shape } from './shape.js';

/**
 * A record ready to be placed in a leaf: `bytes` holds its name and its payload, the part behind
 * the first number.
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

/** The bytes that a record's child map takes in its plain length. */
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
  const beneath = child.form === CHILD_NONE ? NOTHING : child.totals;
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
    entries: 1 + beneath.entries,
    buckets: beneath.buckets + (child.form === CHILD_BUCKET ? 1 : 0),
    inlineBytes: inlineBytes + beneath.inlineBytes,
    referencedBytes: referencedBytes + beneath.referencedBytes,
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
    links.push(...child.links);
    return putBytes(bytes, at, child.body);
  }
  links.push(child.id);
  return putBytes(bytes, at, child.form === CHILD_MAP ? child.address.subarray(1) : child.root);
}

function putBytes(bytes: Uint8Array, at: number, part: Uint8Array): number {
  bytes.set(part, at);
  return at + part.length;
}
