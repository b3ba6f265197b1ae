/**
 * Runs one bench in its own process: the far side of run.ts.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Bench, Context, Row } from './bench.js';
import { Folders } from './folder.js';

export interface Settings {
  /** The URL of the bench's compiled module. */
  readonly module: string;
  readonly scale: number;
  readonly seed: number;
  /** Where temporary folders are made; the system's own place if absent. */
  readonly below?: string | undefined;
  /** The machine and the scale, in one line. */
  readonly machine: string;
  /** Where benches keep plots and whole tables, if anywhere. */
  readonly results?: string | undefined;
}

export async function loadBench(module: string): Promise<Bench> {
  const { default: bench } = (await import(module)) as { default?: Bench };
  if (typeof bench?.run !== 'function') throw new Error(`${module} exports no bench as default`);
  return bench;
}

export async function runBench(settings: Settings): Promise<Row[]> {
  const bench = await loadBench(settings.module);
  const folders = new Folders(settings.below);
  const context: Context = {
    scale: settings.scale,
    seed: settings.seed,
    sized: (count, least = 1) => Math.max(least, Math.round(count * settings.scale)),
    folder: (name) => folders.make(name),
    say: (message) => console.error(`${bench.name}: ${message}`),
    machine: settings.machine,
    keeps: settings.results !== undefined,
    keep: (name, text) => {
      if (settings.results !== undefined) keepIn(settings.results, name, text);
    },
  };
  try {
    return await bench.run(context);
  } finally {
    folders.remove();
  }
}

/** Writes a file of results, and makes their folder. */
export function keepIn(folder: string, name: string, text: string): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, name), text);
}
