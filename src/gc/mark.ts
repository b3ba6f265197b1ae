/**
 * Marks the chunks that commits refer to: those of all commits that the store has, so that every
 * state in its logs can be read.
 *
 * Each commit is walked less what its parents have, which were marked before it; a content that is
 * remembered is not walked again. Where metadata cannot be read nobody knows what it refers to, and
 * marking fails.
 */
import { addressKey } from '../blocks/address.js';
import { chunkNumber, isChunkId } from '../blocks/chunk-home.js';
import type { Reads } from '../engine/engine.js';
import { BitSet } from '../ground/bit-set.js';
import { BoundedMap } from '../ground/bounded-map.js';
import { hex } from '../ground/bytes.js';
import { Pace } from '../ground/pause.js';
import type { LogEntry } from '../log/entry.js';
import { readBounds } from '../log/history.js';
import { AddressSet } from '../reach/address-set.js';
import {
  type ChunkOfContent,
  chunksOf,
  contentsOf,
  rootOf,
  rootsOfParents,
} from '../reach/contents.js';
import type { StoreParts } from '../reach/store-parts.js';
import { bucketsIn } from '../reach/table-walk.js';
import type { NumberedChunk } from '../volumes/chunk-row.js';

/** Contents that are remembered, so that what many commits refer to is walked once. */
const CONTENTS_MAX = 65_536;

export class Marking {
  readonly marks = new BitSet();
  /** References to chunks that have no row: it was lost. */
  lacking = 0;
  readonly #parts: StoreParts;
  readonly #pace: Pace;
  /** By bucket: the first sequence of its log that was not walked yet. */
  readonly #next = new Map<string, number>();
  /** Metadata that was walked. */
  readonly #seen = new AddressSet();
  readonly #contents = new BoundedMap<string, true>(CONTENTS_MAX);

  constructor(parts: StoreParts, signal: AbortSignal | undefined) {
    this.#parts = parts;
    this.#pace = new Pace('collect', { signal });
  }

  /** Marks what those commits refer to that are new since it was last called. */
  async catchUp(): Promise<void> {
    const { engine, history } = this.#parts;
    engine.refresh();
    for (const bucket of bucketsIn(engine, 'log')) {
      const key = hex(bucket);
      const { first, next } = history.bounds(bucket);
      for (let at = Math.max(first, this.#next.get(key) ?? 0); at < next; at++) {
        const entry = history.entryAt(bucket, at);
        if (entry !== undefined) await this.#commit(entry);
        this.#next.set(key, at + 1);
      }
    }
  }

  /** Whether a commit refers to a chunk, or to one of the same address, which stands in for it. */
  has({ number, row }: NumberedChunk): boolean {
    if (this.marks.has(number)) return true;
    const others = this.#parts.blocks.index.candidates(row.address);
    return others.some((id) => isChunkId(id) && this.marks.has(chunkNumber(id)));
  }

  /** Whether every commit of a log was walked, as a transaction sees them. */
  isCurrent(reads: Reads): boolean {
    for (const bucket of bucketsIn(reads, 'log')) {
      const walked = this.#next.get(hex(bucket)) ?? 0;
      if (readBounds(reads, bucket).next > walked) return false;
    }
    return true;
  }

  async #commit(entry: LogEntry): Promise<void> {
    const bases = rootsOfParents(this.#parts, entry);
    const root = rootOf(this.#parts, entry);
    for (const found of contentsOf(this.#parts, root, this.#seen, bases)) {
      if (this.#pace.due()) await this.#pace.rest();
      if (found === undefined) continue;
      const key = addressKey(found.ref.address);
      if (this.#contents.has(key)) continue;
      for (const chunk of chunksOf(this.#parts, found.ref)) {
        this.#chunk(chunk);
        if (this.#pace.due()) await this.#pace.rest();
      }
      this.#contents.set(key, true);
    }
  }

  /** All that may be the chunk: where one is damaged, another is read in its place. */
  #chunk({ id, address }: ChunkOfContent): void {
    const { engine, blocks } = this.#parts;
    const others = blocks.index.candidates(address);
    for (const one of [id, ...others]) if (isChunkId(one)) this.marks.add(chunkNumber(one));
    const isHere = (one: number | undefined): boolean => {
      return !isChunkId(one) || engine.view('chunks', chunkNumber(one)) !== undefined;
    };
    if (!isHere(id) && !others.some(isHere)) this.lacking++;
  }
}
