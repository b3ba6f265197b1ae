/** Ranges of children against a sorted list. */
import fc from 'fast-check';
import t from 'tap';
import { type ChildRange, nameBytes, Regalia } from '../../src/index.js';
import { bytes } from './setup.js';

const name = fc
  .uint8Array({ minLength: 1, maxLength: 3 })
  .map((raw) => raw.map((byte) => 0x61 + (byte % 4)));

function expected(names: readonly Uint8Array[], range: ChildRange): string[] {
  const bound =
    (limit: string | Uint8Array | undefined, fits: (order: number) => boolean) =>
    (one: Uint8Array): boolean =>
      limit === undefined || fits(Buffer.compare(one, limit as Uint8Array));
  const sorted = [...names]
    .sort(Buffer.compare)
    .filter(bound(range.gt, (order) => order > 0))
    .filter(bound(range.gte, (order) => order >= 0))
    .filter(bound(range.lt, (order) => order < 0))
    .filter(bound(range.lte, (order) => order <= 0));
  if (range.reverse === true) sorted.reverse();
  return sorted.slice(0, range.limit).map((one) => Buffer.from(one).toString());
}

t.test('children in any range, both ways, as a sorted list has them', async (t) => {
  await using store = await Regalia.memory();
  const optional = fc.option(name, { nil: undefined });
  const ranges = fc.record({
    gt: optional,
    gte: optional,
    lt: optional,
    lte: optional,
    reverse: fc.boolean(),
    limit: fc.option(fc.nat(10), { nil: undefined }),
  });
  let count = 0;
  const property = fc.asyncProperty(
    fc.uniqueArray(name, { selector: (one) => one.join(), maxLength: 60 }),
    fc.array(ranges, { minLength: 20, maxLength: 20 }),
    fc.boolean(),
    async (names, list, wide) => {
      const parent = `d${count++}`;
      const tx = store.begin();
      // Long streams make a map of several nodes.
      for (const one of names) tx.put([parent, one], 's', new Uint8Array(wide ? 500 : 3));
      await tx.commit();
      const snapshot = store.snapshot();
      for (const range of list) {
        const given = Object.fromEntries(
          Object.entries(range).filter(([, bound]) => bound !== undefined),
        ) as ChildRange;
        // One bound at either end.
        if (given.gt !== undefined) Reflect.deleteProperty(given, 'gte');
        if (given.lt !== undefined) Reflect.deleteProperty(given, 'lte');
        const found = [...snapshot.children([parent], given)].map((entry) => entry.name);
        t.strictSame(found, expected(names, given));
      }
    },
  );
  await fc.assert(property, { numRuns: 60 });
});

t.test('ranges that make no sense have a code', async (t) => {
  await using store = await Regalia.memory();
  await store.transact((tx) => tx.put('/a/b', 's', bytes('')));
  const snapshot = store.snapshot();
  for (const range of [{ limit: -1 }, { limit: 1.5 }, { gt: 5 }, { lt: '\ud800' }]) {
    const wrong = range as ChildRange;
    t.throws(() => [...snapshot.children('/a', wrong)], { code: 'REGALIA_RANGE' }, String(range));
  }
  t.strictSame([...snapshot.children('/a', { limit: 0 })], []);
});

t.test('a child is in order of its bytes, not of its characters', async (t) => {
  await using store = await Regalia.memory();
  const names = ['\u{1f600}', '\uffee', 'z', 'é', 'a', 'B', '\udcff'];
  await store.transact((tx) => {
    for (const one of names) tx.put(`/${one}`, 's', bytes(''));
  });
  const found = [...store.snapshot().children('/')].map((entry) => entry.name);
  t.strictSame(found, ['B', 'a', 'z', 'é', '\uffee', '\u{1f600}', '\udcff']);
  const low = [...store.snapshot().children('/', { gte: 'a', lt: 'é' })].map((entry) => entry.name);
  t.strictSame(low, ['a', 'z']);
});

t.test('a prefix goes with bounds, both ways, as a sorted list has them', async (t) => {
  await using store = await Regalia.memory();
  const all = ['', 'a', 'b', '\udcff'].flatMap((x) => ['a', 'b', '\udcff'].map((y) => `${x}${y}`));
  const names = [...all, ...all.map((name) => `${name}\udcff`)];
  await store.transact((tx) => {
    for (const one of names) tx.put([one], 's', bytes('x'));
  });
  const sorted = [...new Set(names)].map((one) => nameBytes(one) as Uint8Array);
  const snapshot = store.snapshot();
  const bounds = [undefined, 'a', 'ab', 'b', '\udcff'];
  for (const prefix of ['', 'a', 'ab', 'c', '\udcff', '\udcff\udcff']) {
    const begin = nameBytes(prefix) as Uint8Array;
    const within = sorted.filter((one) => Buffer.from(one).indexOf(begin) === 0);
    for (const low of bounds) {
      for (const high of bounds) {
        for (const [from, to] of [
          ['gt', 'lt'],
          ['gte', 'lte'],
        ] as const) {
          const range = { [from]: low && nameBytes(low), [to]: high && nameBytes(high) };
          const found = [...snapshot.children('/', { ...range, prefix, limit: 5, reverse: true })];
          const want = expected(within, { ...range, limit: 5, reverse: true });
          t.strictSame(
            found.map((entry) => Buffer.from(entry.nameBytes).toString()),
            want,
          );
        }
      }
    }
  }
});
