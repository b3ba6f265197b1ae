/**
 * Contents that many volumes keep at once, and frames that others wrote: what is acknowledged is
 * read back, and nothing is an assertion of ours.
 */
import path from 'node:path';
import zlib from 'node:zlib';
import t from 'tap';
import { Regalia } from '../../src/index.js';
import { checkFrame, compressFrame } from '../../src/volumes/zstd.js';
import { noise } from '../store/setup.js';
import { cameTo } from './lab.js';

t.test('volumes that begin segments at the same time each get a number', async (t) => {
  const folder = t.testdir();
  const store = await Regalia.open(path.join(folder, 'store'), {
    default: { redundancy: { kind: 'mirrored', copies: 3 } },
  });
  await store.addVolume(path.join(folder, 'second'));
  await store.addVolume(path.join(folder, 'third'));
  for (let round = 0; round < 70; round++) {
    const outcome = await cameTo(async () => {
      await store.transact((tx) => tx.write('/c', 'content', noise(3_000, round + 1)));
      await store.gc({ graceMs: 0, deadShare: 0.1 });
    });
    if (outcome !== 'done') t.fail(`round ${round}: ${outcome}`);
  }
  await store.close();
});

/** What some runtimes write: a frame that does not say how long its content is. */
function unsizedFrame(plain: Uint8Array): Uint8Array {
  const header = [0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x50];
  const block = 1 + (plain.length << 3);
  return Uint8Array.from([...header, block & 0xff, (block >> 8) & 0xff, block >> 16, ...plain]);
}

t.test('a frame that no reader of ours takes is not written, whoever made it', async (t) => {
  const runtime = zlib as { zstdCompressSync?: unknown };
  const { zstdCompressSync } = runtime;
  runtime.zstdCompressSync = (plain: Uint8Array) => Buffer.from(unsizedFrame(plain));
  const plain = new Uint8Array(20_000).fill(7);
  const frame = compressFrame(plain, 3, 30_000, true);
  runtime.zstdCompressSync = zstdCompressSync;
  t.ok(frame !== undefined && frame.length < 1_000);
  t.doesNotThrow(() => checkFrame(frame as Uint8Array, plain.length));
});
