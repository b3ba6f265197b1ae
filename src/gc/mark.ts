/**
 * Marks the chunks that commits refer to: those of all commits that the store has, so that every
 * state in its logs can be read.
 *
 * Each commit is walked less what its parents hold, which were marked before it; a content that was
 * met lately is not walked again. Where metadata cannot be read nobody knows what it refers to, and
 * marking fails.
 */
import { addressKey } from '../blocks/address.js';
import { chunkNumber, isChunkId } from '../blocks/chunk-home.js';
import type { Reads } from '../engine/engine.js';
import { BitSet } from '../ground/bit-set.js';
import { throwIfAborted } from '../ground/errors.js';
import { turn } from '../ground/pause.js';
import { BUCKET_ID_LENGTH } from '../log/commit.js';
import type { LogEntry } from '../log/entry.js';
import { readBounds } from '../log/history.js';
import {
  type ChunkOfContent,
  chunksOf,
  contentsOf,
  rootOf,
  rootsOfParents,
} from '../reach/contents.js';
import type { FoundChunk, Subject } from '../reach/table-walk.js';

/** Steps between turns of the event loop. */
const TURN_STEPS = 64;
/** Contents that are remembered, so that what many commits refer to is walked once. */
const CONTENTS_MAX = 65_536;

export class Marking {
  readonly marks = new BitSet();
  /** References to chunks that have no row: it was lost. */
  lacking = 0;
  readonly #subject: Subject;
  readonly #signal: AbortSignal | undefined;
  /** By bucket: the first sequence of its log that was not walked yet. */
  readonly #next = new Map<string, number>();
  readonly #contents = new Set<string>();
  #steps = 0;

  constructor(subject: Subject, signal: AbortSignal | undefined) {
    this.#subject = subject;
    this.#signal = signal;
  }

  /** Marks what the commits refer to that landed since it was last called. */
  async catchUp(): Promise<void> {
    const { engine, history } = this.#subject;
    engine.refresh();
    for (const bucket of bucketsIn(engine)) {
      const key = Buffer.from(bucket).toString('latin1');
      const { first, next } = history.bounds(bucket);
      for (let at = Math.max(first, this.#next.get(key) ?? 0); at < next; at++) {
        const entry = history.entryAt(bucket, at);
        if (entry !== undefined) await this.#commit(entry);
        this.#next.set(key, at + 1);
      }
    }
  }

  /**
   * Whether a commit refers to a chunk, or to another of the same address: one stands in for the
   * other.
   */
  has({ number, row }: FoundChunk): boolean {
    if (this.marks.has(number)) return true;
    const others = this.#subject.blocks.index.candidates(row.address);
    return others.some((id) => isChunkId(id) && this.marks.has(chunkNumber(id)));
  }

  /** Whether every commit of a log was walked, as a transaction sees them. */
  isCurrent(reads: Reads): boolean {
    for (const bucket of bucketsIn(reads)) {
      const walked = this.#next.get(Buffer.from(bucket).toString('latin1')) ?? 0;
      if (readBounds(reads, bucket).next > walked) return false;
    }
    return true;
  }

  async #commit(entry: LogEntry): Promise<void> {
    const bases = rootsOfParents(this.#subject, entry);
    for (const found of contentsOf(this.#subject, rootOf(this.#subject, entry), bases)) {
      await this.#step();
      if (found === undefined) continue;
      const key = addressKey(found.ref.address);
      if (this.#contents.has(key)) continue;
      for (const chunk of chunksOf(this.#subject, found.ref)) {
        this.#chunk(chunk);
        await this.#step();
      }
      if (this.#contents.size >= CONTENTS_MAX) this.#contents.clear();
      this.#contents.add(key);
    }
  }

  /** All that may be the chunk: where one is damaged, another is read in its place. */
  #chunk({ id, address }: ChunkOfContent): void {
    const { engine, blocks } = this.#subject;
    const others = blocks.index.candidates(address);
    for (const one of [id, ...others]) if (isChunkId(one)) this.marks.add(chunkNumber(one));
    const isHere = (one: number | undefined): boolean => {
      return !isChunkId(one) || engine.view('chunks', chunkNumber(one)) !== undefined;
    };
    if (!isHere(id) && !others.some(isHere)) this.lacking++;
  }

  async #step(): Promise<void> {
    if (++this.#steps % TURN_STEPS !== 0) return;
    await turn();
    throwIfAborted(this.#signal, 'collect');
  }
}

/** The buckets that have a log. */
function* bucketsIn(reads: Reads): Generator<Uint8Array, void> {
  let after = new Uint8Array(0);
  for (;;) {
    let next: Uint8Array | undefined;
    for (const { key } of reads.range('log', { gt: after, limit: 1 })) next = key;
    if (next === undefined) return;
    const bucket = next.slice(0, BUCKET_ID_LENGTH);
    yield bucket;
    after = new Uint8Array(BUCKET_ID_LENGTH + 16).fill(0xff);
    after.set(bucket);
  }
}
