/**
 * Rows of volumes: of chunks and of the registry. They round-trip; every flipped bit, cut and lie
 * is refused by code.
 */
import fc from 'fast-check';
import t from 'tap';
import { openRow, sealRow } from '../../src/blocks/rows.js';
import type { Engine } from '../../src/engine/engine.js';
import { openMemory } from '../../src/engine/memory.js';
import { equalBytes, hex } from '../../src/ground/bytes.js';
import { isRegaliaError } from '../../src/ground/errors.js';
import { COPIES_MAX, STORED_CHUNK_BYTES_MAX, VOLUME_WEIGHT_MAX } from '../../src/ground/limits.js';
import { utf8Bytes } from '../../src/ground/text.js';
import { ByteWriter } from '../../src/ground/writer.js';
import { type ChunkRow, decodeChunkRow, encodeChunkRow } from '../../src/volumes/chunk-row.js';
import {
  putVolume,
  removeVolume,
  unusedNumber,
  type VolumeEntry,
  volumeEntries,
} from '../../src/volumes/registry.js';
import { noise } from '../chunks/setup.js';
import { codeOfCall, flips } from './setup.js';

const BAD = /^REGALIA_(CORRUPT|FORMAT)$/;
const seed = Number(process.env['REGALIA_SEED'] ?? Date.now() % 1_000_000);
t.comment(`seed ${seed}`);

const address = fc
  .tuple(fc.constantFrom(1, 2), fc.uint8Array({ minLength: 32, maxLength: 32 }))
  .map(([algorithm, digest]) => Uint8Array.of(algorithm, ...digest));
const place = fc.record({
  volume: fc.integer({ min: 1, max: 0xffff }),
  segment: fc.nat(2 ** 32 - 1),
  offset: fc.integer({ min: 64, max: 2 ** 47 }),
});
const chunkRow: fc.Arbitrary<ChunkRow> = fc.record({
  address,
  plainLength: fc.integer({ min: 1, max: 1_048_576 }),
  codec: fc.nat(255),
  storedLength: fc.integer({ min: 1, max: STORED_CHUNK_BYTES_MAX }),
  copies: fc.array(place, { maxLength: COPIES_MAX }),
  coded: fc.option(
    fc.record({ group: fc.integer({ min: 1, max: 2 ** 32 - 1 }), start: fc.nat(2 ** 24) }),
    { nil: undefined },
  ),
  condemned: fc.boolean(),
});
const number = fc.integer({ min: 1, max: 2 ** 32 - 1 });

t.test('rows of chunks round-trip', async () => {
  const property = fc.property(number, chunkRow, (number, chunk) => {
    const found = decodeChunkRow(number, encodeChunkRow(number, chunk));
    return (
      equalBytes(found.address, chunk.address) &&
      found.plainLength === chunk.plainLength &&
      found.codec === chunk.codec &&
      found.storedLength === chunk.storedLength &&
      found.condemned === chunk.condemned &&
      JSON.stringify(found.coded) === JSON.stringify(chunk.coded) &&
      JSON.stringify(found.copies) === JSON.stringify(chunk.copies)
    );
  });
  fc.assert(property, { numRuns: 500, seed });
});

t.test(
  'a row of a chunk that is flipped, cut, grown or under another number is refused',
  async (t) => {
    const [chunk] = fc.sample(chunkRow, { numRuns: 1, seed }) as [ChunkRow];
    const row = encodeChunkRow(9, {
      ...chunk,
      copies: [{ volume: 3, segment: 500, offset: 99_999 }],
    });
    for (const { at, bytes } of flips(row)) {
      const code = codeOfCall(() => decodeChunkRow(9, bytes));
      if (!BAD.test(code)) t.fail(`byte ${at}: ${code}`);
    }
    for (let length = 0; length < row.length; length++) {
      const code = codeOfCall(() => decodeChunkRow(9, row.subarray(0, length)));
      if (!BAD.test(code)) t.fail(`${length} bytes: ${code}`);
    }
    const grown = Uint8Array.of(...row, 0);
    for (const [number, bytes] of [
      [10, row],
      [9 + 2 ** 16, row],
      [9, grown],
    ] as const) {
      t.equal(
        codeOfCall(() => decodeChunkRow(number, bytes)),
        'REGALIA_CORRUPT',
      );
    }
  },
);

