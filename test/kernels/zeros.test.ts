/**
 * Runs of zeros against the obvious loop, at every kind of edge.
 */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import t from 'tap';
import { type ZeroRun, zeroRun, zerosEnd, zerosStart } from '../../src/kernels/zeros.js';

/** One byte after the other. */
function naiveRun(
  bytes: Uint8Array,
  start: number,
  end: number,
  least: number,
): ZeroRun | undefined {
  let first = start;
  for (let at = start; at <= end; at++) {
    if (at < end && bytes[at] === 0) continue;
    if (at - first >= least) return { start: first, end: at };
    first = at + 1;
  }
  return undefined;
}

/** Runs of zeros and of other bytes in turn, in a buffer that begins anywhere. */
const contents = fc
  .tuple(fc.nat(9), fc.array(fc.tuple(fc.nat(9000), fc.nat(5)), { maxLength: 8 }))
  .map(([offset, runs]) => {
    const length = runs.reduce((sum, [zeros, others]) => sum + zeros + others, 0);
    const bytes = new Uint8Array(new ArrayBuffer(length + offset), offset);
    let at = 0;
    for (const [zeros, others] of runs) {
      at += zeros;
      bytes.fill(0x80, at, (at += others));
    }
    return bytes;
  });

t.test('a run is found where the obvious loop finds it', async () => {
  fc.assert(
    fc.property(contents, fc.integer({ min: 1, max: 10_000 }), fc.nat(), fc.nat(), (...args) => {
      const [bytes, least, a, b] = args;
      const start = Math.min(a, b) % (bytes.length + 1);
      const end = Math.max(start, Math.max(a, b) % (bytes.length + 1));
      assert.deepEqual(zeroRun(bytes, start, end, least), naiveRun(bytes, start, end, least));
    }),
    { numRuns: 500 },
  );
});

t.test('all runs of a content, one call after the other', async () => {
  fc.assert(
    fc.property(contents, fc.integer({ min: 1, max: 3000 }), (bytes, least) => {
      const all = (find: typeof naiveRun) => {
        const runs: ZeroRun[] = [];
        for (let at = 0, run: ZeroRun | undefined; ; at = run.end) {
          run = find(bytes, at, bytes.length, least);
          if (run === undefined) return runs;
          runs.push(run);
        }
      };
      assert.deepEqual(all(zeroRun), all(naiveRun));
    }),
    { numRuns: 200 },
  );
});

t.test('a run of 65,535 is none, one of 65,536 is one, at any place', async (t) => {
  for (const at of [0, 1, 7, 4095, 4096, 65_535, 65_536, 70_001]) {
    for (const length of [65_535, 65_536, 65_537, 131_071]) {
      const bytes = new Uint8Array(220_000).fill(1).fill(0, at, at + length);
      const expected = length < 65_536 ? undefined : { start: at, end: at + length };
      t.strictSame(zeroRun(bytes, 0, bytes.length), expected, `${length} at ${at}`);
    }
  }
  t.strictSame(zeroRun(new Uint8Array(65_536), 0, 65_536), { start: 0, end: 65_536 });
  t.equal(zeroRun(new Uint8Array(65_536), 1, 65_536), undefined);
});

t.test('a run is found whole behind one that is too short, whatever lies between', async (t) => {
  const least = 1000;
  for (let before = 1; before < least; before += 37) {
    for (const between of [1, 2, 3]) {
      for (const length of [least - 1, least, least + 1, 2 * least]) {
        const first = before + least - 1 + between;
        const bytes = new Uint8Array(first + length).fill(1, 0, before);
        bytes.fill(1, first - between, first);
        const expected = length < least ? undefined : { start: first, end: bytes.length };
        t.strictSame(zeroRun(bytes, 0, bytes.length, least), expected);
      }
    }
  }
});

t.test('heads and tails of zeros are as long as they are', async (t) => {
  for (let length = 0; length < 9000; length += length < 200 ? 1 : 61) {
    const bytes = new Uint8Array(length + 2).fill(9, 0, 1).fill(9, length + 1);
    t.equal(zerosEnd(bytes, 1, bytes.length), length + 1);
    t.equal(zerosEnd(bytes, 1, length + 1), length + 1);
    t.equal(zerosStart(bytes, 0, length + 1), 1);
    t.equal(zerosStart(bytes, 1, length + 1), 1);
  }
  t.equal(zerosEnd(new Uint8Array(0), 0, 0), 0);
  t.equal(zerosStart(new Uint8Array(0), 0, 0), 0);
});

t.test('a range that is none is refused', async (t) => {
  const bytes = new Uint8Array(10);
  for (const [start, end, least] of [
    [-1, 5, 1],
    [6, 5, 1],
    [0, 11, 1],
    [0, 5, 0],
  ] as const) {
    t.throws(() => zeroRun(bytes, start, end, least), /assertion/);
  }
});
