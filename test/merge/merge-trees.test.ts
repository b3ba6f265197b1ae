/**
 * Merging trees in which nothing moved: the outcome of the obvious merge, the same whichever side
 * asks, and every conflict reported.
 */
import fc from 'fast-check';
import t, { type Test } from 'tap';
import { hex } from '../../src/ground/bytes.js';
import { utf8Bytes } from '../../src/ground/text.js';
import type { Side, TreeConflict } from '../../src/merge/conflict.js';
import type { Answer, Policies } from '../../src/merge/resolve.js';
import { diffTrees } from '../../src/tree/diff.js';
import { type EditSource, editMapSteps, type MapResult } from '../../src/tree/edit.js';
import { keyText } from '../../src/tree/key.js';
import { Tree } from '../../src/tree/lookup.js';
import { childOf, placeRecord } from '../../src/tree/placement.js';
import { NO_CHILD, type RecordParts } from '../../src/tree/record.js';
import { NO_NAME, writeRoot } from '../../src/tree/root.js';
import { NO_STREAMS, Shapes } from '../../src/tree/shape.js';
import { finishSteps } from '../../src/tree/steps.js';
import { runs } from '../runs.js';
import {
  bytesIn,
  cloneEntry,
  type Entry,
  Laboratory,
  newEntry,
  put,
  RULES,
  take,
  textPart,
} from '../tree/model.js';
import { play, type Step, stepsArbitrary } from '../tree/steps.js';
import { conflictTexts, type Merged, merge } from './merging.js';
import { type ModelJudge, type ModelMerge, mergeModels } from './model-merge.js';

/** The map after edits, without a pause. */
function editMapNow(...call: Parameters<typeof editMapSteps>): MapResult {
  return finishSteps(editMapSteps(...call));
}

const SHAPES = new Shapes();

const laboratory = await Laboratory.open(undefined, 400_000);

type Options = Parameters<typeof merge>[4];

function mergeOf(base: Tree | undefined, ours: Tree, theirs: Tree, options: Options = {}): Merged {
  return merge(laboratory, base, ours, theirs, options);
}

function rootOf(tree: Tree): string {
  return hex(tree.root.address);
}

interface Fork {
  readonly base: Entry;
  readonly ours: Entry;
  readonly theirs: Entry;
}

/** The models after a common start and two separate ways. */
const forks = fc
  .oneof(
    fc.tuple(stepsArbitrary(120), stepsArbitrary(25), stepsArbitrary(25)),
    fc.tuple(stepsArbitrary(60, 'few'), stepsArbitrary(8, 'few'), stepsArbitrary(8, 'few')),
  )
  .map((lists) => forked(lists));

/** Those without buckets. */
const plainForks = fc
  .oneof(
    fc.tuple(stepsArbitrary(120), stepsArbitrary(25), stepsArbitrary(25)),
    fc.tuple(stepsArbitrary(60, 'few'), stepsArbitrary(8, 'few'), stepsArbitrary(8, 'few')),
  )
  .map((lists) => forked(lists.map((list) => list.filter((step) => step.do !== 'bucket'))));

function forked([start, left, right]: readonly Step[][]): Fork {
  const base = newEntry();
  play(base, start ?? []);
  const [ours, theirs] = [cloneEntry(base), cloneEntry(base)];
  play(ours, left ?? []);
  play(theirs, right ?? []);
  return { base, ours, theirs };
}

function build(...models: Entry[]): [Tree, Tree, Tree] {
  return models.map((model) => laboratory.build(model)) as [Tree, Tree, Tree];
}

/** That a merge has the conflicts of the model's, and without any its tree. */
function agrees(t: Test, { conflicts, tree }: Merged, expected: ModelMerge): void {
  t.strictSame(conflictTexts(conflicts), expected.conflicts);
  if (conflicts.length > 0) return;
  t.equal(rootOf(tree), rootOf(laboratory.build(expected.merged)));
}

t.test('a merge is the plain one, conflict by conflict', async (t) => {
  fc.assert(
    fc.property(plainForks, ({ base, ours, theirs }) => {
      const merged = mergeOf(...build(base, ours, theirs));
      agrees(t, merged, mergeModels(base, ours, theirs));
    }),
    { numRuns: runs(250) },
  );
});

