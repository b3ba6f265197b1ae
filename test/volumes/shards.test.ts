/**
 * Groups of shards as bytes: what was encoded is decoded, any k of k + m shards give back all, and
 * bytes that somebody else made are refused or do no harm.
 */
import t from 'tap';
import { concatBytes, equalBytes } from '../../src/ground/bytes.js';
import { ByteWriter } from '../../src/ground/writer.js';
import { isRegaliaError } from '../../src/index.js';
import { sha256 } from '../../src/kernels/hash.js';
import {
  decodeDirectory,
  decodeGroupRow,
  decodeShard,
  encodeGroup,
  encodeGroupRow,
  restoreGroup,
  SHARD_HEADER,
  shardLength,
} from '../../src/volumes/group-format.js';
import { noise } from '../chunks/setup.js';
import { Dice } from '../model/dice.js';
import { codeOfCall, flips } from './setup.js';

function membersOf(...lengths: number[]) {
  return lengths.map((length, i) => {
    const stored = noise(length, length + i);
    const address = concatBytes([Uint8Array.of(1), sha256(stored)]);
    return { chunk: { address, plainLength: length, codec: 0, storedLength: length }, stored };
  });
}

/** All ways to choose k of n. */
function* subsets(n: number, k: number, from = 0): Generator<number[]> {
  if (k === 0) return yield [];
  for (let i = from; i <= n - k; i++) {
    for (const rest of subsets(n, k - 1, i + 1)) yield [i, ...rest];
  }
}

t.test('any k shards give back all the others and the chunks', async (t) => {
  const seed = Date.now() % 1_000_000;
  const dice = new Dice(seed);
  for (const [k, m] of [
    [1, 1],
    [2, 1],
    [1, 3],
    [4, 2],
    [3, 3],
    [16, 16],
  ] as const) {
    const members = membersOf(1 + dice.below(3_000), 1, 1 + dice.below(500));
    const { shape, records } = encodeGroup(members, k, m);
    const chosen = k < 16 ? [...subsets(k + m, k)] : someSubsets(k + m, k, dice);
    for (const subset of chosen) {
      const some = records.map((record, i) => (subset.includes(i) ? record.slice() : undefined));
      const data = restoreGroup(shape, some);
      const whole = some.every((record, i) => equalBytes(record ?? data, records[i] ?? data));
      if (!whole) t.fail(`${k}+${m} from ${subset}, seed ${seed}`);
      for (const [i, chunk] of decodeDirectory(shape, data).entries()) {
        const { stored, chunk: given } = members[i] ?? t.bailout();
        const bytes = data.subarray(chunk.start, chunk.start + chunk.storedLength);
        if (!equalBytes(bytes, stored) || !equalBytes(chunk.address, given.address)) {
          t.fail(`chunk ${i} of ${k}+${m} from ${subset}, seed ${seed}`);
        }
      }
    }
    t.pass(`${k}+${m}: ${chosen.length} subsets`);
    const tooFew = records.map((record, i) => (i < k - 1 ? record : undefined));
    t.throws(() => restoreGroup(shape, tooFew), 'fewer than k do not');
  }
  t.end();
});

function someSubsets(n: number, k: number, dice: Dice): number[][] {
  return Array.from({ length: 12 }, () => {
    const all = Array.from({ length: n }, (_, i) => i);
    return Array.from({ length: k }, () => all.splice(dice.below(all.length), 1)[0] as number);
  });
}

t.test('a shard tells what group it is of', async (t) => {
  const { shape, records } = encodeGroup(membersOf(700, 20), 4, 2);
  for (const [i, record] of records.entries()) {
    const { shape: found, index, shard } = decodeShard(record);
    t.same(found, shape);
    t.equal(index, i);
    t.equal(shard.length, shardLength(shape));
  }
  t.throws(() => encodeGroup(membersOf(10), 30, 3), 'more than 32 shards are not made');
  for (const [k, m] of [
    [31, 2],
    [0, 1],
    [1, 0],
    [255, 255],
  ] as const) {
    const bytes = (records[0] as Uint8Array).slice();
    bytes.set([k, m], 16);
    t.equal(
      codeOfCall(() => decodeShard(bytes)),
      'REGALIA_FORMAT',
      `${k}+${m} is refused`,
    );
  }
  t.end();
});

