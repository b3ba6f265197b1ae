/**
 * Obvious models for sets of names and searches: a sorted array, minimization by partition
 * refinement, a recursive glob, Levenshtein's full table; and names to try them on. Slow and plain
 * on purpose.
 */
import fc from 'fast-check';
import { compareBytes } from '../../src/ground/bytes.js';
import { nameText } from '../../src/ground/text.js';

/** Sorted and distinct. */
export function sorted(names: readonly Uint8Array[]): Uint8Array[] {
  const all = [...names].sort(compareBytes);
  return all.filter((name, i) => i === 0 || compareBytes(all[i - 1], name) !== 0);
}

const extremes = fc.constantFrom(0x01, 0x2e, 0x61, 0x62, 0x7f, 0x80, 0xc3, 0xa9, 0xff);
const anyByte = fc.integer({ min: 1, max: 255 }).filter((byte) => byte !== 0x2f);

function bytesOf(byte: fc.Arbitrary<number>, minLength: number, maxLength: number) {
  return fc
    .array(byte, { minLength, maxLength, size: 'max' })
    .map((bytes) => Uint8Array.from(bytes));
}

export const anyName: fc.Arbitrary<Uint8Array> = fc.oneof(
  { weight: 6, arbitrary: bytesOf(extremes, 1, 6) },
  { weight: 3, arbitrary: bytesOf(anyByte, 1, 24) },
  { weight: 1, arbitrary: bytesOf(extremes, 250, 255) },
);

/** Sets of names: some tiny, some that share a long prefix, some that share suffixes. */
export const anyNames: fc.Arbitrary<Uint8Array[]> = fc
  .record({
    prefix: fc.oneof(fc.constant(new Uint8Array(0)), bytesOf(anyByte, 0, 40)),
    names: fc.array(anyName, { maxLength: 80, size: 'max' }),
  })
  .map(({ prefix, names }) =>
    sorted(names.map((name) => Uint8Array.from([...prefix, ...name]).subarray(0, 255))),
  );

/** How many states the minimal automaton has: a trie, refined until no class splits. */
export function minimalStates(names: readonly Uint8Array[]): number {
  const trie: { final: boolean; next: Map<number, number> }[] = [{ final: false, next: new Map() }];
  for (const name of names) {
    let at = 0;
    for (const byte of name) {
      const next = trie[at].next.get(byte) ?? trie.length;
      if (next === trie.length) trie.push({ final: false, next: new Map() });
      trie[at].next.set(byte, next);
      at = next;
    }
    trie[at].final = true;
  }
  let classes: number[] = trie.map((state) => (state.final ? 1 : 0));
  for (let count = 0; ; ) {
    const ids = new Map<string, number>();
    const refined = trie.map((state, i) => {
      const edges = [...state.next].sort(([a], [b]) => a - b);
      const content = `${classes[i]} ${edges.map(([byte, to]) => `${byte}:${classes[to]}`).join()}`;
      if (!ids.has(content)) ids.set(content, ids.size);
      return ids.get(content) as number;
    });
    if (ids.size === count) return count;
    count = ids.size;
    classes = refined;
  }
}

export function charactersOf(name: Uint8Array): string[] {
  return [...nameText(name)];
}

function classTakes(inside: readonly string[], character: string): boolean {
  for (let i = 0; i < inside.length; i++) {
    if (inside[i + 1] === '-' && i + 2 < inside.length) {
      const code = character.codePointAt(0) as number;
      const low = inside[i].codePointAt(0) as number;
      if (code >= low && code <= (inside[i + 2].codePointAt(0) as number)) return true;
      i += 2;
    } else if (inside[i] === character) return true;
  }
  return false;
}

/** A glob by recursion, for patterns without escapes and choices; `begins` is at a slash's end. */
export function globMatches(
  pattern: readonly string[],
  name: readonly string[],
  begins = true,
): boolean {
  const [mark, ...rest] = pattern;
  const [first, ...others] = name;
  if (mark === undefined) return name.length === 0;
  if (mark === '*') {
    const deep = rest[0] === '*';
    if (deep && begins && rest[1] === '/' && globMatches(rest.slice(2), name)) return true;
    if (globMatches(deep ? rest.slice(1) : rest, name, false)) return true;
    return first !== undefined && (deep || first !== '/') && globMatches(pattern, others, false);
  }
  if (first === undefined) return false;
  if (mark === '?') return first !== '/' && globMatches(rest, others, false);
  if (mark === '[') {
    const end = rest.indexOf(']', rest[0] === '!' ? 2 : 1);
    const not = rest[0] === '!';
    const taken = classTakes(rest.slice(not ? 1 : 0, end), first) !== not;
    return first !== '/' && taken && globMatches(rest.slice(end + 1), others, false);
  }
  return mark === first && globMatches(rest, others, mark === '/');
}

/** Levenshtein's table. */
export function distance(a: readonly string[], b: readonly string[]): number {
  const rows = [b.map((_, i) => i).concat(b.length)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++)
      row.push(
        Math.min(
          rows[i - 1][j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1),
          rows[i - 1][j] + 1,
          row[j - 1] + 1,
        ),
      );
    rows.push(row);
  }
  return rows[a.length][b.length];
}
