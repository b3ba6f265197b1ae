/**
 * Memory: a content of 256 MiB is written and read back through LMDB in a small part of its size,
 * also where whoever consumes it is slow.
 */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import t from 'tap';
import { BlockWriter } from '../../src/blocks/block-writer.js';
import { Blocks } from '../../src/blocks/blocks.js';
import type { ContentRef } from '../../src/chunks/content.js';
import { ContentStore } from '../../src/chunks/content-store.js';
import { ContentReader } from '../../src/chunks/reader.js';
import { rewriteContent } from '../../src/chunks/rewrite.js';
import { ContentWriter } from '../../src/chunks/writer.js';
import { openLmdb } from '../../src/engine/lmdb.js';
import { SHA256 } from '../../src/ground/block-header.js';
import { noise } from './setup.js';

const LENGTH = 256 * 1_048_576;
const PART = 300_007;
/**
 * Measured: 35 MiB for a content of 64 MiB, 38 for 512; most of it is what is staged between two
 * spills.
 */
const ALLOWED = 64 * 1_048_576;
/** Samples between collections of garbage, which alone make a sample exact. */
const SAMPLES = 40;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Bytes held by JavaScript, outside the engine's map. */
function held(): number {
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** One buffer, made different each time: a source that reuses its memory. */
function* parts(hash: ReturnType<typeof createHash>, watch: () => void): Generator<Uint8Array> {
  const part = noise(PART, 99);
  const counters = new DataView(part.buffer);
  for (let at = 0; at < LENGTH; at += PART) {
    for (let i = 0; i + 4 <= PART; i += 4_096) counters.setUint32(i, at + i);
    const now = part.subarray(0, Math.min(PART, LENGTH - at));
    hash.update(now);
    watch();
    yield now;
  }
}

t.test('256 MiB go in and out, and are rewritten, in bounded memory', async (t) => {
  const engine = await openLmdb(join(t.testdir(), 'store'));
  const blocks = new Blocks(engine);
  const contents = new ContentStore(blocks);
  const writer = new BlockWriter(blocks);
  collect();
  const start = held();
  let most = 0;
  let samples = 0;
  const watch = (): void => {
    if (++samples % SAMPLES !== 0) return;
    collect();
    most = Math.max(most, held() - start);
  };
  const written = createHash('sha256');
  const content = new ContentWriter(contents, writer, SHA256, { kind: 'fixed', bytes: 65_536 });
  const began = performance.now();
  const ref = (await content.writeOrInline(parts(written, watch), 0)) as ContentRef;
  t.comment(
    `written in ${Math.round(performance.now() - began)} ms, at most ${most >> 20} MiB held`,
  );
  t.equal(ref.length, LENGTH);
  t.ok(most < ALLOWED, `${most} bytes held while writing`);
  await engine.write((batch) => writer.emit(batch), 'none');
  writer.published();
  most = 0;
  const read = createHash('sha256');
  const again = performance.now();
  for await (const chunk of new ContentReader(
    contents,
    ref,
  ).readable() as AsyncIterable<Uint8Array>) {
    read.update(chunk);
    watch();
  }
  t.comment(`read in ${Math.round(performance.now() - again)} ms, at most ${most >> 20} MiB held`);
  t.equal(read.digest('hex'), written.digest('hex'));
  t.ok(most < ALLOWED, `${most} bytes held while reading`);
  most = 0;
  const rewriter = new ContentWriter(contents, writer, SHA256, { kind: 'fixed', bytes: 65_536 });
  const edit = { at: 4_097, source: parts(createHash('sha256'), watch) };
  const moved = await rewriteContent(rewriter, contents, ref, edit);
  t.equal(moved.length, LENGTH + 4_097);
  t.ok(most < ALLOWED, `${most} bytes held while rewriting`);
  await engine.close();
});
