/**
 * Trees that lie, in packs that are right otherwise: what a node says of its children, a record of
 * its map, a manifest of its chunks, heads of their commits. Blocks are made by hand and addressed
 * as they are, so only the check of what they say of each other can find the lie.
 */

import t from 'tap';
import { type Address, addressOf } from '../../src/blocks/address.js';
import { BlockWriter } from '../../src/blocks/block-writer.js';
import { Blocks } from '../../src/blocks/blocks.js';
import { BodyWriter } from '../../src/blocks/body.js';
import { writeManifest } from '../../src/chunks/manifest.js';
import { openMemory } from '../../src/engine/memory.js';
import { BlockKind, SHA256 } from '../../src/ground/block-header.js';
import { concatBytes, hex } from '../../src/ground/bytes.js';
import { isRegaliaError } from '../../src/ground/errors.js';
import { utf8Bytes } from '../../src/ground/text.js';
import { type Commit, commitAddress, encodeCommit } from '../../src/log/commit.js';
import { encodeFrame, encodeHeader, FrameType } from '../../src/sync/pack-format.js';
import { NATURAL } from '../../src/tree/boundary.js';
import { type FreshChild, Items } from '../../src/tree/items.js';
import { NodeCache } from '../../src/tree/node-cache.js';
import { NodeWriter } from '../../src/tree/node-writer.js';
import {
  type BlockPart,
  CHILD_BUCKET,
  CHILD_MAP,
  type ChildPart,
  encodeRecord,
  type FreshRecord,
  inlinePart,
  METADATA,
  NO_CHILD,
  REFERENCED,
  type StreamPart,
} from '../../src/tree/record.js';
import { NO_NAME, writeRoot } from '../../src/tree/root.js';
import { NO_STREAMS, Shapes } from '../../src/tree/shape.js';
import { noise } from '../store/setup.js';
import { bare, importInto, putTogether, visibleRows } from './setup.js';

const SHAPES = new Shapes();

const BUCKET = new Uint8Array(16).fill(0xb0);
const INNER = new Uint8Array(16).fill(0x1c);

/** Makes blocks, and the pack of those it made in their order. */
class Forge {
  readonly #blocks = new Blocks(openMemory());
  readonly #writer = new NodeWriter(
    new NodeCache(this.#blocks, 4 * 1024 * 1024),
    new BlockWriter(this.#blocks),
    SHA256,
  );
  readonly #frames: { type: FrameType; body: Uint8Array }[] = [];
  head: Address = new Uint8Array(33);

  static async make(): Promise<Forge> {
    const forge = new Forge();
    await forge.#blocks.reserve(500);
    return forge;
  }

  #sendBlock(block: Uint8Array): Address {
    const plain = concatBytes([varint(block.length), block]);
    const body = concatBytes([Uint8Array.of(0), varint(plain.length), plain]);
    this.#frames.push({ type: FrameType.blocks, body });
    return addressOf(SHA256, block);
  }

