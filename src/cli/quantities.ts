/**
 * What the texts of options mean: sizes, ranges, durations, choices and storage rules as people
 * write them at the command line. What makes no sense is wrong usage: nothing is guessed, and what
 * is not a whole number of bytes or of milliseconds is not rounded.
 *
 *     size       1024  64KiB  1MiB  2GiB  1TiB      KB, MB, GB and TB are powers of a thousand
 *     range      0-1024  1MiB-2MiB  100-            END is the byte after the last one
 *     duration   0  500ms  90s  10m  12h  1d
 */
import type { RedundancyOption, StreamOptions } from '../index.js';
import { type OptionSpecs, UsageError } from './verb.js';

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

/** A whole number. */
export function numberOf(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new UsageError(`--${name} must be a number, not ${quoted(text)}`);
}

/** One of a few words. */
export function oneOf<T extends string>(
  name: string,
  all: readonly T[],
  text: string | undefined,
): T | undefined {
  const found = all.find((each) => each === text);
  if (found !== undefined || text === undefined) return found;
  throw new UsageError(`--${name} must be one of ${all.join(', ')}, not ${quoted(text)}`);
}

/** Bytes. */
export function sizeOf(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const bytes = measured(text, SIZES);
  if (bytes !== undefined) return bytes;
  throw new UsageError(`--${name} must be bytes, such as 1024 or 64KiB, not ${quoted(text)}`);
}

/** Milliseconds. A bare number is refused unless it is 0: nobody knows which unit it meant. */
export function durationOf(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const duration = text === '0' ? 0 : measured(text, DURATIONS);
  if (duration !== undefined) return duration;
  throw new UsageError(
    `--${name} must be a time, such as 90s, 10m, 12h or 1d, not ${quoted(text)}`,
  );
}

export interface Span {
  readonly start: number;
  /** The byte after the last one; without it, the end of the stream. */
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
    throw new UsageError(`--${name} must be START-END in bytes, not ${quoted(text)}`);
  }
  if (end === undefined) return { start };
  if (end >= start) return { start, end };
  throw new UsageError(
    `--${name} ${text} ends before it starts; END is the byte after the last one`,
  );
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

export const RULE_OPTIONS = {
  compression: { type: 'string', placeholder: 'LEVEL', help: 'none, or 1 to 19: levels of zstd' },
  redundancy: {
    type: 'string',
    placeholder: 'HOW',
    help: 'none, striped, mirrored:COPIES, coded or coded:DATA+PARITY',
  },
  from: {
    type: 'string',
    placeholder: 'BYTES',
    help: 'shorter contents are not coded; default 64MiB',
  },
} as const satisfies OptionSpecs;

/** What the options of `RULE_OPTIONS` ask for; undefined where they ask for nothing. */
export function ruleOf(options: {
  readonly compression?: string;
  readonly redundancy?: string;
  readonly from?: string;
}): StreamOptions | undefined {
  const { compression, redundancy } = options;
  const from = sizeOf('from', options.from);
  const how = redundancy === undefined ? undefined : redundancyOf(redundancy, from);
  if (from !== undefined && how?.kind !== 'coded') {
    throw new UsageError('--from goes with --redundancy coded');
  }
  if (compression === undefined && how === undefined) return undefined;
  return {
    ...(compression !== undefined && { compression: compressionOf(compression) }),
    ...(how !== undefined && { redundancy: how }),
  };
}

function compressionOf(text: string): 'none' | number {
  if (text === 'none') return text;
  if (/^\d{1,2}$/.test(text)) return Number(text);
  throw new UsageError(`--compression must be none or 1 to 19, not ${JSON.stringify(text)}`);
}

function redundancyOf(text: string, from: number | undefined): RedundancyOption {
  if (text === 'none' || text === 'striped') return { kind: text };
  const [, copies] = /^mirrored:(\d{1,3})$/.exec(text) ?? [];
  if (copies !== undefined) return { kind: 'mirrored', copies: Number(copies) };
  const [coded, , data, parity] = /^coded(:(\d{1,3})\+(\d{1,3}))?$/.exec(text) ?? [];
  if (coded === undefined) {
    const forms = RULE_OPTIONS.redundancy.help;
    throw new UsageError(`--redundancy must be ${forms}, not ${JSON.stringify(text)}`);
  }
  return {
    kind: 'coded',
    ...(data !== undefined && parity !== undefined && { data: +data, parity: +parity }),
    ...(from !== undefined && { from }),
  };
}
