/**
 * Relations: what maps, one after the other and along several ways, say of where keys went, against
 * a model that asks each map in turn.
 */
import fc from 'fast-check';
import t from 'tap';
import type { MapRow } from '../../src/log/maps.js';
import { Relation } from '../../src/merge/relation.js';
import { runs } from '../runs.js';
import { allKeys, images, mapRows, origins, unique } from './maps.js';

const seed = Number(process.env['REGALIA_SEED'] ?? Date.now() % 1_000_000);
t.comment(`seed ${seed}`);

const KEYS = allKeys(4);
type Maps = readonly (readonly MapRow[])[];
const someMaps: fc.Arbitrary<MapRow[][]> = fc.array(mapRows, { maxLength: 4 });

function row(from: string, to: string | undefined, returned = false): MapRow {
  return { from, to, returned };
}

function relationOf(maps: Maps): Relation {
  const relation = new Relation();
  for (const rows of maps) relation.apply(rows);
  return relation;
}

/** That a relation says the same as any of the ways, of every key. */
function agrees(relation: Relation, ways: readonly Maps[]): void {
  for (const key of KEYS) {
    const to = unique(ways.flatMap((maps) => images(maps, key)));
    const found = relation.imagesOf(key).sort();
    if (`${found}` !== `${to}`) throw new Error(`${key} is at ${found}, not at ${to}`);
    const from = unique(ways.flatMap((maps) => origins(maps, key)));
    const back = relation.originsOf(key).sort();
    if (`${back}` !== `${from}`) throw new Error(`${back} are at ${key}, not ${from}`);
  }
}

t.test('without maps all is where it was', async (t) => {
  const relation = new Relation();
  t.ok(relation.isIdentity);
  t.same(relation.imagesOf('/a/b'), ['/a/b']);
  t.same(relation.originsOf('/a/b'), ['/a/b']);
  t.same([relation.imagesOf(''), relation.originsOf('')], [[''], ['']]);
  relation.apply([]);
  t.ok(relation.isIdentity);
  t.same([...relation.bases()], []);
});

t.test('the picture above the relation is what it says', async (t) => {
  const relation = relationOf([[row('/a', '/b'), row('/b/c', '/d'), row('/x', '/a')]]);
  t.notOk(relation.isIdentity);
  t.same(relation.imagesOf('/a/c'), ['/b/c'], 'goes along');
  t.same(relation.imagesOf('/b/c'), ['/d']);
  t.same(relation.imagesOf('/x/y'), ['/a/y']);
  t.same(relation.imagesOf('/b'), [], 'something else came there');
  t.same(relation.originsOf('/b'), ['/a']);
  t.same([...relation.bases()].sort(), ['/a', '/b', '/b/c', '/d', '/x']);
});

t.test('all rows of a map are done at once: two swap', async (t) => {
  const swap = [row('/a', '/b'), row('/b', '/a')];
  const relation = relationOf([swap]);
  t.same([relation.imagesOf('/a/x'), relation.imagesOf('/b')], [['/b/x'], ['/a']]);
  relation.apply(swap);
  t.same([relation.imagesOf('/a/x'), relation.imagesOf('/b')], [['/a/x'], ['/b']]);
});

t.test('what is gone stays gone, whatever comes to its key', async (t) => {
  const relation = relationOf([[row('/a', undefined)], [row('/b', '/a')]]);
  t.same(relation.imagesOf('/a'), []);
  t.same(relation.imagesOf('/a/x'), []);
  t.same(relation.originsOf('/a'), ['/b']);
  t.same(relation.originsOf('/b'), []);
});

t.test('what was returned says so, and all that went along with it', async (t) => {
  const relation = relationOf([[row('/a', '/b', true)]]);
  t.same(relation.returnsOf('/a'), ['/b']);
  t.same(relation.returnsOf('/a/x'), ['/b/x']);
  t.same(relation.returnsOf('/c'), []);
  relation.apply([row('/b', '/c')]);
  t.same(relation.returnsOf('/a'), ['/c'], 'wherever it goes');
  t.same(relation.copy().returnsOf('/a'), ['/c']);
  t.same(Relation.union([relation, new Relation()]).returnsOf('/a'), ['/c']);
});

t.test('what was replaced is nowhere, though its key was listed before', async (t) => {
  const there = [row('/b/a', '/b/c')];
  const back = [row('/b/c', '/b/a')];
  const relation = relationOf([there, back, [row('/a', '/t/a'), row('/b', '/t')]]);
  t.same(relation.imagesOf('/b/a'), []);
  t.same(relation.originsOf('/t/a'), ['/a']);
});

t.test('all that came to one key goes along with it', async (t) => {
  const relation = relationOf([[row('/a', '/c'), row('/b', '/c', true)], [row('/c/x', '/d')]]);
  t.same([relation.imagesOf('/a/x'), relation.imagesOf('/b/x')], [['/d'], ['/d']]);
  t.same(relation.originsOf('/d').sort(), ['/a/x', '/b/x']);
});

t.test('maps, one after the other, are what each says in turn', async () => {
  fc.assert(
    fc.property(someMaps, (maps) => agrees(relationOf(maps), [maps])),
    { numRuns: runs(2_000), seed },
  );
});

t.test('images and origins are inverse to each other', async () => {
  fc.assert(
    fc.property(someMaps, (maps) => {
      const relation = relationOf(maps);
      return KEYS.every(
        (key) =>
          relation.imagesOf(key).every((to) => relation.originsOf(to).includes(key)) &&
          relation.originsOf(key).every((from) => relation.imagesOf(from).includes(key)),
      );
    }),
    { numRuns: runs(2_000), seed },
  );
});

t.test('a copy says the same, and goes its own way', async () => {
  fc.assert(
    fc.property(someMaps, mapRows, mapRows, (maps, one, other) => {
      const relation = relationOf(maps);
      const copy = relation.copy();
      agrees(copy, [maps]);
      relation.apply(one);
      copy.apply(other);
      agrees(relation, [[...maps, one]]);
      agrees(copy, [[...maps, other]]);
    }),
    { numRuns: runs(1_000), seed },
  );
});

t.test('ways that disagree on what is within itself have a union', async (t) => {
  const union = Relation.union([relationOf([[row('/a', '/a/b')]]), new Relation()]);
  t.same(union.imagesOf('/a').sort(), ['/a', '/a/b']);
  t.same(union.originsOf('/a/b').sort(), ['/a', '/a/b']);
});

t.test('a union says what each of several says, and goes on for all of them', async () => {
  const ways = fc.array(someMaps, { minLength: 1, maxLength: 3 });
  fc.assert(
    fc.property(ways, someMaps, (before, after) => {
      const union = Relation.union(before.map(relationOf));
      agrees(union, before);
      for (const rows of after) union.apply(rows);
      agrees(
        union,
        before.map((maps) => [...maps, ...after]),
      );
    }),
    { numRuns: runs(1_000), seed },
  );
});

t.test('a directory of more moves than a call takes arguments', async (t) => {
  const relation = relationOf([
    Array.from({ length: 150_000 }, (_, i) => row(`/d/f${i}`, `/d/g${i}`)),
  ]);
  t.ok(relation.present().has('/d/g149999'));
  relation.apply([row('/d', undefined)]);
  t.strictSame(relation.imagesOf('/d/f7'), []);
});
