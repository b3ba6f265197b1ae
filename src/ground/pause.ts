/**
 * Turns: long work between awaits that resolve at once would keep timers, sockets and aborts from
 * being heard, so it lets the event loop take a turn every so often. Measured: a turn costs about a
 * microsecond, hashing 64 KiB more than thirty.
 */

/** Resolves after the event loop took a turn. */
export function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

/** So long may reads that resolve at once follow each other without a turn, in milliseconds. */
const TURN_EVERY_MS = 4;
let turnedAt = 0;

/**
 * Whether it is time for a turn, which the caller then takes: for reads that are much shorter than
 * a turn is due.
 */
export function turnDue(): boolean {
  const now = performance.now();
  if (now - turnedAt < TURN_EVERY_MS) return false;
  turnedAt = now;
  return true;
}