t.test('bytes of any kind under a right checksum are a row, or malformed', async () => {
  const property = fc.property(
    fc.oneof(
      fc.uint8Array({ maxLength: 120 }),
      // A row of ours with some bytes changed and its checksum made right.
      fc
        .tuple(chunkRow, fc.array(fc.tuple(fc.nat(200), fc.nat(255)), { maxLength: 4 }))
        .map(([chunk, edits]) => {
          const body = openRow('chunks', 5, encodeChunkRow(5, chunk)).slice();
          for (const [at, byte] of edits) body[at % body.length] = byte;
          return body;
        }),
    ),
    (body) => {
      try {
        const found = decodeChunkRow(5, sealRow('chunks', 5, body));
        return (
          found.plainLength >= 1 &&
          found.storedLength >= 1 &&
          found.storedLength <= STORED_CHUNK_BYTES_MAX &&
          found.copies.length <= COPIES_MAX
        );
      } catch (error) {
        return isRegaliaError(error, 'REGALIA_FORMAT') || isRegaliaError(error, 'REGALIA_VERSION');
      }
    },
  );
  fc.assert(property, { numRuns: 3_000, seed });
});

t.test('the bounds of a row of a chunk', async (t) => {
  const sound: ChunkRow = {
    address: Uint8Array.of(1, ...noise(32, 1)),
    plainLength: 1_048_576,
    codec: 1,
    storedLength: STORED_CHUNK_BYTES_MAX,
    copies: [],
  };
  const code = (chunk: ChunkRow): string =>
    codeOfCall(() => decodeChunkRow(5, encodeChunkRow(5, chunk)));
  t.equal(code(sound), 'done');
  for (const wrong of [
    { plainLength: 0 },
    { plainLength: 1_048_577 },
    { storedLength: 0 },
    { storedLength: STORED_CHUNK_BYTES_MAX + 1 },
    { address: Uint8Array.of(0, ...noise(32, 1)) },
    { address: Uint8Array.of(77, ...noise(32, 1)) },
  ]) {
    t.equal(code({ ...sound, ...wrong }), 'REGALIA_FORMAT', JSON.stringify(Object.keys(wrong)));
  }
  const many = Array.from({ length: COPIES_MAX + 1 }, () => ({
    volume: 1,
    segment: 1,
    offset: 64,
  }));
  t.throws(() => encodeChunkRow(5, { ...sound, copies: many }), /assertion failed/);
});

// The registry.

const entry: fc.Arbitrary<VolumeEntry> = fc.record({
  number: fc.integer({ min: 1, max: 0xffff }),
  id: fc.uint8Array({ minLength: 16, maxLength: 16 }),
  path: fc.string({ maxLength: 300, unit: 'grapheme' }).filter((text) => text.isWellFormed()),
  weight: fc.nat(VOLUME_WEIGHT_MAX),
  state: fc.constantFrom('online', 'read-only', 'draining', 'missing', 'failing'),
  sequence: fc.nat(2 ** 40),
});
const VOLUME_KEY = Uint8Array.of(...utf8Bytes('volume/'), 1, 2);

async function put(entries: readonly VolumeEntry[]): Promise<Engine> {
  const engine = openMemory();
  await engine.write((batch) => {
    for (const one of entries) putVolume(batch, one);
  }, 'none');
  return engine;
}

async function putRow(key: Uint8Array, row: Uint8Array): Promise<Engine> {
  const engine = openMemory();
  await engine.write((batch) => batch.put('meta', key, row), 'none');
  return engine;
}

