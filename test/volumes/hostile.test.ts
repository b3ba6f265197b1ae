/**
 * Frames that lie: cut, flipped, followed by more, several, of another size than they say, or made
 * to swell. Each ends in the right bytes or in a coded error, in bounded memory, whichever engine
 * is asked.
 */
import fc from 'fast-check';
import t from 'tap';
import { concatBytes, equalBytes } from '../../src/ground/bytes.js';
import { isRegaliaError } from '../../src/ground/errors.js';
import { Codec, compress } from '../../src/volumes/codec.js';
import { decompressFrame, hasNativeZstd } from '../../src/volumes/zstd.js';
import { decompress, noise, prose, vectors } from './frames.js';

const MIB = 1_048_576;
const engines = hasNativeZstd ? [false, true] : [false];

/** The bytes, or the error's code; anything else is thrown on. */
function outcome(frame: Uint8Array, plainLength: number): Uint8Array | string {
  try {
    return decompress(Codec.zstd, frame, plainLength);
  } catch (error) {
    if (isRegaliaError(error, 'REGALIA_FORMAT')) return error.code;
    if (isRegaliaError(error, 'REGALIA_CORRUPT')) return error.code;
    throw error;
  }
}

function frameOf(plain: Uint8Array): Uint8Array {
  const { codec, stored } = compress(plain);
  if (codec !== Codec.zstd) throw new Error('not compressed');
  return stored;
}

function bytes(digits: string): Uint8Array {
  return new Uint8Array(Buffer.from(digits.replaceAll(' ', ''), 'hex'));
}

t.test('a frame that is cut is refused, wherever', async (t) => {
  for (const plain of [prose(700), prose(20_000), prose(200_000)]) {
    const frame = frameOf(plain);
    const step = Math.max(1, frame.length >>> 9);
    for (let end = 0; end < frame.length; end += step) {
      const found = outcome(frame.subarray(0, end), plain.length);
      if (typeof found !== 'string') t.fail(`${end} of ${frame.length} bytes were enough`);
    }
    t.equal(outcome(frame.subarray(0, -1), plain.length), 'REGALIA_FORMAT');
  }
});

t.test('bytes behind the end, and several frames, are refused', async (t) => {
  const plain = prose(30_000);
  const frame = frameOf(plain);
  const skippable = bytes('50 2a 4d 18 04 00 00 00 01 02 03 04');
  const empty = vectors[0].frame;
  for (const behind of [bytes('00'), frame, skippable, empty, noise(100)]) {
    t.equal(outcome(concatBytes([frame, behind]), plain.length), 'REGALIA_FORMAT');
  }
  const halves = [plain.subarray(0, 15_000), plain.subarray(15_000)].map(frameOf);
  t.equal(outcome(concatBytes(halves), plain.length), 'REGALIA_FORMAT');
  t.equal(outcome(concatBytes([skippable, frame]), plain.length), 'REGALIA_FORMAT');
  t.equal(outcome(concatBytes([empty, frame]), plain.length), 'REGALIA_FORMAT');
});

t.test('a frame of another length than is asked for is refused', async (t) => {
  const frame = frameOf(prose(30_000));
  for (const length of [0, 1, 29_999, 30_001, MIB]) {
    t.equal(outcome(frame, length), 'REGALIA_FORMAT', `${length}`);
  }
});

t.test('a content size that lies is found, by the codec and by each engine alone', async (t) => {
  const plain = prose(30_000);
  const frame = frameOf(plain);
  t.equal(frame[4], 0x60, 'a single segment whose content size has two bytes');
  for (const claimed of [256, 29_999, 30_001, 40_000, 65_791]) {
    const lie = frame.slice();
    lie[5] = claimed - 256;
    lie[6] = (claimed - 256) >>> 8;
    t.match(outcome(lie, claimed), /^REGALIA_/, `${claimed}`);
    for (const engine of engines) {
      t.equal(decompressFrame(lie, new Uint8Array(claimed), 0, engine), false, `${claimed}`);
    }
  }
  for (const length of [16_384, 29_999, 30_001]) {
    for (const engine of engines) {
      t.equal(decompressFrame(frame, new Uint8Array(length), 0, engine), false, `${length}`);
    }
  }
});

