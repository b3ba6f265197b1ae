/**
 * A forger: makes blocks and commits by hand, addresses them as they are, and puts them into a pack
 * that is right in all else. So only a check of what they say can find the lie.
 *
 *     const forger = await Forger.on(store);
 *     forger.commit(forger.rootOver(forger.leaf([plain('a')])), { stamp: 7 });
 *     await store.import([forger.pack()]);
 *
 * Blocks go into the pack in the order in which they are made: children first. A forger that rests
 * on a store makes commits whose one parent is that store's head, so a merge follows them at once.
 */
import { type Address, addressOf } from '../../src/blocks/address.js';
import { BlockWriter } from '../../src/blocks/block-writer.js';
import { Blocks } from '../../src/blocks/blocks.js';
import { BodyWriter } from '../../src/blocks/body.js';
import { writeManifest } from '../../src/chunks/manifest.js';
import { counted } from '../../src/clock/event.js';
import { openMemory } from '../../src/engine/memory.js';
import { SHA256 } from '../../src/ground/block-header.js';
import { concatBytes, hex, unhex } from '../../src/ground/bytes.js';
import { varintLength } from '../../src/ground/integers.js';
import { utf8Bytes } from '../../src/ground/text.js';
import { ByteWriter } from '../../src/ground/writer.js';
import type { Regalia } from '../../src/index.js';
import { type Commit, commitAddress, encodeCommit, mapsBefore } from '../../src/log/commit.js';
import { encodeMap, type MapRow } from '../../src/log/maps.js';
import { scopeOf } from '../../src/store/bucket.js';
import { defineRules, encodeRules } from '../../src/streams/rule.js';
import { encodeHeader, FrameType, type PackHeader } from '../../src/sync/pack-format.js';
import { NATURAL } from '../../src/tree/boundary.js';
import { type FreshChild, Items } from '../../src/tree/items.js';
import { NodeCache } from '../../src/tree/node-cache.js';
import { NodeWriter } from '../../src/tree/node-writer.js';
import {
  CHILD_BUCKET,
  CHILD_INLINE,
  CHILD_MAP,
  type ChildPart,
  encodeRecord,
  type FreshRecord,
  inlinePart,
  NO_CHILD,
  type StreamPart,
} from '../../src/tree/record.js';
import { bucketPart, type CountedRoot, loadRoot, NO_NAME, writeRoot } from '../../src/tree/root.js';
import { NO_STREAMS, Shapes } from '../../src/tree/shape.js';
import type { Totals } from '../../src/tree/totals.js';
import { noise } from '../store/setup.js';
import { putTogether } from '../sync/setup.js';

const SHAPES = new Shapes();

/** Who the forger says that it is. */
export const LIAR: Uint8Array = new Uint8Array(16).fill(7);
/** Numbers of extents that are at hand for the blocks of one forger. */
const EXTENTS = 500;

/** What a forger rests on. */
interface Ground {
  /** Of 16 bytes. */
  readonly bucket: Uint8Array;
  readonly rules: Uint8Array;
  /** The commit that forged ones come after, if there is one. */
  readonly head?: { readonly address: Address; readonly commit: Commit } | undefined;
}

/** A bucket of nobody. */
export const NOWHERE: Ground = {
  bucket: new Uint8Array(16).fill(0xb0),
  rules: encodeRules(defineRules()),
};

/** The rules of a tree of heads: none. */
export const NO_RULES: Uint8Array = new Uint8Array(0);

interface PackLies extends Partial<PackHeader> {
  /** The branch of the one want, which is the commit that was forged last. */
  readonly branch?: string;
}

