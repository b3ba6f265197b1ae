/**
 * Moves: an edit under the old key goes under the new one; contradictions are conflicts, and
 * nothing is lost.
 */

import fc from 'fast-check';
import t from 'tap';
import { hex } from '../../src/ground/bytes.js';
import type { Move } from '../../src/log/moves.js';
import type { Conflict, Side } from '../../src/merge/conflict.js';
import { type MergeOptions, mergeTrees } from '../../src/merge/merge-trees.js';
import { composeMoves, presentKey } from '../../src/merge/moves.js';
import { diffTrees } from '../../src/tree/diff.js';
import { keyText } from '../../src/tree/key.js';
import type { Tree } from '../../src/tree/lookup.js';
import { runs } from '../runs.js';
import {
  bytesIn,
  cloneEntry,
  type Entry,
  entryAt,
  Laboratory,
  listing,
  newEntry,
  put,
  take,
} from '../tree/model.js';
import {
  keysArbitrary,
  keysOf,
  marked,
  marks,
  moveEntry,
  moveOf,
  moveSteps,
  playMoves,
} from './moving.js';

const laboratory = await Laboratory.open(undefined, 400_000);

function movesOf(...pairs: [string, string][]): Move[] {
  return pairs.map(([from, to]) => moveOf(from, to));
}

/** Where each key of the base is, without those that are gone. */
function composed(...pairs: [string, string][]): Record<string, string | undefined> {
  return Object.fromEntries(
    [...composeMoves(movesOf(...pairs))].filter(([, key]) => key !== undefined),
  );
}

t.test('moves compose to where each entry of the base is now', async (t) => {
  t.strictSame(composed(), {});
  t.strictSame(composed(['/a', '/b'], ['/b', '/c']), { '/a': '/c' }, 'a chain');
  t.strictSame(composed(['/a', '/b'], ['/b', '/a']), {}, 'back and forth');
  t.strictSame(
    composed(['/a', '/x'], ['/x/c', '/d']),
    { '/a': '/x', '/a/c': '/d' },
    'a parent, then its child',
  );
  t.strictSame(composed(['/a/c', '/d'], ['/a', '/x'])['/a/c'], '/d', 'a child, then its parent');
  t.strictSame(composed(['/a', '/b/a'], ['/b', '/c'])['/a'], '/c/a', 'into what then moves');
  t.strictSame(
    composed(['/a', '/t'], ['/b', '/a'], ['/t', '/b']),
    { '/a': '/b', '/b': '/a' },
    'two entries that change places',
  );
  t.strictSame(composed(['/a', '/b'], ['/c', '/b']), { '/c': '/b' }, 'over a removed name');
  t.equal(
    presentKey(composeMoves(movesOf(['/c', '/b'])), '/b/x'),
    undefined,
    'what was there is gone',
  );
  const renewed = composed(['/a', '/b'], ['/a', '/c']);
  t.strictSame(renewed, { '/a': '/b' }, 'a new entry at the old name');
  t.strictSame(composed(['/a', '/a/b'], ['/a/b', '/a']), {}, 'what no tree allows is passed over');
});

t.test('composed moves find every entry that is still there', async (t) => {
  fc.assert(
    fc.property(
      keysArbitrary,
      moveSteps(20),
      fc.array(fc.nat(1000), { maxLength: 4 }),
      (keys, steps, gone) => {
        const top = marked(keys);
        const base = marks(top);
        const list: Move[] = [];
        for (const [i, step] of steps.entries()) {
          list.push(...playMoves(top, [step]));
          const remove = gone[i];
          const present = keysOf(top);
          if (remove !== undefined && present.length > 0)
            take(top, present[remove % present.length] as string);
        }
        const moved = composeMoves(list);
        const now = marks(top);
        for (const [mark] of base) {
          const at = now.get(mark)?.[0];
          if (at !== undefined && presentKey(moved, mark) !== at) {
            throw new Error(`${mark} is at ${at}, not ${presentKey(moved, mark)}`);
          }
        }
      },
    ),
    { numRuns: runs(2_000) },
  );
  t.end();
});

type Options = Partial<Omit<MergeOptions, 'ours' | 'theirs' | 'bases'>>;

