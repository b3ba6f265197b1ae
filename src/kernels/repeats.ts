/**
 * Where a run of bytes repeats another one: greedy, as in xdelta and git's packs. Places of the
 * base are kept in a table by a hash of eight bytes; each place of the target is looked up there,
 * and what is found is extended to both sides.
 *
 * Long stretches are found, not the best set of them. Each of at least `REPEAT_BYTES_MIN` has a
 * place in the table, but another one with the same hash may have come before it.
 */

/** Places of the base that are in the table: each eighth. */
const STEP = 8;
const HASHED = 8;
/** Shorter stretches are not reported. */
export const REPEAT_BYTES_MIN = HASHED + STEP - 1;

const TABLE_BITS = 12;
/** The first place with a hash, counted from 1; 0 where there is none. All calls share it. */
const table = new Int32Array(1 << TABLE_BITS);

/**
 * Reports each stretch of `target[0..targetEnd]` that `base[from..to]` has, in the order of the
 * target: where it begins there, where in the base, counted from `from`, and its length.
 */
export function repeats(
  base: Uint8Array,
  from: number,
  to: number,
  target: Uint8Array,
  targetEnd: number,
  found: (at: number, baseAt: number, length: number) => void,
): void {
  table.fill(0);
  for (let at = from; at + HASHED <= to; at += STEP) {
    const slot = hashAt(base, at);
    if (table[slot] === 0) table[slot] = at - from + 1;
  }
  let done = 0;
  let at = 0;
  while (at + HASHED <= targetEnd) {
    const place = table[hashAt(target, at)];
    let start = at;
    let baseStart = from + place - 1;
    const shift = baseStart - start;
    let end = at;
    if (place !== 0) {
      while (end < targetEnd && end + shift < to && target[end] === base[end + shift]) end++;
      while (start > done && baseStart > from && target[start - 1] === base[baseStart - 1]) {
        start--;
        baseStart--;
      }
    }
    if (end - start < REPEAT_BYTES_MIN) {
      at++;
      continue;
    }
    found(start, baseStart - from, end - start);
    done = end;
    at = end;
  }
}

function hashAt(bytes: Uint8Array, at: number): number {
  const low = bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
  const high = bytes[at + 4] | (bytes[at + 5] << 8) | (bytes[at + 6] << 16) | (bytes[at + 7] << 24);
  const mixed = Math.imul(low, 0x9e3779b1) ^ Math.imul(high, 0x85ebca77);
  return Math.imul(mixed ^ (mixed >>> 15), 0x2c1b3c6d) >>> (32 - TABLE_BITS);
}
