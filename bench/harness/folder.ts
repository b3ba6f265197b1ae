/**
 * Folders for one run of a bench: made below one temporary folder, removed with it.
 */
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export class Folders {
  readonly root: string;
  #made = 0;

  constructor(below = tmpdir()) {
    mkdirSync(below, { recursive: true });
    this.root = mkdtempSync(join(below, 'regalia-bench-'));
  }

  make(name: string): string {
    const folder = join(this.root, `${this.#made++}-${name}`);
    mkdirSync(folder);
    return folder;
  }

  remove(): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}

/** Bytes that a folder's files take on the device, sparse parts left out. */
export function storedBytes(folder: string): number {
  let bytes = 0;
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true })) {
    if (entry.isFile()) bytes += statSync(join(entry.parentPath, entry.name)).blocks * 512;
  }
  return bytes;
}