export class Forger {
  readonly ground: Ground;
  readonly #blocks = new Blocks(openMemory());
  readonly #writer = new NodeWriter(
    new NodeCache(this.#blocks, 4 * 1024 * 1024),
    new BlockWriter(this.#blocks),
    SHA256,
  );
  readonly #frames: { type: FrameType; body: Uint8Array }[] = [];
  /** The commit that was forged last. */
  head: Address = new Uint8Array(33);
  #sequence = 0;

  private constructor(ground: Ground) {
    this.ground = ground;
  }

  static async make(ground: Ground = NOWHERE): Promise<Forger> {
    const forger = new Forger(ground);
    await forger.#blocks.reserve(EXTENTS);
    return forger;
  }

  /** A forger whose commits come after the head of the branch at hand. */
  static on(store: Regalia): Promise<Forger> {
    const { core, line } = scopeOf(store);
    const head = line.stored();
    const { rules } = loadRoot(core.cache, head.rootBlock, head.commit.root);
    return Forger.make({ bucket: unhex(store.id) as Uint8Array, rules, head });
  }

  /** Makes sure that so many more blocks can be made. */
  reserve(count: number): Promise<void> {
    return this.#blocks.reserve(count);
  }

  // Blocks.

  /** Blocks of any bytes, in a frame. */
  frame(type: FrameType, body: Uint8Array): void {
    this.#frames.push({ type, body });
  }

  #send(block: Uint8Array): Address {
    const length = varintLength(block.length) + block.length;
    const body = new ByteWriter(length + 16).u8(0).varint(length).lengthed(block).finish();
    this.frame(FrameType.blocks, body);
    return addressOf(SHA256, block);
  }

