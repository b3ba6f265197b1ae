/**
 * The map of a commit and one of its parents, outside its contents root: which entry of the parent
 * went where, of those that do not go along with what holds them.
 *
 *     7 u8 | version u8 | algorithm u8 | next ? 33 | count varint
 *     row    kind u8 | from: length varint, key | to: the same, unless gone
 *     kind   1 moved | 2 gone | 3 returned | 4 buried
 *
 * `?` is a byte 0, or 1 and what it announces. A key is its names joined by '/', without one in
 * front; in the `from` of what returned, a name that ends in a NUL is of an entry to whose key
 * another came. Rows ascend by `from`, then by `to`. A block has at most 32 KiB, and at least one
 * row; a longer list goes on in the block that `next` names. The list is cut where the next row
 * would not fit, so equal lists give equal blocks.
 */
import { ADDRESS_LENGTH, type Address, addressOf } from '../blocks/address.js';
import {
  type AlgorithmNumber,
  BLOCK_HEADER,
  BlockKind,
  readBlockHeader,
  writeBlockHeader,
} from '../ground/block-header.js';
import { compareBytes, EMPTY } from '../ground/bytes.js';
import { badKey } from '../ground/errors.js';
import { varintLength } from '../ground/integers.js';
import { KEY_BYTES_MAX, MAP_BLOCK_BYTES_MAX, NAME_BYTES_MAX } from '../ground/limits.js';
import { ByteReader } from '../ground/reader.js';
import { nameBytes, nameText } from '../ground/text.js';
import { ByteWriter } from '../ground/writer.js';
import { readAddress, readOptional } from './commit.js';

/** The header, a next address, and the longest count. */
const OVERHEAD = BLOCK_HEADER + 1 + ADDRESS_LENGTH + 3;

/** Of a key with a NUL after each name. */
const REPLACED_KEY_BYTES_MAX = KEY_BYTES_MAX + (KEY_BYTES_MAX >> 1);
const SLASH = 0x2f;

/** Kinds of rows. Persisted: never renumber. */
const MOVED = 1;
const GONE = 2;
const RETURNED = 3;
const BURIED = 4;

/** Keys are texts, '/a/b'. */
export interface MapRow {
  readonly from: string;
  /** Undefined: what was at `from` is gone, although the rules would find something. */
  readonly to: string | undefined;
  /**
   * Whether the parent had removed the entry, which another parent kept: `from` is where it last
   * was, by `replacedKey` if another came there.
   */
  readonly returned: boolean;
  /**
   * Whether the entry is gone, and `to` where the other parent last had it, which had removed it:
   * if it comes back, that is what it is known by.
   */
  readonly buried?: true;
}

/** The key of what was at a key before another came there. No entry's name has a NUL. */
export function replacedKey(key: string): string {
  return `${key}\0`;
}

export function isReplaced(key: string): boolean {
  return key.includes('\0');
}

export interface MapBlock {
  readonly rows: readonly MapRow[];
  /** The block that the list goes on in. */
  readonly next: Address | undefined;
}

export interface AddressedBlock {
  readonly address: Address;
  readonly block: Uint8Array;
}

interface EncodedRow {
  readonly kind: number;
  readonly from: Uint8Array;
  readonly to: Uint8Array;
}

/**
 * The chain of blocks for a list, last first, so that each is stored before what names it; the
 * commit names the last one returned. No row, no block. REGALIA_KEY where a key is out of its
 * limits.
 */
export function encodeMap(algorithm: AlgorithmNumber, rows: readonly MapRow[]): AddressedBlock[] {
  const chain: AddressedBlock[] = [];
  let next: Address | undefined;
  for (const list of blockLists(rows.map(encodedRow).sort(compareRows)).reverse()) {
    const block = encodeBlock(algorithm, list, next);
    next = addressOf(algorithm, block);
    chain.push({ address: next, block });
  }
  return chain;
}

function encodedRow({ from, to, returned, buried }: MapRow): EncodedRow {
  const kind = to === undefined ? GONE : returned ? RETURNED : buried ? BURIED : MOVED;
  const start = keyBytes(from, kind === RETURNED);
  return { kind, from: start, to: to === undefined ? EMPTY : keyBytes(to, false) };
}

function compareRows(a: EncodedRow, b: EncodedRow): number {
  return compareBytes(a.from, b.from) || compareBytes(a.to, b.to);
}

/** The rows of each block. */
function blockLists(rows: readonly EncodedRow[]): EncodedRow[][] {
  const lists: EncodedRow[][] = [];
  let room = 0;
  for (const row of rows) {
    const length = 1 + lengthOf(row.from) + (row.kind === GONE ? 0 : lengthOf(row.to));
    if (length > room) {
      lists.push([]);
      room = MAP_BLOCK_BYTES_MAX - OVERHEAD;
    }
    lists.at(-1)?.push(row);
    room -= length;
  }
  return lists;
}

