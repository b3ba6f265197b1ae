/**
 * Maps: their rows in one order, over as many blocks as they need, and no key that a hierarchy
 * could not have.
 */
import fc from 'fast-check';
import t from 'tap';
import { type Address, addressKey } from '../../src/blocks/address.js';
import { SHA256 } from '../../src/ground/block-header.js';
import { equalBytes, hex } from '../../src/ground/bytes.js';
import { isRegaliaError } from '../../src/ground/errors.js';
import { MAP_BLOCK_BYTES_MAX } from '../../src/ground/limits.js';
import { utf8Bytes } from '../../src/ground/text.js';
import {
  type AddressedBlock,
  decodeMap,
  encodeMap,
  type MapRow,
  rowsFrom,
} from '../../src/log/maps.js';

const FORMAT = { code: 'REGALIA_FORMAT' };

function moved(from: string, to: string): MapRow {
  return { from, to, returned: false };
}

function gone(from: string): MapRow {
  return { from, to: undefined, returned: false };
}

function returned(from: string, to: string): MapRow {
  return { from, to, returned: true };
}

function buried(from: string, to: string): MapRow {
  return { from, to, returned: false, buried: true };
}

function onlyBlock(rows: readonly MapRow[]): Uint8Array {
  return (encodeMap(SHA256, rows)[0] as AddressedBlock).block;
}

function readBack(chain: readonly AddressedBlock[]): MapRow[] {
  const blocks = new Map(chain.map(({ address, block }) => [addressKey(address), block]));
  const read = (address: Address): Uint8Array => blocks.get(addressKey(address)) as Uint8Array;
  return [...rowsFrom(chain.at(-1)?.address, read)];
}

/** A map block without a next one, and these rows: each a kind and its keys. */
function forged(...rows: readonly (readonly [number, ...string[]])[]): Uint8Array {
  const bytes = rows.flatMap(([kind, ...keys]) => [
    kind,
    ...keys.flatMap((key) => [key.length, ...utf8Bytes(key)]),
  ]);
  return Uint8Array.from([7, 1, 1, 0, rows.length, ...bytes]);
}

t.test('the bytes of a map block are these', async (t) => {
  const rows = [moved('/a/b', '/c'), gone('/d'), returned('/e', '/f'), buried('/g', '/h')];
  t.equal(
    hex(onlyBlock(rows)),
    [
      '0701010004',
      `01${'03612f62'}${'0163'}`,
      `02${'0164'}`,
      `03${'0165'}${'0166'}`,
      `04${'0167'}${'0168'}`,
    ].join(''),
  );
  t.same(readBack(encodeMap(SHA256, rows)), rows);
});

t.test('no row, no block', async (t) => {
  t.same(encodeMap(SHA256, []), []);
  t.same(readBack([]), []);
});

t.test('equal rows are equal blocks, in whatever order they are given', async (t) => {
  const rows = [
    gone('/a'),
    returned('/a', '/b'),
    moved('/a', '/c'),
    moved('/a-b', '/d'),
    moved('/a/b', '/a/b'),
    moved('/é', '/f'),
  ];
  t.same(readBack(encodeMap(SHA256, rows)), rows, 'ascending by the bytes of both keys');
  const orders = fc.shuffledSubarray(rows, { minLength: rows.length });
  fc.assert(fc.property(orders, (others) => equalBytes(onlyBlock(others), onlyBlock(rows))));
});

t.test('rows out of order, twice, of an unknown kind, or none are refused', async (t) => {
  t.ok(decodeMap(forged([2, 'a'], [1, 'a', 'b'], [3, 'a', 'c'])));
  t.throws(() => decodeMap(forged([1, 'b', 'c'], [1, 'a', 'd'])), FORMAT);
  t.throws(() => decodeMap(forged([1, 'a', 'c'], [1, 'a', 'b'])), FORMAT);
  t.throws(() => decodeMap(forged([1, 'a', 'b'], [2, 'a'])), FORMAT);
  t.throws(() => decodeMap(forged([1, 'a', 'b'], [1, 'a', 'b'])), FORMAT);
  t.throws(() => decodeMap(forged([1, 'a', 'b'], [3, 'a', 'b'])), FORMAT);
  t.throws(() => decodeMap(forged([0, 'a', 'b'])), FORMAT);
  t.throws(() => decodeMap(forged([5, 'a', 'b'])), FORMAT);
  t.throws(() => decodeMap(forged()), FORMAT);
});