t.test('without a common base everything was added on both sides', async (t) => {
  fc.assert(
    fc.property(plainForks, ({ ours, theirs }) => {
      const [o, th] = build(ours, theirs);
      agrees(t, mergeOf(undefined, o, th), mergeModels(undefined, ours, theirs));
    }),
    { numRuns: runs(60) },
  );
});

t.test('merging with itself, or with its base, changes nothing and takes everything', async (t) => {
  fc.assert(
    fc.property(forks, ({ base, ours }) => {
      const [b, o] = build(base, ours);
      for (const [from, left, right] of [
        [b, o, o],
        [o, o, o],
        [b, b, o],
        [b, o, b],
      ] as const) {
        const { conflicts, tree } = mergeOf(from, left, right);
        t.equal(rootOf(tree), rootOf(o));
        t.strictSame(conflicts, []);
      }
    }),
    { numRuns: runs(60) },
  );
});

t.test('either side asking, the newest gives one root', async (t) => {
  fc.assert(
    fc.property(forks, ({ base, ours, theirs }) => {
      const [b, o, th] = build(base, ours, theirs);
      const longer = ({ ours: x, theirs: y }: TreeConflict): Side => {
        const [p, q] = [x?.part, y?.part].map((part) => hex(bytesIn(part)));
        return (p as string) >= (q as string) ? 'ours' : 'theirs';
      };
      const newest = (left: Side): Options => ({
        given: {
          streams: (stream) => (stream === 'a' ? 'newest' : longer),
          entries: () => 'newest',
          places: () => 'newest',
        },
        // A wall clock that says by the key's length which side was later.
        newer: ({ conflict }) => {
          const first = conflict.key.length % 2 === 0;
          return first === (left === 'ours') ? 'ours' : 'theirs';
        },
      });
      const one = mergeOf(b, o, th, newest('ours'));
      const other = mergeOf(b, th, o, newest('theirs'));
      t.strictSame([...one.conflicts, ...other.conflicts], []);
      t.equal(rootOf(one.tree), rootOf(other.tree));
    }),
    { numRuns: runs(150) },
  );
});

t.test('either side asking, the conflicts are the same', async (t) => {
  const mirrored = (text: string): string => {
    if (text.startsWith('removed/changed'))
      return text.replace('removed/changed', 'changed/removed');
    return text.replace('changed/removed', 'removed/changed');
  };
  fc.assert(
    fc.property(forks, ({ base, ours, theirs }) => {
      const [b, o, th] = build(base, ours, theirs);
      const one = conflictTexts(mergeOf(b, o, th).conflicts);
      const other = conflictTexts(mergeOf(b, th, o).conflicts);
      t.strictSame(other.map(mirrored).sort(), one);
    }),
    { numRuns: runs(150) },
  );
});

function modelOf(entries: Record<string, string>): Entry {
  const top = newEntry();
  for (const [key, contents] of Object.entries(entries)) put(top, key, 's', contents);
  return top;
}

function treeOf(entries: Record<string, string>): Tree {
  return laboratory.build(modelOf(entries));
}

t.test('conflicts carry what each side has, and answers resolve them', async (t) => {
  const base = treeOf({ '/a': '1', '/b': '1', '/d/x': '1', '/d/y': '1', '/e': '1' });
  const ours = treeOf({ '/a': '2', '/b': '2', '/e': '1', '/n': 'o' });
  const theirs = treeOf({ '/a': '3', '/b': '3', '/d/x': '3', '/d/y': '1', '/e': '1', '/n': 't' });
  const { conflicts } = mergeOf(base, ours, theirs);
  t.strictSame(conflictTexts(conflicts), [
    'both-added /n s',
    'both-changed /a s',
    'both-changed /b s',
    'removed/changed /d',
  ]);
  const first = conflicts.find(({ key }) => key === '/a');
  t.strictSame(
    [first?.base, first?.ours, first?.theirs].map((side) => bytesIn(side?.part).toString()),
    ['1', '2', '3'],
  );
  const partOf = (_: TreeConflict, stream: string, contents: unknown) => {
    return textPart(`${contents} for ${stream}`);
  };
  const answers: Answer[] = [
    { key: '/a', stream: 's', take: 'theirs' },
    { key: '/b', stream: 's', contents: 'both' },
    { key: '/d', take: 'theirs' },
    { key: ['n'], take: 'ours' },
  ];
  const resolved = mergeOf(base, ours, theirs, { answers, partOf });
  t.strictSame(resolved.conflicts, []);
  const expected = {
    '/a': '3',
    '/b': 'both for s',
    '/d/x': '3',
    '/d/y': '1',
    '/e': '1',
    '/n': 'o',
  };
  t.equal(rootOf(resolved.tree), rootOf(treeOf(expected)));
  const based: Answer[] = [
    { key: '/a', take: 'base' },
    { key: '/b', take: 'base' },
    { key: '/d', take: 'ours' },
    { key: '/n', take: 'theirs' },
  ];
  const reverted = mergeOf(base, ours, theirs, { answers: based });
  t.equal(rootOf(reverted.tree), rootOf(treeOf({ '/a': '1', '/b': '1', '/e': '1', '/n': 't' })));
});

