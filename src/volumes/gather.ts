/**
 * Long reads: the content bytes of chunks that follow each other, in large buffers that are the
 * caller's own.
 *
 *     rows -> segments, held open -> workers read, decompress and hash -> bytes, past the cache
 *
 * What is read once from end to end would only push out of the cache what is read again.
 */
import { isRegaliaError } from '../ground/errors.js';
import type { OpenChunk } from './chunk-bytes.js';
import type { ChunkRow, Place } from './chunk-row.js';
import type { Pool } from './pool.js';
import type { OpenSegment, SegmentFiles } from './segment-reader.js';
import type { VolumeSet } from './volume-set.js';

/** A chunk, and the copy of it that is read. */
export interface Gathered {
  readonly row: ChunkRow;
  readonly place: Place;
}

interface Held {
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
  const held: Held[] = [];
  try {
    const open = chunks.map((chunk) => opened(volumes, chunk, held));
    const contents = await pool.contents(open);
    const sound = contents.filter((bytes) => bytes !== undefined);
    return sound.length === contents.length ? sound : undefined;
  } catch (error) {
    // Whoever reads one by one learns which volume or segment it is.
    if (!isRegaliaError(error) || isRegaliaError(error, 'REGALIA_CLOSED')) throw error;
    return undefined;
  } finally {
    for (const { files, open } of held) files.release(open);
  }
}

/** The chunk in its segment, which is held open from its first chunk on. */
function opened(volumes: VolumeSet, { row, place }: Gathered, held: Held[]): OpenChunk {
  const { volume, segment, offset } = place;
  let found = held.find((one) => one.volume === volume && one.open.ids.number === segment);
  if (found === undefined) {
    const files = volumes.segments(volume);
    found = { files, volume, open: files.hold(segment) };
    held.push(found);
  }
  const { address, codec, plainLength, storedLength } = row;
  return { address, codec, plainLength, storedLength, ...found.open, offset };
}
