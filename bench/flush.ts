/**
 * What does it cost to bring 1.3 KB to disk, in each way that the engine could? A transaction of
 * LMDB with one row, a file that grows, and a file that was filled before: the last is what the
 * write-ahead log does.
 */
import fs from 'node:fs';
import { join } from 'node:path';
import type { Bench, Context, Row } from './harness/bench.js';
import { RawLmdb } from './rivals/lmdb-raw.js';

const times = 1_500;
const bytes = new Uint8Array(1_300).fill(7);
const filled = 4 << 20;

/** Microseconds that one call takes. */
function microseconds(work: () => void): number {
  const start = performance.now();
  work();
  return (performance.now() - start) * 1_000;
}

/** A file to which each call appends, and flushes. */
function appending(path: string, fill: number, flags = 0): () => void {
  fs.writeFileSync(path, new Uint8Array(fill));
  const descriptor = fs.openSync(path, fs.constants.O_RDWR | flags);
  fs.fsyncSync(descriptor);
  let at = 0;
  return () => {
    fs.writeSync(descriptor, bytes, 0, bytes.length, at);
    if (flags === 0) fs.fdatasyncSync(descriptor);
    at += bytes.length;
  };
}

async function run(context: Context): Promise<Row[]> {
  const folder = context.folder('files');
  const ways = {
    'a file that grows': appending(join(folder, 'grows'), 0),
    'a file filled before': appending(join(folder, 'filled'), filled),
    'a file filled before, O_DSYNC': appending(
      join(folder, 'through'),
      filled,
      fs.constants.O_DSYNC,
    ),
  };
  const rival = new RawLmdb(context.folder('lmdb'));
  const found = Object.entries(ways).map(([name, work]) => ({ name, work, ours: [] as number[] }));
  const rivals: number[] = [];
  // One after the other, so that a slow minute of the machine slows all.
  for (let i = 0; i < context.sized(times, 100); i++) {
    for (const { work, ours } of found) ours.push(microseconds(work));
    rivals.push(microseconds(() => rival.commit([[`key ${i}`, bytes]])));
  }
  await rival.close();
  return found.map(({ name, ours }) => ({
    case: `1.3 KB on disk: ${name}`,
    unit: 'µs',
    ours,
    rival: rivals,
    rivalName: 'lmdb',
  }));
}

const bench: Bench = {
  name: 'flush',
  question: 'What does it cost to bring 1.3 KB to disk?',
  run,
};

export default bench;
