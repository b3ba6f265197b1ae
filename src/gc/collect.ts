/**
 * Collection: chunks that no commit refers to are forgotten, and segments that are mostly dead are
 * emptied into others, while the store is used.
 *
 *     mark      what all commits refer to
 *     condemn   what was not marked is found by its address no more; a transaction that found it
 *               before saves it when it commits, which it sees by the epoch
 *     forget    what is still condemned after a time of grace, and is not marked now either,
 *               loses its row; and so do groups that no chunk is in any more
 *     compact   see compact.ts
 *
 * A transaction of this process keeps what it counts on. One of another process that lasts longer
 * than the grace fails when it commits, and is run again. Nothing more is condemned while something
 * has its grace, which would begin anew. Where rows are lost or damaged no segment is emptied: it
 * may have what a rescan brings back.
 */
import type { StoreParts } from '../reach/store-parts.js';
import { chunkSlices, damagedRows, groupSlices } from '../reach/table-walk.js';
import { isImporting } from '../sync/import-stage.js';
import type { NumberedChunk } from '../volumes/chunk-row.js';
import { changeRow, collections, nextEpoch, type RowChange } from '../volumes/row-changes.js';
import { type Compacted, compact } from './compact.js';
import { Marking } from './mark.js';

/** How a collection is made. */
export interface CollectOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: CollectResult) => void) | undefined;
  /** How long transactions of other processes find what is condemned, in ms; default 10 minutes. */
  readonly graceMs?: number | undefined;
  /** The share of dead bytes from which a segment is emptied; default a half. */
  readonly deadShare?: number | undefined;
}

/** What a collection did. */
export interface CollectResult {
  /** Condemned chunks, and their bytes in all copies: they go with a collection after `due`. */
  condemned: number;
  condemnedBytes: number;
  /** When what is condemned may be forgotten, in ms since the epoch; undefined where nothing is. */
  due: number | undefined;
  forgotten: number;
  readonly compacted: Compacted;
  /** Why something was left to a later collection, if so. */
  deferred: string | undefined;
}

const GRACE_MS = 600_000;
const DEAD_SHARE = 0.5;

/** REGALIA_ABORTED, REGALIA_FULL, REGALIA_IO, REGALIA_VOLUME; what reading metadata throws. */
export async function collect(parts: StoreParts, options: CollectOptions): Promise<CollectResult> {
  return new Collection(parts, options).run();
}

