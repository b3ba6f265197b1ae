/**
 * Mends what the tables say of chunks and groups, from the tables alone.
 *
 *     rows that cannot be read          -> removed: nothing in them can be believed
 *     addresses that lead to no row     -> removed
 *     rows that no address leads to     -> found by theirs again
 *
 * Invariant: a row is judged again within the transaction that changes it: what others write stays.
 */
import { putAddress, removeAddress } from '../blocks/address-index.js';
import { CHUNK_IDS, chunkNumber, isChunkId } from '../blocks/chunk-home.js';
import { addressPrefix } from '../blocks/extent.js';
import type { Engine, Reads } from '../engine/engine.js';
import { chunkSlices, damagedRows, isReadable, tableSlices } from '../reach/table-walk.js';
import { idsIn, indexedIds } from '../verify/stored-block.js';
import type { NumberedChunk } from '../volumes/chunk-row.js';

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
  for await (const rows of tableSlices(engine, 'addresses', 'rescan', signal)) {
    const dangling: { prefix: Uint8Array; id: number }[] = [];
    for (const { key, bytes } of rows) {
      for (const id of idsIn(bytes)) {
        if (leadsNowhere(engine, id)) dangling.push({ prefix: key, id });
      }
    }
    if (dangling.length === 0) continue;
    await engine.write((batch) => {
      for (const { prefix, id } of dangling) {
        if (leadsNowhere(batch, id)) removeAddress(batch, prefix, id);
      }
    }, 'none');
  }
}

function leadsNowhere(reads: Reads, id: number): boolean {
  return isChunkId(id) && reads.view('chunks', chunkNumber(id)) === undefined;
}

function isIndexed(reads: Reads, { number, row }: NumberedChunk): boolean {
  return indexedIds(reads, addressPrefix(row.address)).includes(CHUNK_IDS + number);
}