function lengthOf(key: Uint8Array): number {
  return varintLength(key.length) + key.length;
}

function encodeBlock(
  algorithm: AlgorithmNumber,
  rows: readonly EncodedRow[],
  next: Address | undefined,
): Uint8Array {
  const writer = writeBlockHeader(new ByteWriter(256), BlockKind.map, algorithm);
  if (next === undefined) writer.u8(0);
  else writer.u8(1).bytes(next);
  writer.varint(rows.length);
  for (const { kind, from, to } of rows) {
    writer.u8(kind).lengthed(from);
    if (kind !== GONE) writer.lengthed(to);
  }
  return writer.finish();
}

/** One block of the chain. REGALIA_FORMAT or REGALIA_VERSION. */
export function decodeMap(block: Uint8Array): MapBlock {
  const reader = new ByteReader(block, 'map');
  if (block.length > MAP_BLOCK_BYTES_MAX) {
    reader.fail(`at most ${MAP_BLOCK_BYTES_MAX} bytes`, `${block.length}`);
  }
  readBlockHeader(reader.bytes(BLOCK_HEADER), 'map', BlockKind.map);
  const next = readOptional(reader, readAddress);
  const count = reader.varint();
  if (count === 0) reader.fail('a row', 'none');
  const rows: MapRow[] = [];
  let before: EncodedRow | undefined;
  for (let i = 0; i < count; i++) {
    const row = readRow(reader);
    if (before !== undefined && compareRows(before, row) >= 0)
      reader.fail('rows in order', 'others');
    before = row;
    const to = row.kind === GONE ? undefined : keyText(row.to);
    const buried = row.kind === BURIED ? ({ buried: true } as const) : {};
    rows.push({ from: keyText(row.from), to, returned: row.kind === RETURNED, ...buried });
  }
  reader.end();
  return { rows, next };
}

function readRow(reader: ByteReader): EncodedRow {
  const kind = reader.u8();
  if (kind < MOVED || kind > BURIED) reader.fail('a kind of row', `${kind}`);
  const from = readKey(reader, kind === RETURNED);
  return { kind, from, to: kind === GONE ? EMPTY : readKey(reader, false) };
}

function readKey(reader: ByteReader, mayBeReplaced: boolean): Uint8Array {
  const key = reader.lengthed(mayBeReplaced ? REPLACED_KEY_BYTES_MAX : KEY_BYTES_MAX);
  const fault = keyFault(key, mayBeReplaced);
  if (fault !== undefined) reader.fail('a key', fault);
  return key;
}

function keyText(key: Uint8Array): string {
  return `/${nameText(key)}`;
}

function keyBytes(key: string, mayBeReplaced: boolean): Uint8Array {
  const bytes = nameBytes(key.slice(1)) ?? EMPTY;
  const fault = keyFault(bytes, mayBeReplaced);
  if (fault === undefined) return bytes;
  throw badKey(key.slice(0, 300), fault, { actual: bytes.length });
}

/**
 * All rows of the chain that begins at `address`, in order. `read` gives a verified block.
 */
export function* rowsFrom(
  address: Address | undefined,
  read: (address: Address) => Uint8Array,
): Generator<MapRow> {
  for (let at = address; at !== undefined; ) {
    const { rows, next } = decodeMap(read(at));
    yield* rows;
    at = next;
  }
}

/** What is wrong with a key, or undefined. */
function keyFault(key: Uint8Array, mayBeReplaced: boolean): string | undefined {
  let start = 0;
  let marks = 0;
  for (let i = 0; i <= key.length; i++) {
    if (i < key.length && key[i] !== SLASH) {
      if (key[i] !== 0) continue;
      const isMark = mayBeReplaced && (i + 1 === key.length || key[i + 1] === SLASH);
      if (!isMark) return 'a NUL';
      marks++;
      continue;
    }
    const end = i > start && key[i - 1] === 0 ? i - 1 : i;
    const fault = nameFault(key, start, end);
    if (fault !== undefined) return fault;
    start = i + 1;
  }
  const length = key.length - marks;
  return length >= KEY_BYTES_MAX ? `${length} bytes` : undefined;
}

function nameFault(key: Uint8Array, start: number, end: number): string | undefined {
  const length = end - start;
  if (length === 0) return 'an empty name';
  if (length > NAME_BYTES_MAX) return `a name of ${length} bytes`;
  const dots = length <= 2 && key[start] === 0x2e && key[end - 1] === 0x2e;
  return dots ? 'a name . or ..' : undefined;
}
