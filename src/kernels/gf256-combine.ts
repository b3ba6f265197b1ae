/**
 * A matrix over GF(256) times columns of bytes: all the arithmetic that encoding and rebuilding
 * shards need.
 *
 *     outputs[r][at]  =  sum over c of rows[r][c] × inputs[c][at]
 *
 * Two twins give the same bytes: a plain one with a table of products for each factor, and
 * WebAssembly with SIMD over tiles that are copied into its memory:
 *
 *     tables: 256 factors × 32 bytes | inputs: columns × tile | output: tile
 */
import { assert } from '../ground/errors.js';
import { type Matrix, multiply, productsOf } from './gf256.js';
import { base64 } from './gf256-wasm.js';
import { instantiate, type ModuleExports } from './wasm-module.js';

/** Overwrites the outputs, which share no bytes with the inputs. All are of one length. */
export type Combine = (
  rows: Matrix,
  inputs: readonly Uint8Array[],
  outputs: readonly Uint8Array[],
) => void;

/** The most factors that a matrix may have: as many as 32 shards can need. */
const FACTORS_MAX = 256;

function assertFits(
  rows: Matrix,
  inputs: readonly Uint8Array[],
  outputs: readonly Uint8Array[],
): void {
  const columns = inputs.length;
  assert(columns >= 1 && rows.length === outputs.length, 'an output for each row');
  assert(
    rows.every((row) => row.length === columns),
    'a factor for each input',
  );
  assert(rows.length * columns <= FACTORS_MAX, 'a matrix of at most 256 factors');
  const { length } = inputs[0];
  assert(
    [...inputs, ...outputs].every((each) => each.length === length),
    'bytes of one length',
  );
}

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
/**
 * Long enough that a copy costs little beside its call, short enough for the second cache
 * (measured: 4 to 32 KiB).
 */
const TILE_MAX = 32_768;

class CompiledCombine {
  readonly #module: Gf256Module;
  readonly #memory: Uint8Array;

  constructor(module: Gf256Module) {
    this.#module = module;
    this.#memory = new Uint8Array(module.memory.buffer);
  }

  combine(rows: Matrix, inputs: readonly Uint8Array[], outputs: readonly Uint8Array[]): void {
    assertFits(rows, inputs, outputs);
    this.#writeTables(rows);
    const { length } = inputs[0];
    const room = (this.#memory.length - INPUTS) / (inputs.length + 1);
    const tile = Math.min(TILE_MAX, Math.floor(room / 32) * 32);
    for (let at = 0; at < length; at += tile) {
      const end = Math.min(at + tile, length);
      for (const [c, input] of inputs.entries()) {
        this.#memory.set(input.subarray(at, end), INPUTS + c * tile);
      }
      for (const [r, row] of rows.entries()) this.#row(r, row, tile, outputs[r], at, end);
    }
  }

  /** One row of a tile, to the output's bytes of `at..end`. */
  #row(
    r: number,
    row: Uint8Array,
    tile: number,
    output: Uint8Array,
    at: number,
    end: number,
  ): void {
    const columns = row.length;
    const target = INPUTS + columns * tile;
    // Up to 31 bytes behind the end are computed from what an earlier tile left there, and not
    // read.
    const length = Math.ceil((end - at) / 32) * 32;
    if (row.every((factor) => factor === 1)) {
      this.#module.sum(columns, INPUTS, tile, target, length);
    } else {
      const tables = r * columns * FACTOR_BYTES;
      this.#module.combine(tables, columns, INPUTS, tile, target, length);
    }
    output.set(this.#memory.subarray(target, target + end - at), at);
  }

  #writeTables(rows: Matrix): void {
    let at = 0;
    for (const row of rows) {
      for (const factor of row) {
        for (let nibble = 0; nibble < 16; nibble++) {
          this.#memory[at + nibble] = multiply(factor, nibble);
          this.#memory[at + 16 + nibble] = multiply(factor, nibble << 4);
        }
        at += FACTOR_BYTES;
      }
    }
  }
}

/** The twin in WebAssembly, or undefined where it cannot run. */
export function compiledCombine(): Combine | undefined {
  const module = instantiate<Gf256Module>(base64);
  if (module === undefined) return undefined;
  const compiled = new CompiledCombine(module);
  return compiled.combine.bind(compiled);
}

let fastest: Combine | undefined;

export function fastestCombine(): Combine {
  fastest ??= compiledCombine() ?? combinePlain;
  return fastest;
}
