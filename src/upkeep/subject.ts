/** What upkeep of contents works on: a store, as far as it concerns it; and its ways through the table of pieces. */
import type { Backend } from '../blocks/backend.js';
import type { Blocks } from '../blocks/blocks.js';
import { PIECE_NUMBERS } from '../blocks/piece-home.js';
import { turn } from '../chunks/turn.js';
import { isRegaliaError, throwIfAborted } from '../errors.js';
import type { History } from '../log/history.js';
import type { NodeCache } from '../tree/node-cache.js';
import { decodeGroupRow, type GroupRow } from '../volumes/group-row.js';
import { decodePieceRow, type PieceRow } from '../volumes/piece-row.js';
import type { Pieces } from '../volumes/pieces.js';
import type { StorageRules } from '../volumes/storage-rules.js';

export interface Subject {
  readonly backend: Backend;
  readonly blocks: Blocks;
  readonly cache: NodeCache;
  readonly history: History;
  readonly pieces: Pieces;
  /** The id of the root bucket. */
  readonly store: Uint8Array;
  readonly storage: StorageRules;
  readonly now: () => number;
}

/** A row that was read. One that is damaged is passed over: `verify` tells of it, and a rescan makes another. */
export interface Found<Row> {
  readonly number: number;
  readonly row: Row;
}

export type FoundPiece = Found<PieceRow>;
export type FoundGroup = Found<GroupRow>;

/** Rows that are read in one turn. */
const SLICE = 256;

/** All pieces, a slice for each turn. REGALIA_ABORTED. */
export function pieceSlices(
  backend: Backend,
  operation: string,
  signal?: AbortSignal,
): AsyncGenerator<FoundPiece[], void, undefined> {
  return slices(backend, 'pieces', decodePieceRow, operation, signal);
}

/** All groups, in the same way. */
export function groupSlices(
  backend: Backend,
  operation: string,
  signal?: AbortSignal,
): AsyncGenerator<FoundGroup[], void, undefined> {
  return slices(backend, 'groups', decodeGroupRow, operation, signal);
}

async function* slices<Row>(
  backend: Backend,
  table: 'pieces' | 'groups',
  decode: (number: number, bytes: Uint8Array) => Row,
  operation: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<Found<Row>[], void, undefined> {
  for (let after = 0; after < PIECE_NUMBERS; ) {
    await turn();
    throwIfAborted(signal, operation);
    backend.refresh();
    const found: Found<Row>[] = [];
    let last: number | undefined;
    for (const { key, bytes } of backend.range(table, { gt: after, limit: SLICE })) {
      last = key;
      const row = decodedOr(() => decode(key, bytes));
      if (row !== undefined) found.push({ number: key, row });
    }
    if (last === undefined) return;
    after = last;
    if (found.length > 0) yield found;
  }
}

function decodedOr<Row>(decode: () => Row): Row | undefined {
  try {
    return decode();
  } catch (error) {
    if (!isRegaliaError(error)) throw error;
    return undefined;
  }
}
