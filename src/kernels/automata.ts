/**
 * Automata that choose names: prefix, glob, edit distance. A search walks names and an automaton
 * side by side, and leaves a branch as soon as the automaton is dead: it visits only what may still
 * match. In sorted names it may even skip to where `ahead` says that all matches go on.
 *
 * Names are bytes, but `?`, a class and an edit speak of characters. `overCharacters` turns an
 * automaton over characters into one over bytes: it keeps up to three bytes until they are a
 * character. A byte that is not part of valid UTF-8 is one character of its own, U+DC80..U+DCFF,
 * exactly as in `nameText`.
 */
import { EMPTY } from '../ground/bytes.js';
import { badOption, type RegaliaError } from '../ground/errors.js';
import { PATTERN_CHARACTERS_MAX } from '../ground/limits.js';
import { nameBytes, nameText, utf8Text } from '../ground/text.js';

/** A deterministic automaton; states are immutable. */
export interface Automaton<S> {
  start(): S;
  /** The state after one more input, or undefined where nothing that follows can match. */
  step(state: S, input: number): S | undefined;
  accepts(state: S): boolean;
  /** Bytes with which all that still matches goes on: not always all of them, perhaps none. */
  ahead(state: S): Uint8Array;
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
    ahead: (matched) => bytes.subarray(matched),
  };
}

/** An automaton over characters; `ahead` is text. */
interface CharacterAutomaton<S> extends Omit<Automaton<S>, 'ahead'> {
  ahead(state: S): string;
}

interface Begun<S> {
  readonly state: S;
  /** Bytes that begin a character, at most three. */
  readonly bytes: readonly number[];
}

const NONE: readonly number[] = [];

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

/** Feeds bytes on; with `ended`, even those that only begin a character. */
function feed<S>(
  inner: CharacterAutomaton<S>,
  state: S,
  bytes: readonly number[],
  ended: boolean,
): Begun<S> | undefined {
  while (bytes.length > 0) {
    const found = character(bytes);
    if (found === 'begun' && !ended) return { state, bytes };
    const whole = typeof found === 'number';
    const next = inner.step(state, whole ? found : 0xdc00 + bytes[0]);
    if (next === undefined) return undefined;
    state = next;
    bytes = whole ? NONE : bytes.slice(1);
  }
  return { state, bytes };
}

function overCharacters<S>(inner: CharacterAutomaton<S>): Automaton<Begun<S>> {
  return {
    start: () => ({ state: inner.start(), bytes: NONE }),
    step: ({ state, bytes }, byte) => {
      if (byte >= 0x80 || bytes.length > 0) return feed(inner, state, [...bytes, byte], false);
      const next = inner.step(state, byte);
      return next === undefined ? undefined : { state: next, bytes: NONE };
    },
    accepts: ({ state, bytes }) => {
      const end = feed(inner, state, bytes, true);
      return end !== undefined && inner.accepts(end.state);
    },
    ahead: ({ state, bytes }) =>
      bytes.length > 0 ? EMPTY : (nameBytes(inner.ahead(state)) ?? EMPTY),
  };
}

/** What one character must be. */
type Token =
  | { readonly kind: 'any' }
  | { readonly kind: 'is'; readonly code: number }
  /** Never a slash. */
  | { readonly kind: 'class'; readonly not: boolean; readonly ranges: readonly [number, number][] };

type Item =
  | Token
  | { readonly kind: 'run'; readonly of: Token }
  | { readonly kind: 'choice'; readonly of: readonly (readonly Item[])[] };

/** A state of the pattern's automaton, which is not deterministic: its numbers are. */
interface Position {
  /** What leads from here to `next`; undefined at the pattern's end, and where only `free` lead. */
  readonly token: Token | undefined;
  readonly next: number;
  /** Where nothing at all leads. */
  readonly free: readonly number[];
}

const SLASH = 0x2f;
const ANY: Token = { kind: 'any' };
const BUT_SLASH: Token = { kind: 'class', not: true, ranges: [] };
/** The end of a pattern: the first position, since patterns are compiled from their end. */
const END = 0;

