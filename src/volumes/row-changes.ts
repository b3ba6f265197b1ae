/**
 * Changes of chunks' rows that are in the engine: other copies, a group in their place, condemned,
 * forgotten.
 *
 *     meta 'retired/' | segment u48 big-endian
 *                     checksum u32 | version u8        no row may begin to name the segment
 *     meta 'gc'       checksum u32 | version u8 | epoch varint | condemned ms varint, 0: nothing is
 *
 * A row is changed only if it still is what the change was made from: another change meanwhile
 * was right, too. A segment is retired before it is looked up who names it, so that nobody can be
 * missed. The epoch is raised when chunks are condemned and when they are forgotten: a transaction
 * that sees another than it began with looks at its chunks.
 */
import { putAddress, removeAddress } from '../blocks/address-index.js';
import { CHUNK_IDS } from '../blocks/chunk-home.js';
import { addressPrefix } from '../blocks/extent.js';
import { openRow, sealRow } from '../blocks/rows.js';
import type { Batch, Engine, Reads } from '../engine/engine.js';
import { concatBytes, equalBytes } from '../ground/bytes.js';
import { conflicting, type RegaliaError } from '../ground/errors.js';
import { ByteReader } from '../ground/reader.js';
import { utf8Bytes } from '../ground/text.js';
import { ByteWriter } from '../ground/writer.js';
import { type ChunkRow, encodeChunkRow, type Place, samePlace } from './chunk-row.js';
import { hasVolume } from './registry.js';

const VERSION = 1;
const RETIRED = utf8Bytes('retired/');
const GC = utf8Bytes('gc');

export interface RowChange {
  readonly number: number;
  readonly before: ChunkRow;
  /** Undefined: the chunk is forgotten. */
  readonly after: ChunkRow | undefined;
}

/** Puts what is still as it was, and returns the changes that were made. REGALIA_CONFLICT. */
export function changeRows(
  engine: Engine,
  changes: readonly RowChange[],
  also?: (batch: Batch) => void,
): Promise<RowChange[]> {
  return engine.write((batch) => {
    const made = changes.filter((change) => changeRow(batch, change));
    also?.(batch);
    return made;
  }, 'sync');
}

/** The same in a transaction that is under way. */
export function changeRow(batch: Batch, { number, before, after }: RowChange): boolean {
  const current = batch.get('chunks', number);
  if (current === undefined || !equalBytes(current, encodeChunkRow(number, before))) return false;
  if (after === undefined) {
    batch.del('chunks', number);
    removeAddress(batch, addressPrefix(before.address), CHUNK_IDS + number);
  } else {
    checkPlaces(batch, after.copies, before.copies);
    batch.put('chunks', number, encodeChunkRow(number, after));
  }
  return true;
}

/** Puts the row of a new chunk, and leads its address to it. REGALIA_CONFLICT. */
export function putChunk(batch: Batch, number: number, row: ChunkRow): void {
  checkPlaces(batch, row.copies);
  batch.put('chunks', number, encodeChunkRow(number, row));
  putAddress(batch, addressPrefix(row.address), CHUNK_IDS + number);
}

/**
 * REGALIA_CONFLICT for a row that begins to name a segment which is being emptied, or a volume that
 * was removed. What it named before it may go on naming: else nothing of it could be changed.
 */
export function checkPlaces(
  batch: Reads,
  places: readonly (Place | undefined)[],
  before: readonly (Place | undefined)[] = [],
): void {
  for (const place of places) {
    if (place === undefined || before.some((one) => samePlace(one, place))) continue;
    if (isRetired(batch, place.segment)) throw collected('a segment');
    if (!hasVolume(batch, place.volume)) throw collected('a volume');
  }
}

/** What upkeep removed from under a transaction that lasted long: it is run again. */
export function collected(what: string): RegaliaError<'REGALIA_CONFLICT'> {
  return conflicting(`a collection removed ${what} that is still referred to`, []);
}

function retiredKey(segment: number): Uint8Array {
  return concatBytes([RETIRED, new ByteWriter(8).u48(segment).finish().reverse()]);
}

export function isRetired(reads: Reads, segment: number): boolean {
  return reads.get('meta', retiredKey(segment)) !== undefined;
}

export function retire(batch: Batch, segment: number): void {
  const key = retiredKey(segment);
  batch.put('meta', key, sealRow('meta', key, Uint8Array.of(VERSION)));
}

interface Collections {
  readonly epoch: number;
  /** When chunks were condemned that still are, in ms; 0 where none are. */
  readonly condemnedMs: number;
}

/** How far collections have come. REGALIA_CORRUPT, REGALIA_FORMAT. */
export function collections(reads: Reads): Collections {
  const row = reads.get('meta', GC);
  if (row === undefined) return { epoch: 0, condemnedMs: 0 };
  const reader = new ByteReader(openRow('meta', GC, row), 'row of collections');
  reader.version(VERSION);
  const [epoch, condemnedMs] = [reader.varint(), reader.varint()];
  reader.end();
  return { epoch, condemnedMs };
}

export function nextEpoch(batch: Batch, condemnedMs: number): number {
  const { epoch } = collections(batch);
  const body = new ByteWriter(24)
    .u8(VERSION)
    .varint(epoch + 1)
    .varint(condemnedMs)
    .finish();
  batch.put('meta', GC, sealRow('meta', GC, body));
  return epoch + 1;
}
