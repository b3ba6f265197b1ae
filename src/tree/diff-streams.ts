/**
 * Streams of several records side by side, by name. One stream may lie in its record on one side
 * and in a metadata block on the other, since the rest of the record decides that: it is compared
 * by its contents.
 */
import { compareBytes, equalBytes } from '../ground/bytes.js';
import { utf8Bytes } from '../ground/text.js';
import type { NodeCache } from './node-cache.js';
import { readMetadata } from './placement.js';
import { INLINE, REFERENCED, type RecordParts, type StreamPart } from './record.js';

/** The names of all streams of these records, in bytewise order. */
export function streamNames(...records: readonly (RecordParts | undefined)[]): readonly string[] {
  const shapes = new Set(records.map((record) => record?.shape));
  shapes.delete(undefined);
  const [first] = shapes;
  if (shapes.size < 2) return first?.names ?? [];
  const union = new Set<string>();
  for (const shape of shapes) for (const name of shape?.names ?? []) union.add(name);
  const encoded = [...union].map((name) => ({ name, bytes: utf8Bytes(name) }));
  return encoded.sort((a, b) => compareBytes(a.bytes, b.bytes)).map(({ name }) => name);
}

export function streamOf(record: RecordParts | undefined, name: string): StreamPart | undefined {
  if (record === undefined) return undefined;
  const index = record.shape.names.indexOf(name);
  return index < 0 ? undefined : record.streams[index];
}

/** Where a stream's record lies: what a digest in it means depends on the algorithm. */
export interface StreamIn {
  readonly algorithm: number;
  readonly part: StreamPart | undefined;
}

/**
 * Whether two streams have equal contents. Referenced contents under two algorithms count as
 * different.
 */
export function sameStream(cache: NodeCache, a: StreamIn, b: StreamIn): boolean {
  const { part: left } = a;
  const { part: right } = b;
  if (left === undefined || right === undefined) return left === right;
  if (left.length !== right.length) return false;
  if (left.form === right.form && (left.form === INLINE || a.algorithm === b.algorithm)) {
    return equalBytes(left.bytes, right.bytes);
  }
  if (left.form === REFERENCED || right.form === REFERENCED) return false;
  return equalBytes(contentsOf(cache, a.algorithm, left), contentsOf(cache, b.algorithm, right));
}

function contentsOf(cache: NodeCache, algorithm: number, part: StreamPart): Uint8Array {
  return part.form === INLINE ? part.bytes : readMetadata(cache, algorithm, part);
}
