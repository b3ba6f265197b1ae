/**
 * Staged blocks: they are read before they are written, count once they are published, and are not
 * lost where a write failed that others have begun to build on.
 */
import t from 'tap';
import { type Address, addressOf } from '../../src/blocks/address.js';
import { BlockWriter } from '../../src/blocks/block-writer.js';
import { Blocks } from '../../src/blocks/blocks.js';
import { BodyWriter, type Chain } from '../../src/blocks/body.js';
import { extentOf } from '../../src/blocks/extent.js';
import type { Engine } from '../../src/engine/engine.js';
import { openMemory } from '../../src/engine/memory.js';
import { BlockKind, SHA256, writeBlockHeader } from '../../src/ground/block-header.js';
import { equalBytes } from '../../src/ground/bytes.js';
import { PATCH_DEPTH_MAX } from '../../src/ground/limits.js';
import { noise } from '../volumes/frames.js';

interface Put {
  readonly id: number;
  readonly address: Address;
  readonly block: Uint8Array;
  readonly chain: Chain;
}

function put(writer: BlockWriter, contents: Uint8Array, base?: Put): Put {
  const body = new BodyWriter();
  body.reset(base?.block);
  writeBlockHeader(body, BlockKind.node, SHA256);
  if (base !== undefined) body.keep(3, base.block.length);
  body.bytes(contents);
  const block = body.finish();
  const address = addressOf(SHA256, block);
  const id = writer.put(body, body.length, address, base && { id: base.id, chain: base.chain });
  return { id, address, block, chain: writer.chain };
}

function read(blocks: Blocks, { id, address }: Put): Uint8Array {
  const { bytes, start, plainLength } = blocks.read(id, address, 'node');
  return bytes.slice(start, start + plainLength);
}

async function begin(): Promise<{ engine: Engine; blocks: Blocks }> {
  const engine = openMemory();
  const blocks = new Blocks(engine);
  await blocks.reserve(64);
  return { engine, blocks };
}

const LONG = new Uint8Array(500).fill(7);

t.test('beyond the longest chain a patch stands on its bottom, while that pays', async (t) => {
  const { engine, blocks } = await begin();
  const writer = new BlockWriter(blocks);
  const all = [put(writer, noise(2_000))];
  // Each keeps all of the one before it, and has 100 bytes more.
  for (let i = 1; i <= 40; i++) all.push(put(writer, noise(100, i), all[i - 1]));
  const depths = all.map(({ chain }) => chain.depth);
  const longest = Math.max(...depths);
  t.ok(longest <= PATCH_DEPTH_MAX);
  const [bottom, next] = [all[0] as Put, all[longest + 1] as Put];
  t.same(next.chain, { depth: 1, whole: bottom.id }, 'on what the first one stood on');
  const wholes = all.filter(({ chain }) => chain.depth === 0);
  t.ok(wholes.length > 1, 'once half of it is new, it is stored whole');
  for (const one of wholes) t.equal(one.chain.whole, one.id);
  for (const one of all) t.same(read(blocks, one), one.block);
  await engine.write((batch) => writer.emit(batch), 'sync');
  writer.published();
  for (const one of all) {
    t.same(read(new Blocks(engine), one), one.block);
    t.same(blocks.read(one.id, one.address, 'node').chain, one.chain);
  }
});

t.test('where the bottom of a chain is lost, what comes next is stored whole', async (t) => {
  const { engine, blocks } = await begin();
  const first = new BlockWriter(blocks);
  const bottom = put(first, noise(2_000));
  await engine.write((batch) => first.emit(batch), 'sync');
  first.published();
  const writer = new BlockWriter(blocks);
  let last = bottom;
  do last = put(writer, Uint8Array.of(1, 2, 3), last);
  while (blocks.read(last.id, last.address, 'node').chain.depth < 9);
  await engine.write((batch) => batch.del('extents', extentOf(bottom.id)), 'sync');
  const next = put(writer, Uint8Array.of(4), last);
  t.equal(next.chain.depth, 0);
  t.same(read(blocks, next), next.block);
});

