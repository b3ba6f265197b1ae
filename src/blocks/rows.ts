/**
 * Rows outside blocks (heads, logs, indexes) have no address, so each carries a checksum of its
 * own.
 *
 *     row   crc32 u32 | body
 *
 * The checksum covers the table's name, the key's length, the body and the key: a row that is
 * flipped, cut short, zeroed, or served under another key or table (as a damaged page of the engine
 * may do) is REGALIA_CORRUPT, never an answer. It guards against decay, not against an attacker:
 * what matters is reached through addresses.
 */

import type { RowKey, Table } from '../engine/engine.js';
import { hex } from '../ground/bytes.js';
import { RegaliaError } from '../ground/errors.js';
import { utf8Bytes } from '../ground/text.js';
import { ByteWriter } from '../ground/writer.js';
import { crc32 } from '../kernels/hash.js';

const CHECKSUM_LENGTH = 4;

/** The row to store under `key`: a new array. */
export function sealRow<T extends Table>(table: T, key: RowKey<T>, body: Uint8Array): Uint8Array {
  const row = new Uint8Array(CHECKSUM_LENGTH + body.length);
  row.set(body, CHECKSUM_LENGTH);
  writeChecksum(row, checksum(table, key, body));
  return row;
}

/** The body as a view of `row`. REGALIA_CORRUPT where the checksum fails. */
export function openRow<T extends Table>(table: T, key: RowKey<T>, row: Uint8Array): Uint8Array {
  const body = row.subarray(CHECKSUM_LENGTH);
  const expected = row.length < CHECKSUM_LENGTH ? undefined : readChecksum(row);
  const actual = checksum(table, key, body);
  if (expected === actual) return body;
  const keyText = typeof key === 'number' ? `${key}` : hex(key);
  throw new RegaliaError('REGALIA_CORRUPT', `row ${keyText} of table ${table} is damaged`, {
    what: `row of table ${table}`,
    expected: expected === undefined ? 'a checksum' : digits(expected),
    actual: expected === undefined ? `${row.length} bytes` : digits(actual),
    key: keyText,
  });
}

/** The checksum of each table's name, made once. */
const tableSums = new Map<Table, number>();

function checksum<T extends Table>(table: T, key: RowKey<T>, body: Uint8Array): number {
  let start = tableSums.get(table);
  if (start === undefined) {
    start = crc32(utf8Bytes(`${table}\0`));
    tableSums.set(table, start);
  }
  const keyBytes: Uint8Array = typeof key === 'number' ? integerKey(key) : key;
  // The length comes first: body and key can't trade bytes at their border.
  const length = Uint8Array.of(keyBytes.length, keyBytes.length >>> 8);
  return crc32(keyBytes, crc32(body, crc32(length, start)));
}

function integerKey(key: number): Uint8Array {
  return new ByteWriter(16).u32(key).view();
}

function readChecksum(row: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < CHECKSUM_LENGTH; i++) sum |= (row[i] as number) << (8 * i);
  return sum >>> 0;
}

function writeChecksum(row: Uint8Array, sum: number): void {
  for (let i = 0; i < CHECKSUM_LENGTH; i++) row[i] = sum >>> (8 * i);
}

function digits(sum: number): string {
  return sum.toString(16).padStart(8, '0');
}
