/**
 * Packs that lie. Each is right in all but one thing: checksums, counts and chain are made anew
 * around the lie, so that only the check in question can find it. Nothing of such a pack becomes
 * visible, and nothing is left waiting.
 */

import { brotliCompressSync, brotliDecompressSync } from 'node:zlib';
import fc from 'fast-check';
import t from 'tap';
import type { Address } from '../../src/blocks/address.js';
import { BlockKind, SHA256 } from '../../src/ground/block-header.js';
import { concatBytes } from '../../src/ground/bytes.js';
import { isRegaliaError } from '../../src/ground/errors.js';
import { ByteReader } from '../../src/ground/reader.js';
import { ByteWriter } from '../../src/ground/writer.js';
import { type Commit, commitAddress, decodeCommit, encodeCommit } from '../../src/log/commit.js';
import { encodeHeader, FrameType, PREAMBLE_LENGTH } from '../../src/sync/pack-format.js';
import { runs } from '../runs.js';
import { bytes, noise } from '../store/setup.js';
import {
  type Bare,
  bare,
  blocksIn,
  bucketOf,
  headOf,
  importInto,
  importRows,
  type Parts,
  pack,
  putTogether,
  seededStore,
  takeApart,
  visibleRows,
} from './setup.js';

type Test = typeof t;
type FrameParts = Parts['frames'][number];

async function smallStore(signed = true) {
  const store = await seededStore(1, signed);
  await store.transact((tx) => {
    for (let i = 0; i < 60; i++) tx.put(`/d/f${i}`, 's', noise(100, i + 1));
    tx.createBucket('/in');
    tx.put('/in/x', 's', bytes('x'));
  });
  const tx = store.begin();
  await tx.write('/large', 'content', [noise(70_000, 5)]);
  await tx.commit();
  return store;
}

/** The pack's frames, each block in a frame of its own, nothing compressed. */
async function honest(signed = true): Promise<Parts> {
  const { head, frames } = takeApart(await pack({ store: await smallStore(signed), index: false }));
  const single: FrameParts[] = [];
  for (const frame of frames) {
    if (frame.type !== FrameType.blocks) single.push(frame);
    else for (const block of blocksIn(unpacked(frame.body))) single.push(blockFrame(block));
  }
  return { head, frames: single };
}

function unpacked(body: Uint8Array): Uint8Array {
  if (body[0] === 0) return body;
  const reader = new ByteReader(body, 'frame', 1);
  const length = reader.varint();
  const plain = brotliDecompressSync(reader.bytes(reader.remaining));
  return new ByteWriter(plain.length + 8).u8(0).varint(length).bytes(plain).finish();
}

function blockFrame(...blocks: Uint8Array[]): FrameParts {
  const inner = new ByteWriter();
  for (const block of blocks) inner.lengthed(block);
  const body = new ByteWriter().u8(0).varint(inner.length).bytes(inner.view()).finish();
  return { type: FrameType.blocks, body };
}

/** The commit in a frame, and the frame with another in its place. */
function commitIn({ body }: FrameParts): { commit: Commit; before: Uint8Array } {
  const skipped = 1 + ((body[0] as number) & 1 ? 64 : 0);
  return { commit: decodeCommit(body.subarray(skipped)), before: body.slice(0, skipped) };
}

/** Without its signature, as whoever alters it must. */
function commitFrame(commit: Commit): FrameParts {
  return { type: FrameType.commit, body: concatBytes([Uint8Array.of(0), encodeCommit(commit)]) };
}

/** Takes in what must be refused, and sees that it left nothing. */
async function refused(
  t: Pick<Test, 'fail' | 'equal' | 'match' | 'strictSame'>,
  parts: Parts | Uint8Array,
  code: string,
  pattern: RegExp,
  to: Bare = bare(),
  options = {},
): Promise<void> {
  const before = visibleRows(to.engine);
  const packed = parts instanceof Uint8Array ? parts : putTogether(parts);
  try {
    await importInto(to, packed, options);
    t.fail(`taken in, although ${pattern}`);
  } catch (error) {
    if (!isRegaliaError(error)) throw error;
    t.equal(error.code, code, error.message);
    t.match(error.message, pattern);
  }
  t.strictSame(visibleRows(to.engine), before);
  t.equal(importRows(to.engine), 0);
}

