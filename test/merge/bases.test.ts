/**
 * Several bases: histories that crossed merge as if they had one base, in which what conflicted is
 * absent.
 */
import fc from 'fast-check';
import t from 'tap';
import { hex } from '../../src/ground/bytes.js';
import { type MergeOptions, type MergeResult, mergeTrees } from '../../src/merge/merge-trees.js';
import type { Tree } from '../../src/tree/lookup.js';
import { cloneEntry, type Entry, Laboratory, listing, newEntry, put } from '../tree/model.js';
import { play, stepsArbitrary } from '../tree/steps.js';
import { mergeModels } from './model-merge.js';
import { moveEntry, moveOf } from './moving.js';

const laboratory = await Laboratory.open(undefined, 400_000);

function build(...models: Entry[]): Tree[] {
  return models.map((model) => laboratory.build(model));
}

function mergeOf(bases: readonly Tree[], ours: Tree, theirs: Tree, o: Partial<MergeOptions> = {}) {
  const { cache, writer } = laboratory;
  return mergeTrees({ cache, writerFor: () => writer, bases, ours, theirs, ...o });
}

function applied(ours: Tree, result: MergeResult): string {
  return hex(laboratory.apply(ours, result.edit).root.address);
}

function modelOf(contents: Record<string, string>): Entry {
  const top = newEntry();
  for (const [key, text] of Object.entries(contents)) put(top, key, 's', text);
  return top;
}

t.test(
  'criss-cross: what both bases agree on is no conflict, what they dispute is added',
  async (t) => {
    const root = modelOf({ '/a': '0', '/b': '0', '/c': '0' });
    const left = modelOf({ '/a': 'l', '/b': 'l', '/c': '0' });
    const right = modelOf({ '/a': 'r', '/b': '0', '/c': 'r' });
    // Both sides merged left and right, and resolved /a in two ways; then theirs went on with /b.
    const ours = modelOf({ '/a': 'l', '/b': 'l', '/c': 'r' });
    const theirs = modelOf({ '/a': 'r', '/b': 't', '/c': 'r' });
    const [r, l, ri, o, th] = build(root, left, right, ours, theirs) as [
      Tree,
      Tree,
      Tree,
      Tree,
      Tree,
    ];
    const basesOf = () => ({ bases: [r] });
    const result = mergeOf([l, ri], o, th, { basesOf });
    const texts = result.conflicts.map(({ kind, key }) => `${kind} ${key}`);
    t.strictSame(texts, ['both-added /a']);
    t.equal(
      applied(o, result),
      hex((build(modelOf({ '/a': 'l', '/b': 't', '/c': 'r' }))[0] as Tree).root.address),
    );
    const mirrored = mergeOf([ri, l], th, o, { basesOf });
    t.strictSame(
      mirrored.conflicts.map(({ key }) => key),
      ['/a'],
    );
  },
);

t.test('the order of bases is nothing, and one base named twice is one', async (t) => {
  const steps = fc.tuple(
    stepsArbitrary(60),
    stepsArbitrary(20),
    stepsArbitrary(20),
    stepsArbitrary(10),
    stepsArbitrary(10),
  );
  fc.assert(
    fc.property(steps, ([start, one, two, three, four]) => {
      const root = newEntry();
      play(root, start);
      const [left, right] = [cloneEntry(root), cloneEntry(root)];
      play(left, one);
      play(right, two);
      // What left and right agree on, resolved as left has it, and then two more ways.
      const { merged } = mergeModels(root, left, right);
      const [ours, theirs] = [cloneEntry(merged), cloneEntry(merged)];
      play(ours, three);
      play(theirs, four);
      const [r, l, ri, o, th] = build(root, left, right, ours, theirs) as [
        Tree,
        Tree,
        Tree,
        Tree,
        Tree,
      ];
      const basesOf = () => ({ bases: [r] });
      const result = mergeOf([l, ri], o, th, { basesOf });
      const again = mergeOf([ri, l, ri], o, th, { basesOf });
      t.equal(applied(o, result), applied(o, again));
      const keys = ({ conflicts }: MergeResult) =>
        conflicts.map(({ key, stream }) => `${key} ${stream}`);
      t.strictSame(keys(result), keys(again));
      t.strictSame(keys(mergeOf([l, ri], th, o, { basesOf })).sort(), keys(result).sort());
      const self = mergeOf([l, ri], o, o, { basesOf });
      t.strictSame([self.conflicts.length, applied(o, self)], [0, hex(o.root.address)]);
    }),
    { numRuns: 60 },
  );
});

t.test(
  'bases that moved things since their own base are merged where they moved them',
  async (t) => {
    const root = modelOf({ '/a/x': '0', '/b': '0' });
    const left = cloneEntry(root);
    moveEntry(left, '/a', '/m');
    const right = cloneEntry(root);
    put(right, '/a/x', 's', 'r');
    const merged = modelOf({ '/m/x': 'r', '/b': '0' });
    const [ours, theirs] = [cloneEntry(merged), cloneEntry(merged)];
    put(ours, '/m/x', 's', 'ours');
    put(theirs, '/b', 's', 'theirs');
    const [r, l, ri, o, th] = build(root, left, right, ours, theirs) as [
      Tree,
      Tree,
      Tree,
      Tree,
      Tree,
    ];
    const moved = [moveOf('/a', '/m')];
    const basesOf = ([first]: readonly Tree[]) => {
      const isLeft = hex((first as Tree).root.address) === hex(l.root.address);
      return { bases: [r], moves: { ours: isLeft ? moved : [], theirs: isLeft ? [] : moved } };
    };
    const result = mergeOf([l, ri], o, th, { basesOf });
    t.strictSame(result.conflicts, []);
    const expected = modelOf({ '/m/x': 'ours', '/b': 'theirs' });
    t.equal(
      applied(o, result),
      hex((build(expected)[0] as Tree).root.address),
      listing(expected).join(', '),
    );
  },
);

t.test('bases without end are cut short, alike on both sides', async (t) => {
  const [a, b, o, th] = build(
    modelOf({ '/a': '1' }),
    modelOf({ '/a': '2' }),
    modelOf({ '/a': '3' }),
    modelOf({ '/a': '3', '/b': '1' }),
  ) as [Tree, Tree, Tree, Tree];
  let asked = 0;
  const basesOf = () => {
    asked++;
    return { bases: [a, b] };
  };
  const result = mergeOf([a, b], o, th, { basesOf });
  t.equal(applied(o, result), hex(th.root.address));
  t.ok(asked < 100, `${asked} times`);
});
