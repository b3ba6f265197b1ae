/**
 * Addresses: one text form, one algorithm each, and no block under an address that is not its own.
 */
import fc from 'fast-check';
import t from 'tap';
import {
  addressInto,
  addressKey,
  addressOf,
  addressText,
  compareAddresses,
  isAddress,
  parseAddress,
  sameAddress,
  verifyBlock,
} from '../../src/blocks/address.js';
import {
  algorithmName,
  algorithmNumber,
  BLAKE3,
  BlockKind,
  SHA256,
} from '../../src/ground/block-header.js';
import { compareBytes, hex } from '../../src/ground/bytes.js';
import { isRegaliaError } from '../../src/ground/errors.js';
import { blake3, sha256 } from '../../src/kernels/hash.js';

function block(algorithm: number, body: Uint8Array): Uint8Array {
  return new Uint8Array([BlockKind.node, 1, algorithm, ...body]);
}

const algorithms = fc.constantFrom(SHA256, BLAKE3);

t.test('persisted numbers stay what they are', async (t) => {
  t.same([SHA256, BLAKE3], [1, 2]);
  t.same(Object.values(BlockKind), [1, 2, 3, 4, 5, 6, 7, 8]);
  t.equal(algorithmName(SHA256), 'sha256');
  t.equal(algorithmName(BLAKE3), 'blake3');
  t.equal(algorithmName(0), undefined);
  t.equal(algorithmName(3), undefined);
  t.equal(algorithmNumber('blake3'), BLAKE3);
});

t.test('an address covers the whole block, its first bytes included', async (t) => {
  const one = block(SHA256, Uint8Array.of(7, 8, 9));
  t.equal(addressText(addressOf(SHA256, one)), `sha256:${hex(sha256(one))}`);
  const other = block(BLAKE3, Uint8Array.of(7, 8, 9));
  t.equal(addressText(addressOf(BLAKE3, other)), `blake3:${hex(blake3(other))}`);
  const kind = Uint8Array.from(one);
  kind[0] = BlockKind.metadata;
  t.notOk(sameAddress(addressOf(SHA256, one), addressOf(SHA256, kind)));
  t.throws(() => addressOf(BLAKE3, one), 'the algorithm is the one that the block names');
});

t.test('text and address are inverses', async () => {
  fc.assert(
    fc.property(algorithms, fc.uint8Array({ maxLength: 100 }), (algorithm, body) => {
      const address = addressOf(algorithm, block(algorithm, body));
      const parsed = parseAddress(addressText(address));
      return (
        sameAddress(parsed, address) &&
        isAddress(parsed) &&
        addressKey(parsed) === addressKey(address)
      );
    }),
  );
});

t.test('text in any other form is refused', async (t) => {
  const text = addressText(addressOf(SHA256, block(SHA256, new Uint8Array(5))));
  const others = [
    '',
    text.toUpperCase(),
    text.slice(0, -1),
    `${text}0`,
    ` ${text}`,
    `${text}\n`,
    text.slice(7),
    `md5:${text.slice(7)}`,
    `${text.slice(0, -1)}g`,
    'x'.repeat(100_000),
  ];
  for (const other of others) {
    t.throws(() => parseAddress(other), { code: 'REGALIA_FORMAT' });
  }
});

t.test('keys of maps tell all addresses apart, and order is bytewise', async () => {
  const digests = fc.uint8Array({ minLength: 33, maxLength: 33 });
  fc.assert(
    fc.property(digests, digests, (a, b) => {
      const same = compareBytes(a, b) === 0;
      return (addressKey(a) === addressKey(b)) === same && (compareAddresses(a, b) === 0) === same;
    }),
  );
});

t.test('an address may be written in place', async (t) => {
  const bytes = block(SHA256, Uint8Array.of(1));
  const out = new Uint8Array(40);
  addressInto(SHA256, bytes, out, 4);
  t.same(out.subarray(4, 37), addressOf(SHA256, bytes));
  t.same([...out.subarray(0, 4), ...out.subarray(37)], [0, 0, 0, 0, 0, 0, 0]);
});

t.test('a block with any bit flipped is corrupt', async (t) => {
  for (const algorithm of [SHA256, BLAKE3] as const) {
    const bytes = block(algorithm, Uint8Array.of(0, 1, 2, 3));
    const address = addressOf(algorithm, bytes);
    verifyBlock(address, bytes, 'node');
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const flipped = Uint8Array.from(bytes);
      flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7));
      t.throws(() => verifyBlock(address, flipped, 'node'), { code: 'REGALIA_CORRUPT' });
    }
    t.throws(() => verifyBlock(address, bytes.subarray(0, 2), 'node'), { code: 'REGALIA_CORRUPT' });
  }
});

t.test(
  'a block that names another algorithm than its address is corrupt, though the digest fits',
  async (t) => {
    const bytes = block(SHA256, Uint8Array.of(1, 2));
    const crossed = new Uint8Array([BLAKE3, ...blake3(bytes)]);
    try {
      verifyBlock(crossed, bytes, 'node');
      t.fail('accepted');
    } catch (error) {
      if (!isRegaliaError(error, 'REGALIA_CORRUPT')) throw error;
      t.equal(error.data.expected, addressText(crossed));
      t.equal(error.data.actual, 'a block of algorithm 1');
    }
  },
);
