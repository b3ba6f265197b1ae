/**
 * Diff: the rows of a plain comparison, whatever the shapes of the trees, and no more nodes read
 * than differ.
 */

import fc from 'fast-check';
import t from 'tap';
import { nameText } from '../../src/ground/text.js';
import { type Difference, type DiffOptions, diffTrees } from '../../src/tree/diff.js';
import { parseKey } from '../../src/tree/key.js';
import type { Tree } from '../../src/tree/lookup.js';
import { runs } from '../runs.js';
import { byName, cloneEntry, type Entry, Laboratory, newEntry, put } from './model.js';
import { play, stepsArbitrary } from './steps.js';

/** A row as text: '+/a/b stream'. */
function rowText({ names, kind, stream }: Pick<Difference, 'names' | 'kind' | 'stream'>): string {
  const sign = kind === 'added' ? '+' : kind === 'removed' ? '-' : '*';
  const key = names.map((name) => `/${nameText(name)}`).join('') || '/';
  return stream === undefined ? `${sign}${key}` : `${sign}${key} ${stream}`;
}

function rowsOf(before: Tree | undefined, after: Tree | undefined, o: DiffOptions = {}): string[] {
  return [...diffTrees(before, after, o)].map(rowText);
}

function union<T>(a: Map<string, T> | undefined, b: Map<string, T> | undefined): string[] {
  return [...new Set([...(a?.keys() ?? []), ...(b?.keys() ?? [])])].sort(byName);
}

/** The same rows from two models, by plain comparison. */
function modelRows(
  a: Entry | undefined,
  b: Entry | undefined,
  deep: boolean,
  key = '',
  isTop = true,
): string[] {
  const sides = (a === undefined ? 0 : 1) + (b === undefined ? 0 : 1);
  if (sides === 0) return [];
  if (!isTop && sides === 1 && !deep) return [`${a === undefined ? '+' : '-'}${key}`];
  if (sides === 2 && a?.bucket !== b?.bucket) {
    return [
      ...modelRows(a, undefined, deep, key, false),
      ...modelRows(undefined, b, deep, key, false),
    ];
  }
  const rows: string[] = [];
  for (const stream of union(a?.streams, b?.streams)) {
    const was = a?.streams.get(stream);
    const is = b?.streams.get(stream);
    if (was === is) continue;
    rows.push(`${was === undefined ? '+' : is === undefined ? '-' : '*'}${key || '/'} ${stream}`);
  }
  for (const name of union(a?.children, b?.children)) {
    const [was, is] = [a?.children.get(name), b?.children.get(name)];
    rows.push(...modelRows(was, is, deep, `${key}/${name}`, false));
  }
  return rows;
}

t.test('rows are those of a plain comparison, and mirrored in reverse', async (t) => {
  const laboratory = await Laboratory.open();
  fc.assert(
    fc.property(stepsArbitrary(150), stepsArbitrary(30), fc.boolean(), (start, steps, deep) => {
      const a = newEntry();
      play(a, start);
      const b = cloneEntry(a);
      play(b, steps);
      const [before, after] = [laboratory.build(a), laboratory.build(b)];
      const expected = modelRows(a, b, deep);
      t.strictSame(rowsOf(before, after, { deep }), expected);
      t.strictSame(rowsOf(before, after, { deep, reverse: true }), expected.reverse());
    }),
    { numRuns: runs(150) },
  );
});

function flat(count: number, nameOf = (i: number) => `f${String(i).padStart(6, '0')}`): Entry {
  const top = newEntry();
  for (let i = 0; i < count; i++) put(top, `/${nameOf(i)}`, 's', `contents ${i}`);
  return top;
}

t.test('nodes of other heights and shifted ends meet again', async (t) => {
  const laboratory = await Laboratory.open();
  const large = flat(3_000);
  const without = (from: number, until: number): Entry => {
    const kept = [...large.children].filter((_, i) => i < from || i >= until);
    return { streams: new Map(), children: new Map(kept) };
  };
  const models = [large, newEntry(), flat(3), without(0, 2_900), without(100, 3_000)];
  models.push(without(1_000, 1_900), without(2_999, 3_000), without(1_500, 1_501));
  const trees = models.map((model) => laboratory.build(model));
  for (const [i, a] of models.entries()) {
    for (const [j, b] of models.entries()) {
      const expected = modelRows(a, b, false);
      t.strictSame(rowsOf(trees[i], trees[j]), expected, `${i} to ${j}`);
      const back = rowsOf(trees[i], trees[j], { reverse: true });
      t.strictSame(back, expected.reverse(), `${i} to ${j}, in reverse`);
    }
  }
});

