/**
 * What the texts of options mean: numbers, sizes, ranges, durations, choices. What makes no sense
 * is wrong usage: nothing is guessed, and what is not a whole number of bytes or of milliseconds is
 * not rounded.
 *
 *     size       1024  64KiB  1MiB  2GiB  1TiB      KB, MB, GB and TB are powers of a thousand
 *     range      0-1024  1MiB-2MiB  100-            END is the byte after the last one
 *     duration   0  500ms  90s  10m  12h  1d
 */
import { UsageError } from './verb.js';

const BYTES = { '': 1, KB: 1e3, MB: 1e6, GB: 1e9, TB: 1e12 };
const BINARY_BYTES = { KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40 };
const SIZES = { ...BYTES, ...BINARY_BYTES };
const DURATIONS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** What an option's text means to `parse`. @throws UsageError where that makes nothing of it. */
function meaning<T>(
  name: string,
  text: string | undefined,
  wanted: string,
  parse: (text: string) => T | undefined,
): T | undefined {
  const found = text === undefined ? undefined : parse(text);
  if (found !== undefined || text === undefined) return found;
  throw new UsageError(`--${name} must be ${wanted}, not ${JSON.stringify(text)}`);
}

/** A whole number. */
export function numberOf(name: string, text: string | undefined): number | undefined {
  return meaning(name, text, 'a number', (digits) =>
    /^\d{1,15}$/.test(digits) ? Number(digits) : undefined,
  );
}

/** One of a few words. */
export function oneOf<T extends string>(
  name: string,
  all: readonly T[],
  text: string | undefined,
): T | undefined {
  const words = `one of ${all.join(', ')}`;
  return meaning(name, text, words, (word) => all.find((each) => each === word));
}

/** Bytes. */
export function sizeOf(name: string, text: string | undefined): number | undefined {
  return meaning(name, text, 'bytes, such as 1024 or 64KiB', (size) => measured(size, SIZES));
}

/** Milliseconds. A bare number is refused unless it is 0: nobody knows which unit it meant. */
export function durationOf(name: string, text: string | undefined): number | undefined {
  return meaning(name, text, 'a time, such as 90s, 10m, 12h or 1d', (time) =>
    time === '0' ? 0 : measured(time, DURATIONS),
  );
}

export interface Span {
  readonly start: number;
  /** The byte after the last one; without it, the end of the stream. */
  readonly end?: number;
}

/** START-END, or START- for all from there on. */
export function rangeOf(name: string, text: string | undefined): Span | undefined {
  const range = meaning(name, text, 'START-END in bytes', spanOf);
  if (range?.end === undefined || range.end >= range.start) return range;
  throw new UsageError(
    `--${name} ${text} ends before it starts; END is the byte after the last one`,
  );
}

function spanOf(text: string): Span | undefined {
  const [, from = '', to = ''] = /^([^-]*)-([^-]*)$/.exec(text) ?? [];
  const [start, end] = [measured(from, SIZES), measured(to, SIZES)];
  if (start === undefined) return undefined;
  if (to === '') return { start };
  return end === undefined ? undefined : { start, end };
}

/** A whole number and a unit. */
function measured(text: string, units: Readonly<Record<string, number>>): number | undefined {
  const [, digits, unit] = /^(\d{1,16})([A-Za-z]*)$/.exec(text) ?? [];
  if (digits === undefined || unit === undefined || !Object.hasOwn(units, unit)) return undefined;
  const number = Number(digits) * units[unit];
  return Number.isSafeInteger(number) ? number : undefined;
}
