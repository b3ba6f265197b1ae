/**
 * The row of a chunk: what it is, and where its stored bytes lie.
 *
 *     row     checksum u32 | version u8 | flags u8 | address 33 | plain length varint
 *             | codec u8 | stored length varint | count u8 | copy × count | coded, if flag 2
 *     copy    volume u16 | segment varint | offset varint       of the record's header
 *     coded   group varint | start varint        where its stored bytes lie in a group of shards
 *     flags   1 condemned: no longer found by its address, to be forgotten unless a commit refers
 *             to it | 2 coded
 *
 * Plain length is that of the block's content: without its three bytes of kind, version and
 * algorithm. All copies have the same stored bytes, under one codec. The table's key is the chunk's
 * number.
 */
import { ADDRESS_LENGTH, type Address, isAddress } from '../blocks/address.js';
import { openRow, sealRow } from '../blocks/rows.js';
import { assert } from '../ground/errors.js';
import { CHUNK_BYTES_MAX, COPIES_MAX, STORED_CHUNK_BYTES_MAX } from '../ground/limits.js';
import { ByteReader } from '../ground/reader.js';
import { ByteWriter } from '../ground/writer.js';

const VERSION = 1;
const CONDEMNED = 1;
const CODED = 2;

/** Where the stored bytes of a chunk lie in a group: see group-format.ts. */
export interface CodedPlace {
  readonly group: number;
  readonly start: number;
}

/** Where a record lies: its header's first byte. */
export interface Place {
  readonly volume: number;
  readonly segment: number;
  readonly offset: number;
}

/** What a chunk is, wherever it lies. */
export interface ChunkForm {
  readonly address: Address;
  readonly plainLength: number;
  readonly codec: number;
  readonly storedLength: number;
}

export interface ChunkRow extends ChunkForm {
  readonly copies: readonly Place[];
  readonly coded?: CodedPlace | undefined;
  readonly condemned?: boolean | undefined;
}

export interface NumberedChunk {
  readonly number: number;
  readonly row: ChunkRow;
}

export function samePlace(a: Place | undefined, b: Place): boolean {
  return a?.volume === b.volume && a.segment === b.segment && a.offset === b.offset;
}

export function encodeChunkRow(number: number, chunk: ChunkRow): Uint8Array {
  const { address, copies, coded } = chunk;
  assert(copies.length <= COPIES_MAX, 'a chunk has few copies');
  const flags = (chunk.condemned === true ? CONDEMNED : 0) | (coded === undefined ? 0 : CODED);
  const writer = new ByteWriter(96).u8(VERSION).u8(flags).bytes(address);
  writer.varint(chunk.plainLength).u8(chunk.codec).varint(chunk.storedLength).u8(copies.length);
  for (const place of copies) writePlace(writer, place);
  if (coded !== undefined) writer.varint(coded.group).varint(coded.start);
  return sealRow('chunks', number, writer.finish());
}

/** The inverse. REGALIA_CORRUPT where the row is damaged, REGALIA_FORMAT where it is malformed. */
export function decodeChunkRow(number: number, row: Uint8Array): ChunkRow {
  const reader = new ByteReader(openRow('chunks', number, row), 'row of a chunk');
  reader.version(VERSION);
  const flags = reader.u8();
  if (flags > (CONDEMNED | CODED)) reader.fail('known flags', `${flags}`);
  const address = reader.bytes(ADDRESS_LENGTH).slice();
  if (!isAddress(address)) reader.fail('an address', `algorithm ${address[0]}`);
  const plainLength = bounded(reader, 1, CHUNK_BYTES_MAX);
  const codec = reader.u8();
  const storedLength = bounded(reader, 1, STORED_CHUNK_BYTES_MAX);
  const count = reader.u8();
  if (count > COPIES_MAX) reader.fail(`at most ${COPIES_MAX} copies`, `${count}`);
  const copies: Place[] = [];
  for (let i = 0; i < count; i++) copies.push(readPlace(reader));
  const isCoded = (flags & CODED) !== 0;
  const coded = isCoded ? { group: reader.varint(), start: reader.varint() } : undefined;
  reader.end();
  const condemned = (flags & CONDEMNED) !== 0;
  return { address, plainLength, codec, storedLength, copies, coded, condemned };
}

export function writePlace(writer: ByteWriter, { volume, segment, offset }: Place): void {
  writer.u16(volume).varint(segment).varint(offset);
}

export function readPlace(reader: ByteReader): Place {
  return { volume: reader.u16(), segment: reader.varint(), offset: reader.varint() };
}

function bounded(reader: ByteReader, least: number, most: number): number {
  const number = reader.varint();
  if (number < least || number > most) reader.fail(`${least} to ${most}`, `${number}`);
  return number;
}
