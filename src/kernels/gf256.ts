/**
 * The field GF(256) of polynomials over bits modulo x^8 + x^4 + x^3 + x^2 + 1 (0x11d), in which 2
 * generates all 255 elements but zero: the field of QR codes (ISO/IEC 18004) and of RAID 6. Sum and
 * difference are exclusive or. Then its matrices, and one of them times columns of bytes: all the
 * arithmetic that encoding and rebuilding shards need.
 *
 *     outputs[r][at]  =  sum over c of rows[r][c] × inputs[c][at]
 *
 * Two twins give the same bytes: a plain one with a table of products for each factor, and
 * WebAssembly with SIMD over tiles that are copied into its memory:
 *
 *     tables: 256 factors × 32 bytes | inputs: columns × tile | output: tile
 *
 * Persisted: parity shards are written with it.
 */
import { assert } from '../ground/errors.js';
import { base64 } from './gf256-wasm.js';
import { instantiate, type ModuleExports } from './wasm-module.js';

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

/** Overwrites the outputs, which share no bytes with the inputs. All are of one length. */
export type Combine = (
  rows: Matrix,
  inputs: readonly Uint8Array[],
  outputs: readonly Uint8Array[],
) => void;

/** The most factors that a matrix may have: as many as 32 shards can need. */
const FACTORS_MAX = 256;

const assertFits: Combine = (rows, inputs, outputs) => {
  const columns = inputs.length;
  const ofLength = (all: Matrix, length: number) => all.every((each) => each.length === length);
  assert(columns >= 1 && rows.length === outputs.length, 'an output for each row');
  assert(ofLength(rows, columns), 'a factor for each input');
  assert(rows.length * columns <= FACTORS_MAX, 'a matrix of at most 256 factors');
  assert(ofLength([...inputs, ...outputs], inputs[0].length), 'bytes of one length');
};

/** The plain twin, a byte at a time. */
export const combinePlain: Combine = (rows, inputs, outputs) => {
  assertFits(rows, inputs, outputs);
  for (const [r, row] of rows.entries()) {
    const output = outputs[r].fill(0);
    for (const [c, factor] of row.entries()) {
      const input = inputs[c];
      const products = productsOf(factor);
      for (let at = 0; at < input.length; at++) output[at] ^= products[input[at]];
    }
  }
};

interface Gf256Module extends ModuleExports {
  sum(columns: number, inputs: number, stride: number, output: number, length: number): void;
  combine(
    tables: number,
    columns: number,
    inputs: number,
    stride: number,
    output: number,
    length: number,
  ): void;
}

const FACTOR_BYTES = 32;
const INPUTS = FACTORS_MAX * FACTOR_BYTES;
/** Long enough that a call costs little, short enough for the second cache (4 to 32 KiB). */
const TILE_MAX = 32_768;

/** The twin in WebAssembly, or undefined where it cannot run. */
export function compiledCombine(): Combine | undefined {
  const module = instantiate<Gf256Module>(base64);
  if (module === undefined) return undefined;
  const memory = new Uint8Array(module.memory.buffer);
  return (rows, inputs, outputs) => {
    assertFits(rows, inputs, outputs);
    writeTables(memory, rows);
    const columns = inputs.length;
    const room = Math.floor((memory.length - INPUTS) / (columns + 1) / 32) * 32;
    const tile = Math.min(TILE_MAX, room);
    const target = INPUTS + columns * tile;
    for (let at = 0; at < inputs[0].length; at += tile) {
      const count = Math.min(tile, inputs[0].length - at);
      // Up to 31 bytes behind the end are computed from what an earlier tile left there, and not
      // read.
      const length = Math.ceil(count / 32) * 32;
      for (const [c, input] of inputs.entries()) {
        memory.set(input.subarray(at, at + count), INPUTS + c * tile);
      }
      for (const [r, row] of rows.entries()) {
        const tables = r * columns * FACTOR_BYTES;
        if (row.every((factor) => factor === 1)) {
          module.sum(columns, INPUTS, tile, target, length);
        } else module.combine(tables, columns, INPUTS, tile, target, length);
        outputs[r].set(memory.subarray(target, target + count), at);
      }
    }
  };
}

function writeTables(memory: Uint8Array, rows: Matrix): void {
  let at = 0;
  for (const factor of rows.flatMap((row) => [...row])) {
    for (let nibble = 0; nibble < 16; nibble++) {
      memory[at + nibble] = multiply(factor, nibble);
      memory[at + 16 + nibble] = multiply(factor, nibble << 4);
    }
    at += FACTOR_BYTES;
  }
}

let fastest: Combine | undefined;

export function fastestCombine(): Combine {
  fastest ??= compiledCombine() ?? combinePlain;
  return fastest;
}
