/**
 * What everything of one open store shares: engine, blocks, nodes, history, identity and settings.
 *
 *     meta row 'store'   version u8 | store id 16 | replica id 16 | algorithm u8
 *                        incarnation varint | created varint
 *
 * The store's id is that of its root bucket: replicas of one store share it, and differ in replica
 * id. The incarnation is raised before the first commit after each opening, so that (replica,
 * incarnation, sequence) names one commit.
 */
import type { Address } from '../blocks/address.js';
import { Blocks } from '../blocks/blocks.js';
import { Lease } from '../blocks/lease.js';
import { openRow, sealRow } from '../blocks/rows.js';
import { ContentStore } from '../chunks/content-store.js';
import type { Batch, Durability, Engine } from '../engine/engine.js';
import { type AlgorithmNumber, algorithmName } from '../ground/block-header.js';
import { BoundedMap } from '../ground/bounded-map.js';
import { equalBytes } from '../ground/bytes.js';
import { isRegaliaError, readOnly } from '../ground/errors.js';
import { ByteReader } from '../ground/reader.js';
import { utf8Bytes } from '../ground/text.js';
import { ByteWriter } from '../ground/writer.js';
import { History } from '../log/history.js';
import type { Actor } from '../log/signature.js';
import { type BucketPolicies, decodeRules, type Rules } from '../streams/rule.js';
import { Tree } from '../tree/lookup.js';
import { NodeCache } from '../tree/node-cache.js';
import type { ChunkStore, ContentFault } from '../volumes/chunk-store.js';
import {
  mergedStorage,
  putStorage,
  type StorageOptions,
  type StorageRules,
  sameStorage,
  storedStorage,
} from '../volumes/storage-rules.js';
import { type Door, EngineDoor } from './door.js';
import { Underway } from './underway.js';

const STORE_VERSION = 1;
const STORE_KEY = utf8Bytes('store');
/** Trees that are kept open. */
const TREES = 64;

/** What a store runs with. */
export interface Settings {
  readonly actor: Actor | undefined;
  readonly readOnly: boolean;
  readonly algorithm: AlgorithmNumber;
  readonly durability: Durability;
  readonly cacheBytes: number;
  readonly contentCacheBytes: number;
  readonly workers: number | undefined;
  readonly onFault: ((fault: ContentFault) => void) | undefined;
  readonly transactionBytes: number;
  readonly signTimeoutMs: number;
  readonly snapshotMaxAgeMs: number;
  readonly now: () => number;
  readonly random: (length: number) => Uint8Array;
  /** What `streams`, `default`, `entries` and `places` declare. */
  readonly rules: Rules;
  readonly declaresRules: boolean;
  /** Whether `default` is among them. */
  readonly declaresDefault: boolean;
  /** Which policies are. */
  readonly policies: Partial<BucketPolicies>;
  /** What they say of how contents are kept. */
  readonly storage: StorageOptions;
}

/** Now, as commits say it: milliseconds since 1970. */
export function timeOf({ now }: Pick<Settings, 'now'>): number {
  return Math.max(0, Math.floor(now()));
}

/** Who and what a store is. */
export interface Identity {
  /** The id of the root bucket, 16 bytes. */
  readonly store: Uint8Array;
  /** 16 bytes. */
  readonly replica: Uint8Array;
  readonly algorithm: AlgorithmNumber;
  readonly incarnation: number;
  readonly createdMs: number;
}

export class Core {
  readonly engine: Engine;
  readonly blocks: Blocks;
  readonly chunks: ChunkStore | undefined;
  readonly contents: ContentStore;
  /** How contents are kept here. */
  storage: StorageRules;
  readonly cache: NodeCache;
  readonly history: History;
  /** Sequences of this replica's commits. */
  readonly sequences: Lease;
  readonly settings: Settings;
  identity: Identity;
  /** Where heads move. */
  readonly door: Door;
  /** Called after a commit was published, with the line's name. */
  readonly watchers = new Set<(owner: Uint8Array, branch: string) => void>();
  /** What closing waits for. */
  readonly underway = new Underway();
  #closing: Promise<void> | undefined;
  #raising: Promise<void> | undefined;
  #raised = false;
  /** Trees by root id: snapshots of one root share what they have found. */
  readonly #trees = new BoundedMap<number, Tree>(TREES);
  readonly #rules = new WeakMap<Uint8Array, Rules>();
  /** Those that were decoded last: most roots have the same. */
  #lastRules: { readonly encoded: Uint8Array; readonly rules: Rules } | undefined;

  /** `chunks` is the home of chunks; in memory there is none. */
  constructor(engine: Engine, settings: Settings, identity: Identity, chunks?: ChunkStore) {
    this.engine = engine;
    this.chunks = chunks;
    this.settings = settings;
    this.identity = identity;
    this.blocks = new Blocks(engine, chunks);
    this.contents = new ContentStore(this.blocks);
    this.storage = storedStorage(engine);
    this.cache = new NodeCache(this.blocks, settings.cacheBytes);
    this.history = new History(engine);
    this.door = new EngineDoor(engine);
    this.sequences = new Lease(engine, 'sequences', 2 ** 48, 'commits');
  }

