/**
 * AssemblyScript, compiled by `npm run wasm`: one row of a matrix over GF(256) times columns of
 * bytes, 32 bytes a turn, for src/kernels/gf256.ts.
 *
 * A product with a constant is looked up by nibbles, 16 bytes at once (Plank, Greenan and Miller,
 * "Screaming fast Galois field arithmetic using Intel SIMD instructions", 2013). Two or four rows
 * in one turn were no faster than one row after the other, once a row of ones is a mere sum
 * (measured, 4 + 2 and 10 + 4).
 *
 * Memory is the caller's. `inputs` are `columns` runs of bytes, each `stride` behind the one
 * before. `length` is a multiple of 32. Of each factor `tables` holds 32 bytes: its products with 0
 * … 15, then with 0, 16, … 240.
 */

// @ts-ignore: decorator
@inline
function product(low: v128, high: v128, bytes: v128): v128 {
  const nibble = i8x16.splat(15);
  return v128.xor(
    i8x16.swizzle(low, v128.and(bytes, nibble)),
    i8x16.swizzle(high, v128.and(i16x8.shr_u(bytes, 4), nibble)),
  );
}

/** The sum of the inputs: a row of ones. */
export function sum(
  columns: u32,
  inputs: usize,
  stride: usize,
  output: usize,
  length: usize,
): void {
  for (let at: usize = 0; at < length; at += 32) {
    let input = inputs + at;
    let a = v128.load(input);
    let b = v128.load(input, 16);
    for (let column: u32 = 1; column < columns; column++) {
      input += stride;
      a = v128.xor(a, v128.load(input));
      b = v128.xor(b, v128.load(input, 16));
    }
    v128.store(output + at, a);
    v128.store(output + at, b, 16);
  }
}

/** The sum of the inputs, each times its factor. */
export function combine(
  tables: usize,
  columns: u32,
  inputs: usize,
  stride: usize,
  output: usize,
  length: usize,
): void {
  const end = tables + (<usize>columns << 5);
  for (let at: usize = 0; at < length; at += 32) {
    let a = i8x16.splat(0);
    let b = a;
    let input = inputs + at;
    for (let table = tables; table < end; table += 32) {
      const low = v128.load(table);
      const high = v128.load(table, 16);
      a = v128.xor(a, product(low, high, v128.load(input)));
      b = v128.xor(b, product(low, high, v128.load(input, 16)));
      input += stride;
    }
    v128.store(output + at, a);
    v128.store(output + at, b, 16);
  }
}
