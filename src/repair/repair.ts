/**
 * Repair: brings contents back to what their rules ask for, from what is sound.
 *
 *     groups    every shard is read; those that are lost or damaged are solved for, and written to
 *               other volumes
 *     copies    every copy is read; those that are lost or damaged are written anew, from one that
 *               is sound
 *     coding    contents that are to be coded, and have rested, are: see coding.ts
 *
 * It goes on while the store is used. A chunk without any sound source is reported, and stays as it
 * is: a volume may return. A copy or a shard that cannot be read now counts as one that stands.
 */
import { addressText } from '../blocks/address.js';
import { Pace } from '../ground/pause.js';
import { branches } from '../log/branches.js';
import type { LogEntry } from '../log/entry.js';
import { AddressSet } from '../reach/address-set.js';
import { chunksOf, contentsOf, type FoundContent, rootOf } from '../reach/contents.js';
import { rowOfChunk, rowsOfChunk, type StoreParts } from '../reach/store-parts.js';
import { chunkSlices, groupSlices } from '../reach/table-walk.js';
import { readCopies, soundChunk } from '../volumes/chunk-reads.js';
import type { NumberedChunk, Place } from '../volumes/chunk-row.js';
import { Rehousing } from '../volumes/chunk-writer.js';
import { restoreShards } from '../volumes/group-repair.js';
import { copiesOf, SCATTERED } from '../volumes/placement.js';
import { changeRows } from '../volumes/row-changes.js';
import { storageRuleOf } from '../volumes/storage-rules.js';
import { type Coded, codeContent } from './coding.js';

/** How a repair is made. */
export interface RepairOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: RepairResult) => void) | undefined;
  /** How long a content has rested when it is coded, in ms since the commit; default a day. */
  readonly restedMs?: number | undefined;
}

/** What a repair did. */
export interface RepairResult {
  /** Chunks and groups that were looked at. */
  chunks: number;
  groups: number;
  /** Copies and shards that were written in place of others, or because a rule asks for more. */
  copiesRestored: number;
  shardsRestored: number;
  /** Chunks and groups that have fewer copies or shards than they should, for want of volumes. */
  thin: number;
  /** Copies and shards that cannot be read now: of them nothing is known, and they stay. */
  unreadable: number;
  /** Chunks that have no sound source left here; the first hundred addresses. */
  lost: number;
  readonly lostAddresses: string[];
  readonly coded: Coded;
}

const DAY_MS = 86_400_000;
const LOST_MAX = 100;
/** How many copies a number may stand for. */
const COPIES = 255;

/**
 * REGALIA_ABORTED, REGALIA_FULL, REGALIA_IO, REGALIA_VOLUME; REGALIA_CONFLICT where a collection
 * removed what was being written, which may be tried again; what reading metadata throws.
 */
export async function repair(parts: StoreParts, options: RepairOptions): Promise<RepairResult> {
  return new Repair(parts, options).run();
}

