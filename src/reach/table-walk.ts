/**
 * Walks whole tables while the store is in use: a slice of rows, then a turn of the event loop.
 *
 *     table -> slices of rows -> decoded chunks and groups
 *
 * Rows that others write meanwhile are met or not. So a caller that changes a row judges it again,
 * within the transaction that changes it. A row that is damaged is passed over: `verify` reports
 * it, and a rescan makes another.
 */

import type { Engine, Reads, Row, RowKey, Table } from '../engine/engine.js';
import { EMPTY } from '../ground/bytes.js';
import { attempt } from '../ground/errors.js';
import { Pace } from '../ground/pause.js';
import { BUCKET_ID_LENGTH } from '../log/commit.js';
import { decodeChunkRow, type NumberedChunk } from '../volumes/chunk-row.js';
import { decodeGroupRow, type NumberedGroup } from '../volumes/group-format.js';

/** Rows in a slice. */
const SLICE_ROWS = 256;
/** More bytes than any key of a bucket has behind the bucket's id. */
const KEY_REST_BYTES = 300;

/** The tables of contents, whose rows are numbered and decoded on their own. */
type ContentTable = 'chunks' | 'groups';

/** A row that can't be read: nobody knows what it names. */
interface DamagedRow {
  readonly table: ContentTable;
  readonly number: number;
}

/** All rows of a table. `operation` names the work for REGALIA_ABORTED. */
export async function* tableSlices<T extends Table>(
  engine: Engine,
  table: T,
  operation: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<Row<RowKey<T>>[], void, undefined> {
  const pace = new Pace(operation, { signal });
  for (let after: RowKey<T> | undefined; ; ) {
    await pace.rest();
    engine.refresh();
    const from = after === undefined ? {} : { gt: after };
    const rows = [...engine.range(table, { ...from, limit: SLICE_ROWS })];
    if (rows.length === 0) return;
    after = rows.at(-1)?.key;
    yield rows;
  }
}

/** All chunks. */
export function chunkSlices(
  engine: Engine,
  operation: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<NumberedChunk[], void, undefined> {
  return decodedSlices(engine, 'chunks', decodeChunkRow, operation, signal);
}

/** All groups. */
export function groupSlices(
  engine: Engine,
  operation: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<NumberedGroup[], void, undefined> {
  return decodedSlices(engine, 'groups', decodeGroupRow, operation, signal);
}

async function* decodedSlices<Decoded>(
  engine: Engine,
  table: ContentTable,
  decode: (number: number, bytes: Uint8Array) => Decoded,
  operation: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<{ number: number; row: Decoded }[], void, undefined> {
  for await (const rows of tableSlices(engine, table, operation, signal)) {
    const found: { number: number; row: Decoded }[] = [];
    for (const { key, bytes } of rows) {
      const row = attempt(() => decode(key, bytes));
      if (row !== undefined) found.push({ number: key, row });
    }
    if (found.length > 0) yield found;
  }
}

/** The rows of chunks and groups that can't be read. */
export async function damagedRows(
  engine: Engine,
  operation: string,
  signal: AbortSignal | undefined,
): Promise<DamagedRow[]> {
  const damaged: DamagedRow[] = [];
  for (const table of ['chunks', 'groups'] as const) {
    for await (const rows of tableSlices(engine, table, operation, signal)) {
      for (const { key, bytes } of rows) {
        if (!isReadable(table, key, bytes)) damaged.push({ table, number: key });
      }
    }
  }
  return damaged;
}

export function isReadable(table: ContentTable, number: number, row: Uint8Array): boolean {
  const decode = table === 'chunks' ? decodeChunkRow : decodeGroupRow;
  return attempt<unknown>(() => decode(number, row)) !== undefined;
}

/** The buckets that have rows in a table whose keys begin with one, ascending. */
export function* bucketsIn(reads: Reads, table: 'log' | 'heads'): Generator<Uint8Array, void> {
  let after: Uint8Array = EMPTY;
  for (;;) {
    const [next] = reads.range(table, { gt: after, limit: 1 });
    if (next === undefined) return;
    const bucket = next.key.slice(0, BUCKET_ID_LENGTH);
    yield bucket;
    after = endOfBucket(bucket);
  }
}

/** Above every key that begins with the bucket. */
export function endOfBucket(bucket: Uint8Array): Uint8Array {
  const end = new Uint8Array(BUCKET_ID_LENGTH + KEY_REST_BYTES).fill(0xff);
  end.set(bucket);
  return end;
}
