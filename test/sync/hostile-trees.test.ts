/**
 * Trees that lie, in packs that are right otherwise: what a node says of its children, a record of
 * its map, a manifest of its chunks, heads of their commits. Blocks are made by hand and addressed
 * as they are, so only the check of what they say of each other can find the lie.
 */

import t from 'tap';
import { BlockKind, SHA256 } from '../../src/ground/block-header.js';
import { concatBytes, hex } from '../../src/ground/bytes.js';
import { isRegaliaError } from '../../src/ground/errors.js';
import { ByteWriter } from '../../src/ground/writer.js';
import { commitAddress } from '../../src/log/commit.js';
import { encodeFrame, type FrameType } from '../../src/sync/pack-format.js';
import type { FreshChild } from '../../src/tree/items.js';
import { type BlockPart, inlinePart, METADATA, REFERENCED } from '../../src/tree/record.js';
import {
  bucketEntry,
  entry,
  Forger,
  NO_RULES,
  NOWHERE,
  named,
  plain,
  plains,
} from '../attack/forger.js';
import { noise } from '../store/setup.js';
import { bare, importInto, visibleRows } from './setup.js';

const INNER = new Uint8Array(16).fill(0x1c);

type Build = (forge: Forger) => void;

/** Whether the pack that `build` makes is accepted: 'accepted', or what it is refused with. */
async function outcome(build: Build): Promise<string> {
  const forge = await Forger.make();
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
    const children = [forge.leaf(plains('a')), { ...forge.leaf(plains('b')), ...lie }];
    forge.commit(forge.rootOver(forge.inner(1, children)).address);
  };

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
    const children = [forge.leaf(plains('a', 50)), forge.leaf(plains('a', 60))];
    forge.commit(forge.rootOver(forge.inner(1, children)).address);
  };
  t.match(await outcome(overlap), /names above those before/);
  const skipped: Build = (forge) => {
    const children = [forge.leaf(plains('a')), forge.leaf(plains('b'))];
    forge.commit(forge.rootOver(forge.inner(2, children)).address);
  };
  t.match(await outcome(skipped), /level 1/);
});

t.test('names in another order, twice, or that are none, are refused', async (t) => {
  const leafOf =
    (...names: string[]): Build =>
    (forge) => {
      const many = [...names.map((name) => plain(name)), ...plains('z')];
      forge.commit(forge.rootOver(forge.leaf(many)).address);
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
    forge.commit(forge.rootOver(forge.leaf(plains('a')), { entries: 9_999 }).address);
  };
  t.match(await outcome(lie), /sums of its records/);
});

t.test('an entry with neither stream nor child is refused', async (t) => {
  const empty: Build = (forge) => {
    const many = [entry('a', {}), ...plains('z')];
    forge.commit(forge.rootOver(forge.leaf(many)).address);
  };
  t.match(await outcome(empty), /a stream or a child/);
});

t.test('a reference to a block of another kind or length is refused', async (t) => {
  const streamOf =
    (form: BlockPart['form'], kind: number, size: number, length: number): Build =>
    (forge) => {
      const address = forge.block(kind, noise(size));
      forge.commit(forge.rootWith({ form, length, address, id: undefined }).address);
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
      forge.commit(forge.rootWith({ form: REFERENCED, length, address, id: undefined }).address);
    };
  t.equal(await outcome(contentOf(0)), 'accepted');
  t.match(await outcome(contentOf(1)), /101 bytes/);
  t.match(await outcome(contentOf(0, 2)), /level 1/);
});

function varint(number: number): Uint8Array {
  return new ByteWriter(16).varint(number).finish();
}

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
      forge.commit(forge.rootWith({ form: REFERENCED, length, address, id: undefined }).address);
    };
  for (const parts of [[100, -65_536], [-65_536, 100], [-(2 ** 50)], [100, -70_000, 100]]) {
    t.equal(await outcome(content(...parts)), 'accepted', parts.join());
  }
  t.match(await outcome(content(100)), /content/, 'a chunk alone has no manifest');
  t.match(await outcome(content(100, -65_535)), /65536/, 'a hole that is too short');
  t.match(await outcome(content(100, -65_536, -65_536)), /behind a hole/, 'two side by side');
  t.match(await outcome(content(100, 65_636)), /65536 zeros/, 'zeros in the place of a hole');
});

/** A first commit of the bucket within. */
function commitIn(forge: Forger, root: Uint8Array): Uint8Array {
  return forge.commit(root, { bucket: INNER });
}

t.test('a bucket whose sums are not those of its root is refused', async (t) => {
  const within =
    (entries: number): Build =>
    (forge) => {
      const root = forge.rootOver(forge.leaf(plains('a')));
      const leaf = forge.leaf([bucketEntry('in', INNER, root, { entries }), ...plains('z')]);
      const heads = forge.heads([{ bucket: INNER, commit: commitIn(forge, root.address) }]);
      forge.commit(forge.rootOver(leaf).address, { heads });
    };
  t.equal(await outcome(within(60)), 'accepted');
  t.match(await outcome(within(61)), /sums of its root/);
});

t.test('heads must name known commits of the buckets that they stand for', async (t) => {
  const headsOf =
    (digits: string, bucket: Uint8Array, known = true): Build =>
    (forge) => {
      const within = forge.rootOver(forge.leaf(plains('a')));
      const top = forge.leaf([bucketEntry('in', INNER, within), ...plains('z')]);
      const root = within.address;
      const inner = known
        ? forge.commit(root, { bucket })
        : commitAddress(forge.commitOf(root, { bucket }));
      const streams = { commit: inlinePart(inner) };
      const many = [entry(digits, streams)];
      for (let i = 0; i < 20; i++) many.push(entry(`${digits}${i + 10}`, streams));
      const some = digits.length > 32 ? many : many.slice(0, 1);
      const heads = forge.rootOver(forge.leaf(some), {}, NO_RULES).address;
      forge.commit(forge.rootOver(top).address, { heads });
    };
  t.equal(await outcome(headsOf(hex(INNER), INNER)), 'accepted');
  t.match(await outcome(headsOf(hex(INNER), NOWHERE.bucket)), /a commit of bucket/);
  t.match(await outcome(headsOf(hex(INNER), INNER, false)), /before the heads/);
  t.match(await outcome(headsOf('not a bucket', INNER)), /heads|bucket/);
});

t.test('a frame of a type that is unknown ends the transfer', async (t) => {
  const forge = await Forger.make();
  forge.commit(forge.rootOver(forge.leaf(plains('a'))).address);
  const packed = forge.pack();
  const stray = encodeFrame(9 as FrameType, noise(10));
  await t.rejects(importInto(bare(), concatBytes([packed.subarray(0, -71), stray])), {
    code: 'REGALIA_PACK',
    message: /a known type/,
  });
});
