/**
 * Which blocks does some work read from the engine? Benches ask it to say how many nodes a cold
 * read verifies, how much of the time hashing takes, and what lies on the way to a record.
 */
import { verifyBlock } from '../../src/blocks/address.js';
import type { Regalia } from '../../src/index.js';
import { coreOf } from './ours.js';
import { microsecondsEach } from './sample.js';

export type ReadBlock = readonly [address: Uint8Array, plainBytes: Uint8Array];

/** Runs `work` and gives copies of the blocks that were read and verified meanwhile. */
export function coldBlocks(store: Regalia, work: () => void): ReadBlock[] {
  const { blocks } = coreOf(store);
  const found: ReadBlock[] = [];
  const read = blocks.read.bind(blocks);
  blocks.read = (id, address, what) => {
    const body = read(id, address, what);
    const { bytes, start, plainLength } = body;
    found.push([address.slice(), bytes.slice(start, start + plainLength)]);
    return body;
  };
  try {
    work();
  } finally {
    delete (blocks as { read?: unknown }).read;
  }
  return found;
}

/** Microseconds that verifying all of them takes. */
export function hashingMicroseconds(blocks: readonly ReadBlock[]): number {
  const each = microsecondsEach(blocks.length, (index) => {
    const [address, bytes] = blocks[index] as ReadBlock;
    verifyBlock(address, bytes, 'block');
  });
  return each * blocks.length;
}
