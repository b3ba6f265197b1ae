/**
 * Times of modification as exact as Node can set them.
 *
 * Node hands times on as doubles of seconds, which near the present are 238 ns apart, and libuv
 * below 1.49 cuts them down to whole microseconds. Aiming half a step high makes that cut land on
 * the microsecond meant: measured on Node 20, no time then is off by a microsecond or more, which
 * is what a later comparison allows for. Numbers below zero Node takes for the present, so times
 * before 1970 go in as a Date, cut to milliseconds.
 */
import { futimesSync, lutimesSync } from 'node:fs';

const HALF_STEP_NS = 120;

function timeOf(mtimeNs: bigint): number | Date {
  if (mtimeNs < 0n) return new Date(Number(mtimeNs / 1_000_000n));
  const seconds = Number(mtimeNs / 1_000_000_000n);
  return seconds + (Number(mtimeNs % 1_000_000_000n) + HALF_STEP_NS) / 1e9;
}

/** Sets the times of an open file. */
export function setTimesOpen(fd: number, mtimeNs: bigint): void {
  const time = timeOf(mtimeNs);
  futimesSync(fd, time, time);
}

/** Sets the times of what lies at a path, a symbolic link included. */
export function setTimesAt(path: string | Buffer, mtimeNs: bigint): void {
  const time = timeOf(mtimeNs);
  lutimesSync(path, time, time);
}
