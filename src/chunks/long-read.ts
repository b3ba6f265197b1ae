/**
 * Long reads: chunks that follow each other come in large buffers, as their home gathers them.
 *
 *     parts      [ chunk ][ chunk ][   hole   ][ chunk ]
 *     gathered   [ a ......... a ]             [ a ... ]      cut to what is asked for, each in a buffer of its own
 *
 * Invariant: no two of the results share a buffer, since whoever gets one may give its buffer away.
 */
import type { Blocks } from '../blocks/blocks.js';
import { checkNoHole } from './chunk.js';
import { type Child, isHole, type Part } from './manifest.js';

/** A part of a content, and which of its bytes are asked for. */
export interface Asked {
  readonly part: Part;
  readonly from: number;
  readonly until: number;
}

/**
 * The bytes of parts that follow each other, of which only the first and the last may be asked for
 * in part. Undefined where they cannot be gathered. REGALIA_FORMAT for a chunk that holds a hole.
 */
export async function gatherParts(
  blocks: Pick<Blocks, 'gather'>,
  parts: readonly Asked[],
): Promise<Uint8Array[] | undefined> {
  const chunks = parts.flatMap(({ part }) => (isHole(part) ? [] : [part]));
  if (chunks.length === 0) return undefined;
  const gathered = await blocks.gather(chunks);
  if (gathered === undefined) return undefined;
  checkChunks(chunks, gathered);
  return chunks.length === parts.length ? trimmed(parts, gathered) : apart(parts, gathered);
}

function checkChunks(chunks: readonly Child[], gathered: readonly Uint8Array[]): void {
  const rest = new Rest(gathered);
  for (const { length } of chunks) {
    const chunk = rest.take(length);
    checkNoHole(chunk, 0, length);
  }
}

/** Without holes: the buffers as they are, but for the bytes at both ends that nobody asked for. */
function trimmed(parts: readonly Asked[], gathered: readonly Uint8Array[]): Uint8Array[] {
  const [first, last] = [parts[0] as Asked, parts[parts.length - 1] as Asked];
  return gathered.map((bytes, i) => {
    const start = i === 0 ? first.from : 0;
    const cut = i === gathered.length - 1 ? last.part.length - last.until : 0;
    return bytes.subarray(start, bytes.length - cut);
  });
}

/** With holes between them: each part by itself. */
function apart(parts: readonly Asked[], gathered: readonly Uint8Array[]): Uint8Array[] {
  const rest = new Rest(gathered);
  return parts.map(({ part, from, until }) => {
    if (isHole(part)) return new Uint8Array(until - from);
    return new Uint8Array(rest.take(part.length).subarray(from, until));
  });
}

/** Chunks taken one after the other from buffers of whole chunks. */
class Rest {
  readonly #buffers: readonly Uint8Array[];
  #index = 0;
  #at = 0;

  constructor(buffers: readonly Uint8Array[]) {
    this.#buffers = buffers;
  }

  take(length: number): Uint8Array {
    if (this.#at === this.#buffers[this.#index]?.length) {
      this.#index++;
      this.#at = 0;
    }
    const start = this.#at;
    this.#at += length;
    return (this.#buffers[this.#index] as Uint8Array).subarray(start, this.#at);
  }
}
