/**
 * Where chunks end. A splitter is a pure function of the bytes that follow the last end and, on a
 * grid, of where they lie: so the chunks of a content depend on its bytes and its rule alone, never
 * on how they arrived.
 *
 * The writer shows it either `bytesMax` bytes or all that is left before a hole or the end. What it
 * answers depends on the bytes before its answer alone: those behind, and the end of what is shown,
 * count only where it answers with that end. So cuts that lie before a change stay, and a splitter
 * needs no state.
 */
import { assert } from '../ground/errors.js';
import { CHUNK_BYTES_MAX } from '../ground/limits.js';
import { Cdc } from '../kernels/cdc.js';

/**
 * How contents are cut, by rule. `fixed`: at multiples of `bytes`, which suits what is rewritten in
 * place. `content`: where the bytes themselves have it, so that what is inserted moves few cuts;
 * chunks have `bytesMin` to `bytesMax` bytes, about `bytesAverage` in the mean, which is a power of
 * two.
 */
export type Chunking =
  | { readonly kind: 'fixed'; readonly bytes: number }
  | {
      readonly kind: 'content';
      readonly bytesMin: number;
      readonly bytesAverage: number;
      readonly bytesMax: number;
    };

export interface Splitter {
  /** The shortest chunk, in bytes; first and last ones, and those beside holes, may be shorter. */
  readonly bytesMin: number;
  /** The longest chunk, in bytes. */
  readonly bytesMax: number;
  /**
   * Where the chunk that begins at `start` ends: above `start`, at most `end`. Bytes up to `end`
   * are shown; the one at `start` is the content's at `offset`.
   */
  cut(bytes: Uint8Array, start: number, end: number, offset: number): number;
}

/** The splitter that a rule asks for; a splitter stands for itself. */
export function splitterOf(chunking: Chunking | Splitter): Splitter {
  if ('cut' in chunking) return chunking;
  return chunking.kind === 'fixed' ? gridOf(chunking.bytes) : byContent(chunking);
}

/** Chunks end at multiples of `bytes`: what is rewritten in place leaves all others as they are. */
function gridOf(bytes: number): Splitter {
  assert(
    Number.isInteger(bytes) && bytes >= 1 && bytes <= CHUNK_BYTES_MAX,
    'chunks fit their format',
  );
  return {
    bytesMin: bytes,
    bytesMax: bytes,
    cut: (_bytes, start, end, offset) => Math.min(start + bytes - (offset % bytes), end),
  };
}

/**
 * The last one asked for: contents of a transaction mostly have one rule, and its tables take
 * longer than a chunk.
 */
let last: { readonly text: string; readonly splitter: Splitter } | undefined;

/** Chunks end where a hash of the bytes before has it (see kernels/cdc.ts), wherever they lie. */
function byContent({ bytesMin, bytesAverage, bytesMax }: Chunking & { kind: 'content' }): Splitter {
  const text = `${bytesMin} ${bytesAverage} ${bytesMax}`;
  if (last?.text === text) return last.splitter;
  assert(bytesMax <= CHUNK_BYTES_MAX, 'chunks fit their format');
  const cdc = new Cdc({ bytesMin, bytesAvg: bytesAverage, bytesMax });
  const cut: Splitter['cut'] = (bytes, start, end) => cdc.cut(bytes, start, end);
  last = { text, splitter: { bytesMin, bytesMax, cut } };
  return last.splitter;
}