/**
 * Names that match a pattern: `*` is any run of characters but `/`, `**` any run, `?` one character
 * but `/`, `[a-z]` and `[!a-z]` one of a class (never `/`), `{a,b}` one of some patterns, `\` makes
 * the next character stand for itself. Where `**` stands between two slashes, or first and before
 * one, it and the slash behind it may be nothing: any number of names lie there, even none.
 *
 * Throws REGALIA_OPTION for a class or a choice that does not end, a range that runs backward, a
 * `\` at the end, and for too long a pattern.
 */
export function glob(pattern: string): Automaton<unknown> {
  const positions: Position[] = [{ token: undefined, next: END, free: [] }];
  const first = compile(positions, new GlobParser(pattern).parse(), END);
  const states = new GlobStates(positions);
  return overCharacters<GlobState>({
    start: () => states.of([first]),
    step: (state, code) => states.after(state, code),
    accepts: ({ at }) => at.includes(END),
    ahead: ({ at }) => {
      let text = '';
      while (at.length === 1) {
        const { token, next } = positions[at[0]];
        if (token?.kind !== 'is') break;
        text += String.fromCodePoint(token.code);
        at = closure(positions, [next]);
      }
      return text;
    },
  });
}

/** Positions that one may be at, and what follows on the first 128 characters, as far as known. */
interface GlobState {
  readonly at: readonly number[];
  readonly next: (GlobState | undefined)[];
}

/** States that are remembered: a pattern may have as many as there are sets of positions. */
const STATES_MAX = 1_024;
const ASCII = 128;

/**
 * The deterministic automaton, made as it is walked (Thompson, Regular expression search algorithm,
 * 1968): a step that was done before is looked up, which is some five times as fast (measured).
 */
class GlobStates {
  readonly #positions: readonly Position[];
  readonly #known = new Map<string, GlobState>();

  constructor(positions: readonly Position[]) {
    this.#positions = positions;
  }

