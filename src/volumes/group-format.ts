/**
 * Groups of shards: the stored bytes of some chunks, coded as k shards of data and m of parity, all
 * of one length, each a record of its own (see segment-format.ts) on a volume of its own. A row
 * says how a group was coded, and where each shard lies; the table's key is the group's number.
 *
 *     data         the chunks' stored bytes, one after another | directory | zeros
 *                  cut into k shards: shard j has the bytes from j × shard length on
 *     directory    count varint | chunk × count
 *     chunk        address 33 | plain length varint | codec u8 | stored length varint
 *     a record's   group id 16 | data shards u8 | parity shards u8 | index u8 | 0 u8
 *     bytes        | chunks' bytes u32 | directory's bytes u32 | 0 u32 | shard
 *     row          checksum u32 | version u8 | group id 16 | data shards u8 | parity shards u8
 *                  | chunks' bytes varint | directory's bytes varint | place × (data + parity)
 *     place        volume u16 | segment varint | offset varint    of the record; volume 0: lost
 *
 * Parity is Reed and Solomon's, see src/kernels/reed-solomon.ts. The id is the first 16 bytes of
 * the SHA-256 of the data: so any k sound shards of one id give back all, and prove it. The
 * directory makes a group readable without its row.
 */
import { ADDRESS_LENGTH, isAddress } from '../blocks/address.js';
import { openRow, sealRow } from '../blocks/rows.js';
import { equalBytes, hex } from '../ground/bytes.js';
import { assert, corrupt } from '../ground/errors.js';
import { GROUP_CHUNKS_MAX, STORED_CHUNK_BYTES_MAX } from '../ground/limits.js';
import { ByteReader } from '../ground/reader.js';
import { ByteWriter } from '../ground/writer.js';
import { sha256 } from '../kernels/hash.js';
import { encode, reconstruct, shardsFault } from '../kernels/reed-solomon.js';
import { type ChunkForm, type Place, readPlace, writePlace } from './chunk-row.js';
import { RECORD_HEADER, RecordKind, STORED_LIMITS } from './segment-format.js';

/** What a shard's record has before its shard. */
export const SHARD_HEADER = 32;
const ID_LENGTH = 16;
const SHARD_LENGTH_MAX = STORED_LIMITS[RecordKind.shard] - SHARD_HEADER;

/** A group as each of its shards describes it. */
export interface GroupShape {
  /** 16 bytes. */
  readonly id: Uint8Array;
  readonly data: number;
  readonly parity: number;
  /** Bytes of the chunks, and of the directory behind them. */
  readonly chunksLength: number;
  readonly directoryLength: number;
}

/** Bytes of each shard: at least 1, all together enough. */
export function shardLength(shape: Omit<GroupShape, 'id'>): number {
  return Math.max(1, Math.ceil((shape.chunksLength + shape.directoryLength) / shape.data));
}

/** Bytes of each shard's record, headers included. */
export function shardRecordLength(shape: GroupShape): number {
  return RECORD_HEADER + SHARD_HEADER + shardLength(shape);
}

/** A chunk of a group, and where its stored bytes begin in the group's data. */
export interface GroupMember extends ChunkForm {
  readonly start: number;
}

/** The stored bytes of all shards' records, data before parity. */
export function encodeGroup(
  chunks: readonly { readonly chunk: ChunkForm; readonly stored: Uint8Array }[],
  k: number,
  m: number,
): { shape: GroupShape; records: Uint8Array[] } {
  const directory = encodeDirectory(chunks.map(({ chunk }) => chunk));
  const chunksLength = chunks.reduce((sum, { stored }) => sum + stored.length, 0);
  const sizes = { data: k, parity: m, chunksLength, directoryLength: directory.length };
  const length = shardLength(sizes);
  assert(length <= SHARD_LENGTH_MAX, 'a shard is within its limit');
  const data = new Uint8Array(k * length);
  let at = 0;
  for (const { stored } of chunks) {
    data.set(stored, at);
    at += stored.length;
  }
  data.set(directory, at);
  const shape = { ...sizes, id: groupId(data) };
  const records = Array.from({ length: k + m }, (_, i) => emptyRecord(shape, i));
  const shards = records.map((record) => record.subarray(SHARD_HEADER));
  for (let j = 0; j < k; j++) shards[j]?.set(data.subarray(j * length, (j + 1) * length));
  encode(shards.slice(0, k), shards.slice(k));
  return { shape, records };
}

function groupId(data: Uint8Array): Uint8Array {
  return sha256(data).subarray(0, ID_LENGTH);
}

function emptyRecord(shape: GroupShape, index: number): Uint8Array {
  const { id, data, parity, chunksLength, directoryLength } = shape;
  const record = new Uint8Array(SHARD_HEADER + shardLength(shape));
  const writer = new ByteWriter(SHARD_HEADER).bytes(id).u8(data).u8(parity).u8(index).u8(0);
  record.set(writer.u32(chunksLength).u32(directoryLength).u32(0).view());
  return record;
}

