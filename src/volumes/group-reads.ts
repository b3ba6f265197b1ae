/**
 * Reads the stored bytes of several coded chunks: those that follow each other in a group by one
 * span, the spans at the same time, from all volumes that hold their shards.
 */
import { isRegaliaError } from '../ground/errors.js';
import type { ChunkRow, CodedPlace, Place } from './chunk-row.js';
import type { Groups } from './groups.js';

/** The most bytes of one span. */
const SPAN_BYTES = 2 * 1024 * 1024;

interface Item {
  readonly row: ChunkRow;
  /** A copy of it that is read instead. */
  readonly place: Place | undefined;
}

interface Span extends CodedPlace {
  length: number;
  readonly indexes: number[];
}

/**
 * Fills in the bytes of chunks that are coded and have no copy; what could not be read stays
 * undefined. Unverified.
 */
export async function readSpans(
  groups: Groups,
  items: readonly Item[],
  stored: (Uint8Array | undefined)[],
): Promise<void> {
  await Promise.all(spansOf(items).map((span) => readSpan(groups, items, span, stored)));
}

function spansOf(items: readonly Item[]): Span[] {
  const spans: Span[] = [];
  let span: Span | undefined;
  for (const [index, { row, place }] of items.entries()) {
    const { coded, storedLength } = row;
    if (place !== undefined || coded === undefined) continue;
    const follows =
      span !== undefined &&
      span.group === coded.group &&
      span.start + span.length === coded.start &&
      span.length + storedLength <= SPAN_BYTES;
    if (!follows) spans.push((span = { ...coded, length: 0, indexes: [] }));
    (span as Span).indexes.push(index);
    (span as Span).length += storedLength;
  }
  return spans;
}

async function readSpan(
  groups: Groups,
  items: readonly Item[],
  span: Span,
  stored: (Uint8Array | undefined)[],
): Promise<void> {
  try {
    const bytes = await groups.read(span, span.length);
    let at = 0;
    for (const index of span.indexes) {
      const { storedLength } = (items[index] as Item).row;
      stored[index] = bytes.subarray(at, at + storedLength);
      at += storedLength;
    }
  } catch (error) {
    if (!isRegaliaError(error)) throw error;
  }
}
