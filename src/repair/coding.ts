/**
 * Codes large contents that rest: their chunks, group by group, as shards on as many volumes.
 *
 *     chunks of a content -> stored bytes, verified -> shards written, flushed, read back -> rows
 *
 * Invariants: copies are given up in the transaction that puts the group's row, never before every
 * shard was read back from its volume and compared. No volume has more shards of a group than the
 * group can lose; where there are too few volumes for that, the copies stay.
 */
import type { ContentRef } from '../chunks/content.js';
import { equalBytes } from '../ground/bytes.js';
import { corrupt } from '../ground/errors.js';
import { Pace } from '../ground/pause.js';
import { chunksOf } from '../reach/contents.js';
import { rowOfChunk, type StoreParts } from '../reach/store-parts.js';
import { soundChunk } from '../volumes/chunk-reads.js';
import type { ChunkRow } from '../volumes/chunk-row.js';
import { encodeGroup, encodeGroupRow } from '../volumes/group-format.js';
import { appendShards, type Coding, volumesForShards } from '../volumes/group-repair.js';
import { changeRows, checkPlaces } from '../volumes/row-changes.js';

/** Stored bytes of a group: two MiB a shard, as long as memory allows for the whole. */
const SHARD_BYTES = 2 * 1_048_576;
const GROUP_BYTES_MAX = 16 * 1_048_576;
/** Chunks of a group: what a directory may list. */
const GROUP_CHUNKS = 4_096;

/** What coding did. */
export interface Coded {
  /** Groups that were made, and chunks in them. */
  groups: number;
  chunks: number;
  /** Stored bytes of the chunks, and of all shards. */
  bytes: number;
  shardBytes: number;
}

/** Codes what is not coded yet of a content. False where there are too few volumes. */
export async function codeContent(
  parts: StoreParts,
  ref: ContentRef,
  coding: Coding,
  coded: Coded,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const { volumes } = parts.chunks;
  if (volumesForShards(volumes, coding, ref.address) === undefined) return false;
  const most = Math.min(GROUP_BYTES_MAX, coding.data * SHARD_BYTES);
  const pace = new Pace('repair', { signal });
  let group = new Map<number, ChunkRow>();
  let bytes = 0;
  for (const chunk of chunksOf(parts, ref)) {
    const found = rowOfChunk(parts, chunk.address, chunk.id);
    if (found === undefined || found.row.coded !== undefined || group.has(found.number)) continue;
    if (bytes + found.row.storedLength > most || group.size >= GROUP_CHUNKS) {
      await codeGroup(parts, group, coding, coded);
      await pace.rest();
      group = new Map();
      bytes = 0;
    }
    group.set(found.number, found.row);
    bytes += found.row.storedLength;
  }
  if (group.size > 0) await codeGroup(parts, group, coding, coded);
  return true;
}

async function codeGroup(
  { engine, chunks }: StoreParts,
  group: ReadonlyMap<number, ChunkRow>,
  { data, parity }: Coding,
  coded: Coded,
): Promise<void> {
  const { volumes, groups } = chunks;
  const members: { number: number; chunk: ChunkRow; stored: Uint8Array }[] = [];
  for (const [number, chunk] of group) {
    const sound = soundChunk(chunks, chunk);
    if (sound === undefined || sound === 'unreadable') continue;
    members.push({ number, chunk, stored: sound.stored });
  }
  if (members.length === 0) return;
  const { shape, records } = encodeGroup(members, data, parity);
  const address = Uint8Array.of(1, ...shape.id, ...shape.id);
  const targets = volumesForShards(volumes, { data, parity }, address);
  if (targets === undefined) return;
  const shards = await appendShards(volumes, records, targets);
  await volumes.sync(shards);
  const row = { ...shape, shards };
  for (const [shard, place] of shards.entries()) {
    const there = groups.checkedRecord(row, shard, place);
    if (!equalBytes(there, records[shard] as Uint8Array)) {
      throw corrupt(`shard ${shard}`, 'what was just written', 'other bytes');
    }
  }
  const number = await chunks.groupNumbers.next();
  let start = 0;
  const changes = members.map(({ number: of, chunk, stored }) => {
    const change = {
      number: of,
      before: chunk,
      after: { ...chunk, copies: [], coded: { group: number, start } },
    };
    start += stored.length;
    return change;
  });
  const made = await changeRows(engine, changes, (batch) => {
    checkPlaces(batch, shards);
    batch.put('groups', number, encodeGroupRow(number, row));
  });
  coded.groups++;
  coded.chunks += made.length;
  coded.bytes += start;
  for (const record of records) coded.shardBytes += record.length;
}