t.test('a staged block is read at once, and by others once it is published', async (t) => {
  const { engine, blocks } = await begin();
  const writer = new BlockWriter(blocks);
  const first = put(writer, LONG);
  const second = put(writer, Uint8Array.of(1), first);
  t.equal(second.chain.depth, 1, 'a block that is mostly another one is a patch on it');
  t.same(read(blocks, second), second.block);
  t.throws(() => read(new Blocks(engine), first), { code: 'REGALIA_MISSING' });
  await engine.write((batch) => writer.emit(batch), 'sync');
  writer.published();
  for (const one of [blocks, new Blocks(engine)]) t.same(read(one, second), second.block);
  t.equal(blocks.pending.length, 0);
});

t.test(
  'what failed to be written goes with the next write, and patches on it are sound',
  async (t) => {
    const { engine, blocks } = await begin();
    const writer = new BlockWriter(blocks);
    const first = put(writer, LONG);
    const next = new BlockWriter(blocks);
    const second = put(next, Uint8Array.of(1), first);
    const failed = engine.write((batch) => {
      writer.emit(batch);
      throw new Error('a write that fails');
    }, 'sync');
    await t.rejects(failed, /a write that fails/);
    writer.failed();
    t.equal(blocks.pending.length, 1);
    t.ok(blocks.pendingBytes > 500);
    t.same(read(blocks, first), first.block, 'it is still read');
    await engine.write((batch) => next.emit(batch), 'sync');
    next.published();
    t.equal(blocks.pending.length, 0);
    t.equal(blocks.pendingBytes, 0);
    const again = new Blocks(engine);
    t.same(read(again, first), first.block);
    t.same(read(again, second), second.block);
  },
);

t.test('what is discarded is nowhere', async (t) => {
  const { engine, blocks } = await begin();
  const writer = new BlockWriter(blocks);
  const first = put(writer, LONG);
  writer.discard();
  t.throws(() => read(blocks, first), { code: 'REGALIA_MISSING' });
  await engine.write((batch) => writer.emit(batch), 'sync');
  t.equal(engine.count('extents'), 0);
});

t.test('full extents are written before a transaction ends, and stay readable', async (t) => {
  const { engine, blocks } = await begin();
  const writer = new BlockWriter(blocks);
  const all: Put[] = [];
  while (!writer.heavy) {
    if (blocks.available < 8) await blocks.reserve(64);
    all.push(put(writer, new Uint8Array(50_000).fill(all.length)));
  }
  await writer.spill();
  await writer.drain();
  t.ok(engine.count('extents') > 50, `${engine.count('extents')} extents`);
  t.notOk(writer.heavy);
  t.ok(all.every((one) => equalBytes(read(blocks, one), one.block)));
  await engine.write((batch) => writer.emit(batch), 'sync');
  writer.published();
  const again = new Blocks(engine);
  t.ok(all.every((one) => equalBytes(read(again, one), one.block)));
});

t.test('spilled extents that could not be written are staged again', async (t) => {
  const { engine, blocks } = await begin();
  const writer = new BlockWriter(blocks);
  const all: Put[] = [];
  while (!writer.heavy) {
    if (blocks.available < 8) await blocks.reserve(64);
    all.push(put(writer, new Uint8Array(50_000).fill(all.length)));
  }
  const { write } = engine;
  engine.write = () => Promise.reject(new Error('a write that fails'));
  await writer.spill();
  await t.rejects(writer.drain(), /a write that fails/, 'the failure is reported once');
  await writer.drain();
  engine.write = write;
  await engine.write((batch) => writer.emit(batch), 'sync');
  writer.published();
  const again = new Blocks(engine);
  t.ok(all.every((one) => equalBytes(read(again, one), one.block)));
});
