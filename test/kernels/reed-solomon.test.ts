/**
 * Reed and Solomon's code against its definition, a worked example, and every way to lose shards.
 */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import t from 'tap';
import { hex } from '../../src/ground/bytes.js';
import { SHARDS_MAX } from '../../src/ground/limits.js';
import { type Combine, combinePlain, compiledCombine, inverse } from '../../src/kernels/gf256.js';
import { encode, parityFactor, reconstruct, shardsFault } from '../../src/kernels/reed-solomon.js';

const twins: [string, Combine][] = [
  ['plain', combinePlain],
  ['compiled', compiledCombine() as Combine],
];

/** The product of polynomials over bits modulo 0x11d, bit by bit. */
function times(a: number, b: number): number {
  let product = 0;
  for (; b > 0; b >>>= 1) {
    if (b & 1) product ^= a;
    a = a & 0x80 ? (a << 1) ^ 0x11d : a << 1;
  }
  return product;
}

/** The factor by its definition; what divides is searched for. */
function slowFactor(i: number, j: number): number {
  for (let factor = 1; factor < 256; factor++) {
    if (times(factor, 255 ^ i ^ j) === (255 ^ j)) return factor;
  }
  throw new Error('no quotient');
}

function slowParity(data: readonly Uint8Array[], i: number): Uint8Array {
  return data[0].map((_, at) =>
    data.reduce((sum, shard, j) => sum ^ times(slowFactor(i, j), shard[at]), 0),
  );
}

function shardsOf(count: number, length: number, seed: number): Uint8Array[] {
  return Array.from({ length: count }, (_, j) =>
    Uint8Array.from({ length }, (_, at) => Math.imul(at + 1, 2 * (seed + j) + 1) >>> (at % 13)),
  );
}

/** Ways to choose `count` of 0 … size - 1. */
function* choices(size: number, count: number, from = 0): Generator<number[]> {
  if (count === 0) yield [];
  else {
    for (let first = from; first <= size - count; first++) {
      for (const rest of choices(size, count - 1, first + 1)) yield [first, ...rest];
    }
  }
}

function encoded(k: number, m: number, length: number, seed: number, combine: Combine) {
  const data = shardsOf(k, length, seed);
  const parity = Array.from({ length: m }, () => new Uint8Array(length).fill(0xee));
  encode(data, parity, combine);
  return [...data, ...parity];
}

t.test('factors are persisted: as defined, and these', async (t) => {
  for (let i = 0; i < 31; i++) {
    for (let j = 0; j < 32 - 1 - i; j++) t.equal(parityFactor(i, j), slowFactor(i, j));
  }
  const rows = [0, 1, 2].map((i) =>
    hex(Uint8Array.of(...[0, 1, 2, 3].map((j) => parityFactor(i, j)))),
  );
  t.strictSame(rows, ['01010101', '7ffc7efe', 'e2ffe6fd']);
});

for (const [name, combine] of twins) {
  t.test(`${name}: a worked example, 4 + 2`, async (t) => {
    const data = ['52656761', '6c696120', '6b656570', '73206974'].map(
      (digits) => new Uint8Array(Buffer.from(digits, 'hex')),
    );
    const parity = [new Uint8Array(4), new Uint8Array(4)];
    encode(data, parity, combine);
    t.strictSame(parity.map(hex), ['26490a45', 'd39bfa19']);
    t.strictSame(parity, [slowParity(data, 0), slowParity(data, 1)]);
  });

  t.test(`${name}: 4 + 2 survives every loss of up to two shards`, async (t) => {
    const whole = encoded(4, 2, 1000, 3, combine);
    for (const count of [0, 1, 2]) {
      for (const lost of choices(6, count)) {
        const shards = whole.map((shard, i) => (lost.includes(i) ? undefined : shard));
        reconstruct(shards, 4, 2, undefined, combine);
        t.strictSame(shards, whole, `without ${lost}`);
      }
    }
  });

  t.test(`${name}: any k of k + m shards give back all`, async () => {
    const counts = fc
      .tuple(fc.integer({ min: 1, max: 31 }), fc.integer({ min: 1, max: 31 }))
      .filter(([k, m]) => k + m <= SHARDS_MAX);
    fc.assert(
      fc.property(
        counts,
        fc.nat(70),
        fc.nat(1000),
        fc.array(fc.nat()),
        (sizes, length, seed, picks) => {
          const [k, m] = sizes;
          const whole = encoded(k, m, length, seed, combine);
          for (const i of length === 0 ? [] : whole.slice(k).keys()) {
            assert.deepEqual(whole[k + i], slowParity(whole.slice(0, k), i));
          }
          const lost = new Set(picks.slice(0, m).map((pick) => pick % (k + m)));
          const shards = whole.map((shard, i) => (lost.has(i) ? undefined : shard));
          reconstruct(shards, k, m, undefined, combine);
          assert.deepEqual(shards, whole);
        },
      ),
      { numRuns: 60 },
    );
  });

  t.test(`${name}: only what is wanted is filled in, and in its range`, async (t) => {
    const whole = encoded(5, 3, 300, 9, combine);
    const shards = whole.map((shard, i) =>
      [0, 3, 6].includes(i) ? undefined : shard.subarray(100, 150),
    );
    reconstruct(shards, 5, 3, [6, 3], combine);
    t.equal(shards[0], undefined);
    t.strictSame(shards[3], whole[3].slice(100, 150));
    t.strictSame(shards[6], whole[6].slice(100, 150));
    reconstruct(shards, 5, 3, [], combine);
    t.equal(shards[0], undefined);
  });
}

