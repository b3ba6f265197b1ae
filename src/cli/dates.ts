/**
 * Dates as they are shown and typed: in the zone of this machine, which is shown.
 *
 *     shown    2026-11-21 12:33:05.017 +01:00
 *     typed    the same, without a zone, without milliseconds, seconds or a time of day, with T
 *              now   yesterday   90s ago   10 minutes ago   1h ago   3d ago   2 weeks ago
 *
 * What is shown is what it was, to the millisecond, when it is typed again. A date alone is
 * midnight, as the day begins; yesterday is the same time of day, a day ago. Z is +00:00.
 */
import { UsageError } from './verb.js';

const ABSOLUTE =
  /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,3}))?)?)? ?(Z|[+-]\d\d:?\d\d)?$/;
const RELATIVE = /^(\d{1,6}) ?([a-z]+) ago$/;
const UNITS: Readonly<Record<string, number>> = {
  s: 1_000,
  second: 1_000,
  m: 60_000,
  minute: 60_000,
  h: 3_600_000,
  hour: 3_600_000,
  d: 86_400_000,
  day: 86_400_000,
  w: 604_800_000,
  week: 604_800_000,
};

/** Whether a text looks like a date, and not like a name or an address. */
export function looksLikeDate(text: string): boolean {
  return /^\d{4}-\d\d-\d\d([T ]\d\d:.*)?$/.test(text) || isRelative(text);
}

function isRelative(text: string): boolean {
  return text === 'now' || text === 'yesterday' || text.endsWith(' ago');
}

/** The date that a text means, with `now` at hand. @throws UsageError */
export function dateOf(text: string, now = Date.now()): Date {
  const date = isRelative(text) ? relative(text, now) : absolute(text);
  if (date !== undefined && !Number.isNaN(date.getTime())) return date;
  throw new UsageError(`${text} is not a date`);
}

function relative(text: string, now: number): Date | undefined {
  if (text === 'now') return new Date(now);
  if (text === 'yesterday') return new Date(now - (UNITS['d'] as number));
  const [, count, unit = ''] = RELATIVE.exec(text) ?? [];
  const length = UNITS[unit] ?? (unit.endsWith('s') ? UNITS[unit.slice(0, -1)] : undefined);
  return count === undefined || length === undefined
    ? undefined
    : new Date(now - Number(count) * length);
}

function absolute(text: string): Date | undefined {
  const parts = ABSOLUTE.exec(text);
  if (parts === null) return undefined;
  const [year, month, day, hour, minute, second] = parts
    .slice(1, 7)
    .map((digits) => Number(digits ?? 0)) as [number, number, number, number, number, number];
  const millisecond = Number((parts[7] ?? '').padEnd(3, '0'));
  const given = [year, month - 1, day, hour, minute, second, millisecond] as const;
  const inZone = new Date(Date.UTC(...given));
  // The 31st of a month that has none, the 25th hour.
  const isReal =
    inZone.toISOString().startsWith(text.slice(0, 10)) && hour < 24 && minute < 60 && second < 60;
  if (!isReal) return undefined;
  const zone = parts[8];
  return zone === undefined ? new Date(...given) : new Date(inZone.getTime() - offsetOf(zone));
}

/** Milliseconds that a zone is ahead of UTC. */
function offsetOf(zone: string): number {
  if (zone === 'Z') return 0;
  const minutes = Number(zone.slice(1, 3)) * 60 + Number(zone.slice(-2));
  return (zone.startsWith('-') ? -minutes : minutes) * 60_000;
}

/** A time as it is shown. */
export function timeText(timeMs: number): string {
  const ahead = -new Date(timeMs).getTimezoneOffset();
  const local = new Date(timeMs + ahead * 60_000).toISOString();
  return `${local.slice(0, 10)} ${local.slice(11, 23)} ${zoneText(ahead)}`;
}

function zoneText(minutes: number): string {
  const two = (number: number): string => `${Math.floor(number)}`.padStart(2, '0');
  const ahead = Math.abs(minutes);
  return `${minutes < 0 ? '-' : '+'}${two(ahead / 60)}:${two(ahead % 60)}`;
}
