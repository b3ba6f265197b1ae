/**
 * Writes packs: what a receiver lacks of a bucket, as a stream of bytes, in bounded memory, as fast
 * as it is taken.
 *
 * The same store, wants and haves give the same bytes, so a broken transfer goes on at any byte:
 * `from` passes over the bytes sent before, or, given a receiver's resume point, over the work as
 * well. Blocks are gathered to frames of up to 128 KiB and compressed where it pays.
 */
import { brotliCompressSync, constants } from 'node:zlib';
import { type Address, addressKey, addressText, compareAddresses } from '../blocks/address.js';
import type { Blocks } from '../blocks/blocks.js';
import type { BlockReads } from '../chunks/content-store.js';
import { equalBytes } from '../ground/bytes.js';
import { RegaliaError, throwIfAborted } from '../ground/errors.js';
import { varintLength } from '../ground/integers.js';
import { turn } from '../ground/pause.js';
import { ByteWriter } from '../ground/writer.js';
import { mayCompress } from '../kernels/sample.js';
import { encodeCommit } from '../log/commit.js';
import { missingCommit } from '../log/entry.js';
import type { History } from '../log/history.js';
import { type HistoryStep, walkHistory } from '../reach/commit-walk.js';
import { NodeCache } from '../tree/node-cache.js';
import {
  BATCH_BYTES,
  BROTLI,
  CUT,
  chainNext,
  chainStart,
  encodeFrame,
  encodeHeader,
  encodeTrailer,
  FrameType,
  PLAIN,
  SIGNED,
  TRAILER_FRAME,
  type Want,
} from './pack-format.js';
import { indexParts } from './pack-index.js';
import type { ResumePoint } from './resume.js';

/** What packs are made from. */
export interface ExportContext {
  readonly blocks: Blocks;
  readonly history: History;
  /** Where contents are, if not in `blocks`. */
  readonly contents?: BlockReads | undefined;
  /** Bounds the nodes held; a cache of its own, so that readers' nodes stay. 16 MiB unless told. */
  readonly cacheBytes?: number | undefined;
}

export interface ExportOptions {
  /** 16 bytes. */
  readonly bucket: Uint8Array;
  readonly wants: readonly Want[];
  /** Commits that the receiver has. Those that are not here help nothing, and are reported. */
  readonly haves?: readonly Address[] | undefined;
  /** Whether contents outside metadata travel along. Yes unless told. */
  readonly contents?: boolean | undefined;
  /** Whether the commits of nested buckets travel along. Yes unless told. */
  readonly nested?: boolean | undefined;
  /** Whether the wanted commits come without what came before them. No unless told. */
  readonly shallow?: boolean | undefined;
  /** Whether an index of keys is written. Unless told: where there is no have. */
  readonly index?: boolean | undefined;
  /** Where to begin: a byte's offset, or a receiver's resume point, which costs less. */
  readonly from?: number | ResumePoint | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Told of haves that are not here. */
  readonly onUnknown?: ((have: Address) => void) | undefined;
}

export interface ExportSummary {
  readonly commits: number;
  readonly blocks: number;
  /** Of all blocks. */
  readonly plainBytes: number;
  /** Of the whole pack. */
  readonly length: number;
}

/** Steps of a walk between two turns of the event loop. */
const TURN_STEPS = 64;
const CACHE_BYTES = 16 * 1024 * 1024;
/** Frames shorter than this are not worth compressing. */
const COMPRESS_MIN = 128;

/**
 * The bytes of a pack. Whatever is still unflushed is made durable first: nothing leaves that a
 * power cut could undo. Errors: REGALIA_MISSING for a wanted commit or a block that is not here,
 * REGALIA_OPTION, REGALIA_CORRUPT, REGALIA_ABORTED.
 */
export async function* exportPack(
  context: ExportContext,
  options: ExportOptions,
): AsyncGenerator<Uint8Array, ExportSummary, undefined> {
  const { signal, from = 0 } = options;
  await context.blocks.engine.flush();
  const skipped = typeof from === 'number' ? from : from.offset;
  const writer = new PackWriter(context, options);
  for (const frame of writer.run()) {
    throwIfAborted(signal, 'export');
    if (frame !== undefined) {
      const start = Math.max(0, skipped - (writer.offset - frame.length));
      if (start < frame.length) yield frame.subarray(start);
    }
    await turn();
  }
  return writer.summary;
}

