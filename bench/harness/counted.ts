/**
 * Counts what work costs beyond time: bytes hashed, bytes that this process sends to the disk,
 * processor time of this process and of those it waited for.
 *
 * Hashing is counted where Node is asked for it, so it holds whatever the store is made of. Written
 * is what was handed to the system's calls, as Linux counts it; elsewhere there is no figure. (What
 * it counts as made dirty is whole folios of its cache, of 64 KiB and more: ten times what is
 * written.)
 */
import crypto from 'node:crypto';
import { readFileSync } from 'node:fs';

/** Runs `work`, and gives the bytes that were hashed by Node meanwhile. */
export async function hashedBytes(work: () => Promise<unknown>): Promise<number> {
  const { hash, createHash } = crypto;
  let bytes = 0;
  const lengthOf = (data: unknown): number =>
    typeof data === 'string' ? Buffer.byteLength(data) : (data as Uint8Array).byteLength;
  crypto.hash = ((...given: Parameters<typeof hash>) => {
    bytes += lengthOf(given[1]);
    return hash(...given);
  }) as typeof hash;
  crypto.createHash = ((...given: Parameters<typeof createHash>) => {
    const made = createHash(...given);
    const update = made.update.bind(made) as (data: unknown, ...more: unknown[]) => typeof made;
    made.update = (data: unknown, ...more: unknown[]) => {
      bytes += lengthOf(data);
      return update(data, ...more);
    };
    return made;
  }) as typeof createHash;
  try {
    await work();
  } finally {
    Reflect.set(crypto, 'hash', hash);
    Reflect.set(crypto, 'createHash', createHash);
  }
  return bytes;
}

/**
 * Bytes that this process has given to be written since it began; undefined where the system does
 * not count them.
 */
export function writtenBytes(): number | undefined {
  try {
    const match = /^wchar: (\d+)$/m.exec(readFileSync('/proc/self/io', 'utf8'));
    return match === null ? undefined : Number(match[1]);
  } catch {
    return undefined;
  }
}

/**
 * Milliseconds of processor time of all processes that this one has waited for; undefined where
 * nobody counts.
 */
export function childrenCpuMs(): number | undefined {
  try {
    const stat = readFileSync('/proc/self/stat', 'utf8');
    // The second field is a name in brackets, which may hold anything; cutime and cstime are the
    // 16th and 17th.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const ticksASecond = 100;
    return ((Number(fields[13]) + Number(fields[14])) * 1000) / ticksASecond;
  } catch {
    return undefined;
  }
}

/** Milliseconds of processor time of this process, all its threads included. */
export function ownCpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** What one step of work took. */
export interface Took {
  readonly ms: number;
  /** Processor time of all threads; absent where nobody counts it. */
  readonly cpuMs?: number | undefined;
}

/** Of work in this process. */
export async function took(work: () => Promise<unknown>): Promise<Took> {
  const [start, cpu] = [performance.now(), ownCpuMs()];
  await work();
  return { ms: performance.now() - start, cpuMs: ownCpuMs() - cpu };
}