t.test('every flipped bit of a shard is refused or harmless', async (t) => {
  const { shape, records } = encodeGroup(membersOf(60, 20), 2, 2);
  let refused = 0;
  let harmless = 0;
  for (const [i, record] of records.entries()) {
    for (const { at, bytes } of flips(record)) {
      try {
        const found = decodeShard(bytes);
        // Whoever reads it compares these with the row, or meets it as one of another group.
        const { data: k, parity: m } = found.shape;
        if (k !== 2 || m !== 2 || found.index !== i) {
          refused++;
          continue;
        }
        // What a record's checksum would have found: the id is over all data.
        const some = records.map((one, j) =>
          j === i ? bytes : j === (i + 1) % 4 ? one : undefined,
        );
        const data = restoreGroup({ ...found.shape, id: shape.id }, some);
        const whole = decodeDirectory(shape, data).length === 2;
        if (whole && at < SHARD_HEADER) harmless++;
        else t.fail(`shard ${i}, byte ${at} gives other data`);
      } catch (error) {
        if (!isRegaliaError(error)) throw error;
        refused++;
      }
    }
  }
  t.ok(refused > harmless, `${refused} refused, ${harmless} harmless`);
  t.end();
});

t.test('lengths that are huge, and directories that do not add up, are refused', async (t) => {
  const { shape, records } = encodeGroup(membersOf(60, 20), 2, 1);
  for (const at of [20, 24]) {
    const bytes = (records[0] as Uint8Array).slice();
    new DataView(bytes.buffer).setUint32(at, 0xffff_ffff, true);
    t.equal(
      codeOfCall(() => decodeShard(bytes)),
      'REGALIA_FORMAT',
      `length at ${at}`,
    );
  }
  t.equal(
    codeOfCall(() => decodeShard(new Uint8Array(0))),
    'REGALIA_FORMAT',
  );
  t.equal(
    codeOfCall(() => decodeShard(new Uint8Array(31))),
    'REGALIA_FORMAT',
  );
  const address = new Uint8Array(33).fill(1);
  const entry = (length: number): Uint8Array => {
    return new ByteWriter(64).bytes(address).varint(length).u8(0).varint(length).finish();
  };
  const directories: [string, Uint8Array][] = [
    ['nothing', new Uint8Array(0)],
    ['a huge count', new ByteWriter(8).varint(2 ** 40).finish()],
    ['more than there are', concatBytes([Uint8Array.of(2), entry(80)])],
    ['too long a chunk', concatBytes([Uint8Array.of(1), entry(81)])],
    ['too short a chunk', concatBytes([Uint8Array.of(1), entry(79)])],
    ['an empty chunk', concatBytes([Uint8Array.of(2), entry(80), entry(0)])],
    ['a huge chunk', concatBytes([Uint8Array.of(1), entry(2 ** 41)])],
    ['bytes behind', concatBytes([Uint8Array.of(1), entry(80), Uint8Array.of(0)])],
    ['another algorithm', concatBytes([Uint8Array.of(1, 9), entry(80).subarray(1)])],
  ];
  for (const [what, directory] of directories) {
    const data = concatBytes([new Uint8Array(80), directory]);
    const sizes = { ...shape, chunksLength: 80, directoryLength: directory.length };
    t.equal(
      codeOfCall(() => decodeDirectory(sizes, data)),
      'REGALIA_FORMAT',
      what,
    );
  }
  const sound = concatBytes([Uint8Array.of(1), entry(80)]);
  const sizes = { ...shape, chunksLength: 80, directoryLength: sound.length };
  t.equal(decodeDirectory(sizes, concatBytes([new Uint8Array(80), sound])).length, 1);
  t.end();
});

t.test('the row of a group', async (t) => {
  const { shape } = encodeGroup(membersOf(5_000, 20), 4, 2);
  const shards = [1, 2, 0, 4, 300, 6].map((volume) => {
    return volume === 0 ? undefined : { volume, segment: 70_000 + volume, offset: 64 * volume };
  });
  const row = { ...shape, shards };
  const bytes = encodeGroupRow(12, row);
  t.same(decodeGroupRow(12, bytes), row);
  t.equal(
    codeOfCall(() => decodeGroupRow(13, bytes)),
    'REGALIA_CORRUPT',
    'of another number',
  );
  for (const { at, bytes: flipped } of flips(bytes)) {
    if (codeOfCall(() => decodeGroupRow(12, flipped)) === 'done') t.fail(`byte ${at} flipped`);
  }
  for (let length = 0; length < bytes.length; length++) {
    if (codeOfCall(() => decodeGroupRow(12, bytes.subarray(0, length))) === 'done') t.fail('short');
  }
  const huge = { ...shape, chunksLength: 2 ** 32, shards };
  t.equal(
    codeOfCall(() => decodeGroupRow(12, encodeGroupRow(12, huge))),
    'REGALIA_FORMAT',
  );
  t.throws(() => encodeGroupRow(12, { ...row, shards: shards.slice(1) }), 'a place for each shard');
  t.end();
});