function indexesOf({ frames }: Parts, kind: number): number[] {
  const found: number[] = [];
  for (const [i, { type, body }] of frames.entries()) {
    if (type === FrameType.blocks && blocksIn(body)[0]?.[0] === kind) found.push(i);
  }
  return found;
}

function commitsOf({ frames }: Parts): number[] {
  return frames.flatMap(({ type }, i) => (type === FrameType.commit ? [i] : []));
}

function without({ head, frames }: Parts, index: number): Parts {
  return { head, frames: frames.filter((_, i) => i !== index) };
}

function replaced({ head, frames }: Parts, index: number, frame: FrameParts): Parts {
  return { head, frames: frames.map((one, i) => (i === index ? frame : one)) };
}

t.test('taken apart and put together, an honest pack is honest', async (t) => {
  const result = await importInto(bare(), putTogether(await honest()));
  t.equal(result.commits, 4);
});

t.test('a pack flipped at any byte is refused, or says where to go on', async (t) => {
  const store = await seededStore();
  await store.transact((tx) => tx.put('/f', 's', bytes('x')));
  const packed = await pack({ store });
  for (let i = 0; i < packed.length; i++) {
    const flipped = packed.slice();
    flipped[i] = (flipped[i] as number) ^ (1 << (i % 8));
    const to = bare();
    try {
      await importInto(to, flipped);
      t.fail(`a flip at ${i} was not seen`);
    } catch (error) {
      if (!isRegaliaError(error)) throw error;
      const codes = ['REGALIA_PACK', 'REGALIA_VERSION'];
      if (!codes.includes(error.code)) t.fail(`${error.code} at ${i}`);
    }
    if (visibleRows(to.engine).length > 0) t.fail(`a flip at ${i} shows something`);
  }
  t.pass(`${packed.length} flips`);
});

t.test('a missing child, a block of any kind, is refused', async (t) => {
  const parts = await honest();
  for (const kind of [BlockKind.node, BlockKind.chunk, BlockKind.manifest, BlockKind.root]) {
    const [index] = indexesOf(parts, kind);
    t.not(index, undefined, `kind ${kind}`);
    await refused(
      t,
      without(parts, index as number),
      'REGALIA_PACK',
      /expected block sha256.*nothing/,
    );
  }
});

t.test('a parent before its child is refused', async (t) => {
  const parts = await honest();
  const frames = [...parts.frames];
  const [root] = indexesOf(parts, BlockKind.root);
  const [commit] = commitsOf(parts);
  const moved = frames.splice(commit as number, 1)[0] as FrameParts;
  frames.splice(root as number, 0, moved);
  await refused(t, { head: parts.head, frames }, 'REGALIA_PACK', /nothing/);
});

t.test('blocks that nothing names are refused', async (t) => {
  const parts = await honest();
  const stray = concatBytes([Uint8Array.of(BlockKind.chunk, 1, SHA256), noise(500)]);
  const frames = [blockFrame(stray), ...parts.frames];
  await refused(t, { head: parts.head, frames }, 'REGALIA_PACK', /blocks that something names/);
});

t.test('commits that nothing names, and missing ones, are refused', async (t) => {
  const parts = await honest(false);
  const commits = commitsOf(parts);
  const last = commits.at(-1) as number;
  const { commit } = commitIn(parts.frames[last] as FrameParts);
  const stray = commitFrame({ ...commit, message: 'stray', sequence: 99 });
  const frames = [...parts.frames];
  frames.splice(last, 0, stray);
  await refused(t, { head: parts.head, frames }, 'REGALIA_PACK', /commits that something names/);
  await refused(t, without(parts, last), 'REGALIA_PACK', /wants|names/);
  await refused(t, without(parts, commits[0] as number), 'REGALIA_PACK', /before its child/);
});

t.test('a commit twice, and a block twice, do no harm', async (t) => {
  const parts = await honest();
  const frames = parts.frames.flatMap((frame) => [frame, frame]);
  const result = await importInto(bare(), putTogether({ head: parts.head, frames }));
  t.equal(result.commits, 4);
});

t.test('a pack for another bucket is refused, also where its commits are', async (t) => {
  const parts = await honest();
  const bucket = noise(16);
  await refused(t, parts, 'REGALIA_PACK', /bucket/, bare(), { bucket });
  const store = await smallStore();
  const wants = [{ branch: 'main', commit: headOf(store) }];
  const lie = { haves: [], wants, contents: true, nested: true, index: false };
  const head = encodeHeader({ bucket, ...lie });
  await refused(t, { head, frames: parts.frames }, 'REGALIA_PACK', /commits of bucket/);
});

