/**
 * A store: the root bucket of a folder, with what only the whole has.
 */

import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { addressText } from '../blocks/address.js';
import { Core, type Settings, storedIdentity } from '../commit/core.js';
import { declareRules } from '../commit/declared-rules.js';
import { begin, MAIN } from '../commit/genesis.js';
import { Line } from '../commit/line.js';
import type { Gate } from '../commit/underway.js';
import type { Engine } from '../engine/engine.js';
import { openLmdb } from '../engine/lmdb.js';
import { openMemory } from '../engine/memory.js';
import { type CollectOptions, type CollectResult, collect } from '../gc/collect.js';
import { algorithmName } from '../ground/block-header.js';
import { hex } from '../ground/bytes.js';
import {
  alreadyExists,
  badOption,
  corrupt,
  ioError,
  isRegaliaError,
  notFound,
} from '../ground/errors.js';
import { folder as folderKind } from '../ground/options.js';
import type { StoreParts } from '../reach/store-parts.js';
import type { DrainOptions, DrainResult } from '../repair/drain.js';
import { type RepairOptions, type RepairResult, repair } from '../repair/repair.js';
import { type RescanOptions, type RescanResult, rescan } from '../repair/rescan.js';
import { totalsOf } from '../tree/root.js';
import { type ContentStats, contentStats } from '../verify/content-stats.js';
import type { Fault, VerifySummary } from '../verify/fault.js';
import { type VerifyOptions, verify } from '../verify/verify.js';
import type { ChunkStore } from '../volumes/chunk-store.js';
import type { StorageRule } from '../volumes/storage-rules.js';
import { segmentBytes } from '../volumes/volume-folder.js';
import { Bucket, scopeOf, setScope } from './bucket.js';
import { receiveInto } from './exchange.js';
import {
  checkWitness,
  currentGeneration,
  isStore,
  makeFolder,
  removeUnfinished,
  writeWitness,
} from './folder.js';
import {
  type AddVolumeOptions,
  CALLS,
  type ContentStatsOptions,
  NAME,
  type OpenOptions,
  PACK,
  type PackSource,
  type ReceiveOptions,
  type RegaliaOptions,
  type RemoveVolumeOptions,
  type VolumeChange,
} from './options.js';
import { Scope } from './scope.js';
import { settingsOf } from './settings.js';
import type { AnyStreams, StreamTypes } from './snapshot.js';
import * as volumes from './volumes.js';

/** What a store has, in numbers. */
export interface StoreStats {
  /** The head of the branch, and its contents root. */
  readonly head: string;
  readonly root: string;
  /** Entries of the tree, the top not counted. */
  readonly entries: number;
  readonly buckets: number;
  /** Logical bytes of all streams, in metadata and as contents. */
  readonly inlineBytes: number;
  readonly referencedBytes: number;
  /** Blocks that the store keeps, over all history. */
  readonly blocks: number;
  /** Bytes of metadata on the disk: of the engine's file. */
  readonly bytes: number;
  /** Of these, in pages that later writes use first. */
  readonly freeBytes: number;
  /** Bytes of contents on the disk: of all segments of the volumes that are here. */
  readonly contentBytes: number;
  /** `bytes` and `contentBytes` together. */
  readonly diskBytes: number;
  /** Commits in the log of the root bucket. */
  readonly commits: number;
  readonly cacheBytes: number;
  readonly hash: string;
  readonly store: string;
  readonly replica: string;
}

/** How a store keeps contents: its default, and the rules of streams that have one of their own. */
export interface StoredRules {
  readonly default: StorageRule;
  readonly streams: Readonly<Record<string, StorageRule>>;
}

/**
 * A store: a folder, and the bucket at its top.
 *
 * ```ts
 * interface Streams {
 *   title: string;
 *   content: Uint8Array;
 * }
 * const streams = { title: { encoding: 'utf8' } } as const;
 * await using store = await Regalia.open<Streams>('./data', { streams });
 * ```
 */
export class Regalia<Streams extends StreamTypes<Streams> = AnyStreams> extends Bucket<Streams> {
  readonly #core: Core;
  readonly #path: string | undefined;

  private constructor(core: Core, branch: string, folder: string | undefined) {
    super();
    setScope(this, new Scope(core, Line.of(core, core.identity.store, branch)));
    this.#core = core;
    this.#path = folder;
  }

