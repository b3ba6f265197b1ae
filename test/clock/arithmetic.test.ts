/** The arithmetic coder: what it writes it reads again, and what it reads it would have written. */
import fc from 'fast-check';
import t from 'tap';
import { ArithmeticDecoder, ArithmeticEncoder } from '../../src/clock/arithmetic.js';
import { EVENT_BASE, PRIORS, readNumber, writeNumber } from '../../src/clock/encoding.js';

/** One evenly expected context, one lopsided. */
const TWO_CONTEXTS = Uint16Array.of(16, 16, 31, 1);

function write(contexts: readonly number[], bits: readonly (0 | 1)[]): Uint8Array {
  const encoder = new ArithmeticEncoder(TWO_CONTEXTS);
  for (const [i, bit] of bits.entries()) {
    const context = contexts[i] as number;
    if (context === 2) encoder.fairBit(bit);
    else encoder.bit(context, bit);
  }
  return encoder.finish();
}

function read(contexts: readonly number[], bytes: Uint8Array): number[] {
  const decoder = new ArithmeticDecoder(TWO_CONTEXTS, bytes);
  return contexts.map((context) => (context === 2 ? decoder.fairBit() : decoder.bit(context)));
}

t.test('bits are read as they were written, whatever was expected', async () => {
  const step = fc.tuple(fc.constantFrom(0, 1, 2), fc.constantFrom<(0 | 1)[]>(0, 1));
  fc.assert(
    fc.property(fc.array(step, { maxLength: 3000, size: 'max' }), (steps) => {
      const contexts = steps.map(([context]) => context);
      const bits = steps.map(([, bit]) => bit);
      return `${read(contexts, write(contexts, bits))}` === `${bits}`;
    }),
    { numRuns: 300 },
  );
});

t.test('runs of one answer, which carry or vanish, survive', async (t) => {
  for (const length of [0, 1, 7, 100, 5000]) {
    for (const bit of [0, 1] as const) {
      for (const context of [0, 1, 2]) {
        const contexts = Array.from({ length }, () => context);
        const bits = contexts.map(() => bit);
        t.same(read(contexts, write(contexts, bits)), bits, `${length} of ${bit} in ${context}`);
      }
    }
  }
});

t.test('what is expected costs less than what is not', async (t) => {
  const contexts = Array.from({ length: 1000 }, () => 0);
  const same = contexts.map(() => 1 as const);
  const random = contexts.map((_, i) => ((((i * 2654435761) >>> 0) >>> 15) & 1) as 0 | 1);
  t.ok(write(contexts, same).length < 20);
  t.ok(write(contexts, random).length < 135);
});

t.test('bytes end without zeros', async (t) => {
  t.equal(write([0, 0, 0], [0, 0, 0]).length, 0);
  for (let i = 0; i < 256; i++) {
    const bits = Array.from({ length: 8 }, (_, j) => ((i >> j) & 1) as 0 | 1);
    t.not(
      write(
        bits.map(() => 2),
        bits,
      ).at(-1),
      0,
    );
  }
});

t.test('numbers up to 2^53 - 1 are exact', async (t) => {
  const numbers = [
    0,
    1,
    2,
    3,
    127,
    2 ** 31 - 1,
    2 ** 31,
    2 ** 32,
    2 ** 52,
    2 ** 53 - 2,
    2 ** 53 - 1,
  ];
  const encoder = new ArithmeticEncoder(PRIORS);
  for (const number of numbers) writeNumber(encoder, EVENT_BASE, number);
  const decoder = new ArithmeticDecoder(PRIORS, encoder.finish());
  for (const number of numbers) t.equal(readNumber(decoder, EVENT_BASE), number);
});

t.test('larger numbers are refused', async (t) => {
  const longest = new ArithmeticEncoder(PRIORS);
  for (let i = 1; i < 60; i++) longest.bit(EVENT_BASE + Math.min(i, 12) - 1, 1);
  const long = new ArithmeticDecoder(PRIORS, longest.finish());
  t.throws(() => readNumber(long, EVENT_BASE), { code: 'REGALIA_STAMP' });
  const above = new ArithmeticEncoder(PRIORS);
  writeNumber(above, EVENT_BASE, 2 ** 53 + 2);
  const just = new ArithmeticDecoder(PRIORS, above.finish());
  t.throws(() => readNumber(just, EVENT_BASE), { code: 'REGALIA_STAMP' });
});
