/**
 * Imports packs, from anybody, in bounded memory.
 *
 *     opening ─→ frames ─→ complete ─→ publishing ─→ done
 *                  │                       └─→ cut short: the same pack goes on from `complete`
 *                  └─→ broken: a resume point where the source was cut, nothing where it lied
 *
 *     frames       blocks are checked and staged; commits are checked and wait
 *                  every few MiB a checkpoint: staged blocks, waiting commits and the resume point
 *     publishing   commits enter the log, slice by slice; with the last of them heads move, or
 *                  after them, part by part, where there are many
 *
 * A phase is made from what the one before it returns: nothing is published but a `CompletePack`,
 * whose trailer agreed. Before that nothing is visible. What is written at a checkpoint is all that
 * came up to its resume point, so a run that ends anywhere loses only what came since. The point
 * stays before the trailer until all is published. A pack that lies leaves blocks that no commit
 * names, which collection frees.
 */
import { type Address, addressKey, addressText } from '../blocks/address.js';
import { BlockWriter } from '../blocks/block-writer.js';
import type { Blocks } from '../blocks/blocks.js';
import type { Batch, Engine } from '../engine/engine.js';
import { equalBytes, hex } from '../ground/bytes.js';
import { badPack, badSignature, isRegaliaError, locked, notFound } from '../ground/errors.js';
import { BLOCK_BYTES_MAX, INDEX_PART_BYTES_MAX } from '../ground/limits.js';
import { Pace, turn } from '../ground/pause.js';
import { ByteReader } from '../ground/reader.js';
import { commitsSince } from '../log/ancestry.js';
import { checkRefName } from '../log/branches.js';
import type { History } from '../log/history.js';
import { NodeCache } from '../tree/node-cache.js';
import {
  asPackFault,
  type Frame,
  FrameReader,
  type PackSource,
  unpackBlocks,
} from './frame-reader.js';
import { ImportStage, type ImportState, type OrderedCommit } from './import-stage.js';
import {
  decodeHeader,
  decodeTrailer,
  FrameType,
  type PackHeader,
  PackProgress,
  type Want,
} from './pack-format.js';
import { BlockReceiver } from './receive-blocks.js';
import { CommitReceiver } from './receive-commits.js';
import { WorkBudget } from './work-budget.js';

interface ImportContext {
  readonly blocks: Blocks;
  readonly history: History;
}

export interface ImportResult {
  /** 16 bytes. */
  readonly bucket: Uint8Array;
  readonly heads: readonly Want[];
  /** Commits that were new here, those of nested buckets included. */
  readonly commits: number;
  /** Of these, the ones with parents that are missing here: history is cut off at them. */
  readonly cut: number;
  /** Blocks that were new here, in this run. */
  readonly blocks: number;
  readonly bytes: number;
  /** Whether contents and nested commits came along. */
  readonly contents: boolean;
  readonly nested: boolean;
}

/** What may be missing from a pack: by default nothing. */
export interface Lacking {
  /** False where the pack may come without contents outside metadata. */
  readonly contents?: boolean | undefined;
  /** False where the pack may come without the commits of nested buckets. */
  readonly nested?: boolean | undefined;
  /** Whether the pack may have commits without what came before them. */
  readonly shallow?: boolean | undefined;
}

export interface ImportOptions extends Lacking {
  /** The bucket that the pack must be of, 16 bytes; default any. */
  readonly bucket?: Uint8Array | undefined;
  readonly signal?: AbortSignal | undefined;
  /**
   * Which unfinished import the source goes on with, by the digest of its header, beginning at its
   * resume point. By default the source is a whole pack; where it was begun before, the bytes that
   * came then are passed over.
   */
  readonly resume?: Uint8Array | undefined;
  /**
   * Whether a commit that names an actor must be signed ('required'), or only if it has a signature
   * ('checked', the default).
   */
  readonly signatures?: 'checked' | 'required' | undefined;
  /** With 'required', the heads whose history needs no signatures, once the pack has come. */
  readonly trusted?: (() => readonly Address[]) | undefined;
  /** Throws where a pack with these branches is refused, before anything else of it is read. */
  readonly check?: ((wants: readonly Want[]) => void) | undefined;
  /**
   * Writes the pack's last commits, which `puts` puts, with what goes with them: tracking branches.
   * By default they are written alone. Of many commits the first are in the log by then; many heads
   * come part by part, in writes of their own.
   */
  readonly publish?: ((part: PublishedPart, puts: PutCommits) => Promise<unknown>) | undefined;
  readonly onProgress?: ((bytes: number) => void) | undefined;
}

