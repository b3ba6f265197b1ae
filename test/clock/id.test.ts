/** Ids: the shares of a part, one after the other. */
import fc from 'fast-check';
import t from 'tap';
import { type Id, isId, shareAround, shareOf, WHOLE } from '../../src/clock/id.js';
import { disjoint } from './stamps.js';

const somePart: fc.Arbitrary<Id> = fc
  .array(fc.nat(40), { maxLength: 6 })
  .map((numbers) => numbers.reduce((part, n) => shareOf(part, n + 1), WHOLE));

t.test('the first shares of the whole', async (t) => {
  const shares = [1, 2, 3, 4, 5, 6, 7, 8].map((n) => shareOf(WHOLE, n));
  t.strictSame(shares, ['0', '100', '101', '11000', '11001', '11010', '11011', '1110000']);
});

t.test('shares of one part are disjoint, within it, and ascend', async () => {
  fc.assert(
    fc.property(somePart, fc.integer({ min: 1, max: 5_000 }), fc.nat(5_000), (part, n, more) => {
      const [one, other] = [shareOf(part, n), shareOf(part, n + more + 1)];
      return one.startsWith(part) && disjoint(one, other) && one < other;
    }),
  );
});

t.test('the n-th share lies 2 log2(n) + 1 levels down', async (t) => {
  for (const n of [1, 2, 1_000, 100_000, 2 ** 40]) {
    t.equal(shareOf('01', n).length, 2 + 2 * Math.floor(Math.log2(n)) + 1);
  }
});

t.test('what is within a share is within that one alone', async () => {
  fc.assert(
    fc.property(somePart, fc.integer({ min: 1, max: 5_000 }), somePart, (part, n, below) => {
      return shareAround(part, shareOf(part, n) + below) === n;
    }),
  );
});

t.test('what is in no single share of a part has no number', async (t) => {
  for (const id of ['', '1', '11', '110', '1100', '10']) t.equal(shareAround('', id), undefined);
  t.equal(shareAround('0', '10'), undefined, 'outside');
  t.equal(shareAround('0', '0'), undefined, 'the part itself');
});

t.test('ids are zeros and ones, of 1,024 levels at most', async (t) => {
  t.ok(isId(''));
  t.ok(isId('0110'));
  t.notOk(isId('012'));
  t.notOk(isId('0\n'));
  t.ok(isId('0'.repeat(1_024)));
  t.notOk(isId('0'.repeat(1_025)));
});