  /** The tree of a root; `id` is its block's, where it is known. */
  tree(id: number | undefined, address: Address): Tree {
    if (id === undefined) return Tree.load(this.cache, undefined, address);
    const known = this.#trees.get(id);
    // Ids are not hashed: one that leads elsewhere is noticed by the address.
    if (known !== undefined && equalBytes(known.root.address, address)) return known;
    const tree = Tree.load(this.cache, id, address);
    this.#trees.set(id, tree);
    return tree;
  }

  /** The tree of a commit. */
  treeOf(commit: Address): Tree {
    const entry = this.history.entry(commit);
    return this.tree(entry?.rootBlock, this.history.commit(commit).root);
  }

  /** A bucket's rules, decoded once. */
  rules(encoded: Uint8Array): Rules {
    let rules = this.#rules.get(encoded);
    if (rules === undefined) {
      const last = this.#lastRules;
      const isLast = last !== undefined && equalBytes(last.encoded, encoded);
      rules = isLast ? last.rules : decodeRules(encoded);
      this.#lastRules = { encoded, rules };
      this.#rules.set(encoded, rules);
    }
    return rules;
  }

  /** Tells those who watch a branch that it may be at another commit. */
  moved(owner: Uint8Array, branch: string): void {
    for (const watcher of this.watchers) watcher(owner, branch);
  }

  /** Now, in milliseconds since 1970. */
  timeMs(): number {
    return timeOf(this.settings);
  }

  /** For what begins: REGALIA_CLOSED once the store is to be closed. */
  checkOpen(): void {
    this.underway.outer.check();
  }

  /** For what is under way: REGALIA_CLOSED once the store is closed. */
  check(): void {
    this.underway.inner.check();
  }

  /** REGALIA_READ_ONLY where the store was opened for reading. */
  checkWritable(): void {
    this.check();
    if (this.settings.readOnly || this.engine.readOnly) throw readOnly('store');
  }

  /** Raises the incarnation, durably, before this handle's first commit; undefined once it has. */
  raise(): Promise<void> | undefined {
    if (this.#raised) return undefined;
    this.#raising ??= this.engine
      .write((batch) => this.#raise(batch), 'sync')
      .then((identity) => {
        this.identity = identity;
        this.#raised = true;
      });
    return this.#raising;
  }

  #raise(batch: Batch): Identity {
    const current = readIdentity(batch.get('meta', STORE_KEY)) ?? this.identity;
    const raised: Identity = { ...current, incarnation: current.incarnation + 1 };
    putIdentity(batch, raised);
    return raised;
  }

  /** Stores what the options say of how contents are kept. REGALIA_RULE. */
  async declareStorage(): Promise<void> {
    const declared = mergedStorage(this.storage, this.settings.storage);
    if (sameStorage(declared, this.storage)) return;
    await this.engine.write((batch) => putStorage(batch, declared), 'sync');
    this.storage = declared;
    if (this.chunks !== undefined) this.chunks.rules = declared;
  }

  /** Waits for what is under way. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.underway.close();
    try {
      await this.#tidy();
    } finally {
      try {
        await this.chunks?.close();
      } finally {
        await this.engine.close();
      }
    }
  }

  /** What others would do as well, at little cost: where it can't be written nothing is lost. */
  async #tidy(): Promise<void> {
    try {
      await this.blocks.index.folded();
      await this.blocks.release();
    } catch (error) {
      if (!isRegaliaError(error)) throw error;
    }
  }
}

/** The identity that a store keeps; undefined in an empty one. */
export function storedIdentity(engine: Engine): Identity | undefined {
  return readIdentity(engine.get('meta', STORE_KEY));
}

export function putIdentity(batch: Batch, identity: Identity): void {
  const writer = new ByteWriter(64).u8(STORE_VERSION).bytes(identity.store).bytes(identity.replica);
  writer.u8(identity.algorithm).varint(identity.incarnation).varint(identity.createdMs);
  batch.put('meta', STORE_KEY, sealRow('meta', STORE_KEY, writer.finish()));
}

function readIdentity(row: Uint8Array | undefined): Identity | undefined {
  if (row === undefined) return undefined;
  const reader = new ByteReader(openRow('meta', STORE_KEY, row), 'store row');
  reader.version(STORE_VERSION);
  const store = reader.bytes(16).slice();
  const replica = reader.bytes(16).slice();
  const algorithm = reader.u8();
  if (algorithmName(algorithm) === undefined) reader.fail('a known algorithm', `${algorithm}`);
  const incarnation = reader.varint();
  const createdMs = reader.varint();
  reader.end();
  return { store, replica, algorithm: algorithm as AlgorithmNumber, incarnation, createdMs };
}
