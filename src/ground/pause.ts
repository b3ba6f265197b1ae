/**
 * Pausing: long work lets the event loop have its turn every few milliseconds, so that timers,
 * sockets and aborts are heard. This is the one way to do so. Measured: a turn costs about a
 * microsecond, hashing 64 KiB more than thirty.
 *
 *     const pace = new Pace('a merge', { signal });
 *     for (const step of steps) if (pace.due()) await pace.rest();
 */
import { throwIfAborted } from './errors.js';

/** How long work goes on between two turns of the event loop, in milliseconds. */
export const SLICE_MS = 4;

/** Resolves after the event loop took a turn. */
export function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

export interface PaceOptions {
  readonly signal?: AbortSignal | undefined;
  /** Steps between two looks at the clock: 1 where a step may be long, more where all are short. */
  readonly steps?: number;
  /** Milliseconds from any fixed moment; default `performance.now`. */
  readonly clock?: (() => number) | undefined;
}

export class Pace {
  readonly #operation: string;
  readonly #signal: AbortSignal | undefined;
  readonly #steps: number;
  readonly #clock: () => number;
  #until: number;
  #passed = 0;

  /**
   * `operation` names the work for REGALIA_ABORTED, which is thrown here if the signal is aborted.
   */
  constructor(operation: string, options: PaceOptions = {}) {
    this.#operation = operation;
    this.#signal = options.signal;
    this.#steps = options.steps ?? 1;
    this.#clock = options.clock ?? (() => performance.now());
    throwIfAborted(this.#signal, operation);
    this.#until = this.#clock() + SLICE_MS;
  }

  /** Whether it is time to rest; a step of some weight counts as that many. */
  due(weight = 1): boolean {
    this.#passed += weight;
    if (this.#passed < this.#steps) return false;
    this.#passed = 0;
    return this.#clock() >= this.#until;
  }

  /** Lets the event loop have its turn. REGALIA_ABORTED if the signal was aborted. */
  async rest(): Promise<void> {
    await turn();
    throwIfAborted(this.#signal, this.#operation);
    this.#until = this.#clock() + SLICE_MS;
  }
}

let turnedAt = 0;

/** Whether it is time for a turn, shared by all whose own work is much shorter than a slice. */
export function turnDue(): boolean {
  const now = performance.now();
  if (now - turnedAt < SLICE_MS) return false;
  turnedAt = now;
  return true;
}
