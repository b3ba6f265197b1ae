/**
 * Mends what the tables say of chunks and groups, from the tables alone, before segments are looked
 * through.
 *
 *     rows that cannot be read          -> removed: a checksum covers all of them, so nothing of them can be believed
 *     addresses that lead to no row     -> removed
 *     rows that no address leads to     -> found by theirs again
 *
 * Invariant: each row is judged again within the transaction that changes it, so that what others
 * write stays.
 */
import { putAddress, removeAddress } from '../blocks/address-index.js';
import { CHUNK_IDS, chunkNumber, isChunkId } from '../blocks/chunk-home.js';
import { addressPrefix } from '../blocks/extent.js';
import type { Batch, Engine } from '../engine/engine.js';
import { EMPTY } from '../ground/bytes.js';
import { throwIfAborted } from '../ground/errors.js';
import { readU48 } from '../ground/integers.js';
import { turn } from '../ground/pause.js';
import { chunkSlices, damagedRows, type FoundChunk, isReadable } from '../reach/table-walk.js';

const ID_LENGTH = 6;
/** Rows of addresses that are looked at in one turn. */
const SLICE = 4_096;

/** REGALIA_ABORTED. */
export async function mendTables(engine: Engine, signal: AbortSignal | undefined): Promise<void> {
  for (const { table, number } of await damagedRows(engine, 'rescan', signal)) {
    await engine.write((batch) => {
      const row = batch.get(table, number);
      if (row !== undefined && !isReadable(table, number, row)) batch.del(table, number);
    }, 'none');
  }
  await removeDangling(engine, signal);
  for await (const slice of chunkSlices(engine, 'rescan', signal)) {
    const hidden = slice.filter((found) => !isIndexed(engine, found));
    if (hidden.length === 0) continue;
    await engine.write((batch) => {
      for (const found of hidden) {
        const { number, row } = found;
        const isThere = batch.view('chunks', number) !== undefined;
        if (!isThere || isIndexed(batch, found)) continue;
        putAddress(batch, addressPrefix(row.address), CHUNK_IDS + number);
      }
    }, 'none');
  }
}

async function removeDangling(engine: Engine, signal: AbortSignal | undefined): Promise<void> {
  for (let after = new Uint8Array(0); ; ) {
    await turn();
    throwIfAborted(signal, 'rescan');
    engine.refresh();
    let last: Uint8Array | undefined;
    const dangling: { prefix: Uint8Array; id: number }[] = [];
    const range = after.length === 0 ? { limit: SLICE } : { gt: after, limit: SLICE };
    for (const { key, bytes } of engine.range('addresses', range)) {
      last = key;
      for (const id of idsIn(bytes))
        if (leadsNowhere(engine, id)) dangling.push({ prefix: key, id });
    }
    if (dangling.length > 0) {
      await engine.write((batch) => {
        for (const { prefix, id } of dangling) {
          if (leadsNowhere(batch, id)) removeAddress(batch, prefix, id);
        }
      }, 'none');
    }
    if (last === undefined) return;
    after = last.slice();
  }
}

function leadsNowhere(reads: Pick<Batch, 'view'>, id: number): boolean {
  return isChunkId(id) && reads.view('chunks', chunkNumber(id)) === undefined;
}

function isIndexed(reads: Pick<Batch, 'get'>, { number, row }: FoundChunk): boolean {
  const ids = reads.get('addresses', addressPrefix(row.address)) ?? EMPTY;
  return idsIn(ids).includes(CHUNK_IDS + number);
}

function idsIn(bytes: Uint8Array): number[] {
  const ids: number[] = [];
  for (let at = 0; at + ID_LENGTH <= bytes.length; at += ID_LENGTH) ids.push(readU48(bytes, at));
  return ids;
}