class PackWriter {
  readonly #context: ExportContext;
  readonly #options: ExportOptions;
  readonly #cache: NodeCache;
  readonly #wants: readonly Want[];
  readonly #haves: readonly Address[];
  readonly #batch = new ByteWriter(BATCH_BYTES);
  readonly #resume: ResumePoint | undefined;
  #chain: Uint8Array = new Uint8Array(0);
  /** Where the next frame begins. */
  offset = 0;
  #commits = 0;
  #blocks = 0;
  #plainBytes = 0;
  #indexAt = 0;

  constructor(context: ExportContext, options: ExportOptions) {
    this.#context = context;
    this.#options = options;
    this.#cache = new NodeCache(context.blocks, context.cacheBytes ?? CACHE_BYTES);
    this.#wants = checkedWants(context.history, options);
    this.#haves = knownHaves(context.history, options);
    this.#resume = typeof options.from === 'object' ? options.from : undefined;
  }

  get summary(): ExportSummary {
    const { offset: length } = this;
    return { commits: this.#commits, blocks: this.#blocks, plainBytes: this.#plainBytes, length };
  }

  get #index(): boolean {
    return this.#options.index ?? this.#haves.length === 0;
  }

  /** All frames, in order; undefined marks a pause. */
  *run(): Generator<Uint8Array | undefined, void> {
    yield* this.#header();
    yield* this.#history();
    if (this.#index) yield* this.#indexFrames();
    yield this.#trailer();
  }

  *#header(): Generator<Uint8Array, void> {
    const { bucket, contents = true, nested = true } = this.#options;
    const lists = { haves: this.#haves, wants: this.#wants };
    const header = encodeHeader({ bucket, ...lists, contents, nested, index: this.#index });
    this.#chain = chainStart(header);
    this.offset = header.length;
    yield header;
    const resume = this.#resume;
    if (resume === undefined) return;
    if (!equalBytes(resume.header, this.#chain)) throw otherPack('header');
    this.offset = resume.offset;
    this.#chain = resume.chain;
    this.#indexAt = resume.indexAt;
  }

  *#history(): Generator<Uint8Array | undefined, void> {
    const { contents = true, nested = true, shallow = false } = this.#options;
    const { history, contents: elsewhere } = this.#context;
    const reads = { cache: this.#cache, history, contents: elsewhere };
    const wants = [...new Map(this.#wants.map((w) => [addressKey(w.commit), w.commit])).values()];
    let steps = 0;
    const walk = walkHistory(reads, wants, this.#haves, { contents, nested, shallow });
    for (const step of walk) {
      if (++steps % TURN_STEPS === 0) yield undefined;
      if (step.block === undefined) yield* this.#commit(step);
      else yield* this.#block(step);
    }
    if (this.#batch.length > 0) yield this.#flush();
    const { resume } = { resume: this.#resume };
    if (resume !== undefined && (this.#blocks < resume.blocks || this.#commits < resume.commits)) {
      throw otherPack('blocks');
    }
  }

  /** Whether an earlier transfer carried it. */
  get #sent(): boolean {
    const resume = this.#resume;
    if (resume === undefined) return false;
    return this.#blocks + this.#commits < resume.blocks + resume.commits;
  }

  *#block({ block }: HistoryStep & { commit?: undefined }): Generator<Uint8Array, void> {
    const sent = this.#sent;
    const plain = block.plain ?? this.#read(block.id, block.address, block.kind);
    if (!sent) {
      const length = varintLength(plain.length) + plain.length;
      if (this.#batch.length > 0 && this.#batch.length + length > BATCH_BYTES) yield this.#flush();
      this.#batch.lengthed(plain);
    }
    this.#blocks++;
    this.#plainBytes += plain.length;
  }

  #read(id: number | undefined, address: Address, kind: number): Uint8Array {
    const { blocks, contents = blocks } = this.#context;
    const from = kind === 3 || kind === 4 ? contents : blocks;
    const { bytes, start, plainLength } = from.read(id, address, 'block');
    // A frame may go out before this block is gathered, and whoever takes it may read through the
    // same engine.
    return bytes.slice(start, start + plainLength);
  }

  #flush(): Uint8Array {
    const plain = this.#batch.view();
    const body = encodeBatch(plain);
    this.#batch.reset();
    return this.#frame(FrameType.blocks, body);
  }

  *#commit(step: HistoryStep & { block?: undefined }): Generator<Uint8Array, void> {
    if (this.#batch.length > 0) yield this.#flush();
    const sent = this.#sent;
    this.#commits++;
    if (sent) return;
    const { commit, entry, cut } = step;
    const writer = new ByteWriter(512);
    writer.u8((entry.signature === undefined ? 0 : SIGNED) | (cut ? CUT : 0));
    if (entry.signature !== undefined) writer.bytes(entry.signature);
    if (cut) writer.varint(entry.height).varint(entry.correctedMs);
    yield this.#frame(FrameType.commit, writer.bytes(encodeCommit(commit)).view());
  }

  *#indexFrames(): Generator<Uint8Array | undefined, void> {
    if (this.#indexAt === 0) this.#indexAt = this.offset;
    const sent = this.#resume?.indexBytes ?? 0;
    const roots = this.#wants.map(({ commit }) => {
      const entry = this.#context.history.entry(commit);
      return { id: entry?.rootBlock, address: this.#context.history.commit(commit).root };
    });
    let bytes = 0;
    for (const part of indexParts(this.#cache, roots)) {
      bytes += part?.length ?? 0;
      if (part === undefined) yield undefined;
      else if (bytes > sent) yield this.#frame(FrameType.index, part);
    }
  }

  #trailer(): Uint8Array {
    const trailer = encodeTrailer({
      commits: this.#commits,
      blocks: this.#blocks,
      plainBytes: this.#plainBytes,
      indexAt: this.#indexAt,
      length: this.offset + TRAILER_FRAME,
      chain: this.#chain,
    });
    return this.#frame(FrameType.trailer, trailer);
  }

  #frame(type: FrameType, body: Uint8Array): Uint8Array {
    const frame = encodeFrame(type, body);
    this.#chain = chainNext(this.#chain, frame);
    this.offset += frame.length;
    return frame;
  }
}

/** A batch of blocks, compressed where that saves a twentieth. */
function encodeBatch(plain: Uint8Array): Uint8Array {
  const writer = new ByteWriter(plain.length + 8);
  const tried = plain.length >= COMPRESS_MIN && mayCompress(plain);
  const packed = tried ? compress(plain) : plain;
  const pays = packed.length * 20 < plain.length * 19;
  writer.u8(pays ? BROTLI : PLAIN).varint(plain.length);
  return writer.bytes(pays ? packed : plain).finish();
}

function compress(plain: Uint8Array): Uint8Array {
  return brotliCompressSync(plain, {
    params: {
      [constants.BROTLI_PARAM_QUALITY]: 4,
      [constants.BROTLI_PARAM_LGWIN]: 18,
      [constants.BROTLI_PARAM_SIZE_HINT]: plain.length,
    },
  });
}

/** The wants, ascending by branch, all here and of the bucket. */
function checkedWants(history: History, { bucket, wants }: ExportOptions): Want[] {
  for (const [i, { branch, commit }] of wants.entries()) {
    const entry = history.entry(commit);
    if (entry === undefined) throw missingCommit(commit);
    const twice = wants.findIndex((other) => other.branch === branch) !== i;
    if (equalBytes(entry.bucket, bucket) && !twice) continue;
    const expected = 'each branch once, with a commit of the bucket';
    throw new RegaliaError('REGALIA_OPTION', `wants must be ${expected}`, {
      option: 'wants',
      expected,
      actual: `${branch} at ${addressText(commit)}`,
    });
  }
  return [...wants];
}

/** The haves that are here, ascending, each once. */
function knownHaves(history: History, { haves = [], onUnknown }: ExportOptions): Address[] {
  const known = new Map<string, Address>();
  for (const have of haves) {
    if (history.entry(have) === undefined) onUnknown?.(have);
    else known.set(addressKey(have), have);
  }
  return [...known.values()].sort(compareAddresses);
}

function otherPack(part: string): RegaliaError {
  return new RegaliaError(
    'REGALIA_OPTION',
    `the transfer to resume was of another pack: its ${part} differ`,
    {
      option: 'from',
      expected: 'a point in this pack',
      actual: 'one in another',
    },
  );
}