t.test('each policy has its say', async (t) => {
  const base = treeOf({ '/a': '1', '/d/x': '1', '/z': '1' });
  const ours = treeOf({ '/a': '2', '/z': '1' });
  const theirs = treeOf({ '/a': '3', '/d/x': '3', '/z': '1' });
  const partOf = (_: TreeConflict, __: string, contents: unknown) => {
    return textPart(`<${(contents as Uint8Array).length}>`);
  };
  const outcome = (given: Policies): string[] => {
    const { conflicts, tree } = mergeOf(base, ours, theirs, { given, partOf });
    const rows = [...diffTrees(undefined, tree, { deep: true })];
    return ['/a', '/d/x'].map((key) => {
      const isOpen = conflicts.some((one) => key.startsWith(one.key));
      const row = rows.find(({ names }) => keyText(names) === key);
      return isOpen ? '?' : row === undefined ? '-' : bytesIn(row.after).toString();
    });
  };
  t.strictSame(outcome({ streams: () => 'ours', entries: () => 'ours' }), ['2', '-']);
  t.strictSame(outcome({ streams: () => 'theirs', entries: () => 'theirs' }), ['3', '3']);
  t.strictSame(outcome({ entries: () => 'keep' }), ['?', '3']);
  t.strictSame(outcome({ entries: () => 'remove' }), ['?', '-']);
  t.strictSame(outcome({ entries: () => 'theirs' }), ['?', '3']);
  t.strictSame(outcome({ entries: () => undefined }), ['?', '?']);
  t.strictSame(outcome({ streams: () => () => utf8Bytes('99') }), ['<2>', '?']);
  t.strictSame(outcome({ streams: () => () => textPart('8') }), ['8', '?']);
  t.strictSame(outcome({ streams: () => () => 'base' }), ['1', '?']);
  t.strictSame(outcome({ streams: () => () => undefined }), ['?', '?']);
});

t.test('a name that only one side changed is copied without reading below it', async (t) => {
  const entries: Record<string, string> = {};
  for (let i = 0; i < 3_000; i++) entries[`/big/f${i}`] = `${i}`.repeat(10);
  const base = treeOf({ '/a': '1' });
  const theirs = treeOf({ '/a': '1', ...entries });
  const ours = treeOf({ '/a': '2' });
  let read = 0;
  const { cache } = laboratory;
  const { child, load } = cache;
  cache.child = (...args) => {
    read++;
    return child.apply(cache, args);
  };
  cache.load = (...args) => {
    read++;
    return load.apply(cache, args);
  };
  const { result } = mergeOf(base, ours, theirs);
  cache.child = child;
  cache.load = load;
  t.equal(result.changed, 1);
  t.ok(read < 10, `${read} nodes read`);
});

t.test('rules: one side may change them, two only alike or by a callback', async (t) => {
  const model = modelOf({ '/a': '1' });
  const [x, y, z] = ['x', 'y', 'z'].map((rules) => laboratory.build(model, utf8Bytes(rules)));
  const rulesOf = (b: Tree, o: Tree, th: Tree, options: Options = {}): string =>
    Buffer.from(mergeOf(b, o, th, options).tree.root.rules).toString();
  t.equal(rulesOf(x as Tree, y as Tree, x as Tree), 'y');
  t.equal(rulesOf(x as Tree, x as Tree, y as Tree), 'y');
  t.equal(rulesOf(x as Tree, y as Tree, y as Tree), 'y');
  t.throws(() => rulesOf(x as Tree, y as Tree, z as Tree), { code: 'REGALIA_RULE' });
  const mergeRules = () => utf8Bytes('merged');
  t.equal(rulesOf(x as Tree, y as Tree, z as Tree, { mergeRules }), 'merged');
});

