/**
 * Read-ahead: what a consumer will ask for next is fetched while it works on what it has, in order,
 * and no further ahead than so many bytes.
 *
 *     steps -> batches of up to 1 MiB -> [fetch][fetch][fetch] in flight -> one after the other
 *
 * Invariants: results come in the order of the steps; a failure comes in its place, and ends the
 * sequence; leaving before the end leaves no rejection unheard; nothing is fetched before
 * the first result is asked for.
 */

/** A step, and about how many bytes its result has. */
export interface Ahead<S> {
  readonly step: S;
  readonly bytes: number;
}

/** Bytes fetched at once, and bytes that may be under way. */
const BATCH_BYTES = 1024 * 1024;
const AHEAD_BYTES = 4 * 1024 * 1024;
const BATCH_COUNT = 64;

interface Flight<T> {
  readonly results: Promise<readonly T[]>;
  readonly bytes: number;
}

export async function* readAhead<S, T>(
  steps: Iterator<Ahead<S>, void>,
  fetch: (batch: readonly S[]) => Promise<readonly T[]>,
): AsyncGenerator<T, void, undefined> {
  const flights: Flight<T>[] = [];
  let bytes = 0;
  let done = false;
  for (;;) {
    while (!done && (bytes < AHEAD_BYTES || flights.length === 0)) {
      const batch = nextBatch(steps);
      done = batch.done;
      if (batch.steps.length === 0) break;
      const results = fetch(batch.steps);
      // A failure shows where its result is asked for, which may be nowhere.
      results.catch(() => undefined);
      flights.push({ results, bytes: batch.bytes });
      bytes += batch.bytes;
    }
    const flight = flights.shift();
    if (flight === undefined) return;
    yield* await flight.results;
    bytes -= flight.bytes;
  }
}

function nextBatch<S>(steps: Iterator<Ahead<S>, void>): {
  readonly steps: S[];
  readonly bytes: number;
  readonly done: boolean;
} {
  const batch: S[] = [];
  let bytes = 0;
  while (bytes < BATCH_BYTES && batch.length < BATCH_COUNT) {
    const next = steps.next();
    if (next.done === true) return { steps: batch, bytes, done: true };
    batch.push(next.value.step);
    bytes += next.value.bytes;
  }
  return { steps: batch, bytes, done: false };
}
