/** Volumes as verbs name them, and the lines and rows in which they are shown. */
import path from 'node:path';
import type { Regalia, VolumeInfo } from '../index.js';
import { shown } from './output.js';
import { byteCount } from './progress.js';
import { UsageError } from './verb.js';

/** The first digits of a volume's id: so many are shown, and so many name it. */
export const BRIEF = 8;
const DIGITS = /^[0-9a-f]{4,31}$/;

/**
 * What the library takes for a volume that is named by its folder, its id, or the first digits of
 * that.
 */
export async function volumeOf(store: Regalia, which: string): Promise<string> {
  const volumes = await store.volumes();
  const isPath = volumes.some((volume) => volume.path === path.resolve(which));
  if (isPath || !DIGITS.test(which)) return which;
  const found = volumes.filter(({ id }) => id.startsWith(which));
  if (found.length > 1) throw new UsageError(`${which} begins the ids of ${found.length} volumes`);
  return found[0]?.id ?? which;
}

/** The volume at a folder or of an id, as it is now. */
export async function infoOf(store: Regalia, which: string): Promise<VolumeInfo | undefined> {
  const at = path.resolve(which);
  return (await store.volumes()).find((volume) => volume.id === which || volume.path === at);
}

/** Sizes are null where the volume is not here. */
export function volumeRow({ bytes, freeBytes, ...rest }: VolumeInfo): object {
  return { ...rest, bytes: bytes ?? null, freeBytes: freeBytes ?? null };
}

/** `0a1b2c3d  online     weight 1     12.3 MiB, 80.1 GiB free  /disks/a` */
export function volumeLine({ id, state, weight, bytes, freeBytes, path: at }: VolumeInfo): string {
  const sizes =
    bytes === undefined || freeBytes === undefined
      ? 'not here'
      : `${byteCount(bytes)}, ${byteCount(freeBytes)} free`;
  const facts = `${id.slice(0, BRIEF)}  ${state.padEnd(9)}  weight ${String(weight).padEnd(3)}`;
  return `${facts}  ${sizes.padEnd(26)}  ${shown(at)}`;
}
