/**
 * Exports packs: what a receiver lacks of a bucket, as a stream of bytes, in bounded memory, as
 * fast as it is read.
 *
 * The same store, wants and haves give the same bytes, so a broken transfer goes on at any byte:
 * `from` passes over the bytes sent before, or, given a receiver's resume point, over the work as
 * well. Blocks are gathered to frames of up to 128 KiB and compressed where it pays.
 */
import { brotliCompressSync, constants } from 'node:zlib';
import {
  type Address,
  addressText,
  compareAddresses,
  distinctAddresses,
} from '../blocks/address.js';
import type { Blocks } from '../blocks/blocks.js';
import { equalBytes } from '../ground/bytes.js';
import { badOption, type RegaliaError, throwIfAborted } from '../ground/errors.js';
import { varintLength } from '../ground/integers.js';
import { INDEX_ENTRIES_MAX } from '../ground/limits.js';
import { Pace } from '../ground/pause.js';
import { ByteWriter } from '../ground/writer.js';
import { mayCompress } from '../kernels/sample.js';
import { missingCommit } from '../log/entry.js';
import type { History } from '../log/history.js';
import { type HistoryStep, walkHistory } from '../reach/commit-walk.js';
import type { WalkedRoot } from '../reach/tree-walk.js';
import { NodeCache } from '../tree/node-cache.js';
import { loadRoot, totalsOf } from '../tree/root.js';
import {
  BATCH_BYTES,
  BROTLI,
  commitFlags,
  encodeFrame,
  encodeHeader,
  encodeTrailer,
  FrameType,
  PackProgress,
  PLAIN,
  type ResumePoint,
  type Want,
  writeCommit,
} from './pack-format.js';
import { indexParts } from './pack-index.js';

interface ExportContext {
  readonly blocks: Blocks;
  readonly history: History;
}

export interface ExportOptions {
  /** 16 bytes. */
  readonly bucket: Uint8Array;
  readonly wants: readonly Want[];
  /** Commits that the receiver has. Those that are not here help nothing, and are reported. */
  readonly haves?: readonly Address[] | undefined;
  /** Whether contents outside metadata travel along; default true. */
  readonly contents?: boolean | undefined;
  /** Whether the commits of nested buckets travel along; default true. */
  readonly nested?: boolean | undefined;
  /** Whether the wanted commits come without what came before them; default false. */
  readonly shallow?: boolean | undefined;
  /**
   * Whether an index of keys is written; by default where there is no have, and the trees have at
   * most 2^23 entries together, as they must.
   */
  readonly index?: boolean | undefined;
  /** Where to begin: a byte's offset, or a receiver's resume point, which costs less. */
  readonly from?: number | ResumePoint | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called with each have that is not here. */
  readonly onUnknown?: ((have: Address) => void) | undefined;
}

interface ExportSummary {
  readonly commits: number;
  readonly blocks: number;
  readonly plainBytes: number;
  readonly length: number;
}

/** Of a node cache of its own, so that readers' nodes stay. */
const CACHE_BYTES = 16 * 1024 * 1024;
/** Frames shorter than this are not worth compressing. */
const COMPRESS_MIN = 128;

