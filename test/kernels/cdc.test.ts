/**
 * Content-defined chunking: against its definition spelled out, each twin against the other, and
 * its promises.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import t from 'tap';
import {
  CDC_BYTES_MAX,
  CDC_WINDOW,
  Cdc,
  type CdcParams,
  type CdcScan,
  cdcFault,
  compiledScan,
  gearTable,
  scanPlain,
} from '../../src/kernels/cdc.js';

const compiled = compiledScan() as CdcScan;
const goldenEnds = [
  21429, 40969, 67589, 87463, 110312, 127181, 144186, 162381, 183263, 202063, 223614, 242528,
  248499, 253221, 279637, 300000,
];
const small: CdcParams = { bytesMin: 64, bytesAvg: 256, bytesMax: 1024 };

/** The gear by its rule in the format. */
const gear = Array.from({ length: 256 }, (_, byte) =>
  createHash('sha256').update('regalia gear ').update(Buffer.of(byte)).digest().readUInt32LE(0),
);

/** The hash as the sum that defines it. */
function hashOf(bytes: Uint8Array): number {
  let sum = 0n;
  for (let i = 0; i < 32; i++) sum += BigInt(gear[bytes[i]]) << BigInt(31 - i);
  return Number(sum & 0xffff_ffffn);
}

/** Ends by the definition: lengths one after the other, with masks of the highest bits. */
function cutByDefinition(params: CdcParams, bytes: Uint8Array, start: number, end: number): number {
  const bits = Math.log2(params.bytesAvg);
  for (let length = params.bytesMin; length < Math.min(params.bytesMax, end - start); length++) {
    const at = start + length;
    const hash = hashOf(bytes.subarray(at - 32, at));
    const ones = length < params.bytesAvg ? bits + 2 : bits - 2;
    if (hash >>> (32 - ones) === 0) return at;
  }
  return Math.min(start + params.bytesMax, end);
}

function endsOf(
  cut: (bytes: Uint8Array, start: number, end: number) => number,
  bytes: Uint8Array,
): number[] {
  const ends: number[] = [];
  for (let at = 0; at < bytes.length; ) ends.push((at = cut(bytes, at, bytes.length)));
  return ends;
}

function endsBy(params: CdcParams, scan: CdcScan, bytes: Uint8Array): number[] {
  const cdc = new Cdc(params, scan);
  return endsOf(cdc.cut.bind(cdc), bytes);
}

/** Deterministic bytes: SHA-256 in counter mode. */
function seeded(seed: string, length: number): Uint8Array {
  const blocks = Array.from({ length: Math.ceil(length / 32) }, (_, i) =>
    createHash('sha256').update(`${seed} ${i}`).digest(),
  );
  return new Uint8Array(Buffer.concat(blocks).subarray(0, length));
}

t.test('the gear is what its rule says, and its first words are these for ever', async (t) => {
  t.strictSame(
    [...gearTable()].map((word) => word >>> 0),
    gear,
  );
  t.equal(new Set(gear).size, 256);
  t.strictSame(gear.slice(0, 2), [812058864, 3933717729]);
});

t.test('ends are persisted: those of known bytes never change', async (t) => {
  const bytes = seeded('golden', 300_000);
  const params = { bytesMin: 4096, bytesAvg: 16_384, bytesMax: 65_536 };
  for (const scan of [scanPlain, compiled]) t.strictSame(endsBy(params, scan, bytes), goldenEnds);
});

t.test('both twins cut as the definition does', async () => {
  const contents = fc.oneof(
    fc.uint8Array({ maxLength: 6000 }),
    fc.array(fc.constantFrom(0, 1, 255), { maxLength: 6000 }).map((all) => Uint8Array.from(all)),
    fc.tuple(fc.nat(255), fc.nat(5000)).map(([byte, length]) => new Uint8Array(length).fill(byte)),
    fc.nat().map((seed) => seeded(`${seed}`, 8000)),
  );
  fc.assert(
    fc.property(contents, (bytes) => {
      const expected = endsOf(cutByDefinition.bind(undefined, small), bytes);
      assert.deepEqual(endsBy(small, scanPlain, bytes), expected);
      assert.deepEqual(endsBy(small, compiled, bytes), expected);
    }),
    { numRuns: 60 },
  );
});

t.test('the twins agree where steps, thresholds and windows meet', async (t) => {
  const bytes = seeded('steps', 200_000);
  for (const from of [31, 32, 33, 95, 1023]) {
    for (const length of [0, 1, 3, 4, 5, 31, 32, 32_767, 32_768, 32_769, 65_535, 65_536, 99_999]) {
      for (const threshold of [1, 2 ** 14, 2 ** 20, 2 ** 31, 2 ** 32 - 1]) {
        const to = from + length;
        t.equal(
          compiled(bytes, from, to, threshold),
          scanPlain(bytes, from, to, threshold),
          `${from} ${length} ${threshold}`,
        );
      }
    }
  }
});

