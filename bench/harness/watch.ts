/**
 * Watches: peak resident memory, and stalls of the event loop, of this process.
 *
 * Linux keeps the peak (VmHWM) and forgets it when 5 is written to clear_refs, so that a peak is
 * seen even where synchronous work lets no timer run. Elsewhere the peak since the start of the
 * process stands in: run such measurements in a process of their own (child.ts). A memory map
 * counts as far as its pages are resident.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';

/** The peak since the start of the process or the last reset. */
export function peakResidentBytes(): number {
  return statusBytes('VmHWM') ?? process.resourceUsage().maxRSS * 1024;
}

/**
 * Memory of this process alone, without pages of mapped files: what the heap and buffers really
 * take.
 */
export function anonymousBytes(): number | undefined {
  return statusBytes('RssAnon');
}

function statusBytes(field: string): number | undefined {
  try {
    const match = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(
      readFileSync('/proc/self/status', 'utf8'),
    );
    return match === null ? undefined : Number(match[1]) * 1024;
  } catch {
    return undefined;
  }
}

/**
 * Resident pages of this process's maps of files whose paths end so; undefined where nobody tells.
 */
export function mappedBytes(ending: string): number | undefined {
  try {
    let [bytes, within] = [0, false];
    for (const line of readFileSync('/proc/self/smaps', 'utf8').split('\n')) {
      if (/^[0-9a-f]+-[0-9a-f]+ /.test(line)) within = line.endsWith(ending);
      const match = within ? /^Rss:\s+(\d+) kB$/.exec(line) : null;
      if (match !== null) bytes += Number(match[1]) * 1024;
    }
    return bytes;
  } catch {
    return undefined;
  }
}

export interface ResidentMemory {
  readonly startBytes: number;
  readonly peakBytes: number;
  readonly growthBytes: number;
}

/** Starts to watch; the function that it gives ends the watch. */
export function watchResident(): () => ResidentMemory {
  globalThis.gc?.();
  try {
    writeFileSync('/proc/self/clear_refs', '5');
  } catch {
    // Not Linux, or not permitted: the peak since the start of the process has to do.
  }
  const startBytes = process.memoryUsage.rss();
  return () => {
    const peakBytes = peakResidentBytes();
    return { startBytes, peakBytes, growthBytes: Math.max(0, peakBytes - startBytes) };
  };
}

export interface Peak {
  readonly startBytes: number;
  /** Without pages of mapped files. */
  readonly anonymousBytes: number;
  readonly residentBytes: number;
}

/** Runs `work`, and polls as often as the event loop turns, and whenever `look` is called. */
export async function peakOf(work: (look: () => void) => Promise<void>): Promise<Peak> {
  const resident = watchResident();
  const startBytes = anonymousBytes() ?? 0;
  let peak = startBytes;
  const look = (): void => {
    peak = Math.max(peak, anonymousBytes() ?? 0);
  };
  const timer = setInterval(look, 2);
  try {
    await work(look);
    look();
  } finally {
    clearInterval(timer);
  }
  return { startBytes, anonymousBytes: peak, residentBytes: resident().peakBytes };
}

export interface Stalls {
  readonly maxMs: number;
  readonly p99Ms: number;
}

/** Watches for how long the event loop was held; the function that it gives ends the watch. */
export function watchStalls(): () => Promise<Stalls> {
  const resolutionMs = 1;
  const histogram = monitorEventLoopDelay({ resolution: resolutionMs });
  histogram.enable();
  return async () => {
    // A stall shows only when the loop turns again: let it.
    await delay(5 * resolutionMs);
    histogram.disable();
    const beyond = (nanoseconds: number): number => Math.max(0, nanoseconds / 1e6 - resolutionMs);
    return { maxMs: beyond(histogram.max), p99Ms: beyond(histogram.percentile(99)) };
  };
}