/** A tree of one entry at a depth that no key reaches, made from below. */
function deepTree(depth: number, contents: string): Tree {
  const { writer, cache } = laboratory;
  let parts: RecordParts = {
    shape: SHAPES.of(['s']),
    streams: [textPart(contents)],
    child: NO_CHILD,
  };
  for (let i = 0; i < depth; i++) {
    const fresh = placeRecord(writer, utf8Bytes('d'), parts, true);
    let name: EditSource['name'] = { bytes: utf8Bytes('d'), start: 0, end: 1 };
    const map = editMapNow(writer, undefined, {
      get name() {
        return name;
      },
      apply: () => fresh,
      advance: () => {
        name = undefined;
      },
    });
    parts = {
      shape: NO_STREAMS,
      streams: [],
      child: childOf(map as Exclude<MapResult, { form: 'same' }>),
    };
  }
  const { id, address } = writeRoot(writer, RULES, placeRecord(writer, NO_NAME, parts, true));
  return Tree.load(cache, id, address);
}

t.test('a tree deeper than any key is refused, not followed', async (t) => {
  const [b, o, th] = ['1', '2', '3'].map((contents) => deepTree(2_100, contents)) as [
    Tree,
    Tree,
    Tree,
  ];
  t.throws(() => mergeOf(b, o, th), { code: 'REGALIA_FORMAT' });
  t.throws(() => [...diffTrees(b, o)], { code: 'REGALIA_FORMAT' });
  const [b2, o2, th2] = ['1', '2', '3'].map((contents) => deepTree(1_500, contents)) as Tree[];
  t.equal([...diffTrees(b2, o2)].length, 1);
  t.equal(mergeOf(b2, o2 as Tree, th2 as Tree).conflicts.length, 1);
});

t.test('a judge of streams decides as it does in the model', async (t) => {
  // Contents are runs of 'x': the longer is the larger.
  const larger: ModelJudge = (ours, theirs) => ((ours ?? '') >= (theirs ?? '') ? 'ours' : 'theirs');
  const judge = ({ ours: x, theirs: y }: TreeConflict): Side => {
    return (x?.part?.length ?? 0) >= (y?.part?.length ?? 0) ? 'ours' : 'theirs';
  };
  fc.assert(
    fc.property(plainForks, ({ base, ours, theirs }) => {
      const merged = mergeOf(...build(base, ours, theirs), { given: { streams: () => judge } });
      agrees(t, merged, mergeModels(base, ours, theirs, larger));
    }),
    { numRuns: runs(80) },
  );
});

t.test('what both removed stays removed, and its emptied parents with it', async (t) => {
  const base = modelOf({ '/a/b/x': '1', '/a/b/y': '1', '/c': '1' });
  const [ours, theirs] = [cloneEntry(base), cloneEntry(base)];
  take(ours, '/a/b/x');
  take(theirs, '/a/b/y');
  const { conflicts, tree } = mergeOf(...build(base, ours, theirs));
  t.strictSame(conflicts, []);
  t.equal(rootOf(tree), rootOf(treeOf({ '/c': '1' })));
});

t.test('strictly, equal changes of both sides stand against each other too', async (t) => {
  const base = treeOf({ '/a': '1', '/b': '1', '/c': '1' });
  const both = treeOf({ '/a': '2', '/c': '1', '/d': '1' });
  t.strictSame(mergeOf(base, both, both).conflicts, []);
  const { conflicts } = mergeOf(base, both, both, { strict: true });
  t.strictSame(conflicts.map(({ key }) => key).sort(), ['/a', '/b', '/d']);
  const [one, other] = [{ '/d/x': '1' }, { '/d/y': '1' }].map((more) => {
    return treeOf({ '/a': '1', '/b': '1', '/c': '1', ...more });
  }) as [Tree, Tree];
  t.strictSame(mergeOf(base, one, other, { strict: true }).conflicts, [], 'but a way to both');
});
