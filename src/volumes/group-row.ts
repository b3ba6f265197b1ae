/**
 * The row of a group of shards: how it was coded, and where each shard lies. The table's key is the
 * group's number.
 *
 *     row      checksum u32 | version u8 | group id 16 | data shards u8 | parity shards u8
 *              | chunks' bytes varint | directory's bytes varint | shard × (data + parity)
 *     shard    volume u16 | segment varint | offset varint       of the record's header; volume 0: it is lost
 */
import { openRow, sealRow } from '../blocks/rows.js';
import { assert } from '../ground/errors.js';
import { ByteReader } from '../ground/reader.js';
import { ByteWriter } from '../ground/writer.js';
import { shardsFault } from '../kernels/reed-solomon.js';
import { type Place, readPlace, writePlace } from './chunk-row.js';
import { type GroupShape, SHARD_HEADER, shardLength } from './group-format.js';
import { RecordKind, STORED_LIMITS } from './segment-format.js';

const VERSION = 1;
const NOWHERE: Place = { volume: 0, segment: 0, offset: 0 };

export interface GroupRow extends GroupShape {
  /** For each shard, data before parity, where it lies; undefined where it is lost. */
  readonly shards: readonly (Place | undefined)[];
}

/** The row to put under `number`. */
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
  const id = reader.bytes(16).slice();
  const [data, parity] = [reader.u8(), reader.u8()];
  const fault = shardsFault(data, parity);
  if (fault !== undefined) reader.fail(fault.expected, fault.actual);
  const [chunksLength, directoryLength] = [reader.varint(), reader.varint()];
  const shape = { id, data, parity, chunksLength, directoryLength };
  const most = STORED_LIMITS[RecordKind.shard] - SHARD_HEADER;
  if (shardLength(shape) > most) reader.fail(`shards of ${most} bytes`, `${shardLength(shape)}`);
  const shards: (Place | undefined)[] = [];
  for (let i = 0; i < data + parity; i++) {
    const place = readPlace(reader);
    shards.push(place.volume === 0 ? undefined : place);
  }
  reader.end();
  return { ...shape, shards };
}
