/**
 * A store: the root bucket of a folder, with what only the whole has.
 */
import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { addressText } from '../blocks/address.js';
import { Core, type Settings, storedIdentity } from '../commit/core.js';
import { declareRules } from '../commit/declared-rules.js';
import { begin, MAIN } from '../commit/genesis.js';
import { Line } from '../commit/line.js';
import type { Engine } from '../engine/engine.js';
import { openLmdb } from '../engine/lmdb.js';
import { openMemory } from '../engine/memory.js';
import { type CollectOptions, type CollectResult, collect } from '../gc/collect.js';
import { algorithmName } from '../ground/block-header.js';
import { hex } from '../ground/bytes.js';
import { ioError, RegaliaError } from '../ground/errors.js';
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
import { Bucket } from './bucket.js';
import { receiveInto } from './clone.js';
import {
  checkWitness,
  currentGeneration,
  examineFolder,
  makeFolder,
  writeWitness,
} from './folder.js';
import { badOption, type OpenOptions, settingsOf } from './options.js';
import {
  type AddVolumeOptions,
  addVolume,
  drainVolume,
  type RemoveVolumeOptions,
  type RemoveVolumeResult,
  removeVolume,
  setVolume,
  type VolumeChange,
} from './volume-changes.js';
import {
  copyVolumes,
  firstVolume,
  isHere,
  listVolumes,
  openChunks,
  type VolumeInfo,
} from './volumes.js';

const RUNTIME = {
  now: (): number => Date.now(),
  random: (length: number): Uint8Array => new Uint8Array(randomBytes(length)),
};

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

export interface RegaliaOptions extends OpenOptions {
  /** The branch to work on. `main` by default. */
  readonly branch?: string;
  /** Write to a folder that was copied: its original is gone for good. */
  readonly adopt?: boolean;
}

export class Regalia extends Bucket {
  /** The folder; undefined in memory. */
  readonly path: string | undefined;

  private constructor(core: Core, branch: string, folder: string | undefined) {
    super(core, Line.of(core, core.identity.store, branch));
    this.path = folder;
  }

