/**
 * Sizes, ranges and durations as people write them at the command line. What makes no sense is
 * wrong usage: nothing is guessed, and what is not a whole number of bytes or of milliseconds is
 * not rounded.
 *
 *     size       1024  64KiB  1MiB  2GiB  1TiB          KB, MB, GB and TB are powers of a thousand
 *     range      0-1024  1MiB-2MiB  100-                END is the byte behind the last, as everywhere in the library
 *     duration   0  500ms  90s  10m  12h  1d
 */
import { UsageError } from './verb.js';

const SIZES: Readonly<Record<string, number>> = {
  '': 1,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
};
const DURATIONS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** Bytes. */
export function sizeOf(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const bytes = measured(text, SIZES);
  if (bytes !== undefined) return bytes;
  throw new UsageError(`--${name} takes bytes, such as 1024 or 64KiB, not ${quoted(text)}`);
}

/** Milliseconds. A bare number is refused unless it is 0: nobody knows which unit it meant. */
export function durationOf(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const duration = text === '0' ? 0 : measured(text, DURATIONS);
  if (duration !== undefined) return duration;
  throw new UsageError(`--${name} takes a time, such as 90s, 10m, 12h or 1d, not ${quoted(text)}`);
}

export interface Span {
  readonly start: number;
  /** The byte behind the last; not given: the end of the stream. */
  readonly end?: number;
}

/** START-END, or START- for all from there on. */
export function rangeOf(name: string, text: string | undefined): Span | undefined {
  if (text === undefined) return undefined;
  const [from = '', to = '', ...more] = text.split('-');
  const start = measured(from, SIZES);
  const end = to === '' ? undefined : measured(to, SIZES);
  const isRange = text.includes('-') && more.length === 0 && start !== undefined;
  if (!isRange || (to !== '' && end === undefined)) {
    throw new UsageError(`--${name} takes START-END in bytes, not ${quoted(text)}`);
  }
  if (end === undefined) return { start };
  if (end >= start) return { start, end };
  throw new UsageError(`--${name} ${text} ends before it starts; END is the byte behind the last`);
}

/** A whole number and a unit. */
function measured(text: string, units: Readonly<Record<string, number>>): number | undefined {
  const [, digits, unit] = /^(\d{1,16})([A-Za-z]*)$/.exec(text) ?? [];
  if (digits === undefined || unit === undefined || !Object.hasOwn(units, unit)) return undefined;
  const number = Number(digits) * (units[unit] as number);
  return Number.isSafeInteger(number) ? number : undefined;
}

function quoted(text: string): string {
  return JSON.stringify(text);
}
