/**
 * Long reads, by workers and without: any range is the same range of the bytes, holes, compressed
 * chunks and all; a copy that is damaged anywhere is passed over and told, and never handed out;
 * what was handed out is the caller's.
 */
import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import t from 'tap';
import { concatBytes } from '../../src/ground/bytes.js';
import { isRegaliaError, type Regalia, type RegaliaOptions } from '../../src/index.js';
import { scopeOf } from '../../src/store/bucket.js';
import type { ChunkStore } from '../../src/volumes/chunk-store.js';
import { noise } from '../chunks/setup.js';
import { prose } from './frames.js';
import { within } from './setup.js';

const MIB = 1_048_576;
/**
 * Noise that is stored as it is, text that is compressed, a hole, and noise again: enough to start
 * workers.
 */
const BYTES = concatBytes([
  noise(3 * MIB + 17, 1),
  prose(2 * MIB + 5, 2),
  new Uint8Array(MIB + 3),
  noise(2 * MIB, 3),
]);
const MIRRORED = {
  default: { inlineMax: 64, redundancy: { kind: 'mirrored', copies: 2 } },
} as const satisfies RegaliaOptions;

function folderOf(t: { teardown(work: () => void): void }): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'regalia-long-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return path.join(folder, 'store');
}

async function put(store: Regalia): Promise<void> {
  await store.transact((tx) => tx.write('/f', 'content', BYTES));
}

function handle(store: Regalia) {
  const found = store.snapshot().get('/f', 'content');
  if (found === undefined) throw new Error('it was put');
  return found;
}

async function streamed(stream: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const part of stream as unknown as AsyncIterable<Uint8Array>) parts.push(part);
  return concatBytes(parts);
}

async function inShortReads(stream: ReturnType<typeof handle>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for (let start = 0; start < stream.size; start += 50_000) {
    parts.push(await stream.bytes({ start, end: Math.min(start + 50_000, stream.size) }));
  }
  return concatBytes(parts);
}

function same(found: Uint8Array, expected: Uint8Array): boolean {
  return Buffer.compare(found, expected) === 0;
}

for (const workers of [0, 2]) {
  t.test(`${workers} workers: any long range is the same range of the bytes`, async (t) => {
    const seed = Date.now() % 1_000_000;
    t.comment(`seed ${seed}`);
    const dice = new Uint32Array(noise(160, seed).buffer);
    await within(folderOf(t), { workers }, async (store) => {
      await put(store);
      const stream = handle(store);
      for (let i = 0; i + 1 < dice.length; i += 2) {
        const [a, b] = [dice[i] as number, dice[i + 1] as number].map(
          (n) => n % (BYTES.length + 1),
        );
        const range = {
          start: Math.min(a as number, b as number),
          end: Math.max(a as number, b as number),
        };
        const expected = BYTES.subarray(range.start, range.end);
        const found =
          i % 4 === 0 ? await stream.bytes(range) : await streamed(stream.readable(range));
        if (!same(found, expected)) t.fail(`${range.start} to ${range.end}, seed ${seed}`);
      }
      t.ok(same(await stream.bytes(), BYTES));
    });
  });

  t.test(`${workers} workers: what was handed out is the caller's`, async (t) => {
    await within(folderOf(t), { workers }, async (store) => {
      await put(store);
      const stream = handle(store);
      for (let i = 0; i < 3; i++) {
        for await (const part of stream.readable() as unknown as AsyncIterable<Uint8Array>)
          part.fill(0);
        for (const end of [4_096, 300_000, 2 * MIB]) (await stream.bytes({ end })).fill(0);
      }
      t.ok(same(await stream.bytes(), BYTES));
      t.ok(same(await stream.bytes({ end: 300_000 }), BYTES.subarray(0, 300_000)));
      t.ok(same(await stream.bytes({ end: 4_096 }), BYTES.subarray(0, 4_096)));
    });
  });
}

/** The segments of a volume. */
function segments(volume: string): string[] {
  return readdirSync(volume)
    .filter((name) => name.startsWith('seg-'))
    .map((name) => path.join(volume, name));
}

