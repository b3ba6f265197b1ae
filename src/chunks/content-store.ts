/**
 * What contents need of the store, and what they keep for it: the one seam below this room.
 *
 *     reader, cursor, rewrite     -> ContentBlocks    any block by id and address; many; long runs
 *     writer, manifest builder    -> ContentSink  -> ContentStage, unless the block is here already
 *
 * What lies behind it compresses chunks, spreads them over volumes, or keeps them beside the
 * metadata (see blocks/chunk-home.ts); addresses cover plain bytes, so nothing here can see which.
 *
 * Staged blocks are not in the store's index yet. A transaction remembers the latest of them by
 * address, so that it stores no chunk twice. Older ones were spilled by then, and are found through
 * the store. What is forgotten too early is stored again: it costs room and alters no address.
 */
import { type Address, addressKey, addressOf } from '../blocks/address.js';
import type { BlockWriter } from '../blocks/block-writer.js';
import type { Blocks } from '../blocks/blocks.js';
import type { BodyWriter } from '../blocks/body.js';
import type { ChunkOrigin } from '../blocks/chunk-home.js';
import { type AlgorithmNumber, BlockKind } from '../ground/block-header.js';
import { BoundedMap } from '../ground/bounded-map.js';
import { readU48 } from '../ground/integers.js';
import type { Manifest } from './manifest.js';

/** All that a walk over manifests needs: a block, as a view that the next read spoils. */
export type BlockReads = Pick<Blocks, 'read'>;

/** What contents need of the blocks of a store. */
export type ContentBlocks = Pick<
  Blocks,
  'read' | 'fetch' | 'gather' | 'find' | 'reserve' | 'available'
>;

/** What contents need of the writer of one transaction. */
export type ContentStage = Pick<BlockWriter, 'put' | 'putChunk' | 'uses' | 'heavy' | 'spill'>;

/** They stand for 93 parts each in the mean: with chunks of 64 KiB, for 12 GiB; about 8 MiB. */
const MANIFESTS_MAX = 2_048;
/** More than the number of blocks of 500 bytes that a writer stages before it spills. */
const STAGED_MAX = 16_384;

/** The blocks that one transaction has staged, by the key of their address. */
export type StagedBlocks = BoundedMap<string, number>;

export function stagedBlocks(): StagedBlocks {
  return new BoundedMap(STAGED_MAX);
}

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
      while (this.blocks.available < count) await this.blocks.reserve(count);
      return step();
    });
    this.#line = staged.catch(() => undefined);
    return staged;
  }
}

interface Staged {
  readonly address: Address;
  readonly id: number;
}

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

  /** Keeps a copy of the block in `body`, whose first `plainLength` bytes are hashed. */
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
