/**
 * A scrub finds what was damaged, says where it is, and reports nothing else; on both engines.
 */

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { addressOf, addressText, parseAddress } from '../../src/blocks/address.js';
import { BlockWriter } from '../../src/blocks/block-writer.js';
import { BodyWriter } from '../../src/blocks/body.js';
import { chunkNumber, isChunkId } from '../../src/blocks/chunk-home.js';
import { sealRow } from '../../src/blocks/rows.js';
import { hex } from '../../src/ground/bytes.js';
import { u48Bytes } from '../../src/ground/integers.js';
import { utf8Bytes } from '../../src/ground/text.js';
import { openEntry, sealEntry } from '../../src/log/entry.js';
import { logKey } from '../../src/log/history.js';
import type { Tree } from '../../src/tree/lookup.js';
import { CHILD_MAP, INLINE, METADATA, readRecord } from '../../src/tree/record.js';
import { decodeChunkRow } from '../../src/volumes/chunk-row.js';
import { RECORD_HEADER } from '../../src/volumes/segment-format.js';
import { segmentFile } from '../../src/volumes/volume-folder.js';
import {
  change,
  changeBlock,
  ENGINES,
  flipped,
  forge,
  openSample,
  rowAt,
  type Sample,
  scrub,
} from './setup.js';

interface Target {
  readonly id: number;
  readonly address: string;
}

function treeOf({ core, head }: Sample): Tree {
  return core.treeOf(head().address);
}

/** The block of a stream that is not inline. */
function blockOf(sample: Sample, key: string, stream: string): Target {
  const found = treeOf(sample).stream(key, stream);
  if (found === undefined || found.form === INLINE)
    throw new Error(`${key} ${stream} has no block`);
  return { id: found.id as number, address: addressText(found.address) };
}

/** A stream of '/wide' that left its record. */
function metadataStream(sample: Sample): string {
  for (let i = 0; i < 30; i++) {
    if (treeOf(sample).stream('/wide', `s${i}`)?.form === METADATA) return `s${i}`;
  }
  throw new Error('no stream left its record');
}

/** The top node of '/many'. */
function topOfMany(sample: Sample): Target {
  const spot = treeOf(sample).locate('/many');
  if (spot === undefined) throw new Error('no /many');
  const { child } = readRecord(spot.node, spot.index);
  if (child.form !== CHILD_MAP) throw new Error('/many is inline');
  return { id: child.id as number, address: addressText(child.address) };
}

