/**
 * The field GF(256) of polynomials over bits modulo x^8 + x^4 + x^3 + x^2 + 1 (0x11d), in which 2
 * generates all 255 elements but zero: the field of QR codes (ISO/IEC 18004) and of RAID 6. Sum and
 * difference are exclusive or.
 *
 * Persisted: parity shards are written with it.
 */
import { assert } from '../ground/errors.js';

const POLYNOMIAL = 0x11d;

/** 2 to the power of 0 … 509, so that a sum of two logarithms needs no remainder. */
const power = new Uint8Array(510);
/** The logarithm to base 2 of 1 … 255. That of 0 is not used. */
const logarithm = new Uint8Array(256);

for (let exponent = 0, element = 1; exponent < 255; exponent++) {
  power[exponent] = element;
  power[exponent + 255] = element;
  logarithm[element] = exponent;
  element <<= 1;
  if (element >= 256) element ^= POLYNOMIAL;
}

export function multiply(a: number, b: number): number {
  return a === 0 || b === 0 ? 0 : power[logarithm[a] + logarithm[b]];
}

export function divide(a: number, b: number): number {
  assert(b !== 0, 'no division by zero');
  return a === 0 ? 0 : power[logarithm[a] + 255 - logarithm[b]];
}

/** The products of a factor with 0 … 255. */
export function productsOf(factor: number): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, element) => multiply(factor, element));
}

/** A matrix by rows, one byte an element. */
export type Matrix = readonly Uint8Array[];

/** The product of a row and a matrix. */
export function timesMatrix(row: Uint8Array, matrix: Matrix): Uint8Array {
  const product = new Uint8Array(matrix[0].length);
  for (const [i, factor] of row.entries()) addRow(product, matrix[i], factor);
  return product;
}

/** Adds `factor` times `row` to `target`. */
function addRow(target: Uint8Array, row: Uint8Array, factor: number): void {
  if (factor === 0) return;
  for (let i = 0; i < row.length; i++) target[i] ^= multiply(factor, row[i]);
}

/** The inverse of a square matrix, by Gauss and Jordan; undefined where there is none. */
export function inverse(matrix: Matrix): Matrix | undefined {
  const size = matrix.length;
  // Beside the matrix stands the identity, to which the same is done.
  const rows = matrix.map((row, i) => {
    const wide = new Uint8Array(2 * size);
    wide.set(row);
    wide[size + i] = 1;
    return wide;
  });
  for (let column = 0; column < size; column++) {
    const found = rows.findIndex((row, i) => i >= column && row[column] !== 0);
    if (found < 0) return undefined;
    const pivot = rows[found];
    rows[found] = rows[column];
    const scale = divide(1, pivot[column]);
    rows[column] = pivot.map((element) => multiply(scale, element));
    for (let i = 0; i < size; i++) {
      if (i !== column) addRow(rows[i], rows[column], rows[i][column]);
    }
  }
  return rows.map((row) => row.subarray(size));
}