t.test('the twins agree at random places in long contents', async () => {
  const bytes = seeded('long', 1 << 20);
  fc.assert(
    fc.property(
      fc.nat(bytes.length),
      fc.nat(bytes.length),
      fc.integer({ min: 6, max: 20 }),
      fc.nat(7),
      (a, b, bits, odd) => {
        const params = { bytesMin: 64 + odd, bytesAvg: 2 ** bits + odd, bytesMax: 2 ** 21 };
        params.bytesMin = Math.min(params.bytesMin, params.bytesAvg);
        const part = bytes.subarray(Math.min(a, b), Math.max(a, b));
        assert.deepEqual(endsBy(params, compiled, part), endsBy(params, scanPlain, part));
      },
    ),
    { numRuns: 40 },
  );
});

t.test('a cut looks at no byte beyond the longest chunk', async () => {
  const cdc = new Cdc(small);
  fc.assert(
    fc.property(fc.nat(), fc.nat(300), (seed, start) => {
      const bytes = seeded(`${seed}`, 4096);
      const end = cdc.cut(bytes, start, bytes.length);
      assert.equal(
        cdc.cut(bytes.subarray(start, start + small.bytesMax), 0, small.bytesMax),
        end - start,
      );
      const other = bytes.slice().fill(0x55, start + small.bytesMax);
      assert.equal(cdc.cut(other, start, other.length), end);
    }),
    { numRuns: 50 },
  );
});

t.test('lengths keep to their limits, whatever the bytes are', async (t) => {
  for (const bytes of [new Uint8Array(50_000), seeded('limits', 50_000)]) {
    let start = 0;
    for (const end of endsBy(small, compiled, bytes)) {
      t.ok(end - start <= small.bytesMax);
      t.ok(end - start >= small.bytesMin || end === bytes.length);
      start = end;
    }
    t.equal(start, bytes.length);
  }
});

t.test('bytes put in move the ends near them, and no others', async (t) => {
  const before = seeded('insert', 400_000);
  const at = 100_123;
  const after = new Uint8Array(
    Buffer.concat([before.subarray(0, at), Buffer.from('put in'), before.subarray(at)]),
  );
  const params = { bytesMin: 512, bytesAvg: 2048, bytesMax: 8192 };
  const old = new Set(endsBy(params, compiled, before).map((end) => (end > at ? end + 6 : end)));
  const fresh = endsBy(params, compiled, after).filter((end) => !old.has(end));
  t.ok(fresh.length <= 8, `${fresh.length} new ends`);
  for (const end of fresh) t.ok(Math.abs(end - at) < 40_000);
});

t.test('ends depend on the last 32 bytes: the window holds no more and no less', async (t) => {
  const bytes = seeded('window', CDC_WINDOW);
  const hash = hashOf(bytes);
  const shown = (content: Uint8Array, threshold: number): boolean =>
    scanPlain(content, 31, 32, threshold) === 31 && compiled(content, 31, 32, threshold) === 31;
  t.ok(shown(bytes, hash + 1));
  t.notOk(shown(bytes, hash));
});

t.test('parameters that make no sense are told apart', async (t) => {
  const fault = (bytesMin: number, bytesAvg: number, bytesMax: number) =>
    cdcFault({ bytesMin, bytesAvg, bytesMax });
  t.equal(fault(64, 64, 64), undefined);
  t.equal(fault(64, 256, CDC_BYTES_MAX), undefined);
  for (const [min, avg, max] of [
    [63, 256, 1024],
    [64, 63, 1024],
    [64, 256, 255],
    [64, 256, CDC_BYTES_MAX + 1],
    [64.5, 256, 1024],
    [64, Number.NaN, 1024],
    [64, 256, Number.POSITIVE_INFINITY],
    ['64' as unknown as number, 256, 1024],
  ] as const) {
    t.match(fault(min, avg, max), { expected: /bytesMin/, actual: `${min}, ${avg}, ${max}` });
    t.throws(() => new Cdc({ bytesMin: min, bytesAvg: avg, bytesMax: max }), /assertion/);
  }
  const cdc = new Cdc(small);
  for (const [start, end] of [
    [5, 5],
    [6, 5],
    [-1, 5],
    [0, 11],
  ] as const) {
    t.throws(() => cdc.cut(new Uint8Array(10), start, end), /assertion/);
  }
  t.equal(cdc.cut(new Uint8Array(10), 9, 10), 10);
});
