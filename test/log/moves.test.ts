/**
 * Moves: in the order made, over as many blocks as they need, and no key that a hierarchy could not
 * have.
 */
import fc from 'fast-check';
import t from 'tap';
import { type Address, addressKey } from '../../src/blocks/address.js';
import { SHA256 } from '../../src/ground/block-header.js';
import { equalBytes, hex } from '../../src/ground/bytes.js';
import { isRegaliaError } from '../../src/ground/errors.js';
import { MOVES_BLOCK_BYTES_MAX } from '../../src/ground/limits.js';
import { utf8Bytes, utf8Text } from '../../src/ground/text.js';
import {
  type AddressedBlock,
  decodeMoves,
  encodeMoves,
  type Move,
  movesOf,
} from '../../src/log/moves.js';

function move(from: string, to: string): Move {
  return { from: utf8Bytes(from), to: utf8Bytes(to) };
}

function readBack(chain: readonly AddressedBlock[]): string[] {
  const blocks = new Map(chain.map(({ address, block }) => [addressKey(address), block]));
  const read = (address: Address): Uint8Array => blocks.get(addressKey(address)) as Uint8Array;
  const all = [...movesOf(chain.at(-1)?.address, read)];
  return all.map(({ from, to }) => `${utf8Text(from)} ${utf8Text(to)}`);
}

t.test('the bytes of a moves block are these', async (t) => {
  const [only] = encodeMoves(SHA256, [move('a/b', 'c'), move('d', 'e')]);
  t.equal(
    hex((only as AddressedBlock).block),
    '0701010002' + '03612f62' + '0163' + '0164' + '0165',
  );
});

t.test('no move, no block', async (t) => {
  t.same(encodeMoves(SHA256, []), []);
  t.same(readBack([]), []);
});

t.test('moves come back in the order made', async (t) => {
  const moves = [move('b', 'c'), move('a', 'b'), move('c', 'a')];
  t.same(readBack(encodeMoves(SHA256, moves)), ['b c', 'a b', 'c a']);
});

t.test('a long list is a chain of blocks, children first, each within the limit', async (t) => {
  const long = 'n'.repeat(250);
  const moves = Array.from({ length: 1_000 }, (_, i) => move(`${long}/${i}`, `to/${long}/${i}`));
  const chain = encodeMoves(SHA256, moves);
  t.ok(chain.length > 10);
  const stored = new Set<string>();
  for (const { address, block } of chain) {
    t.ok(block.length <= MOVES_BLOCK_BYTES_MAX);
    const { next } = decodeMoves(block);
    t.ok(next === undefined || stored.has(addressKey(next)));
    stored.add(addressKey(address));
  }
  t.same(
    readBack(chain),
    moves.map(({ from, to }) => `${utf8Text(from)} ${utf8Text(to)}`),
  );
});

t.test('keys that no hierarchy has are refused, both ways', async (t) => {
  const faults = ['', '/a', 'a/', 'a//b', '.', 'a/..', 'a\0', 'n'.repeat(256), 'n/'.repeat(2_100)];
  const [good] = encodeMoves(SHA256, [move('a', 'b')]);
  const header = (good as AddressedBlock).block.subarray(0, 5);
  for (const fault of faults) {
    t.throws(() => encodeMoves(SHA256, [move(fault, 'b')]), { code: 'REGALIA_KEY' });
    t.throws(() => encodeMoves(SHA256, [move('b', fault)]), { code: 'REGALIA_KEY' });
    if (fault.length > 127) continue;
    const forged = new Uint8Array([...header, fault.length, ...utf8Bytes(fault), 1, 0x62]);
    forged[4] = 1;
    t.throws(() => decodeMoves(forged), { code: 'REGALIA_FORMAT' });
  }
  t.throws(() => encodeMoves(SHA256, [move('a', 'a')]), { code: 'REGALIA_MOVE' });
  t.doesNotThrow(() => encodeMoves(SHA256, [move('...', '.a'), move('n'.repeat(255), 'a/...')]));
});

t.test('truncated, prolonged, empty and oversized blocks are refused', async (t) => {
  const [{ block }] = encodeMoves(SHA256, [move('a/b', 'c')]) as [AddressedBlock];
  for (let length = 0; length < block.length; length++) {
    t.throws(() => decodeMoves(block.subarray(0, length)), { code: 'REGALIA_FORMAT' });
  }
  t.throws(() => decodeMoves(new Uint8Array([...block, 0])), { code: 'REGALIA_FORMAT' });
  t.throws(() => decodeMoves(Uint8Array.of(7, 1, 1, 0, 0)), { code: 'REGALIA_FORMAT' });
  t.throws(() => decodeMoves(new Uint8Array(MOVES_BLOCK_BYTES_MAX + 1)), {
    code: 'REGALIA_FORMAT',
  });
  t.throws(() => decodeMoves(Uint8Array.of(7, 2, 1, 0, 0)), { code: 'REGALIA_VERSION' });
});

t.test(
  'changed bytes decode to a coded error or to moves that they are the one spelling of',
  async () => {
    const names = fc.string({
      unit: fc.constantFrom('a', 'b', '/', 'é'),
      minLength: 1,
      maxLength: 9,
    });
    const clean = names.map((text) => text.split('/').filter(Boolean).join('/') || 'x');
    const lists = fc.array(fc.tuple(clean, clean), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(lists, fc.nat(), fc.nat(255), (list, place, byte) => {
        const moves = list.map(([from, to]) => move(from, from === to ? `${to}/x` : to));
        const { block } = encodeMoves(SHA256, moves)[0] as AddressedBlock;
        block[place % block.length] = byte;
        try {
          const decoded = decodeMoves(block);
          if (decoded.next !== undefined || block[2] !== SHA256) return true;
          return equalBytes((encodeMoves(SHA256, decoded.moves)[0] as AddressedBlock).block, block);
        } catch (error) {
          return (
            isRegaliaError(error, 'REGALIA_FORMAT') || isRegaliaError(error, 'REGALIA_VERSION')
          );
        }
      }),
      { numRuns: 1_000 },
    );
  },
);
