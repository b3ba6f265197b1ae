/**
 * Statistics of contents: what they are to users, and what they need on volumes. Rows and manifests
 * are read, chunks are not; the cost is that of the heads' metadata and of the table of chunks.
 */
import { BitSet } from '../ground/bit-set.js';
import { hex } from '../ground/bytes.js';
import { Pace } from '../ground/pause.js';
import { branches } from '../log/branches.js';
import { ContentTally, chunksOf, rootOf } from '../reach/contents.js';
import { rowOfChunk, type StoreParts } from '../reach/store-parts.js';
import { chunkSlices, groupSlices } from '../reach/table-walk.js';
import type { ChunkRow } from '../volumes/chunk-row.js';
import { type GroupRow, shardRecordLength } from '../volumes/group-format.js';
import { RECORD_HEADER } from '../volumes/segment-format.js';
import { segmentBytes } from '../volumes/volume-folder.js';
import type { VolumeStatus } from '../volumes/volume-set.js';

/** All in bytes, but counts. */
export interface ContentStats {
  /** Different chunks, and their bytes: what deduplication left, over all history. */
  chunks: number;
  plainBytes: number;
  /** Of each chunk once, as it is stored: what compression left. */
  storedBytes: number;
  /** What redundancy adds to that: more copies, parity, and the heads of records. */
  redundantBytes: number;
  /** Of these, what is condemned and goes with a later collection, and what lies in groups. */
  condemnedBytes: number;
  codedBytes: number;
  groups: number;
  readonly volumes: VolumeUse[];
  /** By stream, of the heads of all branches. */
  readonly streams: StreamUse[];
}

/** What lies on one volume. */
export interface VolumeUse {
  /** 32 hexadecimal digits. */
  readonly id: string;
  readonly path: string;
  readonly state: VolumeStatus;
  /** Of its segments; undefined where they are not here. */
  readonly bytes: number | undefined;
  /** Of records that are in use. The rest goes with a collection. */
  readonly liveBytes: number;
}

/** What the contents of one stream take. */
export interface StreamUse {
  readonly stream: string;
  /** Contents, and their bytes as users see them, holes included, each time they occur. */
  contents: number;
  logicalBytes: number;
  /** Of their chunks, each once: plain, as stored, and with all copies and their parity. */
  plainBytes: number;
  storedBytes: number;
  heldBytes: number;
}

/** REGALIA_ABORTED, and what reading metadata throws. */
export async function contentStats(parts: StoreParts, signal?: AbortSignal): Promise<ContentStats> {
  const stats: ContentStats = {
    chunks: 0,
    plainBytes: 0,
    storedBytes: 0,
    redundantBytes: 0,
    condemnedBytes: 0,
    codedBytes: 0,
    groups: 0,
    volumes: [],
    streams: [],
  };
  parts.chunks.volumes.refresh();
  const live = new Map<number, number>();
  for await (const slice of chunkSlices(parts.engine, 'stats', signal)) {
    for (const { row } of slice) countChunk(stats, live, row);
  }
  for await (const slice of groupSlices(parts.engine, 'stats', signal)) {
    for (const { row } of slice) countGroup(stats, live, row);
  }
  for (const { entry, path, status: state, isHere } of parts.chunks.volumes.list()) {
    const bytes = isHere ? segmentBytes(path) : undefined;
    const liveBytes = live.get(entry.number) ?? 0;
    stats.volumes.push({ id: hex(entry.id), path, state, bytes, liveBytes });
  }
  stats.streams.push(...(await countStreams(parts, signal)));
  return stats;
}

function countChunk(stats: ContentStats, live: Map<number, number>, row: ChunkRow): void {
  const { plainLength, storedLength, copies, coded } = row;
  const recordLength = RECORD_HEADER + storedLength;
  const copied = copies.length * recordLength;
  stats.chunks++;
  stats.plainBytes += plainLength;
  stats.storedBytes += storedLength;
  stats.redundantBytes += coded === undefined ? copied - storedLength : copied;
  if (row.condemned === true) stats.condemnedBytes += copied;
  if (coded !== undefined) stats.codedBytes += storedLength;
  for (const { volume } of copies) add(live, volume, recordLength);
}

function countGroup(stats: ContentStats, live: Map<number, number>, row: GroupRow): void {
  const recordLength = shardRecordLength(row);
  stats.groups++;
  stats.redundantBytes += row.shards.length * recordLength - row.chunksLength;
  for (const place of row.shards) if (place !== undefined) add(live, place.volume, recordLength);
}

async function countStreams(
  parts: StoreParts,
  signal: AbortSignal | undefined,
): Promise<StreamUse[]> {
  const uses = new Map<string, { readonly use: StreamUse; readonly seen: BitSet }>();
  const useOf = (stream: string): { readonly use: StreamUse; readonly seen: BitSet } => {
    const zeros = { contents: 0, logicalBytes: 0, plainBytes: 0, storedBytes: 0, heldBytes: 0 };
    const known = uses.get(stream) ?? { use: { stream, ...zeros }, seen: new BitSet() };
    uses.set(stream, known);
    return known;
  };
  const tally = new ContentTally(parts);
  const pace = new Pace('stats', { signal });
  for (const { head } of branches(parts.engine, parts.store)) {
    const entry = parts.history.entry(head);
    if (entry === undefined) continue;
    const steps = tally.of(rootOf(parts, entry));
    let step = steps.next();
    for (; step.done !== true; step = steps.next()) {
      if (pace.due()) await pace.rest();
      if (step.value === undefined) continue;
      const { use, seen } = useOf(step.value.stream);
      for (const chunk of chunksOf(parts, step.value.ref)) {
        const there = rowOfChunk(parts, chunk.address, chunk.id);
        if (there !== undefined && seen.add(there.number)) countUse(parts, use, there.row);
      }
    }
    for (const [stream, sum] of step.value) {
      const { use } = useOf(stream);
      use.contents += sum.contents;
      use.logicalBytes += sum.logicalBytes;
    }
  }
  return [...uses.values()].map(({ use }) => use);
}

function countUse({ chunks }: StoreParts, use: StreamUse, row: ChunkRow): void {
  const { plainLength, storedLength, copies, coded } = row;
  use.plainBytes += plainLength;
  use.storedBytes += storedLength;
  use.heldBytes += copies.length * (RECORD_HEADER + storedLength);
  if (coded === undefined) return;
  const group = chunks.groups.row(coded.group);
  const share = (group.shards.length * shardRecordLength(group)) / group.chunksLength;
  use.heldBytes += Math.round(storedLength * share);
}

function add(map: Map<number, number>, key: number, bytes: number): void {
  map.set(key, (map.get(key) ?? 0) + bytes);
}