t.test('a long list is a chain of blocks, last first, each within the limit', async (t) => {
  const long = 'n'.repeat(250);
  const rows = Array.from({ length: 1_000 }, (_, i) => {
    const number = `${i}`.padStart(4, '0');
    const to = `/to/${long}/${number}`;
    return i % 7 === 0 ? gone(`/${long}/${number}`) : moved(`/${long}/${number}`, to);
  });
  const chain = encodeMap(SHA256, rows);
  t.ok(chain.length > 10);
  const stored = new Set<string>();
  for (const { address, block } of chain) {
    t.ok(block.length <= MAP_BLOCK_BYTES_MAX);
    const { next } = decodeMap(block);
    t.ok(next === undefined || stored.has(addressKey(next)));
    stored.add(addressKey(address));
  }
  t.same(readBack(chain), rows);
  t.same(encodeMap(SHA256, [...rows].reverse()), chain, 'cut at the same rows');
});

t.test('keys that no hierarchy has are refused, both ways', async (t) => {
  const faults = ['', '/a', 'a/', 'a//b', '.', 'a/..', 'a\0', 'n'.repeat(256), 'n/'.repeat(2_100)];
  for (const fault of faults) {
    const key = { code: 'REGALIA_KEY' };
    t.throws(() => encodeMap(SHA256, [moved(`/${fault}`, '/b')]), key);
    t.throws(() => encodeMap(SHA256, [returned('/b', `/${fault}`)]), key);
    t.throws(() => encodeMap(SHA256, [gone(`/${fault}`)]), key);
    if (fault.length > 127) continue;
    t.throws(() => decodeMap(forged([1, fault, 'b'])), FORMAT);
    t.throws(() => decodeMap(forged([1, 'b', fault])), FORMAT);
    t.throws(() => decodeMap(forged([2, fault])), FORMAT);
  }
  t.doesNotThrow(() => encodeMap(SHA256, [moved('/...', `/${'n'.repeat(255)}/.a`)]));
});

t.test('a NUL after a name is for what returned from where another came', async (t) => {
  const rows = [returned('/a\0', '/a'), returned('/d\0/f', '/f'), returned('/d\0/g\0', '/g')];
  t.same(readBack(encodeMap(SHA256, rows)), rows);
  const longest = `/${'n\0/'.repeat(2_047)}n`;
  t.same(readBack(encodeMap(SHA256, [returned(longest, '/a')])).length, 1);
  for (const fault of ['\0', 'a\0b', 'a\0\0', 'a/\0', '..\0', `${'n/'.repeat(2_048)}n\0`]) {
    t.throws(() => encodeMap(SHA256, [returned(`/${fault}`, '/b')]), { code: 'REGALIA_KEY' });
    if (fault.length < 128) t.throws(() => decodeMap(forged([3, fault, 'b'])), FORMAT);
  }
});

t.test('truncated, prolonged, empty and oversized blocks are refused', async (t) => {
  const block = onlyBlock([moved('/a/b', '/c'), gone('/d')]);
  for (let length = 0; length < block.length; length++) {
    t.throws(() => decodeMap(block.subarray(0, length)), FORMAT);
  }
  t.throws(() => decodeMap(new Uint8Array([...block, 0])), FORMAT);
  t.throws(() => decodeMap(new Uint8Array(MAP_BLOCK_BYTES_MAX + 1)), FORMAT);
  t.throws(() => decodeMap(Uint8Array.of(7, 2, 1, 0, 0)), { code: 'REGALIA_VERSION' });
});

/** Lists of rows in order, each once. */
const lists: fc.Arbitrary<MapRow[]> = fc.uniqueArray(
  fc
    .tuple(
      fc.constantFrom(moved, returned, gone, buried),
      ...(['from', 'to'] as const).map(() => {
        const names = fc.constantFrom('a', 'b', 'é', 'a-', '...');
        return fc.array(names, { minLength: 1, maxLength: 3 }).map((all) => `/${all.join('/')}`);
      }),
    )
    .map(([make, from, to]) => make(from as string, to as string)),
  { minLength: 1, maxLength: 6, selector: ({ from, to }) => `${from} ${to}` },
);

t.test('a list reads back, whatever is in it', async () => {
  fc.assert(
    fc.property(lists, (rows) => {
      const back = readBack(encodeMap(SHA256, rows));
      const texts = (list: readonly MapRow[]): string[] => {
        return list.map(({ from, to, ...kind }) => `${from} ${to} ${JSON.stringify(kind)}`).sort();
      };
      return `${texts(back)}` === `${texts(rows)}`;
    }),
  );
});

t.test(
  'changed bytes decode to a coded error or to rows that they are the one spelling of',
  async () => {
    fc.assert(
      fc.property(lists, fc.nat(), fc.nat(255), (rows, place, byte) => {
        const block = onlyBlock(rows);
        block[place % block.length] = byte;
        try {
          const decoded = decodeMap(block);
          if (decoded.next !== undefined || block[2] !== SHA256) return true;
          return equalBytes(onlyBlock(decoded.rows), block);
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