class Repair {
  readonly #parts: StoreParts;
  readonly #options: RepairOptions;
  readonly #result: RepairResult = {
    chunks: 0,
    groups: 0,
    copiesRestored: 0,
    shardsRestored: 0,
    thin: 0,
    unreadable: 0,
    lost: 0,
    lostAddresses: [],
    coded: { groups: 0, chunks: 0, bytes: 0, shardBytes: 0 },
  };
  readonly #pace: Pace;
  readonly #lostGroups = new Set<number>();

  constructor(parts: StoreParts, options: RepairOptions) {
    this.#parts = parts;
    this.#options = options;
    this.#pace = new Pace('repair', { signal: options.signal });
  }

  async run(): Promise<RepairResult> {
    this.#parts.chunks.volumes.refresh();
    await this.#groups();
    await this.#copies(await this.#wanted());
    await this.#code();
    this.#options.onProgress?.(this.#result);
    return this.#result;
  }

  async #groups(): Promise<void> {
    const { engine, chunks } = this.#parts;
    for await (const slice of groupSlices(engine, 'repair', this.#options.signal)) {
      for (const found of slice) {
        const restored = await restoreShards(chunks, found);
        this.#result.groups++;
        this.#result.shardsRestored += restored.written;
        this.#result.unreadable += restored.unreadable;
        if (restored.missing > 0) this.#result.thin++;
        if (restored.lost) this.#lostGroups.add(found.number);
        if (this.#pace.due()) await this.#pace.rest();
      }
      this.#options.onProgress?.(this.#result);
    }
  }

  /** By number of chunk, the copies that rules of branches' heads ask for, where above one. */
  async #wanted(): Promise<Map<number, number>> {
    const wanted = new Map<number, number>();
    for await (const found of this.#contents(0)) {
      const { redundancy } = storageRuleOf(this.#parts.storage, found.stream);
      const copies = Math.min(COPIES, copiesOf(redundancy));
      if (copies < 2) continue;
      for (const { address, id } of chunksOf(this.#parts, found.ref)) {
        if (this.#pace.due()) await this.#pace.rest();
        const number = rowOfChunk(this.#parts, address, id)?.number;
        if (number === undefined) continue;
        wanted.set(number, Math.max(copies, wanted.get(number) ?? 0));
      }
    }
    return wanted;
  }

  /** The contents of branches' heads that have rested so long. */
  async *#contents(restedMs: number): AsyncGenerator<FoundContent, void, undefined> {
    const seen = new AddressSet();
    for (const entry of this.#heads(restedMs)) {
      for (const found of contentsOf(this.#parts, rootOf(this.#parts, entry), seen)) {
        if (this.#pace.due()) await this.#pace.rest();
        if (found !== undefined) yield found;
      }
    }
  }

  /** The newest commit of each branch that is at least so old, along first parents. */
  *#heads(restedMs: number): Generator<LogEntry, void> {
    const { engine, history, store, now } = this.#parts;
    const before = now() - restedMs;
    for (const { head } of branches(engine, store)) {
      let entry = history.entry(head);
      while (entry !== undefined && entry.correctedMs > before && restedMs > 0) {
        const [parent] = entry.parents;
        entry = parent === undefined ? undefined : history.entry(parent);
      }
      if (entry !== undefined) yield entry;
    }
  }

  async #copies(wanted: ReadonlyMap<number, number>): Promise<void> {
    const { engine, chunks } = this.#parts;
    const rehousing = new Rehousing(chunks);
    for await (const slice of chunkSlices(engine, 'repair', this.#options.signal)) {
      for (const found of slice) {
        await this.#chunk(found, wanted.get(found.number) ?? 1, rehousing);
        if (this.#pace.due()) await this.#pace.rest();
      }
      this.#options.onProgress?.(this.#result);
    }
    await rehousing.flush();
  }

  async #chunk(found: NumberedChunk, wanted: number, rehousing: Rehousing): Promise<void> {
    const { number, row } = found;
    if (row.condemned === true) return;
    this.#result.chunks++;
    if (row.coded !== undefined) {
      const { group } = row.coded;
      const isLost = this.#parts.engine.view('groups', group) === undefined;
      if (isLost || this.#lostGroups.has(group)) await this.#lost(found);
      return;
    }
    const { volumes } = this.#parts.chunks;
    const { sound, unreadable, stored } = readCopies(volumes, row, row.copies);
    this.#result.unreadable += unreadable.length;
    if (stored === undefined && unreadable.length > 0) return;
    if (stored === undefined) return this.#lost(found);
    const good = [...sound, ...unreadable];
    const lacking = Math.max(wanted, row.copies.length) - good.length;
    if (lacking <= 0) return;
    const keeping = new Set(good.map(({ volume }) => volume));
    const able = volumes.candidates(SCATTERED, row.address).filter((one) => !keeping.has(one));
    const to = able.slice(0, lacking);
    if (to.length < lacking) this.#result.thin++;
    if (to.length === 0) return;
    // A copy that is only away is given up once another stands in its place; first what another of
    // its volume replaces.
    const replaced = ({ volume }: Place): number => (to.includes(volume) ? 0 : 1);
    const bad = row.copies.filter((copy) => !good.includes(copy));
    bad.sort((a, b) => replaced(a) - replaced(b));
    await rehousing.add({ number, row, stored, to, drop: bad.slice(0, to.length) });
    this.#result.copiesRestored += to.length;
  }

  /** Gives a chunk that is lost the places of another of its address, if one was written since. */
  async #lost({ number, row }: NumberedChunk): Promise<void> {
    const { engine, chunks } = this.#parts;
    for (const other of rowsOfChunk(this.#parts, row.address)) {
      if (other.number === number) continue;
      const found = soundChunk(chunks, other.row);
      if (found === undefined) continue;
      if (found === 'unreadable') {
        this.#result.unreadable++;
        return;
      }
      const after = { ...other.row, condemned: false };
      const made = await changeRows(engine, [{ number, before: row, after }]);
      this.#result.copiesRestored += made.length;
      if (made.length > 0) return;
      break;
    }
    this.#result.lost++;
    const { lostAddresses } = this.#result;
    if (lostAddresses.length < LOST_MAX) lostAddresses.push(addressText(row.address));
  }

  async #code(): Promise<void> {
    const { signal, restedMs = DAY_MS } = this.#options;
    // Shards lie apart from the copies that they replace, so that these go with their segments.
    await this.#parts.chunks.volumes.roll();
    for await (const found of this.#contents(restedMs)) {
      const { redundancy } = storageRuleOf(this.#parts.storage, found.stream);
      if (redundancy.kind !== 'coded' || found.ref.length < redundancy.from) continue;
      const { coded } = this.#result;
      const done = await codeContent(this.#parts, found.ref, redundancy, coded, signal);
      if (!done) this.#result.thin++;
      this.#options.onProgress?.(this.#result);
    }
  }
}