t.test('the registry round-trips, in the order of numbers, beside other rows', async () => {
  const some = fc.uniqueArray(entry, { selector: ({ number }) => number, maxLength: 12 });
  const property = fc.asyncProperty(some, async (entries) => {
    const engine = await put(entries);
    await engine.write((batch) => {
      // Neighbours on both sides.
      for (const name of ['volum', 'volume', 'volume.', 'volume0', 'volumes']) {
        batch.put('meta', utf8Bytes(name), utf8Bytes('other'));
      }
    }, 'none');
    const text = (one: VolumeEntry): string => JSON.stringify({ ...one, id: hex(one.id) }, KEYS);
    const found = volumeEntries(engine).map(text);
    const expected = [...entries].sort((a, b) => a.number - b.number).map(text);
    const [first] = entries;
    if (first !== undefined) {
      await engine.write((batch) => removeVolume(batch, first.number), 'none');
    }
    const left = volumeEntries(engine).map((one) => one.number);
    return (
      found.join() === expected.join() &&
      left.length === Math.max(0, entries.length - 1) &&
      !left.includes(first?.number ?? 0)
    );
  });
  await fc.assert(property, { numRuns: 100, seed });
});
const KEYS = ['number', 'id', 'path', 'weight', 'state', 'sequence'];

t.test('a row of the registry that is flipped, cut, grown or moved is refused', async (t) => {
  const one = { number: 258, id: noise(16, 4), path: '/disks/é', weight: 300, state: 'online' };
  const engine = await put([{ ...one, sequence: 12_345 } as VolumeEntry]);
  const row = engine.get('meta', VOLUME_KEY) as Uint8Array;
  const code = async (key: Uint8Array, bytes: Uint8Array): Promise<string> => {
    const other = await putRow(key, bytes);
    return codeOfCall(() => volumeEntries(other));
  };
  t.equal(await code(VOLUME_KEY, row), 'done');
  for (const { at, bytes } of flips(row)) {
    const found = await code(VOLUME_KEY, bytes);
    if (!BAD.test(found)) t.fail(`byte ${at}: ${found}`);
  }
  for (let length = 0; length < row.length; length++) {
    const found = await code(VOLUME_KEY, row.subarray(0, length));
    if (!BAD.test(found)) t.fail(`${length} bytes: ${found}`);
  }
  t.equal(await code(VOLUME_KEY, Uint8Array.of(...row, 0)), 'REGALIA_CORRUPT');
  t.equal(await code(Uint8Array.of(...utf8Bytes('volume/'), 1, 3), row), 'REGALIA_CORRUPT');
});

t.test('rows of the registry that lie under a right checksum are malformed', async (t) => {
  const body = ({ version = 1, state = 0, weight = 1, path = '/a', more = 0 }): Uint8Array =>
    new ByteWriter()
      .u8(version)
      .bytes(noise(16, 1))
      .u8(state)
      .varint(weight)
      .varint(1)
      .text(path)
      .bytes(new Uint8Array(more))
      .finish();
  const code = async (bytes: Uint8Array): Promise<string> => {
    const engine = await putRow(VOLUME_KEY, sealRow('meta', VOLUME_KEY, bytes));
    return codeOfCall(() => volumeEntries(engine));
  };
  t.equal(await code(body({})), 'done');
  t.equal(await code(body({ weight: VOLUME_WEIGHT_MAX, path: 'x'.repeat(4_096) })), 'done');
  for (const lie of [
    { version: 0 },
    { version: 200 },
    { state: 200 },
    { weight: VOLUME_WEIGHT_MAX + 1 },
    { path: 'x'.repeat(4_097) },
    { more: 1 },
  ]) {
    const expected = 'version' in lie ? 'REGALIA_VERSION' : 'REGALIA_FORMAT';
    t.equal(await code(body(lie)), expected, JSON.stringify(lie).slice(0, 40));
  }
  t.equal(await code(new Uint8Array(0)), 'REGALIA_FORMAT');
});

t.test(
  'numbers of volumes are never used again while a higher one is there, and end',
  async (t) => {
    const [some] = fc.sample(entry, { numRuns: 1, seed }) as [VolumeEntry];
    t.equal(unusedNumber([]), 1);
    t.equal(
      unusedNumber([
        { ...some, number: 5 },
        { ...some, number: 2 },
      ]),
      6,
    );
    t.equal(
      codeOfCall(() => unusedNumber([{ ...some, number: 0xffff }])),
      'REGALIA_FULL',
    );
    await t.rejects(put([{ ...some, number: 0 }]), /assertion failed/);
    await t.rejects(put([{ ...some, id: noise(15, 1) }]), /assertion failed/);
  },
);