/** Flips a bit of the volume's only segment that has records. */
function flip(volume: string, share: number): () => void {
  const file = segments(volume).find((one) => readFileSync(one).length > 64) as string;
  const whole = readFileSync(file);
  const bytes = new Uint8Array(whole);
  // The share is of what lies behind the segment's header; the first record's header comes right
  // behind it.
  const at = 64 + Math.floor((bytes.length - 64) * share) + (share === 0 ? 40 : 0);
  bytes[at] = (bytes[at] as number) ^ 16;
  writeFileSync(file, bytes);
  return () => writeFileSync(file, whole);
}

/** A digest in a record's header, plain stored bytes, a compressed frame, and near the end. */
const SHARES = [0, 0.2, 0.57, 0.97];

for (const workers of [0, 2]) {
  t.test(`${workers} workers: a damaged copy is passed over, and told`, async (t) => {
    const place = folderOf(t);
    const options = { ...MIRRORED, workers };
    const volumes = [path.join(place, 'volumes', '1'), `${place}-2`];
    // By where the bit was flipped: each chunk is read from the one volume or the other first.
    const told = new Map<number, number>();
    await within(place, options, async (store) => {
      await store.addVolume(volumes[1] as string);
      await put(store);
    });
    for (const volume of volumes) {
      for (const share of SHARES) {
        const mend = flip(volume, share);
        await within(place, options, async (store) => {
          const chunks = scopeOf(store).core.blocks.chunks as ChunkStore;
          let faults = 0;
          chunks.onFault = () => faults++;
          for (let i = 0; i < 2; i++) {
            if (!same(await handle(store).bytes(), BYTES)) t.fail(`${share} of ${volume}`);
          }
          // Twice: what failed may not have spoilt what the cache holds beside it.
          for (let i = 0; i < 2; i++) {
            if (!same(await inShortReads(handle(store)), BYTES))
              t.fail(`${share} of ${volume}, short`);
          }
          told.set(share, (told.get(share) ?? 0) + faults);
        });
        mend();
      }
    }
    for (const share of SHARES) t.ok((told.get(share) ?? 0) > 0, `${share} was told`);
  });

  t.test(`${workers} workers: an only copy that is damaged is never handed out`, async (t) => {
    const place = folderOf(t);
    await within(place, { workers }, put);
    const volume = path.join(place, 'volumes', '1');
    for (const share of SHARES) {
      const mend = flip(volume, share);
      await within(place, { workers }, async (store) => {
        for (let i = 0; i < 2; i++)
          await t.rejects(handle(store).bytes(), { code: 'REGALIA_CORRUPT' });
        const parts: Uint8Array[] = [];
        const error = await (async () => {
          const stream = handle(store).readable() as unknown as AsyncIterable<Uint8Array>;
          for await (const part of stream) parts.push(part);
        })().catch((reason: unknown) => reason);
        t.ok(isRegaliaError(error, 'REGALIA_CORRUPT'), `${share}`);
        const found = concatBytes(parts);
        t.ok(same(found, BYTES.subarray(0, found.length)), 'what came before is right');
      });
      mend();
    }
    await within(place, { workers }, async (store) =>
      t.ok(same(await handle(store).bytes(), BYTES)),
    );
  });
}

t.test('a segment that is cut short is missed', async (t) => {
  const place = folderOf(t);
  await within(place, {}, put);
  for (const file of segments(path.join(place, 'volumes', '1'))) truncateSync(file, 3 * MIB);
  await within(place, {}, async (store) => {
    await t.rejects(handle(store).bytes(), { code: 'REGALIA_MISSING' });
    const start = BYTES.length - 4_096;
    await t.rejects(handle(store).bytes({ start }), { code: 'REGALIA_MISSING' });
    t.ok(same(await handle(store).bytes({ end: 2 * MIB }), BYTES.subarray(0, 2 * MIB)));
  });
});

t.test('timers are heard between small reads that resolve at once', async (t) => {
  await within(folderOf(t), {}, async (store) => {
    await put(store);
    const stream = handle(store);
    let heard = false;
    setTimeout(() => {
      heard = true;
    }, 1);
    for (let i = 0; !heard && i < 5_000_000; i++) await stream.bytes({ start: 5, end: 10 });
    t.ok(heard);
  });
});
