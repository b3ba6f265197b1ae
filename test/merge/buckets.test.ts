/**
 * Nested buckets in a merge: matched by id wherever they are, merged as a whole by the caller, who
 * knows their history, and never given up unasked.
 */
import t from 'tap';
import { equalBytes, hex } from '../../src/ground/bytes.js';
import type { Conflict } from '../../src/merge/conflict.js';
import { type MergeOptions, mergeTrees } from '../../src/merge/merge-trees.js';
import type { BucketMerge } from '../../src/merge/three-way.js';
import { diffTrees } from '../../src/tree/diff.js';
import { keyText } from '../../src/tree/key.js';
import { Tree } from '../../src/tree/lookup.js';
import {
  bucketId,
  cloneEntry,
  type Entry,
  entryAt,
  Laboratory,
  newEntry,
  put,
  take,
} from '../tree/model.js';
import { moveEntry } from './moving.js';

const laboratory = await Laboratory.open();

type Options = Partial<Omit<MergeOptions, 'ours' | 'theirs' | 'bases'>>;

function mergeOf(base: Entry, ours: Entry, theirs: Entry, options: Options = {}) {
  const [b, o, th] = [base, ours, theirs].map((model) => laboratory.build(model)) as [
    Tree,
    Tree,
    Tree,
  ];
  const { cache, writer } = laboratory;
  const tools = { cache, writerFor: () => writer };
  const result = mergeTrees({ ...tools, bases: [b], ours: o, theirs: th, ...options });
  const conflicts = result.conflicts.map(({ kind, key }) => `${kind} ${key}`).sort();
  return { tree: laboratory.apply(o, result.edit), conflicts, result };
}

function rowsOf(tree: Tree): string[] {
  const rows = [...diffTrees(undefined, tree, { deep: true })];
  return rows.map(({ names, stream }) => `${keyText(names)} ${stream}`);
}

/** A plain entry, a bucket at /b with one entry in it, and a directory with another bucket. */
function start(): Entry {
  const top = newEntry();
  put(top, '/plain', 's', '1');
  put(top, '/b/x', 's', '1');
  put(top, '/dir/inner/y', 's', '1');
  put(top, '/dir/z', 's', '1');
  (entryAt(top, '/b') as Entry).bucket = 'b';
  (entryAt(top, '/dir/inner') as Entry).bucket = 'inner';
  return top;
}

function forks(): [base: Entry, ours: Entry, theirs: Entry] {
  const base = start();
  return [base, cloneEntry(base), cloneEntry(base)];
}

/** Merges the contents of buckets as if they were trees of their own. */
function byContents(calls: BucketMerge[] = []): NonNullable<MergeOptions['mergeBucket']> {
  const { cache, writer } = laboratory;
  return function* (merge) {
    calls.push(merge);
    const load = ({ id, address }: { id: number | undefined; address: Uint8Array }): Tree =>
      Tree.load(cache, id, address);
    const ours = load(merge.ours);
    const bases = merge.base === undefined ? [] : [load(merge.base)];
    const tools = { cache, writerFor: () => writer };
    const { edit, conflicts } = mergeTrees({ ...tools, bases, ours, theirs: load(merge.theirs) });
    if (conflicts.length > 0) return { conflicts };
    return { root: yield* laboratory.edit.rootSteps(ours.root, edit) };
  };
}

t.test('a bucket that both sides changed is merged by its own history', async (t) => {
  const [base, ours, theirs] = forks();
  put(ours, '/b/o', 's', 'o');
  put(theirs, '/b/t', 's', 't');
  const calls: BucketMerge[] = [];
  const { tree, conflicts } = mergeOf(base, ours, theirs, { mergeBucket: byContents(calls) });
  t.strictSame(conflicts, []);
  t.strictSame(
    calls.map(({ names }) => keyText(names)),
    ['/b'],
  );
  t.ok(equalBytes(calls[0]?.bucket as Uint8Array, bucketId('b')));
  const expected = cloneEntry(ours);
  put(expected, '/b/t', 's', 't');
  t.equal(hex(tree.root.address), hex(laboratory.build(expected).root.address));
});

t.test('the conflicts of an inner merge are reported, and ours stays', async (t) => {
  const [base, ours, theirs] = forks();
  put(ours, '/b/x', 's', 'o');
  put(theirs, '/b/x', 's', 't');
  const inner = mergeOf(base, ours, theirs, { mergeBucket: byContents() });
  t.strictSame(inner.conflicts, ['both-changed /x']);
  const unknown = mergeOf(base, ours, theirs);
  t.strictSame(
    unknown.conflicts,
    ['bucket /b'],
    'without a merger the bucket itself is the conflict',
  );
  for (const { tree } of [inner, unknown]) {
    t.equal(hex(tree.root.address), hex(laboratory.build(ours).root.address));
  }
  const answers = [{ key: '/b', take: 'theirs' as const }];
  const answered = mergeOf(base, ours, theirs, { answers });
  t.equal(hex(answered.tree.root.address), hex(laboratory.build(theirs).root.address));
});

