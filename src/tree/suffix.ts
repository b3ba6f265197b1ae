/** Suffixes of names: the number that a search compares first. */

/** The first four of `length` bytes at `start` as a number, the first the highest, zeros behind. */
export function headOf(bytes: Uint8Array, start: number, length: number): number {
  if (length >= 4) {
    return (
      (((bytes[start] as number) << 24) |
        ((bytes[start + 1] as number) << 16) |
        ((bytes[start + 2] as number) << 8) |
        (bytes[start + 3] as number)) >>>
      0
    );
  }
  let head = 0;
  for (let i = 0; i < length; i++) head |= (bytes[start + i] as number) << (24 - 8 * i);
  return head >>> 0;
}
