/**
 * The cache of chunks: what it gives is what was kept, whatever was let go, and its memory is
 * bounded.
 */
import t from 'tap';
import { equalBytes } from '../../src/ground/bytes.js';
import { ChunkCache } from '../../src/volumes/chunk-cache.js';
import { noise } from '../chunks/setup.js';

const MIB = 1_048_576;
const ROOM = 64;

function addressOf(number: number): Uint8Array {
  return noise(33, number + 1);
}

t.test('a block that is given is the one that was kept, and memory is bounded', async (t) => {
  const seed = Date.now() % 1_000_000;
  t.comment(`seed ${seed}`);
  const dice = new Uint32Array(noise(40_000, seed).buffer);
  const cache = new ChunkCache(10 * MIB, ROOM);
  const lengths = new Map<number, number>();
  let found = 0;
  for (let i = 0; i + 2 < dice.length; i += 2) {
    const number = (dice[i] as number) % 300;
    const length = lengths.get(number) ?? 1 + ((dice[i + 1] as number) % 131_072);
    lengths.set(number, length);
    const block = cache.get(number, addressOf(number));
    if (block === undefined) cache.add(number, addressOf(number), noise(length, number + 7));
    else {
      found++;
      if (!equalBytes(block, noise(length, number + 7))) t.fail(`block ${number}, seed ${seed}`);
    }
    if (cache.bytes > 10 * MIB) t.fail(`${cache.bytes} bytes`);
  }
  t.ok(found > 500, `${found} were found`);
  t.equal(cache.get(3, addressOf(4)), undefined, 'another address under the same number');
});

t.test('what is asked for again stays, while others pass', async (t) => {
  const cache = new ChunkCache(12 * MIB, ROOM);
  cache.add(0, addressOf(0), noise(50_000, 1));
  for (let i = 1; i < 1_000; i++) {
    cache.add(i, addressOf(i), new Uint8Array(60_000));
    if (cache.get(0, addressOf(0)) === undefined) t.fail(`lost after ${i}`);
  }
  t.equal(cache.get(100, addressOf(100)), undefined, 'which nobody asked for');
});

t.test('room that was not kept is given again, and has its room in front', async (t) => {
  const cache = new ChunkCache(4 * MIB, ROOM);
  const first = cache.room(1_000);
  t.equal(first.at, ROOM);
  new Uint8Array(first.bytes, first.at, 1_000).fill(9);
  t.equal(cache.get(1, addressOf(1)), undefined);
  t.strictSame(cache.room(2_000), first);
  cache.add(1, addressOf(1), noise(1_000, 2));
  t.equal(cache.room(1).at, ROOM + 1_000);
  // The longest chunk fits, also where there is one slab only.
  const small = new ChunkCache(0, ROOM);
  for (let i = 0; i < 5; i++) {
    small.add(i, addressOf(i), noise(MIB + 3, i + 1));
    t.ok(equalBytes(small.get(i, addressOf(i)) ?? new Uint8Array(0), noise(MIB + 3, i + 1)));
  }
});
