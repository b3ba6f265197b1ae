/**
 * The field against its definition and published tables, matrices against theirs, and the twins
 * that combine bytes.
 */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import t from 'tap';
import {
  type Combine,
  combinePlain,
  compiledCombine,
  divide,
  inverse,
  multiply,
  productsOf,
  timesMatrix,
} from '../../src/kernels/gf256.js';

const compiled = compiledCombine() as Combine;

/** The product by its definition: of polynomials over bits, then the remainder. */
function slowProduct(a: number, b: number): number {
  let product = 0;
  for (let bit = 0; bit < 8; bit++) if (b & (1 << bit)) product ^= a << bit;
  for (let bit = 14; bit >= 8; bit--) if (product & (1 << bit)) product ^= 0x11d << (bit - 8);
  return product;
}

t.test('powers of 2 are those that ISO/IEC 18004 prints', async (t) => {
  const printed: [number, number][] = [
    [0, 1],
    [8, 29],
    [12, 205],
    [25, 3],
    [50, 5],
    [100, 17],
    [175, 255],
    [254, 142],
    [255, 1],
  ];
  for (const [exponent, expected] of printed) {
    let element = 1;
    for (let i = 0; i < exponent; i++) element = multiply(element, 2);
    t.equal(element, expected, `2 to the power of ${exponent}`);
  }
});

t.test('every product and quotient is as defined', async (t) => {
  let wrong = 0;
  for (let a = 0; a < 256; a++) {
    const products = productsOf(a);
    for (let b = 0; b < 256; b++) {
      const product = slowProduct(a, b);
      if (multiply(a, b) !== product || products[b] !== product) wrong++;
      if (b !== 0 && divide(product, b) !== a) wrong++;
    }
  }
  t.equal(wrong, 0);
  t.throws(() => divide(1, 0), /assertion/);
});

const anyMatrix = fc.integer({ min: 1, max: 31 }).chain((size) =>
  fc.array(fc.uint8Array({ minLength: size, maxLength: size }), {
    minLength: size,
    maxLength: size,
  }),
);

t.test('a matrix times its inverse is the identity', async () => {
  fc.assert(
    fc.property(anyMatrix, (matrix) => {
      const inverted = inverse(matrix);
      // Of random matrices over this field 1 in 255 has none; that is not shown here.
      if (inverted === undefined) return;
      for (const [i, row] of matrix.entries()) {
        const product = timesMatrix(row, inverted);
        assert.ok(product.every((element, j) => element === (i === j ? 1 : 0)));
      }
    }),
  );
});

t.test('a matrix whose rows depend on each other has no inverse', async (t) => {
  t.equal(inverse([Uint8Array.of(0)]), undefined);
  t.equal(inverse([Uint8Array.of(1, 2), Uint8Array.of(1, 2)]), undefined);
  fc.assert(
    fc.property(anyMatrix, fc.nat(255), fc.nat(255), (matrix, a, b) => {
      if (matrix.length < 3) return;
      const [first, second, ...rest] = matrix;
      const mixed = first.map((element, i) => multiply(a, element) ^ multiply(b, second[i]));
      assert.equal(inverse([first, second, mixed, ...rest.slice(1)]), undefined);
    }),
  );
});

/** Bytes at any offset within their buffer. */
function bytesOf(length: number, offset: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(new ArrayBuffer(length + offset), offset);
  for (let i = 0, state = seed | 1; i < length; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
}

const lengths = fc.oneof(
  fc.nat(200),
  fc.constantFrom(16_127, 16_128, 16_129, 32_736, 32_767, 32_768, 32_769, 65_536, 65_537),
);

t.test('the twins combine to the same bytes, at every length and offset', async () => {
  const sizes = fc
    .tuple(fc.integer({ min: 1, max: 31 }), fc.integer({ min: 1, max: 31 }))
    .filter(([rows, columns]) => rows * columns <= 256);
  const factors = fc.oneof(fc.constant(0), fc.constant(1), fc.nat());
  fc.assert(
    fc.property(sizes, lengths, fc.nat(17), factors, (size, length, offset, seed) => {
      const [height, width] = size;
      const rows = Array.from({ length: height }, (_, r) =>
        seed < 2 ? new Uint8Array(width).fill(seed) : bytesOf(width, 0, seed + r),
      );
      const inputs = Array.from({ length: width }, (_, c) => bytesOf(length, offset, seed ^ c));
      const both = [combinePlain, compiled].map((combine) => {
        const outputs = rows.map((_, r) => bytesOf(length, offset, r));
        combine(rows, inputs, outputs);
        return outputs;
      });
      for (const r of rows.keys()) {
        assert.equal(Buffer.compare(both[0][r], both[1][r]), 0, `row ${r}`);
      }
      if (length === 0) return;
      const [first] = rows;
      const at = seed % length;
      const sum = inputs.reduce((all, input, c) => all ^ slowProduct(first[c], input[at]), 0);
      assert.equal(both[0][0][at], sum);
    }),
    { numRuns: 60 },
  );
});

t.test('what does not fit together is refused by both twins', async (t) => {
  const bytes = (length: number) => new Uint8Array(length);
  for (const combine of [combinePlain, compiled]) {
    t.throws(() => combine([], [], []), /assertion/);
    t.throws(() => combine([bytes(1)], [bytes(8)], []), /assertion/);
    t.throws(() => combine([bytes(2)], [bytes(8)], [bytes(8)]), /assertion/);
    t.throws(() => combine([bytes(1)], [bytes(8)], [bytes(7)]), /assertion/);
    t.throws(() => combine([bytes(2)], [bytes(8), bytes(9)], [bytes(8)]), /assertion/);
    const many = Array.from({ length: 257 }, () => bytes(8));
    t.throws(() => combine([bytes(257)], many, [bytes(8)]), /assertion/);
  }
});
