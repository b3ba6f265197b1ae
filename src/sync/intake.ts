/**
 * One pack on its way in: frame by frame to blocks and commits, checkpoints in between, and the
 * landing.
 *
 * Invariant: what is written at a checkpoint is all that came up to its resume point, so that a run
 * which ends anywhere after it loses only what came since. The point stays before the trailer until
 * all has landed.
 */
import { addressText, sameAddress } from '../blocks/address.js';
import { BlockWriter } from '../blocks/block-writer.js';
import type { Blocks } from '../blocks/blocks.js';
import type { Batch, Durability } from '../engine/engine.js';
import { equalBytes, hex } from '../ground/bytes.js';
import { isRegaliaError, type RegaliaError } from '../ground/errors.js';
import { BLOCK_BYTES_MAX, INDEX_PART_BYTES_MAX } from '../ground/limits.js';
import { turn } from '../ground/pause.js';
import { ByteReader } from '../ground/reader.js';
import type { History } from '../log/history.js';
import { NodeCache } from '../tree/node-cache.js';
import { placed, unpacked } from './frame-contents.js';
import type { Frame, FrameReader } from './frame-reader.js';
import { ImportStage, type OrderedCommit } from './import-stage.js';
import {
  chainNext,
  decodeTrailer,
  FrameType,
  type PackHeader,
  packError,
  type Want,
} from './pack-format.js';
import { BlockReceiver } from './receive-blocks.js';
import { CommitReceiver } from './receive-commits.js';
import type { ResumePoint } from './resume.js';

/** Where packs are taken in. */
export interface ImportContext {
  readonly blocks: Blocks;
  readonly history: History;
  /** Bounds the nodes held while heads are compared. */
  readonly cacheBytes?: number | undefined;
}

export interface ImportResult {
  /** 16 bytes. */
  readonly bucket: Uint8Array;
  /** What the sender's branches are to name. */
  readonly heads: readonly Want[];
  /** Commits that were new here, those of nested buckets included. */
  readonly commits: number;
  /** Of these, the ones with parents that are missing here: history is cut off at them. */
  readonly cut: number;
  /** Blocks that were new here, in this run. */
  readonly blocks: number;
  /** The pack's length. */
  readonly bytes: number;
  /** Whether contents and nested commits came along. */
  readonly contents: boolean;
  readonly nested: boolean;
}

export interface ImportOptions {
  /** The bucket that the pack must be of, 16 bytes; any unless told. */
  readonly bucket?: Uint8Array | undefined;
  readonly signal?: AbortSignal | undefined;
  /**
   * Which unfinished import the source goes on with, by the digest of its header, beginning at its
   * resume point. Unless told the source is a whole pack; where it was begun before, the bytes that
   * came then are passed over.
   */
  readonly resume?: Uint8Array | undefined;
  /**
   * Whether a commit that names an actor must be signed ('required'), or only if it has a signature
   * ('checked').
   */
  readonly signatures?: 'checked' | 'required' | undefined;
  /**
   * Puts what goes with the pack's last commits into their transaction: tracking branches. What it
   * throws ends all.
   */
  readonly land?: ((batch: Batch, result: ImportResult) => void) | undefined;
  readonly durability?: Durability | undefined;
  /** Told of the bytes taken in so far. */
  readonly onProgress?: ((bytes: number) => void) | undefined;
}

/** Extents set aside before a few blocks are staged, some for others who take from the same. */
const EXTENTS_SPARE = 192;
/** Waiting commits written at a time. */
const COMMIT_SLICE = 1_024;
/** Look-ups in the store between two turns of the event loop. */
const TURN_LOOKUPS = 128;
const TURN_BYTES = 131_072;
const CACHE_BYTES = 8 * 1024 * 1024;

/** What a pack begins with. */
export interface Beginning {
  readonly head: Uint8Array;
  readonly header: PackHeader;
  readonly digest: Uint8Array;
}

export class Intake {
  readonly #context: ImportContext;
  readonly #options: ImportOptions;
  readonly #reader: FrameReader;
  readonly #beginning: Beginning;
  readonly #writer: BlockWriter;
  readonly #stage: ImportStage;
  readonly #blocks: BlockReceiver;
  readonly #commits: CommitReceiver;
  #point: ResumePoint;
  #written: ResumePoint | undefined;
  /** Bytes since the event loop last took a turn, and look-ups up to then. */
  #bytes = 0;
  #lookups = 0;
  /** The whole pack's, once its trailer has come. */
  #length = 0;

