/**
 * AssemblyScript, compiled by `npm run wasm`: the scan of content-defined chunking, as
 * src/kernels/cdc.ts defines it.
 *
 * Memory, in bytes from 0, filled by the caller:
 *
 *     gear 256 × u32 | bytes to scan, with the 31 that come before them
 *
 * One chain of hashes, four bytes a turn: what bounds it is shift, add and two loads a byte. Four
 * or eight chains in SIMD lanes were 10 in 100 faster and needed a second scan where one of them
 * hit (measured): not worth their code.
 */

/** The hash behind one more byte. */
// @ts-ignore: decorator
@inline
function rolled(hash: u32, at: usize): u32 {
  return (hash << 1) + load<u32>((<usize>load<u8>(at)) << 2);
}

/** The first of `from..to` at which the hash of 32 bytes is below `threshold`, or `to`. */
export function scan(from: usize, to: usize, threshold: u32): usize {
  let hash: u32 = 0;
  for (let at = from - 31; at < from; at++) hash = rolled(hash, at);
  let at = from;
  for (; at + 4 <= to; at += 4) {
    hash = rolled(hash, at);
    if (hash < threshold) return at;
    hash = rolled(hash, at + 1);
    if (hash < threshold) return at + 1;
    hash = rolled(hash, at + 2);
    if (hash < threshold) return at + 2;
    hash = rolled(hash, at + 3);
    if (hash < threshold) return at + 3;
  }
  for (; at < to; at++) {
    hash = rolled(hash, at);
    if (hash < threshold) return at;
  }
  return to;
}
