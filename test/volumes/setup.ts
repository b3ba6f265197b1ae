/**
 * What the tests of volumes share: records and owners, bits flipped one by one, calls of the
 * operating system that fail when told to, and stores in folders whose contents lie in volumes.
 */
import { cpSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { concatBytes, equalBytes } from '../../src/ground/bytes.js';
import { isRegaliaError, Regalia, type RegaliaOptions } from '../../src/index.js';
import { sha256Into } from '../../src/kernels/hash.js';
import { RecordKind, type SegmentIds } from '../../src/volumes/segment-format.js';
import type { SegmentRecord } from '../../src/volumes/segment-reader.js';
import { noise } from '../chunks/setup.js';

/** A folder that is removed when the test ends. */
export function folderOf(t: { teardown(work: () => void): void }): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'regalia-volumes-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** The code of what a call throws; 'done' where it does not. */
export function codeOfCall(run: () => unknown): string {
  try {
    run();
    return 'done';
  } catch (error) {
    if (isRegaliaError(error)) return error.code;
    throw error;
  }
}

/** The bytes with one bit flipped, for each of their bits in [from, to). */
export function* flips(
  bytes: Uint8Array,
  from = 0,
  to = bytes.length,
): Generator<{ at: number; bytes: Uint8Array }> {
  for (let bit = from * 8; bit < to * 8; bit++) {
    const flipped = bytes.slice();
    const at = bit >>> 3;
    flipped[at] = (flipped[at] as number) ^ (1 << (bit & 7));
    yield { at, bytes: flipped };
  }
}

export const IDS: SegmentIds = { volume: noise(16, 1), replica: noise(16, 2), number: 7 };

/** A record of a chunk as it would be made of these stored bytes. */
export function recordOf(stored: Uint8Array): SegmentRecord {
  const digest = new Uint8Array(32);
  sha256Into(stored, digest, 0);
  const head = {
    kind: RecordKind.chunk,
    codec: 0,
    algorithm: 1 as const,
    plainLength: stored.length,
    storedLength: stored.length,
    digest,
  };
  return { head, stored };
}

/** Records of the given lengths, no two alike. */
export function recordsOf(...lengths: number[]): SegmentRecord[] {
  return lengths.map((length, i) => recordOf(noise(length, i + length + 1)));
}

/** Where records lie that were appended at these offsets. */
export function placesOf(records: readonly SegmentRecord[], offsets: readonly number[]) {
  return records.map(({ stored }, i) => ({
    segment: IDS.number,
    offset: offsets[i] as number,
    storedLength: stored.length,
  }));
}

/** Whether these are the records, bytes and digests. */
export function sameRecords(
  found: readonly SegmentRecord[],
  records: readonly SegmentRecord[],
): boolean {
  return (
    found.length === records.length &&
    found.every(({ head, stored }, i) => {
      const { head: expected, stored: bytes } = records[i] as SegmentRecord;
      return equalBytes(stored, bytes) && equalBytes(head.digest, expected.digest);
    })
  );
}

type HandleMethod = (this: unknown, ...args: unknown[]) => Promise<unknown>;

/** A call of a method of a file handle. */
export interface HandleCall {
  /** From 1. */
  readonly count: number;
  readonly args: unknown[];
  /** Lets it happen, with these arguments or others. */
  proceed(...args: unknown[]): Promise<unknown>;
}

/** Answers the calls of a method of all file handles while the work runs. */
export async function answering<T>(
  method: 'write' | 'writev' | 'datasync' | 'sync',
  answer: (call: HandleCall) => Promise<unknown>,
  work: () => Promise<T>,
): Promise<T> {
  const handle = await open(tmpdir(), 'r');
  const prototype = Object.getPrototypeOf(handle) as Record<string, HandleMethod>;
  await handle.close();
  const original = prototype[method] as HandleMethod;
  let count = 0;
  prototype[method] = function (this: unknown, ...args: unknown[]): Promise<unknown> {
    const proceed = (...others: unknown[]): Promise<unknown> =>
      original.apply(this, others.length > 0 ? others : args);
    return answer({ count: ++count, args, proceed });
  };
  try {
    return await work();
  } finally {
    prototype[method] = original;
  }
}

/** The error that the operating system would give. */
export function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: injected`), { code });
}

/** A promise that is kept from outside. */
export function gate(): { open: () => void; opened: Promise<void> } {
  let open = (): void => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { open, opened };
}

/** Contents, in chunks of 16 KiB, that always leave metadata. */
export const CHUNK = 16_384;
export const OPTIONS = {
  default: { inlineMax: 64, chunking: { kind: 'fixed', bytes: CHUNK } },
  workers: 0,
} as const satisfies RegaliaOptions;
export const MIRRORED = {
  ...OPTIONS,
  default: { ...OPTIONS.default, redundancy: { kind: 'mirrored', copies: 2 } },
} as const satisfies RegaliaOptions;

/** Runs with an open store, which is closed behind it. */
export async function within<T>(
  folder: string,
  options: RegaliaOptions,
  work: (store: Regalia) => Promise<T>,
): Promise<T> {
  const store = await Regalia.open(folder, options);
  try {
    return await work(store);
  } finally {
    await store.close();
  }
}

export async function write(
  store: Pick<Regalia, 'transact'>,
  key: string,
  bytes: Uint8Array,
  stream = 'content',
): Promise<void> {
  await store.transact((tx) => tx.write(key, stream, bytes));
}

export async function read(
  store: Pick<Regalia, 'snapshot'>,
  key: string,
  stream = 'content',
): Promise<Uint8Array | undefined> {
  return store.snapshot().get(key, stream)?.bytes();
}

/** Bytes of the segments in volumes' folders. */
export function segmentBytes(...folders: string[]): number {
  return segmentPaths(...folders).reduce((sum, file) => sum + statSync(file).size, 0);
}

/** The files of segments in volumes' folders, in order. */
export function segmentPaths(...folders: string[]): string[] {
  return folders.flatMap((folder) =>
    readdirSync(folder)
      .filter((name) => name.startsWith('seg-'))
      .sort()
      .map((name) => path.join(folder, name)),
  );
}

/** Puts a copy of a folder in the place of another. */
export function replaceFolder(from: string, to: string): void {
  rmSync(to, { recursive: true, force: true });
  cpSync(from, to, { recursive: true });
}

/** A header of a record, as FORMAT.md has it, whatever it says: with its checksum right. */
export function sealedHead(
  fields: {
    kind?: number;
    algorithm?: number;
    flags?: number;
    storedLength?: number;
    reserved?: number;
  },
  sum: (bytes: Uint8Array) => number,
  offset: number,
): Uint8Array {
  const head = new Uint8Array(60);
  const view = new DataView(head.buffer);
  head.set([0xa7, 0x52, 0xe9, 0x1c, fields.kind ?? 1, 0, fields.algorithm ?? 1, fields.flags ?? 0]);
  view.setUint32(8, 100, true);
  view.setUint32(12, fields.storedLength ?? 100, true);
  view.setUint32(16, fields.reserved ?? 0, true);
  const place = new Uint8Array(12);
  new DataView(place.buffer).setUint32(0, IDS.number, true);
  new DataView(place.buffer).setUint32(6, offset, true);
  const last = new Uint8Array(4);
  new DataView(last.buffer).setUint32(0, sum(concatBytes([head, IDS.volume, place])), true);
  return concatBytes([head, last]);
}