  of(from: readonly number[]): GlobState {
    const at = closure(this.#positions, from);
    const name = at.join();
    let state = this.#known.get(name);
    if (state === undefined) {
      state = { at, next: [] };
      if (this.#known.size === STATES_MAX) this.#known.clear();
      this.#known.set(name, state);
    }
    return state;
  }

  after(state: GlobState, code: number): GlobState | undefined {
    if (code < state.next.length && state.next[code] !== UNKNOWN) return state.next[code];
    const from: number[] = [];
    for (const each of state.at) {
      const { token, next } = this.#positions[each];
      if (token !== undefined && matches(token, code)) from.push(next);
    }
    const found = from.length === 0 ? undefined : this.of(from);
    if (code < ASCII) {
      if (state.next.length === 0) for (let i = 0; i < ASCII; i++) state.next.push(UNKNOWN);
      state.next[code] = found;
    }
    return found;
  }
}

/** Stands for a step that was not done yet. */
const UNKNOWN: GlobState = { at: [], next: [] };

/** Adds the positions of a sequence that `next` follows; returns the first. */
function compile(positions: Position[], items: readonly Item[], next: number): number {
  for (let i = items.length - 1; i >= 0; i--) {
    const item = items[i];
    if (item.kind === 'choice') {
      const free = item.of.map((each) => compile(positions, each, next));
      next = positions.push({ token: undefined, next: END, free }) - 1;
    } else if (item.kind === 'run') {
      const here = positions.length;
      positions.push({ token: item.of, next: here, free: [next] });
      next = here;
    } else next = positions.push({ token: item, next, free: [] }) - 1;
  }
  return next;
}

/** What can be reached from here without a character, mere forks left out: ascending. */
function closure(positions: readonly Position[], from: readonly number[]): readonly number[] {
  const seen = new Set(from);
  for (const at of seen) for (const next of positions[at].free) seen.add(next);
  const all: number[] = [];
  for (const at of seen) if (at === END || positions[at].token !== undefined) all.push(at);
  return all.sort((a, b) => a - b);
}

function matches(token: Token, code: number): boolean {
  switch (token.kind) {
    case 'any':
      return true;
    case 'is':
      return token.code === code;
    case 'class':
      if (code === SLASH) return false;
      return token.ranges.some(([low, high]) => code >= low && code <= high) !== token.not;
  }
}

class GlobParser {
  readonly #pattern: readonly string[];
  #at = 0;

  constructor(pattern: string) {
    this.#pattern = [...pattern];
    if (this.#pattern.length > PATTERN_CHARACTERS_MAX) {
      throw this.#bad(`at most ${PATTERN_CHARACTERS_MAX} characters`);
    }
  }

  parse(): Item[] {
    return this.#sequence(false);
  }

  /** All up to the end; within a choice, up to a comma or the brace that closes it. */
  #sequence(within: boolean): Item[] {
    const items: Item[] = [];
    while (this.#at < this.#pattern.length) {
      const mark = this.#pattern[this.#at];
      if (within && (mark === ',' || mark === '}')) return items;
      this.#at++;
      if (mark === '*') items.push(this.#stars());
      else if (mark === '?') items.push(BUT_SLASH);
      else if (mark === '[') items.push(this.#class());
      else if (mark === '{') items.push(this.#choice());
      else items.push({ kind: 'is', code: this.#code(mark) });
    }
    if (within) throw this.#bad('a } for every {');
    return items;
  }

  /** Behind the first star. */
  #stars(): Item {
    if (this.#pattern[this.#at] !== '*') return { kind: 'run', of: BUT_SLASH };
    const before = this.#pattern[this.#at - 2];
    while (this.#pattern[this.#at] === '*') this.#at++;
    const between = (before ?? '/') === '/' && this.#pattern[this.#at] === '/';
    const run: Item = { kind: 'run', of: ANY };
    if (!between) return run;
    this.#at++;
    return { kind: 'choice', of: [[run, { kind: 'is', code: SLASH }], []] };
  }

  #choice(): Item {
    const choices: Item[][] = [];
    for (let mark = ','; mark === ','; mark = this.#pattern[this.#at++]) {
      choices.push(this.#sequence(true));
    }
    return { kind: 'choice', of: choices };
  }

  /** A class, behind its bracket. A `]` in the first place stands for itself. */
  #class(): Token {
    const ranges: [number, number][] = [];
    const mark = this.#pattern[this.#at];
    const not = mark === '!' || mark === '^';
    if (not) this.#at++;
    const first = this.#at;
    while (this.#pattern[this.#at] !== ']' || this.#at === first) {
      const low = this.#member();
      let high = low;
      if (this.#pattern[this.#at] === '-' && this.#pattern[this.#at + 1] !== ']') {
        this.#at++;
        high = this.#member();
      }
      if (high < low) throw this.#bad('a range from low to high');
      ranges.push([low, high]);
    }
    this.#at++;
    return { kind: 'class', not, ranges };
  }

  #member(): number {
    if (this.#at >= this.#pattern.length) throw this.#bad('a ] for every [');
    return this.#code(this.#pattern[this.#at++]);
  }

  /** The character that was read, or the next one if it was a `\`. */
  #code(mark: string): number {
    if (mark !== '\\') return mark.codePointAt(0) as number;
    if (this.#at === this.#pattern.length) throw this.#bad('a character behind the last \\');
    return this.#pattern[this.#at++].codePointAt(0) as number;
  }

  #bad(expected: string): RegaliaError {
    return badOption('pattern', `a glob with ${expected}`, this.#pattern.slice(0, 200).join(''));
  }
}

/**
 * Names that at most `max` insertions, removals or replacements of a character turn into `name`:
 * the rows of Levenshtein's table, one a step, cut off above `max`.
 */
export function editDistance(name: string | Uint8Array, max: number): Automaton<unknown> {
  if (!Number.isInteger(max) || max < 0) throw badOption('edits', 'an integer from 0', `${max}`);
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
    ahead: () => '',
  });
}