  /**
   * Opens the store in a folder, and makes it where there is none. Errors: REGALIA_NOT_FOUND,
   * REGALIA_FORMAT, REGALIA_VERSION, REGALIA_CORRUPT, REGALIA_PERMISSION, REGALIA_RULE,
   * REGALIA_CLONED, REGALIA_OPTION.
   */
  static async open(folder: string, options: RegaliaOptions = {}): Promise<Regalia> {
    const settings = settingsOf(options, RUNTIME);
    const place = path.resolve(folder);
    const found = await examineFolder(place);
    if (found !== 'store') await create(place, options, settings);
    const generation = await currentGeneration(place);
    const engine = await openLmdb(generation, { readOnly: settings.readOnly, create: false });
    try {
      if (!settings.readOnly) await witness(place, generation, options.adopt ?? false);
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
  static async receive(
    folder: string,
    pack: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
    options: RegaliaOptions = {},
  ): Promise<Regalia> {
    await receiveInto(folder, settingsOf(options, RUNTIME), pack);
    return Regalia.open(folder, options);
  }

  /** A store in memory, gone when it is closed. */
  static async memory(options: Omit<RegaliaOptions, 'readOnly' | 'adopt'> = {}): Promise<Regalia> {
    const settings = settingsOf(options, RUNTIME);
    const engine = openMemory();
    await begin(engine, settings);
    return Regalia.#start(engine, settings, undefined, options.branch ?? MAIN);
  }

  static async #start(
    engine: Engine,
    settings: Settings,
    folder: string | undefined,
    branch: string,
  ): Promise<Regalia> {
    const identity = storedIdentity(engine);
    if (identity === undefined) throw noIdentity(folder ?? 'memory');
    const chunks =
      folder === undefined ? undefined : openChunks(folder, engine, identity, settings);
    const core = new Core(engine, settings, identity, chunks);
    const store = new Regalia(core, branch, folder);
    store.head();
    if (settings.readOnly) return store;
    core.blocks.replenish();
    await core.blocks.reserve(1);
    await core.declareStorage();
    if (settings.declaresRules) await declareRules(store.line, settings.rules);
    return store;
  }

  /** The same store on another branch. REGALIA_NOT_FOUND. */
  override branch(name: string): Bucket {
    return super.branch(name);
  }

  /** What is in the store, cheaply: counts, and the sizes of files. */
  stats(): StoreStats {
    const head = this.head();
    const { engine, history, cache, identity } = this.core;
    const tree = this.line.treeOf(head);
    const sums = totalsOf(tree.root);
    const { bytes, freeBytes, rows } = engine.stats();
    let blocks = rows.addresses;
    for (const row of engine.range('addressLog')) blocks += row.bytes.length / 8;
    const here = this.core.chunks?.volumes.list().filter(({ status }) => isHere(status)) ?? [];
    const contentBytes = here.reduce((sum, volume) => sum + segmentBytes(volume.path), 0);
    return {
      head: addressText(head.address),
      root: addressText(head.commit.root),
      entries: sums.entries - 1,
      buckets: sums.buckets,
      inlineBytes: sums.inlineBytes,
      referencedBytes: sums.referencedBytes,
      blocks,
      bytes,
      freeBytes,
      contentBytes,
      diskBytes: bytes + contentBytes,
      commits: history.count(this.idBytes),
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
  async *verify(
    options: VerifyOptions = {},
  ): AsyncGenerator<Fault | VerifySummary, void, undefined> {
    this.core.check();
    const { engine, identity, chunks } = this.core;
    yield* verify({ engine, chunks, store: identity.store }, options);
  }

  /**
   * How contents are kept, as `streams` and `default` said when the store was opened, now or ever
   * before.
   */
  storageRules(): StoredRules {
    this.core.check();
    const { default: fallback, streams } = this.core.storage;
    return { default: fallback, streams: Object.fromEntries(streams) };
  }

  /** The volumes that keep the store's contents. None in memory. */
  async volumes(): Promise<VolumeInfo[]> {
    this.core.check();
    return this.core.chunks === undefined ? [] : await listVolumes(this.core.chunks);
  }

  /**
   * Gives the store another volume, in an empty or absent folder, ideally on a disk of its own; or
   * tells it where one of its own was moved to. REGALIA_EXISTS where anything else is there,
   * REGALIA_VOLUME, REGALIA_OPTION.
   */
  async addVolume(folder: string, options: AddVolumeOptions = {}): Promise<void> {
    this.core.checkWritable();
    const { identity, settings } = this.core;
    await addVolume(this.#home(), folder, identity.replica, settings, options);
  }

  /**
   * Changes a volume, named by id or folder: what it is given, or whether anything is.
   * REGALIA_NOT_FOUND.
   */
  async setVolume(which: string, change: VolumeChange): Promise<void> {
    this.core.checkWritable();
    await setVolume(this.#home(), which, change);
  }

  /**
   * Moves all that lies on a volume to the others, and writes nothing new to it: then it can be
   * removed. REGALIA_VOLUME where there is no other; REGALIA_NOT_FOUND, REGALIA_ABORTED,
   * REGALIA_FULL, REGALIA_IO.
   */
  async drainVolume(which: string, options: DrainOptions = {}): Promise<DrainResult> {
    return drainVolume(this.#subject(), which, options);
  }

  /**
   * Removes a volume that nothing lies on any more, or one that is given up as lost. Its folder is
   * left as it is. REGALIA_VOLUME, REGALIA_NOT_FOUND, REGALIA_ABORTED.
   */
  async removeVolume(
    which: string,
    options: RemoveVolumeOptions = {},
  ): Promise<RemoveVolumeResult> {
    return removeVolume(this.#subject(), which, options);
  }

  /**
   * Brings contents back to what their rules ask for, from what is sound: copies and shards that
   * are lost or damaged are made anew, and large contents that have rested are coded.
   * REGALIA_ABORTED, REGALIA_FULL, REGALIA_IO.
   */
  async repair(options: RepairOptions = {}): Promise<RepairResult> {
    return repair(this.#subject(), options);
  }

  /**
   * Takes in every sound record of every segment that the index of chunks does not know: where rows
   * were lost, or a volume holds what the store lacks. REGALIA_ABORTED, REGALIA_IO.
   */
  async rescan(options: RescanOptions = {}): Promise<RescanResult> {
    return rescan(this.#subject(), options);
  }

  /**
   * Frees the room of contents that no commit refers to, and of copies that were given up, while
   * the store is used. REGALIA_ABORTED, REGALIA_FULL, REGALIA_IO.
   */
  async gc(options: CollectOptions = {}): Promise<CollectResult> {
    return collect(this.#subject(), options);
  }

  /**
   * What contents are to users, and what they take on each volume. Reads metadata, no contents.
   * REGALIA_ABORTED.
   */
  async contentStats(options: { readonly signal?: AbortSignal } = {}): Promise<ContentStats> {
    return contentStats(this.#subject(false), options.signal);
  }

  #subject(writes = true): StoreParts {
    if (writes) this.core.checkWritable();
    else this.core.check();
    const { engine, blocks, cache, history, identity, settings, storage } = this.core;
    const chunks = this.#home();
    const { store } = identity;
    return { engine, blocks, cache, history, chunks, store, storage, now: settings.now };
  }

  #home(): ChunkStore {
    const { chunks } = this.core;
    if (chunks !== undefined) return chunks;
    throw badOption('volume', 'for stores in a folder', 'for one in memory');
  }

  /**
   * A consistent copy of the whole store into a new folder, while it is used. It is a copy: see
   * `adopt`.
   */
  async backup(folder: string): Promise<void> {
    this.core.check();
    if ((await examineFolder(path.resolve(folder))) === 'store') {
      throw new RegaliaError('REGALIA_EXISTS', `there is a store at ${folder}`, {
        what: 'store',
        name: folder,
      });
    }
    await makeFolder(
      folder,
      async (generation) => {
        await mkdir(generation, { mode: 0o700 });
        await this.core.engine.backup(path.join(generation, 'data.mdb'));
        if (this.core.chunks === undefined) return;
        const engine = await openLmdb(generation, { create: false });
        try {
          await copyVolumes(this.core.chunks, path.dirname(generation), engine);
        } finally {
          await engine.close();
        }
      },
      'copy',
    );
  }

  /** Makes every commit so far durable. */
  async flush(): Promise<void> {
    this.core.check();
    await this.core.engine.flush();
  }

  /** Waits for what is under way, then lets go of the files. Idempotent. */
  async close(): Promise<void> {
    if (!this.core.closed) await this.core.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

async function create(place: string, options: RegaliaOptions, settings: Settings): Promise<void> {
  if (options.create === false || settings.readOnly) {
    throw new RegaliaError('REGALIA_NOT_FOUND', `there is no store at ${place}`, {
      what: 'store',
      name: place,
    });
  }
  await makeFolder(place, async (generation) => {
    const engine = await openLmdb(generation, { create: true });
    try {
      const identity = await begin(engine, settings);
      await firstVolume(path.dirname(generation), engine, identity, settings);
    } finally {
      await engine.close();
    }
  });
}

async function witness(place: string, generation: string, adopt: boolean): Promise<void> {
  if (adopt) await writeWitness(place, generation);
  else await checkWitness(place, generation);
}

function noIdentity(place: string): RegaliaError {
  return new RegaliaError('REGALIA_CORRUPT', `the store at ${place} has lost its identity`, {
    what: 'store row',
    expected: 'the identity of a store',
    actual: 'nothing',
  });
}
