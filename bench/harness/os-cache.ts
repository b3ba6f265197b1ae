/**
 * The operating system's cache of files, emptied: so that the next read comes from the disk. Linux
 * does it for root alone; who may not is told so once, and figures then say that they are of a cold
 * process only.
 */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';

let permitted = true;

/** Whether it was emptied. Pages that a process has mapped stay: close stores first. */
export function emptyOsCache(): boolean {
  if (!permitted) return false;
  try {
    // Dirty pages are not dropped.
    spawnSync('sync', { stdio: 'ignore' });
    writeFileSync('/proc/sys/vm/drop_caches', '3');
  } catch (error) {
    permitted = false;
    const reason = error instanceof Error ? error.message : String(error);
    console.error(`the system's cache cannot be emptied: ${reason}`);
  }
  return permitted;
}
