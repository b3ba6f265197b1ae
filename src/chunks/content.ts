/**
 * A content: the bytes of a stream that is too large to lie inline, kept as chunks and holes, its
 * parts, and referred to by the address of one block. What it is follows from its parts alone:
 *
 *     one chunk        the chunk itself
 *     one hole         a manifest of level 1 that lists the hole
 *     more parts       the top manifest of a tree whose leaves are the parts
 *
 * Nothing else exists: no content is empty (empty streams are inline), and no other top manifest
 * has a single child. So under one algorithm and one way of cutting, equal bytes have equal
 * addresses, however they were written.
 */
import type { Address } from '../blocks/address.js';
import { badRange } from '../ground/errors.js';
import { CONTENT_BYTES_MAX } from '../ground/limits.js';

export interface ContentRef {
  readonly address: Address;
  /** The local id of the block, where it is known. */
  readonly id: number | undefined;
  /** Logical bytes: at least 1. */
  readonly length: number;
}

/** REGALIA_RANGE unless 0 <= start <= end <= length, all integers. */
export function checkRange(start: number, end: number, length: number): void {
  const whole = Number.isInteger(start) && Number.isInteger(end);
  if (whole && start >= 0 && start <= end && end <= length) return;
  const actual = `start ${start}, end ${end}`;
  throw badRange('a range of this content', `0 <= start <= end <= ${length}`, actual);
}

/** REGALIA_RANGE unless a content may have so many bytes. */
export function checkLength(length: number): void {
  if (Number.isInteger(length) && length >= 0 && length <= CONTENT_BYTES_MAX) return;
  throw badRange('the length of a content', `0 to ${CONTENT_BYTES_MAX} bytes`, `${length}`);
}