  #sendWritten(id: number | undefined, address: Address): void {
    const { bytes, start, plainLength } = this.#blocks.read(id, address, 'block');
    this.#send(bytes.slice(start, start + plainLength));
  }

  /** A block of a kind, version 1. */
  block(kind: number, bytes: Uint8Array): Address {
    return this.#send(concatBytes([Uint8Array.of(kind, 1, SHA256), bytes]));
  }

  manifest(level: number, children: readonly { address: Address; length: number }[]): Address {
    const body = new BodyWriter();
    const listed = children.map((child) => ({ ...child, id: undefined }));
    const length = writeManifest(body, SHA256, level, listed);
    return this.#send(body.buffer.slice(0, length));
  }

  /** A leaf of these records, whatever the rule of boundaries says. */
  leaf(records: readonly FreshRecord[]): FreshChild {
    const items = Items.at(0);
    for (const record of records) items.pushFresh(record);
    const child = this.#writer.write(items, 0, records.length, NATURAL);
    this.#sendWritten(child.id, child.address);
    return child;
  }

  inner(level: number, children: readonly FreshChild[]): FreshChild {
    const items = Items.at(level);
    for (const child of children) items.pushFresh(child);
    const node = this.#writer.write(items, 0, children.length, NATURAL);
    this.#sendWritten(node.id, node.address);
    return node;
  }

  /** A map of these records that lies in its record. */
  inlineMap(records: readonly FreshRecord[]): ChildPart {
    const items = Items.at(0);
    for (const record of records) items.pushFresh(record);
    const { plainLength } = items;
    const { body, links, totals } = this.#writer.writeInline(items, 0, records.length);
    return { form: CHILD_INLINE, body, links, plainLength, totals };
  }

  /** A root whose own entry is the record. */
  root(record: FreshRecord, rules: Uint8Array = this.ground.rules): CountedRoot {
    const root = writeRoot(this.#writer, rules, record);
    this.#sendWritten(root.id, root.address);
    return root;
  }

  rootOf(child: ChildPart, rules?: Uint8Array): CountedRoot {
    return this.root(encodeRecord(NO_NAME, { shape: NO_STREAMS, streams: [], child }), rules);
  }

  rootOver(top: FreshChild, lie: Partial<FreshChild> = {}, rules?: Uint8Array): CountedRoot {
    return this.rootOf(mapOf({ ...top, ...lie }), rules);
  }

  rootWith(stream: StreamPart, rules?: Uint8Array): CountedRoot {
    const parts = { shape: SHAPES.of(['s']), streams: [stream], child: NO_CHILD };
    return this.root(encodeRecord(NO_NAME, parts), rules);
  }

  emptyRoot(rules?: Uint8Array): CountedRoot {
    return this.rootOf(NO_CHILD, rules);
  }

  /** A map of heads, by bucket ids in ascending order. */
  heads(list: readonly { readonly bucket: Uint8Array; readonly commit: Address }[]): Address {
    const records = list.map(({ bucket, commit }) => {
      const parts = { shape: SHAPES.of(['commit']), streams: [inlinePart(commit)] };
      return encodeRecord(utf8Bytes(hex(bucket)), { ...parts, child: NO_CHILD });
    });
    const [first] = records;
    if (first === undefined) return this.rootOf(NO_CHILD, NO_RULES).address;
    return this.rootOf(this.inlineMap(records), NO_RULES).address;
  }

  /** The chain of a map of moves; its last block is named by a commit. */
  map(rows: readonly MapRow[]): Address {
    const chain = encodeMap(SHA256, rows);
    for (const { block } of chain) this.#send(block);
    return (chain.at(-1) as { address: Address }).address;
  }

  // Commits.

  /** What a commit of the liar is, where it does not say otherwise. */
  commitOf(root: Address, fields: Partial<Commit> = {}): Commit {
    const { bucket, head } = this.ground;
    const { parents = head === undefined ? [] : [head.address] } = fields;
    return {
      algorithm: SHA256,
      bucket,
      root,
      heads: head?.commit.heads,
      parents,
      maps: parents.map(() => undefined),
      mapsBefore: head === undefined || parents.length === 0 ? [] : mapsBefore([head]),
      stamp: counted('111', parents.length === 0 ? 0 : (head?.commit.stamp ?? 0)),
      actor: undefined,
      replica: LIAR,
      incarnation: 1,
      sequence: ++this.#sequence,
      timeMs: head?.commit.timeMs ?? 1,
      message: '',
      ...fields,
    };
  }

  commit(root: Address, fields: Partial<Commit> = {}, signature?: Uint8Array): Address {
    return this.sendCommit(this.commitOf(root, fields), { signature });
  }

  /** A commit's frame, with what is to go beside it. */
  sendCommit(
    commit: Commit,
    beside: { readonly signature?: Uint8Array | undefined; readonly cut?: boolean } = {},
  ): Address {
    const { signature, cut = false } = beside;
    const writer = new ByteWriter(512).u8((signature === undefined ? 0 : 1) | (cut ? 2 : 0));
    if (signature !== undefined) writer.bytes(signature);
    if (cut) writer.varint(1).varint(1);
    this.frame(FrameType.commit, writer.bytes(encodeCommit(commit)).finish());
    this.head = commitAddress(commit);
    return this.head;
  }

  // The pack.

  /** All that was made, with a header that is right where it is not told otherwise. */
  pack({ branch = `replica/${hex(LIAR)}/main`, ...lies }: PackLies = {}): Uint8Array {
    const { bucket, head } = this.ground;
    const header = {
      bucket,
      haves: head === undefined ? [] : [head.address],
      wants: [{ branch, commit: this.head }],
      contents: true,
      nested: true,
      index: false,
      ...lies,
    };
    return putTogether({ head: encodeHeader(header), frames: this.#frames });
  }
}

// Parts of trees.

type Counted = Totals & { readonly address: Address; readonly id: number | undefined };

export function mapOf({ address, id, ...node }: Counted): ChildPart {
  const { entries, buckets, inlineBytes, referencedBytes } = node;
  const totals = { entries, buckets, inlineBytes, referencedBytes };
  return { form: CHILD_MAP, totals, address, id };
}

/** An entry with a stream of some bytes. */
export function plain(name: string, size = 30): FreshRecord {
  return entry(name, { s: inlinePart(noise(size, size)) });
}

export function plains(letter: string, count = 60): FreshRecord[] {
  return Array.from({ length: count }, (_, i) => plain(`${letter}${String(i).padStart(3, '0')}`));
}

/** An entry with streams, and a child map. */
export function entry(
  name: string,
  streams: Readonly<Record<string, StreamPart>>,
  child: ChildPart = NO_CHILD,
): FreshRecord {
  const names = Object.keys(streams).sort();
  const shape = names.length === 0 ? NO_STREAMS : SHAPES.of(names);
  const parts = names.map((one) => streams[one] as StreamPart);
  return encodeRecord(utf8Bytes(name), { shape, streams: parts, child });
}

/** An entry that is a bucket; its sums may lie. */
export function bucketEntry(
  name: string,
  bucket: Uint8Array,
  root: CountedRoot,
  lie: Partial<Totals> = {},
): FreshRecord {
  const part = bucketPart(bucket, root);
  const child = { ...part, form: CHILD_BUCKET, totals: { ...part.totals, ...lie } } as const;
  return entry(name, {}, child);
}

/** A forged child under another last name. */
export function named(name: string): Partial<FreshChild> {
  const bytes = utf8Bytes(name);
  return { bytes, nameStart: 0, nameEnd: bytes.length };
}