/** Heads that are published in one write. */
export interface PublishedPart {
  /** 16 bytes. */
  readonly bucket: Uint8Array;
  /** All heads of the pack. */
  readonly wants: readonly Want[];
  /** Those of this write; all commits that they name are in the log, or among its puts. */
  readonly heads: readonly Want[];
  readonly isLast: boolean;
}

/**
 * Puts a pack's last commits, and then what `also` puts, which it returns. What either throws ends
 * the import: it is not gone on with.
 */
export type PutCommits = <T>(batch: Batch, also: () => T) => T;

/** Extents set aside before a few blocks are staged, some for others who write at the same time. */
const EXTENTS_SPARE = 192;
/** With fewer at hand no block is received: it takes an extent, or the number of a chunk. */
const EXTENTS_LEAST = 16;
const COMMIT_SLICE = 1_024;
/** Heads that move in one write: each is a few rows. */
const HEADS_SLICE = 50;
/** Of the nodes that are cached while heads are compared. */
const CACHE_BYTES = 8 * 1024 * 1024;

/** Packs being imported by this process, by engine. */
const underWay = new WeakMap<Engine, Set<string>>();

/**
 * Imports a pack. Errors: REGALIA_PACK where it is cut short, damaged or lies (`data.at`: where to
 * go on, or what is refused; `retryable` where another transfer may mend it), REGALIA_VERSION,
 * REGALIA_STAMP, REGALIA_SIGNATURE, REGALIA_LOCKED where this process is importing it already,
 * REGALIA_NOT_FOUND for a `resume` that is unknown, REGALIA_ABORTED.
 */
export async function importPack(
  context: ImportContext,
  source: PackSource,
  options: ImportOptions = {},
): Promise<ImportResult> {
  const { resume, signal } = options;
  const { engine } = context.blocks;
  const earlier = resume === undefined ? undefined : unfinished(engine, resume);
  const reader = new FrameReader(source, earlier?.point.offset ?? 0, signal);
  try {
    const opened = openPack(earlier?.header ?? (await reader.head()), context.history, options);
    return await exclusively(engine, hex(opened.progress.header), async () => {
      const complete = await new FrameReceiver(context, options, reader, opened).run();
      if (options.signatures === 'required') await checkChains(context, options, complete);
      await publish(context, options, complete);
      return complete.result;
    });
  } finally {
    await reader.close();
  }
}

function unfinished(engine: Engine, digest: Uint8Array): ImportState {
  const state = new ImportStage(engine, digest).load();
  if (state === undefined) throw notFound('unfinished import', hex(digest));
  return state;
}

async function exclusively<T>(engine: Engine, key: string, run: () => Promise<T>): Promise<T> {
  let keys = underWay.get(engine);
  if (keys === undefined) underWay.set(engine, (keys = new Set()));
  if (keys.has(key)) {
    throw locked(`pack ${key}`, 'is being imported by this process', { retryable: true });
  }
  keys.add(key);
  try {
    return await run();
  } finally {
    keys.delete(key);
  }
}

// Opening.

interface OpenedPack {
  /** Its beginning, in bytes and decoded. */
  readonly head: Uint8Array;
  readonly header: PackHeader;
  readonly progress: PackProgress;
}

/** The pack, once it is for this bucket and rests on nothing that is missing here. */
function openPack(
  head: Uint8Array,
  history: History,
  { bucket, check, contents = true, nested = true }: ImportOptions,
): OpenedPack {
  let header: PackHeader;
  try {
    header = decodeHeader(head);
  } catch (error) {
    throw asPackFault(error, 0);
  }
  if (bucket !== undefined && !equalBytes(bucket, header.bucket)) {
    throw badPack('header', 0, `bucket ${hex(bucket)}`, `bucket ${hex(header.bucket)}`);
  }
  if (contents && !header.contents) {
    throw badPack('header', 0, 'contents, or the option contents: false', 'none');
  }
  if (nested && !header.nested) {
    throw badPack('header', 0, 'commits of nested buckets, or the option nested: false', 'none');
  }
  for (const have of header.haves) {
    if (history.entry(have) !== undefined) continue;
    throw badPack('header', 0, `commit ${addressText(have)} here, on which it rests`, 'nothing');
  }
  for (const { branch } of header.wants) {
    try {
      checkRefName(branch);
    } catch (cause) {
      throw badPack('header', 0, 'names of branches', JSON.stringify(branch), { cause });
    }
  }
  check?.(header.wants);
  return { head, header, progress: new PackProgress(head) };
}