/** The group that a shard's record is of, and which shard it is. REGALIA_FORMAT. */
export function decodeShard(stored: Uint8Array): {
  shape: GroupShape;
  index: number;
  shard: Uint8Array;
} {
  const reader = new ByteReader(stored.subarray(0, SHARD_HEADER), 'shard');
  const id = reader.bytes(ID_LENGTH).slice();
  const [data, parity, index, zero] = [reader.u8(), reader.u8(), reader.u8(), reader.u8()];
  const fault = shardsFault(data, parity);
  if (fault !== undefined) reader.fail(fault.expected, fault.actual);
  if (index >= data + parity) reader.fail(`a shard below ${data + parity}`, `${index}`);
  const [chunksLength, directoryLength] = [reader.u32(), reader.u32()];
  if (zero !== 0 || reader.u32() !== 0) reader.fail('reserved zeros', 'other bytes');
  const shape = { id, data, parity, chunksLength, directoryLength };
  const shard = stored.subarray(SHARD_HEADER);
  const length = shardLength(shape);
  if (shard.length !== length) reader.fail(`a shard of ${length} bytes`, `${shard.length}`);
  return { shape, index, shard };
}

/**
 * Fills in the records that are missing, from at least k sound ones, and returns the group's data.
 * REGALIA_CORRUPT where they do not give the data that the id names.
 */
export function restoreGroup(shape: GroupShape, records: (Uint8Array | undefined)[]): Uint8Array {
  const { data: k, parity: m, id } = shape;
  const length = shardLength(shape);
  const shards = records.map((record) => record?.subarray(SHARD_HEADER));
  reconstruct(shards, k, m);
  const data = new Uint8Array(k * length);
  for (let j = 0; j < k; j++) data.set(shards[j] as Uint8Array, j * length);
  const actual = groupId(data);
  if (!equalBytes(actual, id)) throw corrupt('group of shards', hex(id), hex(actual));
  for (const [index, shard] of shards.entries()) {
    if (records[index] !== undefined) continue;
    const record = emptyRecord(shape, index);
    record.set(shard as Uint8Array, SHARD_HEADER);
    records[index] = record;
  }
  return data;
}

function encodeDirectory(chunks: readonly ChunkForm[]): Uint8Array {
  const writer = new ByteWriter(16 + 48 * chunks.length).varint(chunks.length);
  for (const { address, plainLength, codec, storedLength } of chunks) {
    writer.bytes(address).varint(plainLength).u8(codec).varint(storedLength);
  }
  return writer.finish();
}

export function decodeDirectory(
  { chunksLength, directoryLength }: GroupShape,
  data: Uint8Array,
): GroupMember[] {
  const bytes = data.subarray(chunksLength, chunksLength + directoryLength);
  const reader = new ByteReader(bytes, 'directory of a group');
  const count = reader.varint();
  if (count > GROUP_CHUNKS_MAX) reader.fail(`at most ${GROUP_CHUNKS_MAX} chunks`, `${count}`);
  const chunks: GroupMember[] = [];
  let start = 0;
  for (let i = 0; i < count; i++) {
    const address = reader.bytes(ADDRESS_LENGTH).slice();
    if (!isAddress(address)) reader.fail('an address', `algorithm ${address[0]}`);
    const [plainLength, codec, storedLength] = [reader.varint(), reader.u8(), reader.varint()];
    if (storedLength < 1 || storedLength > STORED_CHUNK_BYTES_MAX) {
      reader.fail('stored bytes', `${storedLength}`);
    }
    chunks.push({ address, plainLength, codec, storedLength, start });
    start += storedLength;
  }
  reader.end();
  if (start !== chunksLength) reader.fail(`${chunksLength} bytes of chunks`, `${start}`);
  return chunks;
}

const VERSION = 1;
const NOWHERE: Place = { volume: 0, segment: 0, offset: 0 };

export interface NumberedGroup {
  readonly number: number;
  readonly row: GroupRow;
}

export interface GroupRow extends GroupShape {
  /** For each shard, data before parity, where it lies; undefined where it is lost. */
  readonly shards: readonly (Place | undefined)[];
}

export function encodeGroupRow(number: number, group: GroupRow): Uint8Array {
  const { id, data, parity, chunksLength, directoryLength, shards } = group;
  assert(shards.length === data + parity, 'a group has a place for each shard');
  const writer = new ByteWriter(128).u8(VERSION).bytes(id).u8(data).u8(parity);
  writer.varint(chunksLength).varint(directoryLength);
  for (const place of shards) writePlace(writer, place ?? NOWHERE);
  return sealRow('groups', number, writer.finish());
}

/** The inverse. REGALIA_CORRUPT where the row is damaged, REGALIA_FORMAT where it is malformed. */
export function decodeGroupRow(number: number, row: Uint8Array): GroupRow {
  const reader = new ByteReader(openRow('groups', number, row), 'row of a group');
  reader.version(VERSION);
  const id = reader.bytes(ID_LENGTH).slice();
  const [data, parity] = [reader.u8(), reader.u8()];
  const fault = shardsFault(data, parity);
  if (fault !== undefined) reader.fail(fault.expected, fault.actual);
  const [chunksLength, directoryLength] = [reader.varint(), reader.varint()];
  const shape = { id, data, parity, chunksLength, directoryLength };
  const length = shardLength(shape);
  if (length > SHARD_LENGTH_MAX) reader.fail(`shards of ${SHARD_LENGTH_MAX} bytes`, `${length}`);
  const shards = Array.from({ length: data + parity }, () => {
    const place = readPlace(reader);
    return place.volume === 0 ? undefined : place;
  });
  reader.end();
  return { ...shape, shards };
}
