/**
 * One small example of everything that is stored around blocks: extents and rows. As
 * block-examples.ts.
 */
import { addressOf, addressText } from '../../src/blocks/address.js';
import { applyPatch, BodyWriter, readStored } from '../../src/blocks/body.js';
import { ExtentBuilder, slotRange } from '../../src/blocks/extent.js';
import { Lease } from '../../src/blocks/lease.js';
import { openRow } from '../../src/blocks/rows.js';
import { chunkBytes } from '../../src/chunks/chunk.js';
import { counted, NO_EVENT } from '../../src/clock/event.js';
import { WHOLE } from '../../src/clock/id.js';
import { putIdentity, storedIdentity } from '../../src/commit/core.js';
import { EngineDoor, type HeadStep } from '../../src/commit/door.js';
import type { Batch } from '../../src/engine/engine.js';
import { SHA256 } from '../../src/ground/block-header.js';
import { hex } from '../../src/ground/bytes.js';
import { ByteReader } from '../../src/ground/reader.js';
import { utf8Bytes, utf8Text } from '../../src/ground/text.js';
import { type Branch, branch, putTag, tag } from '../../src/log/branches.js';
import { commitAddress } from '../../src/log/commit.js';
import { openEntry } from '../../src/log/entry.js';
import { History, logKey, readBounds } from '../../src/log/history.js';
import { lastMove } from '../../src/log/reflog.js';
import {
  countOn,
  type Lessee,
  leaseShare,
  lesseeOf,
  poolParts,
  putPool,
} from '../../src/log/shares.js';

import {
  bucket,
  chunkOf,
  commit,
  type Example,
  engine,
  first,
  id,
  replica,
  root,
} from './block-examples.js';

const history = new History(engine);
const lessee: Lessee = { owner: bucket, branch: 'main' };
const begin = (batch: Batch): HeadStep[][] => {
  const local = { rootBlock: root.id, headsBlock: undefined };
  history.append(batch, first, local);
  history.append(batch, commit, local);
  putPool(batch, WHOLE);
  return [[{ commit: commitAddress(commit), cause: 'commit', timeMs: 1_700_000_000_001 }]];
};
await new EngineDoor(engine).set([{ bucket, branch: 'main' }], begin, 'none');
await engine.write((batch) => {
  const row = branch(batch, bucket, 'main') as Branch;
  const leased = { ...row, id: leaseShare(batch, lessee, row, NO_EVENT) };
  countOn(batch, lessee, leased, [{ bucket, from: NO_EVENT, to: counted(id, NO_EVENT) }]);
  putTag(batch, bucket, 'v1', commitAddress(first));
  putIdentity(batch, {
    store: bucket,
    replica,
    algorithm: SHA256,
    incarnation: 1,
    createdMs: 1_700_000_000_000,
  });
}, 'none');
await new Lease(engine, 'sequences', 2 ** 48, 'extents').reserve(1);

/** An extent of a block stored whole, and of one stored as a patch on it. */
const extent = new ExtentBuilder(7);
const wholeBody = new BodyWriter();
wholeBody.bytes(chunkOf('one fish, two fishes'));
wholeBody.writeWhole(extent.stored, wholeBody.length);
const wholeId = extent.close(addressOf(SHA256, chunkOf('one fish, two fishes')));
const patchedBody = new BodyWriter();
patchedBody.reset(wholeBody.buffer.slice(0, wholeBody.length));
patchedBody.keep(0, 13);
patchedBody.bytes(utf8Bytes('red'));
patchedBody.keep(16, 23);
patchedBody.writePatch(extent.stored, wholeId, patchedBody.length);
extent.close(addressOf(SHA256, chunkOf('one fish, red fishes')));

function readExtent(row: Uint8Array): unknown {
  const [start, end] = slotRange(row, 0);
  const whole = readStored(row, start, end);
  if (whole.base !== undefined) throw new Error('the first block is stored whole');
  const [from, to] = slotRange(row, 1);
  const patch = readStored(row, from, to);
  if (patch.base === undefined) throw new Error('the second block is stored as a patch');
  const plain = applyPatch(patch, row, whole.start, end);
  return {
    whole: utf8Text(chunkBytes(row.subarray(whole.start, end))),
    base: patch.base,
    patched: utf8Text(chunkBytes(plain)),
  };
}