t.test('a bucket that only one side changed is copied by its root', async (t) => {
  const [base, ours, theirs] = forks();
  put(ours, '/plain', 's', '2');
  put(theirs, '/b/t', 's', 't');
  const { tree, conflicts } = mergeOf(base, ours, theirs, {
    mergeBucket: () => t.fail('nothing to merge') as never,
  });
  t.strictSame(conflicts, []);
  t.ok(rowsOf(tree).includes('/b/t s'));
});

t.test('a bucket is found by its id where it was moved, recorded or not', async (t) => {
  const [base, ours, theirs] = forks();
  moveEntry(ours, '/dir/inner', '/else/inner');
  put(theirs, '/dir/inner/t', 's', 't');
  for (const [left, right] of [
    [ours, theirs],
    [theirs, ours],
  ] as const) {
    const { tree, conflicts } = mergeOf(base, left, right);
    t.strictSame(conflicts, []);
    const expected = ['/b/x s', '/dir/z s', '/else/inner/t s', '/else/inner/y s', '/plain s'];
    t.strictSame(rowsOf(tree), expected);
  }
});

t.test('a bucket removed and changed stays, and is reported, whatever the policy', async (t) => {
  const [base, ours, theirs] = forks();
  take(ours, '/b');
  put(theirs, '/b/t', 's', 't');
  for (const entryPolicy of ['conflict', 'ours', 'theirs', 'remove'] as const) {
    for (const [left, right] of [
      [ours, theirs],
      [theirs, ours],
    ] as const) {
      const { tree, conflicts } = mergeOf(base, left, right, { entryPolicy });
      const removes = entryPolicy === 'remove' || (entryPolicy === 'ours') === (left === ours);
      if (removes) t.strictSame(conflicts, ['bucket /b']);
      t.ok(rowsOf(tree).includes('/b/t s'));
    }
  }
  const answers = [{ key: '/b', take: 'ours' as const }];
  const { tree, conflicts } = mergeOf(base, ours, theirs, { answers });
  t.strictSame(conflicts, []);
  t.notOk(rowsOf(tree).includes('/b/t s'));
});

t.test('a removed directory with a bucket that changed stays until somebody answers', async (t) => {
  const [base, ours, theirs] = forks();
  take(ours, '/dir');
  put(theirs, '/dir/inner/t', 's', 't');
  const { tree, conflicts } = mergeOf(base, ours, theirs, { entryPolicy: 'ours' });
  t.strictSame(conflicts, ['removed/changed /dir']);
  t.ok(rowsOf(tree).includes('/dir/inner/t s'));
  const [, left, right] = forks();
  take(left, '/dir');
  put(right, '/dir/z', 's', '2');
  const plain = mergeOf(base, left, right, { entryPolicy: 'ours' });
  t.strictSame(plain.conflicts, [], 'one whose bucket is as it was may go');
  t.notOk(rowsOf(plain.tree).includes('/dir/z s'));
});

t.test('two buckets, or a bucket and none, at one key are a conflict', async (t) => {
  const [base, ours, theirs] = forks();
  put(ours, '/new/o', 's', 'o');
  (entryAt(ours, '/new') as Entry).bucket = 'ours';
  put(theirs, '/new/t', 's', 't');
  const none = mergeOf(base, theirs, ours);
  t.strictSame(none.conflicts, ['bucket /new']);
  t.ok(rowsOf(none.tree).includes('/new/o s'), 'the bucket stays');
  (entryAt(theirs, '/new') as Entry).bucket = 'theirs';
  const { tree, conflicts, result } = mergeOf(base, ours, theirs);
  t.strictSame(conflicts, ['bucket /new']);
  const [conflict] = result.conflicts as [Conflict];
  t.ok(equalBytes(conflict.ours?.bucket as Uint8Array, bucketId('ours')));
  t.ok(equalBytes(conflict.theirs?.bucket as Uint8Array, bucketId('theirs')));
  t.ok(rowsOf(tree).includes('/new/o s'));
  const answers = [{ key: '/new', take: 'theirs' as const }];
  t.ok(rowsOf(mergeOf(base, ours, theirs, { answers }).tree).includes('/new/t s'));
});
