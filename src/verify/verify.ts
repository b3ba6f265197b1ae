/**
 * Verification: reads everything that a store keeps, while it is used, and reports what is not as
 * it was written.
 *
 *     logs of all buckets → commits → trees, contents, maps → trees as a whole
 *     → stray commits → branches and tags → shares → tables
 *
 * Commits come oldest first, and each block is read once, at the first commit that reaches it: so
 * the cost is that of the store's size. Blocks are read past the caches. What is written meanwhile
 * may be met or not. Where the engine's file is damaged in its own structure the engine may end the
 * process: where that matters, this runs in a child.
 *
 * Not asked: whether nodes end where the boundary rule says, whether contents are cut as the rules
 * say, and whether bytes of the engine's free pages are sound. What streams of different rules have
 * in common is checked by the rule of the first.
 */
import type { Engine } from '../engine/engine.js';
import { Pace } from '../ground/pause.js';
import type { ChunkStore } from '../volumes/chunk-store.js';
import type { Fault, Step, VerifySummary } from './fault.js';
import { BlockScrub } from './scrub-blocks.js';
import { HistoryScrub } from './scrub-history.js';
import { scrubShares } from './scrub-shares.js';
import { expectedBlocks, scrubTables } from './scrub-tables.js';
import { Trees } from './trees.js';

/** How far a verification has come. */
export interface VerifyProgress {
  readonly blocks: number;
  readonly bytes: number;
  /** Blocks in the index when the scrub began: those that no commit reaches are not read. */
  readonly total: number;
}

/** What is verified. */
export interface VerifyOptions {
  /** Ends the scrub with REGALIA_ABORTED. */
  readonly signal?: AbortSignal | undefined;
  /** Called every few milliseconds, and at the end. */
  readonly onProgress?: ((progress: VerifyProgress) => void) | undefined;
  /** Whether contents must be here; default true. False for a replica of metadata alone. */
  readonly contents?: boolean | undefined;
  /**
   * Whether chunks of contents are read, every copy and shard of them; false: only that the store
   * knows of each, in a time that metadata sets. Default true.
   */
  readonly chunks?: boolean | undefined;
}

interface ScrubbedStore {
  readonly engine: Engine;
  /** The home of its chunks; undefined where they lie among other blocks. */
  readonly chunks?: ChunkStore | undefined;
  readonly store: Uint8Array;
}

const CLOCK_BYTES = 32 * 1024;

/** Faults as they are found, then the summary. REGALIA_ABORTED, and what the engine throws. */
export async function* verify(
  { engine, chunks, store }: ScrubbedStore,
  options: VerifyOptions = {},
): AsyncGenerator<Fault | VerifySummary, void, undefined> {
  const { signal, onProgress, contents = true, chunks: readsChunks = true } = options;
  const pace = new Pace('verify', { signal, steps: CLOCK_BYTES });
  engine.refresh();
  const total = onProgress === undefined ? 0 : expectedBlocks(engine);
  const trees = new Trees(engine);
  const blocks = new BlockScrub(engine, { contents, chunks, readsChunks, trees });
  const history = new HistoryScrub(engine, blocks, trees);
  const report = (): void => onProgress?.({ blocks: blocks.blocks, bytes: blocks.bytes, total });
  let faults = 0;
  const scrubbed = readsChunks ? chunks : undefined;
  for (const step of stepsOf({ engine, chunks: scrubbed, store }, blocks, history)) {
    if (typeof step !== 'number') {
      faults++;
      yield step;
      continue;
    }
    if (!pace.due(step)) continue;
    report();
    await pace.rest();
    engine.refresh();
  }
  report();
  const { commits } = history;
  yield { kind: 'summary', blocks: blocks.blocks, bytes: blocks.bytes, commits, faults };
}

function* stepsOf(
  { engine, chunks, store }: ScrubbedStore,
  blocks: BlockScrub,
  history: HistoryScrub,
): Generator<Step, void> {
  yield* history.logs(store);
  yield* history.strays();
  yield* history.heads();
  yield* scrubShares(engine);
  yield* scrubTables(engine, blocks.seen, chunks);
}
