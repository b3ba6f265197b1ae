/**
 * The rows of table `log`: which commit has which place in a bucket's log, and which places are
 * kept.
 *
 *     bucket id 16 | sequence u48, big-endian → address 33
 *     bucket id 16 → version u8 | first varint | next varint: the bounds
 *
 * Each sequence from first to next, next excluded, and no other has its row: so a row that the
 * engine has lost is found where it should be, and lost bounds are found by the rows that they
 * should bound.
 */
import { ADDRESS_LENGTH } from '../blocks/address.js';
import { openRow, sealRow } from '../blocks/rows.js';
import type { Batch, Reads } from '../engine/engine.js';
import { concatBytes, hex } from '../ground/bytes.js';
import { RegaliaError } from '../ground/errors.js';
import { ByteReader } from '../ground/reader.js';
import { ByteWriter } from '../ground/writer.js';
import { BUCKET_ID_LENGTH, optionError } from './commit.js';

const BOUNDS_VERSION = 1;
const SEQUENCE_BYTES = 6;

/** The places of a bucket's log that are kept: first to next - 1. */
export interface LogBounds {
  readonly first: number;
  readonly next: number;
}

/**
 * Both 0 for a bucket that has no commit. REGALIA_CORRUPT where the bounds are lost and the log is
 * not.
 */
export function readBounds(reads: Reads, bucket: Uint8Array): LogBounds {
  if (bucket.length !== BUCKET_ID_LENGTH) {
    throw optionError('bucket', `${BUCKET_ID_LENGTH} bytes`, `${bucket.length}`);
  }
  const row = reads.view('log', bucket);
  if (row !== undefined) return decodeBounds(openRow('log', bucket, row));
  const range = { gt: bucket, lte: logKey(bucket, 2 ** 48 - 1), limit: 1 };
  for (const { key } of reads.range('log', range)) {
    throw lostRow(bucket, Number.parseInt(hex(key.subarray(BUCKET_ID_LENGTH)), 16));
  }
  return { first: 0, next: 0 };
}

/** The key of a place in a bucket's log. */
export function logKey(bucket: Uint8Array, sequence: number): Uint8Array {
  const place = new Uint8Array(SEQUENCE_BYTES);
  let rest = sequence;
  for (let i = SEQUENCE_BYTES - 1; i >= 0; i--) {
    place[i] = rest % 256;
    rest = Math.floor(rest / 256);
  }
  return concatBytes([bucket, place]);
}

export function putBounds(batch: Batch, bucket: Uint8Array, { first, next }: LogBounds): void {
  const body = new ByteWriter(32).u8(BOUNDS_VERSION).varint(first).varint(next).view();
  batch.put('log', bucket, sealRow('log', bucket, body));
}

function decodeBounds(body: Uint8Array): LogBounds {
  const reader = new ByteReader(body, 'log bounds');
  reader.version(BOUNDS_VERSION);
  const first = reader.varint();
  const next = reader.varint();
  if (first > next) reader.fail(`at least ${first}`, `${next}`);
  reader.end();
  return { first, next };
}

/** REGALIA_CORRUPT: a row of the log is absent, or names another commit than it should. */
export function lostRow(
  bucket: Uint8Array,
  sequence: number,
  address?: Uint8Array,
): RegaliaError<'REGALIA_CORRUPT'> {
  const expected = `an entry at ${sequence}`;
  const actual =
    address === undefined ? 'none' : `commit ${hex(address.subarray(0, ADDRESS_LENGTH))}`;
  return new RegaliaError('REGALIA_CORRUPT', `the log of bucket ${hex(bucket)} is damaged`, {
    what: `log of bucket ${hex(bucket)}`,
    expected,
    actual,
    key: `${sequence}`,
  });
}
