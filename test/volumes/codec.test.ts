/**
 * Compression round trips, beside the `zstd` command in both directions, by WebAssembly and, where
 * the runtime has zstd, by that too.
 */
import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import t from 'tap';
import { equalBytes, hex } from '../../src/ground/bytes.js';
import { isRegaliaError } from '../../src/ground/errors.js';
import { BLOCK_BYTES_MAX, COMPRESSION_LEVEL_MAX } from '../../src/ground/limits.js';
import { Codec, compress, decompressInto } from '../../src/volumes/codec.js';
import {
  checkFrame,
  compressFrame,
  decompressFrame,
  frameBound,
  hasNativeZstd,
} from '../../src/volumes/zstd.js';
import { decompress, noise, prose, vectors } from './frames.js';

const MIB = 1_048_576;
const engines = hasNativeZstd ? [false, true] : [false];
if (!hasNativeZstd) t.comment('this runtime has no zstd: WebAssembly alone is tested');
const hasCommand = spawnSync('zstd', ['--version']).status === 0;
const skipCommand = hasCommand ? {} : { skip: 'the zstd command is not installed' };

const sizes = [
  ...Array.from({ length: 300 }, (_, i) => i),
  ...[511, 512, 513, 4_095, 8_191, 8_192, 16_383, 16_384, 16_385, 65_536, 131_071, 131_072],
  ...[131_073, 262_144, MIB - 1, MIB, BLOCK_BYTES_MAX],
];

function command(options: string[], input: Uint8Array): Uint8Array {
  const { stdout, stderr, status } = spawnSync('zstd', ['-q', '-c', ...options], {
    input,
    maxBuffer: 8 * MIB,
  });
  if (status !== 0) throw new Error(`zstd ${options.join(' ')}: ${stderr}`);
  return stdout;
}

t.test('nothing is loaded before the first call, and only once', async (t) => {
  const runtime = globalThis as unknown as {
    WebAssembly: { Module: new (program: Uint8Array) => object };
  };
  const { Module } = runtime.WebAssembly;
  let loaded = 0;
  runtime.WebAssembly.Module = class extends Module {
    constructor(program: Uint8Array) {
      super(program);
      loaded++;
    }
  };
  compress(noise(20_000));
  compress(noise(20));
  t.equal(loaded, 0, 'what is not compressed needs no compressor');
  compress(prose(1_000));
  compress(prose(2_000));
  runtime.WebAssembly.Module = Module;
  t.equal(loaded, 1);
});

t.test('what is compressed comes back, at every size and of every kind', async (t) => {
  for (const size of sizes) {
    for (const plain of [new Uint8Array(size), noise(size), prose(size)]) {
      const { codec, stored } = compress(plain, 1);
      if (!equalBytes(decompress(codec, stored, size), plain)) t.fail(`${size} bytes differ`);
      const out = new Uint8Array(size + 3).fill(7);
      decompressInto(codec, stored, out, 3);
      if (hex(out.subarray(0, 3)) !== '070707') t.fail(`${size}: written before its place`);
      if (!equalBytes(out.subarray(3), plain)) t.fail(`${size} bytes differ in place`);
    }
  }
  t.pass(`${sizes.length} sizes`);
});

t.test('random bytes of every mixture come back', async () => {
  const mixed = fc
    .array(fc.record({ length: fc.nat(40_000), seed: fc.nat(1_000), kind: fc.nat(2) }), {
      maxLength: 6,
    })
    .map((parts) => {
      const kinds = [noise, prose, (length: number) => new Uint8Array(length)];
      return Buffer.concat(parts.map((part) => kinds[part.kind](part.length, part.seed)));
    });
  fc.assert(
    fc.property(mixed, fc.integer({ min: 1, max: 9 }), (plain, level) => {
      const { codec, stored } = compress(plain, level);
      return equalBytes(decompress(codec, stored, plain.length), plain);
    }),
    { numRuns: 60 },
  );
});