// Frames.

/** A pack that has come and is sound; its commits wait in the stage. */
interface CompletePack {
  readonly stage: ImportStage;
  readonly result: ImportResult;
}

class FrameReceiver {
  readonly #context: ImportContext;
  readonly #options: ImportOptions;
  readonly #reader: FrameReader;
  readonly #opened: OpenedPack;
  readonly #progress: PackProgress;
  readonly #pace = new Pace('import');
  readonly #budget = new WorkBudget();
  readonly #writer: BlockWriter;
  readonly #stage: ImportStage;
  readonly #blocks: BlockReceiver;
  readonly #commits: CommitReceiver;
  #writtenOffset: number | undefined;

  constructor(
    context: ImportContext,
    options: ImportOptions,
    reader: FrameReader,
    opened: OpenedPack,
  ) {
    const { blocks, history } = context;
    const { header, progress } = opened;
    const { contents, nested } = header;
    this.#context = context;
    this.#options = options;
    this.#reader = reader;
    this.#opened = opened;
    this.#progress = progress;
    this.#writer = new BlockWriter(blocks);
    this.#stage = new ImportStage(blocks.engine, progress.header);
    this.#blocks = new BlockReceiver(blocks, this.#writer, contents);
    const cache = new NodeCache(blocks, CACHE_BYTES);
    const signatures = options.signatures ?? 'checked';
    this.#commits = new CommitReceiver(history, this.#stage, this.#blocks, cache, this.#budget, {
      nested,
      signatures,
    });
  }

  /** Errors as `importPack`; what is left of a pack that broke is in order by then. */
  async run(): Promise<CompletePack> {
    try {
      await this.#restore();
      await this.#receiveAll();
      await this.#reader.end();
    } catch (error) {
      throw await this.#broken(error);
    }
    await this.#checkpoint();
    return { stage: this.#stage, result: this.#result() };
  }

  async #restore(): Promise<void> {
    const state = this.#stage.load();
    if (state === undefined) return;
    if (!state.pendingBlocks.every((address) => this.#blocks.restore(address))) {
      // Collection has freed what had come: begin again, if the source does.
      await this.#stage.drop();
      const { offset } = this.#reader;
      if (offset === this.#progress.offset) return;
      const expected = 'the whole pack, since the blocks that came before are gone';
      throw badPack('resumption', 0, expected, `its bytes from ${offset} on`);
    }
    for (const address of state.pendingCommits) this.#commits.restore(address);
    this.#progress.restore(state.point);
    this.#writtenOffset = state.point.offset;
    await this.#reader.skip(state.point.offset - this.#reader.offset);
  }

  async #receiveAll(): Promise<void> {
    for (;;) {
      const frame = await this.#reader.frame();
      this.#budget.received(frame.whole.length);
      try {
        if (frame.type === FrameType.trailer) return this.#checkTrailer(frame);
        await this.#receive(frame);
      } catch (error) {
        throw asPackFault(error, frame.at);
      }
      this.#progress.pass(frame.whole);
      if (this.#pace.due()) await this.#rest();
      if (this.#blocks.heavy || this.#stage.unwritten >= COMMIT_SLICE) await this.#checkpoint();
      this.#options.onProgress?.(this.#progress.offset);
    }
  }

  async #receive(frame: Frame): Promise<void> {
    const { type, at } = frame;
    if (type === FrameType.index) return this.#receiveIndex(frame);
    if (this.#progress.indexAt !== 0) {
      throw badPack('frame', at, 'the rest of the index, or the trailer', `type ${type}`);
    }
    if (type === FrameType.blocks) await this.#receiveBlocks(frame);
    else await this.#receiveCommit(frame);
  }

  async #receiveBlocks({ body }: Frame): Promise<void> {
    const reader = new ByteReader(unpackBlocks(body), 'frame of blocks');
    let blocks = 0;
    let plainBytes = 0;
    await this.#context.blocks.reserve(EXTENTS_SPARE);
    if (reader.remaining === 0) reader.fail('a block', 'none');
    while (reader.remaining > 0) {
      // A block takes one number, and others may take some in between.
      while (this.#context.blocks.available < EXTENTS_LEAST) {
        await this.#context.blocks.reserve(EXTENTS_SPARE);
      }
      const plain = reader.lengthed(BLOCK_BYTES_MAX);
      this.#blocks.receive(plain);
      blocks++;
      plainBytes += plain.length;
      if (this.#pace.due()) await this.#rest();
    }
    this.#progress.blocks += blocks;
    this.#progress.plainBytes += plainBytes;
  }

  async #receiveCommit({ body, at }: Frame): Promise<void> {
    for (const _ of this.#commits.receive(body)) if (this.#pace.due()) await this.#rest();
    if (this.#commits.cut > 0 && this.#options.shallow !== true) {
      throw badPack('commit', at, 'what came before it, or the option shallow: true', 'none');
    }
    this.#progress.commits++;
  }

  #receiveIndex({ body, at }: Frame): void {
    if (!this.#opened.header.index) throw badPack('index', at, 'none, as the header says', 'one');
    if (body.length === 0 || body.length > INDEX_PART_BYTES_MAX) {
      throw badPack('index', at, `1 to ${INDEX_PART_BYTES_MAX} bytes`, `${body.length}`);
    }
    if (this.#progress.indexAt === 0) this.#progress.indexAt = at;
    this.#progress.indexBytes += body.length;
  }

  /** The trailer counts what came, and all that came leads to what is wanted. */
  #checkTrailer({ body, at }: Frame): void {
    const trailer = decodeTrailer(body);
    const counted = this.#progress.trailer();
    const check = (what: string, expected: number, actual: number): void => {
      if (expected !== actual) throw badPack(what, at, `${expected}`, `${actual}`);
    };
    check('number of commits', counted.commits, trailer.commits);
    check('number of blocks', counted.blocks, trailer.blocks);
    check('number of plain bytes', counted.plainBytes, trailer.plainBytes);
    check('index', counted.indexAt, trailer.indexAt);
    check('length', counted.length, trailer.length);
    if (this.#opened.header.index && counted.indexAt === 0) check('index', at, 0);
    if (!equalBytes(trailer.chain, counted.chain)) {
      throw badPack('chain', at, hex(counted.chain), hex(trailer.chain));
    }
    for (const address of this.#blocks.pending()) {
      throw badPack('blocks', at, 'blocks that something names', addressText(address));
    }
    this.#checkWants(at);
  }

  /** Every want is known and of the bucket, and no other commit is left that nothing names. */
  #checkWants(at: number): void {
    const { wants, bucket } = this.#opened.header;
    for (const { commit: address } of wants) {
      const found = this.#commits.resolve(address);
      if (found === undefined) throw badPack('wants', at, addressText(address), 'nothing');
      if (equalBytes(found.commit.bucket, bucket)) continue;
      throw badPack('wants', at, `commits of bucket ${hex(bucket)}`, hex(found.commit.bucket));
    }
    const wanted = new Set(wants.map(({ commit }) => addressKey(commit)));
    for (const address of this.#commits.pending()) {
      if (wanted.has(addressKey(address))) continue;
      throw badPack('commits', at, 'commits that something names', addressText(address));
    }
  }

  /** Others may have used up what was set aside. */
  async #rest(): Promise<void> {
    await this.#pace.rest();
    await this.#context.blocks.reserve(EXTENTS_SPARE);
  }

  /** Writes what is staged, with how far the import came. */
  async #checkpoint(): Promise<void> {
    if (this.#writtenOffset === this.#progress.offset) return;
    const { engine, index } = this.#context.blocks;
    const point = this.#progress.point();
    const state = {
      point,
      header: this.#opened.head,
      pendingBlocks: [...this.#blocks.pending()],
      pendingCommits: this.#commits.pending(),
    };
    await this.#writer.prepare();
    await engine.write((batch) => {
      this.#writer.emit(batch);
      this.#stage.save(batch, state);
    }, 'none');
    this.#writer.published();
    this.#stage.saved();
    this.#blocks.written();
    this.#writtenOffset = point.offset;
    index.foldSoon();
    await index.folded();
  }

  /** Leaves a resume point, or nothing; the error to throw. */
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
    return badPack(what, this.#progress.offset, expected, actual, facts);
  }

  #result(): ImportResult {
    const { bucket, wants, contents, nested } = this.#opened.header;
    return {
      bucket,
      heads: wants,
      commits: this.#stage.count - this.#commits.signed,
      cut: this.#commits.cut,
      blocks: this.#blocks.stored,
      bytes: this.#progress.trailer().length,
      contents,
      nested,
    };
  }
}

