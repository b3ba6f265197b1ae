/** Order of names that lie inside larger arrays. */

/** Bytewise order of `a[start..end]` and `b`. */
export function compareRange(a: Uint8Array, start: number, end: number, b: Uint8Array): number {
  const length = Math.min(end - start, b.length);
  for (let i = 0; i < length; i++) {
    const difference = (a[start + i] as number) - (b[i] as number);
    if (difference !== 0) return difference;
  }
  return end - start - b.length;
}