for (const engine of ENGINES) {
  const check = (name: string, body: (sample: Sample, t: Test) => Promise<void>): void => {
    t.test(`${engine}: ${name}`, async (t) => {
      const sample = await openSample(engine);
      try {
        await body(sample, t);
      } finally {
        await sample.remove();
      }
    });
  };

  check('a sound store has no fault, and everything is counted', async ({ store }, t) => {
    const progress: number[] = [];
    const { faults, summary } = await scrub(store, { onProgress: (p) => progress.push(p.blocks) });
    t.same(faults, []);
    t.ok(summary.blocks > 40, `${summary.blocks} blocks`);
    t.ok(summary.bytes > 400_000, `${summary.bytes} bytes`);
    // The root bucket's on two branches, and those of the bucket within.
    t.ok(summary.commits >= 10, `${summary.commits} commits`);
    t.equal(progress.at(-1), summary.blocks);
  });

  for (const [key, what] of [
    ['/photos/cat.jpg', 'a manifest'],
    ['/photos/dog.jpg', 'a chunk'],
  ] as const) {
    check(`${what} with a flipped bit is found at its key`, async (sample, t) => {
      const target = blockOf(sample, key, 'content');
      await flipContent(sample, target.id);
      const { faults } = await scrub(sample.store);
      t.equal(faults.length, 1);
      const [fault] = faults;
      t.match(fault, { kind: 'corrupt', address: target.address, key, stream: 'content' });
      t.equal(fault?.repairable, false);
    });
  }

  check('a chunk whose row is lost is missed', async (sample, t) => {
    if (engine === 'memory') return;
    const { id, address } = blockOf(sample, '/photos/dog.jpg', 'content');
    await change(sample.engine, 'chunks', chunkNumber(id), () => undefined);
    const { faults } = await scrub(sample.store);
    const found = faults.filter((fault) => fault.key === '/photos/dog.jpg');
    t.match(found, [{ kind: 'missing', address, stream: 'content' }]);
    const unread = await scrub(sample.store, { chunks: false });
    t.match(
      unread.faults.filter((fault) => fault.key === '/photos/dog.jpg'),
      [{ kind: 'missing', address, stream: 'content' }],
    );
  });

  check('chunks that are not to be read are not, and are known of', async (sample, t) => {
    const sound = await scrub(sample.store, { chunks: false });
    t.same(sound.faults, []);
    if (engine === 'memory') return;
    t.ok(sound.summary.bytes < 200_000, `${sound.summary.bytes} bytes`);
    await flipContent(sample, blockOf(sample, '/photos/dog.jpg', 'content').id);
    t.same((await scrub(sample.store, { chunks: false })).faults, []);
    t.equal((await scrub(sample.store)).faults.length, 1);
  });

  check('a metadata block with a flipped bit is found', async (sample, t) => {
    const { store, engine } = sample;
    const stream = metadataStream(sample);
    const target = blockOf(sample, '/wide', stream);
    await changeBlock(engine, target.id, (stored) => stored.set(flipped(stored, -1)));
    const { faults } = await scrub(store);
    t.equal(faults.length, 1);
    t.match(faults[0], { kind: 'corrupt', address: target.address, key: '/wide', stream });
  });

  check('a node with a flipped bit is found', async (sample, t) => {
    const { store, engine } = sample;
    const target = topOfMany(sample);
    // A byte that the digest covers: those behind are links where it is stored whole.
    await changeBlock(engine, target.id, (stored) => stored.set(flipped(stored, 12)));
    const { faults } = await scrub(store);
    t.equal(faults.length, 1);
    t.match(faults[0], { kind: 'corrupt', address: target.address, key: '/many' });
  });

  check('an extent that is lost is missed', async (sample, t) => {
    const { store, engine } = sample;
    const { id, address } = blockOf(sample, '/wide', metadataStream(sample));
    await change(engine, 'extents', Math.floor(id / 4096), () => undefined);
    const { faults } = await scrub(store);
    // Blocks elsewhere that are patches on what is lost can't be made any more.
    t.ok(faults.every(({ kind }) => kind === 'missing' || kind === 'corrupt'));
    t.ok(faults.some((fault) => fault.address === address && fault.key === '/wide'));
    t.equal(faults.filter(({ row }) => row === `extents ${Math.floor(id / 4096)}`).length, 1);
  });

  check('a wrong link is found, and can be mended', async (sample, t) => {
    const { store, engine } = sample;
    const target = blockOf(sample, '/photos/cat.jpg', 'content');
    const other = blockOf(sample, '/photos/dog.jpg', 'content');
    // The last link of the manifest is that of its last chunk.
    await changeBlock(engine, target.id, (stored) =>
      stored.set(u48Bytes(other.id), stored.length - 6),
    );
    const { faults } = await scrub(store);
    t.equal(faults.length, 1);
    t.match(faults[0], { kind: 'link', address: target.address, key: '/photos/cat.jpg' });
    t.equal(faults[0]?.repairable, true);
  });

  check('addresses that the index lost are found', async (sample, t) => {
    const { store, engine } = sample;
    const { id, address } = blockOf(sample, '/wide', metadataStream(sample));
    await change(engine, 'addressLog', Math.floor(id / 4096), () => undefined);
    const { faults } = await scrub(store);
    t.ok(faults.every(({ kind, repairable }) => kind === 'index' && repairable));
    t.ok(faults.some((fault) => fault.address === address));
  });

  check('an index row of blocks that are not there is found', async (sample, t) => {
    const { store, engine } = sample;
    const key = utf8Bytes('12345678');
    await engine.write((batch) => batch.put('addresses', key, u48Bytes(2 ** 40)), 'none');
    const { faults } = await scrub(store);
    t.equal(faults.length, 1);
    t.match(faults[0], { kind: 'index', row: `addresses ${hex(key)}` });
  });

  check('a row that the log lost is found, and its commit is read', async (sample, t) => {
    const { store, engine } = sample;
    const sound = await scrub(store);
    const key = logKey(sample.core.identity.store, 3);
    await change(engine, 'log', key, () => undefined);
    const { faults, summary } = await scrub(store);
    t.equal(faults.length, 1);
    t.match(faults[0], { kind: 'row', row: `log ${hex(key)}`, repairable: true });
    t.equal(summary.commits, sound.summary.commits);
    t.equal(summary.blocks, sound.summary.blocks);
  });

  check('bounds of a log that are lost are found', async (sample, t) => {
    const { store, engine } = sample;
    const bucket = sample.core.identity.store;
    await change(engine, 'log', bucket, (row) => flipped(row, -1));
    const { faults } = await scrub(store);
    t.equal(faults.length, 1);
    t.match(faults[0], { kind: 'row', row: `log ${hex(bucket)}` });
  });

  check("a commit's row with a flipped bit is found alone", async (sample, t) => {
    const { store, engine } = sample;
    const commits = [...store.log()];
    const address = commits[4]?.commit ?? '';
    await change(engine, 'commits', parseAddress(address), (row) => flipped(row, -3));
    const { faults } = await scrub(store);
    t.equal(faults.length, 1);
    t.match(faults[0], { kind: 'corrupt', address, commit: address });
  });

  check("a commit's row that is lost is found alone", async (sample, t) => {
    const { store, engine } = sample;
    const { address } = sample.head();
    await change(engine, 'commits', address, () => undefined);
    const { faults } = await scrub(store);
    t.match(faults, [{ kind: 'missing', address: addressText(address) }]);
    t.equal(faults.length, 1);
  });

  for (const index of [0, 1, -1]) {
    check(`row ${index} of the heads, damaged, is found`, async (sample, t) => {
      const { store, engine } = sample;
      const key = rowAt(engine, 'heads', index);
      await change(engine, 'heads', key, (row) => flipped(row, 6));
      const { faults } = await scrub(store);
      t.equal(faults.length, 1);
      t.match(faults[0], { kind: 'row', row: `heads ${hex(key)}` });
    });
  }

  check('a tag that is lost is missed', async (sample, t) => {
    const { store, engine } = sample;
    const tag = [...engine.range('heads')].find(({ key }) => key[16] === 0x74);
    await change(engine, 'heads', tag?.key ?? new Uint8Array(1), () => undefined);
    const { faults } = await scrub(store);
    t.equal(faults.length, 1);
    t.match(faults[0], { kind: 'row', what: /expected a row of/ });
  });

  for (const byte of [0, 5, 7]) {
    check(`byte ${byte} of a prefix in the index, flipped, is found`, async (sample, t) => {
      const { id, address } = blockOf(sample, '/wide', metadataStream(sample));
      const at = (id % 4096) * 8 + byte;
      await change(sample.engine, 'addressLog', Math.floor(id / 4096), (row) => flipped(row, at));
      const { faults } = await scrub(sample.store);
      t.ok(faults.length > 0 && faults.every(({ kind }) => kind === 'index'));
      t.equal(faults[0]?.address, address);
    });
  }

  for (const name of ['store', 'extents', 'sequences']) {
    check(`a store without its row ${name} is found`, async ({ store, engine }, t) => {
      await change(engine, 'meta', utf8Bytes(name), () => undefined);
      t.match((await scrub(store)).faults, [{ kind: 'row', row: `meta ${name}` }]);
    });
  }

  check('a damaged identity is found', async (sample, t) => {
    const { store, engine } = sample;
    await change(engine, 'meta', utf8Bytes('store'), (row) => flipped(row, 20));
    const { faults } = await scrub(store);
    t.equal(faults.length, 1);
    t.match(faults[0], { kind: 'row', row: 'meta store' });
  });

  check('extent numbers that could be given out again are found', async (sample, t) => {
    const { store, engine } = sample;
    const key = utf8Bytes('extents');
    await change(engine, 'meta', key, () => sealRow('meta', key, u48Bytes(1)));
    const { faults } = await scrub(store);
    t.match(faults, [{ kind: 'row', row: 'meta extents' }]);
  });

  check('a stamp that is not above its parents is found', async (sample, t) => {
    const address = await forge(sample, (head) => ({ ...head.commit, stamp: 0 }));
    const { faults } = await scrub(sample.store);
    t.match(faults, [{ kind: 'stamp', address }]);
    t.equal(faults.length, 1);
  });

  check('a signature that is not the actor’s is found', async (sample, t) => {
    const { store, engine } = sample;
    const { address } = sample.head();
    await change(engine, 'commits', address, (row) => {
      const { entry, deltas, body } = openEntry(address, row);
      const signature = flipped(entry.signature ?? new Uint8Array(64), 5);
      return sealEntry({ ...entry, signature }, deltas, body);
    });
    const { faults } = await scrub(store);
    t.match(faults, [{ kind: 'signature', address: addressText(address) }]);
    t.equal(faults.length, 1);
  });

  check('a block that is hashed right and built wrong is found', async (sample, t) => {
    const { store } = sample;
    const root = treeOf(sample).root;
    const plain = root.node.bytes.slice(0, root.node.plainEnd);
    // The last byte of the last digest: a child map that is not here.
    const wrong = Uint8Array.of(...plain.subarray(0, 3), 0, ...plain.subarray(plain.length - 40));
    const block = await putBlock(sample, wrong);
    await forge(sample, (head) => ({ ...head.commit, root: block.address }), block.id);
    const { faults } = await scrub(store);
    t.equal(faults.length, 1);
    t.match(faults[0], { kind: 'structure', address: addressText(block.address), key: '/' });
  });

  check('a scrub ends when it is aborted', async ({ store }, t) => {
    const controller = new AbortController();
    const onProgress = (): void => controller.abort();
    await t.rejects(scrub(store, { signal: controller.signal, onProgress }), {
      code: 'REGALIA_ABORTED',
    });
  });

  check('commits land while a scrub goes on', async ({ store }, t) => {
    let landed = 0;
    const committing = (async () => {
      for (let i = 0; i < 20; i++) {
        await store.transact((tx) => tx.put(`/live/${i}`, 'note', utf8Bytes(`${i}`)));
        landed++;
      }
    })();
    const { faults } = await scrub(store);
    await committing;
    t.same(faults, []);
    t.equal(landed, 20);
    t.same((await scrub(store)).faults, []);
  });
}

/** Flips a bit of a content's block: of a chunk's only copy where it is on a volume. */
async function flipContent({ engine, core }: Sample, id: number): Promise<void> {
  if (!isChunkId(id)) {
    await changeBlock(engine, id, (stored) => stored.set(flipped(stored, 60)));
    return;
  }
  const [volume] = core.chunks?.volumes.list() ?? [];
  const number = chunkNumber(id);
  const [copy] = decodeChunkRow(number, engine.get('chunks', number) ?? new Uint8Array(0)).copies;
  if (volume === undefined || copy === undefined) throw new Error('the chunk has no copy');
  const file = join(volume.path, segmentFile(copy.segment));
  writeFileSync(file, flipped(readFileSync(file), copy.offset + RECORD_HEADER + 60));
}

/** Stores any bytes as a block. */
async function putBlock({ core, engine }: Sample, plain: Uint8Array) {
  const writer = new BlockWriter(core.blocks);
  await core.blocks.reserve(1);
  const body = new BodyWriter();
  body.bytes(plain);
  const address = addressOf(1, plain);
  const id = writer.put(body, plain.length, address);
  await engine.write((batch) => writer.emit(batch), 'none');
  writer.published();
  return { address, id };
}
