/**
 * The folder of a volume: segments, and a file that says whose it is.
 *
 *     VOLUME        'REGALIAV' | version u8 | volume id 16 | replica id 16 | sequence u48
 *                   | created ms u48 | checksum u32
 *     seg-NNNNNNNNNN
 *
 * The sequence is raised by the replica that writes there, before it writes, here and in its
 * registry: a folder that has less than the registry is an old copy of the volume.
 */
import fs from 'node:fs';
import { mkdir, readdir, stat, statfs } from 'node:fs/promises';
import path from 'node:path';
import { equalBytes } from '../ground/bytes.js';
import { crc32 } from '../ground/checksum.js';
import { alreadyExists, corrupt, errnoOf, ioError, malformed } from '../ground/errors.js';
import { flush, replaceFileNow } from '../ground/fsync.js';
import { ByteReader } from '../ground/reader.js';
import { readRegular } from '../ground/regular-file.js';
import { utf8Bytes } from '../ground/text.js';
import { ByteWriter } from '../ground/writer.js';

const VOLUME_FILE = 'VOLUME';
const MAGIC = utf8Bytes('REGALIAV');
const VERSION = 1;
const LENGTH = 57;

export interface VolumeIdentity {
  /** 16 bytes, as the replica's. */
  readonly id: Uint8Array;
  /** The replica of a store that writes to it. */
  readonly replica: Uint8Array;
  readonly sequence: number;
  readonly createdMs: number;
}

export function segmentFile(number: number): string {
  return `seg-${String(number).padStart(10, '0')}`;
}

export function encodeVolume(volume: VolumeIdentity): Uint8Array {
  const writer = new ByteWriter(LENGTH).bytes(MAGIC).u8(VERSION).bytes(volume.id);
  writer.bytes(volume.replica).u48(volume.sequence).u48(volume.createdMs);
  return writer.u32(crc32(writer.view())).finish();
}

/** REGALIA_FORMAT, REGALIA_VERSION, REGALIA_CORRUPT. */
export function decodeVolume(bytes: Uint8Array): VolumeIdentity {
  const reader = new ByteReader(bytes, 'file VOLUME');
  if (!equalBytes(reader.bytes(MAGIC.length), MAGIC)) reader.fail("'REGALIAV'", 'other bytes');
  reader.version(VERSION);
  const [id, replica] = [reader.bytes(16), reader.bytes(16)];
  const [sequence, createdMs] = [reader.u48(), reader.u48()];
  const [expected, actual] = [reader.u32(), crc32(bytes.subarray(0, LENGTH - 4))];
  reader.end();
  if (expected !== actual) {
    throw corrupt('file VOLUME', `checksum ${expected}`, `${actual}`);
  }
  return { id: id.slice(), replica: replica.slice(), sequence, createdMs };
}

/** Makes a volume of an empty or absent folder. REGALIA_EXISTS where anything is in it. */
export async function createVolume(folder: string, volume: VolumeIdentity): Promise<void> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    if ((await readdir(folder)).length > 0) {
      throw alreadyExists('folder', folder, 'a volume begins in an empty one');
    }
    writeVolume(folder, volume);
    await flush(path.dirname(path.resolve(folder)));
  } catch (error) {
    throw ioError(error, folder, 'create');
  }
}

/** Puts the file VOLUME in the place of the one before, at once: nothing else happens meanwhile. */
export function writeVolume(folder: string, volume: VolumeIdentity): void {
  const file = path.join(folder, VOLUME_FILE);
  try {
    replaceFileNow(file, encodeVolume(volume));
  } catch (error) {
    throw ioError(error, file, 'write');
  }
}

/** Whose the volume in a folder is, if one is there. As `decodeVolume`, and REGALIA_PERMISSION. */
export function readVolume(folder: string): VolumeIdentity | undefined {
  const file = path.join(folder, VOLUME_FILE);
  try {
    const bytes = readRegular(file);
    if (bytes.length !== LENGTH) {
      throw malformed('file VOLUME', 0, `${LENGTH} bytes`, `${bytes.length}`);
    }
    return decodeVolume(bytes);
  } catch (error) {
    const code = errnoOf(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw ioError(error, file, 'read');
  }
}

/** The segments in a folder, by number, with their sizes in bytes. */
export async function segmentsIn(folder: string): Promise<Map<number, number>> {
  const sizes = new Map<number, number>();
  try {
    for (const name of (await readdir(folder)).filter(isSegment).sort()) {
      // A collection may have removed it.
      const found = await stat(path.join(folder, name)).catch(absent);
      if (found !== undefined) sizes.set(Number(name.slice(4)), found.size);
    }
  } catch (error) {
    throw ioError(error, folder, 'read');
  }
  return sizes;
}

/** Bytes of the segments in a folder, at once; 0 where it is not there. */
export function segmentBytes(folder: string): number {
  let bytes = 0;
  try {
    for (const name of fs.readdirSync(folder).filter(isSegment)) {
      bytes += fs.statSync(path.join(folder, name), { throwIfNoEntry: false })?.size ?? 0;
    }
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw ioError(error, folder, 'read');
  }
  return bytes;
}

function isSegment(name: string): boolean {
  return /^seg-\d{10}$/.test(name);
}

/** Undefined for a file that is not there any more; any other error is thrown. */
export function absent(error: unknown): undefined {
  if (errnoOf(error) !== 'ENOENT') throw error;
}

export async function roomIn(folder: string): Promise<number> {
  try {
    const { bavail, bsize } = await statfs(folder);
    return bavail * bsize;
  } catch (error) {
    throw ioError(error, folder, 'read');
  }
}