t.test('what RFC 8878 allows and we refuse is refused by name', async (t) => {
  const cases: [string, string, number, RegExp][] = [
    ['another magic', '28b52ffe 20 01 090000 61', 1, /a zstd frame/],
    ['a frame of release 0.7', '27b52ffd 20 01 090000 61', 1, /a zstd frame/],
    ['a reserved bit', '28b52ffd 28 01 090000 61', 1, /reserved bit/],
    ['a dictionary', '28b52ffd 21 07 01 090000 61', 1, /no dictionary/],
    ['no content size', '28b52ffd 00 58 090000 61', 1, /a content size/],
    ['a window of 16 MiB', '28b52ffd 40 70 0000 090000', 256, /a window/],
    ['a size of 2^64 - 1', '28b52ffd e0 ffffffffffffffff 010000', 256, /content of 256/],
    ['a block of a reserved type', '28b52ffd 20 01 0f0000 61', 1, /known type of block/],
    ['a block longer than its window', '28b52ffd 20 01 110000 6161', 1, /block of at most 1 /],
    ['a run longer than the content', '28b52ffd 60 0000 020800 61 030800 61', 256, /in blocks/],
    ['no last block', '28b52ffd 20 01 080000 61', 1, /a byte/],
    ['no checksum', '28b52ffd 24 01 090000 61', 1, /4 bytes/],
  ];
  for (const [name, digits, length, expected] of cases) {
    const act = () => decompress(Codec.zstd, bytes(digits), length);
    t.throws(act, { code: 'REGALIA_FORMAT', message: expected }, name);
  }
});

t.test('a checksum that differs is found', async (t) => {
  for (const { content, frame, options } of vectors.filter(({ frame }) => (frame[4] & 4) !== 0)) {
    const flipped = frame.slice();
    flipped[flipped.length - 1] ^= 1;
    t.equal(outcome(flipped, content.length), 'REGALIA_CORRUPT', options);
    for (const engine of engines) {
      t.equal(decompressFrame(flipped, new Uint8Array(content.length), 0, engine), false);
    }
  }
});

t.test('a frame that swells is refused within the length that was asked for', async (t) => {
  // A thousand runs of 128 KiB: 4 KB that would be 128 MiB.
  const runs = Array.from({ length: 1_000 }, (_, i) => bytes(i < 999 ? '020010 00' : '030010 00'));
  const claims = concatBytes([bytes('28b52ffd a0 00000008'), ...runs]);
  t.equal(outcome(claims, MIB), 'REGALIA_FORMAT');
  const hides = concatBytes([bytes('28b52ffd a0 00001000'), ...runs]);
  t.equal(outcome(hides, MIB), 'REGALIA_FORMAT');
  // The same in compressed blocks, whose length no header tells: zeros over and over, the last one
  // left out.
  const zeros = vectors.find(({ content }) => content.length === 300_000)?.frame as Uint8Array;
  const block = zeros.subarray(9, 9 + 3 + 10);
  const honest = concatBytes([
    bytes('28b52ffd a0 00001000'),
    ...Array(8).fill(block),
    bytes('010000'),
  ]);
  t.ok(equalBytes(decompress(Codec.zstd, honest, MIB), new Uint8Array(MIB)), 'eight are right');
  const many = Array.from({ length: 2_000 }, () => block);
  const swells = concatBytes([bytes('28b52ffd a0 00001000'), ...many, bytes('010000')]);
  const before = process.memoryUsage();
  t.equal(outcome(swells, MIB), 'REGALIA_CORRUPT');
  const grown = process.memoryUsage().arrayBuffers - before.arrayBuffers;
  t.ok(grown <= 4 * MIB, `${grown} bytes more`);
});

t.test('flipped bits and other damage never go unnoticed as another length', async () => {
  const plain = prose(3_000);
  const frames = [frameOf(plain), frameOf(prose(40_000)), vectors[3].frame, vectors[6].frame];
  const lengths = [3_000, 40_000, 600, 900];
  const damage = fc.record({
    which: fc.nat(frames.length - 1),
    flips: fc.array(fc.record({ at: fc.nat(40_000), bit: fc.nat(7) }), {
      minLength: 1,
      maxLength: 4,
    }),
  });
  fc.assert(
    fc.property(damage, ({ which, flips }) => {
      const frame = frames[which].slice();
      for (const { at, bit } of flips) frame[at % frame.length] ^= 1 << bit;
      const found = outcome(frame, lengths[which]);
      return typeof found === 'string' || found.length === lengths[which];
    }),
    { numRuns: 2_000 },
  );
});

t.test('noise behind a right head is refused or gives the length', async () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), (tail) => {
      const size = 600;
      const body = Math.max(0, tail.length);
      const head = new Uint8Array([0x28, 0xb5, 0x2f, 0xfd, 0x60, 0x58, 0x01]);
      const block = new Uint8Array([5 | ((body & 31) << 3), body >>> 5, 0]);
      const found = outcome(concatBytes([head, block, tail]), size);
      return typeof found === 'string' || found.length === size;
    }),
    { numRuns: 2_000 },
  );
});

t.test('after a frame that failed the next one is read', async (t) => {
  const plain = prose(5_000);
  const frame = frameOf(plain);
  const broken = frame.slice();
  broken.fill(0xff, 20, 60);
  for (let i = 0; i < 50; i++) {
    t.type(outcome(broken, plain.length), 'string');
    t.ok(equalBytes(decompress(Codec.zstd, frame, plain.length), plain));
  }
});