  /** The folder; undefined in memory. */
  get path(): string | undefined {
    return this.#path;
  }

  /**
   * Opens the store in a folder, and makes it where there is none. Errors: REGALIA_NOT_FOUND,
   * REGALIA_FORMAT, REGALIA_VERSION, REGALIA_CORRUPT, REGALIA_PERMISSION, REGALIA_RULE,
   * REGALIA_CLONED, REGALIA_OPTION.
   */
  static async open<Streams extends StreamTypes<Streams> = AnyStreams>(
    folder: string,
    options?: RegaliaOptions,
  ): Promise<Regalia<Streams>> {
    const place = path.resolve(folderKind.check('folder', folder));
    return Regalia.#open(place, CALLS.open.check(options));
  }

  static async #open<Streams extends StreamTypes<Streams>>(
    place: string,
    options: RegaliaOptions,
  ): Promise<Regalia<Streams>> {
    const settings = settingsOf(options);
    if (!(await isStore(place))) {
      if (options.create === false || settings.readOnly) throw notFound('store', place);
      await makeStore(place, settings);
    } else if (!settings.readOnly) await removeUnfinished(place);
    const generation = await currentGeneration(place);
    const engine = await openLmdb(generation, { readOnly: settings.readOnly, create: false });
    try {
      if (!settings.readOnly) {
        await (options.adopt === true ? writeWitness : checkWitness)(place, generation);
      }
      return await Regalia.#start(engine, settings, place, options.branch ?? MAIN);
    } catch (error) {
      await engine.close();
      throw ioError(error, place, 'open');
    }
  }

  /**
   * Makes a new store from a pack of a whole bucket: a replica, which may be written to once
   * `accept` gave it a share. Errors: REGALIA_EXISTS, and those of `import`.
   */
  static async receive<Streams extends StreamTypes<Streams> = AnyStreams>(
    folder: string,
    pack: PackSource,
    options?: ReceiveOptions,
  ): Promise<Regalia<Streams>> {
    const place = path.resolve(folderKind.check('folder', folder));
    const given = CALLS.receive.check(options);
    PACK.check('pack', pack);
    const { contents, nested, shallow, ...rest } = given;
    await receiveInto(place, settingsOf(rest), pack, { contents, nested, shallow });
    return Regalia.#open(place, rest);
  }

  /** A store in memory, gone when it is closed. */
  static async memory<Streams extends StreamTypes<Streams> = AnyStreams>(
    options?: OpenOptions,
  ): Promise<Regalia<Streams>> {
    const given = CALLS.memory.check(options);
    const settings = settingsOf(given);
    const engine = openMemory();
    await begin(engine, settings);
    return Regalia.#start(engine, settings, undefined, given.branch ?? MAIN);
  }

  static async #start<Streams extends StreamTypes<Streams>>(
    engine: Engine,
    settings: Settings,
    folder: string | undefined,
    branch: string,
  ): Promise<Regalia<Streams>> {
    const identity = storedIdentity(engine);
    if (identity === undefined) throw corrupt('store row', 'the identity of a store', 'nothing');
    const chunks =
      folder === undefined ? undefined : volumes.openChunks(folder, engine, identity, settings);
    const core = new Core(engine, settings, identity, chunks);
    const store = new Regalia<Streams>(core, branch, folder);
    const { line } = scopeOf(store);
    line.stored();
    if (settings.readOnly) return store;
    core.blocks.replenish();
    await core.blocks.reserve(1);
    await core.declareStorage();
    if (settings.declaresRules) await declareRules(line, settings.rules);
    return store;
  }

  /** What the store has, at little cost. */
  stats(): StoreStats {
    const { line } = scopeOf(this);
    const { engine, history, cache, identity, chunks } = this.#opened();
    const head = line.stored();
    const totals = totalsOf(line.treeOf(head).root);
    const { bytes, freeBytes, rows } = engine.stats();
    let contentBytes = 0;
    for (const { path, isHere } of chunks?.volumes.list() ?? []) {
      if (isHere) contentBytes += segmentBytes(path);
    }
    let blocks = rows.addresses;
    for (const row of engine.range('addressLog')) blocks += row.bytes.length / 8;
    return {
      head: addressText(head.address),
      root: addressText(head.commit.root),
      ...totals,
      entries: totals.entries - 1,
      blocks,
      bytes,
      freeBytes,
      contentBytes,
      diskBytes: bytes + contentBytes,
      commits: history.count(identity.store),
      cacheBytes: cache.bytes,
      hash: algorithmName(identity.algorithm) ?? '',
      store: hex(identity.store),
      replica: hex(identity.replica),
    };
  }

  /**
   * Reads everything that the store keeps, over all branches and all history, while it is used.
   * Yields each fault as it is found; the last row, of kind 'summary', counts what was read. Memory
   * is eight bytes a block. REGALIA_ABORTED.
   */
  verify(options?: VerifyOptions): AsyncGenerator<Fault | VerifySummary, void, undefined> {
    const given = CALLS.verify.check(options);
    const { engine, identity, chunks } = this.#opened();
    return this.#gate.rows(given.signal, (signal) => {
      return verify({ engine, chunks, store: identity.store }, { ...given, signal });
    });
  }

  /**
   * How contents are kept, as `streams` and `default` said when the store was opened, now or ever
   * before.
   */
  storageRules(): StoredRules {
    const { default: fallback, streams } = this.#opened().storage;
    return { default: fallback, streams: Object.fromEntries(streams) };
  }

  /** The volumes that keep the store's contents. None in memory. */
  async volumes(): Promise<volumes.VolumeInfo[]> {
    const { chunks } = this.#opened();
    return chunks === undefined ? [] : this.#gate.during(() => volumes.listVolumes(chunks));
  }

  /**
   * Gives the store another volume, in an empty or absent folder, ideally on a disk of its own; or
   * tells it where one of its own was moved to. REGALIA_EXISTS where anything else is there,
   * REGALIA_VOLUME, REGALIA_OPTION.
   */
  async addVolume(folder: string, options?: AddVolumeOptions): Promise<void> {
    folderKind.check('folder', folder);
    const given = CALLS.addVolume.check(options);
    const { identity, settings } = this.#writable();
    const { replica } = identity;
    const chunks = this.#home();
    await this.#gate.during(() => volumes.addVolume(chunks, folder, replica, settings, given));
  }

  /**
   * Changes a volume, named by id or folder: what it is given, or whether anything is.
   * REGALIA_NOT_FOUND.
   */
  async setVolume(which: string, change: VolumeChange): Promise<void> {
    NAME.check('which', which);
    const given = CALLS.setVolume.check(change);
    this.#writable();
    const chunks = this.#home();
    await this.#gate.during(() => volumes.setVolume(chunks, which, given));
  }

  /**
   * Moves all that lies on a volume to the others, and writes nothing new to it: then it can be
   * removed. REGALIA_VOLUME where there is no other; REGALIA_NOT_FOUND, REGALIA_ABORTED,
   * REGALIA_FULL, REGALIA_IO.
   */
  async drainVolume(which: string, options?: DrainOptions): Promise<DrainResult> {
    NAME.check('which', which);
    const given = CALLS.drainVolume.check(options);
    const subject = this.#subject();
    return this.#gate.upkeep(given.signal, (signal) => {
      return volumes.drainVolume(subject, which, { ...given, signal });
    });
  }

  /**
   * Removes a volume that nothing lies on any more, or one that is given up as lost. Its folder is
   * left as it is. REGALIA_VOLUME, REGALIA_NOT_FOUND, REGALIA_ABORTED.
   */
  async removeVolume(
    which: string,
    options?: RemoveVolumeOptions,
  ): Promise<volumes.RemoveVolumeResult> {
    NAME.check('which', which);
    const given = CALLS.removeVolume.check(options);
    const subject = this.#subject();
    return this.#gate.upkeep(given.signal, (signal) => {
      return volumes.removeVolume(subject, which, { ...given, signal });
    });
  }

  /**
   * Brings contents back to what their rules ask for, from what is sound: copies and shards that
   * are lost or damaged are made anew, and large contents that have rested are coded.
   * REGALIA_ABORTED, REGALIA_FULL, REGALIA_IO.
   */
  async repair(options?: RepairOptions): Promise<RepairResult> {
    const given = CALLS.repair.check(options);
    const subject = this.#subject();
    return this.#gate.upkeep(given.signal, (signal) => repair(subject, { ...given, signal }));
  }

  /**
   * Takes in every sound record of every segment that the index of chunks does not know: where rows
   * were lost, or a volume holds what the store lacks. REGALIA_ABORTED, REGALIA_IO.
   */
  async rescan(options?: RescanOptions): Promise<RescanResult> {
    const given = CALLS.rescan.check(options);
    const subject = this.#subject();
    return this.#gate.upkeep(given.signal, (signal) => rescan(subject, { ...given, signal }));
  }

  /**
   * Frees the room of contents that no commit refers to, and of copies that were given up, while
   * the store is used. REGALIA_ABORTED, REGALIA_FULL, REGALIA_IO.
   */
  async gc(options?: CollectOptions): Promise<CollectResult> {
    const given = CALLS.gc.check(options);
    const subject = this.#subject();
    return this.#gate.upkeep(given.signal, (signal) => collect(subject, { ...given, signal }));
  }

  /**
   * What contents are to users, and what they take on each volume. Reads metadata, no contents.
   * REGALIA_ABORTED.
   */
  async contentStats(options?: ContentStatsOptions): Promise<ContentStats> {
    const given = CALLS.contentStats.check(options);
    const subject = this.#subject(false);
    return this.#gate.upkeep(given.signal, (signal) => contentStats(subject, signal));
  }

  /** Where calls begin what closing waits for. */
  get #gate(): Gate {
    return this.#core.underway.outer;
  }

  #opened(): Core {
    this.#core.checkOpen();
    return this.#core;
  }

  #writable(): Core {
    const core = this.#opened();
    core.checkWritable();
    return core;
  }

  #subject(writes = true): StoreParts {
    const core = writes ? this.#writable() : this.#opened();
    const { engine, blocks, cache, history, identity, settings, storage } = core;
    const chunks = this.#home();
    const { store } = identity;
    return { engine, blocks, cache, history, chunks, store, storage, now: settings.now };
  }

  #home(): ChunkStore {
    const { chunks } = this.#core;
    if (chunks !== undefined) return chunks;
    throw badOption('the store', 'one in a folder', 'one in memory');
  }

  /**
   * A consistent copy of the whole store into a new folder, while it is used. It is a copy: see
   * `adopt`.
   */
  async backup(folder: string): Promise<void> {
    const place = path.resolve(folderKind.check('folder', folder));
    await this.#gate.during(() => this.#backup(place));
  }

  async #backup(place: string): Promise<void> {
    const { engine: source, chunks } = this.#core;
    if (await isStore(place)) throw alreadyExists('store', place);
    await makeFolder(
      place,
      async (copy, within) => {
        if (chunks !== undefined) await volumes.copyVolumes(chunks, within, copy);
      },
      async (generation) => {
        await mkdir(generation, { mode: 0o700 });
        await source.backup(path.join(generation, 'data.mdb'));
      },
    );
  }

  /** Makes every commit so far durable. */
  async flush(): Promise<void> {
    await this.#gate.during(() => this.#core.engine.flush());
  }

  /**
   * Waits for what is under way, then lets go of the files. What begins from now on is
   * REGALIA_CLOSED, and so is the next step of iterators and streams; a watch ends. Work that has
   * a signal and leaves nothing half done (`verify`, `repair`, `rescan`, `gc`, `drainVolume`,
   * `removeVolume`, `contentStats`, `export`) ends early, with REGALIA_CLOSED. What reads a source
   * may do so for a second. Where nothing else goes on for a second, the body of a `transact` is
   * waited for no longer. Both end with REGALIA_CLOSED then, and have written nothing; an import
   * goes on from there when it is tried again. Idempotent.
   */
  async close(): Promise<void> {
    await this.#core.close();
  }

  /** Closes the store. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/** Makes a store in a folder, or finds the one that another made there meanwhile. */
async function makeStore(place: string, settings: Settings): Promise<void> {
  try {
    await makeFolder(place, async (engine, within) => {
      const identity = await begin(engine, settings);
      await volumes.firstVolume(within, engine, identity, settings);
    });
  } catch (error) {
    if (!isRegaliaError(error, 'REGALIA_EXISTS') || !(await isStore(place))) throw error;
  }
}
