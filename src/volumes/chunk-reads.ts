/**
 * The ways to chunks: one at a time, several, or long runs of them.
 *
 *     one       a copy, into the room of a cache; or its stored bytes, from a copy or its group
 *     several   runs of records or of a group's data, each by one read, all at the same time
 *     long      by workers, past the cache, into large buffers
 */
import { addressText } from '../blocks/address.js';
import { equalBytes, hex } from '../ground/bytes.js';
import { attempt, corrupt, isRegaliaError } from '../ground/errors.js';
import { readBlock } from './chunk-bytes.js';
import type { Room } from './chunk-cache.js';
import type { ChunkForm, ChunkRow, CodedPlace, Place } from './chunk-row.js';
import { decodeBlock } from './codec.js';
import type { Groups } from './groups.js';
import type { Pool } from './pool.js';
import { RECORD_HEADER } from './segment-format.js';
import type { OpenSegment, SegmentFiles } from './segment-reader.js';
import type { VolumeSet } from './volume-set.js';

// One chunk, from a copy or from its group of shards. What leaves here was hashed.

/** The block of one copy, read into the room. REGALIA_MISSING, _CORRUPT, _FORMAT, _IO. */
export function readPlace(
  volumes: VolumeSet,
  chunk: ChunkForm,
  { volume, segment, offset }: Place,
  { bytes, at }: Room,
): Uint8Array {
  return volumes.segments(volume).use(segment, ({ descriptor, ids }) => {
    return readBlock({ chunk, descriptor, ids, offset }, bytes, at);
  });
}

/** A chunk that was verified: its block, and the stored bytes that it was made of. */
interface SoundChunk {
  readonly block: Uint8Array;
  readonly stored: Uint8Array;
}

export function chunkOfCopy(volumes: VolumeSet, chunk: ChunkForm, place: Place): SoundChunk {
  const { address, storedLength } = chunk;
  const files = volumes.segments(place.volume);
  const { head, stored } = files.readRecordSync({ ...place, storedLength });
  if (!equalBytes(head.digest, address.subarray(1))) {
    throw corrupt('chunk', addressText(address), `a record of ${hex(head.digest)}`);
  }
  return decoded(chunk, stored);
}

/** Copies of a chunk that were read. */
interface ReadCopies {
  readonly sound: Place[];
  /** Those that cannot be read now: of these nothing is known. */
  readonly unreadable: Place[];
  /** The stored bytes of a sound one. */
  readonly stored: Uint8Array | undefined;
}

export function readCopies(
  volumes: VolumeSet,
  chunk: ChunkForm,
  copies: readonly Place[],
): ReadCopies {
  const sound: Place[] = [];
  const unreadable: Place[] = [];
  let stored: Uint8Array | undefined;
  for (const place of copies) {
    const found = attempt(
      () => chunkOfCopy(volumes, chunk, place).stored,
      () => unreadable.push(place),
    );
    if (found !== undefined) sound.push(place);
    stored ??= found;
  }
  return { sound, unreadable, stored };
}

/** The chunk of a group: of its own shards or, where these do not give it, of all sound ones. */
export function chunkOfGroup(groups: Groups, chunk: ChunkForm, coded: CodedPlace): SoundChunk {
  const { storedLength } = chunk;
  const sound = attempt(() => decoded(chunk, groups.readSync(coded, storedLength)));
  if (sound !== undefined) return sound;
  const { start, group } = coded;
  return decoded(chunk, groups.restored(group).subarray(start, start + storedLength));
}

/** The chunk of whatever gives it: undefined where nothing does, 'unreadable' where some may. */
export function soundChunk(
  { volumes, groups }: { readonly volumes: VolumeSet; readonly groups: Groups },
  row: ChunkRow,
): SoundChunk | 'unreadable' | undefined {
  let isUnreadable = false;
  const trying = (read: () => SoundChunk): SoundChunk | undefined =>
    attempt(read, () => (isUnreadable = true));
  for (const place of row.copies) {
    const sound = trying(() => chunkOfCopy(volumes, row, place));
    if (sound !== undefined) return sound;
  }
  const { coded } = row;
  const sound = coded && trying(() => chunkOfGroup(groups, row, coded));
  return sound ?? (isUnreadable ? 'unreadable' : undefined);
}

function decoded(chunk: ChunkForm, stored: Uint8Array): SoundChunk {
  return { block: decodeBlock({ ...chunk, stored }), stored };
}