function mergeOf(base: Entry, ours: Entry, theirs: Entry, options: Options = {}) {
  const [b, o, th] = [base, ours, theirs].map((model) => laboratory.build(model)) as [
    Tree,
    Tree,
    Tree,
  ];
  const { cache, writer } = laboratory;
  const result = mergeTrees({
    cache,
    writerFor: () => writer,
    bases: [b],
    ours: o,
    theirs: th,
    ...options,
  });
  return { result, tree: laboratory.apply(o, result.edit), conflicts: result.conflicts };
}

function rootOf(tree: Tree): string {
  return hex(tree.root.address);
}

/** The whole tree as a model. */
function modelOf(tree: Tree): Entry {
  const top = newEntry();
  for (const { names, stream, after } of diffTrees(undefined, tree, { deep: true })) {
    put(top, keyText(names), stream as string, bytesIn(after).toString());
  }
  return top;
}

function conflictTexts(conflicts: readonly Conflict[]): string[] {
  return conflicts.map(({ kind, key }) => `${kind} ${key}`).sort();
}

t.test('edits of one side go where the other side moved things', async (t) => {
  const edits = fc.array(fc.tuple(fc.nat(1000), fc.constantFrom('mark', 'new', 'child', 'gone')), {
    maxLength: 10,
  });
  fc.assert(
    fc.property(keysArbitrary, moveSteps(6), edits, fc.boolean(), (keys, steps, list, swap) => {
      const base = marked(keys);
      const moving = cloneEntry(base);
      const moves = playMoves(moving, steps);
      const editing = cloneEntry(base);
      for (const [pick, what] of list) {
        const present = keysOf(editing);
        const key = present[pick % present.length];
        if (key === undefined) continue;
        const children = keysOf(entryAt(editing, key) as Entry);
        if (what === 'child') put(editing, `${key}/n${pick}`, 's', 'added');
        else if (what !== 'gone') put(editing, key, what, `edited ${pick}`);
        else if (children.length === 0 && !keys.includes(key)) take(editing, key);
      }
      // What the moves do to the edited tree is what a merge shall give.
      const expected = cloneEntry(editing);
      for (const { from, to } of moves) {
        const [source, target] = [from, to].map((key) => `/${Buffer.from(key).toString()}`);
        if (!moveEntry(expected, source as string, target as string)) return;
      }
      const { tree, conflicts } = swap
        ? mergeOf(base, editing, moving, { moves: { ours: [], theirs: moves } })
        : mergeOf(base, moving, editing, { moves: { ours: moves, theirs: [] } });
      t.strictSame(conflictTexts(conflicts), []);
      t.strictSame(listing(modelOf(tree)), listing(expected));
    }),
    { numRuns: runs(400) },
  );
});

t.test('whatever both sides move, each entry is there once, on either side', async (t) => {
  let contradictions = 0;
  fc.assert(
    fc.property(keysArbitrary, moveSteps(5), moveSteps(5), (keys, left, right) => {
      const base = marked(keys);
      const [ours, theirs] = [cloneEntry(base), cloneEntry(base)];
      const moves = { ours: playMoves(ours, left), theirs: playMoves(theirs, right) };
      const one = mergeOf(base, ours, theirs, { moves, firstMover: 'ours' });
      const mirrored = { ours: moves.theirs, theirs: moves.ours };
      const other = mergeOf(base, theirs, ours, { moves: mirrored, firstMover: 'theirs' });
      contradictions += one.conflicts.length > 0 ? 1 : 0;
      t.strictSame(conflictTexts(one.conflicts), conflictTexts(other.conflicts));
      t.equal(rootOf(one.tree), rootOf(other.tree));
      const found = marks(modelOf(one.tree));
      for (const [mark] of marks(base)) {
        t.equal(found.get(mark)?.length, 1, `${mark} is at ${found.get(mark)}`);
      }
    }),
    { numRuns: runs(400) },
  );
  t.ok(contradictions > runs(400) / 8, `${contradictions} merges with contradictions`);
});