  #sendWritten(id: number | undefined, address: Address): void {
    const { bytes, start, plainLength } = this.#blocks.read(id, address, 'block');
    this.#sendBlock(bytes.slice(start, start + plainLength));
  }

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

  root(record: FreshRecord): Address {
    const root = writeRoot(this.#writer, new Uint8Array(0), record);
    this.#sendWritten(root.id, root.address);
    return root.address;
  }

  rootOver(top: FreshChild, lie: Partial<FreshChild> = {}): Address {
    const child = mapOf({ ...top, ...lie });
    return this.root(encodeRecord(NO_NAME, { shape: NO_STREAMS, streams: [], child }));
  }

  rootWith(stream: StreamPart): Address {
    const parts = { shape: SHAPES.of(['s']), streams: [stream], child: NO_CHILD };
    return this.root(encodeRecord(NO_NAME, parts));
  }

  block(kind: number, bytes: Uint8Array): Address {
    return this.#sendBlock(concatBytes([Uint8Array.of(kind, 1, SHA256), bytes]));
  }

  manifest(level: number, children: readonly { address: Address; length: number }[]): Address {
    const body = new BodyWriter();
    const listed = children.map((child) => ({ ...child, id: undefined }));
    const length = writeManifest(body, SHA256, level, listed);
    return this.#sendBlock(body.buffer.slice(0, length));
  }

  commit(root: Address, fields: Partial<Commit> = {}): Address {
    const commit = plainCommit(root, fields);
    const body = concatBytes([Uint8Array.of(0), encodeCommit(commit)]);
    this.#frames.push({ type: FrameType.commit, body });
    this.head = commitAddress(commit);
    return this.head;
  }

  pack(): Uint8Array {
    const wants = [{ branch: 'main', commit: this.head }];
    const options = { contents: true, nested: true, index: false };
    const head = encodeHeader({ bucket: BUCKET, haves: [], wants, ...options });
    return putTogether({ head, frames: this.#frames });
  }
}

function varint(number: number): Uint8Array {
  const bytes: number[] = [];
  for (let rest = number; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return Uint8Array.from([...bytes, rest]);
    bytes.push((rest % 128) | 128);
  }
}

function plainCommit(root: Address, fields: Partial<Commit>): Commit {
  const { parents = [] } = fields;
  return {
    algorithm: SHA256,
    bucket: BUCKET,
    root,
    heads: undefined,
    parents,
    maps: parents.map(() => undefined),
    mapsBefore: [],
    stamp: 1,
    actor: undefined,
    replica: new Uint8Array(16).fill(7),
    incarnation: 1,
    sequence: 1,
    timeMs: 1,
    message: '',
    ...fields,
  };
}

function mapOf({
  address,
  id,
  entries,
  buckets,
  inlineBytes,
  referencedBytes,
}: FreshChild): ChildPart {
  const totals = { entries, buckets, inlineBytes, referencedBytes };
  return { form: CHILD_MAP, totals, address, id };
}

function inline(bytes: Uint8Array): StreamPart {
  return inlinePart(bytes);
}

function record(name: string, size = 30): FreshRecord {
  const streams = [inline(noise(size, size))];
  return encodeRecord(utf8Bytes(name), { shape: SHAPES.of(['s']), streams, child: NO_CHILD });
}

function records(letter: string, count = 60): FreshRecord[] {
  return Array.from({ length: count }, (_, i) => record(`${letter}${String(i).padStart(3, '0')}`));
}

type Build = (forge: Forge) => void;

/** Whether the pack that `build` makes is accepted: 'accepted', or what it is refused with. */
async function outcome(build: Build): Promise<string> {
  const forge = await Forge.make();
  build(forge);
  const to = bare();
  try {
    await importInto(to, forge.pack());
    return 'accepted';
  } catch (error) {
    if (!isRegaliaError(error)) throw error;
    if (visibleRows(to.engine).length > 0) return 'visible';
    return `${error.code}: ${error.message}`;
  }
}

const twoLevels =
  (lie: Partial<FreshChild>): Build =>
  (forge) => {
    const children = [forge.leaf(records('a')), { ...forge.leaf(records('b')), ...lie }];
    forge.commit(forge.rootOver(forge.inner(1, children)));
  };

function named(name: string): Partial<FreshChild> {
  const bytes = utf8Bytes(name);
  return { bytes, nameStart: 0, nameEnd: bytes.length };
}

t.test('trees made by hand that do not lie are accepted', async (t) => {
  t.equal(await outcome(twoLevels({})), 'accepted');
});

t.test('what an inner node says of a child must be so', async (t) => {
  t.match(await outcome(twoLevels({ entries: 61 })), /sums of its records/);
  t.match(await outcome(twoLevels({ inlineBytes: 1 })), /sums of its records/);
  t.match(await outcome(twoLevels({ buckets: 1 })), /sums of its records/);
  t.match(await outcome(twoLevels(named('b100'))), /last name/);
  t.match(await outcome(twoLevels({ cut: 7 })), /cut of 0 or 1/);
});

t.test('children that overlap, and a child on the wrong level, are refused', async (t) => {
  const overlap: Build = (forge) => {
    const children = [forge.leaf(records('a', 50)), forge.leaf(records('a', 60))];
    forge.commit(forge.rootOver(forge.inner(1, children)));
  };
  t.match(await outcome(overlap), /names above those before/);
  const skipped: Build = (forge) => {
    const children = [forge.leaf(records('a')), forge.leaf(records('b'))];
    forge.commit(forge.rootOver(forge.inner(2, children)));
  };
  t.match(await outcome(skipped), /level 1/);
});

t.test('names in another order, twice, or that are none, are refused', async (t) => {
  const leafOf =
    (...names: string[]): Build =>
    (forge) => {
      const many = [...names.map((name) => record(name)), ...records('z')];
      forge.commit(forge.rootOver(forge.leaf(many)));
    };
  t.equal(await outcome(leafOf('a', 'b')), 'accepted');
  t.match(await outcome(leafOf('b', 'a')), /ascending/);
  t.match(await outcome(leafOf('a', 'a')), /ascending/);
  t.match(await outcome(leafOf('..', 'a')), /a name that is '.' or '..'/);
  t.match(await outcome(leafOf('a', 'b/c')), /NUL/);
  t.match(await outcome(leafOf('a', 'b\0c')), /NUL/);
});

t.test('sums of a map below a root must be so', async (t) => {
  const lie: Build = (forge) => {
    forge.commit(forge.rootOver(forge.leaf(records('a')), { entries: 9_999 }));
  };
  t.match(await outcome(lie), /sums of its records/);
});

t.test('an entry with neither stream nor child is refused', async (t) => {
  const parts = { shape: NO_STREAMS, streams: [], child: NO_CHILD };
  const empty: Build = (forge) => {
    const many = [encodeRecord(utf8Bytes('a'), parts), ...records('z')];
    forge.commit(forge.rootOver(forge.leaf(many)));
  };
  t.match(await outcome(empty), /a stream or a child/);
});

t.test('a reference to a block of another kind or length is refused', async (t) => {
  const streamOf =
    (form: BlockPart['form'], kind: number, size: number, length: number): Build =>
    (forge) => {
      const address = forge.block(kind, noise(size));
      forge.commit(forge.rootWith({ form, length, address, id: undefined }));
    };
  t.equal(await outcome(streamOf(METADATA, BlockKind.metadata, 600, 600)), 'accepted');
  t.equal(await outcome(streamOf(REFERENCED, BlockKind.chunk, 600, 600)), 'accepted');
  t.match(await outcome(streamOf(METADATA, BlockKind.metadata, 600, 601)), /601 bytes/);
  t.match(await outcome(streamOf(REFERENCED, BlockKind.chunk, 600, 1)), /1 bytes/);
  t.match(await outcome(streamOf(METADATA, BlockKind.chunk, 600, 600)), /metadata/);
  t.match(await outcome(streamOf(REFERENCED, BlockKind.metadata, 600, 600)), /content/);
  for (const kind of [BlockKind.commit, BlockKind.sealed, 99]) {
    t.match(await outcome(streamOf(REFERENCED, kind, 600, 600)), /kind/);
  }
});

t.test('what a manifest says of its chunks must be so', async (t) => {
  const contentOf =
    (lie: number, level = 1): Build =>
    (forge) => {
      const chunks = [1, 2, 3].map((seed) => {
        return { address: forge.block(BlockKind.chunk, noise(100, seed)), length: 100 };
      });
      chunks[1] = { ...(chunks[1] as (typeof chunks)[0]), length: 100 + lie };
      const address = forge.manifest(level, chunks);
      const length = 300 + lie;
      forge.commit(forge.rootWith({ form: REFERENCED, length, address, id: undefined }));
    };
  t.equal(await outcome(contentOf(0)), 'accepted');
  t.match(await outcome(contentOf(1)), /101 bytes/);
  t.match(await outcome(contentOf(0, 2)), /level 1/);
});

t.test('what is a hole, a chunk or a content alone must be so', async (t) => {
  const content =
    (...parts: number[]): Build =>
    (forge) => {
      // Negative: a hole of so many bytes; a chunk beyond 65,535 bytes ends in zeros.
      const listed = parts.map((length, i) => {
        if (length < 0) return { address: undefined, length: -length };
        const bytes = new Uint8Array(length);
        bytes.set(noise(Math.min(length, 100), i + 1));
        return { address: forge.block(BlockKind.chunk, bytes), length };
      });
      const length = listed.reduce((sum, part) => sum + part.length, 0);
      const plain = concatBytes([
        Uint8Array.of(4, 1, SHA256, 1, listed.length),
        ...listed.map((part) =>
          part.address === undefined
            ? varint(part.length * 2 + 1)
            : concatBytes([varint(part.length * 2), part.address.subarray(1)]),
        ),
      ]);
      const address = forge.block(BlockKind.manifest, plain.subarray(3));
      forge.commit(forge.rootWith({ form: REFERENCED, length, address, id: undefined }));
    };
  for (const parts of [[100, -65_536], [-65_536, 100], [-(2 ** 50)], [100, -70_000, 100]]) {
    t.equal(await outcome(content(...parts)), 'accepted', parts.join());
  }
  t.match(await outcome(content(100)), /content/, 'a chunk alone has no manifest');
  t.match(await outcome(content(100, -65_535)), /65536/, 'a hole that is too short');
  t.match(await outcome(content(100, -65_536, -65_536)), /behind a hole/, 'two side by side');
  t.match(await outcome(content(100, 65_636)), /65536 zeros/, 'zeros in the place of a hole');
});

t.test('a bucket whose sums are not those of its root is refused', async (t) => {
  const within =
    (entries: number): Build =>
    (forge) => {
      const root = forge.rootOver(forge.leaf(records('a')));
      const totals = { entries, buckets: 0, inlineBytes: 60 * 30, referencedBytes: 0 };
      const child = { form: CHILD_BUCKET, bucket: INNER, totals, root, id: undefined } as const;
      const parts = { shape: NO_STREAMS, streams: [], child };
      const leaf = forge.leaf([encodeRecord(utf8Bytes('in'), parts), ...records('z')]);
      forge.commit(forge.rootOver(leaf));
    };
  t.equal(await outcome(within(60)), 'accepted');
  t.match(await outcome(within(61)), /sums of its root/);
});

t.test('heads must name known commits of the buckets that they stand for', async (t) => {
  const headsOf =
    (digits: string, bucket: Uint8Array, known = true): Build =>
    (forge) => {
      const root = forge.rootOver(forge.leaf(records('a')));
      const inner = known
        ? forge.commit(root, { bucket })
        : commitAddress(plainCommit(root, { bucket }));
      const parts = { shape: SHAPES.of(['commit']), streams: [inline(inner)], child: NO_CHILD };
      const many = [encodeRecord(utf8Bytes(digits), parts)];
      for (let i = 0; i < 20; i++) many.push(encodeRecord(utf8Bytes(`${digits}${i + 10}`), parts));
      const heads = forge.rootOver(forge.leaf(digits.length > 32 ? many : many.slice(0, 1)));
      forge.commit(root, { heads });
    };
  t.equal(await outcome(headsOf(hex(INNER), INNER)), 'accepted');
  t.match(await outcome(headsOf(hex(INNER), BUCKET)), /a commit of bucket/);
  t.match(await outcome(headsOf(hex(INNER), INNER, false)), /before the heads/);
  t.match(await outcome(headsOf('not a bucket', INNER)), /heads|bucket/);
});

t.test('a frame of a type that is unknown ends the transfer', async (t) => {
  const forge = await Forge.make();
  forge.commit(forge.rootOver(forge.leaf(records('a'))));
  const packed = forge.pack();
  const stray = encodeFrame(9 as FrameType, noise(10));
  await t.rejects(importInto(bare(), concatBytes([packed.subarray(0, -71), stray])), {
    code: 'REGALIA_PACK',
    message: /a known type/,
  });
});