/**
 * The bytes of a pack. What is still unflushed is made durable first: nothing leaves that a
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
  const pace = new Pace('export', { signal });
  for (const frame of writer.run()) {
    throwIfAborted(signal, 'export');
    if (frame !== undefined) {
      const start = Math.max(0, skipped - (writer.offset - frame.length));
      if (start < frame.length) yield frame.subarray(start);
    }
    if (pace.due()) await pace.rest();
  }
  return writer.summary;
}

class PackWriter {
  readonly #context: ExportContext;
  readonly #options: ExportOptions;
  readonly #cache: NodeCache;
  readonly #wants: readonly Want[];
  readonly #haves: readonly Address[];
  readonly #head: Uint8Array;
  readonly #hasIndex: boolean;
  readonly #progress: PackProgress;
  readonly #batch = new ByteWriter(BATCH_BYTES);
  readonly #resume: ResumePoint | undefined;

  constructor(context: ExportContext, options: ExportOptions) {
    const { bucket, contents = true, nested = true, from } = options;
    this.#context = context;
    this.#options = options;
    this.#cache = new NodeCache(context.blocks, CACHE_BYTES);
    this.#wants = checkedWants(context.history, options);
    this.#haves = knownHaves(context.history, options);
    const lists = { haves: this.#haves, wants: this.#wants };
    this.#hasIndex = this.#decideIndex();
    this.#head = encodeHeader({ bucket, ...lists, contents, nested, index: this.#hasIndex });
    this.#progress = new PackProgress(this.#head);
    this.#resume = typeof from === 'object' ? from : undefined;
  }

  get offset(): number {
    return this.#progress.offset;
  }

  get summary(): ExportSummary {
    const { commits, blocks, plainBytes, offset: length } = this.#progress;
    return { commits, blocks, plainBytes, length };
  }

  /**
   * Whether an index is written. It lists all keys, of which a tree that shares what is below them
   * may have any number. REGALIA_OPTION where it is asked for, and they are too many.
   */
  #decideIndex(): boolean {
    const { index = this.#haves.length === 0 } = this.#options;
    if (!index) return false;
    let entries = 0;
    for (const { id, address } of this.#roots()) {
      entries += totalsOf(loadRoot(this.#cache, id, address)).entries;
    }
    if (entries <= INDEX_ENTRIES_MAX) return true;
    if (this.#options.index !== true) return false;
    const expected = `false, or at most ${INDEX_ENTRIES_MAX} entries in all trees`;
    throw badOption('index', expected, `${entries} entries`);
  }

  /** Those of the wanted commits. */
  #roots(): WalkedRoot[] {
    const { history } = this.#context;
    return this.#wants.map(({ commit }) => {
      const entry = history.entry(commit);
      return { id: entry?.rootBlock, address: history.commit(commit).root };
    });
  }

  /** The header and all frames, in order; undefined is a step of work. */
  *run(): Generator<Uint8Array | undefined, void> {
    yield this.#head;
    if (this.#resume !== undefined) this.#goOn(this.#resume);
    yield* this.#history();
    if (this.#hasIndex) yield* this.#indexFrames();
    yield this.#frame(FrameType.trailer, encodeTrailer(this.#progress.trailer()));
  }

  /** What was sent before is counted as it is walked again. */
  #goOn(resume: ResumePoint): void {
    const progress = this.#progress;
    if (!equalBytes(resume.header, progress.header)) throw otherPack('header');
    progress.offset = resume.offset;
    progress.chain = resume.chain;
    progress.indexAt = resume.indexAt;
  }

  *#history(): Generator<Uint8Array | undefined, void> {
    const { contents = true, nested = true, shallow = false } = this.#options;
    const reads = { cache: this.#cache, history: this.#context.history };
    const wants = distinctAddresses(this.#wants.map(({ commit }) => commit));
    const walk = walkHistory(reads, wants, this.#haves, { contents, nested, shallow });
    for (const step of walk) {
      yield undefined;
      if (step.block === undefined) yield* this.#commit(step);
      else yield* this.#block(step);
    }
    if (this.#batch.length > 0) yield this.#flush();
    const resume = this.#resume;
    if (resume === undefined) return;
    const { blocks, commits } = this.#progress;
    if (blocks < resume.blocks || commits < resume.commits) throw otherPack('number of blocks');
  }

  get #sent(): boolean {
    const resume = this.#resume;
    if (resume === undefined) return false;
    const { blocks, commits } = this.#progress;
    return blocks + commits < resume.blocks + resume.commits;
  }

  *#block({ block }: HistoryStep & { commit?: undefined }): Generator<Uint8Array, void> {
    const sent = this.#sent;
    const plain = block.plain ?? this.#read(block.id, block.address);
    if (!sent) {
      const length = varintLength(plain.length) + plain.length;
      if (this.#batch.length > 0 && this.#batch.length + length > BATCH_BYTES) yield this.#flush();
      this.#batch.lengthed(plain);
    }
    this.#progress.blocks++;
    this.#progress.plainBytes += plain.length;
  }

  #read(id: number | undefined, address: Address): Uint8Array {
    const { bytes, start, plainLength } = this.#context.blocks.read(id, address, 'block');
    // A frame may go out before this block is gathered, and its reader may read through the same
    // engine.
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
    this.#progress.commits++;
    if (sent) return;
    const { commit, entry, cut } = step;
    const { signature, height, correctedMs } = entry;
    const facts = { signature, absentParents: cut ? { height, correctedMs } : undefined };
    const writer = new ByteWriter(512).u8(commitFlags(facts));
    yield this.#frame(FrameType.commit, writeCommit(writer, commit, facts).view());
  }

  *#indexFrames(): Generator<Uint8Array | undefined, void> {
    const progress = this.#progress;
    if (progress.indexAt === 0) progress.indexAt = progress.offset;
    const sent = this.#resume?.indexBytes ?? 0;
    let bytes = 0;
    for (const body of indexParts(this.#cache, this.#roots())) {
      bytes += body?.length ?? 0;
      if (body === undefined) yield undefined;
      else if (bytes > sent) yield this.#frame(FrameType.index, body);
    }
  }

  #frame(type: FrameType, body: Uint8Array): Uint8Array {
    const frame = encodeFrame(type, body);
    this.#progress.pass(frame);
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
    throw badOption('wants', expected, `${branch} at ${addressText(commit)}`);
  }
  return [...wants];
}

/** The haves that are here, ascending, each once. */
function knownHaves(history: History, { haves = [], onUnknown }: ExportOptions): Address[] {
  const known = distinctAddresses(haves).filter((have) => {
    const isHere = history.entry(have) !== undefined;
    if (!isHere) onUnknown?.(have);
    return isHere;
  });
  return known.sort(compareAddresses);
}

function otherPack(differs: string): RegaliaError<'REGALIA_OPTION'> {
  return badOption('from', 'a point in this pack', `one in another, whose ${differs} differs`);
}
