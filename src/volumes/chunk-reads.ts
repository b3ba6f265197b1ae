/**
 * The ways to chunks: one at a time, several, or long runs of them.
 *
 *     one       a copy, into the room of a cache; or its stored bytes, from a copy or its group
 *     several   runs of records, each by one system call, all at the same time
 *     long      by workers, past the cache, into large buffers
 */
import { addressText, verifyBlock } from '../blocks/address.js';
import { BLOCK_HEADER, BlockKind, putBlockHeader } from '../ground/block-header.js';
import { equalBytes, hex } from '../ground/bytes.js';
import { corrupt, isRegaliaError } from '../ground/errors.js';
import { type OpenChunk, readBlock } from './chunk-bytes.js';
import type { Room } from './chunk-cache.js';
import type { ChunkRow, CodedPlace, Place } from './chunk-row.js';
import { decompressInto } from './codec.js';
import type { Groups } from './groups.js';
import type { Pool } from './pool.js';
import { RECORD_HEADER } from './segment-format.js';
import type { OpenSegment, SegmentFiles } from './segment-reader.js';
import type { VolumeSet } from './volume-set.js';

/** The most bytes of one read. */
const RUN_BYTES = 2 * 1024 * 1024;

type RunReads = Pick<VolumeSet, 'readRun'>;

interface Item {
  readonly row: ChunkRow;
  /** Where it is read; undefined where no volume that has it is here. */
  readonly place: Place | undefined;
}

interface Run {
  readonly first: Place;
  /** Where the next record of the run would begin. */
  end: number;
  readonly indexes: number[];
}

/**
 * The verified block of one chunk from one place, read into the room given. REGALIA_MISSING,
 * REGALIA_CORRUPT, REGALIA_FORMAT, REGALIA_IO.
 */
export function readPlace(
  volumes: VolumeSet,
  row: ChunkRow,
  { volume, segment, offset }: Place,
  { bytes, at }: Room,
): Uint8Array {
  const { address, codec, plainLength, storedLength } = row;
  return volumes.segments(volume).use(segment, ({ descriptor, ids }) => {
    const chunk = { address, codec, plainLength, storedLength, descriptor, ids, offset };
    return readBlock(chunk, bytes, at);
  });
}

/**
 * The stored bytes of each, or undefined where they could not be read: reading it alone says why.
 * Chunks that follow each other in a segment are one run, from all volumes that have them. What
 * lies on another volume in between ends no run: so chunks that are striped are read by as few
 * calls as those that are not.
 */
export async function readRuns(
  volumes: RunReads,
  items: readonly Item[],
): Promise<(Uint8Array | undefined)[]> {
  const stored: (Uint8Array | undefined)[] = items.map(() => undefined);
  await Promise.all(runsOf(items).map((run) => readRun(volumes, items, run, stored)));
  return stored;
}

function runsOf(items: readonly Item[]): Run[] {
  const runs: Run[] = [];
  /** The last of each volume. */
  const last = new Map<number, Run>();
  for (const [index, { row, place }] of items.entries()) {
    if (place === undefined) continue;
    const length = RECORD_HEADER + row.storedLength;
    let run = last.get(place.volume);
    const follows =
      run !== undefined &&
      run.first.segment === place.segment &&
      run.end === place.offset &&
      run.end + length - run.first.offset <= RUN_BYTES;
    if (run === undefined || !follows) {
      run = { first: place, end: place.offset, indexes: [] };
      runs.push(run);
      last.set(place.volume, run);
    }
    run.indexes.push(index);
    run.end += length;
  }
  return runs;
}

async function readRun(
  volumes: RunReads,
  items: readonly Item[],
  run: Run,
  stored: (Uint8Array | undefined)[],
): Promise<void> {
  const places = run.indexes.map((index) => {
    const { row, place } = items[index] as Item;
    const { segment, offset } = place as Place;
    return { segment, offset, storedLength: row.storedLength };
  });
  try {
    const records = await volumes.readRun(run.first.volume, places);
    for (const [i, index] of run.indexes.entries()) {
      const { head, stored: bytes } = records[i] as (typeof records)[number];
      const { address } = (items[index] as Item).row;
      if (equalBytes(head.digest, address.subarray(1))) stored[index] = bytes;
    }
  } catch (error) {
    if (!isRegaliaError(error)) throw error;
  }
}

// One chunk, from a copy or from its group of shards. What leaves here was hashed.