class Collection {
  readonly #parts: StoreParts;
  readonly #options: CollectOptions;
  readonly #graceMs: number;
  readonly #marking: Marking;
  readonly #result: CollectResult = {
    condemned: 0,
    condemnedBytes: 0,
    due: undefined,
    forgotten: 0,
    compacted: { segments: 0, freedBytes: 0, movedBytes: 0, stuck: 0 },
    deferred: undefined,
  };

  constructor(parts: StoreParts, options: CollectOptions) {
    this.#parts = parts;
    this.#options = options;
    this.#graceMs = options.graceMs ?? GRACE_MS;
    this.#marking = new Marking(parts, options.signal);
  }

  async run(): Promise<CollectResult> {
    const { engine, chunks } = this.#parts;
    const { deadShare = DEAD_SHARE, signal, onProgress } = this.#options;
    const result = this.#result;
    chunks.volumes.refresh();
    await this.#marking.catchUp();
    if (this.#isDue()) await this.#forget();
    onProgress?.(result);
    // Nothing refers yet to what an import has brought.
    if (isImporting(engine)) result.deferred = 'an import is unfinished';
    else await this.#condemn();
    onProgress?.(result);
    if (this.#isDue()) {
      const { chunks: count, bytes } = await this.#forget();
      result.condemned -= Math.min(result.condemned, count);
      result.condemnedBytes -= Math.min(result.condemnedBytes, bytes);
    }
    const damaged = (await damagedRows(engine, 'collect', signal)).length;
    if (damaged === 0) await forgetGroups(this.#parts, signal);
    const { condemnedMs } = collections(engine);
    result.due = condemnedMs === 0 ? undefined : condemnedMs + this.#graceMs;
    if (this.#marking.lacking > 0 || damaged > 0) {
      result.deferred = 'rows of contents are lost or damaged: rescan first';
      return result;
    }
    await chunks.volumes.roll();
    await compact(this.#parts, deadShare, this.#graceMs, result.compacted, signal);
    onProgress?.(result);
    return result;
  }

  #isDue(): boolean {
    const { condemnedMs } = collections(this.#parts.engine);
    return condemnedMs > 0 && this.#parts.now() - condemnedMs >= this.#graceMs;
  }

  async #condemn(): Promise<void> {
    const { engine, chunks, now } = this.#parts;
    const inGrace = collections(engine).condemnedMs > 0 && !this.#isDue();
    for await (const slice of chunkSlices(engine, 'collect', this.#options.signal)) {
      await this.#marking.catchUp();
      const used = chunks.inUse().numbers;
      const dead = slice.filter((found) => !this.#marking.has(found) && !used.has(found.number));
      const fresh = dead.filter(({ row }) => row.condemned !== true);
      if (inGrace && fresh.length > 0) {
        this.#result.deferred = 'what was condemned before has its time of grace';
      }
      const made = inGrace ? 0 : await this.#condemnSome(fresh, Math.max(1, Math.floor(now())));
      const counted = made === fresh.length ? dead : dead.filter((one) => !fresh.includes(one));
      this.#result.condemned += counted.length;
      this.#result.condemnedBytes += bytesOf(counted);
    }
  }

  /** Condemns chunks, unless there is a commit by now that was not marked. */
  async #condemnSome(dead: readonly NumberedChunk[], nowMs: number): Promise<number> {
    if (dead.length === 0) return 0;
    const changes = dead.map(({ number, row }): RowChange => {
      return { number, before: row, after: { ...row, condemned: true } };
    });
    return this.#parts.engine.write((batch) => {
      // A commit or an import may have begun since.
      if (!this.#marking.isCurrent(batch) || isImporting(batch)) return 0;
      const made = changes.filter((change) => changeRow(batch, change));
      nextEpoch(batch, nowMs);
      return made.length;
    }, 'sync');
  }

  /** Forgets what is condemned and not in use here. What is marked is condemned no more. */
  async #forget(): Promise<{ chunks: number; bytes: number }> {
    const { engine, chunks } = this.#parts;
    const forgotten = { chunks: 0, bytes: 0 };
    let { epoch } = collections(engine);
    let kept = 0;
    for await (const slice of chunkSlices(engine, 'collect', this.#options.signal)) {
      const condemned = slice.filter(({ row }) => row.condemned === true);
      if (condemned.length === 0) continue;
      await this.#marking.catchUp();
      const used = chunks.inUse().numbers;
      const going = condemned.filter(({ number }) => !used.has(number));
      const changes = going.map((found): RowChange => {
        const { number, row } = found;
        const after = this.#marking.has(found) ? { ...row, condemned: false } : undefined;
        return { number, before: row, after };
      });
      const made = await engine.write((batch) => {
        if (!this.#marking.isCurrent(batch)) return [];
        const { condemnedMs, epoch: before } = collections(batch);
        const some = changes.filter((change) => changeRow(batch, change));
        const now = nextEpoch(batch, condemnedMs);
        if (before === epoch) epoch = now;
        return some;
      }, 'sync');
      kept += condemned.length - made.length;
      const gone = made.filter(({ after }) => after === undefined);
      forgotten.chunks += gone.length;
      forgotten.bytes += bytesOf(gone.map(({ number, before }) => ({ number, row: before })));
    }
    this.#result.forgotten += forgotten.chunks;
    if (kept > 0) return forgotten;
    await engine.write((batch) => {
      // Others may have condemned since.
      if (collections(batch).epoch === epoch) nextEpoch(batch, 0);
    }, 'sync');
    return forgotten;
  }
}

function bytesOf(found: readonly NumberedChunk[]): number {
  return found.reduce((sum, { row }) => sum + row.storedLength * row.copies.length, 0);
}

/** Forgets groups that no chunk is in any more, so that their shards count as dead. */
async function forgetGroups(parts: StoreParts, signal: AbortSignal | undefined): Promise<void> {
  const { engine, chunks } = parts;
  const { epoch } = collections(engine);
  // Before the chunks: what is made from now on has some.
  const empty = new Set<number>();
  for await (const slice of groupSlices(engine, 'collect', signal)) {
    for (const { number } of slice) empty.add(number);
  }
  if (empty.size === 0) return;
  for await (const slice of chunkSlices(engine, 'collect', signal)) {
    for (const { row } of slice) if (row.coded !== undefined) empty.delete(row.coded.group);
  }
  if (empty.size === 0) return;
  await engine.write((batch) => {
    // A rescan, which may find chunks of a group again, raises the epoch.
    if (collections(batch).epoch !== epoch) return;
    for (const number of empty) batch.del('groups', number);
  }, 'sync');
  for (const number of empty) chunks.groups.forget(number);
}