t.test(
  'moves and edits of both sides together give one canonical tree, on either side',
  async (t) => {
    const edits = fc.array(fc.tuple(fc.nat(1000), fc.constantFrom('put', 'add', 'del')), {
      maxLength: 6,
    });
    const play = (top: Entry, list: readonly (readonly [number, string])[], side: string): void => {
      for (const [pick, verb] of list) {
        const present = keysOf(top);
        const key = present[pick % present.length];
        if (key === undefined) return;
        if (verb === 'put') put(top, key, 's', `${side} ${pick % 3}`);
        if (verb === 'add') put(top, `${key}/${'abcxy'[pick % 5]}`, 's', `new ${pick % 3}`);
        if (verb === 'del') take(top, key);
      }
    };
    let clean = 0;
    fc.assert(
      fc.property(
        keysArbitrary,
        moveSteps(4),
        moveSteps(4),
        edits,
        edits,
        (keys, left, right, p, q) => {
          const base = marked(keys);
          const [ours, theirs] = [cloneEntry(base), cloneEntry(base)];
          play(ours, p.slice(0, 2), 'first');
          const moves = { ours: playMoves(ours, left), theirs: playMoves(theirs, right) };
          play(ours, p.slice(2), 'ours');
          play(theirs, q, 'theirs');
          const one = mergeOf(base, ours, theirs, { moves, firstMover: 'theirs' });
          const mirrored = { ours: moves.theirs, theirs: moves.ours };
          const other = mergeOf(base, theirs, ours, { moves: mirrored, firstMover: 'ours' });
          const sides = ({ conflicts }: typeof one): string[] =>
            conflicts.map(({ key, stream }) => `${key} ${stream}`).sort();
          t.strictSame(sides(one), sides(other));
          t.equal(rootOf(one.tree), rootOf(laboratory.build(modelOf(one.tree))));
          if (one.conflicts.length > 0) return;
          clean++;
          t.equal(rootOf(one.tree), rootOf(other.tree));
        },
      ),
      { numRuns: runs(500) },
    );
    t.ok(clean > 50, `${clean} merges without contradictions`);
  },
);

t.test(
  'one entry moved to two places is at the first mover’s, and an answer decides otherwise',
  async (t) => {
    const base = marked(['/a/x', '/b']);
    const [ours, theirs] = [cloneEntry(base), cloneEntry(base)];
    moveEntry(ours, '/a', '/o');
    moveEntry(theirs, '/a', '/t');
    put(theirs, '/t/x', 's', 'edited');
    const moves = { ours: movesOf(['/a', '/o']), theirs: movesOf(['/a', '/t']) };
    const at = (options: Options): string | undefined => {
      const { tree, conflicts } = mergeOf(base, ours, theirs, { moves, ...options });
      const expected = options.answers === undefined ? ['moved /a'] : [];
      t.strictSame(conflictTexts(conflicts), expected);
      const found = marks(modelOf(tree)).get('/a/x')?.[0];
      t.equal(entryAt(modelOf(tree), found ?? '/none')?.streams.get('s'), 'edited');
      return found;
    };
    t.equal(at({ firstMover: 'ours' }), '/o/x');
    t.equal(at({ firstMover: 'theirs' }), '/t/x');
    for (const [take, key] of [
      ['ours', '/o/x'],
      ['theirs', '/t/x'],
      ['base', '/a/x'],
    ] as const) {
      t.equal(at({ answers: [{ key: '/a', take }] }), key);
    }
  },
);

t.test('two entries moved to one name: the first mover’s is there, the other stays', async (t) => {
  const base = marked(['/a', '/b']);
  const [ours, theirs] = [cloneEntry(base), cloneEntry(base)];
  moveEntry(ours, '/a', '/x');
  moveEntry(theirs, '/b', '/x');
  const moves = { ours: movesOf(['/a', '/x']), theirs: movesOf(['/b', '/x']) };
  const places = (options: Options): string[] => {
    const { tree, conflicts } = mergeOf(base, ours, theirs, { moves, ...options });
    const found = marks(modelOf(tree));
    return [...conflictTexts(conflicts), ...['/a', '/b'].map((mark) => `${found.get(mark)}`)];
  };
  t.strictSame(places({ firstMover: 'ours' }), ['moved /b', '/x', '/b']);
  t.strictSame(places({ firstMover: 'theirs' }), ['moved /a', '/a', '/x']);
  const answers = [
    { key: '/b', take: 'theirs' as Side },
    { key: '/a', take: 'base' as const },
  ];
  t.strictSame(places({ firstMover: 'ours', answers }), ['/a', '/x']);
});

