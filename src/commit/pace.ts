/**
 * Pace: long work in steps, so that the event loop has its turn every few milliseconds, memory
 * stays bounded, and extents are at hand for the steps that cannot wait for them.
 */

import { throwIfAborted } from '../ground/errors.js';
import { turn } from '../ground/pause.js';
import type { Core } from './core.js';
import type { Writers } from './writers.js';

/** How long steps run before the event loop has its turn. */
const SLICE_MS = 6;
/** Extents reserved before steps that cannot wait. */
const RESERVE = 1_024;

/** Runs steps to their end, spilling what they stage and reserving between them. */
export async function runSteps<T>(
  steps: Iterator<void, T>,
  core: Core,
  writers: Writers,
  signal?: AbortSignal,
): Promise<T> {
  await reserved(core);
  let until = performance.now() + SLICE_MS;
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
    if (writers.blocks.heavy) await writers.blocks.spill();
    if (performance.now() < until) continue;
    await turn();
    throwIfAborted(signal, 'commit');
    await reserved(core);
    until = performance.now() + SLICE_MS;
  }
}

/** Others may take what was reserved before its caller goes on: so it looks again. */
async function reserved(core: Core): Promise<void> {
  while (core.blocks.available < RESERVE) await core.blocks.reserve(RESERVE);
}
