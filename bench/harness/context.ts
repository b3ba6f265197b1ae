/**
 * Runs one bench in its own process: the far side of run.ts.
 */
import type { Bench, Context, Row } from './bench.js';
import { Folders } from './folder.js';

export interface Settings {
  /** The URL of the bench's compiled module. */
  readonly module: string;
  readonly scale: number;
  readonly seed: number;
  /** Where temporary folders are made; the system's own place if absent. */
  readonly beneath?: string | undefined;
}

export async function loadBench(module: string): Promise<Bench> {
  const { default: bench } = (await import(module)) as { default?: Bench };
  if (typeof bench?.run !== 'function') throw new Error(`${module} exports no bench as default`);
  return bench;
}

export async function runBench(settings: Settings): Promise<Row[]> {
  const bench = await loadBench(settings.module);
  const folders = new Folders(settings.beneath);
  const context: Context = {
    scale: settings.scale,
    seed: settings.seed,
    sized: (count, least = 1) => Math.max(least, Math.round(count * settings.scale)),
    folder: (name) => folders.make(name),
    say: (message) => console.error(`${bench.name}: ${message}`),
  };
  try {
    return await bench.run(context);
  } finally {
    folders.remove();
  }
}
