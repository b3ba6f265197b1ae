/**
 * What the tests of packs share: a store with everything that packs carry, bare stores to import
 * them into, and packs by hand, so that a test can lie in one place and be right in all others.
 */
import { type Address, addressText } from '../../src/blocks/address.js';
import { Blocks } from '../../src/blocks/blocks.js';
import { openRow } from '../../src/blocks/rows.js';
import type { Core } from '../../src/commit/core.js';
import { EngineDoor, type HeadStep } from '../../src/commit/door.js';
import type { Batch, Engine, Reads } from '../../src/engine/engine.js';
import { openMemory } from '../../src/engine/memory.js';
import { concatBytes, hex, unhex } from '../../src/ground/bytes.js';
import { readU32 } from '../../src/ground/integers.js';
import { ByteReader } from '../../src/ground/reader.js';
import { actorFromSeed, Regalia } from '../../src/index.js';
import { branch, branches } from '../../src/log/branches.js';
import { allHeads } from '../../src/log/heads.js';
import { History } from '../../src/log/history.js';
import * as walks from '../../src/reach/commit-walk.js';
import type { WalkedBlock, WalkReads } from '../../src/reach/tree-walk.js';
import { scopeOf } from '../../src/store/bucket.js';
import { type ExportOptions, exportPack } from '../../src/sync/export.js';
import { type ImportOptions, type ImportResult, importPack } from '../../src/sync/import.js';
import {
  decodeTrailer,
  encodeFrame,
  encodeTrailer,
  FRAME_HEAD,
  FRAME_TAIL,
  FrameType,
  PackProgress,
  PREAMBLE_LENGTH,
  type ResumePoint,
  readResumePoint,
} from '../../src/sync/pack-format.js';
import { NodeCache } from '../../src/tree/node-cache.js';
import { bytes, noise } from '../store/setup.js';

/** Blocks and history, and nothing of what a store adds. */
export interface Bare {
  readonly engine: Engine;
  readonly blocks: Blocks;
  readonly history: History;
}

export function bare(): Bare {
  const engine = openMemory();
  return { engine, blocks: new Blocks(engine), history: new History(engine) };
}

/** The innards of a store. */
export function coreOf(store: Regalia): Core {
  return scopeOf(store).core;
}

/** A store in memory that is the same for the same seed. */
export function seededStore(seed = 1, signed = true): Promise<Regalia> {
  let calls = 0;
  let timeMs = 1_700_000_000_000;
  return Regalia.memory({
    ...(signed ? { actor: actorFromSeed(new Uint8Array(32).fill(seed)) } : {}),
    now: () => (timeMs += 1_000),
    random: (length) => noise(length, seed * 7_919 + ++calls),
    streams: { content: { chunking: { kind: 'fixed', bytes: 65_536 } } },
  });
}

export function bucketOf(store: Regalia): Uint8Array {
  return unhex(store.id) as Uint8Array;
}

export function headOf(store: Regalia, name = 'main'): Address {
  const { engine } = coreOf(store);
  return branch(engine, bucketOf(store), name)?.head as Address;
}

/**
 * A store with inline and large streams, a stream in a metadata block, maps inside and outside
 * their records, buckets within buckets, moves and a merge.
 */
export async function variedStore(seed = 1, files = 40): Promise<Regalia> {
  const store = await seededStore(seed);
  await store.transact((tx) => {
    for (let i = 0; i < files; i++) tx.put(`/files/f${i}`, 's', noise(20 + (i % 90), i + 1));
    tx.put('/wide', 'a', noise(500, 3));
    for (let i = 0; i < 9; i++) tx.put('/wide', `stream${i}`, noise(508, 50 + i));
    tx.put('/deep/er/and/deeper', 's', bytes('bottom'));
  });
  const tx = store.begin();
  await tx.write('/large', 'content', [noise(200_000, 9)]);
  tx.createBucket('/inner');
  tx.put('/inner/x', 's', bytes('in'));
  tx.createBucket('/inner/core');
  tx.put('/inner/core/y', 's', bytes('inmost'));
  await tx.commit({ message: 'large, and buckets' });
  await store.transact((tx) => tx.put('/inner/core/y', 's', bytes('inmost, changed')));
  await store.transact((tx) => tx.move('/deep', '/moved'));
  await store.fork('side');
  await store.branch('side').transact((tx) => tx.put('/side', 's', bytes('aside')));
  await store.transact((tx) => tx.put('/files/f3', 's', bytes('changed')));
  await store.merge('side');
  return store;
}

type PackOptions = Partial<ExportOptions> & { readonly store: Regalia };

/** A pack of a store's branches, by default of main. */
export function pack({ store, ...options }: PackOptions): Promise<Uint8Array> {
  const { blocks, history } = coreOf(store);
  const wants = [{ branch: 'main', commit: headOf(store) }];
  return collect(exportPack({ blocks, history }, { bucket: bucketOf(store), wants, ...options }));
}

export async function collect(source: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const part of source) parts.push(part);
  return concatBytes(parts);
}

/** Imports a pack, whatever it lacks, and moves the branches that it names. */
export function importInto(
  to: Bare,
  packed: Uint8Array | Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  options: ImportOptions = {},
): Promise<ImportResult> {
  const source = packed instanceof Uint8Array ? [packed] : packed;
  return importPack(to, source, {
    publish: ({ bucket, heads }, puts) => {
      const places = heads.map(({ branch }) => ({ bucket, branch }));
      const publish = (batch: Batch): HeadStep[][] =>
        puts(batch, () => heads.map(({ commit }) => [{ commit, cause: 'fetch', timeMs: 0 }]));
      return new EngineDoor(to.blocks.engine).set(places, publish, 'none');
    },
    contents: false,
    nested: false,
    shallow: true,
    ...options,
  });
}

