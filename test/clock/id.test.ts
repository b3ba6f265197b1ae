/** Ids: split, sum and normal form. */
import fc from 'fast-check';
import t from 'tap';
import { type Id, idDepth, idNode, split, sum } from '../../src/clock/id.js';
import { STAMP_DEPTH_MAX } from '../../src/ground/limits.js';
import { readId } from './notation.js';
import { disjoint, equalIds, formatId } from './stamps.js';

/** Random ids that come about by splitting and dropping. */
const someId: fc.Arbitrary<Id> = fc.array(fc.nat(1000), { maxLength: 40 }).map((picks) => {
  const ids: Id[] = [1];
  for (const pick of picks) {
    const at = pick % ids.length;
    const [first, second] = split(ids[at] as Id);
    ids[at] = first;
    ids.push(second);
  }
  return ids.filter((_, at) => (picks[at] ?? 0) % 2 === 0).reduce(sum, 0 as Id);
});

t.test('equal shares have equal trees', async (t) => {
  t.equal(formatId(readId('(0, 0)')), '0');
  t.equal(formatId(readId('(1, 1)')), '1');
  t.equal(formatId(readId('(1, ((1, 1), (0, 0)))')), '(1, (1, 0))');
});

t.test('split follows its five cases', async (t) => {
  const halves = (text: string) => split(readId(text)).map(formatId);
  t.same(halves('0'), ['0', '0']);
  t.same(halves('1'), ['(1, 0)', '(0, 1)']);
  t.same(halves('(0, 1)'), ['(0, (1, 0))', '(0, (0, 1))']);
  t.same(halves('(1, 0)'), ['((1, 0), 0)', '((0, 1), 0)']);
  t.same(halves('((1, 0), (0, 1))'), ['((1, 0), 0)', '(0, (0, 1))']);
});

t.test('halves are disjoint, own something, and sum to the whole', async () => {
  fc.assert(
    fc.property(someId, (id) => {
      const [first, second] = split(id);
      if (id !== 0 && (first === 0 || second === 0)) return false;
      return disjoint(first, second) && equalIds(sum(first, second), id);
    }),
  );
});

t.test('overlapping ids have no sum', async (t) => {
  for (const [a, b] of [
    ['1', '1'],
    ['1', '(0, 1)'],
    ['(1, 0)', '(1, 0)'],
    ['(0, (1, 0))', '(0, 1)'],
  ] as const) {
    t.notOk(disjoint(readId(a), readId(b)));
    t.throws(() => sum(readId(a), readId(b)), { code: 'REGALIA_STAMP' });
  }
  t.equal(formatId(sum(readId('(0, (1, 0))'), readId('(0, (0, 1))'))), '(0, 1)');
});

t.test('an id can be halved 1,024 times and no more', async (t) => {
  let id: Id = 1;
  for (let i = 0; i < STAMP_DEPTH_MAX; i++) id = split(id)[i % 2] as Id;
  t.equal(idDepth(id), STAMP_DEPTH_MAX);
  t.throws(() => split(id), { code: 'REGALIA_STAMP', data: { actual: `${STAMP_DEPTH_MAX + 1}` } });
  t.throws(() => idNode(id, 0), { code: 'REGALIA_STAMP' });
});