t.test('a table of shapes that numbers them anew is no difference', async (t) => {
  const laboratory = await Laboratory.open();
  const a = flat(200);
  const b = cloneEntry(a);
  put(b, '/f000100', 'a', 'a shape before the others');
  t.strictSame(rowsOf(laboratory.build(a), laboratory.build(b)), ['+/f000100 a']);
});

t.test('a stream that leaves its record because another grew is no difference', async (t) => {
  const laboratory = await Laboratory.open();
  const a = newEntry();
  for (const stream of 'abcdefgh') put(a, '/entry', stream, stream.repeat(400));
  put(a, '/entry/child', 's', 'below');
  const b = cloneEntry(a);
  for (const stream of 'ijklmnop') put(b, '/entry', stream, stream.repeat(500));
  const rows = [...'ijklmnop'].map((stream) => `+/entry ${stream}`);
  t.strictSame(rowsOf(laboratory.build(a), laboratory.build(b)), rows);
  t.strictSame(rowsOf(laboratory.build(b), laboratory.build(a), { reverse: true }).length, 8);
});

t.test('an absent tree is an empty one, and a key narrows the rows', async (t) => {
  const laboratory = await Laboratory.open();
  const model = newEntry();
  put(model, '/a/b', 's', '1');
  put(model, '/a/c', 's', '2');
  put(model, '/d', 's', '3');
  const tree = laboratory.build(model);
  t.strictSame(rowsOf(undefined, undefined), []);
  t.strictSame(rowsOf(undefined, tree), ['+/a', '+/d']);
  t.strictSame(rowsOf(tree, undefined, { deep: true }), ['-/a/b s', '-/a/c s', '-/d s']);
  t.strictSame(rowsOf(undefined, tree, { key: parseKey('/a') }), ['+/a']);
  t.strictSame(rowsOf(undefined, tree, { key: parseKey('/a'), deep: true }).length, 2);
  t.strictSame(rowsOf(tree, tree, { key: parseKey('/none') }), []);
  const other = cloneEntry(model);
  put(other, '/a/b', 's', 'other');
  put(other, '/d', 's', 'other');
  const changed = laboratory.build(other);
  t.strictSame(rowsOf(tree, changed, { key: parseKey('/a') }), ['*/a/b s']);
});

t.test('another bucket at a key is removed and added; the same one is looked into', async (t) => {
  const laboratory = await Laboratory.open();
  const model = newEntry();
  put(model, '/b/x', 's', '1');
  (model.children.get('b') as Entry).bucket = 'p';
  const inner = cloneEntry(model);
  put(inner, '/b', 'own', 'a stream of the bucket itself');
  put(inner, '/b/x', 's', '2');
  const other = cloneEntry(model);
  (other.children.get('b') as Entry).bucket = 'q';
  const trees = [model, inner, other].map((each) => laboratory.build(each));
  t.strictSame(rowsOf(trees[0], trees[1]), ['+/b own', '*/b/x s']);
  t.strictSame(rowsOf(trees[0], trees[2]), ['-/b', '+/b']);
  t.strictSame(rowsOf(trees[1], trees[2], { deep: true }), ['-/b own', '-/b/x s', '+/b/x s']);
  t.strictSame(rowsOf(trees[0], trees[2], { key: parseKey('/b') }), ['-/b', '+/b']);
});

t.test('rows are made as they are asked for', async (t) => {
  const laboratory = await Laboratory.open();
  const tree = laboratory.build(flat(20_000));
  let read = 0;
  const { cache } = tree;
  const { child } = cache;
  cache.child = (node, index) => {
    read++;
    return child.call(cache, node, index);
  };
  const [first] = diffTrees(undefined, tree);
  cache.child = child;
  t.equal(first && rowText(first), '+/f000000');
  t.ok(read <= 5, `${read} nodes for the first row`);
});
