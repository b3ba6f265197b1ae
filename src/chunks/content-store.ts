/**
 * What contents need of the store, and what they keep for it: the one seam below this room.
 *
 *     reader, cursor, rewrite     -> ContentBlocks    any block by id and address; many; long runs
 *     writer, manifest builder    -> ContentSink  -> ContentStage, unless the block is here already
 *
 * What lies behind it compresses chunks, spreads them over volumes, or keeps them beside the
 * metadata; addresses cover plain bytes, so nothing here can see which. The block store has both
 * interfaces and sends a chunk to its home (see blocks/chunk-home.ts).
 *
 * Staged blocks are not in the store's index yet. A transaction therefore remembers the latest of
 * them by address, so that it stores no chunk twice. That memory is bounded: older blocks were
 * spilled by then, and are found through the store. What is forgotten too early is stored again,
 * which costs room and alters no address.
 */
import { type Address, addressKey, addressOf } from '../blocks/address.js';
import type { BlockRef, LongBlockRef } from '../blocks/blocks.js';
import type { Body, BodyWriter } from '../blocks/body.js';
import type { ChunkOrigin } from '../blocks/chunk-home.js';
import { type AlgorithmNumber, BlockKind } from '../ground/block-header.js';
import { BoundedMap } from '../ground/bounded-map.js';
import { readU48 } from '../ground/integers.js';
import type { Manifest } from './manifest.js';

/** Reads one block at a time: all that a walk over manifests needs. */
export interface BlockReads {
  /**
   * The verified body of a block, as a view that the next read spoils; where the id is unknown or
   * leads astray, the address is looked up. `what` names it. REGALIA_MISSING, REGALIA_CORRUPT.
   */
  read(id: number | undefined, address: Address, what: string): Body;
}

/** What contents need of the blocks of a store. */
export interface ContentBlocks extends BlockReads {
  /**
   * Whole blocks, in order, for reading alone; the event loop goes on meanwhile. Errors as `read`.
   */
  fetch(refs: readonly BlockRef[], what: string): Promise<Uint8Array[]>;
  /**
   * The content bytes of chunks, one behind the other and verified, in buffers of the caller's own,
   * each of whole chunks. Undefined where some cannot be had so: `fetch` says why.
   */
  gather(refs: readonly LongBlockRef[]): Promise<Uint8Array[] | undefined>;
  /** The id of a block that is here and sound, with these links where they are given. */
  find(address: Address, links?: Uint8Array): number | undefined;
  /** Resolves once so many blocks can be staged without waiting. */
  reserve(count: number): Promise<void>;
}

/** What contents need of the writer of one transaction. */
export interface ContentStage {
  /** Stages the block in `body`, whose first `plainLength` bytes hash to `address`. */
  put(body: BodyWriter, plainLength: number, address: Address): number;
  /** The same of a chunk; `origin` says which one of its content it is, where that is known. */
  putChunk(body: BodyWriter, plainLength: number, address: Address, origin?: ChunkOrigin): number;
  /** The transaction refers to a block that is here already. */
  uses(id: number): void;
  /** Whether enough is staged that `spill` pays. */
  readonly heavy: boolean;
  spill(): Promise<void>;
}

/** They stand for 93 parts each in the mean: with chunks of 64 KiB, for 12 GiB; about 8 MiB. */
const MANIFESTS_MAX = 2_048;
/** More than the number of blocks of 500 bytes that a writer stages before it spills. */
const STAGED_MAX = 16_384;
/** Extents beyond one's own need, for commits that use theirs between `reserve` and its caller. */
const RESERVE_SPARE = 64;

/** The blocks that one transaction has staged, by the key of their address. */
export type StagedBlocks = BoundedMap<string, number>;

export function stagedBlocks(): StagedBlocks {
  return new BoundedMap(STAGED_MAX);
}

/** The contents of one open store. */
export class ContentStore {
  readonly blocks: ContentBlocks;
  /**
   * Manifests that were read lately, by the key of their address: each was verified, and none ever
   * changes. Their links may be out of date, as in any block: addresses lead where ids are wrong.
   */
  readonly manifests = new BoundedMap<string, Manifest>(MANIFESTS_MAX);
  /** The last in line to stage: what one reserves, another must not use before it is resumed. */
  #line: Promise<unknown> = Promise.resolve();

  constructor(blocks: ContentBlocks) {
    this.blocks = blocks;
  }

  /** Runs `step`, which stages at most `count` blocks, once there is room for them. */
  stage<T>(count: number, step: () => T): Promise<T> {
    const staged = this.#line.then(async () => {
      await this.blocks.reserve(count + RESERVE_SPARE);
      return step();
    });
    this.#line = staged.catch(() => undefined);
    return staged;
  }
}

/** A staged block. */
interface Staged {
  readonly address: Address;
  readonly id: number;
}

/** Where the blocks of one content go. */
export class ContentSink {
  readonly #blocks: ContentBlocks;
  readonly #stage: ContentStage;
  readonly #staged: StagedBlocks;
  readonly #stream: string | undefined;
  /** Tells the content from others: digits of the first of its chunks that was new. */
  #content = 0;
  #index = 0;

  /** `stream` is whose content it is, where the store keeps streams by rules of their own. */
  constructor(store: ContentStore, stage: ContentStage, staged: StagedBlocks, stream?: string) {
    this.#blocks = store.blocks;
    this.#stage = stage;
    this.#staged = staged;
    this.#stream = stream;
  }

  /**
   * Keeps the block in `body`, whose first `plainLength` bytes are hashed. It copies what it keeps.
   */
  keep(body: BodyWriter, plainLength: number, algorithm: AlgorithmNumber): Staged {
    const address = addressOf(algorithm, body.buffer.subarray(0, plainLength));
    const key = addressKey(address);
    const known = this.#staged.get(key);
    if (known !== undefined) return { address, id: known };
    // A manifest whose chunks were forgotten since has links that lead nowhere: it is stored with
    // those of now.
    const links = body.buffer.subarray(plainLength, body.length);
    const here = this.#blocks.find(address, links);
    if (here !== undefined) {
      this.#stage.uses(here);
      return { address, id: here };
    }
    const isChunk = body.buffer[0] === BlockKind.chunk;
    const id = isChunk
      ? this.#stage.putChunk(body, plainLength, address, this.#origin(address))
      : this.#stage.put(body, plainLength, address);
    this.#staged.set(key, id);
    return { address, id };
  }

  #origin(address: Address): ChunkOrigin | undefined {
    if (this.#stream === undefined) return undefined;
    const index = this.#index++;
    if (index === 0) this.#content = readU48(address, 1) % 2 ** 31;
    return { stream: this.#stream, content: this.#content, index };
  }
}
