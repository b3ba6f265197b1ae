/**
 * Automata that choose names: prefix, glob, edit distance. A search walks a transducer and an
 * automaton side by side and leaves a branch as soon as the automaton is dead, so it visits only
 * what may still match.
 *
 * Names are bytes, but `?`, a class and an edit speak of characters. `overCharacters` turns an
 * automaton over characters into one over bytes: it holds up to three bytes until they are a
 * character. A byte that is not part of valid UTF-8 is one character of its own, U+DC80..U+DCFF,
 * exactly as in `nameText`.
 */

import { RegaliaError } from '../ground/errors.js';
import { nameText, utf8Text } from '../ground/text.js';

/** A deterministic automaton; states are immutable. */
export interface Automaton<S> {
  start(): S;
  /** The state after one more input, or undefined where nothing that follows can match. */
  step(state: S, input: number): S | undefined;
  accepts(state: S): boolean;
}

/** Names that begin with these bytes. */
export function prefix(bytes: Uint8Array): Automaton<number> {
  return {
    start: () => 0,
    step: (matched, byte) => {
      if (matched === bytes.length) return matched;
      return bytes[matched] === byte ? matched + 1 : undefined;
    },
    accepts: (matched) => matched === bytes.length,
  };
}

interface Held<S> {
  readonly state: S;
  /** Bytes that begin a character, at most three. */
  readonly bytes: readonly number[];
}

/** What bytes are so far: a whole character, the beginning of one, or neither. */
function character(bytes: readonly number[]): number | 'begun' | 'none' {
  const lead = bytes[0];
  if (lead < 0x80) return lead;
  if (lead < 0xc2 || lead > 0xf4) return 'none';
  const length = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  // The second byte's range excludes overlong forms, surrogates and what lies beyond U+10FFFF (RFC
  // 3629, section 4).
  const low = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
  const high = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
  if (bytes.length > 1 && (bytes[1] < low || bytes[1] > high)) return 'none';
  for (let i = 2; i < bytes.length; i++) if (bytes[i] < 0x80 || bytes[i] > 0xbf) return 'none';
  if (bytes.length < length) return 'begun';
  return (utf8Text(Uint8Array.from(bytes)) as string).codePointAt(0) as number;
}

/** Feeds held bytes on; with `ended`, even those that only begin a character. */
function feed<S>(
  inner: Automaton<S>,
  state: S,
  bytes: readonly number[],
  ended: boolean,
): Held<S> | undefined {
  while (bytes.length > 0) {
    const found = character(bytes);
    if (found === 'begun' && !ended) return { state, bytes };
    const whole = typeof found === 'number';
    const next = inner.step(state, whole ? found : 0xdc00 + bytes[0]);
    if (next === undefined) return undefined;
    state = next;
    bytes = whole ? [] : bytes.slice(1);
  }
  return { state, bytes };
}

/** An automaton over characters as one over bytes. */
export function overCharacters<S>(inner: Automaton<S>): Automaton<Held<S>> {
  return {
    start: () => ({ state: inner.start(), bytes: [] }),
    step: (held, byte) => feed(inner, held.state, [...held.bytes, byte], false),
    accepts: (held) => {
      const end = feed(inner, held.state, held.bytes, true);
      return end !== undefined && inner.accepts(end.state);
    },
  };
}

type Token =
  | { readonly kind: 'one' | 'any' | 'run' | 'deep' }
  | { readonly kind: 'is'; readonly code: number }
  | { readonly kind: 'class'; readonly not: boolean; readonly ranges: readonly [number, number][] };

const SLASH = 0x2f;

/**
 * Names that match a pattern: `*` is any run of characters but `/`, `**` any run, `?` one character
 * but `/`, `[a-z]` and `[!a-z]` one of a class (never `/`), `\` takes the next character as it is.
 * Throws REGALIA_OPTION for a class that does not end, a range that runs backward, or a `\` at the
 * end.
 */
export function glob(pattern: string): Automaton<unknown> {
  const tokens = parseGlob([...pattern]);
  return overCharacters<readonly number[]>({
    start: () => closure(tokens, [0]),
    step: (positions, code) => {
      const next: number[] = [];
      for (const at of positions) {
        if (at === tokens.length || !takes(tokens[at], code)) continue;
        next.push(isRun(tokens[at]) ? at : at + 1);
      }
      return next.length === 0 ? undefined : closure(tokens, next);
    },
    accepts: (positions) => positions[positions.length - 1] === tokens.length,
  });
}

