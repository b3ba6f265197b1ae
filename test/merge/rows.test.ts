/**
 * Rows: they say what went where, no more and no less, and are a function of that alone.
 */
import fc from 'fast-check';
import t from 'tap';
import { inverted, type Pair, rowsOf } from '../../src/merge/rows.js';
import { runs } from '../runs.js';
import { allKeys, backward, forward, keysOf, mapRows } from './maps.js';

const seed = Number(process.env['REGALIA_SEED'] ?? Date.now() % 1_000_000);
t.comment(`seed ${seed}`);

function pair(from: string, to: string, returned = false): Pair {
  return { from, to, returned };
}

function texts(rows: ReturnType<typeof rowsOf>): string[] {
  return rows.map(({ from, to, returned }) => `${from} ${to ?? 'gone'}${returned ? ' back' : ''}`);
}

/** What became of the entries of a tree. */
interface Fates {
  readonly pairs: readonly Pair[];
  readonly gone: readonly string[];
  /** The keys of the second tree, those of new entries among them. */
  readonly after: ReadonlySet<string>;
}

/** Of each entry whether it goes along with what holds it, goes elsewhere, or goes. */
const fates: fc.Arbitrary<Fates> = fc
  .tuple(
    fc.uniqueArray(keysOf(3), { maxLength: 12 }),
    fc.array(fc.record({ way: fc.nat(9), to: keysOf(3) }), { minLength: 40, maxLength: 40 }),
    fc.array(keysOf(3), { maxLength: 6 }),
  )
  .map(([some, turns, fresh]) => {
    const found = new Map<string, string>();
    const gone: string[] = [];
    const taken = new Set<string>();
    for (const [i, key] of withParents(some).entries()) {
      const { way, to } = turns[i] ?? { way: 0, to: key };
      const above = key.slice(0, key.lastIndexOf('/'));
      const along = `${found.get(above) ?? above}${key.slice(above.length)}`;
      const place = way < 6 ? along : way < 9 ? to : undefined;
      if (place === undefined || taken.has(place)) gone.push(key);
      else {
        found.set(key, place);
        taken.add(place);
      }
    }
    const pairs = [...found].map(([from, to]) => pair(from, to));
    return { pairs, gone, after: new Set([...taken, ...fresh]) };
  });

/** The keys and all above them, parents first. */
function withParents(keys: readonly string[]): string[] {
  const all = new Set<string>();
  for (const key of keys) {
    for (let end = key.length; end > 0; end = key.lastIndexOf('/', end - 1)) {
      all.add(key.slice(0, end));
    }
  }
  return [...all].sort();
}

function rowsFor({ pairs, gone, after }: Fates) {
  return rowsOf(pairs, gone, (key) => after.has(key));
}

t.test('what goes along with what holds it has no row', async (t) => {
  t.same(rowsOf([pair('/a', '/a'), pair('/a/x', '/a/x')]), []);
  const moved = [pair('/a/x', '/b/x'), pair('/a', '/b'), pair('/c', '/c')];
  t.same(texts(rowsOf(moved)), ['/a /b']);
});

t.test('what leaves, stays behind or returns has one', async (t) => {
  t.same(texts(rowsOf([pair('/a', '/b'), pair('/a/x', '/x')])), ['/a /b', '/a/x /x']);
  const staying = [pair('/a', '/b'), pair('/b/x', '/b/x')];
  t.same(texts(rowsOf(staying)), ['/a /b', '/b/x /b/x']);
  t.same(texts(rowsOf([pair('/a', '/b', true)])), ['/a /b back']);
  const swapped = [pair('/a', '/b'), pair('/b', '/a')];
  t.same(texts(rowsOf(swapped)), ['/a /b', '/b /a']);
});

t.test('what is gone has one only where a stranger would be taken for it', async (t) => {
  t.same(texts(rowsOf([], ['/a'])), []);
  t.same(texts(rowsOf([], ['/a'], (key) => key === '/a')), ['/a gone']);
  const along = rowsOf([pair('/a', '/b')], ['/a/x'], (key) => key === '/b/x');
  t.same(texts(along), ['/a /b', '/a/x gone']);
});

t.test('what was at a key to which something came from outside is gone', async (t) => {
  const none = (): boolean => false;
  t.same(texts(rowsOf([], [], none, ['/a', '/a/x'])), ['/a gone']);
  t.same(texts(rowsOf([pair('/a', '/b')], [], none, ['/a'])), ['/a /b'], 'it went elsewhere');
});

t.test('the rows pair what was paired, and nothing else that is there', async () => {
  fc.assert(
    fc.property(fates, (all) => {
      const rows = rowsFor(all);
      const there = (keys: readonly string[]) => keys.filter((key) => all.after.has(key));
      for (const { from, to } of all.pairs) {
        const found = there(forward(rows, from));
        if (`${found}` !== to) throw new Error(`${texts(rows)}: ${from} is at ${found}, not ${to}`);
      }
      for (const key of all.gone) {
        const found = there(forward(rows, key));
        if (found.length > 0) throw new Error(`${texts(rows)}: ${key} is at ${found}, and is gone`);
      }
    }),
    { numRuns: runs(5_000), seed },
  );
});

t.test('they are a function of the pairs, in whatever order these come', async () => {
  const orders = fates.chain((all) => {
    const pairs = fc.shuffledSubarray([...all.pairs], { minLength: all.pairs.length });
    const gone = fc.shuffledSubarray([...all.gone], { minLength: all.gone.length });
    return fc.tuple(fc.constant(all), fc.record({ pairs, gone }));
  });
  fc.assert(
    fc.property(orders, ([all, order]) => {
      return `${texts(rowsFor({ ...all, ...order }))}` === `${texts(rowsFor(all))}`;
    }),
    { numRuns: runs(2_000), seed },
  );
});

t.test('inverted rows lead back', async () => {
  const keys = allKeys(4);
  fc.assert(
    fc.property(mapRows, (rows) => {
      const back = inverted(rows);
      for (const key of keys) {
        const [found, expected] = [forward(back, key), backward(rows, key)];
        if (`${found}` === `${expected}`) continue;
        throw new Error(`${texts(rows)}: ${key} leads back to ${found}, not to ${expected}`);
      }
    }),
    { numRuns: runs(2_000), seed },
  );
});
