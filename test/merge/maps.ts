/**
 * Random maps, and the obvious model of what they say: two keys are one entry exactly if each leads
 * to the other.
 */
import fc from 'fast-check';
import type { MapRow } from '../../src/log/maps.js';

/** Keys of up to so many names, each of a few. */
export function keysOf(maxNames: number): fc.Arbitrary<string> {
  return fc
    .array(fc.constantFrom('a', 'b', 'c'), { minLength: 1, maxLength: maxNames })
    .map((names) => `/${names.join('/')}`);
}

/** All keys of up to so many names. */
export function allKeys(maxNames: number): string[] {
  let last = [''];
  const all: string[] = [];
  for (let length = 1; length <= maxNames; length++) {
    last = last.flatMap((key) => ['a', 'b', 'c'].map((name) => `${key}/${name}`));
    all.push(...last);
  }
  return all;
}

/** Rows of which no two lead from one key; to one key lead several only of what was returned. */
export const mapRows: fc.Arbitrary<MapRow[]> = fc
  .array(
    fc.record({
      from: keysOf(3),
      to: fc.option(keysOf(3), { nil: undefined, freq: 6 }),
      returned: fc.nat(4).map((n) => n === 0),
    }),
    { maxLength: 5 },
  )
  .map((rows) => {
    const kept: MapRow[] = [];
    for (const { from, to, returned } of rows) {
      const row = { from, to, returned: returned && to !== undefined };
      const clashes = kept.some((one) => {
        return one.from === from || (to !== undefined && one.to === to);
      });
      if (!clashes) kept.push(row);
    }
    return kept;
  });

/** Where the entry at a key of the first tree is in the second. */
export function forward(rows: readonly MapRow[], key: string): string[] {
  return led(rows, key, 'from').filter((to) => led(rows, to, 'to').includes(key));
}

/** Which keys of the first tree are at a key of the second. */
export function backward(rows: readonly MapRow[], key: string): string[] {
  return led(rows, key, 'to').filter((from) => led(rows, from, 'from').includes(key));
}

/** What the rows of the longest key that `key` begins with make of it. */
function led(rows: readonly MapRow[], key: string, side: 'from' | 'to'): string[] {
  const other = side === 'from' ? 'to' : 'from';
  const fitting = rows.filter((row) => isWithin(key, row[side]));
  if (fitting.length === 0) return [key];
  const length = Math.max(...fitting.map((row) => row[side]?.length ?? 0));
  return fitting.flatMap((row) => {
    const end = row[other];
    return row[side]?.length === length && end !== undefined ? [end + key.slice(length)] : [];
  });
}

function isWithin(key: string, above: string | undefined): boolean {
  return above !== undefined && (key === above || key.startsWith(`${above}/`));
}

/** Where a key of the base is after several maps. */
export function images(maps: readonly (readonly MapRow[])[], base: string): string[] {
  let keys = [base];
  for (const rows of maps) keys = unique(keys.flatMap((key) => forward(rows, key)));
  return keys.sort();
}

/** Which keys of the base are at a key after several maps. */
export function origins(maps: readonly (readonly MapRow[])[], key: string): string[] {
  let keys = [key];
  for (const rows of [...maps].reverse()) keys = unique(keys.flatMap((one) => backward(rows, one)));
  return keys.sort();
}

export function unique(keys: readonly string[]): string[] {
  return [...new Set(keys)].sort();
}