t.test('a pack that rests on commits that are not here is refused', async (t) => {
  const store = await smallStore();
  const have = headOf(store);
  await store.transact((tx) => tx.put('/more', 's', bytes('more')));
  const delta = await pack({ store, haves: [have] });
  await refused(t, delta, 'REGALIA_PACK', /on which it rests/);
});

t.test('names of branches that are none are refused', async (t) => {
  const parts = await honest();
  const commit = headOf(await smallStore());
  const bucket = bucketOf(await smallStore());
  for (const branch of ['', '../main', 'a\nb', '-f']) {
    const wants = [{ branch, commit }];
    const lie = { haves: [], contents: true, nested: true, index: false };
    const head = encodeHeader({ bucket, wants, ...lie });
    await refused(t, { head, frames: parts.frames }, 'REGALIA_PACK', /names of branches/);
  }
});

t.test('a stamp below a parent is refused', async (t) => {
  const parts = await honest(false);
  const { head } = parts;
  const last = commitsOf(parts).at(-1) as number;
  const { commit } = commitIn(parts.frames[last] as FrameParts);
  const lie = replaced({ head, frames: parts.frames }, last, commitFrame({ ...commit, stamp: 0 }));
  await refused(
    t,
    wanting(lie, commitAddress({ ...commit, stamp: 0 })),
    'REGALIA_STAMP',
    /one event on one share/,
  );
});

t.test('maps that a commit claims before it are those of its parents', async (t) => {
  const parts = await honest(false);
  const { head } = parts;
  const commits = commitsOf(parts);
  const last = commits.at(-1) as number;
  const { commit } = commitIn(parts.frames[last] as FrameParts);
  const [first] = commit.parents;
  const lies = [[commitAddress(commit)], ...(commit.mapsBefore.length > 0 ? [[]] : [[first]])];
  for (const mapsBefore of lies) {
    const lying = { ...commit, mapsBefore };
    const lie = replaced({ head, frames: parts.frames }, last, commitFrame(lying));
    await refused(t, wanting(lie, commitAddress(lying)), 'REGALIA_PACK', /nearest commits/);
  }
  const absent = { ...commit, maps: commit.parents.map(() => commitAddress(commit)) };
  const lie = replaced({ head, frames: parts.frames }, last, commitFrame(absent));
  await refused(t, wanting(lie, commitAddress(absent)), 'REGALIA_PACK', /./);
});

/** The same frames under a header that wants this commit. */
function wanting({ head, frames }: Parts, commit: Address): Parts {
  const bucket = head.slice(PREAMBLE_LENGTH + 1, PREAMBLE_LENGTH + 17);
  const lists = { haves: [], wants: [{ branch: 'main', commit }] };
  return {
    head: encodeHeader({ bucket, ...lists, contents: true, nested: true, index: false }),
    frames,
  };
}

t.test("a signature that is not the actor's is refused, and one that must be there", async (t) => {
  const parts = await honest();
  const [first] = commitsOf(parts);
  const frame = parts.frames.find(
    ({ type, body }) => type === FrameType.commit && body[0] === 1,
  ) as FrameParts;
  const index = parts.frames.indexOf(frame);
  const body = frame.body.slice();
  body[5] = (body[5] as number) ^ 1;
  await refused(t, replaced(parts, index, { ...frame, body }), 'REGALIA_SIGNATURE', /not signed/);
  const unsigned = concatBytes([Uint8Array.of(0), frame.body.subarray(65)]);
  const lie = replaced(parts, index, { type: FrameType.commit, body: unsigned });
  const options = { signatures: 'required' };
  await refused(t, lie, 'REGALIA_SIGNATURE', /not signed/, bare(), options);
  t.ok((first as number) >= 0);
});

