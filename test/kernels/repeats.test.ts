/** Stretches that repeat: they are equal where they are said to be, and long ones are found. */
import fc from 'fast-check';
import t from 'tap';
import { REPEAT_BYTES_MIN, repeats } from '../../src/kernels/repeats.js';
import { runs } from '../runs.js';
import { noise } from '../volumes/frames.js';

interface Stretch {
  readonly at: number;
  readonly baseAt: number;
  readonly length: number;
}

/** The base lies between other bytes, and the target before others. */
function stretchesOf(base: Uint8Array, target: Uint8Array): Stretch[] {
  const around = new Uint8Array(base.length + 20).fill(255);
  around.set(base, 7);
  const longer = new Uint8Array(target.length + 20).fill(255);
  longer.set(target);
  const found: Stretch[] = [];
  repeats(around, 7, 7 + base.length, longer, target.length, (at, baseAt, length) => {
    found.push({ at, baseAt, length });
  });
  return found;
}

const few = fc.uint8Array({ maxLength: 400, max: 2 });
const many = fc.uint8Array({ maxLength: 400 });

t.test('what is found is equal, in order and apart', async (t) => {
  const either = fc.oneof(few, many);
  const property = fc.property(either, either, fc.nat(), fc.nat(), (a, b, x, y) => {
    const base = Uint8Array.from([...a, ...b]);
    // Something of the base, with something else before it.
    const target = Uint8Array.from([...b, ...base.subarray(x % (base.length + 1)), y]);
    let done = 0;
    for (const { at, baseAt, length } of stretchesOf(base, target)) {
      const there = base.subarray(baseAt, baseAt + length);
      if (at < done || length < REPEAT_BYTES_MIN || there.length !== length) return false;
      if (Buffer.compare(target.subarray(at, at + length), there) !== 0) return false;
      done = at + length;
    }
    return true;
  });
  fc.assert(property, { numRuns: runs(2_000) });
  t.pass('all cases hold');
});

/** So long a stretch has places enough in the table, whatever else has the same hash. */
const LONG = 80;

t.test('of bytes that repeat nowhere else each long stretch is found whole', async (t) => {
  const base = noise(6_000, 7);
  const property = fc.property(
    fc.array(fc.tuple(fc.nat(5_999), fc.integer({ min: LONG, max: 900 })), {
      minLength: 1,
      maxLength: 8,
    }),
    (parts) => {
      const pieces = parts.flatMap(([from, length], i) => [
        base.subarray(from, from + length),
        noise(5, 100 + i),
      ]);
      const target = new Uint8Array(Buffer.concat(pieces));
      const found = stretchesOf(base, target).reduce((sum, { length }) => sum + length, 0);
      const there = pieces
        .filter((_, i) => i % 2 === 0)
        .filter(({ length }) => length >= LONG)
        .reduce((sum, { length }) => sum + length, 0);
      return found >= there;
    },
  );
  fc.assert(property, { numRuns: runs(500) });
  t.same(stretchesOf(base, base), [{ at: 0, baseAt: 0, length: base.length }]);
  t.same(stretchesOf(base, noise(6_000, 8)), []);
});
