/**
 * Merging trees: the outcome of the obvious merge, the same whichever side asks, and every conflict
 * reported.
 */

import fc from 'fast-check';
import t from 'tap';
import { hex } from '../../src/ground/bytes.js';
import { utf8Bytes } from '../../src/ground/text.js';
import type { Conflict, Side } from '../../src/merge/conflict.js';
import { type MergeOptions, type MergeResult, mergeTrees } from '../../src/merge/merge-trees.js';
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
import { play, stepsArbitrary } from '../tree/steps.js';
import { type ModelJudge, mergeModels } from './model-merge.js';

/** The map after edits, without a pause. */
function editMapNow(...call: Parameters<typeof editMapSteps>): MapResult {
  return finishSteps(editMapSteps(...call));
}

const SHAPES = new Shapes();

const laboratory = await Laboratory.open(undefined, 400_000);

type Options = Partial<Omit<MergeOptions, 'ours' | 'theirs' | 'bases'>>;

function mergeOf(base: Tree | undefined, ours: Tree, theirs: Tree, options: Options = {}) {
  const bases = base === undefined ? [] : [base];
  const { cache, writer } = laboratory;
  const result = mergeTrees({ cache, writerFor: () => writer, bases, ours, theirs, ...options });
  return { result, tree: laboratory.apply(ours, result.edit) };
}

function rootOf(tree: Tree): string {
  return hex(tree.root.address);
}

function conflictText({ kind, key, stream }: Conflict): string {
  return stream === undefined ? `${kind} ${key}` : `${kind} ${key} ${stream}`;
}

function conflictsOf(result: MergeResult): string[] {
  return result.conflicts.map(conflictText).sort();
}

/** Larger contents are the newer ones. */
const larger: ModelJudge = (ours, theirs) => ((ours ?? '') >= (theirs ?? '') ? 'ours' : 'theirs');

/** The models after a common start and two separate ways. */
const forks = fc
  .oneof(
    fc.tuple(stepsArbitrary(120), stepsArbitrary(25), stepsArbitrary(25)),
    fc.tuple(stepsArbitrary(60, 'few'), stepsArbitrary(8, 'few'), stepsArbitrary(8, 'few')),
  )
  .map(([start, left, right]) => {
    const base = newEntry();
    play(base, start);
    const [ours, theirs] = [cloneEntry(base), cloneEntry(base)];
    play(ours, left);
    play(theirs, right);
    return { base, ours, theirs };
  });

t.test('a merge is the plain one, conflict by conflict', async (t) => {
  fc.assert(
    fc.property(forks, ({ base, ours, theirs }) => {
      const [b, o, th] = [base, ours, theirs].map((model) => laboratory.build(model));
      const expected = mergeModels(base, ours, theirs);
      const { result, tree } = mergeOf(b, o as Tree, th as Tree);
      t.strictSame(conflictsOf(result), expected.conflicts);
      t.equal(rootOf(tree), rootOf(laboratory.build(expected.merged)));
    }),
    { numRuns: runs(250) },
  );
});

t.test('without a common base everything was added on both sides', async (t) => {
  fc.assert(
    fc.property(forks, ({ ours, theirs }) => {
      const [o, th] = [ours, theirs].map((model) => laboratory.build(model));
      const expected = mergeModels(undefined, ours, theirs);
      const { result, tree } = mergeOf(undefined, o as Tree, th as Tree);
      t.strictSame(conflictsOf(result), expected.conflicts);
      t.equal(rootOf(tree), rootOf(laboratory.build(expected.merged)));
    }),
    { numRuns: runs(60) },
  );
});

t.test('merging with itself, or with its base, changes nothing and takes everything', async (t) => {
  fc.assert(
    fc.property(forks, ({ base, ours }) => {
      const [b, o] = [base, ours].map((model) => laboratory.build(model)) as [Tree, Tree];
      for (const [from, left, right] of [
        [b, o, o],
        [o, o, o],
        [b, b, o],
        [b, o, b],
      ] as const) {
        const { result, tree } = mergeOf(from, left, right);
        t.equal(rootOf(tree), rootOf(o));
        t.strictSame(result.conflicts, []);
      }
    }),
    { numRuns: runs(60) },
  );
});