t.test('a merge that nobody made must be the one that anybody would make', async (t) => {
  const store = await seededStore(1, false);
  const fork = await store.fork('side');
  await store.transact((tx) => tx.put('/a', 's', bytes('a')));
  await fork.transact((tx) => tx.put('/b', 's', bytes('b')));
  const ours = headOf(store);
  const theirs = headOf(store, 'side');
  const wants = [
    { branch: 'main', commit: ours },
    { branch: 'side', commit: theirs },
  ];
  const parts = takeApart(await pack({ store, wants, index: false }));
  const frames = parts.frames.slice(0, -1);
  const { commit } = commitIn(frames.at(-1) as FrameParts);
  const merge = {
    ...commit,
    stamp: 99,
    parents: [ours, theirs].sort((a, b) => Buffer.compare(a, b)),
    maps: [undefined, undefined],
    replica: new Uint8Array(16),
  };
  const lies: [Partial<Commit>, string, RegExp][] = [
    [{ parents: [...merge.parents].reverse() }, 'REGALIA_PACK', /ascending/],
    [{}, 'REGALIA_STAMP', /equal to/],
  ];
  for (const [lie, code, pattern] of lies) {
    const lying = { ...merge, ...lie };
    const all = { head: parts.head, frames: [...frames, commitFrame(lying)] };
    await refused(t, wanting(all, commitAddress(lying)), code, pattern);
  }
});

t.test('bombs are refused at the length that they declare', async (t) => {
  const parts = await honest();
  const zeros = brotliCompressSync(new Uint8Array(16 * 1024 * 1024));
  for (const length of [1_000, 1_048_000, 16 * 1024 * 1024, 2 ** 50]) {
    const body = new ByteWriter().u8(1).varint(length).bytes(zeros).finish();
    const frames = [{ type: FrameType.blocks, body }, ...parts.frames];
    await refused(t, { head: parts.head, frames }, 'REGALIA_PACK', /brotli|plain bytes/);
  }
});

t.test('hostile lengths of frames and headers are refused before they are believed', async (t) => {
  const parts = await honest();
  const huge = concatBytes([parts.head, new ByteWriter().u8(1).u32(0xffff_ffff).finish()]);
  await t.rejects(importInto(bare(), huge), { code: 'REGALIA_PACK', message: /at most/ });
  const header = parts.head.slice();
  header.fill(0xff, 9, 13);
  await t.rejects(importInto(bare(), header), { code: 'REGALIA_PACK', message: /at most/ });
  await t.rejects(importInto(bare(), noise(400)), {
    code: 'REGALIA_PACK',
    message: /a pack of Regalia/,
  });
  const later = parts.head.slice();
  later[8] = 2;
  await t.rejects(importInto(bare(), later), { code: 'REGALIA_VERSION' });
});

t.test('bytes behind the trailer are refused', async (t) => {
  const packed = putTogether(await honest());
  await refused(
    t,
    concatBytes([packed, Uint8Array.of(0)]),
    'REGALIA_PACK',
    /nothing after the trailer/,
  );
});

t.test('frames dropped, doubled or in another order never make a wrong history', async () => {
  const parts = await honest();
  const last = parts.frames.length - 2;
  await fc.assert(
    fc.asyncProperty(fc.nat(last), fc.nat(last), fc.nat(2), async (i, j, way) => {
      const frames = [...parts.frames];
      if (way === 0) frames.splice(i, 1);
      else if (way === 1) frames.splice(j, 0, frames[i] as FrameParts);
      else frames.splice(j, 0, ...frames.splice(i, 1));
      const to = bare();
      try {
        const { commits } = await importInto(to, putTogether({ head: parts.head, frames }));
        return commits === 4;
      } catch (error) {
        return isRegaliaError(error) && visibleRows(to.engine).length === 0;
      }
    }),
    { numRuns: runs(150) },
  );
});

t.test('blocks altered anywhere, with all sums made anew, never make a wrong history', async () => {
  const parts = await honest();
  await fc.assert(
    fc.asyncProperty(
      fc.nat(parts.frames.length - 2),
      fc.nat(5_000),
      fc.integer({ min: 1, max: 255 }),
      async (index, at, mask) => {
        const frame = parts.frames[index] as FrameParts;
        const body = frame.body.slice();
        const place = 1 + (at % (body.length - 1));
        body[place] = (body[place] as number) ^ mask;
        const to = bare();
        let packed: Uint8Array;
        try {
          packed = putTogether(replaced(parts, index, { ...frame, body }));
        } catch {
          return true;
        }
        try {
          await importInto(to, packed);
          return false;
        } catch (error) {
          return isRegaliaError(error) && visibleRows(to.engine).length === 0;
        }
      },
    ),
    { numRuns: runs(300) },
  );
});
