/**
 * One small example of everything that is stored on volumes, and of the rows that tell of it. As
 * block-examples.ts.
 */
import { addressOf, addressText } from '../../src/blocks/address.js';
import { openMemory } from '../../src/engine/memory.js';
import { SHA256 } from '../../src/ground/block-header.js';
import { concatBytes, hex } from '../../src/ground/bytes.js';
import { utf8Bytes, utf8Text } from '../../src/ground/text.js';
import { sha256 } from '../../src/kernels/hash.js';
import { decodeChunkRow, encodeChunkRow } from '../../src/volumes/chunk-row.js';
import {
  decodeDirectory,
  decodeGroupRow,
  decodeShard,
  encodeGroup,
  encodeGroupRow,
  restoreGroup,
  SHARD_HEADER,
} from '../../src/volumes/group-format.js';
import { putVolume, volumeEntries } from '../../src/volumes/registry.js';
import {
  decodeRecordHead,
  decodeSegmentHeader,
  encodeRecordHead,
  encodeSegmentHeader,
  RECORD_HEADER,
  RecordKind,
  SEGMENT_HEADER,
} from '../../src/volumes/segment-format.js';
import { mergedStorage, putStorage, storedStorage } from '../../src/volumes/storage-rules.js';
import { decodeVolume, encodeVolume } from '../../src/volumes/volume-folder.js';
import { chunkOf, type Example, replica } from './block-examples.js';

const volume = utf8Bytes('a volume, 16 by.');
const createdMs = 1_700_000_000_000;
const ids = { volume, replica, number: 1 };

const hello = utf8Bytes('hello');
const address = addressOf(SHA256, chunkOf('hello'));
const recordHead = {
  kind: RecordKind.chunk,
  codec: 0,
  algorithm: SHA256,
  plainLength: hello.length,
  storedLength: hello.length,
  digest: address.subarray(1),
} as const;

/** 'hello' alone, as two shards of data and one of parity. */
const coded = { address, plainLength: 5, codec: 0, storedLength: 5 };
const group = encodeGroup([{ chunk: coded, stored: hello }], 2, 1);
const parity = group.records[2] ?? new Uint8Array(0);

const engine = openMemory();
const volumeKey = Uint8Array.of(...utf8Bytes('volume/'), 0, 1);
const storage = mergedStorage(
  { default: { compression: 3, redundancy: { kind: 'none' } }, streams: new Map() },
  { streams: { movie: { compression: 'none', redundancy: { kind: 'coded' } } } },
);
await engine.write((batch) => {
  const place = { number: 1, id: volume, path: 'volumes/1', weight: 1, sequence: 1 };
  putVolume(batch, { ...place, state: 'online' });
  putStorage(batch, storage);
}, 'none');

function metaRow(key: Uint8Array): Uint8Array {
  const row = engine.get('meta', key);
  if (row === undefined) throw new Error('no such row');
  return row;
}

const chunk = {
  ...coded,
  copies: [{ volume: 1, segment: 1, offset: SEGMENT_HEADER }],
  coded: { group: 1, start: 0 },
  condemned: false,
};
const groupRow = {
  ...group.shape,
  shards: [{ volume: 1, segment: 2, offset: SEGMENT_HEADER }, undefined, undefined],
};

export const volumeExamples: readonly Example[] = [
  {
    name: 'volume file',
    bytes: encodeVolume({ id: volume, replica, sequence: 1, createdMs }),
    read: (bytes) => decodeVolume(bytes).sequence,
    holds: 1,
  },
  {
    name: 'segment',
    bytes: concatBytes([
      encodeSegmentHeader(ids, createdMs),
      encodeRecordHead(recordHead, hello, ids, SEGMENT_HEADER),
      hello,
    ]),
    read: (bytes) => {
      const header = decodeSegmentHeader(bytes);
      const head = decodeRecordHead(bytes.subarray(SEGMENT_HEADER), header, SEGMENT_HEADER);
      return [header.number, utf8Text(bytes.subarray(SEGMENT_HEADER + RECORD_HEADER)), head.kind];
    },
    holds: [1, 'hello', RecordKind.chunk],
  },
  {
    name: 'chunk row',
    bytes: encodeChunkRow(1, chunk),
    read: (row) => decodeChunkRow(1, row),
    holds: chunk,
  },
  {
    name: 'parity shard',
    bytes: parity,
    read: (bytes) => {
      const { shape, index } = decodeShard(bytes);
      // The id, made apart from the code that gives it.
      const shards = group.records.slice(0, 2).map((record) => record.subarray(SHARD_HEADER));
      if (hex(sha256(concatBytes(shards))).slice(0, 32) !== hex(shape.id)) return 'another id';
      const data = restoreGroup(shape, [undefined, group.records[1], bytes]);
      const [only] = decodeDirectory(shape, data);
      return [index, utf8Text(data.subarray(0, 5)), only && addressText(only.address)];
    },
    holds: [2, 'hello', addressText(address)],
  },
  {
    name: 'group row',
    bytes: encodeGroupRow(1, groupRow),
    read: (row) => decodeGroupRow(1, row),
    holds: groupRow,
  },
  {
    name: 'volume row',
    bytes: metaRow(volumeKey),
    read: () => volumeEntries(engine).map(({ path }) => path),
    holds: ['volumes/1'],
  },
  {
    name: 'storage row',
    bytes: metaRow(utf8Bytes('storage')),
    read: () => storedStorage(engine).streams.get('movie')?.redundancy,
    holds: { kind: 'coded', data: 4, parity: 2, from: 67_108_864 },
  },
];