/**
 * REGALIA_SIGNATURE where a commit that came rests on one that was here already without the
 * signature of the actor that it names. What this store's own branches have seen is trusted.
 */
async function checkChains(
  { history }: ImportContext,
  { trusted }: ImportOptions,
  { stage, result }: CompletePack,
): Promise<void> {
  const pace = new Pace('import');
  const signed = new Set<string>();
  const onto = result.heads.map(({ commit }) => commit);
  for (let from = 0, isLast = false; !isLast; ) {
    const waiting = [...stage.inOrder(from, COMMIT_SLICE)];
    isLast = waiting.length < COMMIT_SLICE;
    from = (waiting.at(-1)?.sequence ?? 0) + 1;
    for (const { address, commit, local } of waiting) {
      if (local.signature !== undefined) signed.add(addressKey(address));
      for (const parent of commit.parents) onto.push(parent);
    }
    if (pace.due()) await pace.rest();
  }
  const here = onto.filter((address) => history.entry(address) !== undefined);
  try {
    for (const { address, signature } of commitsSince(history, trusted?.() ?? [], here)) {
      if (pace.due()) await pace.rest();
      if (signature !== undefined || signed.has(addressKey(address))) continue;
      const { actor } = history.commit(address);
      if (actor !== undefined) throw badSignature(addressText(address), hex(actor));
    }
  } catch (error) {
    if (isRegaliaError(error, 'REGALIA_SIGNATURE')) await stage.drop();
    throw error;
  }
}

