/**
 * Several bases: histories that crossed merge as if they had one base, in which what was disputed
 * is unknown.
 */
import fc from 'fast-check';
import t from 'tap';
import { hex } from '../../src/ground/bytes.js';
import type { Tree } from '../../src/tree/lookup.js';
import { runs } from '../runs.js';
import { cloneEntry, type Entry, Laboratory, newEntry, put } from '../tree/model.js';
import { play, type Step, stepsArbitrary } from '../tree/steps.js';
import { conflictTexts, crossed, type Merged, mergeOn } from './merging.js';
import { mergeModels } from './model-merge.js';

const laboratory = await Laboratory.open(undefined, 400_000);

function treeOf(contents: Record<string, string>): Tree {
  const top = newEntry();
  for (const [key, text] of Object.entries(contents)) put(top, key, 's', text);
  return laboratory.build(top);
}

function rootOf(tree: Tree): string {
  return hex(tree.root.address);
}

/** What heads merge to that both came after two commits, which came after an older one. */
function mergeAfter(older: Tree, bases: readonly [Tree, Tree], ours: Tree, theirs: Tree): Merged {
  return mergeOn(laboratory, crossed(laboratory, older, ...bases), ours, theirs);
}

t.test('what one base alone changed is known, what they dispute is not', async (t) => {
  const older = treeOf({ '/a': '0', '/b': '0', '/c': '0' });
  const left = treeOf({ '/a': 'l', '/b': 'l', '/c': '0' });
  const right = treeOf({ '/a': 'r', '/b': '0', '/c': 'r' });
  const { unknown, base } = crossed(laboratory, older, left, right);
  t.strictSame([...unknown.keys()], ['/a']);
  t.strictSame([...(unknown.get('/a')?.streams ?? [])], ['s']);
  t.ok(base);
  // Both sides merged left and right, and resolved /a in two ways; then theirs went on with /b.
  const ours = treeOf({ '/a': 'l', '/b': 'l', '/c': 'r' });
  const theirs = treeOf({ '/a': 'r', '/b': 't', '/c': 'r' });
  const merged = mergeAfter(older, [left, right], ours, theirs);
  t.strictSame(conflictTexts(merged.conflicts), ['both-changed /a s']);
  const mirrored = mergeAfter(older, [right, left], theirs, ours);
  t.strictSame(conflictTexts(mirrored.conflicts), ['both-changed /a s']);
  const alike = treeOf({ '/a': 'l', '/b': 't', '/c': 'r' });
  const settled = mergeAfter(older, [left, right], ours, alike);
  t.strictSame(settled.conflicts, [], 'where both sides resolved alike there is none');
  t.equal(rootOf(settled.tree), rootOf(alike));
});

t.test('a removal that the bases dispute is a conflict where the sides differ', async (t) => {
  const older = treeOf({ '/d/x': '0', '/d/y': '0', '/e': '0' });
  const removing = treeOf({ '/e': '0' });
  const changing = treeOf({ '/d/x': '1', '/d/y': '0', '/e': '0' });
  const { unknown } = crossed(laboratory, older, removing, changing);
  t.equal(unknown.get('/d')?.presence, true);
  const bases = [removing, changing] as const;
  const merged = mergeAfter(older, [...bases], removing, changing);
  t.strictSame(conflictTexts(merged.conflicts), ['removed/changed /d']);
  for (const both of bases) {
    const settled = mergeAfter(older, [...bases], both, both);
    t.strictSame(settled.conflicts, []);
    t.equal(rootOf(settled.tree), rootOf(both));
  }
});

interface Crossed {
  readonly older: Entry;
  readonly left: Entry;
  readonly right: Entry;
  readonly ours: Entry;
  readonly theirs: Entry;
}

/** Two ways from an older state, joined as left has it where they conflict, and two ways on. */
const crossings: fc.Arbitrary<Crossed> = fc
  .tuple(...[60, 20, 20, 10, 10].map((length) => stepsArbitrary(length, 'few')))
  .map((lists: Step[][]) => {
    const [start, one, two, three, four] = lists.map((list) => {
      return list.filter((step) => step.do !== 'bucket');
    }) as [Step[], Step[], Step[], Step[], Step[]];
    const played = (from: Entry, steps: readonly Step[]): Entry => {
      const entry = cloneEntry(from);
      play(entry, steps);
      return entry;
    };
    const older = played(newEntry(), start);
    const [left, right] = [played(older, one), played(older, two)];
    const { merged } = mergeModels(older, left, right);
    return { older, left, right, ours: played(merged, three), theirs: played(merged, four) };
  });

t.test('neither the order of bases nor that of sides matters', async (t) => {
  const seed = Number(process.env['REGALIA_SEED'] ?? Date.now() % 1_000_000);
  t.comment(`seed ${seed}`);
  fc.assert(
    fc.property(crossings, (models) => {
      const { older, left, right, ours, theirs } = models;
      const [old, l, r, o, th] = [older, left, right, ours, theirs].map((model) => {
        return laboratory.build(model);
      }) as [Tree, Tree, Tree, Tree, Tree];
      const keys = ({ conflicts }: Merged) =>
        conflicts.map(({ key, stream }) => `${key} ${stream}`).sort();
      const one = mergeAfter(old, [l, r], o, th);
      const others = [
        mergeAfter(old, [r, l], o, th),
        mergeAfter(old, [l, r], th, o),
        mergeAfter(old, [r, l], th, o),
      ];
      for (const other of others) {
        t.strictSame(keys(other), keys(one));
        if (one.conflicts.length === 0) t.equal(rootOf(other.tree), rootOf(one.tree));
      }
      const self = mergeAfter(old, [l, r], o, o);
      t.strictSame([keys(self), rootOf(self.tree)], [[], rootOf(o)]);
    }),
    { numRuns: runs(60), seed },
  );
});