t.test('the first parity is the sum, and missing data shards count as zeros', async (t) => {
  const data = shardsOf(6, 50, 1);
  const zero = new Uint8Array(50);
  const parityOf = (shards: Uint8Array[], m: number) => {
    const parity = Array.from({ length: m }, () => new Uint8Array(50));
    encode(shards, parity);
    return parity;
  };
  const [sum] = parityOf(data, 1);
  t.strictSame(
    sum,
    zero.map((_, at) => data.reduce((all, shard) => all ^ shard[at], 0)),
  );
  t.strictSame(parityOf(data, 3), parityOf([...data, zero, zero], 4).slice(0, 3));
});

t.test('every square submatrix of 8 x 8 factors can be inverted', async (t) => {
  let count = 0;
  for (let size = 1; size <= 8; size++) {
    const all = [...choices(8, size)];
    for (const rows of all) {
      for (const columns of all) {
        const matrix = rows.map((i) => Uint8Array.from(columns, (j) => parityFactor(i, j)));
        if (inverse(matrix) === undefined) t.fail(`rows ${rows}, columns ${columns}`);
        count++;
      }
    }
  }
  t.equal(count, 12_869);
});

t.test('random square submatrices of all factors can be inverted', async () => {
  const ordinals = fc.uniqueArray(fc.nat(31), { minLength: 1, maxLength: 31 });
  fc.assert(
    fc.property(ordinals, ordinals, (rows, columns) => {
      const size = Math.min(rows.length, columns.length);
      const matrix = rows
        .slice(0, size)
        .map((i) => Uint8Array.from(columns.slice(0, size), (j) => parityFactor(i, j)));
      assert.notEqual(inverse(matrix), undefined);
    }),
    { numRuns: 300 },
  );
});

t.test('counts and shards that make no sense are told apart', async (t) => {
  for (const [k, m] of [
    [1, 1],
    [4, 2],
    [31, 1],
    [1, 31],
  ])
    t.equal(shardsFault(k, m), undefined);
  for (const [k, m] of [
    [0, 1],
    [1, 0],
    [31, 2],
    [-1, 3],
    [1.5, 1],
    [Number.NaN, 1],
    [4, Infinity],
  ]) {
    t.match(shardsFault(k, m), { expected: /k \+ m <= 32/, actual: `${k}, ${m}` });
  }
  const four = () => shardsOf(4, 8, 0);
  const gaps: undefined[] = [undefined, undefined];
  t.throws(() => encode([], four()), /assertion/);
  t.throws(() => encode(four(), []), /assertion/);
  t.throws(() => encode(four(), [new Uint8Array(7)]), /assertion/);
  t.throws(() => reconstruct([...four()], 4, 2), /a place for each/);
  t.throws(() => reconstruct([...four().slice(1), ...gaps, undefined], 4, 2), /at least k/);
  t.throws(() => reconstruct([...four(), ...gaps], 4, 2, [0]), /is missing/);
  t.throws(() => reconstruct([...four(), ...gaps], 4, 2, [6]), /one of these/);
  t.throws(() => reconstruct([...four(), ...gaps], 4, 2, [4, 4]), /wanted twice/);
  t.throws(() => reconstruct([...four(), ...gaps], 0, 6), /without fault/);
  const uneven = [...four().slice(0, 3), new Uint8Array(9), ...gaps];
  t.throws(() => reconstruct(uneven, 4, 2), /one length/);
});