// Publishing.

/**
 * Brings the waiting commits into the log, and moves heads. A few heads move in the write of the
 * last commits. Many move part by part once all commits are there, so that no write is long; the
 * import is done with the last part.
 */
async function publish(
  context: ImportContext,
  options: ImportOptions,
  pack: CompletePack,
): Promise<void> {
  const { stage, result } = pack;
  const parts = partsOf(result.heads);
  let waiting: OrderedCommit[] = [];
  for (let from = 0; ; from = (waiting.at(-1)?.sequence ?? 0) + 1) {
    waiting = [...stage.inOrder(from, COMMIT_SLICE)];
    const isLast = waiting.length < COMMIT_SLICE && parts.length === 1;
    if (isLast || waiting.length === 0) break;
    await publishSlice(context, options, stage, waiting, undefined);
    await turn();
  }
  for (const [i, heads] of parts.entries()) {
    if (i > 0) await turn();
    const part = {
      bucket: result.bucket,
      wants: result.heads,
      heads,
      isLast: i === parts.length - 1,
    };
    await publishSlice(context, options, stage, waiting, part);
  }
}

/** Heads by the part; one part where there are none. */
function partsOf(heads: readonly Want[]): (readonly Want[])[] {
  const parts: (readonly Want[])[] = [];
  for (let at = 0; at === 0 || at < heads.length; at += HEADS_SLICE) {
    parts.push(heads.slice(at, at + HEADS_SLICE));
  }
  return parts;
}

/** Publishes some commits, and a part of the heads once all other commits are in the log. */
async function publishSlice(
  { history, blocks }: ImportContext,
  { publish: publishPart }: ImportOptions,
  stage: ImportStage,
  waiting: readonly OrderedCommit[],
  part: PublishedPart | undefined,
): Promise<void> {
  let refused = false;
  const puts: PutCommits = (batch, also) => {
    refused = true;
    for (const { commit, local } of waiting) history.append(batch, commit, local);
    stage.remove(batch, waiting);
    if (part?.isLast === true) stage.finish(batch);
    const returned = also();
    refused = false;
    return returned;
  };
  const alone = (batch: Batch): void => puts(batch, () => undefined);
  try {
    if (part === undefined) await blocks.engine.write(alone, 'none');
    else if (publishPart === undefined) await blocks.engine.write(alone, 'group');
    else await publishPart(part, puts);
  } catch (error) {
    // What was refused once will be again; what the disk failed at may be tried again.
    if (refused) await stage.drop();
    throw error;
  }
}
