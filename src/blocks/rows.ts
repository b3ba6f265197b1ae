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
import { hex, zeroBytes } from '../ground/bytes.js';
import { crc32 } from '../ground/checksum.js';
import { corrupt } from '../ground/errors.js';
import { putU32, readU32 } from '../ground/integers.js';
import { utf8Bytes } from '../ground/text.js';

const CHECKSUM_LENGTH = 4;

/** The row to store under `key`: a new array. */
export function sealRow<T extends Table>(table: T, key: RowKey<T>, body: Uint8Array): Uint8Array {
  const row = zeroBytes(CHECKSUM_LENGTH + body.length);
  row.set(body, CHECKSUM_LENGTH);
  putU32(row, 0, checksum(table, key, body));
  return row;
}

/** The body as a view of `row`. REGALIA_CORRUPT where the checksum fails. */
export function openRow<T extends Table>(table: T, key: RowKey<T>, row: Uint8Array): Uint8Array {
  const body = row.subarray(CHECKSUM_LENGTH);
  const expected = row.length < CHECKSUM_LENGTH ? undefined : readU32(row, 0);
  const actual = checksum(table, key, body);
  if (expected === actual) return body;
  const keyText = typeof key === 'number' ? `${key}` : hex(key);
  const what = `row ${keyText} of table ${table}`;
  const more = { key: keyText };
  if (expected === undefined) throw corrupt(what, 'a checksum', `${row.length} bytes`, more);
  throw corrupt(what, digits(expected), digits(actual), more);
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
  return crc32(keyBytes, crc32(body, crc32(lengthBytes(keyBytes.length), start)));
}

/** The two bytes of each length of a key, made once. */
const lengths: Uint8Array[] = [];

function lengthBytes(length: number): Uint8Array {
  let bytes = lengths[length];
  if (bytes === undefined) bytes = lengths[length] = Uint8Array.of(length, length >>> 8);
  return bytes;
}

function integerKey(key: number): Uint8Array {
  const bytes = new Uint8Array(4);
  putU32(bytes, 0, key);
  return bytes;
}

function digits(sum: number): string {
  return sum.toString(16).padStart(8, '0');
}