/** Every row that a store has of commits, logs and heads: what is visible. */
export function visibleRows(engine: Engine): string[] {
  const rows: string[] = [];
  for (const table of ['commits', 'log', 'heads'] as const) {
    for (const { key } of engine.range(table)) rows.push(`${table} ${hex(key)}`);
  }
  return rows;
}

/** The number of rows that unfinished imports keep. */
export function importRows(engine: Engine): number {
  let count = 0;
  for (const { key } of engine.range('meta')) {
    if (Buffer.from(key).toString('latin1').startsWith('import/')) count++;
  }
  return count;
}

/** Where unfinished imports go on. */
export function resumePoints(engine: Engine): ResumePoint[] {
  const points: ResumePoint[] = [];
  for (const { key, bytes } of engine.range('meta')) {
    if (!/^import\/.{32}s$/s.test(Buffer.from(key).toString('latin1'))) continue;
    const reader = new ByteReader(openRow('meta', key, bytes), 'import row');
    reader.u8();
    points.push(readResumePoint(reader));
  }
  return points;
}

/** Every block of one commit that its bases lack; commits of nested buckets are not followed. */
export function* walkCommit(
  reads: WalkReads,
  ref: walks.CommitRef,
  options: { readonly bases?: readonly walks.CommitRef[] } = {},
): Generator<WalkedBlock, void> {
  for (const step of walks.walkHeads(reads, ref, options)) if (walks.isBlock(step)) yield step;
  yield* walks.walkContents(reads, ref, options);
  yield* walks.walkMaps(reads, ref, options);
}

/**
 * The addresses of all blocks of a commit and of those before it, read and verified; nested commits
 * included.
 */
export function blocksOf({ blocks, history }: Bare | Core, head: Address): Set<string> {
  const cache = new NodeCache(blocks, 4 * 1024 * 1024);
  const found = new Set<string>();
  const open = [head];
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    if (found.has(addressText(at))) continue;
    found.add(addressText(at));
    const entry = history.entry(at);
    if (entry === undefined) throw new Error(`commit ${addressText(at)} is missing`);
    const commit = history.commit(at);
    open.push(...commit.parents);
    for (const block of walkCommit({ cache }, { ...entry, commit })) {
      blocks.read(block.id, block.address, 'block');
      found.add(addressText(block.address));
    }
    if (commit.heads === undefined) continue;
    for (const head of allHeads(cache, { id: 0, address: commit.heads })) open.push(head.commit);
  }
  return found;
}

/** A pack taken apart. */
export interface Parts {
  readonly head: Uint8Array;
  readonly frames: readonly { readonly type: FrameType; readonly body: Uint8Array }[];
}

export function takeApart(packed: Uint8Array): Parts {
  let at = PREAMBLE_LENGTH + readU32(packed, 9) + FRAME_TAIL;
  const head = packed.slice(0, at);
  const frames: { type: FrameType; body: Uint8Array }[] = [];
  while (at < packed.length) {
    const start = at + FRAME_HEAD;
    const end = start + readU32(packed, at + 1);
    frames.push({ type: packed[at] as FrameType, body: packed.slice(start, end) });
    at = end + FRAME_TAIL;
  }
  return { head, frames };
}

/** Where each frame begins, and where the pack ends. */
export function frameStarts({ head, frames }: Parts): number[] {
  const starts = [head.length];
  for (const { body } of frames) {
    starts.push((starts.at(-1) as number) + FRAME_HEAD + body.length + FRAME_TAIL);
  }
  return starts;
}

/** A pack of these frames, with checksums, counts and chain as an honest sender would have them. */
export function putTogether({ head, frames }: Parts): Uint8Array {
  const parts = [head];
  const progress = new PackProgress(head);
  for (const { type, body } of frames) {
    if (type === FrameType.trailer) continue;
    if (type === FrameType.commit) progress.commits++;
    if (type === FrameType.index && progress.indexAt === 0) progress.indexAt = progress.offset;
    if (type === FrameType.blocks) {
      for (const block of blocksIn(body)) {
        progress.blocks++;
        progress.plainBytes += block.length;
      }
    }
    const frame = encodeFrame(type, body);
    progress.pass(frame);
    parts.push(frame);
  }
  parts.push(encodeFrame(FrameType.trailer, encodeTrailer(progress.trailer())));
  return concatBytes(parts);
}

/** The blocks of a frame that is not compressed. */
export function blocksIn(body: Uint8Array): Uint8Array[] {
  const found: Uint8Array[] = [];
  const reader = new ByteReader(body, 'frame');
  if (reader.u8() !== 0) return found;
  reader.varint();
  while (reader.remaining > 0) found.push(reader.lengthed().slice());
  return found;
}

export function trailerOf(packed: Uint8Array): ReturnType<typeof decodeTrailer> {
  const { frames } = takeApart(packed);
  return decodeTrailer((frames.at(-1) as { body: Uint8Array }).body);
}

export function branchesOf(reads: Reads, bucket: Uint8Array): string[] {
  return Array.from(branches(reads, bucket), ({ name }) => name);
}

/** The buckets directly within a commit's, and theirs in turn. */
export function headsOfNested(
  core: Core,
  commit: Address,
): { bucket: Uint8Array; commit: Address }[] {
  const found: { bucket: Uint8Array; commit: Address }[] = [];
  const { heads } = core.history.commit(commit);
  if (heads === undefined) return found;
  for (const head of allHeads(core.cache, { id: 0, address: heads })) {
    found.push(head, ...headsOfNested(core, head.commit));
  }
  return found;
}
