/**
 * The registry: which volumes a store has, as rows of `meta`. Volumes have a number of their own in
 * each store, which chunks' rows name; it is never used again.
 *
 *     key   'volume/' | number u16, big-endian
 *     row   checksum u32 | version u8 | volume id 16 | state u8 | weight varint | sequence varint
 *           | path text
 *
 * A path is absolute, or relative to the store's folder, so that a store with the volumes inside it
 * can be moved. The sequence is raised together with the one in the volume's own folder: where the
 * folder's is lower, it is an old copy.
 */
import { openRow, sealRow } from '../blocks/rows.js';
import type { Batch, Reads } from '../engine/engine.js';
import { assert, full } from '../ground/errors.js';
import { VOLUME_PATH_BYTES_MAX, VOLUME_WEIGHT_MAX, VOLUMES_MAX } from '../ground/limits.js';
import { ByteReader } from '../ground/reader.js';
import { utf8Bytes } from '../ground/text.js';
import { ByteWriter } from '../ground/writer.js';

const VERSION = 1;
const PREFIX = utf8Bytes('volume/');
/** Behind all keys that begin with the prefix. */
const BEHIND = utf8Bytes('volume0');

/** Persisted: never renumber. */
const STATES = ['online', 'read-only', 'draining', 'missing', 'failing'] as const;
/** What is done with a volume: read and written, only read, or emptied. */
export type VolumeState = (typeof STATES)[number];

export interface VolumeEntry {
  readonly number: number;
  /** 16 bytes. */
  readonly id: Uint8Array;
  readonly path: string;
  /** Its share of new contents, beside the others: 0 for nothing new. */
  readonly weight: number;
  readonly state: VolumeState;
  readonly sequence: number;
}

/** The volumes of a store, by number. REGALIA_CORRUPT, REGALIA_FORMAT. */
export function volumeEntries(reads: Reads): VolumeEntry[] {
  const rows = [...reads.range('meta', { gte: PREFIX, lt: BEHIND })];
  return rows.map(({ key, bytes }) => decodeEntry(key, bytes));
}

export function hasVolume(reads: Reads, number: number): boolean {
  return reads.view('meta', keyOf(number)) !== undefined;
}

export function putVolume(batch: Batch, entry: VolumeEntry): void {
  const { number, id, path, weight, state, sequence } = entry;
  assert(id.length === 16, 'the id of a volume has 16 bytes');
  const writer = new ByteWriter(64).u8(VERSION).bytes(id).u8(STATES.indexOf(state));
  writer.varint(weight).varint(sequence).text(path);
  const key = keyOf(number);
  batch.put('meta', key, sealRow('meta', key, writer.finish()));
}

export function removeVolume(batch: Batch, number: number): void {
  batch.del('meta', keyOf(number));
}

/** A number that no volume has. REGALIA_FULL after 65,535 of them. */
export function unusedNumber(entries: readonly VolumeEntry[]): number {
  const number = 1 + entries.reduce((most, one) => Math.max(most, one.number), 0);
  if (number <= VOLUMES_MAX) return number;
  throw full('the numbers of volumes', { retryable: false });
}

function keyOf(number: number): Uint8Array {
  assert(number >= 1 && number <= VOLUMES_MAX, 'the number of a volume is 1 to 65,535');
  return Uint8Array.of(...PREFIX, number >>> 8, number);
}

function decodeEntry(key: Uint8Array, row: Uint8Array): VolumeEntry {
  const reader = new ByteReader(openRow('meta', key, row), 'row of a volume');
  reader.version(VERSION);
  const id = reader.bytes(16).slice();
  const number = ((key[PREFIX.length] as number) << 8) | (key[PREFIX.length + 1] as number);
  const code = reader.u8();
  const state = STATES[code] ?? reader.fail(`a state below ${STATES.length}`, `${code}`);
  const weight = reader.varint();
  if (weight > VOLUME_WEIGHT_MAX) reader.fail(`a weight up to ${VOLUME_WEIGHT_MAX}`, `${weight}`);
  const sequence = reader.varint();
  const path = reader.text(VOLUME_PATH_BYTES_MAX);
  reader.end();
  return { number, id, path, weight, state, sequence };
}