t.test('moves that close a cycle: the first mover’s stands', async (t) => {
  const base = marked(['/a/x', '/b/y']);
  const [ours, theirs] = [cloneEntry(base), cloneEntry(base)];
  moveEntry(ours, '/a', '/b/a');
  moveEntry(theirs, '/b', '/a/b');
  const moves = { ours: movesOf(['/a', '/b/a']), theirs: movesOf(['/b', '/a/b']) };
  for (const [firstMover, expected] of [
    ['ours', '/b/a/x'],
    ['theirs', '/a/x'],
  ] as const) {
    const { tree, conflicts } = mergeOf(base, ours, theirs, { moves, firstMover });
    t.strictSame(conflictTexts(conflicts), [firstMover === 'ours' ? 'moved /b' : 'moved /a']);
    t.equal(marks(modelOf(tree)).get('/a/x')?.[0], expected);
  }
});

t.test('an entry moved onto what the other side made stays, and both are kept', async (t) => {
  const base = marked(['/a']);
  const [ours, theirs] = [cloneEntry(base), cloneEntry(base)];
  moveEntry(ours, '/a', '/x');
  put(theirs, '/x', 's', 'made');
  const moves = { ours: movesOf(['/a', '/x']), theirs: [] };
  const { tree, conflicts } = mergeOf(base, ours, theirs, { moves });
  t.strictSame(conflictTexts(conflicts), ['moved /a']);
  t.strictSame(listing(modelOf(tree)), ['/a mark /a', '/x s made']);
});

t.test(
  'an entry moved by one side and removed by the other stays where it was moved',
  async (t) => {
    const base = marked(['/a/b']);
    const [ours, theirs] = [cloneEntry(base), cloneEntry(base)];
    moveEntry(ours, '/a', '/x');
    take(theirs, '/a');
    const moves = { ours: movesOf(['/a', '/x']), theirs: [] };
    const { tree, conflicts } = mergeOf(base, ours, theirs, { moves });
    t.strictSame(conflictTexts(conflicts), []);
    t.strictSame(keysOf(modelOf(tree)), ['/x', '/x/b']);
  },
);

t.test('without lists a move is a removal and an addition', async (t) => {
  const base = marked(['/a/b']);
  const [ours, theirs] = [cloneEntry(base), cloneEntry(base)];
  moveEntry(ours, '/a', '/x');
  put(theirs, '/a/b', 's', 'edited');
  const { conflicts } = mergeOf(base, ours, theirs);
  t.strictSame(conflictTexts(conflicts), ['removed/changed /a']);
});

t.test('a moved entry’s conflict stands at its new key', async (t) => {
  const base = marked(['/a/b']);
  const [ours, theirs] = [cloneEntry(base), cloneEntry(base)];
  moveEntry(ours, '/a', '/x');
  put(ours, '/x/b', 'mark', 'ours');
  put(theirs, '/a/b', 'mark', 'theirs');
  const moves = { ours: movesOf(['/a', '/x']), theirs: [] };
  const { conflicts } = mergeOf(base, ours, theirs, { moves });
  t.strictSame(conflictTexts(conflicts), ['both-changed /x/b']);
  const answers = [{ key: '/x/b', take: 'theirs' as Side }];
  const resolved = mergeOf(base, ours, theirs, { moves, answers });
  t.strictSame(resolved.conflicts, []);
  t.equal(entryAt(modelOf(resolved.tree), '/x/b')?.streams.get('mark'), 'theirs');
});

t.test('who is newer is asked with the keys that each side has', async (t) => {
  const base = marked(['/a/b']);
  const [ours, theirs] = [cloneEntry(base), cloneEntry(base)];
  moveEntry(ours, '/a', '/x');
  put(ours, '/x/b', 'mark', 'ours');
  put(theirs, '/a/b', 'mark', 'theirs');
  const moves = { ours: movesOf(['/a', '/x']), theirs: [] };
  const asked: string[] = [];
  const { tree } = mergeOf(base, ours, theirs, {
    moves,
    policyOf: () => 'newest',
    newer: (names, _, at) => {
      asked.push(...[names, at.ours, at.theirs].map(keyText));
      return 'theirs';
    },
  });
  t.strictSame(asked, ['/x/b', '/x/b', '/a/b']);
  t.equal(entryAt(modelOf(tree), '/x/b')?.streams.get('mark'), 'theirs');
});