t.test('either side asking, the newest gives one root', async (t) => {
  fc.assert(
    fc.property(forks, ({ base, ours, theirs }) => {
      const [b, o, th] = [base, ours, theirs].map((model) => laboratory.build(model)) as Tree[];
      const newest = (left: Side): Options => ({
        policyOf: (stream) =>
          stream === 'a'
            ? 'newest'
            : ({ ours: x, theirs: y }) => {
                const [p, q] = [x?.part, y?.part].map((part) => hex(bytesIn(part)));
                return (p as string) >= (q as string) ? 'ours' : 'theirs';
              },
        entryPolicy: 'newest',
        // A wall clock that says by the key's length which side was later.
        newer: (names) => {
          const first = keyText(names).length % 2 === 0;
          return first === (left === 'ours') ? 'ours' : 'theirs';
        },
      });
      const one = mergeOf(b, o as Tree, th as Tree, newest('ours'));
      const other = mergeOf(b, th as Tree, o as Tree, newest('theirs'));
      const mirrored = (conflict: string): boolean => !conflict.startsWith('bucket');
      t.strictSame(
        conflictsOf(one.result).filter(mirrored).length,
        conflictsOf(other.result).filter(mirrored).length,
      );
      if (one.result.conflicts.length > 0) return;
      t.equal(rootOf(one.tree), rootOf(other.tree));
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
  const { result } = mergeOf(base, ours, theirs);
  t.strictSame(conflictsOf(result), [
    'both-added /n s',
    'both-changed /a s',
    'both-changed /b s',
    'removed/changed /d',
  ]);
  const [first] = result.conflicts;
  t.strictSame(
    [first?.base, first?.ours, first?.theirs].map((side) => bytesIn(side?.part).toString()),
    ['1', '2', '3'],
  );
  const answers = [
    { key: '/a', stream: 's', take: 'theirs' },
    { key: '/b', stream: 's', take: utf8Bytes('both') },
    { key: '/d', take: 'theirs' },
    { key: ['n'], take: 'ours' },
  ] as const;
  const resolved = mergeOf(base, ours, theirs, { answers });
  t.strictSame(resolved.result.conflicts, []);
  const expected = { '/a': '3', '/b': 'both', '/d/x': '3', '/d/y': '1', '/e': '1', '/n': 'o' };
  t.equal(rootOf(resolved.tree), rootOf(treeOf(expected)));
  const based = answers.map(({ key }) => ({ key, take: 'base' as const }));
  const reverted = mergeOf(base, ours, theirs, { answers: based });
  t.equal(
    rootOf(reverted.tree),
    rootOf(treeOf({ '/a': '1', '/b': '1', '/d/x': '1', '/d/y': '1', '/e': '1' })),
  );
  t.throws(() => mergeOf(base, ours, theirs, { answers: [{ key: '/a', take: utf8Bytes('x') }] }), {
    code: 'REGALIA_OPTION',
  });
});

t.test('each policy has its say', async (t) => {
  const base = treeOf({ '/a': '1', '/d/x': '1', '/z': '1' });
  const ours = treeOf({ '/a': '2', '/z': '1' });
  const theirs = treeOf({ '/a': '3', '/d/x': '3', '/z': '1' });
  const outcome = (options: Options): string[] => {
    const { tree } = mergeOf(base, ours, theirs, options);
    const rows = [...diffTrees(undefined, tree, { deep: true })];
    return ['/a', '/d/x'].map((key) => {
      const row = rows.find(({ names }) => keyText(names) === key);
      return row === undefined ? '-' : bytesIn(row.after).toString();
    });
  };
  t.strictSame(outcome({ policyOf: () => 'ours', entryPolicy: 'ours' }), ['2', '-']);
  t.strictSame(outcome({ policyOf: () => 'theirs', entryPolicy: 'theirs' }), ['3', '3']);
  t.strictSame(outcome({ entryPolicy: 'keep' }), ['2', '3']);
  t.strictSame(outcome({ entryPolicy: 'remove' }), ['2', '-']);
  t.strictSame(outcome({ entryPolicy: () => 'theirs' }), ['2', '3']);
  t.strictSame(outcome({ policyOf: () => () => utf8Bytes('9') }), ['9', '-']);
  t.strictSame(outcome({ policyOf: () => () => textPart('8') }), ['8', '-']);
  t.strictSame(outcome({ policyOf: () => () => undefined }), ['2', '-']);
  const partOf = (_: string, contents: Uint8Array) => textPart(`<${contents.length}>`);
  t.strictSame(outcome({ policyOf: () => () => utf8Bytes('99'), partOf }), ['<2>', '-']);
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
  t.ok(read < 5, `${read} nodes read`);
});

t.test('rules: one side may change them, two only alike or by a callback', async (t) => {
  const model = modelOf({ '/a': '1' });
  const [x, y, z] = ['x', 'y', 'z'].map((rules) => laboratory.build(model, utf8Bytes(rules)));
  const rulesOf = (b: Tree, o: Tree, th: Tree, options: Options = {}): string =>
    Buffer.from(mergeOf(b, o, th, options).result.rules).toString();
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
  const [b, o, th] = ['1', '2', '3'].map((contents) => deepTree(2_100, contents)) as Tree[];
  t.throws(() => mergeOf(b, o as Tree, th as Tree), { code: 'REGALIA_FORMAT' });
  t.throws(() => [...diffTrees(b, o)], { code: 'REGALIA_FORMAT' });
  const [b2, o2, th2] = ['1', '2', '3'].map((contents) => deepTree(1_500, contents)) as Tree[];
  t.equal([...diffTrees(b2, o2)].length, 1);
  t.equal(mergeOf(b2, o2 as Tree, th2 as Tree).result.conflicts.length, 1);
});

t.test('larger, newest and plain agree with the model that has the same judge', async (t) => {
  fc.assert(
    fc.property(forks, ({ base, ours, theirs }) => {
      const [b, o, th] = [base, ours, theirs].map((model) => laboratory.build(model)) as Tree[];
      const expected = mergeModels(base, ours, theirs, larger);
      const judge = ({ ours: x, theirs: y }: Conflict): Side => {
        // Contents are runs of 'x': the longer is the larger.
        return (x?.part?.length ?? 0) >= (y?.part?.length ?? 0) ? 'ours' : 'theirs';
      };
      const { result, tree } = mergeOf(b, o as Tree, th as Tree, { policyOf: () => judge });
      t.strictSame(conflictsOf(result), expected.conflicts);
      t.equal(rootOf(tree), rootOf(laboratory.build(expected.merged)));
    }),
    { numRuns: runs(80) },
  );
});

t.test('what both removed stays removed, and its emptied parents with it', async (t) => {
  const base = modelOf({ '/a/b/x': '1', '/a/b/y': '1', '/c': '1' });
  const [ours, theirs] = [cloneEntry(base), cloneEntry(base)];
  take(ours, '/a/b/x');
  take(theirs, '/a/b/y');
  const trees = [base, ours, theirs].map((model) => laboratory.build(model)) as [Tree, Tree, Tree];
  const { result, tree } = mergeOf(...trees);
  t.strictSame(result.conflicts, []);
  t.equal(rootOf(tree), rootOf(treeOf({ '/c': '1' })));
});
