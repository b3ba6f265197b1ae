/**
 * Collection: pieces that no commit refers to are forgotten, and segments that are mostly dead are emptied into others,
 * while the store is used.
 *
 *     mark      what all commits refer to
 *     condemn   what was not marked is found by its address no more; a transaction that found it before takes it up
 *               again when it lands, which it sees by the epoch
 *     forget    what is still condemned after a time of grace loses its row
 *     compact   see compact.ts
 *
 * A transaction of this process keeps what it counts on. One of another process that lasts longer than the grace fails
 * when it lands, and is run again.
 */
import type { Backend } from '../blocks/backend.js';
import { utf8Bytes } from '../bytes.js';
import {
  changeRow,
  changeRows,
  collections,
  nextEpoch,
  type RowChange,
} from '../volumes/row-changes.js';
import { type Compacted, compact } from './compact.js';
import { Marking } from './mark.js';
import { type FoundPiece, pieceSlices, type Subject } from './subject.js';

export interface CollectOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: CollectResult) => void) | undefined;
  /** How long what is condemned is kept for transactions of other processes, in ms: ten minutes unless told. */
  readonly graceMs?: number | undefined;
  /** The share of dead bytes from which a segment is emptied: a half unless told. */
  readonly deadShare?: number | undefined;
}

export interface CollectResult {
  /** Pieces that are condemned, and their stored bytes in all copies: they go with the first collection after `due`. */
  condemned: number;
  condemnedBytes: number;
  /** When what is condemned may be forgotten, in ms since the epoch; undefined where nothing is. */
  due: number | undefined;
  /** Pieces that were forgotten. */
  forgotten: number;
  readonly compacted: Compacted;
  /** Why nothing was condemned, if so. */
  deferred: string | undefined;
}

const GRACE_MS = 600_000;
const DEAD_SHARE = 0.5;
const IMPORTS = utf8Bytes('import/');
const BEHIND_IMPORTS = utf8Bytes('import0');

/** REGALIA_ABORTED, REGALIA_FULL, REGALIA_IO, REGALIA_VOLUME; what reading metadata throws. */
export async function collect(
  subject: Subject,
  options: CollectOptions = {},
): Promise<CollectResult> {
  const { graceMs = GRACE_MS, deadShare = DEAD_SHARE, signal, onProgress } = options;
  const { backend, pieces, now } = subject;
  const result: CollectResult = {
    condemned: 0,
    condemnedBytes: 0,
    due: undefined,
    forgotten: 0,
    compacted: { segments: 0, freedBytes: 0, movedBytes: 0, stuck: 0 },
    deferred: undefined,
  };
  pieces.volumes.refresh();
  const isDue = (): boolean => {
    const { condemnedMs } = collections(backend);
    return condemnedMs > 0 && now() - condemnedMs >= graceMs;
  };
  if (isDue()) await forget(subject, options, result);
  onProgress?.(result);
  if (isImporting(backend)) result.deferred = 'an import is unfinished';
  else await condemn(subject, options, result);
  onProgress?.(result);
  if (isDue()) await forget(subject, options, result);
  const { condemnedMs } = collections(backend);
  result.due = condemnedMs === 0 ? undefined : condemnedMs + graceMs;
  await pieces.volumes.roll();
  await compact(subject, deadShare, graceMs, result.compacted, signal);
  onProgress?.(result);
  return result;
}

/** What an unfinished import has taken in is referred to by nothing yet. */
function isImporting(backend: Backend): boolean {
  const rows = backend.range('meta', { gte: IMPORTS, lt: BEHIND_IMPORTS, limit: 1 });
  return [...rows].length > 0;
}

async function condemn(
  subject: Subject,
  { signal }: CollectOptions,
  result: CollectResult,
): Promise<void> {
  const { backend, pieces, now } = subject;
  const marking = new Marking(subject, signal);
  await marking.catchUp();
  for await (const slice of pieceSlices(backend, 'collect', signal)) {
    await marking.catchUp();
    const used = pieces.inUse().numbers;
    const dead = slice.filter(({ number }) => !marking.marks.has(number) && !used.has(number));
    for (const { row } of dead) {
      result.condemned++;
      result.condemnedBytes += row.storedLength * row.copies.length;
    }
    const fresh = dead.filter(({ row }) => row.condemned !== true);
    await condemnSome(backend, marking, fresh, Math.max(1, Math.floor(now())));
  }
}

/** Condemns pieces, unless a commit that was not marked has landed by then: a later collection will. */
async function condemnSome(
  backend: Backend,
  marking: Marking,
  dead: readonly FoundPiece[],
  nowMs: number,
): Promise<void> {
  if (dead.length === 0) return;
  const changes = dead.map(({ number, row }): RowChange => {
    return { number, before: row, after: { ...row, condemned: true } };
  });
  await backend.write((batch) => {
    if (!marking.isCurrent(batch)) return;
    for (const change of changes) changeRow(batch, change);
    nextEpoch(batch, nowMs);
  }, 'sync');
}

/** Forgets what is condemned, but for what transactions of this process count on. */
async function forget(
  subject: Subject,
  { signal }: CollectOptions,
  result: CollectResult,
): Promise<void> {
  const { backend, pieces } = subject;
  const { condemnedMs } = collections(backend);
  let kept = 0;
  for await (const slice of pieceSlices(backend, 'collect', signal)) {
    const used = pieces.inUse().numbers;
    const condemned = slice.filter(({ row }) => row.condemned === true);
    const going = condemned.filter(({ number }) => !used.has(number));
    kept += condemned.length - going.length;
    if (going.length === 0) continue;
    const changes = going.map(({ number, row }): RowChange => {
      return { number, before: row, after: undefined };
    });
    const made = await changeRows(backend, changes, (batch) => nextEpoch(batch, condemnedMs));
    result.forgotten += made.length;
    result.condemned -= Math.min(result.condemned, made.length);
  }
  if (kept === 0) await backend.write((batch) => nextEpoch(batch, 0), 'sync');
}