function isRun(token: Token): boolean {
  return token.kind === 'run' || token.kind === 'deep';
}

/**
 * Positions, ascending and distinct, with those that an empty run leads to. The input is ascending.
 */
function closure(tokens: readonly Token[], positions: readonly number[]): readonly number[] {
  const all: number[] = [];
  for (let at of positions) {
    if (all.length > 0 && all[all.length - 1] >= at) continue;
    all.push(at);
    while (at < tokens.length && isRun(tokens[at])) all.push(++at);
  }
  return all;
}

function takes(token: Token, code: number): boolean {
  switch (token.kind) {
    case 'deep':
      return true;
    case 'is':
      return token.code === code;
    case 'class':
      if (code === SLASH) return false;
      return token.ranges.some(([low, high]) => code >= low && code <= high) !== token.not;
    default:
      return code !== SLASH;
  }
}

function badPattern(pattern: readonly string[], expected: string): RegaliaError {
  const actual = pattern.join('');
  return new RegaliaError('REGALIA_OPTION', `the pattern ${actual} is malformed: ${expected}`, {
    option: 'pattern',
    expected,
    actual,
  });
}

function parseGlob(pattern: readonly string[]): Token[] {
  const tokens: Token[] = [];
  for (let at = 0; at < pattern.length; at++) {
    const mark = pattern[at];
    if (mark === '*') {
      let end = at;
      while (pattern[end + 1] === '*') end++;
      tokens.push({ kind: end > at ? 'deep' : 'run' });
      at = end;
    } else if (mark === '?') tokens.push({ kind: 'one' });
    else if (mark === '[') at = parseClass(pattern, at, tokens);
    else {
      if (mark === '\\') at++;
      if (at === pattern.length) throw badPattern(pattern, 'a character behind the last \\');
      tokens.push({ kind: 'is', code: pattern[at].codePointAt(0) as number });
    }
  }
  return tokens;
}

/**
 * Parses the class that opens at `at`; returns where it closes. A `]` in the first place stands for
 * itself.
 */
function parseClass(pattern: readonly string[], at: number, tokens: Token[]): number {
  const ranges: [number, number][] = [];
  const not = pattern[at + 1] === '!' || pattern[at + 1] === '^';
  const first = at + (not ? 2 : 1);
  const code = (): number => {
    if (pattern[at] === '\\') at++;
    if (at >= pattern.length) throw badPattern(pattern, 'a ] for every [');
    return pattern[at++].codePointAt(0) as number;
  };
  for (at = first; pattern[at] !== ']' || at === first; ) {
    const low = code();
    let high = low;
    if (pattern[at] === '-' && pattern[at + 1] !== ']') {
      at++;
      high = code();
    }
    if (high < low) throw badPattern(pattern, 'a range from low to high');
    ranges.push([low, high]);
  }
  tokens.push({ kind: 'class', not, ranges });
  return at;
}

/**
 * Names that at most `max` insertions, removals or replacements of a character turn into `name`:
 * the rows of Levenshtein's table, one a step, cut off above `max`.
 */
export function editDistance(name: string | Uint8Array, max: number): Automaton<unknown> {
  if (!Number.isInteger(max) || max < 0)
    throw new RegaliaError('REGALIA_OPTION', 'max is a number of edits', {
      option: 'max',
      expected: 'an integer from 0',
      actual: `${max}`,
    });
  const text = typeof name === 'string' ? name : nameText(name);
  const codes = [...text].map((each) => each.codePointAt(0) as number);
  const cut = Math.min(max, 0xfffe) + 1;
  return overCharacters<Uint16Array>({
    start: () => Uint16Array.from({ length: codes.length + 1 }, (_, i) => Math.min(i, cut)),
    step: (row, code) => {
      const next = new Uint16Array(row.length);
      let least = (next[0] = Math.min(row[0] + 1, cut));
      for (let i = 1; i < row.length; i++) {
        const replaced = row[i - 1] + (codes[i - 1] === code ? 0 : 1);
        next[i] = Math.min(replaced, row[i] + 1, next[i - 1] + 1, cut);
        if (next[i] < least) least = next[i];
      }
      return least < cut ? next : undefined;
    },
    accepts: (row) => row[row.length - 1] < cut,
  });
}