function rowOf(table: 'commits' | 'log' | 'heads' | 'meta', key: Uint8Array): Uint8Array {
  const row = engine.get(table, key);
  if (row === undefined) throw new Error(`no row in ${table}`);
  return row;
}

const address = { first: commitAddress(first), second: commitAddress(commit) };
const branchKey = Uint8Array.of(...bucket, 0x62, ...utf8Bytes('main'));
const tagKey = Uint8Array.of(...bucket, 0x74, ...utf8Bytes('v1'));
const place = logKey(bucket, 1);
const countedKey = utf8Bytes(`counted/${id}/${hex(bucket)}`);

export const rowExamples: readonly Example[] = [
  {
    name: 'extent',
    bytes: extent.encode(),
    read: readExtent,
    holds: { whole: 'one fish, two fishes', base: wholeId, patched: 'one fish, red fishes' },
  },
  {
    name: 'address log',
    bytes: extent.encodeLog(),
    read: (bytes) => [bytes.length / 8, hex(bytes.subarray(0, 8))],
    holds: [2, hex(addressOf(SHA256, chunkOf('one fish, two fishes')).subarray(1, 9))],
  },
  {
    name: 'commit row',
    bytes: rowOf('commits', address.second),
    read: (row) => {
      const { entry, deltas } = openEntry(address.second, row);
      const { sequence, height, correctedMs, spine, jump, merges, rootBlock, cut } = entry;
      return { sequence, height, correctedMs, spine, jump, merges, rootBlock, cut, deltas };
    },
    holds: {
      sequence: 1,
      height: 2,
      correctedMs: 1_700_000_000_001,
      spine: 1,
      jump: 0,
      merges: 1,
      rootBlock: root.id,
      cut: false,
      deltas: 0,
    },
  },
  {
    name: 'log row',
    bytes: rowOf('log', place),
    read: (row) => addressText(openRow('log', place, row)),
    holds: addressText(address.second),
  },
  {
    name: 'log bounds',
    bytes: rowOf('log', bucket),
    read: () => readBounds(engine, bucket),
    holds: { first: 0, next: 2 },
  },
  {
    name: 'branch row',
    bytes: rowOf('heads', branchKey),
    read: () => {
      const row = branch(engine, bucket, 'main');
      return [row && addressText(row.head), row?.id, row?.moved?.position, row?.moved?.timeMs];
    },
    holds: [addressText(address.second), id, 0, 1_700_000_000_001],
  },
  {
    name: 'reflog row',
    bytes: rowOf('heads', Uint8Array.of(...bucket, ...utf8Bytes('wmain\0'), 0, 0, 0, 0, 0, 0)),
    read: () => {
      const move = lastMove(engine, bucket, 'main');
      return [move?.position, move?.timeMs, move?.cause, move && addressText(move.commit)];
    },
    holds: [0, 1_700_000_000_001, 'commit', addressText(address.second)],
  },
  {
    name: 'tag row',
    bytes: rowOf('heads', tagKey),
    read: () => addressText(tag(engine, bucket, 'v1') ?? new Uint8Array(33)),
    holds: addressText(address.first),
  },
  {
    name: 'heads row',
    bytes: rowOf('heads', bucket),
    read: (row) => {
      const reader = new ByteReader(openRow('heads', bucket, row), 'heads row');
      return [reader.u8(), reader.text(), reader.text()];
    },
    holds: [1, 'main', 'v1'],
  },
  {
    name: 'store row',
    bytes: rowOf('meta', utf8Bytes('store')),
    read: () => storedIdentity(engine)?.incarnation,
    holds: 1,
  },
  {
    name: 'pool row',
    bytes: rowOf('meta', utf8Bytes('pool/0003/')),
    read: () => [...poolParts(engine)],
    holds: [{ part: WHOLE, given: 1 }],
  },
  {
    name: 'share row',
    bytes: rowOf('meta', utf8Bytes(`share/${id}`)),
    read: () => lesseeOf(engine, id),
    holds: lessee,
  },
  {
    name: 'counted row',
    bytes: rowOf('meta', countedKey),
    read: (row) => {
      const reader = new ByteReader(openRow('meta', countedKey, row), 'counted row');
      return [reader.u8(), reader.varint()];
    },
    holds: [1, 1],
  },
  {
    name: 'lease row',
    bytes: rowOf('meta', utf8Bytes('sequences')),
    read: (row) => new ByteReader(openRow('meta', utf8Bytes('sequences'), row), 'lease').u48(),
    holds: 65,
  },
];