  constructor(context: ImportContext, options: ImportOptions, reader: FrameReader, at: Beginning) {
    const { blocks, history } = context;
    const { contents, nested } = at.header;
    this.#context = context;
    this.#options = options;
    this.#reader = reader;
    this.#beginning = at;
    this.#writer = new BlockWriter(blocks);
    this.#stage = new ImportStage(blocks.engine, at.digest);
    this.#blocks = new BlockReceiver(blocks, this.#writer, { contents });
    const cache = new NodeCache(blocks, context.cacheBytes ?? CACHE_BYTES);
    const signatures = options.signatures ?? 'checked';
    this.#commits = new CommitReceiver(history, this.#stage, this.#blocks, cache, {
      nested,
      signatures,
    });
    const offset = at.head.length;
    const counts = { commits: 0, blocks: 0, plainBytes: 0, indexAt: 0, indexBytes: 0 };
    this.#point = { header: at.digest, chain: at.digest, offset, ...counts };
  }

  async run(): Promise<ImportResult> {
    try {
      await this.#restore();
      for (;;) {
        const frame = await this.#reader.frame();
        if (await this.#take(frame)) break;
        this.#options.onProgress?.(this.#point.offset);
      }
      await this.#reader.end();
    } catch (error) {
      throw await this.#broken(error);
    }
    return await this.#land();
  }

  /** Takes up what an earlier run left. */
  async #restore(): Promise<void> {
    const state = this.#stage.load();
    if (state === undefined) return;
    let whole = true;
    for (const address of state.pendingBlocks) whole &&= this.#blocks.restore(address);
    if (!whole) {
      // Collection has freed what had come: begin again, if the source does.
      await this.#stage.drop();
      if (this.#reader.offset !== this.#point.offset) throw lostStart(this.#reader.offset);
      return;
    }
    for (const address of state.pendingCommits) this.#commits.restore(address);
    this.#point = state.point;
    this.#written = state.point;
    await this.#reader.skip(state.point.offset - this.#reader.offset);
  }

  /** Takes a frame in. True for the trailer. */
  async #take(frame: Frame): Promise<boolean> {
    const { type, at } = frame;
    try {
      if (type === FrameType.trailer) {
        this.#trailer(frame);
        return true;
      }
      if (this.#point.indexAt !== 0 && type !== FrameType.index) {
        throw packError('frame', at, 'the rest of the index, or the trailer', `type ${type}`);
      }
      if (type === FrameType.blocks) await this.#blockFrame(frame);
      else if (type === FrameType.commit) await this.#commitFrame(frame);
      else this.#indexFrame(frame);
    } catch (error) {
      throw placed(error, at);
    }
    const chain = chainNext(this.#point.chain, frame.whole);
    this.#point = { ...this.#point, chain, offset: at + frame.whole.length };
    await this.#pause(frame.whole.length);
    if (this.#blocks.heavy || this.#stage.unwritten >= COMMIT_SLICE) await this.#checkpoint();
    return false;
  }

  async #blockFrame({ body }: Frame): Promise<void> {
    const reader = new ByteReader(unpacked(body), 'frame of blocks');
    let { blocks, plainBytes } = this.#point;
    await this.#context.blocks.reserve(EXTENTS_SPARE);
    if (reader.remaining === 0) reader.fail('a block', 'none');
    while (reader.remaining > 0) {
      const plain = reader.lengthed(BLOCK_BYTES_MAX);
      this.#blocks.receive(plain);
      blocks++;
      plainBytes += plain.length;
      await this.#pause(plain.length);
    }
    this.#point = { ...this.#point, blocks, plainBytes };
  }

  async #commitFrame({ body }: Frame): Promise<void> {
    for (const _ of this.#commits.receive(body)) await this.#turn();
    this.#point = { ...this.#point, commits: this.#point.commits + 1 };
  }

  #indexFrame({ body, at }: Frame): void {
    const { index } = this.#beginning.header;
    if (!index) throw packError('index', at, 'none, as the header says', 'one');
    if (body.length === 0 || body.length > INDEX_PART_BYTES_MAX) {
      throw packError('index', at, `1 to ${INDEX_PART_BYTES_MAX} bytes`, `${body.length}`);
    }
    const { indexAt, indexBytes } = this.#point;
    const first = indexAt === 0 ? at : indexAt;
    this.#point = { ...this.#point, indexAt: first, indexBytes: indexBytes + body.length };
  }

  #trailer({ body, at, whole }: Frame): void {
    const trailer = decodeTrailer(body);
    const point = this.#point;
    const check = (what: string, expected: number, actual: number): void => {
      if (expected !== actual) throw packError(what, at, `${expected}`, `${actual}`);
    };
    check('number of commits', point.commits, trailer.commits);
    check('number of blocks', point.blocks, trailer.blocks);
    check('number of plain bytes', point.plainBytes, trailer.plainBytes);
    check('index', point.indexAt, trailer.indexAt);
    check('length', at + whole.length, trailer.length);
    if (this.#beginning.header.index && point.indexAt === 0) check('index', at, 0);
    if (!equalBytes(trailer.chain, point.chain)) {
      throw packError('chain', at, hex(point.chain), hex(trailer.chain));
    }
    for (const address of this.#blocks.pending()) {
      throw packError('blocks', at, 'blocks that something names', addressText(address));
    }
    this.#checkWants(at);
    // The point stays before the trailer: an import that ends in the midst of landing reads it
    // again.
    this.#length = trailer.length;
  }

  /** Every want is known and of the bucket, and no other commit is left that nothing names. */
  #checkWants(at: number): void {
    const { wants, bucket } = this.#beginning.header;
    for (const { commit: address } of wants) {
      const found = this.#commits.resolve(address);
      if (found === undefined) throw packError('wants', at, addressText(address), 'nothing');
      if (equalBytes(found.commit.bucket, bucket)) continue;
      throw packError('wants', at, `commits of bucket ${hex(bucket)}`, hex(found.commit.bucket));
    }
    for (const address of this.#commits.pending()) {
      if (wants.some((want) => sameAddress(want.commit, address))) continue;
      throw packError('commits', at, 'commits that something names', addressText(address));
    }
  }

  async #pause(bytes: number): Promise<void> {
    this.#bytes += bytes;
    const lookups = this.#blocks.lookups - this.#lookups;
    if (this.#bytes >= TURN_BYTES || lookups >= TURN_LOOKUPS) await this.#turn();
  }

  async #turn(): Promise<void> {
    this.#bytes = 0;
    this.#lookups = this.#blocks.lookups;
    await turn();
    await this.#context.blocks.reserve(EXTENTS_SPARE);
  }

  /** Writes what is staged, with how far the import came. */
  async #checkpoint(): Promise<void> {
    if (this.#written === this.#point) return;
    const { engine, index } = this.#context.blocks;
    const point = this.#point;
    const state = {
      point,
      header: this.#beginning.head,
      pendingBlocks: [...this.#blocks.pending()],
      pendingCommits: this.#commits.pending(),
    };
    await this.#writer.prepare();
    await engine.write((batch) => {
      this.#writer.emit(batch);
      this.#stage.save(batch, state);
    }, 'none');
    this.#writer.published();
    this.#stage.settled();
    this.#blocks.settled();
    this.#written = point;
    await index.fold();
  }

  /** What is left of an import that failed, and the error to tell. */
  async #broken(error: unknown): Promise<unknown> {
    const aborted = isRegaliaError(error, 'REGALIA_ABORTED');
    const cut = isRegaliaError(error, 'REGALIA_PACK') && error.retryable;
    if (!aborted && !cut) {
      this.#writer.discard();
      await this.#stage.drop();
      return error;
    }
    await this.#checkpoint();
    if (!cut) return error;
    const { what, expected, actual } = error.data;
    const facts = { cause: error.cause ?? error, retryable: true };
    return packError(what, this.#point.offset, expected, actual, facts);
  }

  /** Brings the waiting commits into the log, and what the caller lands with the last of them. */
  async #land(): Promise<ImportResult> {
    await this.#checkpoint();
    const result = this.#result;
    for (let from = 0, isLast = false; !isLast; ) {
      const waiting = [...this.#stage.inOrder(from, COMMIT_SLICE)];
      isLast = waiting.length < COMMIT_SLICE;
      from = (waiting.at(-1)?.sequence ?? 0) + 1;
      await this.#landSlice(waiting, isLast ? result : undefined);
      await turn();
    }
    return result;
  }

  /** Lands some commits; `result` is given with the last of them. */
  async #landSlice(waiting: readonly OrderedCommit[], result?: ImportResult): Promise<void> {
    const { durability = 'group', land } = this.#options;
    const { history, blocks } = this.#context;
    let refused = false;
    try {
      await blocks.engine.write(
        (batch) => {
          refused = true;
          for (const { commit, local } of waiting) history.append(batch, commit, local);
          this.#stage.remove(batch, waiting);
          if (result !== undefined) this.#stage.finish(batch);
          if (result !== undefined) land?.(batch, result);
          refused = false;
        },
        result === undefined ? 'none' : durability,
      );
    } catch (error) {
      // What was refused once will be again; what the disk failed at may be tried again.
      if (refused) await this.#stage.drop();
      throw error;
    }
  }

  get #result(): ImportResult {
    const { bucket, wants, contents, nested } = this.#beginning.header;
    return {
      bucket,
      heads: wants,
      commits: this.#stage.count,
      cut: this.#commits.cut,
      blocks: this.#blocks.stored,
      bytes: this.#length,
      contents,
      nested,
    };
  }
}

function lostStart(at: number): RegaliaError {
  const expected = 'the whole pack, since the blocks that came before are gone';
  return packError('resumption', 0, expected, `its bytes from ${at} on`, { retryable: false });
}
