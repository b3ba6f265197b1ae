/**
 * A content: the bytes of a stream that is too large to lie inline, kept as pieces, and referred to by the address of
 * one block. What it is follows from its pieces alone:
 *
 *     one piece        the piece itself
 *     more pieces      the top manifest of a tree whose leaves are the pieces
 *
 * Nothing else exists: no content is empty (empty streams are inline), and no top manifest has a single child. So
 * under one algorithm and one way of cutting, equal bytes have equal addresses, however they were written.
 */
import { type Address, sameAddress } from '../blocks/address.js';
import { RegaliaError } from '../errors.js';

export interface ContentRef {
  readonly address: Address;
  /** The local id of the block, or 0 where it is unknown. */
  readonly id: number;
  /** Logical bytes: at least 1. */
  readonly length: number;
}

/**
 * Whether two references are surely to equal bytes: nothing is read. Under one algorithm and one way of cutting,
 * `false` means that the bytes differ; otherwise it means nothing.
 */
export function sameContent(a: ContentRef, b: ContentRef): boolean {
  return a.length === b.length && sameAddress(a.address, b.address);
}

/** REGALIA_RANGE unless 0 <= start <= end <= length, all integers. */
export function checkRange(start: number, end: number, length: number): void {
  const whole = Number.isInteger(start) && Number.isInteger(end);
  if (whole && start >= 0 && start <= end && end <= length) return;
  const expected = `0 <= start <= end <= ${length}`;
  const actual = `start ${start}, end ${end}`;
  const message = `a range of this content needs ${expected}, found ${actual}`;
  throw new RegaliaError('REGALIA_RANGE', message, { expected, actual });
}