/** A chunk that was verified: its block, and the stored bytes that it was made of. */
interface SoundChunk {
  readonly block: Uint8Array;
  readonly stored: Uint8Array;
}

/** The chunk of one copy. REGALIA_MISSING, REGALIA_CORRUPT, REGALIA_FORMAT, REGALIA_IO. */
export function chunkOfCopy(
  volumes: VolumeSet,
  row: ChunkRow,
  place: Place,
  what: string,
): SoundChunk {
  const { head, stored } = volumes.readSync(place, row.storedLength);
  if (!equalBytes(head.digest, row.address.subarray(1))) {
    throw corrupt(what, addressText(row.address), `a record of ${hex(head.digest)}`);
  }
  return { block: decodedChunk(row, stored, what), stored };
}

/**
 * The chunk of a group. Where its own shards do not give it, all sound ones are asked. Errors as
 * above.
 */
export function chunkOfGroup(
  groups: Groups,
  row: ChunkRow,
  coded: CodedPlace,
  what: string,
): SoundChunk {
  try {
    const stored = groups.readSync(coded, row.storedLength);
    return { block: decodedChunk(row, stored, what), stored };
  } catch (error) {
    if (!isRegaliaError(error)) throw error;
  }
  const { start, group } = coded;
  const stored = groups.restored(group).subarray(start, start + row.storedLength);
  return { block: decodedChunk(row, stored, what), stored };
}

/** The chunk of whatever gives it: undefined where nothing does. */
export function soundChunk(
  { volumes, groups }: { readonly volumes: VolumeSet; readonly groups: Groups },
  row: ChunkRow,
): SoundChunk | undefined {
  const sources = row.copies.map((place) => () => chunkOfCopy(volumes, row, place, 'chunk'));
  const { coded } = row;
  if (coded !== undefined) sources.push(() => chunkOfGroup(groups, row, coded, 'chunk'));
  for (const source of sources) {
    try {
      return source();
    } catch (error) {
      if (!isRegaliaError(error)) throw error;
    }
  }
  return undefined;
}

/** The verified block of stored bytes. */
function decodedChunk(row: ChunkRow, stored: Uint8Array, what: string): Uint8Array {
  const { address, plainLength } = row;
  const block = new Uint8Array(BLOCK_HEADER + plainLength);
  putBlockHeader(block, 0, BlockKind.chunk, address[0] as number);
  decompressInto(row.codec, stored, block, BLOCK_HEADER);
  verifyBlock(address, block, what);
  return block;
}

// Long reads: the content bytes of chunks that follow each other, in large buffers that are the
// caller's own. What is read once from end to end would only push out of the cache what is read
// again.
//
//     rows -> segments, kept open -> workers read, decompress and hash -> bytes, past the cache

/** A chunk, and the copy of it that is read. */
interface Gathered {
  readonly row: ChunkRow;
  readonly place: Place;
}

interface KeptOpen {
  readonly files: SegmentFiles;
  readonly volume: number;
  readonly open: OpenSegment;
}

/**
 * The bytes, cut only between chunks; undefined where some could not be read so: read those one by
 * one.
 */
export async function gatherContents(
  volumes: VolumeSet,
  pool: Pool,
  chunks: readonly Gathered[],
): Promise<Uint8Array[] | undefined> {
  const kept: KeptOpen[] = [];
  try {
    const open = chunks.map((chunk) => opened(volumes, chunk, kept));
    const contents = await pool.contents(open);
    const sound = contents.filter((bytes) => bytes !== undefined);
    return sound.length === contents.length ? sound : undefined;
  } catch (error) {
    // Reading them one by one says which volume or segment it is.
    if (!isRegaliaError(error) || isRegaliaError(error, 'REGALIA_CLOSED')) throw error;
    return undefined;
  } finally {
    for (const { files, open } of kept) files.release(open);
  }
}

/** The chunk in its segment, which is kept open from its first chunk on. */
function opened(volumes: VolumeSet, { row, place }: Gathered, kept: KeptOpen[]): OpenChunk {
  const { volume, segment, offset } = place;
  let found = kept.find((one) => one.volume === volume && one.open.ids.number === segment);
  if (found === undefined) {
    const files = volumes.segments(volume);
    found = { files, volume, open: files.keepOpen(segment) };
    kept.push(found);
  }
  const { address, codec, plainLength, storedLength } = row;
  const { descriptor, ids } = found.open;
  return { address, codec, plainLength, storedLength, descriptor, ids, offset };
}