// Several chunks. Those that follow each other in a segment, or in a group, are one run. What lies
// elsewhere in between ends no run: so chunks that are striped are read by as few calls as those
// that are not.

const RUN_BYTES = 2 * 1024 * 1024;

/** A chunk, and the copy of it that is read; without one it is read from its group, if any. */
interface Item {
  readonly row: ChunkRow;
  readonly place: Place | undefined;
}

interface Run<I> {
  readonly start: number;
  end: number;
  readonly items: I[];
}

interface Sources {
  readonly volumes: { segments(volume: number): Pick<SegmentFiles, 'readRun'> };
  readonly groups: Pick<Groups, 'read'>;
}

/** The stored bytes of each, unverified; what could not be read is not among them. */
export async function readRuns<I extends Item>(
  sources: Sources,
  items: readonly I[],
): Promise<Map<I, Uint8Array>> {
  const stored = new Map<I, Uint8Array>();
  await Promise.all(
    runsOf(items).map(async (run) => {
      try {
        await readRun(sources, run, stored);
      } catch (error) {
        if (!isRegaliaError(error)) throw error;
      }
    }),
  );
  return stored;
}

function runsOf<I extends Item>(items: readonly I[]): Run<I>[] {
  const runs: Run<I>[] = [];
  const last = new Map<string, Run<I>>();
  for (const item of items) {
    const { row, place } = item;
    const start = place?.offset ?? row.coded?.start;
    if (start === undefined) continue;
    const length = row.storedLength + (place === undefined ? 0 : RECORD_HEADER);
    const key = place === undefined ? `${row.coded?.group}` : `${place.volume} ${place.segment}`;
    let run = last.get(key);
    if (run?.end !== start || start + length - run.start > RUN_BYTES) {
      run = { start, end: start, items: [] };
      runs.push(run);
      last.set(key, run);
    }
    run.items.push(item);
    run.end += length;
  }
  return runs;
}

async function readRun<I extends Item>(
  { volumes, groups }: Sources,
  { start, end, items }: Run<I>,
  stored: Map<I, Uint8Array>,
): Promise<void> {
  const { row, place } = items[0] as I;
  if (place === undefined) {
    const bytes = await groups.read({ ...(row.coded as CodedPlace), start }, end - start);
    let at = 0;
    for (const item of items) stored.set(item, bytes.subarray(at, (at += item.row.storedLength)));
    return;
  }
  const places = items.map(({ row: { storedLength }, place: at }) => {
    return { ...(at as Place), storedLength };
  });
  const records = await volumes.segments(place.volume).readRun(places);
  for (const [i, { head, stored: bytes }] of records.entries()) {
    const item = items[i] as I;
    if (equalBytes(head.digest, item.row.address.subarray(1))) stored.set(item, bytes);
  }
}

// Long reads: the content bytes of chunks that follow each other, in large buffers that are the
// caller's own. What is read once from end to end would only push out of the cache what is read
// again.
//
//     rows -> segments, kept open -> workers read, decompress and hash -> bytes, past the cache

/** The bytes, cut only between chunks; undefined where some could not be read so. */
export async function gatherContents(
  volumes: VolumeSet,
  pool: Pool,
  chunks: readonly { readonly row: ChunkForm; readonly place: Place }[],
): Promise<Uint8Array[] | undefined> {
  /** Segments that are kept open, from their first chunk on. */
  const kept = new Map<string, { readonly files: SegmentFiles; readonly open: OpenSegment }>();
  const opened = ({ volume, segment }: Place): OpenSegment => {
    const key = `${volume} ${segment}`;
    let found = kept.get(key);
    if (found === undefined) {
      const files = volumes.segments(volume);
      kept.set(key, (found = { files, open: files.keepOpen(segment) }));
    }
    return found.open;
  };
  try {
    const contents = await pool.contents(
      chunks.map(({ row, place }) => ({ ...opened(place), chunk: row, offset: place.offset })),
    );
    const sound = contents.filter((bytes) => bytes !== undefined);
    return sound.length === contents.length ? sound : undefined;
  } catch (error) {
    // Reading them one by one says which volume or segment it is.
    if (!isRegaliaError(error) || isRegaliaError(error, 'REGALIA_CLOSED')) throw error;
    return undefined;
  } finally {
    for (const { files, open } of kept.values()) files.release(open);
  }
}