t.test('bytes are compressed exactly where that saves a sixteenth', async (t) => {
  const text = prose(10_000);
  t.equal(compress(text).codec, Codec.zstd);
  t.equal(compress(new Uint8Array(MIB)).stored.length < 200, true);
  for (const plain of [noise(100), noise(5_000), noise(MIB), new Uint8Array(0), prose(63)]) {
    const { codec, stored } = compress(plain);
    t.equal(codec, Codec.plain);
    t.equal(stored, plain, 'the bytes themselves, not a copy');
  }
  // Below the length that is judged by samples, what is saved alone decides.
  for (let zeros = 300; zeros < 700; zeros += 10) {
    const plain = Buffer.concat([noise(6_000, zeros), new Uint8Array(zeros)]);
    const whole = compressFrame(plain, 3, BLOCK_BYTES_MAX, false)?.length as number;
    const pays = whole <= plain.length - Math.ceil(plain.length / 16);
    t.equal(compress(plain, 3).codec, pays ? Codec.zstd : Codec.plain, `${zeros} zeros`);
  }
});

t.test('each engine reads what each writes', async (t) => {
  for (const size of sizes.filter((size) => size >= 64)) {
    const plain = prose(size, size);
    const frames = engines.map((engine) => compressFrame(plain, 3, BLOCK_BYTES_MAX, engine));
    for (const frame of frames) {
      if (frame === undefined) throw new Error('a frame has room');
      checkFrame(frame, size);
      for (const engine of engines) {
        const out = new Uint8Array(size);
        if (!decompressFrame(frame, out, 0, engine) || !equalBytes(out, plain)) {
          t.fail(`${size} bytes differ`);
        }
      }
    }
  }
  t.pass();
});

t.test('frames of the command, as checked in, are read', async (t) => {
  for (const { options, content, frame } of vectors) {
    t.ok(equalBytes(decompress(Codec.zstd, frame, content.length), content), options);
    for (const engine of engines) {
      const out = new Uint8Array(content.length);
      t.ok(decompressFrame(frame, out, 0, engine) && equalBytes(out, content), options);
    }
  }
});

t.test('frames of the command, made now, are read', skipCommand, async (t) => {
  for (const size of [0, 1, 100, 5_000, 70_000, 300_000, MIB]) {
    for (const options of [
      ['-1'],
      ['-3', '--no-check'],
      ['-19'],
      ['--fast=5'],
      ['-9', '--long=23'],
    ]) {
      for (const plain of [prose(size), noise(size), new Uint8Array(size)]) {
        const frame = command([...options, `--stream-size=${size}`], plain);
        const read = size === 0 ? plain : decompress(Codec.zstd, frame, size);
        if (!equalBytes(read, plain)) t.fail(`${options.join(' ')}: ${size} bytes differ`);
      }
    }
  }
  t.pass();
});

t.test('the command reads our frames', skipCommand, async (t) => {
  for (const size of [64, 100, 5_000, 16_384, 70_000, 300_000, MIB]) {
    for (const level of [1, 3, 9, COMPRESSION_LEVEL_MAX]) {
      for (const engine of engines) {
        const plain = prose(size, level);
        const frame = compressFrame(plain, level, BLOCK_BYTES_MAX, engine) as Uint8Array;
        if (!equalBytes(command(['-d'], frame), plain)) t.fail(`${size} bytes at ${level}`);
      }
    }
  }
  t.pass();
});

t.test('no frame is longer than its bound', async (t) => {
  for (const size of [0, 1, 64, 1_000, 16_384, 131_073, BLOCK_BYTES_MAX]) {
    for (const engine of engines) {
      const frame = compressFrame(noise(size), 1, frameBound(size), engine);
      t.ok(frame !== undefined, `${size}`);
    }
  }
});

t.test('levels and lengths out of their limits are refused', async (t) => {
  for (const level of [0, -1, 20, 1.5, Number.NaN]) {
    t.throws(() => compress(prose(100), level), /level of compression is 1 to 19/, `${level}`);
  }
  t.throws(() => compress(new Uint8Array(BLOCK_BYTES_MAX + 1)), { code: 'REGALIA_RANGE' });
  for (const length of [-1, 0.5, BLOCK_BYTES_MAX + 1, 2 ** 40, Number.NaN]) {
    for (const codec of [Codec.plain, Codec.zstd]) {
      const act = () => decompress(codec, new Uint8Array(0), length);
      t.throws(act, { code: 'REGALIA_RANGE' }, `${length}`);
    }
  }
  t.ok(
    isRegaliaError(
      thrown(() => decompress(2, noise(5), 5)),
      'REGALIA_FORMAT',
    ),
  );
  t.ok(
    isRegaliaError(
      thrown(() => decompress(Codec.plain, noise(5), 6)),
      'REGALIA_FORMAT',
    ),
  );
});

function thrown(act: () => unknown): unknown {
  try {
    act();
  } catch (error) {
    return error;
  }
  return undefined;
}
