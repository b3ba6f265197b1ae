/**
 * Where pieces end. A splitter is a pure function of the bytes that follow the last end, so that the pieces of a
 * content depend on its bytes and its rule alone, never on how they arrived.
 *
 * The writer shows it either `bytesMax` bytes or all that is left of the content, and it answers with the end of the
 * first piece; so a splitter that looks at content needs no state either, and the writer's memory is bounded.
 */
import { assert } from '../errors.js';
import { PIECE_MAX } from './piece.js';

/** How contents are cut, by rule. */
export type Chunking = { readonly kind: 'fixed'; readonly bytes: number };

export interface Splitter {
  /** The shortest piece but the last, in bytes. */
  readonly bytesMin: number;
  /** The longest piece, in bytes. */
  readonly bytesMax: number;
  /** Where the piece that begins at `start` ends: above `start`, at most `end`. Bytes up to `end` are shown. */
  cut(bytes: Uint8Array, start: number, end: number): number;
}

/** The splitter that a rule asks for; a splitter stands for itself. */
export function splitterOf(chunking: Chunking | Splitter): Splitter {
  if ('cut' in chunking) return chunking;
  const { kind, bytes } = chunking;
  assert(kind === 'fixed', 'the chunking is of a known kind');
  assert(Number.isInteger(bytes) && bytes >= 1 && bytes <= PIECE_MAX, 'pieces fit their format');
  return {
    bytesMin: bytes,
    bytesMax: bytes,
    cut: (_bytes, start, end) => Math.min(start + bytes, end),
  };
}
