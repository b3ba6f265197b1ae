/**
 * The free list, whose pages LMDB takes as it finds them: whichever bit of it is flipped, the file
 * is refused, or it is written to as before. Nothing kills, and nothing grows.
 */
import {
  closeSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { openLmdb } from '../../src/engine/lmdb.js';
import { examineFile } from '../../src/engine/lmdb-examine.js';
import { isRegaliaError } from '../../src/ground/errors.js';
import { runs } from '../runs.js';
import { run } from './child.js';

const PAGE_BYTES = 4_096;
/** What a probe writes, and LMDB's own pages. */
const GROWTH_MAX = 1_048_576;

/** A data file whose free list has pages, runs of pages, and a list in pages of its own. */
async function withLists(folder: string): Promise<Buffer> {
  const engine = await openLmdb(folder);
  for (let round = 0; round < 14; round++) {
    await engine.write(
      (batch) => {
        for (let i = 0; i < 200; i++) {
          batch.put(
            'extents',
            (round * 37 + i * 13) % 1_500,
            new Uint8Array(3_000 + (i % 5) * 3_000),
          );
        }
        for (let i = 0; i < 150; i++) batch.del('extents', (round * 91 + i * 7) % 1_500);
      },
      'none',
      { isLong: true },
    );
  }
  await engine.close();
  return readFileSync(path.join(folder, 'data.mdb'));
}

/** The bytes of the free list: its one leaf, and lists that have pages of their own. */
function listBytes(data: Buffer): number[] {
  const metas = [0, PAGE_BYTES].map((at) => ({
    transaction: data.readBigUInt64LE(at + 152),
    root: Number(data.readBigUInt64LE(at + 88)),
  }));
  metas.sort((a, b) => Number(b.transaction - a.transaction));
  const leaf = (metas[0]?.root ?? 0) * PAGE_BYTES;
  const ranges = [[leaf, PAGE_BYTES]];
  for (let i = 0; i < data.readUInt16LE(leaf + 20) / 2; i++) {
    const node = leaf + 24 + data.readUInt16LE(leaf + 24 + i * 2);
    if ((data.readUInt16LE(node + 4) & 1) === 0) continue;
    const list = Number(data.readBigUInt64LE(node + 8 + data.readUInt16LE(node + 6)));
    ranges.push([list * PAGE_BYTES, 24 + data.readUInt32LE(node)]);
  }
  return ranges.flatMap(([from = 0, length = 0]) => {
    return Array.from({ length }, (_, i) => from + i);
  });
}

/** Whether the file is refused while it has another byte. */
function isRefused(file: string, at: number, byte: number): boolean {
  const descriptor = openSync(file, 'r+');
  const before = new Uint8Array(1);
  readSync(descriptor, before, 0, 1, at);
  writeSync(descriptor, Uint8Array.of(byte), 0, 1, at);
  try {
    examineFile(file);
    return false;
  } catch (error) {
    if (!isRegaliaError(error, 'REGALIA_CORRUPT')) throw error;
    return true;
  } finally {
    writeSync(descriptor, before, 0, 1, at);
    closeSync(descriptor);
  }
}

t.test('a flipped bit of the free list is refused, or changes nothing', async (t) => {
  const folder = t.testdir();
  const data = await withLists(path.join(folder, 'sound'));
  const places = listBytes(data);
  t.ok(places.length > PAGE_BYTES, 'a list has pages of its own');
  const step = Math.max(1, Math.floor((places.length * 8) / runs(1_500)));
  const file = path.join(folder, 'sound', 'data.mdb');
  const passed: string[] = [];
  let refused = 0;
  for (let i = 0; i < places.length * 8; i += step) {
    const at = places[i >>> 3] as number;
    if (isRefused(file, at, (data[at] as number) ^ (1 << (i & 7)))) {
      refused++;
      continue;
    }
    if (passed.length >= runs(40)) continue;
    const place = path.join(folder, `passed-${i}`);
    mkdirSync(place);
    const bytes = Buffer.from(data);
    bytes[at] = (bytes[at] as number) ^ (1 << (i & 7));
    writeFileSync(path.join(place, 'data.mdb'), bytes);
    passed.push(place);
  }
  t.ok(refused > 100, `${refused} are refused`);
  const { lines, signal, stderr } = await run(['probe', passed.join(':')]);
  t.equal(signal, null, stderr.slice(0, 300));
  t.equal(lines.length, passed.length);
  for (const place of passed) {
    const { size } = statSync(path.join(place, 'data.mdb'));
    t.ok(size < data.length + GROWTH_MAX, `${place}: ${size} of ${data.length} bytes`);
    rmSync(place, { recursive: true });
  }
});
