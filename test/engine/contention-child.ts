/**
 * One of several processes that write to one data file: `FOLDER SEED MS ROLE`. Rows have numbers
 * that only grow, each taken within the write that puts it, and bytes that tell their number; old
 * ones are deleted, so that pages are used again. A `writer` reads on while it writes, complains of
 * the first row that is not as it was written, and of a write of its own that it does not see. An
 * `opener` opens the file and closes it. Both go on until their time is over or they are killed.
 */
import { writeSync } from 'node:fs';
import type { Batch, Durability } from '../../src/engine/engine.js';
import { openLmdb } from '../../src/engine/lmdb.js';
import { Dice } from '../model/dice.js';

const [folder = '', seed = '1', lifeMs = '1000', role = 'writer'] = process.argv.slice(2);
const NEXT = Uint8Array.of(1);
const ROW_BYTES_MAX = 30_000;
/** How far back rows are looked at, and deleted. */
const KEPT = 1_500;
const DURABILITIES: readonly Durability[] = ['none', 'none', 'none', 'group', 'sync'];

const dice = new Dice(Number(seed));
let engine = await openLmdb(folder);
let until = Number.POSITIVE_INFINITY;

function rowOf(number: number): Uint8Array {
  const pattern = Buffer.alloc(8);
  pattern.writeUInt32LE(number, 0);
  pattern.writeUInt32LE(~number >>> 0, 4);
  return new Uint8Array(Buffer.alloc(50 + ((number * 7_919) % ROW_BYTES_MAX), pattern));
}

function complain(text: string): never {
  writeSync(2, `${text}\n`);
  process.exit(1);
}

function check(number: number, row: Uint8Array | undefined): void {
  if (row === undefined || Buffer.compare(row, rowOf(number)) === 0) return;
  const found = Buffer.from(row).readUInt32LE(8);
  complain(`row ${number} of ${row.length} bytes has those of ${found}`);
}

function nextOf(reads: Pick<Batch, 'get'>): number {
  const row = reads.get('meta', NEXT);
  return row === undefined ? 1 : Buffer.from(row).readUInt32LE(0);
}

/**
 * A read that begins in the very microsecond of another's opening may see the state before: once,
 * not twice.
 */
function seen(): number {
  engine.refresh();
  return nextOf(engine);
}

function recent(next: number): number {
  return Math.max(1, next - dice.below(KEPT));
}

function add(batch: Batch, count: number): number {
  const first = nextOf(batch);
  const next = Buffer.alloc(4);
  next.writeUInt32LE(first + count);
  batch.put('meta', NEXT, new Uint8Array(next));
  for (let number = first; number < first + count; number++) {
    batch.put('extents', number, rowOf(number));
  }
  return first + count;
}

function thin(batch: Batch, count: number): void {
  const next = nextOf(batch);
  for (let i = 0; i < count; i++) {
    const number = recent(next);
    check(number, batch.view('extents', number));
    if (dice.chance(0.5)) batch.del('extents', number);
  }
}

async function write(): Promise<void> {
  while (performance.now() < until) {
    const count = 1 + dice.below(12);
    const work = dice.next();
    const body = (batch: Batch): number => {
      if (work < 0.5) return add(batch, count);
      if (work < 0.9) thin(batch, count + 1);
      return 0;
    };
    const next = await engine.write(body, dice.pick(DURABILITIES));
    if (seen() < next && seen() < next) complain(`${next} is next, but ${seen()} is seen`);
  }
}

async function read(): Promise<void> {
  while (performance.now() < until) {
    engine.refresh();
    const next = nextOf(engine);
    const turnEnds = performance.now() + dice.below(3);
    do {
      const number = recent(next);
      check(number, engine.view('extents', number));
    } while (performance.now() < turnEnds);
    await new Promise((resolve) => setTimeout(resolve, dice.below(3)));
  }
}

async function open(): Promise<void> {
  while (performance.now() < until) {
    await engine.close();
    engine = await openLmdb(folder);
    nextOf(engine);
  }
}

writeSync(1, 'ready\n');
until = performance.now() + Number(lifeMs);
await Promise.all(role === 'opener' ? [open()] : [write(), write(), read()]);
for (const { key, bytes } of engine.range('extents')) check(key, bytes);
await engine.close();
