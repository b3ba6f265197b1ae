/** Content-defined cuts: against a slow twin, between their limits, unmoved by what lies elsewhere. */
import fc from 'fast-check';
import t from 'tap';
import { concatBytes, equalBytes } from '../../src/bytes.js';
import { Cdc, type CdcSizes } from '../../src/kernels/cdc.js';
import { noise } from '../chunks/setup.js';

const SIZES: CdcSizes = { bytesMin: 256, bytesAvg: 1_024, bytesMax: 4_096 };

function cutsOf(cdc: Cdc, bytes: Uint8Array): number[] {
  const cuts: number[] = [];
  for (let at = 0; at < bytes.length; ) cuts.push((at = cdc.cut(bytes, at, bytes.length)));
  return cuts;
}

/** The hash as FORMAT.md has it: of the last 32 bytes, each counted anew. */
function hashAt(bytes: Uint8Array, end: number): number {
  let hash = 0n;
  for (let i = 0; i < 32; i++) {
    let gear = BigInt((((bytes[end - 1 - i] as number) + 1) * 0x9e3779b1) % 2 ** 32);
    gear = ((gear ^ (gear >> 16n)) * 0x85ebca6bn) % 2n ** 32n;
    gear = ((gear ^ (gear >> 13n)) * 0xc2b2ae35n) % 2n ** 32n;
    gear ^= gear >> 16n;
    hash += gear << BigInt(i);
  }
  return Number(hash % 2n ** 32n);
}

function naiveCut(bytes: Uint8Array, start: number, end: number): number {
  const { bytesMin, bytesAvg, bytesMax } = SIZES;
  for (let at = start + bytesMin; at < end && at < start + bytesMax; at++) {
    const bits = at < start + bytesAvg ? 12 : 8;
    if (hashAt(bytes, at) < 2 ** (32 - bits)) return at;
  }
  return Math.min(end, start + bytesMax);
}

t.test('cuts are where the slow twin has them', async () => {
  const cdc = new Cdc(SIZES);
  fc.assert(
    fc.property(fc.nat(9_000), fc.nat(), fc.nat(3), (length, seed, low) => {
      const bytes = noise(length + 1, seed).map((byte) => (low === 0 ? byte & 1 : byte));
      const start = Math.min(length, low * 100);
      return cdc.cut(bytes, start, length) === naiveCut(bytes, start, length);
    }),
    { numRuns: 40 },
  );
});

t.test('pieces keep their limits and their mean', async (t) => {
  const lengths: number[] = [];
  const bytes = noise(4_000_000, 7);
  let last = 0;
  for (const cut of cutsOf(new Cdc(SIZES), bytes)) {
    lengths.push(cut - last);
    last = cut;
  }
  lengths.pop();
  t.ok(Math.min(...lengths) >= 256);
  t.ok(Math.max(...lengths) <= 4_096);
  const mean = lengths.reduce((sum, length) => sum + length, 0) / lengths.length;
  t.ok(mean > 1_024 && mean < 1_300, `${mean} bytes in the mean`);
  t.equal(new Cdc(SIZES).cut(new Uint8Array(9_000).fill(1), 0, 9_000), 4_096, 'no cut by content');
});

t.test('what is inserted moves the cuts near it alone', async (t) => {
  const cdc = new Cdc(SIZES);
  const bytes = noise(300_000, 9);
  const cuts = new Set(cutsOf(cdc, bytes));
  for (const at of [0, 100_000, 299_999]) {
    const longer = concatBytes([bytes.subarray(0, at), noise(13, 1), bytes.subarray(at)]);
    const moved = cutsOf(cdc, longer).filter((cut) => !cuts.has(cut > at ? cut - 13 : cut));
    t.ok(moved.length <= 6, `${moved.length} cuts moved`);
  }
});

t.test('a cut depends on the bytes before it alone', async () => {
  const cdc = new Cdc(SIZES);
  fc.assert(
    fc.property(fc.nat(), fc.integer({ min: 1, max: 9_000 }), (seed, length) => {
      const bytes = noise(9_000, seed);
      const cut = cdc.cut(bytes, 0, length);
      if (cut === length) return true;
      const other = concatBytes([bytes.subarray(0, cut), noise(9_000 - cut, seed + 1)]);
      return (
        equalBytes(bytes.subarray(0, cut), other.subarray(0, cut)) &&
        cdc.cut(other, 0, 9_000) === cut
      );
    }),
  );
});

t.test('sizes that do not ascend are our own bugs', async (t) => {
  t.throws(() => new Cdc({ ...SIZES, bytesMin: 1_024 }), /ascend/);
  t.throws(() => new Cdc({ ...SIZES, bytesMax: 1_024 }), /ascend/);
  t.throws(() => new Cdc({ ...SIZES, bytesMin: 31 }), /ascend/);
  t.throws(() => new Cdc({ ...SIZES, bytesAvg: 1_000 }), /power/);
});
